#!/usr/bin/env bats
# filot-requeue against a real Redis (TLS) and PostgreSQL, with real workers where it matters: what it moves, what it
# leaves alone, and that nothing is lost or done twice.

bats_require_minimum_version 1.5.0
load helper

setup_file() {
	servers_setup redis postgres
}

teardown_file() {
	servers_teardown
}

setup() {
	FILOT_QUEUE_NAME=test$BATS_TEST_NUMBER
	export FILOT_QUEUE_NAME
	queue="filot:{$FILOT_QUEUE_NAME}"
	folder=$FILOT_ROOT/tests/data
	word=$folder/word.png
	page=$folder/phototest.tif # takes long enough to be met while it is read
	# only some tests have a database: the others see filot-requeue without one
	database_url=$FILOT_DATABASE_URL
	unset FILOT_DATABASE_URL
	cd "$BATS_TEST_TMPDIR" || exit
}

teardown() {
	background_end
}

# database: an empty one with our tables, for the tests that have workers
database() {
	export FILOT_DATABASE_URL=$database_url
	database_new
	filot-migrate up --dir "$FILOT_ROOT/migrations" >/dev/null
}

jobs_make() { # N [FILE]
	local number
	for ((number = 1; number <= $1; number++)); do
		printf '{"v":1,"uri":"file:%s","document":"doc-%d"}\n' "${2:-$word}" "$number"
	done
}

worker_start() { # NAME [FLAGS…]: in the background; its process id in $worker, its log in NAME.log
	local name=$1
	shift
	filot-ocr-gpu --queue --worker "$name" --allow-file "$folder" --jobs 1 "$@" 2>"$name.log" &
	worker=$!
	WAIT_WHILE="kill -0 $worker" wait_for 30 "$name to be ready" grep -q '"event":"ready"' "$name.log"
}

done_is() { # N
	[ "$(sql "select count(*) from jobs where state = 'done'")" -ge "$1" ]
}

ready_ids() {
	filot-requeue list ready | jq -r .job
}

holds_one() { # WORKER
	[ "$(redis --json xpending "$queue:jobs" workers - + 10 "$1" | jq length)" -eq 1 ]
}

# freeze PID NAME [running]: stop the worker while it holds a job; where it matters, one that the database knows as running
freeze() {
	local try
	for ((try = 0; try < 200; try++)); do
		kill -STOP "$1"
		if holds_one "$2" && [[ -z ${3:-} || $(sql "select count(*) from jobs where state = 'running'") -eq 1 ]]; then
			return
		fi
		kill -CONT "$1"
		sleep 0.01
	done
	return 1
}

ulid() { # N: the Nth of our made-up ids
	printf '01HZZZZZZZ%016d' "$1"
}

# The groups, as a worker's start makes them.
groups_make() {
	local key
	for key in "$queue:jobs:high" "$queue:jobs" "$queue:jobs:low"; do
		redis xgroup create "$key" workers 0 mkstream >/dev/null
	done
}

job_line() { # N ATTEMPT [MORE MEMBERS]
	printf '{"v":1,"job":"%s","document":"doc-%d","uri":"r2://bucket/a.png","attempt":%d,"enqueued_at":"2026-11-24T10:00:00.000Z"%s}' \
		"$(ulid "$1")" "$1" "$2" "${3:-}"
}

ready_add() { # N…
	local number
	for number in "$@"; do
		job_line "$number" 1
		echo
	done | filot-enqueue >/dev/null
}

claimed_add() { # WORKER N…: jobs that this worker, which is no process, has claimed
	local claimant=$1
	shift
	ready_add "$@"
	redis xreadgroup group workers "$claimant" count $# streams "$queue:jobs" '>' >/dev/null
}

# dead_many N, delayed_many N: the same in bulk, by one call
dead_many() {
	redis eval "for number = 1, $1 do
		local job = string.format('01HZZZZZZZ%016d', number)
		redis.call('XADD', KEYS[1], '*', 'job', job, 'code', 'timeout', 'message', 'late', 'line',
			'{\"v\":1,\"job\":\"' .. job .. '\",\"uri\":\"r2://bucket/a.png\",\"attempt\":5}')
	end" 1 "$queue:dead" >/dev/null
	[ "$(redis xlen "$queue:dead")" -eq "$1" ]
}

