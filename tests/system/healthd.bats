#!/usr/bin/env bats
# filot-healthd against real servers, real workers and a real browser: what it says of services that break, that its
# figures are right and stay, and that the page shows them.
# bats file_tags=sanitized

# shellcheck disable=SC2094,SC2030,SC2031 # a test is a subshell on purpose
bats_require_minimum_version 1.5.0
load helper
load api

setup_file() {
	servers_setup redis postgres storage
	filot-migrate --dir "$FILOT_ROOT/migrations" up >/dev/null
}

teardown_file() {
	servers_teardown
}

setup() {
	FILOT_QUEUE_NAME=test$BATS_TEST_NUMBER
	export FILOT_QUEUE_NAME
	queue="filot:{$FILOT_QUEUE_NAME}"
	data=$FILOT_ROOT/tests/data
	cd "$BATS_TEST_TMPDIR" || exit
}

teardown() {
	background_end
	servers_start "$SERVERS_DIR" redis postgres storage
}

# daemon FLAGS…: looks often; its process id in $daemon, its URL in $url
daemon() {
	: >log # that of an earlier one says ready, too
	filot-healthd --listen 127.0.0.1:0 --interval 300ms "$@" >out 2>log &
	daemon=$!
	WAIT_WHILE="kill -0 $daemon" wait_for 20 "filot-healthd to be ready" grep -q '"event":"ready"' log
	url=http://127.0.0.1:$(jq -r 'select(.event == "ready").port' log)
	wait_for 20 "the first look" curl -sf "$url/metrics" -o first
}

daemon_end() {
	kill -TERM "$daemon"
	wait "$daemon"
}

# check_is NAME FILTER VALUE: what /health says of a service; the answer stays in ./health
check_is() {
	curl -s "$url/health" -o health
	[ "$(jq -r ".checks.$1 | $2" health)" = "$3" ]
}

overall_is() {
	[ "$(curl -s "$url/health" | jq -r .status)" = "$1" ]
}

# the samples as "NAME{LABELS} VALUE", by a parser that is not ours
samples() {
	curl -sf "$url/metrics" | PYTHONPATH=$(prometheus_path) python3 "$FILOT_ROOT/tests/system/healthd_check.py" metrics
}

sample_is() { # SAMPLE
	samples | grep -qxF "$1"
}

# raw_is LINE: of the text as it is; for waits, because it takes no parser's time
raw_is() {
	curl -sf "$url/metrics" | grep -qxF "$1"
}

# emf_line FLAGS…: one checked line, as "NAME VALUE" lines in ./emf
emf_line() {
	filot-healthd --emf --once --interval 300ms "$@" 2>emf.log >line
	python3 "$FILOT_ROOT/tests/system/healthd_check.py" emf <line >emf
}

lines_are() { # N: so many lines of the daemon are out
	[ "$(wc -l <out)" -ge "$1" ]
}

jobs_send() { # FILE DOCUMENT…
	local file=$1 document
	shift
	for document in "$@"; do
		printf '{"v":1,"uri":"file:%s","document":"%s"}\n' "$data/$file" "$document"
	done | filot-enqueue >receipts
}

work() {
	filot-ocr-gpu --queue --once --allow-file "$data" --jobs 1 2>work.log
}

# temporal: its stand-in; where it is, and the key that it takes, in FILOT_TEMPORAL_ENDPOINT and _API_KEY
temporal() {
	python3 "$BATS_TEST_DIRNAME/temporal_server.py" geheim default >temporal.out 2>temporal.log &
	wait_for 10 "the stand-in for Temporal" grep -q . temporal.out
	export FILOT_TEMPORAL_ENDPOINT FILOT_TEMPORAL_API_KEY=geheim
	FILOT_TEMPORAL_ENDPOINT=http://127.0.0.1:$(cat temporal.out)
}

temporal_calls() {
	curl -sf "$FILOT_TEMPORAL_ENDPOINT/state" | jq .calls
}

# ---- health ----

