#!/usr/bin/env bats
# filot-smoke against the whole system: API, worker, Redis, PostgreSQL, storage, and an AWS that checks signatures. All ten
# pass and the canary is read back; and with each part broken in turn, exactly its check fails and says why.

bats_require_minimum_version 1.5.0
load helper
load api
load web

setup_file() {
	AWS_STATE=$BATS_FILE_TMPDIR/aws.json
	INSTEAD=$BATS_FILE_TMPDIR/instead.json
	export AWS_STATE INSTEAD FILOT_QUEUE_NAME=smoke
	all_well
	api_servers redis postgres storage
	api_start
	worker_start
	web_start INSTEAD_PORT instead "${API_URL##*:}" "$INSTEAD"
	aws_start
	unset AWS_SESSION_TOKEN AWS_REGION AWS_DEFAULT_REGION AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI
	export AWS_EC2_METADATA_DISABLED=true AWS_ACCESS_KEY_ID=AKIAENVIRONMENT AWS_SECRET_ACCESS_KEY=environment/secret+key=
	api_user
	export FILOT_SMOKE_JWT=$TOKEN FILOT_API_URL=$API_URL
}

teardown_file() {
	web_stop
	server_signal "$SERVERS_DIR" aws KILL
	worker_stop
	api_stop
	servers_teardown
}

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	all_well
}

worker_ready() {
	grep -q '"event":"ready"' "$SERVERS_DIR/worker/log"
}

worker_start() {
	mkdir -p "$SERVERS_DIR/worker"
	process_launch "$SERVERS_DIR" worker filot-ocr-gpu --queue --jobs 1
	WAIT_WHILE="server_running '$SERVERS_DIR' worker" wait_for 30 "for the worker to be ready" worker_ready
}

worker_stop() {
	server_signal "$SERVERS_DIR" worker KILL
	server_forget "$SERVERS_DIR" worker
}

aws_start() {
	mkdir -p "$SERVERS_DIR/aws"
	process_launch "$SERVERS_DIR" aws python3 -u "$BATS_TEST_DIRNAME/aws_server.py" ap-southeast-2 "$AWS_STATE"
	wait_for 20 "for the stand-in of AWS" test -s "$SERVERS_DIR/aws/log"
	AWS_ENDPOINT_URL=http://127.0.0.1:$(head -n 1 "$SERVERS_DIR/aws/log")
	export AWS_ENDPOINT_URL
}

# aws_is FILTER: what AWS is like, by jq from how it should be
aws_is() {
	jq -n '{groups: ["/ecs/filot-backend", "/ecs/filot-backend-old", "/ecs/filot-ocr-gpu-worker"],
		services: {"filot-backend-service": {}, "filot-ocr-gpu-service": {}}} | '"$1" >"$AWS_STATE.new"
	mv "$AWS_STATE.new" "$AWS_STATE"
}

# instead REQUEST STATUS BODY: answered so in the API's place, by the URL of `bent`
instead() {
	jq -n --arg request "$1" --argjson status "$2" --arg body "$3" '{($request): [$status, $body]}' >"$INSTEAD"
}

all_well() {
	aws_is .
	echo '{}' >"$INSTEAD"
}

# smoke FLAGS…: as from outside, without the queue's URL and the services' key
smoke() {
	env -u FILOT_REDIS_URL -u FILOT_SERVICE_KEY filot-smoke "$@"
}

bent() {
	smoke --api-url "http://127.0.0.1:$INSTEAD_PORT" "$@"
}

# only_fails CHECK TEXT [SKIPPED]: of the JSON lines in $output: it alone failed, and says TEXT; so many were skipped
only_fails() {
	jq -se --arg check "$1" --arg text "$2" --argjson skipped "${3:-0}" '
		(map(select(.status == "fail")) | length == 1 and .[0].check == $check and (.[0].text | contains($text)))
		and (last.summary | .failed == 1 and .overall == "failed" and .skipped == $skipped)' <<<"$output" >/dev/null || {
		echo "$output"
		return 1
	}
}

# skipped TEXT: the checks that were skipped because of TEXT
skipped() {
	jq -r --arg text "$1" 'select(.status == "skip" and (.text | contains($text))) | .check' <<<"$output" | paste -sd' '
}

# health_is FILTER: of /health, within its interval
health_is() {
	wait_for 20 "for /health to say $1" health_says "$1"
}

health_says() {
	curl -s --max-time 5 "$API_URL/health" | jq -e ".checks | $1"
}