delayed_many() { # N DUE-MS: one ms after the other, of high priority
	redis eval "for number = 1, $1 do
		local job = string.format('01HZZZZZZZ%016d', number)
		redis.call('ZADD', KEYS[1], $2 + number, '1 ' .. job ..
			'  {\"v\":1,\"job\":\"' .. job .. '\",\"uri\":\"r2://bucket/a.png\",\"attempt\":2}')
	end" 1 "$queue:delayed" >/dev/null
	[ "$(redis zcard "$queue:delayed")" -eq "$1" ]
}

events_add() { # N
	redis eval "for number = 1, $1 do redis.call('XADD', KEYS[1], '*', 'line', 'x') end" 1 "$queue:events" >/dev/null
}

dead_add() { # N CODE [ATTEMPT] [MORE MEMBERS] [ID]
	redis xadd "$queue:dead" "${5:-*}" job "$(ulid "$1")" code "$2" message "it was $2" \
		line "$(job_line "$1" "${3:-5}" "${4:-}")" >/dev/null
}

delayed_add() { # N DUE-MS
	redis zadd "$queue:delayed" "$2" "2 $(ulid "$1")  $(job_line "$1" 2)" >/dev/null
}

seen() { # WORKER MS-AGO: its row in the hash
	redis hset "$queue:workers" "$1" "$(($(date +%s%3N) - $2)) {\"host\":\"h\",\"slots\":2,\"busy\":1,\"pages_per_s\":1.5}" >/dev/null
}

# Everything that Redis holds, byte by byte: claims and their times included.
dump() {
	local key
	redis --scan --pattern "$queue:*" | sort | while read -r key; do
		printf 'echo %s\ndump %s\npexpiretime %s\n' "$key" "$key" "$key"
	done | redis --no-raw
}

statuses() { # FILE: how many of which status, as "3 moved 1 skipped"
	jq -r 'select(.status) | .status' "$1" | sort | uniq -c | xargs
}

# one FILE CONDITION: some line of it is so
one() {
	jq -se "any(.[]; $2)" "$1" >/dev/null
}

# tells CONDITION ARGUMENTS…: filot-requeue ends with 0, and some line of its answer is so
tells() {
	local condition=$1
	shift
	filot-requeue "$@" >told && one told "$condition"
}

lines_are() { # N FILE
	[ "$(wc -l <"$2")" -ge "$1" ]
}

summary_is() { # FILE JQ-CONDITION over .summary
	tail -n 1 "$1" | jq -e ".summary | $2" >/dev/null
}

claim_is() { # N: "worker deliveries"
	redis --json xpending "$queue:jobs" workers - + 100 >pending
	redis --json xrange "$queue:jobs" - + >entries
	jq -r --arg job "$(ulid "$1")" --slurpfile entries entries '
		($entries[0][] | select(.[1][1] | contains($job)) | .[0]) as $id | .[] | select(.[0] == $id) | "\(.[1]) \(.[3])"' pending
}

@test "a job of a frozen worker is taken at once by another, and its result is there once" {
	database
	jobs_make 8 "$page" | filot-enqueue >/dev/null
	worker_start frozen
	frozen=$worker
	wait_for 30 'a first job' done_is 1
	freeze "$frozen" frozen running
	held=$(filot-requeue list pending --worker frozen | jq -r .job)
	# its claim would be left alone for 60 s
	filot-ocr-gpu --queue --once --jobs 1 --worker early --allow-file "$folder" 2>/dev/null
	[ "$(sql "select count(*) from jobs where state = 'done'")" -eq 7 ]
	filot-requeue --min-idle 0s >moved
	[ "$(statuses moved)" = '1 moved' ]
	one moved '(.job == "'"$held"'") and (.why == "idle" and .worker == "frozen" and .attempt == 2)'
	filot-ocr-gpu --queue --once --jobs 1 --worker heir --allow-file "$folder" 2>heir.log
	[ "$(sql "select state, attempt, worker from jobs where id = '$held'")" = 'done|2|heir' ]
	kill -CONT "$frozen"
	kill -TERM "$frozen"
	wait "$frozen"
	[ "$(sql "select state, attempt, worker from jobs where id = '$held'")" = 'done|2|heir' ]
	[ "$(sql 'select count(*) from ocr_pages')" -eq 8 ]
	[ "$(redis xlen "$queue:events")" -eq 8 ]
	[ "$(redis xlen "$queue:jobs")" -eq 0 ]
}

