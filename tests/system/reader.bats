#!/usr/bin/env bats
# The reader on real and on hostile documents: text is libtesseract's own, byte for byte; a bad file costs an error line,
# never the reader, and never more time or memory than it may. Needs the corpus.

bats_require_minimum_version 1.5.0
load helper

setup() {
	corpus
	cd "$BATS_TEST_TMPDIR" || return 1
}

# tesseract_text FILE: the path of what the command itself writes, kept by the sums of file and engine: it is the slow half.
tesseract_text() {
	local cache=$FILOT_ROOT/build/cache/tesseract part=$BASHPID sum
	sum=$({
		cat "$1"
		tesseract --version 2>&1 | head -n 2
		tesseract --list-langs | head -n 1
	} | sha256sum | cut -d ' ' -f 1)
	mkdir -p "$cache"
	if [[ ! -f $cache/$sum.txt ]]; then
		OMP_THREAD_LIMIT=1 tesseract "$1" - --oem 1 >"$cache/$part.part" 2>/dev/null
		mv "$cache/$part.part" "$cache/$sum.txt"
	fi
	echo "$cache/$sum.txt"
}

# pages: the images to compare; with FILOT_QUICK set, a few of every kind.
pages() {
	local quick='/(HelloGoogle.tif|brev.10.75.jpg|baiona_cmyk.jpg|devatest.png|hebrew.png|multipage.tif|phototest.*|receipt-27.*|viet.tif)$'
	find "$CORPUS/pages" -type f ! -name '*.txt' | sort |
		if [[ -n ${FILOT_QUICK:-} ]]; then grep -E "$quick"; else cat; fi
}

@test "the text of every page is that of the tesseract command, byte for byte" {
	local path index=0 different=() files
	mapfile -t files < <(pages)
	[ "${#files[@]}" -ge 10 ]
	export -f tesseract_text
	# shellcheck disable=SC2016 # for the inner shell
	printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -I FILE bash -c 'tesseract_text "$1" >/dev/null' - FILE
	filot-ocr-gpu --rotate none --improve none "${files[@]}" >lines
	while read -r line; do
		path=${files[index]}
		[ "$(jq -r .document <<<"$line")" = "$path" ]
		jq -j '[.pages[].text] | join("\f")' <<<"$line" >ours
		cmp ours "$(tesseract_text "$path")" || different+=("$path")
		index=$((index + 1))
	done <lines
	echo "# $index pages compared, ${#different[@]} differ" >&3
	[ "$index" -eq "${#files[@]}" ]
	[ "${#different[@]}" -eq 0 ]
}

@test "words, boxes and confidences are those of tesseract's TSV" {
	local name
	for name in phototest.tif hebrew.png receipt-271.jpg phototest-rotated-180.png; do
		filot-ocr-gpu --rotate none --improve none -f tsv "$CORPUS/pages/$name" >ours
		OMP_THREAD_LIMIT=1 tesseract "$CORPUS/pages/$name" - --oem 1 tsv >theirs 2>/dev/null
		# confidences lose their last digits on their way through JSON; pictures stand in TSV as words of some blanks
		diff <(cut -f 1-10,12 ours | sed 's/ *$//') <(cut -f 1-10,12 theirs | sed 's/ *$//')
		paste <(cut -f 11 ours) <(cut -f 11 theirs) |
			awk '$1 != $2 && ($1 - $2 > 0.01 || $2 - $1 > 0.01) { print; bad = 1 } END { exit bad }'
	done
}

# codes FILE…: "NAME CODE-or-done" for each.
codes() {
	filot-ocr-gpu -j 1 "$@" | jq -r '(.document | sub(".*/"; "")) + " " + (.error.code // .status)'
}

@test "every bad file gives its error or a result" {
	diff - <(codes "$CORPUS"/bad/* || true) <<-'END'
		1x1.png done
		60000x1.png done
		bomb-20000x20000.png page_too_large
		empty.png empty_document
		flipped.jpg corrupt_document
		flipped.pdf done
		flipped.png corrupt_document
		flipped.tif done
		huge-header.png page_too_large
		huge2.bmp page_too_large
		jpeg-coded.tif done
		minisblack.tif done
		miniswhite.tif done
		notes-rgba.png done
		one-byte.pdf unsupported_format
		rgb16.tif done
		shell.pdf unsupported_format
		singlecc.tif done
		test-cmap-alpha.png done
		test-gray-alpha.png done
		text.png unsupported_format
		truncated.jpg corrupt_document
		truncated.pdf corrupt_document
		truncated.png corrupt_document
		truncated.tif corrupt_document
		zero-size.png corrupt_document
	END
}

@test "what tesseract reads of the bad files is read, and what it does not read is not" {
	local file ours theirs
	for file in "$CORPUS"/bad/*.{png,jpg,tif}; do
		[[ $file == *bomb* || $file == */60000x1.png || $file == */text.png ]] && continue
		ours=0 theirs=0
		filot-ocr-gpu --rotate none --improve none -f text "$file" >ours 2>/dev/null || ours=1
		OMP_THREAD_LIMIT=1 tesseract "$file" - --oem 1 >theirs 2>/dev/null || theirs=1
		echo "$file: ours $ours, theirs $theirs"
		[ "$ours" -eq "$theirs" ]
		[ "$ours" -eq 1 ] || cmp ours theirs
	done
}

