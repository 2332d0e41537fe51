#!/usr/bin/env bats
# What operators use, on the lines and the state that an eventful day leaves (day.bash): each query of
# logs/cloudwatch-queries.md finds what it promises, and each block of a runbook that is marked "run" works.

# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # jq's variables; PATH in a test is its own; bats sets $stderr
bats_require_minimum_version 1.5.0
load helper
load api
load buli2
load day
load ../cli/blocks

setup_file() {
	LOGS=$BATS_FILE_TMPDIR/logs
	api_servers
	day_live "$LOGS"
	api_start
	mkdir -p "$LOGS/_aws_events_filot-tasks"
	cp "$FILOT_ROOT/tests/data/ecs-task-stopped.json" "$LOGS/_aws_events_filot-tasks/stopped"
	python3 "$FILOT_ROOT/tests/cli/insights.py" list "$FILOT_ROOT/logs/cloudwatch-queries.md" >"$BATS_FILE_TMPDIR/queries"
	mkdir "$BATS_FILE_TMPDIR/bin"
	printf '#!/bin/sh\nexec python3 %s %s "$@"\n' "$BATS_TEST_DIRNAME/aws_logs.py" "$LOGS" >"$BATS_FILE_TMPDIR/bin/aws"
	chmod 755 "$BATS_FILE_TMPDIR/bin/aws"
	export LOGS
}

teardown_file() {
	api_stop
	buli2_stop day
	servers_teardown
}

setup() {
	cd "$FILOT_ROOT" || return 1
}

happened() { # NAME
	cat "$DAY/$1"
}

