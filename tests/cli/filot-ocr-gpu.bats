#!/usr/bin/env bats
# filot-ocr-gpu as a filter: files and job lines in, results out in order; errors that cost one document only.

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	sample=$FILOT_ROOT/tests/data/phototest.tif
	cd "$BATS_TEST_TMPDIR"
}

ocr() {
	filot-ocr-gpu "$@"
}

@test "reads a file as text, as the tesseract command does" {
	ocr -f text "$sample" >ours
	OMP_THREAD_LIMIT=1 tesseract "$sample" - --oem 1 >theirs 2>/dev/null
	cmp ours theirs
	grep -q 'The quick brown dog jumped' ours
}

@test "reads standard input, a pipe and a file: URI" {
	ocr -f text "$sample" >want
	ocr -f text - <"$sample" | cmp - want
	cat "$sample" | ocr -f text - | cmp - want
	ocr -f text <(cat "$sample") | cmp - want
	ocr -f text "file://$sample" | cmp - want
}

@test "a result line has what filot-jobs(5) promises" {
	ocr "$sample" >line
	[ "$(wc -l <line)" -eq 1 ]
	jq -e --arg name "$sample" '.v == 1 and .status == "done" and .document == $name and (has("job") | not)
		and (.pages | length) == 1 and (.engine.backend | IN("generic", "avx2", "avx512vnni")) and .engine.model == "eng"
		and (.engine.model_sha256 | test("^[0-9a-f]{64}$")) and (.ms.total >= .ms.recognise)' line
	jq -e '.pages[0] | .page == 1 and .width == 640 and .height == 480 and .rotation == 0
		and (.text | startswith("This is a lot of 12 point text")) and .confidence > 80
		and ([.lines[].words[].text] | index("jumped")) != null' line
	jq -e '[.pages[0].lines[].words[].box | (.[0] >= 0 and .[1] >= 0 and .[2] > 0 and .[3] > 0
		and .[0] + .[2] <= 640 and .[1] + .[3] <= 480)] | all' line
}