@test "every PDF gives text or its error" {
	[ -z "${FILOT_QUICK:-}" ] || skip "quick: the short PDFs are in the next test"
	diff - <(codes "$CORPUS"/pdf/* || true) <<-'END'
		2_column_crop_input.pdf done
		acroform.pdf done
		cardinal.pdf done
		ccitt.pdf done
		cmyk.pdf done
		enc-owner.pdf done
		enc-user.pdf encrypted_document
		formxobject.pdf done
		hugemono.pdf page_too_large
		invalid.pdf corrupt_document
		jbig2.pdf done
		lichtenstein.pdf done
		linn.pdf done
		multipage.pdf done
		no_contents.pdf done
		rotated_skew.pdf done
		skew.pdf done
		tagged.pdf done
		testfile1.pdf done
		truetype_font_nomapping.pdf done
	END
}

@test "a PDF of one scan has the text of that image" {
	command -v pdfimages >/dev/null || skip "no pdfimages: install poppler-utils"
	pdfimages -png "$CORPUS/pdf/jbig2.pdf" scan
	[ "$(find . -name 'scan*' | wc -l)" -eq 1 ]
	# the image alone does not say that it has 300 dpi
	filot-ocr-gpu -f text --dpi 300 scan-000.png >image
	filot-ocr-gpu -f text "$CORPUS/pdf/jbig2.pdf" >pdf
	cmp image pdf
	filot-ocr-gpu "$CORPUS/pdf/jbig2.pdf" | jq -e '.pages[0] | .width == 2550 and .height == 3300 and .dpi == 300'
}

@test "form fields and annotations are drawn and read" {
	filot-ocr-gpu -f text "$CORPUS/pdf/acroform.pdf" | grep -E '[A-Za-z]{3}'
}

@test "the same document gives the same result, whatever was read before it" {
	local a=$CORPUS/pages/phototest.tif b=$CORPUS/pages/receipt-271.jpg c=$CORPUS/pdf/cmyk.pdf
	filot-ocr-gpu -j 1 "$a" "$b" "$c" | jq -cS '{document, pages: [.pages[] | del(.ms)]}' | sort >one
	filot-ocr-gpu -j 1 "$c" "$b" "$a" "$CORPUS/bad/flipped.tif" | jq -cS '{document, pages: [.pages[] | del(.ms)]}' |
		grep -v flipped | sort >other
	[ "$(wc -l <one)" -eq 3 ]
	cmp one other
}

@test "a document that needs more memory than there is costs only itself" {
	! ldd "$FILOT_BUILD/libexec/filot-reader" | grep -q libasan || skip "a sanitizer needs all address space"
	filot-ocr-gpu -j 1 --memory 300M "$CORPUS/pdf/multipage.pdf" "$CORPUS/pages/phototest.tif" >lines || true
	[ "$(jq -r '.error.code // .status' lines)" = "out_of_memory
done" ]
}

@test "an unknown language is refused with the list of those installed" {
	local name
	for name in tlh eng+tlh; do
		filot-ocr-gpu -l "$name" "$CORPUS/pages/phototest.tif" >line || true
		jq -e '.error.code == "unknown_language"' line
	done
	# what is no name at all never comes near a path
	for name in ../eng eng+ /etc/passwd 'eng;'; do
		run filot-ocr-gpu -l "$name" "$CORPUS/pages/phototest.tif"
		[ "$status" -eq 64 ]
	done
	jq -e '.error.message | contains("no model tlh.traineddata") and contains("eng")' line
}

@test "several languages are read at once, and their sum is that of their sums" {
	local folder sums
	folder=$(tesseract --list-langs | sed -n '1s/.*"\(.*\)".*/\1/p')
	[ -e "$folder/deu.traineddata" ] || skip "no model deu: install tesseract-ocr-deu"
	sums=$(cd "$folder" && sha256sum deu.traineddata eng.traineddata | cut -d ' ' -f 1)
	filot-ocr-gpu --improve none -l deu+eng "$CORPUS/pages/german.png" >line
	jq -e --arg sum "$(printf %s "$sums" | sha256sum | cut -d ' ' -f 1)" '.engine.model == "deu+eng" and .engine.model_sha256 == $sum' line
	OMP_THREAD_LIMIT=1 tesseract "$CORPUS/pages/german.png" theirs --oem 1 -l deu+eng 2>/dev/null
	jq -j '.pages[0].text' line | cmp - theirs.txt
}

@test "page segmentation modes are tesseract's, but those that read no text" {
	local mode
	for mode in 1 4 6 7 11 12 13; do
		filot-ocr-gpu -f text --psm "$mode" "$CORPUS/pages/phototest.tif" >ours
		OMP_THREAD_LIMIT=1 tesseract "$CORPUS/pages/phototest.tif" theirs --oem 1 --psm "$mode" 2>/dev/null
		cmp ours theirs.txt
	done
	for mode in 0 2; do
		run filot-ocr-gpu --psm "$mode" "$CORPUS/pages/phototest.tif"
		[ "$status" -eq 64 ]
	done
}

@test "a resolution given is the one that the engine works with" {
	filot-ocr-gpu --rotate none --improve none -f text --dpi 150 "$CORPUS/pages/receipt-003.jpg" >ours
	OMP_THREAD_LIMIT=1 tesseract "$CORPUS/pages/receipt-003.jpg" theirs --oem 1 --dpi 150 2>/dev/null
	cmp ours theirs.txt
	filot-ocr-gpu --dpi 150 "$CORPUS/pages/receipt-003.jpg" | jq -e '.pages[0].dpi == 150'
}

@test "what image libraries print is seen at --log-level debug only" {
	filot-ocr-gpu "$CORPUS/bad/truncated.jpg" 2>quiet >/dev/null || true
	run ! grep -i jpeg.file quiet
	FILOT_LOG_LEVEL=debug filot-ocr-gpu "$CORPUS/bad/truncated.jpg" 2>loud >/dev/null || true
	grep -i 'end of jpeg file' loud
}
