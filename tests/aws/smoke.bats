#!/usr/bin/env bats
# What filot-smoke asks of AWS, asked of moto: its answers have the members that the checks read, and its faults the form
# that they tell apart. (tests/system/smoke.bats has a server that checks signatures, which moto does not.)

bats_require_minimum_version 1.5.0
load helper

setup_file() {
	local name
	aws_start
	for name in backend ocr-gpu; do
		aws ecs register-task-definition --family "$name" --container-definitions '[{"name": "c", "image": "i", "memory": 64}]' >/dev/null
		aws ecs create-service --cluster "filot-$name-cluster" --service-name "filot-$name-service" --task-definition "$name" \
			--desired-count 2 >/dev/null
	done
	account_keep
	unset FILOT_REDIS_URL REDIS_URL
	export FILOT_API_URL=http://127.0.0.1:1 PATH=${FILOT_BUILD:-$FILOT_ROOT/build}/bin:$PATH
}

teardown_file() { aws_stop; }
setup() { account_again; }
teardown() { contract_kept; }

smoke() {
	filot-smoke --json --only logs --only backend --only worker --retry 3 "$@"
}

# seen CHECK FILTER: of the check's line in $output
seen() {
	jq -se --arg check "$1" "map(select(.check == \$check))[0] | $2" <<<"$output" >/dev/null || {
		echo "$output"
		return 1
	}
}

@test "log groups and services that are there and well are found to be so" {
	run -0 --separate-stderr smoke
	seen backend '.text == "filot-backend-service: 2 of 2 tasks run"'
	seen worker '.status == "pass"'
	seen logs '.text == "/ecs/filot-backend, /ecs/filot-ocr-gpu-worker"'
	[ "$(sort -u "$AWS_CONTROL/calls" | grep -c 'DescribeLogGroups\|DescribeServices')" = 2 ]
}

@test "what is missing, not well or refused is told apart" {
	run -1 --separate-stderr smoke --retry 0 --backend-log-group /ecs/none --backend-service none
	seen logs '.status == "fail" and (.text | contains("no log group /ecs/none"))'
	seen backend '.text == "the cluster filot-backend-cluster has no service none"'
	run -1 --separate-stderr smoke --retry 0 --backend-cluster none
	seen backend '.text | contains("ClusterNotFoundException")'
	aws ecs update-service --cluster filot-ocr-gpu-cluster --service filot-ocr-gpu-service --desired-count 0 >/dev/null
	run -1 --separate-stderr smoke
	seen worker '.text | contains("desired count 0")'
	aws ecs delete-service --cluster filot-backend-cluster --service filot-backend-service --force >/dev/null
	run -1 --separate-stderr smoke --retry 0
	seen backend '.status == "fail" and (.text | test("INACTIVE|DRAINING|no service"))'
	touch "$AWS_CONTROL/denied"
	run -1 --separate-stderr smoke --retry 0
	seen logs '.text | contains("ExpiredTokenException: The security token included in the request is expired")'
	seen backend '.status == "skip"'
	rm "$AWS_CONTROL/denied"
	touch "$AWS_CONTROL/cut"
	run -1 --separate-stderr smoke --retry 0 --only logs
	seen logs '.text | contains("logs:DescribeLogGroups: http://127.0.0.1:")'
}

@test "the script finds the credentials of a profile, with either version of the CLI" {
	local script=$FILOT_ROOT/scripts/smoke/run_e2e_smoke.sh
	printf '[filot]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = key/of+profile=\n' >"$BATS_TEST_TMPDIR/credentials"
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	export AWS_SHARED_CREDENTIALS_FILE=$BATS_TEST_TMPDIR/credentials
	run -0 --separate-stderr "$script" --json --only logs
	seen logs '.status == "skip" and (.text | contains("No AWS credentials"))'
	# The CLI itself: aws_warm.py has its profile from when it was loaded.
	AWS_PROFILE=filot PATH=$(aws_tools_bin):$PATH run -0 --separate-stderr "$script" --json --only logs
	seen logs '.status == "pass"'
	# Version 2, of which nothing but this is asked.
	mkdir "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/aws" <<-'END'
		#!/bin/sh
		[ "$*" = 'configure export-credentials --format env-no-export' ] || exit 252
		printf '%s\n' AWS_ACCESS_KEY_ID=ASIASSO AWS_SECRET_ACCESS_KEY=secret AWS_SESSION_TOKEN=token/of+login==
	END
	chmod 755 "$BATS_TEST_TMPDIR/bin/aws"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -0 --separate-stderr "$script" --json --only logs
	seen logs '.status == "pass"'
}
