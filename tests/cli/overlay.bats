#!/usr/bin/env bats
# The overlay in a real browser: boxes where the words are, search, keys, hostile text, right to left, phones, print; and
# that it asks for nothing. browse.py fails by itself on any request, any breach of the page's policy and any error.
# shellcheck disable=SC2154 # stderr is bats'
# bats file_tags=slow

bats_require_minimum_version 1.5.0
load ../system/helper

setup_file() {
	cd "$BATS_FILE_TMPDIR" || return
	"$FILOT_BUILD/bin/filot-ocr-gpu" -f overlay "$FILOT_ROOT/tests/data/phototest.tif" >photo.html
	"$FILOT_BUILD/bin/filot-ocr-gpu" -f json "$FILOT_ROOT/tests/data/phototest.tif" >photo.json
}

setup() {
	command -v chromium >/dev/null || skip "no chromium: install the package chromium"
	photo=$BATS_FILE_TMPDIR/photo.html
	cd "$BATS_TEST_TMPDIR" || return
}

# browse [FLAGS] PAGE < STEPS: what `eval` steps gave, into ./values
browse() {
	timeout 120 python3 "$FILOT_ROOT/tests/cli/browse.py" "$@" >values
}

fail_as() {
	printf '%s:\n' "$1"
	cat values
	return 1
}

# with FILTER: the page whose result jq has changed
with() {
	python3 - "$photo" "$1" <<-'PYTHON'
		import re, subprocess, sys
		page, change = open(sys.argv[1], encoding="utf-8").read(), sys.argv[2]
		head, result, tail = re.split(r'(?<= id="result">)(.*?)(?=</script>)', page, maxsplit=1, flags=re.S)
		changed = subprocess.run(["jq", "-c", change], input=result, capture_output=True, text=True, check=True).stdout
		sys.stdout.write(head + changed.replace("<", "\\u003c") + tail)
	PYTHON
}

# many: three pages of the same words, the second one of five words that are unsure
many() {
	with '.pages = [.pages[0], .pages[0], .pages[0]] | .pages[1].lines[0].words[1].confidence = 40 | .pages[1].lines[0].words[2].confidence = 50
		| .pages[1].lines[2].words[0].confidence = 60 | .pages[1].lines[7].words[0].confidence = 10
		| .pages[2].lines[0].words[0].confidence = 79.96 | .pages[2].lines[0].words[1].confidence = 85'
}

@test "each box of the image lies where the JSON has it, at any zoom" {
	browse "$photo" <<-'STEPS'
		eval pages[0].words.map((word) => word.box)
		eval [...document.querySelectorAll("#boxes rect")].map((rect) => { const own = rect.getBoundingClientRect(), image = by("image").getBoundingClientRect(), scale = image.width / 640; return [(own.left - image.left) / scale, (own.top - image.top) / scale, own.width / scale, own.height / scale]; })
		key +
		key +
		eval [...document.querySelectorAll("#boxes rect")].map((rect) => { const own = rect.getBoundingClientRect(), image = by("image").getBoundingClientRect(), scale = image.width / 640; return [(own.left - image.left) / scale, (own.top - image.top) / scale, own.width / scale, own.height / scale]; })
	STEPS
	jq -es --slurpfile line "$BATS_FILE_TMPDIR/photo.json" '
		[$line[0].pages[].lines[].words[].box] as $boxes | .[0] == $boxes
		and all(.[1, 2]; length == 60 and ([., $boxes] | transpose | all([.[0], .[1]] | transpose | all((.[0] - .[1] | fabs) < 0.1))))' values
}

# ink PAGE: nearly all dark pixels of its image lie in boxes, and each box has some
ink() {
	browse "$1" <<-'STEPS'
		eval (() => { const canvas = document.createElement("canvas"), image = by("image"); canvas.width = image.naturalWidth; canvas.height = image.naturalHeight; const paper = canvas.getContext("2d", { willReadFrequently: true }); paper.drawImage(image, 0, 0); const dark = (x, y, width, height) => { const pixels = paper.getImageData(x, y, width, height).data; let count = 0; for (let at = 0; at < pixels.length; at += 4) count += pixels[at] < 128; return count; }; const scale = image.naturalWidth / pages[0].width, inside = pages[0].words.map((word) => dark(...word.box.map((side) => side * scale))); return { all: dark(0, 0, canvas.width, canvas.height), inside: inside.reduce((sum, one) => sum + one), least: Math.min(...inside) }; })()
	STEPS
	jq -e '.least > 20 and .inside >= 0.97 * .all and .inside <= 1.03 * .all' values || fail_as "$1"
}

@test "the image is the page: its ink lies in the boxes, and every box has some" {
	ink "$photo"
}

