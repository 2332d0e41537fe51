#!/usr/bin/env bats
# filot-buli2 against real Redis (TLS), PostgreSQL and a stand-in for BULI2 that fails in every way: each request has its
# effect once, none is lost, and a BULI2 that is down is probed and not hammered.
# bats file_tags=sanitized

bats_require_minimum_version 1.5.0
load helper
load buli2

setup_file() {
	servers_setup redis postgres pgbouncer
	filot-migrate up --dir "${FILOT_MIGRATIONS:-$FILOT_ROOT/migrations}" >/dev/null
	buli2_start file
}

teardown_file() {
	buli2_stop file
	servers_teardown
}

setup() {
	sql 'truncate verifications cascade'
	buli2_begin
	FILOT_BULI2_QUEUE_NAME=test$BATS_TEST_NUMBER
	FILOT_QUEUE_NAME=$FILOT_BULI2_QUEUE_NAME-jobs # where figures go
	export FILOT_BULI2_QUEUE_NAME FILOT_QUEUE_NAME
	queue="filot:{$FILOT_BULI2_QUEUE_NAME}"
	cd "$BATS_TEST_TMPDIR"
	quick=(--poll 50ms --backoff 50ms --backoff-cap 200ms --breaker-wait 100ms --breaker-cap 200ms --timeout 1s --again 2s)
}

teardown() {
	background_end redis postgres pgbouncer
}

# daemon_start NAME [FLAGS…]: its process id in $daemon
daemon_start() {
	local name=$1
	shift
	filot-buli2 --queue "${quick[@]}" "$@" >>"$name.out" 2>>"$name.log" 3>&- 4>&- &
	daemon=$!
}

# each of N keys has had its effect, once, and the contract was kept
effects_are() {
	buli2_state_is '(.effects | length), (.effects | map(select(. != 1)) | length), (.bad | length)' "$(printf '%s\n0\n0' "$1")"
}

@test "a due row is sent once, signed, recorded, and its verification submitted" {
	deliveries_make 1
	filot-buli2 --drain >receipts
	jq -e '.status == "delivered" and .delivery == "d-v-1" and .verification == "v-1" and .attempt == 1 and .http_status == 202' receipts
	effects_are 1
	[ "$(sql "select state, attempts, last_status, response ->> 'reference', delivered_at is not null from deliveries")" = 'delivered|1|202|b-key-v-1|t' ]
	[ "$(sql "select state from verifications")" = submitted ]
	filot-buli2 --drain >again
	[ ! -s again ]
	buli2_state_is .requests 1
	[ "$(redis hget "filot:{$FILOT_QUEUE_NAME}:metrics" 'filot_buli2_deliveries{outcome="delivered",status="202"}')" = 1 ]
}

@test "failures that may pass are tried again until it works, with one key and one body" {
	behave 500 503 409 reset wrong-body cut-body 429 401 reset+ drip ok
	deliveries_make 1
	daemon_start one --breaker-failures 1000
	wait_for 30 'for the delivery' deliveries_are delivered 1
	effects_are 1
	[ "$(buli2_state .requests)" -eq 11 ]
	# libcurl itself sends again on another connection when one that was kept open is reset at once.
	tries=$(sql "select attempts from deliveries")
	[ "$tries" -ge 9 ] && [ "$tries" -le 11 ]
	jq -se --argjson n "$tries" '(map(select(.status == "retry")) | length) == $n - 1 and (map(select(.status == "delivered")) | length) == 1' one.out
}

@test "a hanging BULI2 is left after the timeout, and the request sent again" {
	behave hang hang+ ok
	deliveries_make 1
	daemon_start one
	wait_for 20 'for the delivery' deliveries_are delivered 1
	effects_are 1
	buli2_state_is .requests 3
}

