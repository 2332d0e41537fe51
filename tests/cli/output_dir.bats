#!/usr/bin/env bats
# --output-dir: a file of each format for each document, whole or not there, none over another.

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	pages_setup
}

@test "each format has its file, and in it what standard output would have had" {
	local format
	declare -A extensions=([text]=txt [tsv]=tsv [hocr]=hocr [alto]=xml)
	run -0 --separate-stderr filot-ocr-gpu -f json,text,tsv,hocr,alto,overlay -o out "$word"
	[ -z "$output" ]
	[ "$(find out -type f | wc -l)" -eq 6 ]
	for format in text tsv hocr alto; do
		filot-ocr-gpu -f "$format" "$word" >expected
		cmp expected "out/word.${extensions[$format]}"
	done
	jq -e '.pages[0].width > 0' out/word.json
	grep -qi '^<!DOCTYPE html>' out/word.html
}

@test "documents of one name get numbers in the order given; a second run writes over the first" {
	mkdir -p a b
	cp "$word" a/page.png
	cp "$sample" b/page.tif
	cp "$word" page-2.png
	filot-ocr-gpu -f text -o out a/page.png b/page.tif page-2.png
	[ "$(cd out && echo *)" = "page-2-2.txt page-2.txt page.txt" ]
	cmp out/page.txt out/page-2-2.txt
	grep -q 'quick brown dog' out/page-2.txt
	echo stale >out/page.txt
	filot-ocr-gpu -f text -o out a/page.png
	cmp out/page.txt out/page-2-2.txt
	[ -z "$(find out -name '.*.part')" ]
}

@test "no document is written over, not even one that is read later" {
	cp "$word" page.png
	cp "$word" page.txt
	run -0 filot-ocr-gpu -f text -o . page.png page.txt
	cmp "$word" page.txt
	cmp page-2.txt page-3.txt
}

@test "names come from paths, URIs, standard input and jobs" {
	cp "$word" .hidden
	filot-ocr-gpu -f text -o out - "file:$word" "$PWD/.hidden" <"$word"
	[ -f out/stdin.txt ] && [ -f out/word.txt ] && [ -f out/.hidden.txt ]
	filot-enqueue --print "$word" >job
	filot-ocr-gpu --stdin -f text -o jobs <job
	[ "$(ls jobs)" = "$(jq -r .job job).txt" ]
}

@test "a document that failed has a file in JSON only, and is logged" {
	echo text >bad.bin
	run -1 --separate-stderr filot-ocr-gpu -f json,text,alto -o out bad.bin "$word"
	# shellcheck disable=SC2154 # set by run
	grep -q '"event":"document_failed","document":"bad.bin"' <<<"$stderr"
	[ "$(jq -r .error.code out/bad.json)" = unsupported_format ]
	[ "$(cd out && echo *)" = "bad.json word.json word.txt word.xml" ]
}

@test "a folder that cannot be, and formats that need one" {
	touch file
	run -78 filot-ocr-gpu -f text -o file/out "$word"
	run -78 filot-ocr-gpu -f text -o file "$word"
	run -64 filot-ocr-gpu -f text,json "$word"
	[[ $output == *'several formats need --output-dir'* ]]
	run -64 filot-ocr-gpu -f text, -o out "$word"
	run -64 filot-ocr-gpu -f overlay "$word" "$word"
	run -64 filot-ocr-gpu --queue -o out --redis-url redis://localhost --database-url postgresql://localhost
	[ ! -e out ]
}

@test "a file system that is full costs the file, and leaves nothing of it" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	mkdir small
	mount -t tmpfs -o size=4k none small || skip "cannot mount"
	run -1 filot-ocr-gpu -f overlay -o small "$word"
	local left
	left=$(ls -A small)
	umount small
	[ -z "$left" ]
	[[ $output == *'small/word.html: No space left on device'* ]]
}