@test "so it does on a page that is turned, by itself or by its camera's word" {
	filot-ocr-gpu -f overlay "$FILOT_ROOT/tests/data/phototest-rotated-180.png" >turned.html
	ink turned.html
	cp "$FILOT_ROOT/tests/data/phototest-rotated-180.png" camera.png
	python3 "$FILOT_ROOT/tests/system/set_orientation.py" camera.png 6
	filot-ocr-gpu -f overlay camera.png >camera.html
	ink camera.html
}

@test "words have the colour of their confidence, and the threshold moves it" {
	browse "$(many >many.html && echo many.html)" <<-'STEPS'
		key j
		eval [...document.querySelectorAll("#boxes rect")].slice(0, 4).map((rect) => rect.getAttribute("class"))
		eval document.querySelectorAll("#text .word.unsure").length
		eval by("legend").textContent
		click #threshold
		eval by("threshold").select()
		type 45
		eval document.querySelectorAll("#text .word.unsure").length
		eval document.querySelectorAll("#boxes rect.unsure").length
		eval by("unsure-count").textContent
	STEPS
	jq -es '.[0] == ["sure", "unsure", "unsure", "sure"] and .[1] == 4 and .[2] == "unsure (below 80 %): 5fair (below 90 %): 1sure (from 90 %): 174"
		and .[4:] == [2, 2, "2"]' values
}

@test "n and p go from unsure word to unsure word, over pages and round the end" {
	many >many.html
	browse many.html <<-'STEPS'
		key n
		eval [pageAt, kept.at, by("unsure-count").textContent]
		key n
		key n
		key n
		key n
		eval [pageAt, kept.at, by("unsure-count").textContent]
		key n
		eval [pageAt, kept.at, by("unsure-count").textContent]
		key p
		eval [pageAt, kept.at, by("page").value]
		click #unsure-previous
		eval [pageAt, document.querySelector("#boxes rect.current").dataset.at, document.querySelector("#text .word.current").dataset.at]
		eval by("said").textContent
	STEPS
	jq -es '.[0] == [1, 1, "1 of 5"] and .[1] == [2, 0, "5 of 5"] and .[2] == [1, 1, "1 of 5"] and .[3] == [2, 0, "3"]
		and .[4][0] == 1 and .[4][1] == .[4][2] and (.[5] | endswith("confidence 10 %, unsure"))' values
}

@test "a pointer shows a word's confidence on both sides; a click keeps it, Escape lets it go" {
	browse "$photo" <<-'STEPS'
		eval by("tip").hidden
		point #boxes rect[data-at="5"]
		eval [by("tip").hidden, by("tip-text").textContent, document.querySelector("#text .word.pointed").textContent, by("tip").className]
		eval by("tip-facts").textContent
		point header
		eval by("tip").hidden
		click #text .word[data-at="7"]
		point header
		eval [by("tip").hidden, by("tip-text").textContent, by("tip").className, document.querySelector("#boxes rect.current").dataset.at]
		point #boxes rect[data-at="5"]
		eval by("tip-text").textContent
		point header
		eval by("tip-text").textContent
		key Escape
		eval [by("tip").hidden, kept]
	STEPS
	jq -es --slurpfile line "$BATS_FILE_TMPDIR/photo.json" '[$line[0].pages[].lines[].words[]] as $words
		| .[0] == true and .[1] == [false, $words[5].text, $words[5].text, ""]
		and (.[2] | startswith("confidence " + ($words[5].confidence * 10 | round / 10 | tostring) + " %"))
		and .[3] == true and .[4] == [false, $words[7].text, "kept", "7"]
		and .[5] == $words[5].text and .[6] == $words[7].text and .[7] == [true, null]' values
}

@test "search finds words and phrases in any case, in text and image, and Enter steps through them" {
	many >many.html
	browse many.html <<-'STEPS'
		key /
		type BROWN dog
		eval [by("search-count").textContent, document.querySelectorAll("#boxes rect.match").length, document.querySelectorAll("#text .word.match.one").length]
		key Enter
		eval [matchAt, pageAt, by("search-count").textContent]
		key Shift+Enter
		key Shift+Enter
		eval [matchAt, pageAt, by("search-count").textContent]
		eval [...document.querySelectorAll("#text .word.one")].map((word) => word.textContent)
		key Escape
		eval [by("search-count").textContent, document.querySelectorAll(".match").length, by("search").value]
		key /
		type nowhere to be found
		eval [by("search-count").textContent, by("search-next").disabled, by("said").textContent]
	STEPS
	jq -es '.[0] == ["1 of 12", 8, 2] and .[1] == [1, 0, "2 of 12"] and .[2] == [11, 2, "12 of 12"] and .[3] == ["brown", "dog"]
		and .[4] == ["", 0, ""] and .[5] == ["none", true, "no match"]' values
}