@test "all services are ok, and Temporal is off, ok, or down without taking the whole with it" {
	daemon
	wait_for 10 "all to be ok" overall_is ok
	run -0 filot-healthd --probe "$url"
	[ "$(curl -sf "$url/health" | jq -c '[.checks[].status]')" = '["ok","ok","ok","ok","off"]' ]
	[ "$(curl -sf "$url/health" | jq '[.checks[] | select(.latency_ms >= 0 and .since <= .checked_at)] | length')" = 4 ]
	daemon_end
	temporal
	daemon
	wait_for 10 "Temporal to be ok" check_is temporal .status ok
	[ "$(curl -sf "$FILOT_TEMPORAL_ENDPOINT/state" | jq -c .bad)" = '[]' ]
	daemon_end
	FILOT_TEMPORAL_API_KEY=wrong daemon
	wait_for 10 "Temporal to be down" check_is temporal .status down
	overall_is degraded
	[[ $(jq -r .checks.temporal.error health) == *FILOT_TEMPORAL_API_KEY* ]]
	run -0 filot-healthd --probe "$url"
	run ! grep -r geheim log health
}

# breaks SERVER DEED UNDO CHECK…: while it is broken exactly these checks are down, since then
breaks() {
	local server=$1 deed=$2 undo=$3 check before after now
	shift 3
	wait_for 20 "all to be ok before $server breaks" overall_is ok
	curl -s "$url/health" -o before
	before=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
	"$deed" "$SERVERS_DIR" "$server"
	for check in "$@"; do
		wait_for 20 "$check to be down" check_is "$check" .status down
	done
	after=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
	[ "$(jq -r .status health)" = down ]
	[ "$(jq -c '[.checks | to_entries[] | select(.value.status == "down") | .key]' health)" = \
		"$(jq -cn '$ARGS.positional' --args "$@")" ]
	for check in "$@"; do
		jq -e --arg before "$before" --arg after "$after" ".checks.$check | .since >= \$before and .since <= \$after and
			.last_success <= .since and (.error | length) > 0" health
	done
	# it stays in this state, since the same time, while it is probed on
	now=$(jq -r ".checks.$1.checked_at" health)
	cp health first_health
	wait_for 20 "another probe" check_is "$1" ".checked_at > \"$now\"" true
	[ "$(jq -c ".checks.$1 | [.since, .last_success]" health)" = "$(jq -c ".checks.$1 | [.since, .last_success]" first_health)" ]
	run -1 filot-healthd --probe "$url/readyz"
	run -0 filot-healthd --probe "$url/livez"
	"$undo" "$SERVERS_DIR" "$server"
	wait_for 30 "all to be ok after $server is back" overall_is ok
	curl -s "$url/health" -o health
	jq -e --arg before "$before" ".checks.$1 | .since > \$before and .last_success >= .since and (has(\"error\") | not)" health
	# the others never changed
	for check in redis database storage queue; do
		[[ " $* " == *" $check "* ]] || [ "$(jq -r ".checks.$check.since" health)" = "$(jq -r ".checks.$check.since" before)" ]
	done
}

@test "a Redis that dies takes the queue with it, and comes back" {
	daemon
	breaks redis server_kill server_start redis queue
}

@test "a database that dies is down, and comes back" {
	daemon
	breaks postgres server_kill server_start database
}

@test "a storage that hangs is down after its timeout, and comes back" {
	daemon
	breaks storage server_pause server_resume storage
}

@test "a database without tables, a bucket that is not there and a wrong key are down, with what to do" {
	local all=$FILOT_DATABASE_URL
	database_new
	FILOT_R2_BUCKET=not-there daemon
	wait_for 10 "the first probes" check_is storage .status down
	[[ $(jq -r .checks.storage.error health) == *NoSuchBucket* ]]
	wait_for 10 "the first probes" check_is database .status down
	[[ $(jq -r .checks.database.error health) == *'filot-migrate up'* ]]
	daemon_end
	export FILOT_DATABASE_URL=$all
	FILOT_R2_SECRET_KEY=wrong daemon
	wait_for 10 "the first probes" check_is storage .status down
	[[ $(jq -r .checks.storage.error health) == *SignatureDoesNotMatch* ]]
	check_is database .status ok
}

