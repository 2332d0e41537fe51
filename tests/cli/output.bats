#!/usr/bin/env bats
# TSV, hOCR, ALTO and JSON of real pages, against what the installed tesseract prints of the same file with the same library.

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	pages_setup
}

# tesseract_of FORMAT FILE: what the peer prints.
tesseract_of() {
	OMP_THREAD_LIMIT=1 tesseract "$2" - --oem 1 "$1" 2>/dev/null
}

@test "TSV is tesseract's, confidences to the sixth decimal" {
	local file
	for file in "$sample" "$word"; do
		filot-ocr-gpu -f tsv "$file" >ours
		tesseract_of tsv "$file" >theirs
		diff theirs ours
	done
	[ "$(awk -F'\t' '$1 == 5' ours | wc -l)" -ge 1 ]
}

@test "hOCR is tesseract's but for the engine's name and the capabilities, which 5.5 names more of" {
	local file
	for file in "$sample" "$word"; do
		filot-ocr-gpu -f hocr "$file" | grep -Ev 'ocr-(capabilities|system)' >ours
		tesseract_of hocr "$file" | grep -Ev 'ocr-(capabilities|system)' >theirs
		diff theirs ours
	done
	grep -q ocrx_word ours
}

@test "several documents: one TSV heading, one hOCR document each, one JSON line each" {
	filot-ocr-gpu -f tsv "$word" "$sample" >out
	[ "$(grep -c ^level out)" -eq 1 ]
	[ "$(grep -c "^1	1	0" out)" -eq 2 ]
	filot-ocr-gpu -f hocr "$word" "$sample" >out
	[ "$(grep -c '^<?xml' out)" -eq 2 ]
	[ "$(grep -c '^</html>' out)" -eq 2 ]
	filot-ocr-gpu -f json "$word" "$sample" >out
	[ "$(wc -l <out)" -eq 2 ]
}

@test "JSON, TSV and hOCR tell of the same words in the same boxes" {
	filot-ocr-gpu -f json "$sample" |
		jq -r '.pages[].lines[].words[] | (.box + [.text]) | @tsv' >from-json
	filot-ocr-gpu -f tsv "$sample" | awk -F'\t' -v OFS='\t' '$1 == 5 { print $7, $8, $9, $10, $12 }' >from-tsv
	diff from-json from-tsv
	[ "$(wc -l <from-json)" -eq "$(filot-ocr-gpu -f hocr "$sample" | grep -c ocrx_word\')" ]
	filot-ocr-gpu -f json "$sample" | jq -e '[.pages[].lines[] | .text == ([.words[].text] | join(" "))] | all'
	filot-ocr-gpu -f json "$sample" | jq -e '[.. | .confidence? // empty] | all(. >= 0 and . <= 100)'
}

# alto_valid FILE: by the official schema.
alto_valid() {
	XML_CATALOG_FILES=$FILOT_ROOT/tests/data/xml-catalog.xml \
		xmllint --nonet --noout --schema "$FILOT_ROOT/tests/data/alto-4-4.xsd" "$1"
}

# alto_words FILE: what all writers of ALTO say of words and blanks, one a line.
alto_words() {
	python3 -c '
import sys, xml.etree.ElementTree as tree
for element in tree.parse(sys.argv[1]).iter():
    kind = element.tag.split("}")[1]
    if kind in ("String", "SP"):
        print(kind, [element.get(name) for name in ("HPOS", "VPOS", "WIDTH", "CONTENT")])' "$1"
}

@test "ALTO is valid, and has the words, boxes and blanks of tesseract's own" {
	local file
	for file in "$sample" "$word"; do
		filot-ocr-gpu -f alto "$file" >ours
		alto_valid ours
		tesseract_of alto "$file" >theirs
		alto_words ours >ours.words
		alto_words theirs >theirs.words
		diff theirs.words ours.words
	done
	[ "$(grep -c . ours.words)" -ge 1 ]
}

@test "ALTO holds a document of several pages and says which engine read it" {
	filot-ocr-gpu -f alto "$word" "$sample" >out
	[ "$(grep -c '^<?xml' out)" -eq 2 ]
	tiffcp "$sample" "$sample" two.tif
	filot-ocr-gpu -f alto --pages 2 two.tif >out
	alto_valid out
	grep -q '<Page ID="page_2" PHYSICAL_IMG_NR="2" ' out
	grep -q '<softwareName>filot<' out
	filot-ocr-gpu -f alto --engine tesseract "$word" | grep -q '<softwareName>tesseract<'
}
