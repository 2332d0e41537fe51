#!/usr/bin/env bats
# filot-ocr-gpu and GPUs: on a machine that has none, and with the GPU's twin (tests/gpu/twin.h) in its place, which reads
# by the kernels' own source, ends at a memory limit and gets lost where a test says.

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	word=$FILOT_ROOT/tests/data/word.png
	twin=$FILOT_BUILD/tests/filot-ocr-gpu-twin
	cd "$BATS_TEST_TMPDIR"
}

no_gpu_here() {
	! ls /dev/nvidia[0-9]* >/dev/null 2>&1 || skip "this machine has a GPU: tests/gpu/run"
}

@test "without a GPU --backend cuda ends with 69 and says why; auto reads by the processor" {
	no_gpu_here
	run --separate-stderr filot-ocr-gpu --backend cuda "$word"
	[ "$status" -eq 69 ]
	[ -z "$output" ]
	[[ $stderr == *"no GPU: "* ]]
	filot-ocr-gpu --log-level debug "$word" >line 2>log
	jq -e '.engine.backend | IN("generic", "avx2", "avx512vnni")' line
	[ "$(jq -r 'select(.event == "no_gpu") | .message' log | wc -l)" -eq 1 ]
}

@test "--devices lists what runs here and what would be used" {
	no_gpu_here
	filot-ocr-gpu --devices >lines
	[ "$(jq -rs 'map(.backend) | join(" ")' lines)" = "generic avx2 avx512vnni cuda" ]
	jq -es 'map(select(.used)) | length == 1 and .[0].runs' lines
	jq -es 'map(select(.backend == "cuda"))[0] | .runs == false and (.reason | startswith("no GPU: "))' lines
	filot-ocr-gpu --devices --backend generic | jq -es 'map(select(.used).backend) == ["generic"]'
	run filot-ocr-gpu --devices --backend cuda
	[ "$status" -eq 69 ]
	run filot-ocr-gpu --devices "$word"
	[ "$status" -eq 64 ]
}

@test "--devices of two GPUs marks those of --gpus, with the limit of --gpu-memory" {
	FILOT_TWIN_DEVICES=2 "$twin" --devices --gpus 1 --gpu-memory 100M >lines
	jq -es 'map(select(.backend == "cuda")) | map(.gpu) == [0, 1] and map(.used) == [false, true]
		and .[1].limit_bytes == 104857600 and .[1].compute == "8.6"' lines
	jq -es 'map(select(.used).backend) == ["cuda"]' lines
	run env FILOT_TWIN_DEVICES=2 "$twin" --devices --backend cuda --gpus 2
	[ "$status" -eq 69 ]
	[[ $output == *"GPU 2 is not there"* ]]
	run "$twin" --gpus 0,x "$word"
	[ "$status" -eq 78 ]
	run "$twin" --gpus 0 --backend avx2 "$word"
	[ "$status" -eq 64 ]
}

@test "a GPU's text, boxes and confidences are the processor's" {
	filot-ocr-gpu --backend generic "$FILOT_ROOT/tests/data/phototest.tif" "$word" >processor
	"$twin" "$FILOT_ROOT/tests/data/phototest.tif" "$word" >gpu
	jq -es 'all(.engine.backend == "cuda")' gpu
	cmp <(jq -c '.pages | del(.[].ms)' processor) <(jq -c '.pages | del(.[].ms)' gpu)
	[ "$(jq -s '[.[].pages[].lines[]] | length' gpu)" -ge 9 ]
}

@test "batches that do not fit a GPU's memory are read in parts, to the same text" {
	sample=$FILOT_ROOT/tests/data/phototest.tif
	filot-ocr-gpu -f text "$sample" >want
	FILOT_TWIN_MEMORY=$((3 << 20)) "$twin" -f text --backend cuda "$sample" | cmp - want
	"$twin" -f text --backend cuda --gpu-batch 2 "$sample" | cmp - want
}

@test "a GPU lost while it reads ends the filter with 69; what was read before is written" {
	run --separate-stderr env FILOT_TWIN_LOST_AFTER=8 "$twin" -j 1 "$word" "$word" "$word" "$word"
	[ "$status" -eq 69 ]
	[[ $stderr == *"fallen off the bus"* ]]
	[ "$(wc -l <<<"$output")" -lt 4 ]
	[ -z "$output" ] || jq -es 'all(.status == "done")' <<<"$output"
}