@test "jobs that wait and no worker, or too long, make the queue degraded" {
	daemon
	jobs_send word.png one two
	wait_for 10 "the queue to be degraded" check_is queue .status degraded
	[[ $(jq -r .checks.queue.error health) == *'2 jobs wait'*'no worker'* ]]
	overall_is degraded
	work
	wait_for 10 "the queue to be ok" check_is queue .status ok
	daemon_end
	# a worker that is seen, and claims nothing more
	redis hset "$queue:workers" w1 "$(date +%s%3N) {\"slots\":1,\"busy\":1}" >/dev/null
	jobs_send word.png three
	daemon --oldest 500ms
	wait_for 10 "the queue to be degraded" check_is queue .status degraded
	[[ $(jq -r .checks.queue.error health) == *'has waited'* ]]
}

@test "1000 who ask cause no probe more than the interval gives" {
	local started_ms spent_ms asked pings
	temporal
	daemon --interval 1s
	wait_for 10 "all to be ok" overall_is ok
	started_ms=$(date +%s%3N)
	asked=$(temporal_calls)
	pings=$(redis info commandstats | sed -n 's/^cmdstat_ping:calls=\([0-9]*\),.*/\1/p')
	curl -sf "$url/{health,readyz,metrics,status.json}?[1-250]" -o /dev/null -w '%{http_code}\n' >codes
	echo "# 1000 answers in $(($(date +%s%3N) - started_ms)) ms" >&3
	[ "$(sort codes | uniq -c | awk '{ print $1, $2 }')" = '1000 200' ]
	asked=$(($(temporal_calls) - asked))
	pings=$(($(redis info commandstats | sed -n 's/^cmdstat_ping:calls=\([0-9]*\),.*/\1/p') - pings))
	spent_ms=$(($(date +%s%3N) - started_ms))
	[ "$asked" -le $((spent_ms / 1000 + 1)) ]
	[ "$pings" -le $((spent_ms / 1000 + 1)) ]
}

@test "/livez is red while the daemon's own loop hangs, and green when it goes on" {
	mkfifo lines
	exec 7<>lines
	dd if=/dev/zero of=lines bs=4096 oflag=nonblock status=none 2>/dev/null || true # full: nobody reads, so the next line waits
	filot-healthd --listen 127.0.0.1:0 --interval 100ms --stuck 300ms --emf >lines 2>log &
	wait_for 20 "filot-healthd to be ready" grep -q '"event":"ready"' log
	url=http://127.0.0.1:$(jq -r 'select(.event == "ready").port' log)
	wait_for 20 "the loop to hang" livez_is 503
	[ "$(jq -r .code livez)" = stuck ]
	run -1 filot-healthd --probe "$url/livez"
	run -0 filot-healthd --probe "$url/health" # the services are well
	cat <&7 >read &
	wait_for 20 "the loop to go on" livez_is 200
	exec 7>&-
}

livez_is() {
	[ "$(curl -s -o livez -w '%{http_code}' "$url/livez")" = "$1" ]
}

# ---- figures ----

@test "the metrics are what an OpenMetrics parser takes, and count what workers did, over all restarts" {
	local stage name
	daemon
	jobs_send word.png one two
	jobs_send SOURCES.md three
	work
	wait_for 20 "three jobs to be counted and all services to be well" three_jobs_are_told
	PYTHONPATH=$(prometheus_path) python3 "$FILOT_ROOT/tests/system/healthd_check.py" metrics <told >before
	grep -qx 'filot_jobs_total{code="",status="done"} 2' before
	grep -qx 'filot_jobs_total{code="unsupported_format",status="failed"} 1' before
	grep -qx 'filot_pages_total{} 2' before
	for stage in queue fetch decode layout recognise store total; do
		grep -qx "filot_job_stage_seconds_count{stage=\"$stage\"} 2" before
		grep -qx "filot_job_stage_seconds_bucket{le=\"+Inf\",stage=\"$stage\"} 2" before
	done
	grep -qx 'filot_queue_dead{} 1' before
	for name in high normal low; do
		grep -qx "filot_queue_depth{priority=\"$name\"} 0" before
	done
	for name in queue_in_flight queue_oldest_seconds queue_delayed queue_backlog_per_worker workers buli2_requests \
		buli2_retry buli2_dead; do
		grep -qx "filot_$name{} 0" before
	done
	# none of the processes that counted lives on
	daemon_end
	server_kill "$SERVERS_DIR" redis
	server_start "$SERVERS_DIR" redis
	daemon
	diff <(grep -E '^filot_(jobs|pages|job_stage)' before) <(samples | grep -E '^filot_(jobs|pages|job_stage)')
	jobs_send word.png four
	work
	wait_for 10 "the fourth job to be counted" raw_is 'filot_jobs_total{status="done",code=""} 3'
	sample_is 'filot_pages_total{} 3'
}

