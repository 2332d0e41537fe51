#!/usr/bin/env bats
# The connection to Redis by filot-enqueue: TLS with a checked name, passwords, waiting, and what comes of outages.

bats_require_minimum_version 1.5.0
load helper

setup_file() {
	SERVERS_REDIS_PLAIN=1 servers_setup redis
}

teardown_file() {
	servers_teardown
}

setup() {
	FILOT_QUEUE_NAME=redis$BATS_TEST_NUMBER
	export FILOT_QUEUE_NAME
	cd "$BATS_TEST_TMPDIR"
}

teardown() {
	server_running "$SERVERS_DIR" redis || server_start "$SERVERS_DIR" redis
	server_resume "$SERVERS_DIR" redis
}

enqueue() {
	filot-enqueue "$@"
}

# lines_make NAME: 5,000 job lines with keys of that name
lines_make() {
	seq 5000 | sed "s|.*|{\"uri\":\"r2://bucket/&\",\"key\":\"$1-&\"}|"
}

# refused STATUS PATTERN: what the run gave, and that no password is in it
refused() {
	[ "$status" -eq "$1" ] || { echo "$status: $output$stderr"; false; }
	grep -qE "$2" <<<"$stderr"
	! grep -qF "$SERVERS_REDIS_PASSWORD" <<<"$output$stderr"
	[ "$(waiting)" -eq 0 ]
}

@test "over TLS with user and password a job arrives" {
	enqueue r2://bucket/k | jq -e '.status == "queued"'
	[ "$(waiting)" -eq 1 ]
}

@test "without TLS on the plain port, too" {
	FILOT_REDIS_URL=$SERVERS_REDIS_PLAIN_URL enqueue r2://bucket/k | jq -e '.status == "queued"'
}

@test "the setting's alias and the flag are taken, the flag first" {
	url=$FILOT_REDIS_URL
	unset FILOT_REDIS_URL
	REDIS_URL=$url enqueue r2://bucket/k | jq -e '.status == "queued"'
	FILOT_REDIS_URL=redis://127.0.0.1:1 enqueue --redis-url "$url" r2://bucket/k | jq -e '.status == "queued"'
}

@test "a CA that did not sign the certificate: refused at once, 78" {
	FILOT_REDIS_CA=$SERVERS_WRONG_CA run --separate-stderr enqueue --wait 60s r2://bucket/k
	refused 78 'certificate does not verify'
}

@test "the system's CAs do not know the certificate either: 78" {
	FILOT_REDIS_CA='' run --separate-stderr enqueue --wait 60s r2://bucket/k
	refused 78 'certificate does not verify'
}

@test "a CA file that is missing: 78" {
	FILOT_REDIS_CA=/nonexistent run --separate-stderr enqueue r2://bucket/k
	refused 78 '/nonexistent'
}

@test "a certificate for another host: refused at once, 78" {
	FILOT_REDIS_URL=$SERVERS_REDIS_WRONG_HOST_URL run --separate-stderr enqueue --wait 60s r2://bucket/k
	refused 78 'IP address mismatch'
}

@test "a trusted certificate for another host name: refused at once, 78" {
	port=$(port_free)
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=other.example -addext subjectAltName=DNS:other.example \
		-days 1 -keyout other.key -out other.crt 2>/dev/null
	openssl s_server -accept "127.0.0.1:$port" -cert other.crt -key other.key -quiet >/dev/null 2>&1 3>&- &
	other=$!
	wait_for 10 'the other server' port_busy "$port"
	FILOT_REDIS_CA=$PWD/other.crt FILOT_REDIS_URL="rediss://localhost:$port" \
		run --separate-stderr enqueue --wait 60s r2://bucket/k
	kill "$other"
	refused 78 'hostname mismatch'
}

@test "a wrong password: refused at once, 77" {
	FILOT_REDIS_URL=${FILOT_REDIS_URL/$SERVERS_REDIS_PASSWORD/wrong-$SERVERS_REDIS_PASSWORD} \
		run --separate-stderr enqueue --wait 60s r2://bucket/k
	refused 77 'WRONGPASS'
}

@test "no password: refused at once, 77" {
	FILOT_REDIS_URL=${FILOT_REDIS_URL/filot:$SERVERS_REDIS_PASSWORD@/} \
		run --separate-stderr enqueue --wait 60s r2://bucket/k
	refused 77 'NOAUTH'
}