@test "a worker that wakes up before anybody took its job keeps it" {
	database
	jobs_make 4 "$page" | filot-enqueue >/dev/null
	worker_start sleeper --visibility 2s
	freeze "$worker" sleeper
	filot-requeue --min-idle 0s >moved
	[ "$(statuses moved)" = '1 moved' ]
	kill -CONT "$worker"
	wait_for 30 'all jobs to be done' done_is 4
	kill -TERM "$worker"
	wait "$worker"
	[ "$(sql 'select max(attempt) from jobs')" -eq 1 ]
	run ! grep -q claim_lost sleeper.log
}

@test "a dead job comes back with its history and all its tries, and can be done" {
	database
	mkdir files
	jq -nc --arg uri "file:$BATS_TEST_TMPDIR/files/late.png" '{uri: $uri, document: "late"}' | filot-enqueue >receipt
	job=$(jq -r .job receipt)
	filot-ocr-gpu --queue --once --worker first --allow-file "$BATS_TEST_TMPDIR/files" 2>/dev/null
	[ "$(sql 'select state, attempt, error_code from jobs')" = 'failed|1|not_found' ]
	cp "$word" files/late.png
	filot-requeue --dead --code not_found >moved
	one moved '(.job == "'"$job"'") and (.status == "moved" and .attempt == 2)'
	tells '.where == "ready" and .line.first_attempt == 2
		and (.line.history | length) == 1 and .line.history[0].worker == "first" and .database.state == "failed"' show "$job"
	filot-ocr-gpu --queue --once --worker second --allow-file "$BATS_TEST_TMPDIR/files" 2>/dev/null
	[ "$(sql 'select state, attempt, worker from jobs')" = 'done|2|second' ]
	[ "$(redis xlen "$queue:dead")" -eq 0 ]
}

@test "tries are counted anew: a job dead after five attempts gets five more" {
	database
	dead_add 1 storage_unavailable 5
	filot-requeue --dead >moved
	one moved '.status == "moved" and .attempt == 6'
	# there is no storage, which is a passing error: it is tried again and not given up
	filot-ocr-gpu --queue --once --worker w 2>w.log
	one w.log '.event == "job_retried" and .code == "storage_unavailable"'
	[ "$(redis xlen "$queue:dead")" -eq 0 ]
	tells '.where == "delayed" and .attempt == 7 and .line.first_attempt == 6' show "$(ulid 1)"
}

@test "dead ones by code, time, document, tenant, worker and job" {
	now=$(date +%s%3N)
	dead_add 1 timeout 5 '' $((now - 7200000))-0
	dead_add 2 timeout 5 ',"tenant":"acme"' $((now - 60000))-0
	dead_add 3 not_found 1 ',"history":[{"attempt":1,"worker":"w7","at":"2026-11-24T10:00:00Z","code":"not_found","message":"x"}]' $((now - 50000))-0
	dead_add 4 internal
	chosen() { # FLAGS…: the numbers of what would be moved
		filot-requeue --dead --dry-run "$@" | jq -r 'select(.status == "would_move") | .job[-1:]' | xargs
	}
	[ "$(chosen)" = '1 2 3 4' ]
	[ "$(chosen --code timeout)" = '1 2' ]
	[ "$(chosen --code timeout --code internal)" = '1 2 4' ]
	[ "$(chosen --since 1h)" = '2 3 4' ]
	[ "$(chosen --until 1h)" = '1' ]
	[ "$(chosen --since 90s --until 55s)" = '2' ]
	[ "$(chosen --since "$(date -u -d '-2 minutes' +%Y-%m-%dT%H:%M:%SZ)" --code timeout)" = '2' ]
	[ "$(chosen --document doc-3)" = '3' ]
	[ "$(chosen --document doc-3 --document doc-1)" = '1 3' ]
	[ "$(chosen --tenant acme)" = '2' ]
	[ "$(chosen --worker w7)" = '3' ]
	[ "$(chosen --job "$(ulid 4)" --job "$(ulid 1)")" = '1 4' ]
	[ "$(chosen --limit 2)" = '1 2' ]
	[ "$(redis xlen "$queue:dead")" -eq 4 ]
	filot-requeue --dead --tenant acme >moved
	[ "$(statuses moved)" = '1 moved' ]
	tells '.tenant == "acme"' list ready
}

