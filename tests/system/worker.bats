#!/usr/bin/env bats
# filot-ocr-gpu --queue against real Redis (TLS), PostgreSQL and object storage: what it stores, what it refuses, and
# that nothing is lost or done twice when a part of it is killed, cut off or stopped.

bats_require_minimum_version 1.5.0
load helper

setup_file() {
	servers_setup redis postgres storage
}

teardown_file() {
	servers_teardown
}

setup() {
	database_new
	FILOT_QUEUE_NAME=test$BATS_TEST_NUMBER
	export FILOT_QUEUE_NAME
	queue="filot:{$FILOT_QUEUE_NAME}"
	word=$FILOT_ROOT/tests/data/word.png
	folder=$FILOT_ROOT/tests/data
	cd "$BATS_TEST_TMPDIR"
	filot-migrate up --dir "$FILOT_ROOT/migrations" >/dev/null
}

teardown() {
	background_end redis postgres storage
}

# jobs_make N: N job lines of the small image, each with a key of its own
jobs_make() {
	local number
	for ((number = 1; number <= $1; number++)); do
		printf '{"v":1,"uri":"file:%s","key":"%s-%d","document":"doc-%d"}\n' "$word" "$BATS_TEST_NUMBER" "$number" "$number"
	done
}

# worker_start NAME [FLAGS…]: in the background; its process id in $worker, its log in NAME.log
worker_start() {
	local name=$1
	shift
	filot-ocr-gpu --queue --worker "$name" --allow-file "$folder" --jobs 1 "$@" 2>"$name.log" &
	worker=$!
	WAIT_WHILE="kill -0 $worker" wait_for 30 "$name to be ready" grep -q '"event":"ready"' "$name.log"
}

done_count() {
	sql "select count(*) from jobs where state = 'done'"
}

done_is() {
	[ "$(done_count)" -ge "$1" ]
}

running_is() {
	[ "$(sql "select count(*) from jobs where state = 'running'")" -eq "$1" ]
}

# the one job, or job ID, is in this state: "done|1", or with its code "failed|1|timeout"
job_is() { # STATE [ID]
	[ "$(sql "select concat_ws('|', state, attempt, error_code) from jobs where id = coalesce(nullif('${2:-}', ''), id)")" = "$1" ]
}

waiting_is_none() {
	local key
	for key in "$queue:jobs:high" "$queue:jobs" "$queue:jobs:low"; do
		[ "$(redis xlen "$key")" -eq 0 ] || return 1
	done
	[ "$(redis exists "$queue:backlog:high" "$queue:backlog" "$queue:backlog:low")" -eq 0 ]
	[ "$(redis zcard "$queue:delayed")" -eq 0 ]
}

# every job once: rows, pages and events agree
each_once() {
	wait_for 30 'the queue to be empty' waiting_is_none
	[ "$(done_count)" -eq "$1" ]
	[ "$(sql 'select count(*) from jobs')" -eq "$1" ]
	[ "$(sql "select count(*) from ocr_pages where text like '%lot%'")" -eq "$1" ]
	[ "$(sql 'select count(*) from (select 1 from ocr_pages group by document_id, number having count(*) > 1) twice')" -eq 0 ]
	[ "$(redis xlen "$queue:events")" -eq "$1" ]
}

@test "a document goes from object storage through the queue into the database" {
	filot-enqueue --upload "$FILOT_ROOT/tests/data/phototest.tif" >receipt
	job=$(jq -r .job receipt)
	filot-ocr-gpu --queue --once 2>log
	[ "$(sql "select state, attempt from jobs where id = '$job'")" = 'done|1' ]
	[[ $(sql "select text from ocr_pages where job_id = '$job'") == *'quick brown dog'* ]]
	[ "$(sql "select count(*) from ocr_pages where search @@ to_tsquery('simple', 'quick & dog')")" -eq 1 ]
	waiting_is_none
	jq -es --arg job "$job" '[.[] | select(.event == "job_done" and .job == $job and .pages == 1)] | length == 1' log
}