@test "the arrows go from word to word in the text, letters can be switched off" {
	browse "$photo" <<-'STEPS'
		eval by("text").focus()
		key ArrowRight
		key ArrowRight
		eval kept.at
		key ArrowDown
		eval [kept.line, document.querySelectorAll("#text .word.current").length]
		key ArrowUp
		key ArrowLeft
		eval kept.at
		key ?
		eval by("help").open
		click #keys
		click #help button
		key w
		key n
		key b
		eval [by("help").open, by("shown").value]
	STEPS
	jq -es '.[0] == null and .[1] == 1 and .[2] == [1, 1] and .[3] <= 1 and .[4] == true and .[5] == [false, "all"]' values
}

@test "what a document says is text, whatever it says, and its name too" {
	local name=$'<img src=x onerror=alert(1)>\xe2\x80\xaegnp.tif' # as bytes: no locale is asked for
	with '.pages[0].text = "</script><!--"
		| .pages[0].lines[0].words[0].text = "</script><script>alert(1)</script><!--"
		| .pages[0].lines[0].words[1].text = "<img/src=//evil.example/x>"
		| .pages[0].lines[0].words[2].text = "a\u202eb\u0007&amp;"' >hostile.html
	browse hostile.html <<-'STEPS'
		eval [...document.querySelectorAll("#text .word")].slice(0, 3).map((word) => word.textContent)
		eval [document.querySelectorAll("img").length, document.scripts.length, document.querySelectorAll("#text .word .control").length]
		eval document.body.dataset.drawn
		point #text .word[data-at="2"]
		eval by("tip-text").textContent
	STEPS
	jq -es '.[0] == ["</script><script>alert(1)</script><!--", "<img/src=//evil.example/x>", "aU+202EbU+0007&amp;"]
		and .[1] == [1, 3, 2] and .[2] == "yes" and .[3] == .[0][2]' values
	cp "$FILOT_ROOT/tests/data/phototest.tif" "$name"
	filot-ocr-gpu -f overlay "$name" >named.html
	browse named.html <<-'STEPS'
		eval [by("name").textContent, document.title, document.querySelectorAll("img").length]
	STEPS
	jq -e '.[0] == "<img src=x onerror=alert(1)>U+202Egnp.tif" and .[1] == .[0] + " – read by FiLot" and .[2] == 1' values
}

@test "its policy forbids every script but its own, and every request" {
	sed 's|^<header>|&<script>document.title = "broken in"</script><img src="https://evil.example/x.png">|' "$photo" >broken.html
	run browse broken.html <<-'STEPS'
		eval document.title
	STEPS
	[ "$status" -ne 0 ]
	[[ $output == *"Content Security Policy"* ]]
	jq -e '. == "phototest.tif – read by FiLot"' values
	run ! grep -oE '(src|href)="?(https?:)?//' "$photo"
	browse "$photo" <<-'STEPS'
		eval performance.getEntriesByType("resource").filter((one) => !one.name.startsWith("data:")).length
	STEPS
	[ "$(cat values)" = 0 ]
}

@test "text that runs from right to left does so, also among text that does not" {
	with '.pages[0].paragraphs[0].rtl = true
		| .pages[0].lines[0].words |= (.[0:3] | .[0].text = "שלום" | .[1].text = "עולם" | .[2].text = "(abc)" | map(.dir = "rtl"))
		| .pages[0].lines[3].words |= (.[0:3] | .[0].text = "Hello" | .[1].text = "שלום" | .[2].text = "עולם")' >rtl.html
	browse rtl.html <<-'STEPS'
		eval [...document.querySelectorAll("#text .line")][0].closest("p").dir
		eval [...[...document.querySelectorAll("#text .line")][0].children].map((word) => word.getBoundingClientRect().left)
		eval [...[...document.querySelectorAll("#text .line")][3].children].map((word) => word.getBoundingClientRect().left)
		eval by("text").focus()
		key ArrowLeft
		key ArrowLeft
		eval kept.at
		key /
		type שלום
		eval by("search-count").textContent
		shot rtl.png
	STEPS
	jq -es '.[0] == "rtl" and .[1][0] > .[1][1] and .[1][1] > .[1][2] and .[2][0] < .[2][2] and .[2][2] < .[2][1]
		and .[4] == 1 and .[5] == "1 of 2"' values
}