# in one answer, ./told: the look before the last saw less, and on a busy machine a service may have been slow once
three_jobs_are_told() {
	curl -sf "$url/metrics" -o told &&
		grep -qx 'filot_jobs_total{status="done",code=""} 2' told &&
		grep -qx 'filot_jobs_total{status="failed",code="unsupported_format"} 1' told &&
		[ "$(grep -cE '^filot_dependency_up\{dependency="(redis|database|storage|queue)"\} 1$' told)" -eq 4 ]
}

@test "a live worker has its gauges; GPUs only when it tells of some; BULI2's lists are counted" {
	filot-ocr-gpu --queue --worker w1 --jobs 1 --allow-file "$data" 2>worker.log &
	wait_for 30 "the worker to be ready" grep -q '"event":"ready"' worker.log
	daemon
	wait_for 20 "the worker to be seen" raw_is 'filot_worker_slots{worker="w1"} 1'
	samples >told
	grep -qxF 'filot_worker_up{worker="w1"} 1' told
	grep -qxF 'filot_workers{} 1' told
	grep -q '^filot_process_up{command="filot-ocr-gpu",process=".*"} 1$' told
	run ! grep filot_gpu told
	redis hset "$queue:workers" w3 "1000 {\"slots\":9}" w2 "$(date +%s%3N) {\"slots\":2,\"gpus\":[{\"utilization\":0.75,\"memory_used_bytes\":1024,\"memory_total_bytes\":4096}]}" >/dev/null
	wait_for 10 "the GPU" raw_is 'filot_gpu_utilization_ratio{worker="w2",gpu="0"} 0.75'
	samples >told
	grep -qxF 'filot_gpu_memory_bytes{gpu="0",kind="used",worker="w2"} 1024' told
	grep -qxF 'filot_gpu_memory_bytes{gpu="0",kind="total",worker="w2"} 4096' told
	grep -qxF 'filot_worker_up{worker="w3"} 0' told
	grep -qxF 'filot_workers{} 2' told
	redis xadd 'filot:{buli2}:requests' '*' a 1 >/dev/null
	redis xadd 'filot:{buli2}:dead' '*' a 1 >/dev/null
	redis zadd 'filot:{buli2}:retry' 1 a 2 b >/dev/null # the last: what is waited for
	wait_for 10 "BULI2's lists" raw_is 'filot_buli2_retry 2'
	samples >told
	grep -qxF 'filot_buli2_requests{} 1' told
	grep -qxF 'filot_buli2_dead{} 1' told
	daemon_end
	FILOT_BULI2_QUEUE_NAME=other daemon
	wait_for 10 "the other queue's" raw_is 'filot_buli2_retry 0'
	redis del 'filot:{buli2}:requests' 'filot:{buli2}:retry' 'filot:{buli2}:dead' >/dev/null
}

@test "the API's requests and their times are counted there, and over its restarts here" {
	local API_URL number
	FILOT_JWT_SECRET=$(openssl rand -hex 32)
	FILOT_SESSION_SECRET=$(openssl rand -hex 32)
	FILOT_SERVICE_KEY=$(openssl rand -hex 32)
	export FILOT_JWT_SECRET FILOT_SESSION_SECRET FILOT_SERVICE_KEY
	daemon
	for number in 1 2; do
		api_start
		curl -s "$API_URL/documents?[1-5]" -o /dev/null
		curl -sf "$API_URL/metrics" | PYTHONPATH=$(prometheus_path) python3 "$FILOT_ROOT/tests/system/healthd_check.py" metrics >one
		grep -qxF 'filot_api_requests_total{method="GET",route="/documents",status="401"} 5' one
		api_stop
		wait_for 10 "the API's requests" raw_is \
			"filot_api_requests_total{route=\"/documents\",method=\"GET\",status=\"401\"} $((5 * number))"
		sample_is "filot_api_request_seconds_count{route=\"/documents\"} $((5 * number))"
	done
}

