#!/usr/bin/env bats
# --format pdf: the document with its text, as Poppler, QPDF, Ghostscript and MuPDF read it.
# bats file_tags=slow

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	pages_setup
}

# readable FILE: by everyone, without a complaint.
readable() {
	qpdf --check "$1" >/dev/null
	[ -z "$(pdftotext "$1" - 2>&1 >/dev/null)" ]
	[ -z "$(gs -q -dNOPAUSE -dBATCH -sDEVICE=nullpage "$1" 2>&1)" ]
	mutool draw -q -F txt -o /dev/null "$1"
}

# words_of FILE: what FiLot says it read, a word a line.
words_of() {
	filot-ocr-gpu -f json "$1" | jq -r '.pages[].lines[].words[].text'
}

@test "an image: its own bytes, and the words in the order and places that they were read in" {
	filot-ocr-gpu -f pdf "$sample" >page.pdf
	readable page.pdf
	words_of "$sample" >expected
	pdftotext page.pdf - | tr -s ' \n\f' '\n' | sed '/^$/d' >found
	diff expected found
	pdfimages -list page.pdf | tail -n 1 | grep -q ' ccitt '
	# 200 dpi; words are cut only where the next one is nearer than a blank
	filot-ocr-gpu -f json "$sample" |
		jq -r '.pages[].lines[].words[] | [.text, .box[0], .box[0] + .box[2], .box[1] + .box[3] / 2] | @tsv' >ours
	pdftotext -bbox page.pdf - | sed -nE 's/.*xMin="(.*)" yMin="(.*)" xMax="(.*)" yMax="(.*)">(.*)<.*/\5\t\1\t\3\t\2\t\4/p' >theirs
	paste ours theirs | awk -F'\t' -v s="$(bc <<<'scale=6; 200/72')" '
		function far(a, b) { return a - b > 1 || b - a > 1 }
		$1 != $5 || far($2, $6 * s) || far($3, $7 * s) || $4 < $8 * s || $4 > $9 * s { print; bad = 1 }
		END { exit bad || NR != 60 }'
}

@test "JPEG and PNG are embedded as they are" {
	filot-ocr-gpu -f pdf "$sample" >page.pdf
	pdftoppm -r 150 -jpeg -singlefile page.pdf page
	filot-ocr-gpu -f pdf page.jpg >jpeg.pdf
	readable jpeg.pdf
	pdfimages -all jpeg.pdf out
	cmp page.jpg out-000.jpg
	filot-ocr-gpu -f pdf "$word" >png.pdf
	readable png.pdf
	pdfimages -png png.pdf out
	filot-ocr-gpu -f text "$word" >expected
	filot-ocr-gpu -f text out-000.png | cmp - expected
	pdftotext png.pdf - | grep -q "$(head -n 1 expected)"
}

@test "a TIFF of several pages, of which some are wanted; min-is-black and strips look as they did" {
	tiffcp "$sample" "$sample" three.tif
	tiffcp -c lzw -r 16 "$sample" strips.tif
	tiffcp -a strips.tif three.tif
	filot-ocr-gpu -f pdf,text -o out --pages 2-3 three.tif
	readable out/three.pdf
	[ "$(pdfinfo out/three.pdf | awk '/^Pages/ { print $2 }')" -eq 2 ]
	[ "$(pdfimages -list out/three.pdf | grep -c ' ccitt ')" -eq 2 ]
	filot-ocr-gpu -f text out/three.pdf >again
	cmp out/three.txt again
}

# png_pair N: as.png, whose bytes a PDF takes as they are, and coded.png, which is transparent nowhere but has the means to
# be, both of one picture with EXIF orientation N.
png_pair() {
	python3 - "$1" <<'EOF'
import struct, sys, zlib
def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, int(sys.argv[1]), 0, 0)
width, height = 40, 30
pixels = [[255 if x > y else 6 * x for x in range(width)] for y in range(height)]
for path, kind in ("as.png", 0), ("coded.png", 4):
    rows = b"".join(b"\0" + b"".join(bytes([v]) + (b"\xff" if kind else b"") for v in row) for row in pixels)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)) +
                   chunk(b"pHYs", struct.pack(">IIB", 2835, 2835, 1)) + chunk(b"eXIf", exif) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
EOF
}

# unlike ONE OTHER: the mean difference of two grey pictures of one size; viewers smooth what is mirrored a little otherwise.
unlike() {
	[ "$(head -n 2 "$1")" = "$(head -n 2 "$2")" ] || {
		echo 255
		return
	}
	cmp -l "$1" "$2" | awk -v bytes="$(wc -c <"$1")" '
		function byte(octal) { return int(octal / 100) * 64 + int(octal % 100 / 10) * 8 + octal % 10 }
		{ d = byte($2) - byte($3); sum += d < 0 ? -d : d } END { print int(sum / bytes) }' || true
}

@test "an image with an EXIF orientation is turned as a viewer turns it, and its bytes stay" {
	local n
	for n in 1 2 3 4 5 6 7 8; do
		png_pair "$n"
		filot-ocr-gpu -f pdf,json -o "out$n" as.png coded.png
		for name in as coded; do
			pdftoppm -r 72 -gray "out$n/$name.pdf" "$name"
			[ "$(pdfinfo "out$n/$name.pdf" | awk '/^Page size/ { print $3 " " $5 }')" = \
				"$(jq -r '.pages[0] | "\(.width) \(.height)"' "out$n/$name.json")" ]
		done
		[ "$(unlike as-1.pgm coded-1.pgm)" -le 10 ]
		[ "$(pdfimages -list "out$n/as.pdf" | awk 'NR == 3 { print $4, $5 }')" = "40 30" ]
		mv as-1.pgm "as$n"
	done
	[ "$(unlike as1 as2)" -ge 20 ] && [ "$(unlike as1 as3)" -ge 20 ] && [ "$(unlike as6 as8)" -ge 20 ]
}