@test "a BULI2 that refuses connections gets the requests when it is there again" {
	deliveries_make 2 # the first opens the breaker, the second is left
	FILOT_BULI2_API_URL=http://127.0.0.1:1/ run -75 --separate-stderr filot-buli2 --drain --jobs 1 --breaker-failures 1 --breaker-wait 2s --backoff 1ms
	jq -se 'length == 1 and (.[0] | .status == "retry" and .error.code == "unavailable" and (has("http_status") | not))' <<<"$output"
	delivered() { filot-buli2 --drain >/dev/null 2>&1 && deliveries_are delivered 2; }
	wait_for 20 'for the deliveries' delivered
	effects_are 2
}

@test "what is final goes to the dead stream with status and body, cut, and the verification fails" {
	behave 400
	deliveries_make 1
	run -1 --separate-stderr filot-buli2 --drain
	jq -e '.status == "dead" and .http_status == 400 and .error.code == "bad_job"' <<<"$output"
	[ "$(redis xlen "$queue:dead")" -eq 1 ]
	[[ $(redis xrange "$queue:dead" - +) != *payload* ]] # what is about persons stays in the database
	filot-buli2 --list >dead
	jq -e '.delivery == "d-v-1" and .http_status == 400 and (.body | startswith("{\"error\": \"as told") and length <= 2048)' dead
	[ "$(sql "select state, last_status from deliveries")" = 'dead|400' ]
	[ "$(sql "select state, error_code from verifications")" = 'failed|delivery_failed' ]
}

@test "redirects are not followed, and tries have an end" {
	behave redirect 500
	deliveries_make 2
	run -1 --separate-stderr filot-buli2 --drain --max-attempts 1 --breaker-failures 1000
	[ "$(jq -s 'map(.status) | unique | join(",")' -r <<<"$output")" = dead ]
	[ "$(sql "select string_agg(last_status::text, ',' order by last_status) from deliveries")" = 302,500 ]
	buli2_state_is .requests 2
}

@test "the dead come back by --requeue-dead, those that were named, and rows that Redis forgot, too" {
	behave 400
	deliveries_make 3
	run -1 filot-buli2 --drain
	behave ok
	filot-buli2 --requeue-dead --dry-run --delivery d-v-2 >would
	jq -e '.status == "would_requeue"' would
	deliveries_are dead 3
	filot-buli2 --requeue-dead --delivery d-v-2 >one
	[ "$(jq -r '.delivery + " " + .status' one)" = 'd-v-2 requeued' ]
	filot-buli2 --drain >/dev/null
	deliveries_are delivered 1
	redis del "$queue:dead" >/dev/null
	filot-buli2 --requeue-dead >rest
	[ "$(jq -r .status rest | sort | uniq -c | xargs)" = '2 requeued' ]
	filot-buli2 --drain >/dev/null
	deliveries_are delivered 3
	[ "$(sql "select count(*) from verifications where state = 'submitted' and error_code is null")" -eq 3 ]
	effects_are 3
}

@test "--drop-dead takes what was named, or all, for good: gone from the list, kept in the row, not brought back" {
	behave 400
	deliveries_make 4
	run -1 filot-buli2 --drain
	filot-buli2 --drop-dead --dry-run >would
	[ "$(jq -r '.status + " " + .delivery' would | sort | xargs)" = 'would_drop d-v-1 would_drop d-v-2 would_drop d-v-3 would_drop d-v-4' ]
	[ "$(redis xlen "$queue:dead")" -eq 4 ]
	filot-buli2 --list dead | jq -c 'select(.delivery == "d-v-1")' | filot-buli2 --drop-dead --yes --delivery - --delivery d-v-9 >some
	[ "$(jq -r '[.delivery, .status, .why // empty] | join(" ")' some | xargs)" = 'd-v-1 dropped d-v-9 skipped not_dead' ]
	[ "$(filot-buli2 --list dead | jq -r .delivery | sort | xargs)" = 'd-v-2 d-v-3 d-v-4' ]
	[ "$(sql "select string_agg(id, ' ') from deliveries where dropped_at is not null")" = d-v-1 ]
	deliveries_are dead 4
	# An entry that came a second time, or was left by a run that was cut off, goes too; a delivery that is on its way does not.
	redis xadd "$queue:dead" '*' line '{"v":1,"delivery":"d-v-1","verification":"v-1"}' >/dev/null
	redis xadd "$queue:dead" '*' line nonsense >/dev/null
	sql "update deliveries set state = 'pending' where id = 'd-v-2'"
	filot-buli2 --drop-dead -y >rest
	[ "$(jq -r '[.delivery // "-", .status, .why // empty] | join(" ")' rest | sort | xargs)" = '- dropped d-v-1 dropped d-v-2 skipped pending d-v-3 dropped d-v-4 dropped' ]
	[ "$(redis xlen "$queue:dead")" -eq 1 ]
	# What was dropped does not come back with the rest, neither from its row nor from an entry.
	redis xadd "$queue:dead" '*' line '{"v":1,"delivery":"d-v-3","verification":"v-3"}' >/dev/null
	filot-buli2 --requeue-dead >back
	[ "$(jq -r '[.delivery, .status, .why // empty] | join(" ")' back | sort | xargs)" = 'd-v-2 skipped pending d-v-3 skipped dropped' ]
	deliveries_are dead 3
	[ "$(redis xlen "$queue:requests")" -eq 0 ]
}

