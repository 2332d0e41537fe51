#!/usr/bin/env bats
# What filot-api says of itself, against what it does: schemathesis makes requests from openapi.json, good and bad ones, and
# checks each answer against it. SCHEMATHESIS_SECONDS gives it longer than the usual 20, SCHEMATHESIS_SEED repeats a run.

load helper
load api

setup_file() {
	api_servers
	api_start --rate 100000000 --rate-burst 100000000 --password-hashes 2
}

teardown_file() {
	api_stop
	servers_teardown
}

# schemathesis NAME [ARGUMENTS]: a run; the log is printed when something was found.
schemathesis_run() {
	local log=$BATS_TEST_TMPDIR/log seed=${SCHEMATHESIS_SEED:-$((RANDOM * 32768 + RANDOM))}
	echo "# seed $seed" >&3
	if ! (cd "$BATS_TEST_TMPDIR" && "$(schemathesis_path)" run "$API_URL/openapi.json" --seed "$seed" --no-color \
		--max-time "${SCHEMATHESIS_SECONDS:-20}" --request-timeout 30 --suppress-health-check all --warnings off \
		--generation-database none "$@") >"$log" 2>&1; then
		cat "$log"
		return 1
	fi
	grep -E 'passed|Test cases|generated' "$log" | sed 's/^/# /' >&3
}

answers_are_documented=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance

@test "every answer to a user is documented, and none is a 5xx" {
	[[ -x $(schemathesis_path) ]] || skip "no schemathesis: scripts/check installs it where PyPI can be reached"
	api_user
	schemathesis_run -H "Authorization: Bearer $TOKEN" --checks "$answers_are_documented,response_headers_conformance"
}

@test "every answer to a stranger is documented, and nothing that needs credentials goes without" {
	[[ -x $(schemathesis_path) ]] || skip "no schemathesis: scripts/check installs it where PyPI can be reached"
	schemathesis_run --checks "$answers_are_documented,ignored_auth" --phases examples,coverage,fuzzing
}

@test "the server is well afterwards" {
	api GET /livez
	expect 200
	api_log >"$BATS_TEST_TMPDIR/log"
	[[ -z $(jq -c 'select(.event == "request" and .status >= 500 and .status != 503)' "$BATS_TEST_TMPDIR/log") ]]
}