@test "pages are gone to by number, letter and button; each has its own image" {
	corpus
	browse "$(filot-ocr-gpu -f overlay "$CORPUS/pages/multipage.tif" >pages.html && echo pages.html)" <<-'STEPS'
		eval [by("page-count").textContent, by("page-previous").disabled, by("image").src.length]
		key j
		eval [pageAt, by("image").src.length, by("image").naturalHeight]
		click #page-next
		eval [pageAt, by("page-next").disabled, document.querySelectorAll("#boxes rect").length === pages[2].words.length]
		click #page
		eval by("page").select()
		type 1
		key Enter
		eval [pageAt, by("facts").textContent]
		pdf pages.pdf
	STEPS
	jq -es '.[0][0] == "of 3" and .[0][1] and .[1][0] == 1 and .[1][1] != .[0][2] and .[1][2] <= 2000 and .[2] == [2, true, true]
		and .[4][0] == 0 and (.[4][1] | startswith("page 1: "))' values
	# in print each page begins with its image, and all text is there
	[ "$(pdfimages -list pages.pdf | awk 'NR > 2 && $3 == "image"' | wc -l)" -ge 3 ]
	pdftotext pages.pdf - | grep -q FEYNMAN
	pdftotext pages.pdf - | grep -q 'page 3'
}

@test "on a phone nothing is cut off at the side and both halves are seen; the page may be dark" {
	local mode
	for mode in --size=390x844 --size=320x640 --dark; do
		browse $mode "$photo" <<-'STEPS'
			eval document.documentElement.scrollWidth <= innerWidth
			eval ["picture", "text"].map((id) => by(id).getBoundingClientRect()).every((box) => box.width >= Math.min(innerWidth / 2 - 1, 319) && box.height > 150 && box.bottom <= innerHeight)
			eval [...document.querySelectorAll("button, input, select")].filter((one) => one.offsetParent).every((one) => { const box = one.getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth; })
			key n
			click #text .word[data-at="9"]
			eval (() => { const box = by("tip").getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight; })()
		STEPS
		jq -es 'length == 4 and all' values || fail_as "$mode"
	done
}

@test "what is read is told: names, roles, and contrast of at least 4.5 in both modes" {
	local mode
	for mode in --size=1400x900 --dark; do
		browse $mode "$photo" <<-'STEPS'
			eval [...document.querySelectorAll("button, input, select, section, [role=group]")].filter((one) => !(one.getAttribute("aria-label") || one.textContent.trim() || (one.labels && one.labels.length))).map((one) => one.id)
			eval (() => { const style = getComputedStyle(document.documentElement), light = (name) => { const n = parseInt(style.getPropertyValue(name).trim().slice(1), 16); const part = (shift) => { const c = (n >> shift & 255) / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; }; return 0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0); }; return [["--text", "--card"], ["--quiet", "--card"], ["--text", "--unsure-back"], ["--unsure", "--card"], ["--sure", "--card"], ["--on-match", "--match"], ["--on-match", "--match-one"]].map(([a, b]) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); }); })()
			eval [by("said").getAttribute("role"), document.documentElement.lang, by("boxes").getAttribute("aria-hidden"), by("image").alt]
		STEPS
		jq -es '.[0] == [] and (.[1] | length == 7 and all(. >= 4.5)) and .[2] == ["status", "en", "true", "Page 1 as it was read"]' values || fail_as "$mode"
	done
}

# image_of FILE MEDIA-TYPE: it is of that type, has at most 2000 pixels a side and is scaled alike both ways
image_of() {
	filot-ocr-gpu -f overlay "$1" >page.html
	grep -q "id=\"image-1\">data:$2;base64," page.html
	browse page.html <<-'STEPS'
		eval [by("image").naturalWidth, by("image").naturalHeight, pages[0].width, pages[0].height]
	STEPS
	jq -e '. as [$w, $h, $pw, $ph] | ([$w, $h] | max) <= 2000 and (([$pw, $ph] | max) > 2000 or $w == $pw)
		and ($w / $pw - $h / $ph | fabs) < 1 / ([$pw, $ph] | min)' values || fail_as "$1"
}

@test "images of two colours are PNGs, of many mostly JPEGs, and scaled down where they are large" {
	corpus
	image_of "$FILOT_ROOT/tests/data/phototest.tif" image/png
	image_of "$CORPUS/pages/multipage.tif" image/png
	image_of "$CORPUS/pages/print-00.jpg" image/jpeg
	image_of "$CORPUS/pages/baiona_cmyk.jpg" image/jpeg
	image_of "$CORPUS/pages/linn.png" image/png
	image_of "$CORPUS/bad/1x1.png" image/png
	image_of "$CORPUS/bad/60000x1.png" image/png
}

@test "a document that fails gives no page and its error is logged; two make no page" {
	corpus
	run --separate-stderr filot-ocr-gpu -f overlay "$CORPUS/bad/empty.png"
	[ "$status" -eq 1 ]
	[ -z "$output" ]
	[[ $stderr == *document_failed*empty_document* ]]
	run --separate-stderr filot-ocr-gpu -f overlay "$photo" "$photo"
	[ "$status" -eq 64 ]
	run --separate-stderr filot-ocr-gpu -f overlay --max-output 1000 "$FILOT_ROOT/tests/data/phototest.tif"
	[ "$status" -eq 1 ]
	[[ $stderr == *too_large* ]]
}
