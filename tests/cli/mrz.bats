#!/usr/bin/env bats
# Machine readable zones on drawn pages, through the real reader: the examples of ICAO Doc 9303 in OCR-B and in a common
# monospaced font, sharp and blurred. What the reader makes of them letter by letter is in mrz_test.c.
# bats file_tags=slow

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	fc-list | grep -q 'OCR B' || skip "no font OCR-B: install the package fonts-ocr-b"
}

# zone FORMAT: the lines of the specification's example
zone() {
	case $1 in
	TD1) printf '%s\n' 'I<UTOD231458907<<<<<<<<<<<<<<<' '7408122F1204159UTO<<<<<<<<<<<6' 'ERIKSSON<<ANNA<MARIA<<<<<<<<<<' ;;
	TD2) printf '%s\n' 'I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<' 'D231458907UTO7408122F1204159<<<<<<<6' ;;
	TD3) printf '%s\n' 'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<' 'L898902C36UTO7408122F1204159ZE184226B<<<<<10' ;;
	MRV-A) printf '%s\n' 'V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<' 'L8988901C4XXX4009078F96121096ZE184226B<<<<<<' ;;
	MRV-B) printf '%s\n' 'V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<' 'L8988901C4XXX4009078F9612109<<<<<<<<' ;;
	esac
}

# page FORMAT [FONT [SIZE [SHARPNESS]]]: ./page.png, the upper part of a document and its zone
page() {
	{
		printf '%s\n' 'UTOPIA   DOCUMENT' 'Surname ERIKSSON' 'Given names Anna Maria'
		zone "$1"
	} | "$FILOT_BUILD/tests/draw_lines" "${2:-OCR B}" "${3:-56}" "${4:-0.5}" >page.png
}

# found FORMAT: the page's zone is that example, valid and taken apart
found() {
	zone "$1" | jq -Rn '[inputs]' >lines
	jq -e --arg format "$1" --slurpfile lines lines '.pages[0].mrz
		| .format == $format and .valid and .lines == $lines[0] and .issuer == "UTO" and .surname == "ERIKSSON"
		and .given_names == "ANNA MARIA" and .sex == "F" and (.checks | all)
		and if $format | startswith("MRV") then .birth_date == "1940-09-07" and .expiry_date == "1996-12-10"
			and .document_number == "L8988901C" and .nationality == "XXX" and .document_code == "V"
		else .birth_date == "1974-08-12" and .expiry_date == "2012-04-15" and .nationality == "UTO"
			and .document_number == (if $format == "TD3" then "L898902C3" else "D23145890" end) end' result >/dev/null || {
		jq -r '.pages[0] | .text, .mrz' result
		return 1
	}
}

@test "all five formats are found on a page in OCR-B, corrected and checked" {
	local format
	for format in TD1 TD2 TD3 MRV-A MRV-B; do
		page "$format" "OCR B" 64
		filot-ocr-gpu page.png >result
		found "$format"
	done
}

@test "blurred ones too, and what was misread is counted" {
	local format
	for format in TD1 TD2 TD3 MRV-A MRV-B; do
		page "$format" "OCR B" 60 0.36
		filot-ocr-gpu page.png >result
		found "$format"
		# the text has the misreading, the zone has it not
		if [[ $format == TD[23] ]]; then
			jq -e '(.pages[0].text | test("UT0")) and .pages[0].mrz.corrections > 0' result
		fi
	done
}

@test "libtesseract's own engine and another font give the same" {
	page TD3
	filot-ocr-gpu --engine tesseract page.png >result
	found TD3
	page TD3 "DejaVu Sans Mono" 44
	filot-ocr-gpu page.png >result
	found TD3
}

@test "a page without a zone has none, and a forged digit is told" {
	filot-ocr-gpu "$FILOT_ROOT/tests/data/phototest.tif" | jq -e '.pages[0] | has("mrz") | not'
	zone TD3 | sed 's/F1204159/F1204259/' | "$FILOT_BUILD/tests/draw_lines" "OCR B" 56 0.5 >page.png
	filot-ocr-gpu page.png | jq -e '.pages[0].mrz | .valid == false and .checks.expiry == false and .checks.birth and .expiry_date == "2012-04-25"'
}

@test "the overlay shows the zone, its checks and what is wrong with it" {
	command -v chromium >/dev/null || skip "no chromium: install the package chromium"
	zone TD3 | sed 's/F1204159/F1204259/' | "$FILOT_BUILD/tests/draw_lines" "OCR B" 56 0.5 >page.png
	filot-ocr-gpu -f overlay page.png >page.html
	timeout 120 python3 "$FILOT_ROOT/tests/cli/browse.py" page.html >values <<-'STEPS'
		eval document.querySelector(".zone").className
		eval document.querySelector(".zone").textContent
		eval [...document.querySelectorAll(".zone .wrong")].map((one) => one.closest("dd").previousElementSibling.textContent)
	STEPS
	jq -es '.[0] == "zone" and (.[1] | test("TD3") and test("wrong check digits \\(expiry, composite\\)") and test("ERIKSSON") and test("1974-08-12")) and .[2] == ["Expires"]' values
	page TD3
	filot-ocr-gpu -f overlay page.png >page.html
	timeout 120 python3 "$FILOT_ROOT/tests/cli/browse.py" page.html >values <<-'STEPS'
		eval [document.querySelector(".zone").className, document.querySelectorAll(".zone .wrong").length]
	STEPS
	jq -e '. == ["zone valid", 0]' values
}