@test "--drop-dead takes rows whose entry Redis forgot, and works without a database" {
	behave 400
	deliveries_make 2
	run -1 filot-buli2 --drain
	redis del "$queue:dead" >/dev/null
	filot-buli2 --drop-dead --yes --delivery d-v-1 >one
	[ "$(jq -r '.delivery + " " + .status' one)" = 'd-v-1 dropped' ]
	filot-buli2 --requeue-dead --dry-run >would
	[ "$(jq -r '.delivery + " " + .status' would)" = 'd-v-2 would_requeue' ]
	unset FILOT_DATABASE_URL
	redis xadd "$queue:dead" '*' line '{"v":1,"delivery":"d-x","verification":"x","payload":{}}' >/dev/null
	filot-buli2 --drop-dead --yes >other
	[ "$(jq -r '.delivery + " " + .status' other)" = 'd-x dropped' ]
	run -1 --separate-stderr filot-buli2 --drop-dead --yes --delivery - <<<'{"no":"name"}'
	[ "$(jq -r '.status + " " + .why' <<<"$output")" = 'refused line 1: neither a delivery nor an object that names one' ]
}

@test "Retry-After is kept for all requests" {
	behave retry-after-2 ok
	deliveries_make 3
	daemon_start one --jobs 1
	wait_for 20 'for the deliveries' deliveries_are delivered 3
	effects_are 3
	buli2_state_is '(.times[1] - .times[0] >= 1.9), .requests' $'true\n4'
}

@test "a BULI2 that is down is probed, not hammered, and gets everything when it is back" {
	behave 500
	deliveries_make 30
	daemon_start one --jobs 4 --breaker-failures 3 --breaker-wait 1s --breaker-cap 1s
	daemon_start two --jobs 4 --breaker-failures 3 --breaker-wait 1s --breaker-cap 1s
	wait_for 20 'for the breaker' grep -q breaker_opened one.log two.log
	before=$(buli2_state .requests)
	[ "$before" -le 12 ] # three in a row, and what was under way
	sleep 3 # what is watched is that nearly nothing happens
	after=$(buli2_state .requests)
	[ $((after - before)) -le 8 ]
	[ $((after - before)) -ge 1 ]
	behave ok
	wait_for 30 'for all' deliveries_are delivered 30
	effects_are 30
}

@test "--drain says 75 while the breaker is open and 0 once all is sent" {
	behave 500
	deliveries_make 8
	run filot-buli2 --drain --backoff 1ms --backoff-cap 1ms --breaker-failures 2 --breaker-wait 1s --jobs 1
	[ "$status" -eq 75 ]
	buli2_state_is .requests 2
	behave ok
	drained() { filot-buli2 --drain >>out 2>/dev/null && deliveries_are delivered 8; }
	wait_for 20 'for the breaker to close' drained
	effects_are 8
}