@test "jobs from standard input: ids, JSON lines, and its own list; what is neither is refused" {
	dead_add 1 timeout
	dead_add 2 timeout
	dead_add 3 timeout
	filot-requeue list dead --code timeout --limit 1 | filot-requeue --dead --job - >first
	[ "$(statuses first)" = '1 moved' ]
	{
		ulid 2
		printf '\n\n{"job":"%s","status":"failed"}\nnonsense\n' "$(ulid 3)"
		ulid 9
		echo
	} >input
	filot-requeue --dead --job - <input >second || status=$?
	[ "$status" -eq 1 ]
	[ "$(statuses second)" = '2 moved 1 refused 1 skipped' ]
	one second '(.status == "refused") and (.error.message | test("line 4"))'
	one second '(.job == "'"$(ulid 9)"'") and (.status == "skipped" and .reason == "not_dead")'
	# nothing on standard input means no job, not every job
	dead_add 4 timeout
	filot-requeue --dead --job - </dev/null >third
	[ "$(statuses third)" = '' ]
	# the same list once more is no error
	filot-requeue --dead --job - < <(ulid 2) >fourth
	[ "$(statuses fourth)" = '1 skipped' ]
}

@test "a dry run changes not one byte, and says what the run then does" {
	groups_make
	seen live 0
	claimed_add live 1 2
	claimed_add lost 3
	ready_add 4
	delayed_add 5 1000
	delayed_add 6 99999999999999
	dead_add 7 timeout
	redis xadd "$queue:dead" '*' job '' code bad_job message no line nonsense >/dev/null
	dump >before
	filot-requeue --min-idle 0s --dry-run >dry
	filot-requeue --dead --dry-run >dry-dead || [ $? -eq 1 ]
	filot-requeue --delayed --dry-run >dry-delayed
	filot-requeue cancel --dry-run "$(ulid 1)" "$(ulid 4)" "$(ulid 5)" >dry-cancel
	filot-requeue drop --dry-run "$(ulid 7)" >dry-drop
	filot-requeue list >list.out
	filot-requeue show "$(ulid 3)" >show.out
	filot-requeue stats >stats.out
	dump >after
	cmp before after
	[ "$(wc -l <before)" -ge 10 ] # and there was something to change
	[ "$(statuses dry-cancel)" = '3 would_cancel' ]
	[ "$(statuses dry-drop)" = '1 would_drop' ]
	[ "$(statuses dry-delayed)" = '2 would_move' ]
	filot-requeue --min-idle 0s >wet
	filot-requeue --dead >wet-dead || [ $? -eq 1 ]
	same() { # of each job: what would be done is what was done
		cmp <(jq -c 'select(.status) | [.job, (.status | sub("would_move"; "moved")), .why, .from, .attempt]' "$1") \
			<(jq -c 'select(.status) | [.job, .status, .why, .from, .attempt]' "$2")
	}
	same dry wet
	same dry-dead wet-dead
	[ "$(statuses wet)" = '4 moved' ]
	run ! cmp before <(dump)
}

