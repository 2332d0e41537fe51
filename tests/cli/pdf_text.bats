#!/usr/bin/env bats
# --pdf-text: the text layer of a PDF page is taken when it says what the page shows, and only then. text_pdf.py makes the
# honest and the forged documents.
# bats file_tags=slow

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
}

# make_pdf KIND: KIND.pdf
make_pdf() {
	python3 "$BATS_TEST_DIRNAME/text_pdf.py" "$1" >"$1.pdf"
}

# layer_of KIND: where the text of its pages comes from and what is wrong with their layers, as in "text-layer" or "none:hidden".
layer_of() {
	make_pdf "$1"
	filot-ocr-gpu --pdf-text only "$1.pdf" |
		jq -r '[.pages[] | .source + (if .text_layer then ":" + .text_layer else "" end)] | join(" ")'
}

# text_of KIND: by its text layer
text_of() {
	make_pdf "$1"
	filot-ocr-gpu --pdf-text only -f text "$1.pdf"
}

@test "a page drawn as text is taken as it is written, word for word, and says so" {
	make_pdf plain
	filot-ocr-gpu plain.pdf >line
	jq -e '.pages[0] | .source == "text-layer" and (has("text_layer") | not) and .confidence == 100 and .dpi == 300
		and .width == 2550 and .height == 3300 and .rotation == 0' line
	[ "$(jq -r '.pages[0].text' line)" = 'Invoice 4711 of the office supply company
Paper clips and two staplers were delivered
Total amount due: 1250.00 EUR' ]
	jq -e '[.pages[0].lines[].words[].confidence] | length == 19 and all(. == 100)' line
}

@test "never reads it from its image, and an image is always read so" {
	make_pdf plain
	filot-ocr-gpu --pdf-text never plain.pdf "$FILOT_ROOT/tests/data/phototest.tif" >lines
	jq -es 'all(.[]; .pages[0] | .source == "ocr" and (has("text_layer") | not))' lines
	jq -es '.[0].pages[0].text | contains("Total amount due: 1250.00 EUR")' lines
	filot-ocr-gpu --pdf-text only "$FILOT_ROOT/tests/data/phototest.tif" |
		jq -e '.pages[0] | .source == "ocr" and (.text | contains("quick brown dog"))'
}

@test "a word's box is where OCR has it, to three pixels, on turned and cropped pages too" {
	local kind
	for kind in plain turned cropped white-on-black; do
		make_pdf "$kind"
		filot-ocr-gpu --pdf-text only "$kind.pdf" >layer
		filot-ocr-gpu --pdf-text never "$kind.pdf" >ocr
		jq -es --arg kind "$kind" 'def words: [.pages[0].lines[].words[] | {text, box}] | sort_by(.text);
			(.[0] | words) as $a | (.[1] | words) as $b
			| [$a[] | . as $word | $b[] | select(.text == $word.text) |
				([.box, $word.box] | transpose | map(.[0] - .[1] | fabs) | max)]
			| length >= 10 and (map(select(. > 3)) | length) == 0' layer ocr || {
			echo "$kind"
			return 1
		}
	done
}

@test "FILOT_PDF_TEXT and the settings file say when, and a flag says it last" {
	make_pdf plain
	FILOT_PDF_TEXT=never filot-ocr-gpu plain.pdf | jq -e '.pages[0].source == "ocr"'
	echo 'FILOT_PDF_TEXT=never' >filot.conf
	filot-ocr-gpu --config filot.conf plain.pdf | jq -e '.pages[0].source == "ocr"'
	FILOT_PDF_TEXT=never filot-ocr-gpu --pdf-text auto plain.pdf | jq -e '.pages[0].source == "text-layer"'
	run -64 filot-ocr-gpu --pdf-text sometimes plain.pdf
}

@test "text that is not seen on the page is not believed" {
	local kind got
	for kind in white almost-white one-letter-white invisible covered replaced-by-text under-text clipped tiny; do
		got=$(layer_of "$kind")
		echo "$kind: $got"
		[ "$got" = none:hidden ]
	done
	# what OCR sees there is what people see
	filot-ocr-gpu replaced-by-text.pdf >line
	jq -e '.pages[0] | .source == "ocr" and .text_layer == "hidden" and (.text | contains("Total 100 EUR"))
		and (.text | contains("9000") | not)' line
}

@test "text off the page is no part of it" {
	[ "$(layer_of off-page)" = text-layer ]
	run ! grep Payment <(text_of off-page)
}

@test "what is drawn and not in the layer makes OCR read the page" {
	[ "$(layer_of outlines)" = none:incomplete ]
	[ "$(layer_of picture)" = none:pictures ]
	[ "$(layer_of scan)" = none:pictures ]
	# rules, frames, a logo and a coloured ground are no letters
	[ "$(layer_of frames)" = text-layer ]
	[ "$(layer_of logo)" = text-layer ]
	[ "$(layer_of white-on-black)" = text-layer ]
	[ "$(layer_of leaders)" = text-layer ]
}