@test "1,000 jobs through 3 workers: each result is there exactly once" {
	jobs_make 1000 | filot-enqueue >receipts
	[ "$(jq -r .status receipts | sort | uniq -c | xargs)" = '1000 queued' ]
	jobs_make 1000 | filot-enqueue >again
	[ "$(jq -r .status again | sort | uniq -c | xargs)" = '1000 duplicate' ]
	cmp <(jq -r .job receipts) <(jq -r .job again)
	local name
	for name in a b c; do
		filot-ocr-gpu --queue --once --jobs 1 --worker "$name" --allow-file "$folder" 2>"$name.log" &
	done
	wait
	each_once 1000
	# all three had a share
	for name in a b c; do
		grep -q '"event":"job_done"' "$name.log"
	done
	[ "$(cat ./*.log | grep -c '"event":"job_done"')" -eq 1000 ]
}

@test "a worker that is killed loses nothing: another takes over what it held" {
	jobs_make 40 | filot-enqueue >/dev/null
	worker_start doomed --visibility 2s
	doomed=$worker
	worker_start heir --visibility 2s
	wait_for 30 'some jobs to be done' done_is 5
	kill -KILL "$doomed"
	wait_for 60 'all jobs to be done' done_is 40
	# a job may be done and not acknowledged when its worker was killed just then: that, too, is the heir's to end
	wait_for 60 'the queue to be empty' waiting_is_none
	kill -TERM "$worker"
	wait "$worker"
	each_once 40
}

@test "a worker frozen past its claim drops its result when it comes back" {
	jobs_make 6 | filot-enqueue >/dev/null
	worker_start frozen --visibility 1s
	frozen=$worker
	wait_for 30 'a first job' done_is 1
	kill -STOP "$frozen"
	worker_start heir --visibility 1s
	wait_for 60 'all jobs to be done' done_is 6
	kill -CONT "$frozen"
	kill -TERM "$frozen" "$worker"
	wait "$frozen"
	wait "$worker"
	each_once 6
}

@test "PostgreSQL going away in the middle: the worker waits, nothing is lost" {
	jobs_make 200 | filot-enqueue >/dev/null
	worker_start steady
	wait_for 30 'some jobs to be done' done_is 5
	server_kill "$SERVERS_DIR" postgres
	wait_for 30 'the worker to notice' grep -q 'database_unavailable' steady.log
	server_start "$SERVERS_DIR" postgres
	wait_for 60 'all jobs to be done' done_is 200
	kill -TERM "$worker"
	wait "$worker"
	each_once 200
	run ! grep -q '"event":"job_failed"' steady.log
}

@test "Redis going away in the middle: the worker waits, nothing is lost" {
	jobs_make 200 | filot-enqueue >/dev/null
	worker_start steady --visibility 5s
	wait_for 30 'some jobs to be done' done_is 5
	server_kill "$SERVERS_DIR" redis
	wait_for 30 'the worker to notice' grep -qE 'claim_failed|queue_unavailable' steady.log
	server_start "$SERVERS_DIR" redis
	wait_for 90 'all jobs to be done' done_is 200
	kill -TERM "$worker"
	wait "$worker"
	each_once 200
}

@test "object storage going away in the middle: jobs are tried again and done" {
	filot-enqueue --upload "$word" --key one >/dev/null
	server_stop "$SERVERS_DIR" storage
	worker_start steady
	wait_for 60 'a retry' grep -q '"event":"job_retried"' steady.log
	grep -q 'storage_unavailable' steady.log
	server_start "$SERVERS_DIR" storage
	wait_for 90 'the job to be done' done_is 1
	kill -TERM "$worker"
	wait "$worker"
	[ "$(sql 'select attempt > 1 from jobs')" = t ]
}

@test "SIGTERM: the running job is finished, no other is taken, exit 0" {
	jobs_make 200 | filot-enqueue >/dev/null
	worker_start leaving
	wait_for 30 'some jobs to be done' done_is 3
	kill -TERM "$worker"
	status=0
	wait "$worker" || status=$?
	[ "$status" -eq 0 ]
	[ "$(done_count)" -lt 200 ]
	[ "$(sql "select count(*) from jobs where state = 'running'")" -eq 0 ]
	# it left the group with nothing pending
	[ "$(redis xinfo consumers "$queue:jobs" workers | grep -c leaving)" -eq 0 ]
	filot-ocr-gpu --queue --once --allow-file "$folder" 2>log
	each_once 200
}