@test "what counts as stuck: idle claims, claims of workers that are gone, overdue retries" {
	groups_make
	# visibility 1 s: gone is who was not seen for 3 s, and a claim must have missed a renewal (0.5 s)
	seen live -60000 # lives for the next minute, however long this takes
	seen silent 10000
	claimed_add live 1
	claimed_add silent 2
	claimed_add unknown 3
	delayed_add 4 1000
	delayed_add 5 $(($(date +%s%3N) + 3600000))
	ready_add 6
	sleep 0.6 # so that claims are 0.5 s old; nothing to poll for
	filot-requeue --min-idle 1h --visibility 1s --dry-run >chosen
	[ "$(jq -r 'select(.status) | .job[-1:] + " " + .why' chosen)" = "2 worker_gone
3 worker_gone
4 overdue" ]
	filot-requeue --min-idle 500ms --visibility 1s --dry-run >chosen
	one chosen '.job[-1:]? == "1" and .why == "idle"'
	filot-requeue --min-idle 0s --worker silent >moved
	[ "$(statuses moved)" = '1 moved' ]
	[ "$(claim_is 2)" = 'silent 1' ]
	# the next claim takes it, before what is ready, and a delivery is counted
	filot-requeue list pending >claims
	one claims '.job == "'"$(ulid 2)"'" and .released'
}

@test "retries of the delayed set can all be made ready, long before they are due" {
	later=$(($(date +%s%3N) + 3600000))
	delayed_many 250 "$later"
	filot-requeue >none
	summary_is none '.moved == 0'
	filot-requeue --delayed >moved
	summary_is moved '.moved == 250'
	[ "$(redis zcard "$queue:delayed")" -eq 0 ]
	[ "$(redis xlen "$queue:jobs:high")" -eq 250 ]
	tells '.priority == "high" and .attempt == 2' list ready --limit 1
}

@test "two requeues at once move each job once" {
	groups_make
	dead_many 2000
	claimed_add lost {2001..2030}
	filot-requeue --dead >one &
	filot-requeue --dead >two
	wait $!
	[ "$(waiting)" -eq 2000 ]
	[ "$(redis xlen "$queue:dead")" -eq 0 ]
	[ "$(cat one two | jq -r 'select(.status == "moved") | .job' | sort | uniq -d | wc -l)" -eq 0 ]
	[ "$(cat one two | jq -r 'select(.status == "moved") | .job' | wc -l)" -eq 2000 ]
	filot-requeue --min-idle 0s >one &
	filot-requeue --min-idle 0s >two
	wait $!
	[ "$(cat one two | jq -r 'select(.status == "moved") | .job' | sort | uniq -d | wc -l)" -eq 0 ]
	[ "$(cat one two | jq -r 'select(.status == "moved") | .job' | wc -l)" -eq 30 ]
}

@test "10,000 dead jobs: --limit stops exactly, --rate keeps its pace, the rest goes in seconds" {
	dead_many 10000
	filot-requeue --dead --limit 300 --rate 200/s >some
	summary_is some '.moved == 300 and .ms >= 1300 and .ms < 10000'
	[ "$(waiting)" -eq 300 ]
	[ "$(redis xlen "$queue:dead")" -eq 9700 ]
	filot-requeue --dead --limit 1 >one
	summary_is one '.moved == 1'
	filot-requeue --dead >rest
	summary_is rest '.moved == 9699 and .ms < 30000'
	[ "$(waiting)" -eq 10000 ]
	[ "$(ready_ids | sort -u | wc -l)" -eq 10000 ]
	echo "# 9,699 in $(tail -n 1 rest | jq .summary.ms) ms" >&3
}

@test "a signal in the middle ends with 75, and nothing is half moved" {
	dead_many 400
	filot-requeue --dead --rate 50/s >some &
	mover=$!
	wait_for 20 'some to be moved' test -s some
	kill -TERM "$mover"
	status=0
	wait "$mover" || status=$?
	[ "$status" -eq 75 ]
	moved=$(jq -s 'map(select(.status == "moved")) | length' some)
	[ "$moved" -gt 0 ] && [ "$moved" -lt 400 ]
	[ "$(waiting)" -eq "$moved" ]
	[ "$(redis xlen "$queue:dead")" -eq $((400 - moved)) ]
	filot-requeue --dead >rest
	[ "$(waiting)" -eq 400 ]
}

@test "a dead line that is no job is refused with its reason, and the others are moved" {
	redis xadd "$queue:dead" '*' job '' code bad_job message no line nonsense >/dev/null
	dead_add 1 timeout 1000000
	dead_add 2 timeout
	status=0
	filot-requeue --dead >lines || status=$?
	[ "$status" -eq 1 ]
	[ "$(statuses lines)" = '1 moved 2 refused' ]
	summary_is lines '.moved == 1 and .refused == 2 and .dry_run == false'
	one lines '.status == "refused" and (has("job") | not) and .error.code == "bad_job" and .entry'
	# without them it is 0
	filot-requeue --dead --code internal
}

@test "list says of every job where it is" {
	groups_make
	claimed_add w1 1 2
	redis xgroup createconsumer "$queue:jobs" workers handed-back >/dev/null
	redis xclaim "$queue:jobs" workers handed-back 0 "$(redis --json xrange "$queue:jobs" - + | jq -r '.[1][0]')" retrycount 0 justid >/dev/null
	ready_add 3
	delayed_add 4 99999999999999
	dead_add 5 timeout
	[ "$(filot-requeue list | jq -r '.job[-1:] + " " + .where' | sort | xargs)" = '1 pending 2 ready 3 ready 4 delayed 5 dead' ]
	[ "$(filot-requeue list ready | jq -r '.job[-1:]' | xargs)" = '2 3' ]
	[ "$(filot-requeue list pending | jq -r '.job[-1:]' | xargs)" = '1' ]
	tells '.due_at == "5138-11-16T09:46:39.999Z" and .attempt == 2' list delayed
	tells '.code == "timeout" and .message == "it was timeout" and .died_at' list dead
	[ "$(filot-requeue list --limit 3 | wc -l)" -eq 3 ]
	[ "$(filot-requeue list --document doc-4 | jq -r .where)" = delayed ]
}

@test "on a terminal lists and figures are tables, and control characters do not reach it" {
	groups_make
	claimed_add $'w\e[31m1' 1
	seen w2 0
	redis xadd "$queue:dead" '*' job "$(ulid 2)" code timeout message $'a\e]0;title\ab' line "$(job_line 2 5)" >/dev/null
	on_terminal() {
		script -qec "$*" /dev/null </dev/null
	}
	on_terminal filot-requeue list >table
	grep -q '^job .*where .*attempt' table
	grep -q 'dead .*doc-2.*timeout: a?\]0;title?b' table
	grep -q 'pending .*w?\[31m1, idle' table
	on_terminal filot-requeue stats >table
	grep -q 'priority .*ready .*in flight' table
	grep -q 'w2 .*live' table
	run ! grep -q $'\e\[31m' table
	on_terminal filot-requeue show "$(ulid 2)" | grep -q '^where  *dead'
	on_terminal filot-requeue --dead --dry-run | grep -q 'would move .*doc-2'
	on_terminal filot-requeue --job "$(ulid 2)" | grep -q 'skipped .*not stuck: see filot-requeue show'
	on_terminal filot-requeue | grep -q 'nothing is stuck; 1 dead (--dead brings them back)'
	# and --json keeps JSON lines there
	on_terminal filot-requeue --json list dead | grep -q '^{"v":1,"job"'
}

@test "stats: depth by priority, in flight, delayed, dead, oldest, throughput, workers with what they do" {
	groups_make
	seen w1 0
	seen w0 999999
	claimed_add w1 1 2 3
	ready_add 4 5 6 7
	job_line 8 1 ',"priority":"high"' | filot-enqueue >/dev/null
	delayed_add 9 1000
	delayed_add 10 99999999999999
	dead_add 11 timeout
	events_add 30
	filot-requeue stats >stats.out
	jq -e '.ready == 5 and .in_flight == 3 and .delayed == 2 and .overdue == 1 and .dead == 1 and .depth == 7
		and .priorities.high.ready == 1 and .priorities.normal.ready == 4 and .priorities.normal.in_flight == 3
		and .priorities.low.ready == 0 and .oldest_ms > 0 and .finished_per_s == 0.5
		and .workers_live == 1 and .slots == 2 and .busy == 1 and .backlog_per_worker == 6' stats.out
	jq -e '.workers == (.workers | sort_by(.worker)) and (.workers | length) == 2
		and .workers[1].claims == 3 and .workers[1].live and .workers[1].tells.pages_per_s == 1.5
		and (.workers[0].live | not)' stats.out
	# more than it looks at: the newest 500 over the time they took
	events_add 700
	tells '.finished_per_s > 50' stats
}

@test "stats --watch prints again and again until a signal, and ends with 0" {
	ready_add 1
	filot-requeue stats --watch 0.2 2>err >lines || [ $? -eq 64 ] # a bare number is whole seconds
	filot-requeue stats --watch 200ms >lines &
	watcher=$!
	wait_for 20 'three lines' lines_are 3 lines
	kill -INT "$watcher"
	wait "$watcher"
	one lines '.ready == 1'
	# on a terminal the table is drawn anew, from the screen's first line
	script -qefc 'timeout -s INT 3 filot-requeue stats --watch 200ms' /dev/null </dev/null >screen || true
	[ "$(grep -c 'priority .*ready .*in flight' screen)" -ge 2 ]
	[ "$(grep -c $'\e\[H\e\[2J' screen)" -eq "$(grep -c 'priority .*ready .*in flight' screen)" ]
}

@test "show tells all that is known of a job, wherever it is" {
	database
	groups_make
	seen w1 100
	claimed_add w1 1
	dead_add 2 timeout 5 ',"history":[{"attempt":5,"worker":"w9","at":"2026-11-24T10:00:00Z","code":"timeout","message":"late"}]'
	delayed_add 3 99999999999999
	tells '.where == "pending" and .worker == "w1" and .worker_seen_ms >= 100
		and .deliveries == 1 and .line.document == "doc-1" and .cancel_mark == false' show "$(ulid 1)"
	tells '.where == "dead" and .code == "timeout" and .line.history[0].worker == "w9"' show "$(ulid 2)"
	tells '.where == "delayed" and .due_at' show "$(ulid 3)"
	run -1 filot-requeue show "$(ulid 9)"
	jq -e '.status == "refused" and .error.code == "not_found"' <<<"$output"
	# only the database knows it: it is done
	jobs_make 1 | filot-enqueue >receipt
	filot-requeue drop --yes "$(ulid 1)" >/dev/null
	filot-ocr-gpu --queue --once --allow-file "$folder" 2>/dev/null
	tells '.where == "nowhere" and .database.state == "done" and .database.pages_stored == 1' show "$(jq -r .job receipt)"
}

@test "drop takes a job away for good from wherever it is, and asks or wants --yes" {
	groups_make
	claimed_add w1 1
	ready_add 2 3
	delayed_add 4 99999999999999
	dead_add 5 timeout
	run -64 filot-requeue drop "$(ulid 1)"
	[[ $output == *--yes* ]]
	mkfifo answers
	script -qefc "filot-requeue drop $(ulid 2)" /dev/null <answers >asked &
	asker=$!
	exec 7>answers
	wait_for 20 'the question' grep -q 'drop 1 job for good?' asked
	echo n >&7
	status=0
	wait "$asker" || status=$?
	exec 7>&-
	[ "$status" -eq 75 ]
	[ "$(redis xlen "$queue:jobs")" -eq 3 ]
	filot-requeue drop --yes "$(ulid 1)" "$(ulid 2)" "$(ulid 4)" "$(ulid 5)" "$(ulid 9)" >lines
	[ "$(statuses lines)" = '4 dropped 1 skipped' ]
	one lines '(.from == "pending") and (.note | test("stops at its next renewal"))'
	[ "$(redis xlen "$queue:jobs")" -eq 1 ]
	[ "$(redis --json xpending "$queue:jobs" workers | jq '.[0]')" -eq 0 ]
	[ "$(redis zcard "$queue:delayed")" -eq 0 ]
	[ "$(redis xlen "$queue:dead")" -eq 0 ]
	[ "$(redis exists "$queue:cancel")" -eq 0 ]
	ulid 3 | filot-requeue drop --yes - >lines
	[ "$(statuses lines)" = '1 dropped' ]
}

@test "cancel: what waits is gone at once, what runs is not stored, what is dead or done stays" {
	database
	jobs_make 8 "$page" | filot-enqueue >receipts
	worker_start w1 --visibility 3s
	wait_for 30 'a first job' done_is 1
	freeze "$worker" w1 running
	running=$(filot-requeue list pending | jq -r .job)
	waiting=$(filot-requeue list ready | jq -r .job | head -n 1)
	finished=$(sql "select id from jobs where state = 'done' limit 1")
	dead_add 1 timeout
	# and one that only the database knows
	sql "insert into jobs select (jsonb_populate_record(jobs, '{\"id\":\"$(ulid 2)\",\"state\":\"queued\"}')).* from jobs where id = '$finished'"
	set -- "$running" "$waiting" "$finished" "$(ulid 1)" "$(ulid 2)"
	{ dump && sql 'select * from jobs order by id'; } >before
	filot-requeue cancel --dry-run "$@" >dry
	cmp before <(dump && sql 'select * from jobs order by id')
	filot-requeue cancel "$@" >lines
	mapped='select(.job) | [.job, (.status | sub("would_cancel"; "cancelled")), .from, .note,
		(.reason // "" | sub("only_in"; "cancelled_in"))]'
	cmp <(jq -c "$mapped" dry) <(jq -c "$mapped" lines)
	[ "$(jq -r .status dry | sort | uniq -c | xargs)" = '1 null 3 skipped 2 would_cancel' ]
	one lines '(.job == "'"$(ulid 2)"'") and (.status == "skipped" and .reason == "cancelled_in_the_database")'
	[ "$(sql "select state from jobs where id = '$(ulid 2)'")" = cancelled ]
	one lines '(.job == "'"$waiting"'") and (.status == "cancelled" and .from == "ready")'
	one lines '(.job == "'"$running"'") and (.status == "cancelled" and (.note | test("not stored")))'
	one lines '(.job == "'"$finished"'") and (.status == "skipped" and .reason == "done")'
	one lines '(.job == "'"$(ulid 1)"'") and (.status == "skipped" and .reason == "dead")'
	kill -CONT "$worker"
	wait_for 30 'the rest to be done' done_is 6
	kill -TERM "$worker"
	wait "$worker"
	[ "$(sql "select state from jobs where id = '$running'")" = cancelled ]
	[ "$(sql "select count(*) from ocr_pages where job_id = '$running'")" -eq 0 ]
	[ "$(sql "select count(*) from jobs where state = 'done'")" -eq 6 ]
	[ "$(redis xlen "$queue:jobs")" -eq 0 ]
	[ "$(redis exists "$queue:cancel")" -eq 0 ]
}

@test "two who cancel the same jobs beside a busy worker: each job is done or cancelled, and no mark is left" {
	database
	jobs_make 60 | filot-enqueue >receipts
	worker_start busy
	jq -r .job receipts | sort -R >ids
	wait_for 30 'a first job' done_is 1
	filot-requeue cancel - <ids >one &
	filot-requeue cancel - <ids >two
	wait $!
	kill -TERM "$worker"
	wait "$worker"
	sql "select id from jobs where state = 'done'" | sort >finished
	# by one of the two, or by the worker's next claim, because of the mark; or while it was read
	jq -r 'select(.status == "cancelled" or .reason == "dropped_by_a_worker") | .job' one two >taken
	sql "select id from jobs where state = 'cancelled'" >>taken
	sort -u taken >cancelled
	[ "$(sort -u finished cancelled)" = "$(sort ids)" ]
	jq -r 'select(.status == "cancelled" and ((.note // "") | test("stays") | not)) | .job' one two | sort >promised
	[ -s cancelled ]
	[ "$(comm -12 finished promised)" = '' ]
	[ "$(jq -r 'select(.status == "cancelled") | .job' one two | sort | uniq -d)" = '' ]
	[ "$(filot-requeue stats | jq '.depth + .in_flight')" -eq 0 ]
	[ "$(redis exists "$queue:cancel")" -eq 0 ]
}

@test "a job with a cancel mark is not brought back from the dead" {
	dead_add 1 timeout
	redis sadd "$queue:cancel" "$(ulid 1)" >/dev/null
	filot-requeue --dead >lines
	one lines '(.status == "skipped") and (.reason == "cancelled")'
	[ "$(redis xlen "$queue:dead")" -eq 1 ]
}

@test "an empty Redis is nothing to do, for every verb" {
	tells '.summary.moved == 0'
	tells '.summary.moved == 0' --dead
	tells '.summary.moved == 0' --delayed
	[ "$(filot-requeue list)" = '' ]
	tells '.depth == 0 and .workers == []' stats
	[ "$(redis --scan --pattern "$queue:*")" = '' ]
}

@test "the script of the night: stuck jobs by --redis-url, a dry run, and the password of someone else is 77" {
	groups_make
	claimed_add lost 1 2
	url=$FILOT_REDIS_URL
	script=$FILOT_ROOT/scripts/ops/requeue_stuck_jobs.sh
	unset FILOT_REDIS_URL
	dump >before
	"$script" --redis-url "$url" --dry-run --min-idle 0s --queue-name "$FILOT_QUEUE_NAME" >lines
	[ "$(statuses lines)" = '2 would_move' ]
	cmp before <(dump)
	"$script" --redis-url "$url" --min-idle 0s >lines
	[ "$(statuses lines)" = '2 moved' ]
	run -77 "$script" --redis-url "$(sed -E 's#//filot:[^@]*@#//filot:wrong@#' <<<"$url")"
	[[ $output != *wrong* ]]
	FILOT_REDIS_CA=$SERVERS_WRONG_CA run -78 "$script" --redis-url "$url"
}

@test "Redis killed in the middle: 69 or done, and no job lost or twice" {
	# what was answered is on disk: a killed Redis may else forget the last second
	redis config set appendfsync always >/dev/null
	dead_many 3000
	filot-requeue --dead --rate 1000/s >some 2>err &
	mover=$!
	wait_for 20 'some to be moved' test -s some
	server_kill "$SERVERS_DIR" redis
	server_start "$SERVERS_DIR" redis
	status=0
	wait "$mover" || status=$?
	[ "$status" -eq 0 ] || [ "$status" -eq 69 ]
	filot-requeue --dead >rest
	[ "$(ready_ids | sort | uniq -d | wc -l)" -eq 0 ]
	[ "$(waiting)" -eq 3000 ]
	[ "$(redis xlen "$queue:dead")" -eq 0 ]
}
