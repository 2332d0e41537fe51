#!/usr/bin/env bats
# Pages that lie on their side, upside down, askew, or are stored so: they are read upright, and what is told of them is
# where it is on the page as it was given.

bats_require_minimum_version 1.5.0
load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	sample=$FILOT_ROOT/tests/data/phototest.tif
	degrade=$FILOT_BUILD/tests/degrade_image
}

# Boxes of the words on a page of 640 x 480 that stands turned clockwise by $1, from those of the upright one.
turned_boxes() {
	jq -c --argjson by "$1" '.pages[0].lines[].words[] | [.text] + (.box | . as [$x, $y, $w, $h] |
		if $by == 90 then [480 - $y - $h, $x, $h, $w] elif $by == 180 then [640 - $x - $w, 480 - $y - $h, $w, $h]
		elif $by == 270 then [$y, 640 - $x - $w, $h, $w] else . end)'
}

# How far the boxes of two files with the same words lie apart at most.
apart() {
	jq -n --slurpfile a "$1" --slurpfile b "$2" 'if [$a[][0]] != [$b[][0]] then "other words" else
		[range($a | length) as $i | range(1; 5) as $j | $a[$i][$j] - $b[$i][$j] | fabs] | max end'
}

@test "a page that stands turned is read upright, with its boxes where they are, by both engines" {
	local by engine
	filot-ocr-gpu "$sample" >upright
	for by in 90 180 270; do
		"$degrade" "rotated-$by" "$sample" turned.png
		turned_boxes "$by" <upright >want
		for engine in filot tesseract; do
			filot-ocr-gpu --engine "$engine" turned.png >line
			jq -e --argjson by "$by" --slurpfile upright upright '.pages[0] | .rotation == $by
				and .text == $upright[0].pages[0].text
				and [.width, .height] == (if $by == 180 then [640, 480] else [480, 640] end)
				and ([.lines[].orientation] | unique) == [$by]' line
			turned_boxes 0 <line >got
			cmp want got
		done
	done
}

@test "pages that read badly are turned by what all their lines say, not by one that reads well upside down" {
	local page
	corpus
	for page in receipt-417 receipt-461 receipt-539; do
		"$degrade" rotated-180 "$CORPUS/pages/$page.jpg" turned.png
		filot-ocr-gpu turned.png | jq -e '.pages[0].rotation == 180'
		filot-ocr-gpu "$CORPUS/pages/$page.jpg" | jq -e '.pages[0].rotation == 0'
	done
}

@test "a page on its side is turned though its layout finds no lines that run down" {
	local page by
	corpus
	for page in contrast-orig-60.jpg lion-page.00016.jpg; do
		filot-ocr-gpu --improve none "$CORPUS/pages/$page" >upright
		for by in 90 270; do
			"$degrade" "rotated-$by" "$CORPUS/pages/$page" turned.png
			filot-ocr-gpu --improve none turned.png | jq -e --argjson by "$by" --slurpfile upright upright '.pages[0] |
				.rotation == $by and .text == $upright[0].pages[0].text and [.height, .width] == ($upright[0].pages[0] | [.width, .height])'
		done
	done
}

@test "one line that reads badly either way turns nothing" {
	filot-ocr-gpu --psm 7 "$sample" | jq -e '.pages[0].rotation == 0'
	"$degrade" rotated-90 "$sample" turned.png
	filot-ocr-gpu --psm 7 turned.png | jq -e '.pages[0].rotation == 0'
}

@test "baselines run the way the text is read" {
	"$degrade" rotated-90 "$sample" turned.png
	filot-ocr-gpu turned.png | jq -e '.pages[0].lines | map(select(.words | length > 4) | .baseline) |
		length > 4 and all(.[3] - .[1] > 200 and (.[2] - .[0] | fabs) < 10)'
	"$degrade" rotated-180 "$sample" turned.png
	filot-ocr-gpu turned.png | jq -e '.pages[0].lines | map(select(.words | length > 4) | .baseline) |
		length > 4 and all(.[0] - .[2] > 200)'
}

@test "hOCR and TSV tell of the page as given" {
	"$degrade" rotated-270 "$sample" turned.png
	filot-ocr-gpu -f hocr turned.png >page.html
	grep -q "bbox 0 0 480 640; ppageno" page.html
	[ "$(grep -c 'textangle 90' page.html)" -eq "$(grep -c "class='ocr_line'" page.html)" ]
	filot-ocr-gpu -f tsv turned.png >page.tsv
	awk -F '\t' '$1 == 1 && ($9 != 480 || $10 != 640) { exit 1 } NR > 1 && ($7 + $9 > 480 || $8 + $10 > 640) { exit 1 }
		$1 == 5 && length($12) > 3 && $10 < $9 { exit 1 }' page.tsv
}

@test "--rotate none reads as it is, a number turns whatever is there, the settings are heard" {
	"$degrade" rotated-180 "$sample" turned.png
	filot-ocr-gpu --rotate none turned.png | jq -e '.pages[0].rotation == 0 and (.pages[0].text | test("quick") | not)'
	filot-ocr-gpu --rotate 180 turned.png | jq -e '.pages[0].rotation == 180 and (.pages[0].text | test("quick brown dog"))'
	FILOT_ROTATE=180 filot-ocr-gpu "$sample" | jq -e '.pages[0].rotation == 180 and (.pages[0].text | test("quick") | not)'
	FILOT_ROTATE=none filot-ocr-gpu --rotate auto turned.png | jq -e '.pages[0].rotation == 180'
	run filot-ocr-gpu --rotate 45 turned.png
	[ "$status" -eq 64 ]
}