@test "a second SIGTERM hands the job back, and another worker takes it at once" {
	corpus
	filot-enqueue "$CORPUS/pdf/multipage.pdf" >/dev/null
	worker_start leaving --allow-file "$CORPUS"
	wait_for 30 'the job to run' running_is 1
	kill -TERM "$worker"
	wait_for 10 'draining' grep -q '"event":"draining"' leaving.log
	kill -TERM "$worker"
	status=0
	wait "$worker" || status=$?
	[ "$status" -eq 0 ]
	grep -q '"event":"job_handed_back"' leaving.log
	filot-ocr-gpu --queue --once --pages 1 --allow-file "$CORPUS" 2>log
	# the same attempt: handing back is not held against the document
	job_is 'done|1'
}

@test "jobs that cannot succeed are dead at once, with their reason" {
	worker_start strict
	while read -r code json; do
		filot-enqueue <<<"$json" >receipt
		job=$(jq -r .job receipt)
		wait_for 30 "the job to be dead as $code" job_is "failed|1|$code" "$job"
	done <<-END
		forbidden_uri {"v":1,"uri":"file:/etc/hostname"}
		forbidden_uri {"v":1,"uri":"file:$folder/../../README.md"}
		forbidden_uri {"v":1,"uri":"https://127.0.0.1:1/x.png"}
		forbidden_uri {"v":1,"uri":"r2://another-bucket/x"}
		not_found {"v":1,"uri":"r2://$FILOT_R2_BUCKET/no/such/object"}
		not_found {"v":1,"uri":"file:$folder/missing.png"}
		checksum_mismatch {"v":1,"uri":"file:$word","sha256":"$(printf '%064d' 0)"}
		unknown_language {"v":1,"uri":"file:$word","lang":"xyz"}
		unsupported_format {"v":1,"uri":"file:$folder/SOURCES.md"}
	END
	[ "$(redis xlen "$queue:dead")" -eq 9 ]
	kill -TERM "$worker"
	wait "$worker"
	waiting_is_none
}

@test "an entry that is no job goes to the dead stream and the next one is read" {
	worker_start strict
	redis xadd "$queue:jobs" '*' job 'not json' >/dev/null
	redis xadd "$queue:jobs" '*' nonsense x >/dev/null
	jobs_make 1 | filot-enqueue >/dev/null
	wait_for 30 'the job after them' done_is 1
	[ "$(redis xlen "$queue:dead")" -eq 2 ]
	kill -TERM "$worker"
	wait "$worker"
}

@test "a document that kills its reader twice is dead, and the worker lives" {
	filot-enqueue "$word" >/dev/null
	# It says where the models are, as the worker asks at its start.
	printf '#!/bin/sh\n[ "$1" != --print-tessdata ] || exec %s/libexec/filot-reader "$1"\nkill -SEGV $$\n' "$FILOT_BUILD" >crasher
	chmod +x crasher
	FILOT_READER=$PWD/crasher filot-ocr-gpu --queue --worker unlucky --jobs 1 --allow-file "$folder" 2>unlucky.log &
	wait_for 60 'the job to be dead' job_is 'failed|2|internal'
	# what failed before for another reason was not the document's doing
	local earlier='{"attempt":1,"code":"storage_unavailable"},{"attempt":2,"code":"unavailable"}'
	filot-enqueue <<<"{\"uri\":\"file:$word\",\"attempt\":3,\"history\":[$earlier]}" >receipt
	wait_for 60 'the other job to be dead' job_is 'failed|4|internal' "$(jq -r .job receipt)"
	[ "$(redis xlen "$queue:dead")" -eq 2 ]
	kill -TERM "$!"
	wait "$!"
}

@test "a document that takes longer than the visibility time stays its worker's" {
	worker_start slow --visibility 2s
	slow=$worker
	mapfile -t readers < <(pgrep -P "$slow" filot-reader)
	kill -STOP "${readers[@]}"
	jobs_make 1 | filot-enqueue >/dev/null
	wait_for 30 'the job to run' running_is 1
	worker_start idle --visibility 2s
	sleep 5 # twice the visibility time, and some: nothing happens that could be waited for
	kill -CONT "${readers[@]}"
	wait_for 60 'the job to be done' done_is 1
	kill -TERM "$slow" "$worker"
	wait "$slow" "$worker"
	[ "$(sql "select state, attempt, worker from jobs")" = 'done|1|slow' ]
	each_once 1
}