@test "TLS to a port that speaks none ends after the wait, 69" {
	FILOT_REDIS_URL=${SERVERS_REDIS_PLAIN_URL/redis:/rediss:} run --separate-stderr enqueue --wait 300ms r2://bucket/k
	refused 69 'TLS|SSL'
}

@test "Redis down at start: 69 after --wait, not before" {
	server_stop "$SERVERS_DIR" redis
	started=$(date +%s%3N)
	run --separate-stderr enqueue --wait 700ms r2://bucket/k
	[ "$status" -eq 69 ]
	[ $(($(date +%s%3N) - started)) -ge 700 ]
	grep -q 'localhost:' <<<"$stderr"
}

@test "Redis that comes within --wait gets the job" {
	server_stop "$SERVERS_DIR" redis
	enqueue --wait 30s r2://bucket/k >receipt 3>&- &
	sender=$!
	server_start "$SERVERS_DIR" redis 7>&-
	wait "$sender"
	jq -e '.status == "queued"' receipt
	[ "$(waiting)" -eq 1 ]
}

@test "a signal ends the wait" {
	server_stop "$SERVERS_DIR" redis
	enqueue --wait 60s r2://bucket/k 2>log 3>&- &
	sender=$!
	# its handlers are there before it connects; a signal before that ends it, too
	wait_for 10 'filot-enqueue to end' bash -c "kill -TERM $sender 2>/dev/null; ! kill -0 $sender 2>/dev/null"
	status=0
	wait "$sender" || status=$?
	[ "$status" -eq 69 ] || [ "$status" -eq 143 ]
}

@test "Redis killed in the middle and back: every job is there once" {
	redis config set appendfsync always
	mkfifo lines
	enqueue --wait 30s --batch 100 <lines >receipts 2>log 3>&- &
	sender=$!
	exec 7>lines
	lines_make before >&7
	wait_for 10 'the first receipts' test -s receipts
	server_kill "$SERVERS_DIR" redis
	lines_make after >&7 &
	server_start "$SERVERS_DIR" redis 7>&-
	wait "$!" || true
	exec 7>&-
	wait "$sender"
	[ "$(wc -l <receipts)" -eq 10000 ]
	[ "$(jq -r .status receipts | sort | uniq -c | xargs)" = '10000 queued' ]
	redis config set appendfsync everysec
	[ "$(waiting)" -eq 10000 ]
	[ "$(waiting_lines | grep -o '"key":"[^"]*"' | sort -u | wc -l)" -eq 10000 ]
}

@test "Redis that freezes longer than a reply may take is asked again, each job once" {
	mkfifo lines
	enqueue --wait 60s <lines >receipts 2>log 3>&- &
	sender=$!
	exec 7>lines
	echo r2://bucket/1 >&7
	wait_for 10 'the first receipt' test -s receipts
	server_pause "$SERVERS_DIR" redis
	seq -f 'r2://bucket/%g' 2 1000 >&7
	exec 7>&-
	wait_for 30 'the reply to be given up' grep -q 'no answer in time' log
	server_resume "$SERVERS_DIR" redis
	wait "$sender"
	[ "$(grep -c '"status":"queued"' receipts)" -eq 1000 ]
	[ "$(waiting)" -eq 1000 ]
}

@test "Redis gone for good in the middle: 69, and what has a receipt is there" {
	mkfifo lines
	enqueue --wait 500ms --batch 10 <lines >receipts 2>log 3>&- &
	sender=$!
	exec 7>lines
	seq -f 'r2://bucket/%g' 10 >&7
	wait_for 10 'the receipts' bash -c '[ "$(wc -l <receipts)" -eq 10 ]'
	server_stop "$SERVERS_DIR" redis
	seq -f 'r2://bucket/%g' 10 >&7 || true
	exec 7>&-
	status=0
	wait "$sender" || status=$?
	[ "$status" -eq 69 ]
	server_start "$SERVERS_DIR" redis 7>&-
	[ "$(grep -c '"status":"queued"' receipts)" -eq 10 ]
	[ "$(waiting)" -eq 10 ]
}

@test "maxmemory reached: 69 with what to do, and nothing half done" {
	redis config set maxmemory 1
	run --separate-stderr enqueue r2://bucket/k
	redis config set maxmemory 0
	refused 69 'OOM .*maxmemory'
}
