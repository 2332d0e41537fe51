#!/usr/bin/env bats
# A worker on the queue whose GPU is lost: it hands its jobs back, ends with 69, and another worker reads them. The GPU is
# its twin (tests/gpu/twin.h).

bats_require_minimum_version 1.5.0
load helper

setup_file() {
	servers_setup redis postgres
}

teardown_file() {
	servers_teardown
}

setup() {
	database_new
	export FILOT_QUEUE_NAME=gpu$BATS_TEST_NUMBER
	folder=$FILOT_ROOT/tests/data
	twin=$FILOT_BUILD/tests/filot-ocr-gpu-twin
	cd "$BATS_TEST_TMPDIR"
	filot-migrate up --dir "$FILOT_ROOT/migrations" >/dev/null
	for number in 1 2 3 4; do
		printf '{"v":1,"uri":"file:%s/word.png","key":"gpu-%d","document":"doc-%d"}\n' "$folder" "$number" "$number"
	done | filot-enqueue >/dev/null
}

teardown() {
	background_end redis postgres
}

@test "a lost GPU: the jobs go back at once, the worker ends with 69, another reads them all" {
	run --separate-stderr env FILOT_TWIN_LOST_AFTER=8 "$twin" --queue --jobs 2 --allow-file "$folder"
	[ "$status" -eq 69 ]
	jq -es 'map(select(.event == "gpu_lost")) | length == 1 and .[0].code == "unavailable" and (.[0].message | contains("GPU 0"))' \
		<<<"$(grep '^{' <<<"$stderr")"
	grep -q '"event":"job_handed_back"' <<<"$stderr"
	[ "$(grep -c '"event":"job_\(failed\|dead\|retry\)' <<<"$stderr")" -eq 0 ]
	[ "$(sql "select count(*) from jobs where state = 'failed'")" -eq 0 ]
	# no claim is left to time out: with --once, a worker sees the jobs now or never
	filot-ocr-gpu --queue --once --allow-file "$folder" 2>second.log
	[ "$(sql "select count(*) from jobs where state = 'done'")" -eq 4 ]
}

@test "the metrics tell of the GPU: memory, batches, how full, and its stages" {
	"$twin" --queue --once --jobs 1 --allow-file "$folder" 2>log
	[ "$(sql "select count(*) from jobs where state = 'done'")" -eq 4 ]
	jq -es 'map(select(.event == "gpu"))[0] | .gpu == 0 and .name == "twin" and .batches >= 1 and .lines >= 4
		and .used_bytes > 0 and .batch_fill > 0 and .batch_fill <= 1 and .use_percent == -1 and has("lstm_ms")' log
}

@test "documents that are given by name: the log tells of the GPU at the end, when it is asked to" {
	FILOT_LOG_LEVEL=debug "$twin" "$folder/word.png" >result.json 2>log
	[ "$(jq -r .engine.backend result.json)" = cuda ]
	grep '^{' log | jq -es 'map(select(.event == "gpu")) | length == 1 and .[0].lines >= 1' # libtesseract says something, too
	"$twin" "$folder/word.png" >/dev/null 2>log
	[ ! -s log ]
}

@test "a worker without a GPU says so once and reads by the processor" {
	FILOT_TWIN_DEVICES=0 "$twin" --queue --once --allow-file "$folder" 2>log
	[ "$(jq -r 'select(.event == "no_gpu") | .message' log)" = "no GPU: the twin has none" ]
	[ "$(sql "select count(*) from jobs where state = 'done'")" -eq 4 ]
	run env FILOT_TWIN_DEVICES=0 "$twin" --queue --once --backend cuda
	[ "$status" -eq 69 ]
}
