#!/usr/bin/env bats
# filot-enqueue and the queue's promises on a real Redis and object storage: receipts, keys, uploads, limits.

bats_require_minimum_version 1.5.0
load helper

setup_file() {
	servers_setup redis storage
}

teardown_file() {
	servers_teardown
}

setup() {
	FILOT_QUEUE_NAME=queue$BATS_TEST_NUMBER
	export FILOT_QUEUE_NAME
	queue="filot:{$FILOT_QUEUE_NAME}"
	cd "$BATS_TEST_TMPDIR"
}

# holds N: so many normal jobs are in the queue
holds() {
	[ "$(waiting)" -eq "$1" ]
}

@test "receipts come in the order of the inputs, refusals at their places" {
	run --separate-stderr filot-enqueue r2://bucket/1 missing.png '{"uri":"r2://bucket/2","job":"01HZX3K2Q4V5W6X7Y8Z9A0B1C2"}' \
		'{"uri":7,"job":"01HZX3K2Q4V5W6X7Y8Z9A0B1C3"}' r2://bucket/3
	[ "$status" -eq 1 ]
	[ "$(jq -r .status <<<"$output" | paste -sd' ')" = 'queued refused queued refused queued' ]
	[ "$(jq -r .job <<<"$output" | sed -n 3p)" = 01HZX3K2Q4V5W6X7Y8Z9A0B1C2 ]
	[ "$(jq -r .job <<<"$output" | sed -n 4p)" = 01HZX3K2Q4V5W6X7Y8Z9A0B1C3 ]
	jq -se '.[1].error.code == "not_found" and .[3].error.code == "bad_job" and (.[1] | has("job") | not)' <<<"$output"
	[ "$(waiting)" -eq 3 ]
}

@test "priorities go to their streams, with their tenants" {
	filot-enqueue --priority high r2://bucket/1
	filot-enqueue --priority low --tenant acme r2://bucket/2
	filot-enqueue r2://bucket/3
	[ "$(redis xlen "$queue:jobs:high") $(redis xlen "$queue:jobs") $(redis xlen "$queue:jobs:low")" = '1 1 1' ]
	[ "$(filot-requeue list ready | jq -r '.priority + ":" + .tenant' | xargs)" = 'high: normal: low:acme' ]
}

