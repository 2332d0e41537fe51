#!/usr/bin/env bats
# Our engine beside libtesseract's own, through the reader process and the protocol, on small pages: lines, a page upside
# down, a table, lone words. make bench-equal does the same for whole folders and says what differs.

bats_require_minimum_version 1.5.0
load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	pages=("$FILOT_ROOT"/tests/data/{phototest.tif,HelloGoogle.tif,phototest-rotated-180.png,trainingtimes.tif,table.27.tif})
}

# What was read, less what tells of the engine and of time.
read_with() { # FLAGS…
	filot-ocr-gpu "$@" "${pages[@]}" | jq -c 'del(.ms, .engine.backend, .pages[].ms)'
}

@test "each page has the words, boxes, confidences, lines and paragraphs that libtesseract's engine gives" {
	read_with --engine tesseract >theirs
	read_with >ours
	[ "$(wc -l <theirs)" -eq "${#pages[@]}" ]
	diff ours theirs
}

@test "every back end that this machine runs gives the same" {
	local backend
	pages=("${pages[0]}" "${pages[1]}")
	read_with >ours
	for backend in generic avx2 avx512vnni; do
		if filot-ocr-gpu --backend "$backend" "${pages[1]}" >line 2>errors; then
			[ "$(jq -r .engine.backend line)" = "$backend" ]
			read_with --backend "$backend" | diff ours -
		else
			[ "$backend" != generic ]
			grep -q "does not run $backend" errors
		fi
	done
}

@test "a single line, a single word and sparse text are found as libtesseract finds them" {
	local psm
	pages=("${pages[0]}" "${pages[1]}")
	for psm in 6 7 11 13; do
		read_with --psm "$psm" --engine tesseract >theirs
		read_with --psm "$psm" | diff - theirs
	done
}

@test "several languages are chosen among as libtesseract chooses, in any order" {
	local languages
	for languages in deu+eng eng+deu fra+ell+eng; do
		read_with -l "$languages" --engine tesseract >theirs
		read_with -l "$languages" | diff - theirs
	done
}

@test "a model that is no LSTM model is refused by name, and the other engine is named" {
	mkdir models
	head -c 300 /dev/zero >models/odd.traineddata
	run filot-ocr-gpu --tessdata models -l odd "${pages[0]}"
	[ "$status" -eq 1 ]
	jq -e '.error.code == "unknown_language" and (.error.message | test("odd"))' <<<"${lines[0]}"
}