@test "what is counted is told to CloudWatch once, whoever tells it, in valid EMF" {
	local name
	emf_line --service one
	grep -qx 'Service one' emf
	grep -qx 'Healthy 1' emf
	for name in QueueDepth QueueInFlight OldestJobAge DelayedJobs DeadJobs BacklogPerWorker Workers Buli2RetryQueue Buli2Dead \
		JobsDone JobsFailed PagesDone ApiRequests Api5xx; do
		grep -qx "$name 0" emf
	done
	grep -qE '^DiskUsedPercent [0-9.]+$' emf
	jobs_send word.png one two
	jobs_send SOURCES.md three
	emf_line
	grep -qx 'QueueDepth 3' emf
	grep -qx 'BacklogPerWorker 3' emf
	work
	# a daemon, and cron beside it
	daemon --emf --emf-interval 1s
	wait_for 20 "three lines of the daemon" lines_are 3
	emf_line
	daemon_end
	python3 "$FILOT_ROOT/tests/system/healthd_check.py" emf <out >told
	cat emf >>told
	[ "$(awk '$1 == "JobsDone" { sum += $2 } END { print sum }' told)" = 2 ]
	[ "$(awk '$1 == "JobsFailed" { sum += $2 } END { print sum }' told)" = 1 ]
	[ "$(awk '$1 == "PagesDone" { sum += $2 } END { print sum }' told)" = 2 ]
	# what is not known is left out
	server_kill "$SERVERS_DIR" redis
	emf_line
	grep -qx 'Healthy 0' emf
	run ! grep -E 'Queue|Jobs|Workers|Api' emf
	grep -q DiskUsedPercent emf
}

@test "the history is one for all daemons, outlives them, and is bounded" {
	local minute
	minute=$(($(date +%s) / 60))
	for ((number = 500; number > 0; number--)); do
		echo "lpush $queue:samples \"$((minute - number)) $number 0 0 0 0 0 0 0 0 0 0\""
	done | redis >/dev/null
	daemon
	[ "$(redis llen "$queue:samples")" -eq 360 ]
	curl -sf "$url/history.json" -o one
	jq -e '.samples == 360 and (.rows | length) == 360 and (.columns | length) == (.rows[0] | length)' one
	jq -e '[.rows[][0]] | . == (sort | unique)' one
	[ "$(jq '.rows[0][1]' one)" -ge 358 ]
	daemon_end
	daemon
	curl -sf "$url/history.json" -o other
	# a minute may have begun meanwhile
	[ "$(jq -c '.rows[5:300]' one)" = "$(jq -c --argjson from "$(jq '.rows[5][0]' one)" '[.rows[] | select(.[0] >= $from)][:295]' other)" ]
	[ "$(redis memory usage "$queue:samples" samples 0)" -lt 65536 ]
}

# ---- the page ----

# page: what a browser makes of it, in ./dom
page() {
	command -v chromium >/dev/null || skip "no chromium: install the package chromium"
	chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$BATS_TEST_TMPDIR/browser" \
		--enable-logging=stderr --virtual-time-budget=5000 --dump-dom "$url/" >dom 2>browser.log
	grep -q 'data-drawn="yes"' dom
	# the policy forbade nothing, and no script failed
	run ! grep -E 'CONSOLE.*(Refused|violates|Uncaught|Error)' browser.log
}

