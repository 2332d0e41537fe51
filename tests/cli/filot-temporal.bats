#!/usr/bin/env bats
# filot-temporal without any service: what it refuses, what it says about its settings, and that it is off by default.

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	unset FILOT_TEMPORAL_ENDPOINT FILOT_TEMPORAL_API_KEY FILOT_DATABASE_URL DATABASE_URL FILOT_CONFIG
	cd "$BATS_TEST_TMPDIR"
}

@test "--help names every flag of the manual, and the manual every flag" {
	filot-temporal --help | grep -o -- ' --[a-z-]*' | tr -d ' ' | sort -u >help
	grep -o 'Fl -[a-z-]*' "$FILOT_ROOT/man/filot-temporal.1" | sed 's/Fl -/--/' | sort -u >manual
	diff help manual
}

@test "--check-config tells whether it is on and never a secret" {
	filot-temporal --check-config | grep -q 'FILOT_TEMPORAL_ENDPOINT *not set'
	FILOT_TEMPORAL_ENDPOINT=http://h:7243 FILOT_TEMPORAL_API_KEY=hush run -0 filot-temporal --check-config
	[[ $output == *FILOT_TEMPORAL_ENDPOINT*set* && $output != *hush* ]]
}

@test "off, each line gets a receipt that says so, and bad lines are refused all the same" {
	printf '%s\n' '{"event":"start","verification":"v"}' '{"event":"start","verification":"v w"}' '{"event":"stop","verification":"v"}' \
		'{"event":"read","verification":"v","data":[]}' '{"event":"read","verification":"v","v":2}' 'x' >lines
	run -1 --separate-stderr filot-temporal <lines
	[ "$(jq -r .status <<<"$output" | xargs)" = 'off refused refused refused refused refused' ]
	[ "$(jq -r '.error.message // empty | split(": ")[1]' <<<"$output" | xargs)" = 'verification event data v line' ]
}

@test "a Temporal that does not answer fails the line" {
	FILOT_TEMPORAL_ENDPOINT=http://127.0.0.1:1 FILOT_TEMPORAL_API_KEY=hush run -1 --separate-stderr filot-temporal <<<'{"event":"start","verification":"v"}'
	jq -e '.status == "failed" and .error.code == "unavailable"' <<<"$output"
	[[ $output$stderr != *hush* ]]
}

@test "what it cannot do is refused" {
	run -64 filot-temporal operand
	run -64 filot-temporal --once
	run -78 filot-temporal --queue
	FILOT_TEMPORAL_ENDPOINT='not a url' run -78 filot-temporal <<<'{"event":"start","verification":"v"}'
}
