# shellcheck shell=bash source-path=SCRIPTDIR
# An eventful day of the whole system on private servers, for the tests of what operators use: log queries and runbooks.
# Documents are read, fail, kill their reader and are handed back; logins are refused; BULI2 and PostgreSQL go away and
# come back; everything is drained. After `load helper`, `load api` and `load buli2`:
#
#   day_live DIR   leaves what each process printed in DIR/LOG-GROUP/STREAM, '/' written as '_', as awslogs would have it,
#                  and the settings of the commands exported; in $DAY a folder with what happened: the files document,
#                  upload (request id), jobs read, hostile, dead, handed and deliveries well, buried hold an id each
#
# What happens lies in Redis and PostgreSQL afterwards: two dead jobs, a dead delivery.

day_filter() { # NAME JQ FILES…: a value that must be there
	local value
	value=$(jq -rn "first(inputs | $2)" "${@:3}")
	[[ -n $value && $value != null ]] || return 1
	printf '%s' "$value" >"$DAY/$1"
}

day_has() { # TEXT FILE
	grep -q "$1" "$2"
}

day_live() {
	local logs=$1 data=$FILOT_ROOT/tests/data backend worker ops pid
	DAY=$logs/day
	backend=$logs/_ecs_filot-backend worker=$logs/_ecs_filot-ocr-gpu-worker ops=$logs/_ecs_filot-ops
	export DAY FILOT_MIGRATIONS=$FILOT_ROOT/migrations
	mkdir -p "$DAY" "$backend" "$worker" "$ops"
	# as scripts/deploy-backend.sh migrate and the scheduled tasks do
	filot-migrate up >>"$ops/ops_ops_1" 2>&1
	filot-migrate status >>"$ops/ops_ops_1" 2>&1
	api_start --trusted-proxy 127.0.0.1
	buli2_start day
	filot-buli2 --queue --poll 50ms --backoff 50ms --backoff-cap 100ms --breaker-wait 100ms --breaker-cap 200ms \
		>>"$backend/buli2_buli2_1" 2>&1 3>&- 4>&- &
	echo $! >"$DAY/buli2.pid"
	day_api "$data"
	day_worker "$worker/worker_worker_1" "$data"
	day_hostile "$worker/worker_worker_2" "$data"
	day_drained "$worker/worker_worker_3" "$data"
	day_buli2 "$backend/buli2_buli2_1"
	day_outage "$ops/ops_ops_4"
	filot-healthd --emf --once >>"$backend/healthd_healthd_1" 2>&1
	filot-requeue --min-idle 0s >>"$ops/ops_ops_2" 2>&1
	FILOT_REDIS_URL=redis://127.0.0.1:1 filot-requeue --wait 1ms >>"$ops/ops_ops_3" 2>&1 || [ $? -eq 69 ]
	filot-smoke --json --api-url "$API_URL" --only health --only auth >>"$ops/ops_ops_5" 2>&1
	filot-smoke --json --api-url http://127.0.0.1:1 --only health >>"$ops/ops_ops_5" 2>&1 || [ $? -eq 1 ]
	api_stop
	pid=$(cat "$DAY/buli2.pid")
	kill -TERM "$pid"
	wait "$pid"
	cp "$SERVERS_DIR/api/log" "$backend/filot-backend_filot-backend_1"
	day_filter read 'select(.event == "job_done") | .job' "$worker"/worker_worker_1
	day_filter hostile 'select(.event == "job_failed" and .code == "timeout") | .job' "$worker"/worker_worker_2
	day_filter dead 'select(.event == "job_failed" and .code == "corrupt_document") | .job' "$worker"/worker_worker_1
	day_filter handed 'select(.event == "job_handed_back") | .job' "$worker"/worker_worker_3
	day_filter well 'select(.event == "delivery" and .status == "delivered") | .delivery' "$backend/buli2_buli2_1"
	day_filter buried 'select(.event == "delivery" and .status == "dead") | .delivery' "$backend/buli2_buli2_1"
}

day_waits() { # COUNT
	[ "$(redis xlen "filot:{ocr}:jobs")" -eq "$1" ]
}