@test "many files give results in the order given, whatever is read side by side" {
	printf 'x' >bad.bin
	ocr -j 4 bad.bin "$sample" missing.png "$sample" bad.bin >lines || status=$?
	[ "$status" -eq 1 ]
	[ "$(jq -r '.document + " " + (.error.code // .status)' lines)" = "bad.bin unsupported_format
$sample done
missing.png not_found
$sample done
bad.bin unsupported_format" ]
}

@test "errors of other formats go to the log, the other documents are read" {
	run --separate-stderr filot-ocr-gpu -f text missing.png "$sample"
	[ "$status" -eq 1 ]
	[[ $output == *'The quick brown dog'* ]]
	jq -e 'select(.event == "document_failed") | .document == "missing.png" and .code == "not_found"' <<<"$stderr"
}

@test "documents in plain text are separated as pages are" {
	ocr -f text "$sample" >one
	ocr -f text "$sample" missing.png "$sample" >two 2>/dev/null || true
	{ cat one && printf '\f' && cat one; } | cmp - two
}

@test "an empty file, a folder and a text file are told apart" {
	: >empty.png
	printf '#!/bin/sh\necho hello\n' >script.pdf
	ocr empty.png . script.pdf >lines || true
	[ "$(jq -r .error.code lines | xargs)" = "empty_document unsupported_format unsupported_format" ]
}

@test "job lines are read from standard input, bad ones are errors of their own" {
	{
		filot-enqueue --print "$sample"
		echo 'no json'
		echo '{"v":1,"uri":"file:/nonexistent/x.png","unknown":[1]}'
		echo '{"v":1}'
		head -c 1200000 /dev/zero | tr '\0' x
		echo
		printf '{"v":1,"uri":"file:/\xff"}\n'
		filot-enqueue --print "$sample"
	} | ocr --stdin >lines || status=$?
	[ "$status" -eq 1 ]
	[ "$(jq -r '.error.code // .status' lines | xargs)" = "done bad_job not_found bad_job bad_job bad_job done" ]
	jq -es '[.[] | select(.status == "done") | .job | test("^[0-9A-Z]{26}$")] | all' lines
}

@test "a job line's language wins over -l, and -l over eng" {
	echo "{\"v\":1,\"uri\":\"file:$sample\",\"lang\":\"eng\"}" | ocr --stdin -l nope | jq -e '.engine.model == "eng"'
	echo "{\"v\":1,\"uri\":\"file:$sample\"}" | ocr --stdin -l nope >line || status=$?
	[ "$status" -eq 1 ]
	jq -e '.error.code == "unknown_language"' line
	run filot-ocr-gpu -l ../../etc/passwd "$sample"
	[ "$status" -eq 64 ]
}

@test "--pages takes some pages only and keeps their numbers" {
	tiffcp "$sample" "$sample" "$sample" three.tif
	ocr --pages 1,3-9 three.tif | jq -e '[.pages[].page] == [1,3]'
	run filot-ocr-gpu --pages 3-1 three.tif
	[ "$status" -eq 64 ]
}

@test "--dpi and --psm reach the recogniser" {
	ocr --dpi 150 "$sample" | jq -e '.pages[0].dpi == 150'
	[ "$(ocr --psm 7 -f text "$sample" | wc -l)" -le 1 ]
}

@test "limits give their own errors" {
	ocr --max-bytes 1K "$sample" >line || true
	jq -e '.error.code == "too_large"' line
	ocr --max-pixels 1000 "$sample" >line || true
	jq -e '.error.code == "page_too_large"' line
	tiffcp "$sample" "$sample" two.tif
	ocr --max-pages 1 two.tif >line || true
	jq -e '.error.code == "too_many_pages"' line
	for limit in --timeout --page-timeout; do
		ocr "$limit" 1ms "$sample" >line || true
		jq -e '.error.code == "timeout"' line
	done
}

@test "a password file opens an encrypted PDF" {
	corpus
	ocr "$CORPUS/pdf/enc-user.pdf" >line || true
	jq -e '.error.code == "encrypted_document"' line
	echo wrong >password
	ocr --password-file password "$CORPUS/pdf/enc-user.pdf" >line || true
	jq -e '.error.code == "encrypted_document"' line
	echo secret >password
	ocr --pages 1 --password-file password "$CORPUS/pdf/enc-user.pdf" | jq -e '.status == "done"'
}

@test "https: to a private address is refused, also by name" {
	run filot-ocr-gpu https://127.0.0.1:1/x.png https://localhost:1/x.png 'https://[::1]:1/x.png'
	[ "$status" -eq 1 ]
	[ "$(jq -r .error.code <<<"$output" | sort -u)" = forbidden_uri ]
	run filot-ocr-gpu http://127.0.0.1:1/x.png
	[ "$(jq -r .error.code <<<"$output")" = forbidden_uri ]
}

@test "r2: without object storage says what is missing" {
	run filot-ocr-gpu r2://bucket/key
	[ "$status" -eq 1 ]
	[[ $(jq -r .error.message <<<"$output") == *FILOT_R2_ENDPOINT* ]]
}

@test "wrong command lines are usage errors with a hint" {
	local arguments
	for arguments in '' '--stdin x.png' '--once x.png' '--format xml x.png' '--psm 14 x' '--psm 0 x' '--jobs 0 x' \
		'--nonsense' '--dpi'; do
		# shellcheck disable=SC2086 # words are meant to be split
		run --separate-stderr filot-ocr-gpu $arguments </dev/null
		[ "$status" -eq 64 ]
		[ -z "$output" ]
		[[ $stderr == *'filot-ocr-gpu --help'* ]]
	done
	FILOT_REDIS_URL=redis://h FILOT_DATABASE_URL=postgresql://h/d run filot-ocr-gpu --queue x.png
	[ "$status" -eq 64 ]
}

@test "--help names every flag of the manual and the other way round" {
	# the manual shows a flag of filot-enqueue in an example
	ocr --help | grep -o -- '--[a-z][a-z-]*' | sort -u >help
	mandoc -T ascii "$FILOT_ROOT/man/filot-ocr-gpu.1" | sed 's,.\x08,,g' | grep -v filot-enqueue | grep -oE -- '--[a-z][a-z-]*' |
		sort -u >manual
	diff help manual
}

@test "--version and --check-config answer on standard output" {
	[[ $(ocr --version) == 'filot-ocr-gpu '* ]]
	FILOT_REDIS_URL=redis://u:topsecret@h FILOT_DATABASE_URL=postgresql://u:topsecret@h/d \
		run --separate-stderr filot-ocr-gpu --queue --check-config
	[ "$status" -eq 0 ]
	[[ $output == *FILOT_REDIS_URL*set*environment* ]]
	[[ $output$stderr != *topsecret* ]]
	run --separate-stderr env -u FILOT_REDIS_URL -u REDIS_URL filot-ocr-gpu --queue --check-config
	[ "$status" -eq 78 ]
	[[ $output == *FILOT_REDIS_URL*MISSING* ]]
}

@test "a reader of our output that goes away ends the run quietly" {
	set +o pipefail
	for _ in $(seq 30); do echo "$sample"; done | xargs filot-ocr-gpu -j 2 2>log | head -1 | jq -e '.status == "done"'
	run ! grep -i 'sanitizer\|assert' log
}

@test "SIGTERM lets running documents end, tells that not all was read, and leaves no reader behind" {
	mkfifo jobs
	filot-ocr-gpu --stdin -j 1 <jobs >lines 2>log &
	pid=$!
	exec 9>jobs
	filot-enqueue --print "$sample" >&9
	wait_for 20 'the first result' test -s lines
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	exec 9>&-
	[ "$status" -eq 75 ]
	[ "$(wc -l <lines)" -eq 1 ]
	run ! pgrep -P "$pid"
}

@test "no descriptor and no memory of one document is seen by the next" {
	corpus
	ocr -f text "$sample" >want
	ocr -j 1 -f text "$CORPUS/bad/truncated.png" "$sample" "$CORPUS/bad/flipped.tif" "$sample" >got 2>/dev/null || true
	# whatever the bad ones gave, both readings of the sample are whole and equal
	[ "$(grep -c 'This is a lot of 12 point text' got)" -eq 2 ]
}