@test "characters that the file does not say are not guessed" {
	[ "$(layer_of replaced)" = none:unreadable ]
	[ "$(layer_of private)" = none:unreadable ]
	[ "$(layer_of signs)" = none:unreadable ]
	[ "$(layer_of empty)" = none:absent ]
	# an ornament alone is left out
	[ "$(layer_of ornament)" = text-layer ]
	run ! grep -P '[\x{E000}-\x{F8FF}]' <(text_of ornament)
}

@test "characters that OCR reads otherwise are not believed" {
	[ "$(layer_of shifted)" = none:contradicted ]
	[ "$(layer_of forged)" = none:contradicted ]
	filot-ocr-gpu shifted.pdf | jq -e '.pages[0] | .source == "ocr" and .text_layer == "contradicted"
		and (.text | contains("Paper clips and two staplers"))'
}

@test "ligatures become their letters" {
	text_of ligature | grep -x 'five of'
}

@test "columns are read one after the other, turned lines upright" {
	[ "$(text_of columns | grep -v '^$' | cut -d ' ' -f 1,2 | paste -sd,)" = 'left one,left two,left three,right one,right two,right three' ]
	make_pdf sideways
	filot-ocr-gpu --pdf-text only sideways.pdf |
		jq -e '.pages[0].lines | map(select(.orientation == 270)) | length == 1 and .[0].text == "Written upwards along the edge"'
}

@test "only: a page without a good layer is empty, the others are read; auto: it is read by OCR, in its place" {
	make_pdf mixed
	filot-ocr-gpu --pdf-text only mixed.pdf >only.json
	filot-ocr-gpu mixed.pdf >auto.json
	filot-ocr-gpu --engine tesseract mixed.pdf >tesseract.json
	jq -e '.status == "done" and [.pages[] | [.page, .source, (.lines | length)]] ==
		[[1, "text-layer", 1], [2, "none", 0], [3, "text-layer", 1]] and .pages[1].text == ""' only.json
	for name in auto tesseract; do
		jq -e '[.pages[] | [.page, .source]] == [[1, "text-layer"], [2, "ocr"], [3, "text-layer"]]
			and (.pages[1].text | contains("Second page is forged") and (contains("Payment") | not))' "$name.json"
	done
}

@test "forms and annotations are read as they are drawn" {
	text_of field | grep -x 'Written into the form'
	text_of annotation | grep -x 'A remark in the margin'
	local kind
	for kind in field annotation; do
		filot-ocr-gpu --pdf-text never -f text "$kind.pdf" >read.txt
		grep -E 'Written into the form|A remark in the margin' read.txt
		run ! grep 'Not what is shown' read.txt
	done
}

@test "TSV and hOCR are written of a text layer" {
	make_pdf plain
	filot-ocr-gpu -f tsv plain.pdf | awk -F '\t' '$1 == 5 { words++; sure += $11 == 100 } END { exit !(words == 19 && sure == 19) }'
	filot-ocr-gpu -f hocr plain.pdf | python3 -c '
import sys, xml.etree.ElementTree as tree
words = [e for e in tree.fromstring(sys.stdin.read().split("?>", 1)[1]).iter() if e.get("class") == "ocrx_word"]
assert len(words) == 19 and words[0].text == "Invoice" and "x_wconf 100" in words[0].get("title"), len(words)'
}

@test "an encrypted PDF needs its user password, and no password when it has an owner's only" {
	make_pdf user-password
	make_pdf owner-password
	filot-ocr-gpu -f text owner-password.pdf | grep -x 'Total amount due: 1250.00 EUR'
	run -1 filot-ocr-gpu user-password.pdf
	jq -e '.error.code == "encrypted_document" and (.error.message | contains("needs a user password"))' <<<"$output"
	echo wrong >password
	run -1 filot-ocr-gpu --password-file password user-password.pdf
	jq -e '.error.code == "encrypted_document" and (.error.message | contains("another"))' <<<"$output"
	echo 'open sesame' >password
	filot-ocr-gpu -f text --password-file password user-password.pdf | grep -x 'Total amount due: 1250.00 EUR'
}

@test "a scan in JPEG 2000 is read" {
	command -v opj_compress >/dev/null || skip "no opj_compress: install libopenjp2-tools"
	make_pdf plain
	pdftoppm -r 150 -gray -singlefile plain.pdf page
	opj_compress -i page.pgm -o page.jp2 >/dev/null
	python3 "$BATS_TEST_DIRNAME/text_pdf.py" jpeg2000 <page.jp2 >jpeg2000.pdf
	filot-ocr-gpu jpeg2000.pdf | jq -e '.pages[0] | .source == "ocr" and .width == 1275 and .dpi == 150
		and (.text | contains("Paper clips and two staplers"))'
}

@test "a broken cross-reference table, a CMYK picture and a page of five metres are met" {
	text_of broken-xref | grep -x 'Total amount due: 1250.00 EUR'
	make_pdf cmyk
	filot-ocr-gpu cmyk.pdf | jq -e '.pages[0] | .source == "ocr" and .text_layer == "pictures" and (.text | contains("office"))'
	make_pdf huge
	run -1 filot-ocr-gpu huge.pdf
	jq -e '.error.code == "page_too_large" and .error.page == 1' <<<"$output"
}