# day_api FOLDER: somebody registers and uploads a good and a bad document; others are not let in
day_api() {
	api_user
	TOKEN='' api_json POST /auth/login "{\"email\":\"$EMAIL\",\"password\":\"a wrong password\"}" -H 'X-Forwarded-For: 203.0.113.7'
	expect 401
	TOKEN='' api_json POST /auth/login '{"email":"nobody@example.org","password":"a wrong password"}' -H 'X-Forwarded-For: 203.0.113.7'
	expect 401
	TOKEN='' api_json POST /auth/refresh '{"refresh_token":"none"}'
	TOKEN='' api GET /documents
	expect 401
	api POST /documents --data-binary @"$1/word.png" -H 'Content-Type: image/png' -H 'X-Request-Id: upload-of-the-day'
	expect 201
	member .id >"$DAY/document"
	printf upload-of-the-day >"$DAY/upload"
	head -c 300 "$1/phototest.tif" >"$DAY/bad.tif"
	api POST /documents --data-binary @"$DAY/bad.tif" -H 'Content-Type: image/tiff'
	expect 201
	api GET "/documents/$(cat "$DAY/document")/text"
}

# day_worker LOG FOLDER: reads both
day_worker() {
	wait_for 30 "for the API to send both jobs" day_waits 2
	filot-ocr-gpu --queue --once --allow-file "$2" >>"$1" 2>&1
}

day_running() {
	[ "$(sql "select count(*) from jobs where state = 'running'")" -eq 1 ]
}

day_unlimited() { # a process has some turns in hand before it asks Redis
	api GET /documents
	day_has '"event":"rate_limits_off"' "$SERVERS_DIR/api/log"
}

# day_hostile LOG FOLDER: a document that takes its reader too long, twice
day_hostile() {
	filot-enqueue --document hostile "$2/phototest.tif" >"$DAY/receipt"
	filot-ocr-gpu --queue --once --allow-file "$2" --timeout 1ms >>"$1" 2>&1
	filot-requeue --delayed >/dev/null
	filot-ocr-gpu --queue --once --allow-file "$2" --timeout 1ms >>"$1" 2>&1
}

# day_drained LOG FOLDER: a worker that has to go in the middle of a document; what it leaves is dropped
day_drained() {
	local worker
	printf '{"uri":"file:%s","document":"long"}\n' "$2"/phototest.tif{,,,,,} | filot-enqueue >/dev/null
	filot-ocr-gpu --queue --jobs 1 --worker leaving --allow-file "$2" >>"$1" 2>&1 3>&- 4>&- &
	worker=$!
	wait_for 30 "for a job to be done" day_has '"event":"job_done"' "$1"
	pkill -STOP -P "$worker"
	wait_for 30 "for the next one to run" day_running
	kill -TERM "$worker"
	wait_for 30 "for the drain" day_has '"event":"draining"' "$1"
	kill -TERM "$worker"
	wait "$worker"
	filot-requeue list ready | jq -r .job | filot-requeue drop --yes - >/dev/null
}

# day_buli2 LOG: a good delivery, one after faults of BULI2's, and one that it refuses
day_buli2() {
	behave ok
	deliveries_make 1 well
	wait_for 30 "for a delivery" deliveries_are delivered 1
	behave 500 500 500 500 500 500 ok
	deliveries_make 1 late
	wait_for 30 "for a late delivery" deliveries_are delivered 2
	wait_for 30 "for the breaker to close" day_has '"event":"breaker_closed"' "$1"
	behave 400
	deliveries_make 1 bad
	wait_for 30 "for a dead delivery" deliveries_are dead 1
}

# day_outage: Redis, then PostgreSQL goes away and comes back; Redis is set as it should not be
day_outage() {
	server_stop "$SERVERS_DIR" redis
	wait_for 30 "for the API to miss it" day_unlimited
	server_start "$SERVERS_DIR" redis
	redis config set maxmemory 1gb maxmemory-policy allkeys-lru
	filot-requeue stats >/dev/null 2>>"$1"
	redis config set maxmemory 0 maxmemory-policy noeviction
	server_stop "$SERVERS_DIR" postgres
	api GET /documents -H 'X-Request-Id: request-in-the-dark'
	expect 503
	wait_for 30 "for the API to notice" day_has '"event":"dependency_down","dependency":"database"' "$SERVERS_DIR/api/log"
	server_start "$SERVERS_DIR" postgres
	wait_for 30 "for the API to see it again" api_well
}