@test "senders killed at any moment lose nothing and send nothing twice in effect" {
	local round
	behave ok reset+ ok 500 ok drip ok reset ok
	deliveries_make 40
	for round in 1 2 3 4 5 6; do
		daemon_start "round$round" --visibility 1600ms --jobs 3 --breaker-failures 1000
		sleep "0.$((RANDOM % 5 + 2))" # killed at a random time: that is the test
		kill -KILL "$daemon"
		wait "$daemon" || true
	done
	daemon_start last --visibility 1600ms --jobs 3
	wait_for 40 'for all' deliveries_are delivered 40
	effects_are 40
	wait_for 10 'for the stream to be empty' stream_is_empty
}

stream_is_empty() {
	[ "$(redis xlen "$queue:requests")" -eq 0 ] && [ "$(redis zcard "$queue:retry")" -eq 0 ]
}

@test "a Redis that forgot everything gets the rows again" {
	behave 500
	deliveries_make 5
	run filot-buli2 --drain "${quick[@]}"
	redis flushall >/dev/null
	behave ok
	daemon_start one
	wait_for 30 'for all' deliveries_are delivered 5
	effects_are 5
}

@test "a database and a Redis that go away for a while stop nothing for good" {
	deliveries_make 5 a
	daemon_start one
	wait_for 20 'for the first' deliveries_are delivered 5
	server_kill "$SERVERS_DIR" redis
	deliveries_make 5 b
	server_start "$SERVERS_DIR" redis
	wait_for 30 'for those after Redis' deliveries_are delivered 10
	server_restart "$SERVERS_DIR" postgres
	deliveries_make 5 c
	wait_for 30 'for those after PostgreSQL' deliveries_are delivered 15
	effects_are 15
}

@test "all of it works through a pooler in transaction mode" {
	deliveries_make 20
	FILOT_DATABASE_URL=$SERVERS_DATABASE_POOLED_URL filot-buli2 --drain --jobs 4 >receipts
	[ "$(jq -r .status receipts | sort | uniq -c | xargs)" = '20 delivered' ]
	effects_are 20
}

@test "several senders at once send each request once" {
	deliveries_make 200
	daemon_start one --jobs 4
	daemon_start two --jobs 4
	filot-buli2 --drain --jobs 4 >three.out
	wait_for 30 'for all' deliveries_are delivered 200
	effects_are 200
	buli2_state_is .requests 200
	[ "$(cat one.out two.out three.out | jq -r .delivery | sort | uniq | wc -l)" -eq 200 ]
}

@test "lines from standard input are sent, recorded where the verification is known, and retried" {
	sql "insert into verifications (id, claimed, state) values ('known', '{}', 'evaluated')"
	behave ok 500 400 ok
	printf '%s\n' '{"verification":"known","delivery":"l-1","payload":{"a":1}}' \
		'{"verification":"other","delivery":"l-2","key":"k-2","payload":{"a":2}}' \
		'{"verification":"other","delivery":"l-3","payload":{"a":3}}' 'nonsense' >lines
	run -1 --separate-stderr filot-buli2 "${quick[@]}" <lines
	[ "$(jq -r .status <<<"$output" | xargs)" = 'delivered retry dead refused' ]
	[ "$(sql "select id, state from deliveries")" = 'l-1|delivered' ]
	sleep 0.1 # until the retry is due
	filot-buli2 --drain "${quick[@]}" >drained
	jq -e '.delivery == "l-2" and .status == "delivered" and .attempt == 2' drained
	printf '%s\n' '{"verification":"known","delivery":"l-1","payload":{"a":1}}' '{"verification":"known","delivery":"l-9"}' >lines
	run -1 --separate-stderr filot-buli2 "${quick[@]}" <lines
	[ "$(jq -r .status <<<"$output" | xargs)" = 'skipped refused' ]
	[ "$(buli2_state '.effects | keys | join(" ")')" = 'k-2 l-1' ]
}

@test "SIGTERM ends it with 0 and what it sends is ended first" {
	behave drip
	deliveries_make 1
	daemon_start one
	requested() { [ "$(buli2_state .requests)" -ge 1 ]; }
	wait_for 10 'for the request' requested
	kill -TERM "$daemon"
	wait "$daemon"
	jq -e '.status == "retry"' one.out
}