@test "--drain-timeout: what is not done by then is handed back, and another worker takes it at once" {
	worker_start leaving --drain-timeout 1s
	mapfile -t readers < <(pgrep -P "$worker" filot-reader)
	kill -STOP "${readers[@]}"
	jobs_make 1 | filot-enqueue >/dev/null
	wait_for 30 'the job to run' running_is 1
	kill -TERM "$worker"
	status=0
	wait "$worker" || status=$?
	[ "$status" -eq 0 ]
	grep -q '"event":"job_handed_back"' leaving.log
	# its claim would have been left alone for 60 s
	filot-ocr-gpu --queue --once --worker heir --allow-file "$folder" 2>log
	[ "$(sql "select state, attempt, worker from jobs")" = 'done|1|heir' ]
	each_once 1
}

@test "services that are down or refuse at the start end it with their status" {
	run filot-ocr-gpu --queue --wait 1s --redis-url rediss://u:p@localhost:1/0
	[ "$status" -eq 69 ]
	run filot-ocr-gpu --queue --wait 1s --database-url postgresql://u:p@localhost:1/db
	[ "$status" -eq 69 ]
	wrong=${FILOT_REDIS_URL/:$SERVERS_REDIS_PASSWORD@/:wrong@}
	run filot-ocr-gpu --queue --wait 5s --redis-url "$wrong"
	[ "$status" -eq 77 ]
	[[ $output != *"$SERVERS_REDIS_PASSWORD"* ]]
	run filot-ocr-gpu --queue --wait 5s --redis-ca "$SERVERS_WRONG_CA"
	[ "$status" -eq 78 ]
	database_new
	run filot-ocr-gpu --queue --wait 5s
	[ "$status" -eq 78 ]
	[[ $output == *'filot-migrate up'* ]]
}

@test "in an ECS task, scale-in protection is held while documents are read and let go of after" {
	cat >agent.py <<-'END'
		import http.server, sys
		class Agent(http.server.BaseHTTPRequestHandler):
		    def do_PUT(self):
		        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
		        with open("asked", "a") as file:
		            file.write(self.path + " " + body + "\n")
		        self.send_response(200)
		        self.end_headers()
		        self.wfile.write(b"{}")
		    def log_message(self, *_):
		        pass
		server = http.server.HTTPServer(("127.0.0.1", 0), Agent)
		with open("port.new", "w") as file:
		    file.write(str(server.server_port))
		import os
		os.rename("port.new", "port")
		server.serve_forever()
	END
	python3 agent.py 3>&- &
	wait_for 20 'the agent' test -s port
	jobs_make 300 | filot-enqueue >/dev/null
	ECS_AGENT_URI=http://127.0.0.1:$(cat port)/api worker_start protected
	wait_for 30 'the protection' grep -q '"ProtectionEnabled":true,"ExpiresInMinutes":60' asked
	wait_for 60 'all jobs to be done' done_is 300
	wait_for 30 'its end' grep -q '^/api/task-protection/v1/state {"ProtectionEnabled":false}' asked
	# asked at changes only
	[ "$(wc -l <asked)" -le 6 ]
	kill -TERM "$worker"
	wait "$worker"
}

@test "a Redis that may evict is warned of at the start, by sender and worker" {
	redis config set maxmemory-policy allkeys-lru
	redis config set maxmemory 100mb
	jobs_make 1 | filot-enqueue >/dev/null 2>sender.log
	worker_start warned
	kill -TERM "$worker"
	wait "$worker"
	redis config set maxmemory-policy noeviction
	redis config set maxmemory 0
	grep -q 'allkeys-lru' sender.log
	grep -q 'allkeys-lru' warned.log
}

@test "a Redis that keeps nothing on disk is warned of at the start, by sender, worker and operator" {
	redis config set appendonly no
	redis config set save ''
	jobs_make 1 | filot-enqueue >/dev/null 2>sender.log
	worker_start warned
	kill -TERM "$worker"
	wait "$worker"
	filot-requeue stats 2>operator.log
	redis config set appendonly yes
	grep -q '"event":"redis_not_persistent".*appendonly yes' sender.log
	grep -q '"event":"redis_not_persistent".*appendonly yes' warned.log
	grep -q '"event":"redis_not_persistent".*appendonly yes' operator.log
}
