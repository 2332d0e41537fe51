#!/usr/bin/env bats
# filot-temporal against a real PostgreSQL and a stand-in for Temporal's HTTP API that fails in every way: each workflow is
# started once, each signal has its effect once and in order, and none is lost. The stand-in holds every request against
# Temporal's own description of its HTTP API.
# bats file_tags=sanitized

bats_require_minimum_version 1.5.0
load helper

setup_file() {
	servers_setup postgres pgbouncer
	filot-migrate up --dir "${FILOT_MIGRATIONS:-$FILOT_ROOT/migrations}" >/dev/null
	python3 "$BATS_TEST_DIRNAME/temporal_server.py" the-key the-namespace </dev/null >"$BATS_FILE_TMPDIR/port" 2>"$BATS_FILE_TMPDIR/log" 3>&- 4>&- &
	echo $! >"$BATS_FILE_TMPDIR/pid"
	wait_for 20 "for Temporal's stand-in" test -s "$BATS_FILE_TMPDIR/port"
}

teardown_file() {
	kill -KILL "$(cat "$BATS_FILE_TMPDIR/pid")" 2>/dev/null || true
	servers_teardown
}

setup() {
	sql 'truncate verifications cascade'
	cd "$BATS_TEST_TMPDIR"
	TEMPORAL=http://127.0.0.1:$(cat "$BATS_FILE_TMPDIR/port")
	FILOT_TEMPORAL_ENDPOINT=$TEMPORAL FILOT_TEMPORAL_NAMESPACE=the-namespace FILOT_TEMPORAL_API_KEY=the-key
	export FILOT_TEMPORAL_ENDPOINT FILOT_TEMPORAL_NAMESPACE FILOT_TEMPORAL_API_KEY
	curl -q -s -f -X PUT "$TEMPORAL/begin"
	prefix=v$BATS_TEST_NUMBER
	quick=(--poll 50ms --backoff 20ms --backoff-cap 100ms --timeout 1s)
}

teardown() {
	background_end postgres
}

behave() {
	jq -cn '$ARGS.positional' --args "$@" | curl -q -s -f -X PUT --data-binary @- "$TEMPORAL/behave"
}

temporal() { # FILTER
	curl -q -s -f "$TEMPORAL/state" | jq -r "$1"
}

# verifications_make N [STATE]: each with its workflow's row
verifications_make() {
	sql "with v as (insert into verifications (id, claimed, state) select '$prefix-' || n, '{}', '${2:-reading}' from generate_series(1, $1) n returning id)
	     insert into temporal_workflows (verification_id) select id from v"
}

become() { # STATE
	sql "update verifications set state = '$1', decision = '{\"reason\":\"test\"}', decided_at = now()"
}

closed_are() {
	[ "$(sql "select count(*) from temporal_workflows where closed_because = 'decided'")" -eq "$1" ]
}