# query NAME [WORD=VALUE]…: its rows in $rows; says them when the test fails
query() {
	local name=$1 text pair group
	local -a files=()
	shift
	text=$(jq -r --arg name "$name" 'select(.name == $name).query' "$BATS_FILE_TMPDIR/queries")
	for pair in "$@"; do
		text=${text//"<${pair%%=*}>"/"${pair#*=}"}
	done
	while read -r group; do
		files+=("$LOGS/${group//\//_}"/*)
	done < <(jq -r --arg name "$name" 'select(.name == $name).groups[]' "$BATS_FILE_TMPDIR/queries")
	rows=$(python3 tests/cli/insights.py run "${files[@]}" <<<"$text")
	printf '%s:\n%s\n' "$name" "$rows"
}

# holds JQ: over the list of rows
holds() {
	jq -es --arg read "$(happened read)" --arg hostile "$(happened hostile)" --arg dead "$(happened dead)" \
		--arg handed "$(happened handed)" --arg well "$(happened well)" --arg buried "$(happened buried)" \
		--arg document "$(happened document)" --arg upload "$(happened upload)" "$1" <<<"$rows" >/dev/null
}

@test "what is wrong: errors by code, services that went away, a Redis that may forget, commands that gave up" {
	query errors-by-code
	holds 'any(.[]; .command == "filot-ocr-gpu" and .event == "job_failed" and .code == "corrupt_document" and .lines == 1)'
	holds '[.[].lines] == ([.[].lines] | sort | reverse)'
	holds 'any(.[]; .event == "delivery" and (.last_words | test("400")))'
	query errors-latest
	holds 'length >= 3 and all(.[]; .event) and [.[]."@timestamp"] == ([.[]."@timestamp"] | sort | reverse)'
	query services-lost
	holds '[.[] | select(.dependency == "database" and .command == "filot-api").event] | .[0] == "dependency_ok" and .[-1] == "dependency_ok" and any(. == "dependency_down")'
	query redis-at-risk
	holds 'length == 1 and .[0].event == "redis_may_evict" and (.[0].what_to_do | test("noeviction"))'
	query ended-by-an-error
	holds 'any(.[]; .command == "filot-requeue" and .code == "unavailable")'
}

@test "jobs: dead ones with reasons, slow ones, what was read, what changed hands, readers that were stopped" {
	query jobs-dead
	holds '[.[].job] == [$hostile, $dead] and .[1].code == "corrupt_document" and (.[1].message | length > 10)'
	query jobs-dead-by-code
	holds '[.[] | {(.code): .jobs}] | add == {timeout: 1, corrupt_document: 1}'
	query jobs-retried
	holds 'length == 1 and .[0].code == "timeout" and .[0].jobs == 1'
	query jobs-slow
	holds 'any(.[]; .job == $read and .ms_a_page == .total_ms / .pages) and [.[].total_ms] == ([.[].total_ms] | sort | reverse)'
	query jobs-latency
	holds '([.[].jobs] | add) >= 2 and all(.[]; .read_p50 <= .read_p95 and .read_p95 <= .read_longest)'
	query jobs-throughput
	holds '([.[].pages_read] | add) == ([.[].jobs] | add) and ([.[]."@logStream"] | unique | length) == 2'
	query jobs-taken-over
	holds 'length == 1 and .[0].event == "job_handed_back" and .[0].job == $handed'
	query readers-killed
	holds '[.[].event] == ["job_failed", "job_retried"] and all(.[]; .job == $hostile)'
}

@test "one document, one job, one request, one verification, end to end" {
	query document-trail "DOCUMENT=$(happened document)"
	holds '[.[].event] == ["document_stored", "request", "job_done"] and .[0].request == $upload and .[2].job == $read'
	query job-trail "JOB=$(happened dead)"
	holds '[.[].event] == ["document_stored", "job_failed"] and .[1].code == "corrupt_document"'
	query request-trail "REQUEST=$(happened upload)"
	holds '[.[].event] == ["document_stored", "request"] and .[1].status == 201'
	query request-trail REQUEST=request-in-the-dark
	holds 'map(.code // .status) | sort == [503, "unavailable"]'
	query verification-trail VERIFICATION=late-1
	holds '[.[].status] == ["retry", "retry", "retry", "retry", "retry", "retry", "delivered"]'
}

@test "the API: latency and failures by route, callers, what was refused to whom" {
	query api-latency-by-route
	holds 'any(.[]; .route == "/documents/{id}/text" and .requests == 1) and all(.[]; .p50 <= .p95 and .p95 <= .p99 and .p99 <= .longest)'
	query api-slow-requests
	holds 'length >= 5 and [.[].ms] == ([.[].ms] | sort | reverse)'
	query api-errors-by-route
	holds 'length == 1 and .[0].route == "/documents" and .[0].status == 503 and .[0].for_example == "request-in-the-dark"'
	query api-errors-with-reasons
	holds 'length == 1 and .[0].code == "unavailable" and .[0].for_example == "request-in-the-dark"'
	query api-top-callers
	holds 'any(.[]; .address == "203.0.113.7" and .requests == 2) and any(.[]; .user and .received > 500)'
	query auth-failures
	holds '[.[] | select(.address == "203.0.113.7").why] | sort == ["unknown_user", "wrong_password"]'
	holds 'any(.[]; .event == "refresh_refused")'
	query auth-refused-by-route
	holds '[.[] | {(.route): .answers}] | add == {"/auth/login": 2, "/auth/me": 2, "/auth/refresh": 1, "/documents": 1}'
	query rate-limits-off
	holds '.[0].code == "unavailable" and .[0].for_ms > 0'
}

@test "BULI2: what it did not take, what is dead, when the breaker was open" {
	query buli2-failures
	holds '[.[] | {(.status): .tries}] | add == {retry: 6, dead: 1}'
	query buli2-dead
	holds 'length == 1 and .[0].delivery == $buried and .[0].http_status == 400'
	query buli2-breaker
	holds '.[0].event == "breaker_opened" and .[-1].event == "breaker_closed"'
}

@test "processes: workers, API, stopped tasks, migrations, requeue, figures" {
	query workers-lifecycle
	holds '[.[] | select(."@logStream" == "worker_worker_3").event] == ["ready", "draining", "stopped"]'
	query backend-lifecycle
	holds '[.[].event] == ["serving", "draining", "drained"] and (.[0].version | length > 0)'
	query tasks-stopped
	holds 'length == 1 and .[0]."detail.containers.0.exitCode" == 137 and .[0]."detail.group" == "service:filot-backend-service"'
	query migrations
	holds "[.[] | select(.status == \"applied\").version] | unique | length == $(find migrations -name '*.sql' | wc -l)"
	query smoke-runs
	holds '[.[].check] | sort == ["auth", "health", "health"]'
	holds 'any(.[]; .status == "pass" and .check == "auth") and any(.[]; .status == "fail" and (.text | test("127.0.0.1:1")))'
	query requeue-runs
	holds 'length == 1 and .[0]."summary.moved" == 0'
	query figures
	holds 'length == 1 and .[0].dead == 2 and .[0].buli2_dead == 1'
}

@test "every query was looked at above" {
	local name
	while read -r name; do
		grep -qE "^	query $name( |\$)" "$BATS_TEST_DIRNAME/operations.bats" || {
			echo "$name is not"
			return 1
		}
	done < <(jq -r .name "$BATS_FILE_TMPDIR/queries")
}

@test "query_logs.sh runs a query by its name, and says what is wrong with a call" {
	export PATH=$BATS_FILE_TMPDIR/bin:$PATH
	run -0 --separate-stderr scripts/ops/query_logs.sh job-trail --since 2d JOB="$(happened dead)"
	[ "$(jq -rs 'map(.event) | join(" ")' <<<"$output")" = 'document_stored job_failed' ]
	[[ $(jq -rs '.[0]."@timestamp"' <<<"$output") == 20??-??-??\ ??:??:??.??? ]]
	run -64 --separate-stderr scripts/ops/query_logs.sh job-trail
	[[ $stderr == *'wants JOB=VALUE'* ]]
	run -64 --separate-stderr scripts/ops/query_logs.sh job-trail JOB='" or 1 = 1'
	run -64 --separate-stderr scripts/ops/query_logs.sh errors-by-code JOB=1
	run -64 --separate-stderr scripts/ops/query_logs.sh no-such-query
	run -64 --separate-stderr scripts/ops/query_logs.sh errors-by-code --since soon
	[ "$(scripts/ops/query_logs.sh --list | grep -c '^[a-z]')" -eq "$(wc -l <"$BATS_FILE_TMPDIR/queries")" ]
	mv "$LOGS/_aws_events_filot-tasks" "$BATS_TEST_TMPDIR/away"
	run --separate-stderr scripts/ops/query_logs.sh tasks-stopped
	mv "$BATS_TEST_TMPDIR/away" "$LOGS/_aws_events_filot-tasks"
	[ "$status" -eq 1 ]
	[[ $stderr == *ResourceNotFoundException* && $stderr == *'what to do'* ]]
}

@test "each block of a runbook that is marked run works" {
	export PATH=$BATS_FILE_TMPDIR/bin:$PATH WORKER=leaving REQUEST VERIFICATION=bad-1 JOB DOCUMENT
	JOB=$(happened dead) REQUEST=$(happened upload) DOCUMENT=$(happened document)
	FILOT_BULI2_API_URL=http://127.0.0.1:$(cat "$BATS_FILE_TMPDIR/buli2.day")/v1/verifications
	export FILOT_BULI2_API_URL FILOT_BULI2_API_KEY=the-api-key
	blocks_run run runbooks/*.md
	echo "# $BLOCKS blocks" >&3
	[ "$BLOCKS" -ge 20 ]
	[ "$BLOCKS_FAILED" -eq 0 ]
}