@test "each page of a document has its own rotation" {
	"$degrade" rotated-90 "$sample" a.tif
	"$degrade" rotated-180 "$sample" b.tif
	tiffcp a.tif "$sample" b.tif all.tif
	filot-ocr-gpu all.tif | jq -e '[.pages[].rotation] == [90, 0, 180] and ([.pages[].text | test("quick brown dog")] | all)'
}

@test "a scan that lies sideways in a PDF is read upright, and a page that --rotate calls wrong is not taken for it" {
	"$degrade" rotated-270 "$sample" turned.tif
	tiffcp -c g4 turned.tif g4.tif
	tiff2pdf -o turned.pdf g4.tif
	filot-ocr-gpu turned.pdf >line
	jq -e '.pages[0] | .rotation == 270 and .width < .height and (.text | test("quick brown dog"))' line
	filot-ocr-gpu --rotate 90 turned.pdf | jq -e '.pages[0] | .rotation == 90 and (.text | test("quick brown dog") | not)'
}

@test "a page without text is not turned" {
	printf 'P5\n300 200\n255\n' >blank.pgm
	head -c 60000 /dev/zero | tr '\0' '\377' >>blank.pgm
	filot-ocr-gpu blank.pgm | jq -e '.pages[0] | .rotation == 0 and .lines == []'
}

@test "a skew is undone: the same words, around the same places of the page as given" {
	local skew
	filot-ocr-gpu -f text "$sample" >want
	for skew in 3 -3 5 8; do
		"$degrade" "skewed-$skew" "$sample" askew.png
		filot-ocr-gpu askew.png >line
		jq -j '.pages[0].text' line | diff - want
		# the baselines lie as the page does
		jq -e --argjson skew "$skew" '.pages[0] | .rotation == 0 and ([.lines[] | select(.baseline[2] - .baseline[0] > 300) |
			((.baseline[3] - .baseline[1]) / (.baseline[2] - .baseline[0]) | atan * 57.29578) - $skew | fabs] | max) < 0.5
			and (.skew - $skew | fabs) < 0.5 and (has("enlarged") or has("uneven_light") | not)' line
		! filot-ocr-gpu -f text --improve none askew.png | cmp -s - want
	done
}

@test "under uneven light and at a low resolution the words are found, each by its own step" {
	local kind step told
	filot-ocr-gpu -f text "$sample" >want
	"$degrade" uneven-light "$sample" uneven-light.png
	"$degrade" dpi-60 "$sample" dpi-60.png
	for kind in uneven-light:light:uneven_light=true dpi-60:resolution:enlarged=2; do
		IFS=: read -r kind step told <<<"$kind"
		filot-ocr-gpu --improve none "$kind.png" >without
		filot-ocr-gpu --improve "$step" "$kind.png" >with
		[ "$(jq -r '.pages[0].text' with | grep -cFxf want)" -gt "$(jq -r '.pages[0].text' without | grep -cFxf want || true)" ]
		[ "$(jq -r '.pages[0] | {skew, enlarged, uneven_light} | to_entries[] | select(.value) | "\(.key)=\(.value)"' with)" = "$told" ]
		# an enlarged page tells of itself in its own pixels
		[ "$(jq -c '.pages[0] | [.width, .height]' with)" = "$(jq -c '.pages[0] | [.width, .height]' without)" ]
		jq -e '.pages[0] as $page | [$page.lines[].words[].box | .[0] + .[2] <= $page.width and .[1] + .[3] <= $page.height] | all' with
	done
}

@test "white on black is no uneven light" {
	"$degrade" inverted "$sample" inverted.png
	filot-ocr-gpu --improve light inverted.png | jq -c '.pages[] | del(.ms)' >with
	filot-ocr-gpu --improve none inverted.png | jq -c '.pages[] | del(.ms)' | cmp - with
}

@test "a page that needs nothing is the same with the defaults and without" {
	filot-ocr-gpu "$sample" | jq -c '.pages[] | del(.ms)' >defaults
	filot-ocr-gpu --rotate none --improve none "$sample" | jq -c '.pages[] | del(.ms)' | cmp - defaults
}

@test "all eight EXIF orientations are shown, and boxes are those of what is shown" {
	local n kind
	filot-ocr-gpu "$sample" | turned_boxes 0 >want
	for kind in jpg png webp tif; do
		for n in 1 2 3 4 5 6 7 8; do
			"$degrade" "stored-$n" "$sample" "stored.$kind"
			if [ "$kind" = tif ]; then
				tiffset -s 274 "$n" stored.tif
			else
				python3 "$BATS_TEST_DIRNAME/set_orientation.py" "stored.$kind" "$n"
			fi
			filot-ocr-gpu "stored.$kind" >line
			jq -e '.pages[0] | .width == 640 and .height == 480 and .rotation == 0' line
			turned_boxes 0 <line >got
			[ "$(apart want got)" -le 2 ]
		done
	done
}
