#!/usr/bin/env bats
# filot-buli2 without any service: what it refuses, what it says about its settings, and lines where nothing answers.

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	unset FILOT_REDIS_URL REDIS_URL FILOT_DATABASE_URL DATABASE_URL FILOT_CONFIG
	export FILOT_BULI2_API_URL=http://127.0.0.1:1/v1 FILOT_BULI2_API_KEY=key-that-is-secret FILOT_BULI2_SIGNATURE_SECRET=hush
	cd "$BATS_TEST_TMPDIR"
}

@test "--help names every flag of the manual, and the manual every flag" {
	filot-buli2 --help | grep -o -- ' --[a-z-]*' | tr -d ' ' | sort -u >help
	grep -o 'Fl -[a-z-]*' "$FILOT_ROOT/man/filot-buli2.1" | sed 's/Fl -/--/' | sort -u >manual
	diff help manual
}

@test "--check-config tells what is set and never a secret" {
	run -0 filot-buli2 --check-config
	[[ $output == *FILOT_BULI2_API_KEY*set* ]]
	[[ $output != *key-that-is-secret* && $output != *hush* ]]
	unset FILOT_BULI2_API_KEY
	run -78 filot-buli2 --check-config
	run -78 filot-buli2 --queue </dev/null
}

@test "--queue, --drain and the dead need their services" {
	run -78 filot-buli2 --queue
	run -78 filot-buli2 --drain
	run -78 filot-buli2 --list
	FILOT_REDIS_URL=redis://127.0.0.1:1 run -78 filot-buli2 --drain
	FILOT_REDIS_URL=redis://127.0.0.1:1 run -69 filot-buli2 --list --wait 0
}

@test "flags that do not go together are refused" {
	run -64 filot-buli2 --queue --drain --redis-url redis://h --database-url postgresql://h
	run -64 filot-buli2 --delivery x
	run -64 filot-buli2 --dry-run
	run -64 filot-buli2 --yes
	run -64 filot-buli2 --drop-dead --requeue-dead
	run -64 filot-buli2 --drop-dead --redis-url redis://h
	[[ $output == *--dry-run*--yes* ]]
	run -64 filot-buli2 --list nowhere
	run -64 filot-buli2 operand
}

@test "without a retry set a line that may be sent again has failed, and says why" {
	run -1 --separate-stderr filot-buli2 <<<'{"verification":"v","delivery":"d","payload":{}}'
	jq -e '.delivery == "d" and .status == "failed" and .attempt == 1 and .error.code == "unavailable"' <<<"$output"
	[[ $output$stderr != *key-that-is-secret* && $output$stderr != *hush* ]]
}

@test "what is no request is refused with the member's name" {
	while IFS='|' read -r line member; do
		run -1 --separate-stderr filot-buli2 <<<"$line"
		jq -e --arg m "line 1: $member: " '.status == "refused" and .error.code == "bad_job" and (.error.message | startswith($m))' <<<"$output"
	done <<-'END'
		{"payload":{}}|verification
		{"verification":"a b","payload":{}}|verification
		{"verification":"v"}|payload
		{"verification":"v","payload":[]}|payload
		{"verification":"v","payload":{},"key":"a b"}|key
		{"verification":"v","payload":{},"key":"a\r\nX: y"}|key
		{"verification":"v","payload":{},"attempt":-1}|attempt
		{"verification":"v","payload":{},"v":2}|v
		{"verification":"v","verification":"w","payload":{}}|line
		[]|line
	END
	head -c 1100000 /dev/zero | tr '\0' x >long
	run -1 --separate-stderr filot-buli2 <long
	jq -e '.status == "refused"' <<<"$output"
}

@test "a key that cannot stand in a header is a configuration error, and is not shown" {
	FILOT_BULI2_API_KEY=$'a\nb' run -78 --separate-stderr filot-buli2 <<<'{"verification":"v","payload":{}}'
}
