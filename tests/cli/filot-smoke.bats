#!/usr/bin/env bats
# filot-smoke and its script where nothing answers: what they refuse, and what they say about their settings. (What they
# say of a real system is in tests/system/smoke.bats.)

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	unset FILOT_REDIS_URL REDIS_URL FILOT_CONFIG FILOT_SMOKE_JWT FILOT_SERVICE_KEY FILOT_SETTINGS API_URL
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION
	export FILOT_API_URL=http://127.0.0.1:1 AWS_EC2_METADATA_DISABLED=true
	script=$FILOT_ROOT/scripts/smoke/run_e2e_smoke.sh
	cd "$BATS_TEST_TMPDIR" || exit
}

@test "--help names every flag of the manual, and the manual every flag" {
	filot-smoke --help | grep -o -- ' --[a-z-]*' | tr -d ' ' | sort -u >help
	grep -o 'Fl -[a-z][a-z-]*' "$FILOT_ROOT/man/filot-smoke.1" | sed 's/Fl -/--/' | sort -u >manual
	diff help manual
}

@test "--check-config tells what is set and never a secret" {
	FILOT_SMOKE_JWT=hush1 FILOT_SERVICE_KEY=hush2 AWS_SECRET_ACCESS_KEY=hush3 AWS_SESSION_TOKEN=hush4 \
		FILOT_REDIS_URL=redis://:hush5@h AWS_CONTAINER_AUTHORIZATION_TOKEN=hush6 run -0 filot-smoke --check-config
	[[ $output == *AWS_SECRET_ACCESS_KEY* && $output != *hush* ]]
	FILOT_API_URL='' run -78 filot-smoke --check-config
}

@test "what cannot be meant is refused before anything is asked" {
	run -64 filot-smoke operand
	run -64 filot-smoke --tap --json
	run -64 filot-smoke --only nothing
	run -64 filot-smoke --api-url ftp://h
	run -64 filot-smoke --api-url 'http://user:password@h'
	run -64 filot-smoke --retry 101
	run -78 filot-smoke --canary
	[[ $output == *FILOT_SMOKE_JWT*FILOT_SERVICE_KEY* ]]
	run -78 filot-smoke --only canary
	run -78 filot-smoke --only queue
	run -78 filot-smoke --region 'x.example.org/'
	AWS_ACCESS_KEY_ID=half run -78 filot-smoke
	run -78 filot-smoke --junit nowhere/report.xml
}

@test "one that was asked for is one that fails: nothing passes where nothing answers" {
	run -1 --separate-stderr filot-smoke --json
	jq -se '[.[] | select(.check) | .status] | (map(select(. == "fail")) | length == 1) and all(. != "pass")' <<<"$output"
	FILOT_SERVICE_KEY=hush run -1 --separate-stderr filot-smoke --only canary --json
	jq -se '.[0].check == "canary" and .[0].status == "fail" and .[1].summary.overall == "failed"' <<<"$output"
	[[ $output$stderr != *hush* ]]
}

@test "the script takes names from infra/settings, the environment before it, and hides the token" {
	mkdir -p build/bin
	cat >build/bin/filot-smoke <<-'END'
		#!/bin/sh
		echo "$@"
		env | grep -E '^(FILOT_|AWS_)' | sort
	END
	chmod 755 build/bin/filot-smoke
	run -0 env -u FILOT_API_URL FILOT_BUILD="$PWD/build" BACKEND_SERVICE=other AWS_ACCESS_KEY_ID=id "$script" --jwt hush --only auth --json
	[ "${lines[0]}" = '--only auth --json' ]
	[[ $output == *FILOT_API_URL=https://api.filot.me*FILOT_BACKEND_SERVICE=other*FILOT_OCR_GPU_LOG_GROUP=/ecs/filot-ocr-gpu-worker*FILOT_SMOKE_JWT=hush* ]]
	run -64 "$script" --jwt
	run -0 "$script" --help
	[[ ${lines[0]} == 'usage: scripts/smoke/run_e2e_smoke.sh'* ]]
}

@test "the script takes the AWS CLI's profile where the environment has no credentials" {
	mkdir bin
	printf '#!/bin/sh\necho AWS_ACCESS_KEY_ID=of-profile\necho AWS_SECRET_ACCESS_KEY=a/b+c=\n' >bin/aws
	printf '#!/bin/sh\necho "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY"\n' >bin/filot-smoke
	chmod 755 bin/*
	run -0 env PATH="$PWD/bin:$PATH" FILOT_BUILD="$PWD" "$script"
	[ "$output" = 'of-profile a/b+c=' ]
	run -0 env PATH="$PWD/bin:$PATH" FILOT_BUILD="$PWD" AWS_ACCESS_KEY_ID=mine AWS_SECRET_ACCESS_KEY=own "$script"
	[ "$output" = 'mine own' ]
	printf '#!/bin/sh\nexit 255\n' >bin/aws
	run -0 env PATH="$PWD/bin:$PATH" FILOT_BUILD="$PWD" "$script"
	[ "$output" = ' ' ]
}

@test "the scheduled canary, the rule that counts it and the alarm over that rule agree" {
	local template=$FILOT_ROOT/infra/cloudformation/schedules.yaml command
	command=$(sed -n 's/.*"command":\(\["filot-smoke".*\]\)}\]}.$/\1/p' "$template")
	jq -r '.[1:][]' <<<"${command//'${ApiUrl}'/$FILOT_API_URL}" >flags
	mapfile -t flags <flags
	FILOT_SERVICE_KEY=key run -1 --separate-stderr filot-smoke "${flags[@]}"
	jq -se '.[0].check == "canary" and length == 2' <<<"$output"
	counted=$(sed -n 's/.*containerOverrides: {command: \[\(.*\)\]}}$/\1/p' "$template")
	grep -qxF -- "$counted" flags
	grep -q '"name": "FILOT_SERVICE_KEY"' "$FILOT_ROOT/infra/ecs/filot-ops-task.json"
	rule=$(jq -r '.Parameters.CanarySucceededRule.Default' "$FILOT_ROOT/alerts/cloudwatch-alarms.json")
	grep -qxF "      Name: $rule" "$template"
}