@test "in a browser the page shows services, workers with their jobs, charts and failures with the command that requeues them" {
	local command
	for ((number = 30; number > 0; number--)); do
		echo "lpush $queue:samples \"$(($(date +%s) / 60 - number)) $number 0 0 0 0 0 0 $((1000 - 10 * number)) 0 0 0\""
	done | redis >/dev/null
	redis hset "$queue:metrics" 'filot_jobs{status="done",code=""}' 1000 >/dev/null
	jobs_send SOURCES.md contract-17
	work
	# an error's text that would like to be markup, of a job whose name is no ULID
	redis xadd "$queue:dead" '*' job '<b>x' code internal message '<img src=x onerror=alert(1)>' line '{}' >/dev/null
	redis hset "$queue:workers" '<i>w9' "$(date +%s%3N) {\"host\":\"gpu-7\",\"slots\":4,\"backend\":\"tesseract\"}" >/dev/null
	redis xgroup create "$queue:jobs" workers 0 mkstream >/dev/null 2>&1 || true
	redis xadd "$queue:jobs" '*' job "$(date +%s%3N) 01KAZ3V6X8Q2M4T7R9W1Y5C0DE  {\"v\":1,\"document\":\"passport-7781\"}" >/dev/null
	redis xreadgroup group workers '<i>w9' streams "$queue:jobs" '>' >/dev/null
	daemon
	wait_for 10 "all to be ok" overall_is ok
	page
	grep -q '<span id="overall" class="pill ok" role="status">ok</span>' dom
	for name in redis database storage queue; do
		grep -q "data-check=\"$name\" data-status=\"ok\"" dom
	done
	grep -q 'data-check="temporal" data-status="off"' dom
	grep -qF '&lt;i&gt;w9' dom
	grep -q 'gpu-7 · tesseract · 1 of 4 slots' dom
	grep -q 'reads passport-7781' dom
	grep -qF '&lt;img src=x onerror=alert(1)&gt;' dom
	run ! grep -F '<img' dom
	[ "$(grep -o 'class="curve' dom | wc -l)" -ge 4 ]
	grep -qE 'done (10|5)/min' dom # 5 when a minute began meanwhile
	grep -q contract-17 dom
	# one command for the job that has a name, and it does what it says
	[ "$(grep -o '<code>filot-requeue[^<]*' dom | wc -l)" -eq 1 ]
	command=$(grep -o '<code>filot-requeue[^<]*' dom)
	command=${command#<code>}
	[[ $command == "filot-requeue --queue-name $FILOT_QUEUE_NAME --dead --job "* ]]
	$command >moved
	[ "$(jq -r 'select(.job) | .status' moved)" = moved ]
}

@test "on a phone and on a desk nothing of the page is wider than the screen or too small to touch" {
	command -v chromium >/dev/null || skip "no chromium: install the package chromium"
	jobs_send SOURCES.md contract-17
	work
	redis hset "$queue:workers" "$(printf 'w%.0s' {1..80})" "$(date +%s%3N) {\"host\":\"gpu-7\",\"slots\":4,\"backend\":\"tesseract\"}" >/dev/null
	redis xadd "$queue:dead" '*' job x code internal message "$(printf 'x%.0s' {1..300})" line '{}' >/dev/null
	daemon
	wait_for 10 "all to be ok" overall_is ok
	for width in 320 390 1280; do
		python3 "$BATS_TEST_DIRNAME/browser.py" "$url/" "$width" 800 "$BATS_TEST_TMPDIR/page-$width.png" \
			'document.querySelector("[data-drawn=yes]") && document.querySelectorAll("[data-check]").length' >seen
		cat seen
		jq -e '.value == 5 and .overflow <= 0 and .small == [] and .console == []' seen
	done
	[[ -z ${FILOT_PICTURES:-} ]] || cp page-*.png "$FILOT_PICTURES"
}

@test "in a browser the page says what is down and keeps no figure that it does not know" {
	daemon
	server_kill "$SERVERS_DIR" redis
	wait_for 20 "Redis to be down" check_is redis .status down
	wait_for 20 "a look that failed" grep -q look_failed log
	page
	grep -q 'class="pill down"' dom
	grep -q 'data-check="redis" data-status="down"' dom
	grep -q 'data-check="database" data-status="ok"' dom
	grep -q 'last ok [0-9]* s ago' dom
	grep -q 'Not known: the queue cannot be looked at' dom
}