@test "a PDF keeps its pages as they are; only those asked for stay" {
	corpus
	filot-ocr-gpu -f pdf,text -o out "$CORPUS/pdf/ccitt.pdf"
	readable out/ccitt.pdf
	pdfimages -all "$CORPUS/pdf/ccitt.pdf" before
	pdfimages -all out/ccitt.pdf after
	cmp before-000.ccitt after-000.ccitt
	words_of "$CORPUS/pdf/ccitt.pdf" >expected
	pdftotext -raw out/ccitt.pdf - | tr -s ' \n\f' '\n' | sed '/^$/d' >found
	diff expected found
	filot-ocr-gpu -f pdf --pages 1,3 "$CORPUS/pdf/multipage.pdf" >two.pdf
	readable two.pdf
	[ "$(pdfinfo two.pdf | awk '/^Pages/ { print $2 }')" -eq 2 ]
}

@test "a page whose text is the PDF's own is left as it is" {
	corpus
	local file=$CORPUS/pdf/tagged.pdf
	filot-ocr-gpu -f pdf,json,alto -o out --pages 1 "$file"
	[ "$(jq -r '.pages[].source' out/tagged.json)" = text-layer ]
	grep -q ' PROCESSING="text_layer"' out/tagged.xml
	pdftotext -f 1 -l 1 "$file" - >before
	pdftotext out/tagged.pdf - | diff before -
	[ "$(pdffonts out/tagged.pdf | grep -c FiLotGlyphless)" -eq 0 ]
	filot-ocr-gpu -f pdf --pages 1 --pdf-text never "$file" >read.pdf
	readable read.pdf
	pdffonts read.pdf | grep -q FiLotGlyphless
}

@test "pages on their side, skewed and cropped have their text where it shows" {
	corpus
	local name
	for name in rotated_skew skew; do
		filot-ocr-gpu -f pdf "$CORPUS/pdf/$name.pdf" >out.pdf
		readable out.pdf
		words_of "$CORPUS/pdf/$name.pdf" | sort >expected
		pdftotext -raw out.pdf - | tr -s ' \n\f' '\n' | sed '/^$/d' | sort >found
		[ "$(comm -12 expected found | wc -l)" -ge $(($(wc -l <expected) * 98 / 100)) ]
	done
}

@test "encryption stays, and the password with it" {
	corpus
	echo secret >wrong
	run -1 --separate-stderr filot-ocr-gpu -f pdf "$CORPUS/pdf/enc-user.pdf"
	[ -z "$output" ]
	# shellcheck disable=SC2154 # set by run
	grep -q encrypted_document <<<"$stderr"
	qpdf --encrypt "pass wörd" owner 256 -- "$CORPUS/pdf/ccitt.pdf" locked.pdf
	printf 'pass wörd\n' >password
	filot-ocr-gpu -f pdf --password-file password locked.pdf >out.pdf
	run -2 qpdf --check out.pdf
	qpdf --password="pass wörd" --check out.pdf | grep -q '^R = 6'
	pdftotext -upw "pass wörd" out.pdf - | grep -q LinnSequencer
	filot-ocr-gpu -f pdf "$CORPUS/pdf/enc-owner.pdf" >out.pdf
	pdfinfo out.pdf | grep '^Encrypted' >after
	pdfinfo "$CORPUS/pdf/enc-owner.pdf" | grep '^Encrypted' | diff - after
}

@test "documents that fail make no PDF; hostile ones cost themselves only" {
	corpus
	local file
	run -1 --separate-stderr filot-ocr-gpu -f pdf -o out "$CORPUS"/bad/* "$word"
	[ -f out/word.pdf ]
	[ -z "$(find out -name '.*')" ]
	for file in out/*.pdf; do readable "$file"; done
	[ "$(find out -name '*.pdf' | wc -l)" -lt "$(find "$CORPUS/bad" -type f | wc -l)" ]
}

@test "what a PDF cannot go to, and one that is too long" {
	run -64 filot-ocr-gpu -f pdf "$word" "$sample"
	[[ $output == *'give --output-dir'* ]]
	run -64 filot-ocr-gpu -f pdf --stdin </dev/null
	run -64 script -qec "filot-ocr-gpu -f pdf $word" /dev/null
	[[ $output == *'not for a terminal'* ]]
	run -1 --separate-stderr filot-ocr-gpu -f pdf --max-pdf 1000 "$word"
	[ -z "$output" ]
	grep -q '"code":"too_large","message":"the PDF has more than 1000 bytes"' <<<"$stderr"
	run -1 --separate-stderr filot-ocr-gpu -f json,text,pdf -o out --max-pdf 1000 "$word"
	[ "$(cd out && echo *)" = word.json ]
	[ "$(jq -r .error.code out/word.json)" = too_large ]
	filot-ocr-gpu -f pdf - <"$word" >stdin.pdf
	readable stdin.pdf
}

@test "the same document makes the same PDF" {
	filot-ocr-gpu -f pdf "$sample" >one.pdf
	filot-ocr-gpu -f pdf "$sample" | cmp - one.pdf
	filot-ocr-gpu -f pdf one.pdf >two.pdf
	filot-ocr-gpu -f pdf one.pdf | cmp - two.pdf
}