# each of this test's N workflows was started once and has these signals, in this order
told_are() { # N SIGNALS
	[ "$(temporal "[.workflows | to_entries[] | select(.key | startswith(\"$prefix-\")) | \"\(.value.starts) \([.value.signals[].name] | join(\",\"))\"] | group_by(.) | map(\"\(length)x \(.[0])\") | join(\";\")")" = "$1x 1 $2" ]
	[ "$(temporal '.bad | length')" -eq 0 ]
}

daemon_start() {
	filot-temporal --queue "${quick[@]}" "$@" >>out 2>>log 3>&- 4>&- &
	daemon=$!
}

@test "a workflow is started, told that the documents are read, and told the decision" {
	verifications_make 1
	filot-temporal --queue --once >out
	told_are 1 ''
	[ "$(temporal ".workflows[\"$prefix-1\"].input.verification")" = "$prefix-1" ]
	sql "update verifications set state = 'evaluated', score = 0.5"
	filot-temporal --queue --once >>out
	told_are 1 documents_read
	become approved
	filot-temporal --queue --once >>out
	told_are 1 documents_read,buli2_decided
	[ "$(temporal ".workflows[\"$prefix-1\"].signals[1].input | .state + \" \" + .decision.reason")" = 'approved test' ]
	[ "$(jq -r '.event + " " + .status' out | xargs)" = 'start done read done decided done' ]
	closed_are 1
	[ "$(sql "select run_id is not null and started_at is not null and read_signalled_at is not null and decided_signalled_at is not null from temporal_workflows")" = t ]
	calls=$(temporal .calls)
	filot-temporal --queue --once
	[ "$(temporal .calls)" -eq "$calls" ]
}

@test "what was decided before anything could be told is told in order" {
	verifications_make 3
	become rejected
	filot-temporal --queue --once >out
	told_are 3 documents_read,buli2_decided
	closed_are 3
}

@test "failures that may pass are tried again until all is told, once each" {
	verifications_make 2
	become approved
	behave 500 reset reset+ 429 hang 503 wrong-body cut-body cut-body+ drip+ 401 no-namespace 500+ reset+ ok
	daemon_start
	wait_for 30 'for both' closed_are 2
	told_are 2 documents_read,buli2_decided
}

@test "a Temporal that refuses connections is told when it is there again" {
	verifications_make 1
	FILOT_TEMPORAL_ENDPOINT=http://127.0.0.1:1 run -75 --separate-stderr filot-temporal --queue --once --backoff 1ms
	jq -e '.event == "start" and .status == "failed" and .error.code == "unavailable" and (has("http_status") | not)' <<<"$output"
	told() { filot-temporal --queue --once >/dev/null 2>&1 && told_are 1 ''; }
	wait_for 10 'for the start' told
}

@test "Retry-After is kept" {
	verifications_make 1
	behave retry-after-2 ok
	before_ms=$(date +%s%3N)
	daemon_start
	started() { [ "$(sql "select count(*) from temporal_workflows where started_at is not null")" = 1 ]; }
	wait_for 20 'for the start' started
	[ $(($(date +%s%3N) - before_ms)) -ge 2000 ]
	told_are 1 ''
}

@test "a workflow that was started before is fine, and one that is over is left alone" {
	verifications_make 2
	printf '{"event":"start","verification":"%s-1"}\n' "$prefix" | filot-temporal >first
	jq -e '.status == "done" and (.run_id | length > 0)' first
	filot-temporal --queue --once >out
	told_are 2 ''
	curl -q -s -f -X POST "$TEMPORAL/close/$prefix-2"
	become approved
	filot-temporal --queue --once >>out
	[ "$(sql "select string_agg(closed_because, ',' order by verification_id) from temporal_workflows")" = decided,gone ]
}

@test "while Temporal is down it is probed, not hammered" {
	verifications_make 50
	behave 503
	before=$(temporal .calls)
	daemon_start --poll 1s --backoff-cap 1s
	sleep 3 # what is watched is that nearly nothing happens
	calls=$(($(temporal .calls) - before))
	[ "$calls" -ge 1 ] && [ "$calls" -le 8 ]
	[ "$(sql "select count(*) from temporal_workflows where last_error like '%503%'")" -ge 1 ]
}

@test "processes killed at any moment, several at once, through a pooler: nothing is lost or told twice" {
	verifications_make 40
	become approved
	behave ok 500+ ok reset+ ok
	for _ in 1 2 3 4; do
		daemon_start
		FILOT_DATABASE_URL=$SERVERS_DATABASE_POOLED_URL daemon_start
		sleep "0.$((RANDOM % 3 + 1))" # killed at a random time: that is the test
		kill -KILL "$daemon"
	done
	# A killed one's claim ends by itself; the test does not wait that minute.
	sql "update temporal_workflows set claimed_until = now() where claimed_until is not null"
	daemon_start
	wait_for 30 'for all' closed_are 40
	told_are 40 documents_read,buli2_decided
}

@test "a dead delivery that comes back is told as its new decision, too" {
	verifications_make 1
	sql "update verifications set state = 'failed', error_code = 'delivery_failed'"
	filot-temporal --queue --once >out
	told_are 1 documents_read,buli2_decided
	closed_are 0
	become approved
	filot-temporal --queue --once >>out
	told_are 1 documents_read,buli2_decided,buli2_decided
	closed_are 1
}

@test "lines: receipts say what became of each, and bad lines are refused" {
	printf '%s\n' "{\"event\":\"start\",\"verification\":\"$prefix-l\",\"data\":{\"a\":1}}" \
		"{\"event\":\"read\",\"verification\":\"$prefix-l\"}" \
		"{\"event\":\"decided\",\"verification\":\"$prefix-none\",\"data\":{\"state\":\"approved\"}}" \
		'{"event":"dance","verification":"v"}' 'nonsense' >lines
	run -1 --separate-stderr filot-temporal <lines
	[ "$(jq -r .status <<<"$output" | xargs)" = 'done done gone refused refused' ]
	[ "$(temporal ".workflows[\"$prefix-l\"] | .input.a, .signals[0].name" | xargs)" = '1 documents_read' ]
}

# ask METHOD PATH BODY: its status
ask() {
	curl -q -s -o answer -w '%{http_code}' -X "$1" -H 'Authorization: Bearer the-key' \
		-H 'Content-Type: application/json+no-payload-shorthand' --data-binary "$3" "$TEMPORAL$2"
}

@test "the stand-in tells a request that Temporal would not take" {
	local base=/api/v1/namespaces/the-namespace good
	good='{"workflowType":{"name":"t"},"taskQueue":{"name":"q"},"requestId":"r","workflowIdReusePolicy":"WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE","input":{"payloads":[{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"e30="}]}}'
	[ "$(ask POST $base/workflows/contract "$good")" = 200 ]
	[ "$(ask GET $base '')" = 200 ]
	[ "$(ask POST $base/workflow/contract "$good")" = 400 ] # a path that is not there
	[ "$(ask POST $base/workflows/contract "$(jq -c '.workflowTyp = {}' <<<"$good")")" = 400 ]
	[ "$(ask POST $base/workflows/contract "$(jq -c '.taskQueue = "q"' <<<"$good")")" = 400 ]
	[ "$(ask POST $base/workflows/contract "$(jq -c '.workflowIdReusePolicy = "REJECT"' <<<"$good")")" = 400 ]
	[ "$(ask POST $base/workflows/contract "$(jq -c '.input.payloads[0].body = "x"' <<<"$good")")" = 400 ]
	[ "$(ask POST $base/workflows/contract/signal/x "$good")" = 400 ] # what belongs to a start
	[ "$(temporal '.bad | length')" -eq 6 ]
}

@test "it is off while there is no endpoint, and says so" {
	unset FILOT_TEMPORAL_ENDPOINT
	filot-temporal <<<'{"event":"start","verification":"v"}' >out
	jq -e '.status == "off"' out
	verifications_make 1
	filot-temporal --queue --once 2>log
	grep -q temporal_off log
	filot-temporal --check-config | grep -q 'FILOT_TEMPORAL_ENDPOINT.*not set'
}