@test "all ten pass, in the words of the deployment's document" {
	run -0 --separate-stderr smoke
	[ "$(sed 's/^Timestamp:  20[0-9-]*T[0-9:]*Z$/Timestamp:  T/' <<<"$output")" = "========================================
  FiLot Production Smoke Tests
========================================
API URL:    $API_URL
Timestamp:  T
========================================

Phase 1: API Health Checks
----------------------------------------
[PASS] API Health Check
[PASS] Health - Redis Connected
[PASS] Health - Database Connected
[PASS] Metrics Endpoint

Phase 2: Endpoint Validation
----------------------------------------
[PASS] Auth Endpoint (Protected)
[PASS] Documents Endpoint (Protected)
[PASS] Verification Evaluate Endpoint

Phase 3: Infrastructure Checks
----------------------------------------
[PASS] CloudWatch Log Groups
[PASS] ECS Service Status
[PASS] GPU Worker Status

========================================
  Smoke Test Summary
========================================
  Passed:  10
  Failed:  0
  Skipped: 0
========================================
  OVERALL: PASSED" ]
	[ -z "$stderr" ]
	run -0 env -u FILOT_SMOKE_JWT filot-smoke --only verification
	[[ $output == *'[SKIP] Verification Evaluate Endpoint - No JWT token provided'* ]]
}

@test "a canary of a user and one of a service are read back and deleted; the queue itself is looked at" {
	run -0 --separate-stderr filot-smoke --canary --json
	jq -se '(map(select(.check)) | length == 12 and all(.status == "pass" and .ms >= 0)) and last.summary.passed == 12' <<<"$output"
	jq -se '.[11].text | test("^[A-Z]{10} was read back after [0-9]+ ms, and deleted$")' <<<"$output"
	[ "$(sql "select count(*), count(deleted_at), count(owner_id) from documents where name = 'filot-canary.pgm'")" = '1|1|1' ]
	run -0 env -u FILOT_SMOKE_JWT -u FILOT_REDIS_URL filot-smoke --only canary
	[ "$(sql "select count(*), count(deleted_at), count(owner_id) from documents where name = 'filot-canary.pgm'")" = '2|2|1' ]
	[ "$(sql 'select count(*) from ocr_pages')" = 0 ]
}

@test "the canary's words are read, each of its three lines, whatever they are" {
	local word
	[ -x "$FILOT_BUILD/tests/draw_words" ] || die "there is no draw_words" "run: make unit-binaries"
	"$FILOT_BUILD/tests/draw_words" 20
	for word in *.pgm; do
		echo "$word"
	done | sed 's/\(.*\).pgm/\1\1\1/' >sent
	filot-ocr-gpu --format json -- *.pgm 2>/dev/null | jq -r '[.pages[].text] | join("") | gsub("\\s"; "")' >read
	[ "$(wc -l <sent)" -eq 20 ]
	diff sent read
}

@test "TAP and JUnit say the same" {
	run -0 env -u FILOT_SMOKE_JWT -u FILOT_REDIS_URL filot-smoke --tap --junit report.xml --only metrics --only verification
	[ "${lines[0]} ${lines[1]}" = 'TAP version 13 1..2' ]
	[[ $output == *'ok 1 - Metrics Endpoint'*'ok 2 - Verification Evaluate Endpoint # SKIP No JWT token provided'* ]]
	aws_is '.services = {}'
	run -1 smoke --tap --junit report.xml --only verification --only backend
	[[ $output == *'ok 1 - Verification'*'not ok 2 - ECS Service Status'*'message: "the cluster filot-backend-cluster has no service'* ]]
	python3 - <<-'END'
		import xml.etree.ElementTree as tree
		suite = tree.parse("report.xml").getroot()[0]
		assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["2", "1", "0", "0"]
		cases = suite.findall("testcase")
		assert [case.get("classname") for case in cases] == ["filot-smoke.verification", "filot-smoke.backend"]
		assert "has no service" in cases[1].find("failure").get("message") and float(cases[1].get("time")) >= 0
	END
}

@test "an endpoint that is gone, cut short, open or failing is the one that fails" {
	instead 'GET /metrics' 404 ''
	run -1 bent --json
	only_fails metrics 'HTTP 404'
	instead 'GET /metrics' 200 '# TYPE filot_build gauge'
	run -1 bent --json
	only_fails metrics 'not with FiLot'
	instead 'GET /auth/me' 200 '{}'
	run -1 bent --json
	only_fails auth 'NOT protected'
	instead 'GET /documents' 200 '{"documents":[]}'
	run -1 bent --json
	only_fails documents 'NOT protected'
	instead 'POST /verification/evaluate' 500 '{"code":"internal","detail":"broken"}'
	run -1 bent --json
	only_fails verification 'HTTP 500 to an empty request, not 422 (internal: broken)'
	instead 'GET /health' 200 '<html>'
	run -1 bent --json
	only_fails health 'not as filot-api does' 2
	FILOT_SMOKE_JWT=${FILOT_SMOKE_JWT}x run -1 smoke --json
	only_fails verification 'the JWT is refused (invalid_token'
}

@test "a log group or a service that is missing or not well is the one that fails" {
	aws_is '.groups -= ["/ecs/filot-backend"]'
	run -1 smoke --json
	only_fails logs 'there is no log group /ecs/filot-backend in ap-southeast-2'
	aws_is '.services["filot-backend-service"] = {status: "INACTIVE"}'
	run -1 smoke --json
	only_fails backend 'filot-backend-service is INACTIVE'
	aws_is '.services["filot-ocr-gpu-service"] = {runningCount: 1, events: [{message: "was unable to place a task"}]}'
	run -1 smoke --json
	only_fails worker '1 of 2 tasks run: was unable to place a task'
	aws_is '.services["filot-ocr-gpu-service"].deployments = [{status: "PRIMARY", taskDefinition: "w:7", rolloutState: "FAILED", rolloutStateReason: "tasks failed to start"}]'
	run -1 smoke --json
	only_fails worker 'the deployment of w:7 failed: tasks failed to start'
	aws_is '.services["filot-backend-service"] = {desiredCount: 0, runningCount: 0}'
	run -1 smoke --json
	only_fails backend 'desired count 0'
	aws_is '.error["ecs.DescribeServices"] = ["ClusterNotFoundException", "Cluster not found."]'
	run -1 smoke --json --only worker --ocr-gpu-cluster other
	only_fails worker 'ecs:DescribeServices: HTTP 400 ClusterNotFoundException: Cluster not found.'
}

@test "credentials come from the environment, a container or an instance; refused ones fail once" {
	local flags=(--json --only logs --only backend --only worker)
	AWS_ACCESS_KEY_ID=ASIATEMPORARY AWS_SECRET_ACCESS_KEY=temporary-secret AWS_SESSION_TOKEN='temporary/token==' smoke "${flags[@]}"
	AWS_SECRET_ACCESS_KEY=wrong run -1 smoke "${flags[@]}"
	only_fails logs 'logs:DescribeLogGroups: HTTP 400 InvalidSignatureException' 2
	[[ $output != *wrong* ]]
	run -1 smoke "${flags[@]}" --region eu-west-1
	only_fails logs 'not eu-west-1/logs' 2
	aws_is '.error["logs.DescribeLogGroups"] = ["AccessDeniedException", "not authorized to perform: logs:DescribeLogGroups"]'
	run -1 smoke "${flags[@]}"
	only_fails logs 'not authorized'
	aws_is .
	unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
	run -0 smoke "${flags[@]}"
	[ "$(skipped 'No AWS credentials provided')" = 'logs backend worker' ]
	# credentials are had past a proxy, calls are not
	AWS_CONTAINER_CREDENTIALS_FULL_URI=$AWS_ENDPOINT_URL/v2/credentials/task AWS_CONTAINER_AUTHORIZATION_TOKEN=shown-by-the-container \
		http_proxy=http://127.0.0.1:1 no_proxy='' run -1 --separate-stderr smoke --json --only logs
	only_fails logs "logs:DescribeLogGroups: $AWS_ENDPOINT_URL: Failed to connect to 127.0.0.1 port 1"
	AWS_CONTAINER_CREDENTIALS_FULL_URI=$AWS_ENDPOINT_URL/v2/credentials/task AWS_CONTAINER_AUTHORIZATION_TOKEN=shown-by-the-container \
		smoke "${flags[@]}"
	AWS_CONTAINER_CREDENTIALS_FULL_URI=$AWS_ENDPOINT_URL/v2/credentials/task run -1 smoke "${flags[@]}"
	only_fails logs 'container credentials: HTTP 401' 2
	AWS_CONTAINER_CREDENTIALS_FULL_URI=http://192.0.2.1/v2/credentials/task run -1 smoke "${flags[@]}"
	only_fails logs 'must be https, or on this machine' 2
	unset AWS_EC2_METADATA_DISABLED
	AWS_EC2_METADATA_SERVICE_ENDPOINT=$AWS_ENDPOINT_URL/ smoke "${flags[@]}"
	aws_is '.role = false'
	AWS_EC2_METADATA_SERVICE_ENDPOINT=$AWS_ENDPOINT_URL run -0 smoke "${flags[@]}"
	[ "$(skipped 'No AWS credentials provided')" = 'logs backend worker' ]
}

@test "a canary that cannot be handed in, read, found or deleted fails, and leaves nothing behind" {
	instead 'POST /documents' 503 '{"code":"unavailable","detail":"storage"}'
	run -1 bent --json --only canary
	only_fails canary 'POST /documents answers HTTP 503 (unavailable: storage)'
	instead 'GET /documents/*/text' 200 'OTHER WORDS'
	run -1 bent --json --only canary
	only_fails canary 'was sent, and "OTHER WORDS" is what was read'
	instead 'DELETE /documents/*' 403 '{"code":"forbidden"}'
	run -1 bent --json --only canary
	only_fails canary 'was not deleted: HTTP 403 (forbidden)'
	[ "$(sql "select count(*) from documents where deleted_at is null")" = 1 ]
	instead 'GET /documents/*' 200 '{"status":"failed","job":{"error":{"code":"timeout","message":"slow"}}}'
	run -1 bent --json --only canary
	only_fails canary 'its job failed: timeout: slow'
	[ "$(sql "select count(*) from documents where deleted_at is null")" = 1 ]
	sql "delete from documents where deleted_at is null"
}

@test "without a worker the canary waits in vain, says so, and is deleted; a signal ends it early" {
	worker_stop
	run -1 smoke --json --canary --canary-timeout 1s
	only_fails canary 'is still queued after 1 s: does a worker run'
	env -u FILOT_REDIS_URL filot-smoke --only canary >out 2>&1 &
	wait_for 20 "for the canary to be sent" sent
	kill -TERM $!
	wait $! || status=$?
	[ "$status" = 75 ]
	grep -F '[FAIL] Canary Document - stopped by a signal' out
	[ "$(sql "select count(*) from documents where deleted_at is null")" = 0 ]
	worker_start
}

sent() {
	[ "$(sql "select count(*) from documents where deleted_at is null")" = 1 ]
}

@test "storage, Redis, the queue or the database away: one check fails, and what rests on it is skipped" {
	server_kill "$SERVERS_DIR" storage
	health_is '.storage.status == "down"'
	run -1 smoke --json --canary
	only_fails health '/health answers HTTP 503: storage is down (' 1
	server_start "$SERVERS_DIR" storage
	server_kill "$SERVERS_DIR" postgres
	health_is '.storage.status == "ok" and .database.status == "down"'
	run -1 smoke --json --canary
	only_fails database '/health says that database is down: unavailable since 20' 3
	[ "$(skipped 'because of what is checked below')/$(skipped 'Rests on Health - Database Connected')" = 'health/verification canary' ]
	server_start "$SERVERS_DIR" postgres
	server_kill "$SERVERS_DIR" redis
	health_is '.database.status == "ok" and .redis.status == "down" and .queue.status == "down"'
	run -1 smoke --json --canary --redis-url "$FILOT_REDIS_URL"
	only_fails redis '/health says that redis is down' 3
	server_start "$SERVERS_DIR" redis
	redis del 'filot:{smoke}:jobs'
	redis set 'filot:{smoke}:jobs' 'not a stream'
	health_is '.redis.status == "ok" and .queue.status == "down"'
	run -1 smoke --json --canary
	only_fails redis '/health says that queue is down' 2
	run -1 filot-smoke --json --only queue
	only_fails queue 'WRONGTYPE'
}

@test "a failed check is tried again: --retry" {
	local tries
	tries=$(tries_made)
	aws_is '.services = {}'
	smoke --json --only backend --retry 20 >out &
	wait_for 20 "for a first try" more_than "$tries"
	aws_is .
	wait $!
	jq -se '.[0].status == "pass" and .[0].tries > 1' out
}

tries_made() {
	grep -c '^ecs.DescribeServices$' "$SERVERS_DIR/aws/log"
}

more_than() {
	(($(tries_made) > $1))
}

@test "without the API one check fails, and all that needs it is skipped" {
	api_stop
	run -1 smoke --json --canary
	only_fails health "$API_URL: " 7
	[ "$(skipped 'The API gives no answer')" = 'redis database metrics auth documents verification canary' ]
}