@test "two senders at once with the same 1,000 keys: each key is one job, and both hear the same id" {
	seq 1000 | sed 's|.*|{"uri":"r2://bucket/&","key":"k&"}|' >lines
	shuf lines >shuffled
	filot-enqueue --batch 7 <lines >one 3>&- &
	local first=$!
	filot-enqueue --batch 7 <shuffled >two 3>&- &
	local second=$!
	wait "$first"
	wait "$second"
	[ "$(waiting)" -eq 1000 ]
	[ "$(cat one two | grep -c '"status":"queued"')" -eq 1000 ]
	[ "$(cat one two | grep -c '"status":"duplicate"')" -eq 1000 ]
	[ "$(jq -r .job one | sort)" = "$(jq -r .job two | sort)" ]
	[ "$(waiting_lines | grep -o '"key":"[^"]*"' | sort -u | wc -l)" -eq 1000 ]
}

@test "two senders at once that both send every line twice in one batch: still one job a key" {
	seq 500 | sed 's|.*|{"uri":"r2://bucket/&","key":"k&"}|' | sed p >lines
	filot-enqueue <lines >one 3>&- &
	local first=$!
	filot-enqueue <lines >two 3>&- &
	local second=$!
	wait "$first"
	wait "$second"
	[ "$(waiting)" -eq 500 ]
	[ "$(cat one two | grep -c '"status":"queued"')" -eq 500 ]
}

@test "a slow sender gets each receipt before it sends the next line" {
	mkfifo lines receipts
	filot-enqueue <lines >receipts 3>&- &
	local sender=$!
	exec 7>lines 8<receipts
	local number receipt
	for number in 1 2 3; do
		echo "r2://bucket/$number" >&7
		read -r -t 10 receipt <&8
		jq -e '.status == "queued"' <<<"$receipt"
		[ "$(waiting)" -eq "$number" ]
	done
	exec 7>&-
	wait "$sender"
}

@test "SIGTERM ends a sender that waits for input with 75, what it read being in the queue" {
	mkfifo lines
	filot-enqueue <lines >receipts 2>log 3>&- &
	local sender=$! status=0
	exec 7>lines
	seq -f 'r2://bucket/%g' 20 >&7
	wait_for 10 'the receipts' bash -c '[ "$(wc -l <receipts)" -eq 20 ]'
	kill -TERM "$sender"
	wait "$sender" || status=$?
	exec 7>&-
	[ "$status" -eq 75 ]
	[ "$(waiting)" -eq 20 ]
}

@test "memory stays bounded whatever the input's length" {
	seq -f 'r2://bucket/%.0f' 20000 >small
	seq -f 'r2://bucket/%.0f' 200000 >large
	local peak_small peak_large
	peak_small=$(command time -f %M filot-enqueue <small 2>&1 >/dev/null | tail -1) || skip 'no time program'
	peak_large=$(command time -f %M filot-enqueue <large 2>&1 >/dev/null | tail -1)
	echo "$peak_small KiB, $peak_large KiB"
	[ "$peak_large" -lt $((peak_small + peak_small / 5)) ]
}

@test "--max-depth refuses with 75 when there is no room within the wait" {
	seq -f 'r2://bucket/%g' 30 >lines
	run --separate-stderr filot-enqueue --max-depth 20 --batch 8 --wait 300ms <lines
	[ "$status" -eq 75 ]
	[ "$(grep -c '"status":"queued"' <<<"$output")" -eq 16 ]
	[ "$(grep -c '"code":"try_again"' <<<"$output")" -eq 8 ]
	[ "$(waiting)" -eq 16 ]
	grep -q 'the queue is full' <<<"$stderr"
}

@test "--max-depth goes on when there is room again" {
	seq -f 'r2://bucket/%g' 30 >lines
	filot-enqueue --max-depth 20 --batch 10 --wait 30s <lines >receipts 3>&- &
	local sender=$!
	wait_for 10 'the queue to be full' holds 20
	redis xtrim "$queue:jobs" MAXLEN 5
	wait "$sender"
	[ "$(grep -c '"status":"queued"' receipts)" -eq 30 ]
	[ "$(waiting)" -le 20 ]
}

@test "--upload stores a file once by its sum and queues its r2: URI" {
	printf 'a page' >a.png
	printf 'a page' >'copy of a.png'
	local sum
	sum=$(sha256sum a.png | cut -d' ' -f1)
	filot-enqueue --upload a.png 'copy of a.png' file://"$PWD"/a.png >receipts
	[ "$(jq -r .status receipts | paste -sd' ')" = 'queued queued queued' ]
	waiting_lines | grep '"uri"' >lines
	[ "$(jq -r .uri lines | sort -u)" = "r2://$FILOT_R2_BUCKET/documents/${sum:0:2}/$sum" ]
	[ "$(jq -r .sha256 lines | sort -u)" = "$sum" ]
	s3_request "$SERVERS_DIR" "/$FILOT_R2_BUCKET/documents/${sum:0:2}/$sum" --fail >stored
	cmp stored a.png
}

@test "--upload with --key-from sha256: the same bytes under two names are one job" {
	printf 'another page' >a.png
	cp a.png b.png
	filot-enqueue --upload --key-from sha256 --upload-prefix in/ a.png b.png >receipts
	[ "$(jq -r .status receipts | paste -sd' ')" = 'queued duplicate' ]
	waiting_lines | grep -q '"uri":"r2://[^/]*/in/'
}

@test "--upload works without a queue" {
	printf 'printed page' >a.png
	FILOT_REDIS_URL='' filot-enqueue --upload --print a.png >line
	jq -e '.uri | startswith("r2://")' line
	[ "$(waiting)" -eq 0 ]
}

@test "a file that is not what the job line's sha256 says is refused and not stored" {
	printf 'page' >a.png
	printf '{"uri":"file://%s/a.png","sha256":"%064d"}\n' "$PWD" 0 >line
	run --separate-stderr filot-enqueue --upload <line
	[ "$status" -eq 1 ]
	jq -e '.error.code == "checksum_mismatch"' <<<"$output"
	[ "$(waiting)" -eq 0 ]
}

@test "a wrong storage key ends it with 77, what was before it being in the queue" {
	printf 'page' >a.png
	FILOT_R2_SECRET_KEY=wrong run --separate-stderr filot-enqueue --upload r2://bucket/1 a.png r2://bucket/2
	[ "$status" -eq 77 ]
	[ "$(jq -r .status <<<"$output")" = queued ]
	grep -q 'SignatureDoesNotMatch\|403\|Forbidden' <<<"$stderr"
	[ "$(waiting)" -eq 1 ]
}

@test "storage that is away ends it with 69" {
	printf 'page' >a.png
	FILOT_R2_ENDPOINT=http://127.0.0.1:$(port_free) run --separate-stderr filot-enqueue --upload a.png
	[ "$status" -eq 69 ]
	[ "$(waiting)" -eq 0 ]
}
