#!/usr/bin/env bats
# filot-enqueue without a server: what becomes a job line, what is refused, what it says about its settings.

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	unset FILOT_REDIS_URL REDIS_URL FILOT_CONFIG
	cd "$BATS_TEST_TMPDIR"
	printf 'one\n' >a.png
	printf 'two\n' >'b ü #1.png'
	sum=$(sha256sum a.png | cut -d' ' -f1)
}

enqueue() {
	filot-enqueue --print "$@"
}

@test "a path becomes an absolute file: URI, percent-encoded" {
	enqueue a.png 'b ü #1.png' >lines
	[ "$(jq -r .uri lines | sed -n 1p)" = "file://$PWD/a.png" ]
	[ "$(jq -r .uri lines | sed -n 2p)" = "file://$PWD/b%20%C3%BC%20%231.png" ]
}

@test "a job line has all members of filot-jobs(5)" {
	enqueue a.png >line
	[ "$(wc -l <line)" -eq 1 ]
	jq -e '.v == 1 and (.job | test("^[0-7][0-9A-HJKMNP-TV-Z]{25}$")) and .document == .job and .lang == "eng"
		and .priority == "normal" and .attempt == 1 and (.enqueued_at | test("^20..-.*Z$"))
		and (has("key") or has("sha256") or has("tenant") | not)' line
}

@test "flags fill what a job line lacks and change nothing that it says" {
	printf '%s\n' '{"uri":"r2://bucket/k","lang":"fra","newer":[1,2]}' |
		enqueue --lang deu --priority low --tenant acme >line
	jq -e '.lang == "fra" and .priority == "low" and .tenant == "acme" and .newer == [1,2]' line
}

@test "a job line that lacks nothing goes on byte for byte" {
	enqueue a.png >line
	enqueue <line >again
	cmp line again
}

@test "URIs are taken as they are" {
	enqueue r2://bucket/key https://example.org/a?b=c file:/elsewhere/a.png >lines
	[ "$(jq -r .uri lines | paste -sd' ')" = 'r2://bucket/key https://example.org/a?b=c file:/elsewhere/a.png' ]
}

@test "standard input gives one line each, blank ones passed over, and goes where - stands" {
	printf 'r2://b/2\n\nr2://b/3\r\nr2://b/4' | enqueue r2://b/1 - r2://b/5 >lines
	[ "$(jq -r .uri lines | paste -sd' ')" = 'r2://b/1 r2://b/2 r2://b/3 r2://b/4 r2://b/5' ]
}

@test "with -0 names may hold line ends" {
	printf 'x' >$'new\nline.png'
	find . -name '*line.png' -print0 | enqueue -0 >line
	[ "$(jq -r .uri line)" = "file://$PWD/new%0Aline.png" ]
}

@test "--key-from sha256 makes the key of the file's bytes and the tenant's name" {
	enqueue --key-from sha256 a.png | jq -e --arg sum "$sum" '.sha256 == $sum and .key == "sha256:" + $sum'
	enqueue --key-from sha256 --tenant acme a.png | jq -e --arg sum "$sum" '.key == "acme/sha256:" + $sum'
	printf '{"uri":"r2://b/k","sha256":"%s"}\n' "${sum^^}" | enqueue --key-from sha256 |
		jq -e --arg sum "$sum" '.key == "sha256:" + $sum'
}

@test "--key-from uri makes the same key of the same URI, another of another" {
	enqueue --key-from uri r2://b/1 r2://b/2 r2://b/1 | jq -r .key >keys
	[ "$(sed -n 1p keys)" = "$(sed -n 3p keys)" ]
	[ "$(sort -u keys | wc -l)" -eq 2 ]
}

@test "a job line keeps its own key" {
	printf '{"uri":"r2://b/k","key":"mine"}\n' | enqueue --key-from uri | jq -e '.key == "mine"'
}

@test "a bad input is refused with its place and reason, and the rest go on" {
	run --separate-stderr enqueue missing.png '{"uri":7}' . ftp://host/x a.png
	[ "$status" -eq 1 ]
	[ "$(wc -l <<<"$output")" -eq 1 ]
	jq -e '.uri | endswith("/a.png")' <<<"$output"
	grep -q '"code":"not_found","message":"argument 1: missing.png' <<<"$stderr"
	grep -q '"code":"bad_job","message":"argument 2: uri: must be a string' <<<"$stderr"
	grep -q '"code":"unsupported_format","message":"argument 3: .: is a directory' <<<"$stderr"
	grep -q 'argument 4: uri: must be r2://' <<<"$stderr"
}

@test "--upload without object storage is a configuration error that names the settings" {
	run --separate-stderr enqueue --upload a.png
	[ "$status" -eq 78 ]
	grep -q FILOT_R2_ENDPOINT <<<"$stderr"
}

@test "--key-from sha256 refuses what has no bytes here and no sum" {
	run --separate-stderr enqueue --key-from sha256 r2://bucket/key
	[ "$status" -eq 1 ]
	grep -q '"message":"argument 1: sha256: ' <<<"$stderr"
	: >empty.png
	run --separate-stderr enqueue --key-from sha256 empty.png
	[ "$status" -eq 1 ]
	grep -q empty_document <<<"$stderr"
}

@test "a line over 1 MiB is refused and the next one taken" {
	{
		printf '{"uri":"r2://b/1","x":"'
		head -c 1100000 /dev/zero | tr '\0' x
		printf '"}\nr2://b/2\n'
	} >lines
	run --separate-stderr enqueue <lines
	[ "$status" -eq 1 ]
	[ "$(jq -r .uri <<<"$output")" = r2://b/2 ]
	grep -q 'line 1: longer than 1 MiB' <<<"$stderr"
}

@test "hostile lines are refused one by one" {
	{
		printf '{"uri":"r2://b/1","uri":"r2://b/2"}\n{\n{"uri":"r2://b/\377"}\n{"uri":"r2://b/1","n":1e999}\n'
		printf '{"v":2,"uri":"r2://b/1"}\n'
		printf '{"x":%s1%s}\n' "$(printf '[%.0s' {1..2000})" "$(printf ']%.0s' {1..2000})"
		printf '{"uri":"r2://b/\\u0000"}\n{"uri":"r2://b/ok"}\n'
	} >lines
	run --separate-stderr enqueue <lines
	[ "$status" -eq 1 ]
	[ "$(jq -r .uri <<<"$output")" = r2://b/ok ]
	[ "$(grep -c '"code":"bad_job"' <<<"$stderr")" -eq 7 ]
}

@test "wrong flags are usage errors" {
	for flags in '--key k a b' '--document d' '--key k --key-from uri a' '--priority urgent a' '--batch 0 a' \
		'--batch 501 a' '--max-depth 5 a' '--lang ../x a' '--tenant a/b a' '--nonsense a'; do
		run --separate-stderr enqueue $flags </dev/null
		[ "$status" -eq 64 ] || { echo "$flags: $status"; false; }
	done
}

@test "without a Redis URL it is a configuration error that names the setting" {
	run --separate-stderr filot-enqueue a.png
	[ "$status" -eq 78 ]
	grep -q FILOT_REDIS_URL <<<"$stderr"
	run filot-enqueue --check-config
	[ "$status" -eq 78 ]
	[[ $output =~ FILOT_REDIS_URL[[:space:]]+MISSING ]]
	run filot-enqueue --check-config --print
	[ "$status" -eq 0 ]
}

@test "a bad Redis URL is a configuration error that does not tell the password" {
	for url in 'redis://u:hunter2@h:port' 'redis://u:hunter2@h/x' 'http://u:hunter2@h' 'rediss://u:hun#ter2@h'; do
		FILOT_REDIS_URL=$url run filot-enqueue a.png
		[ "$status" -eq 78 ]
		[[ $output != *hun* ]]
	done
}

@test "--help names every flag of the manual and the other way round" {
	# the manual shows flags of other commands in examples
	filot-enqueue --help | grep -oE -- '--[a-z][a-z-]*' | sort -u >help
	mandoc -T ascii -O width=200 "$FILOT_ROOT/man/filot-enqueue.1" | sed 's,.\x08,,g; s,| filot-ocr-gpu .*,,' |
		grep -oE -- '--[a-z][a-z-]*' | sort -u >manual
	diff help manual
}

@test "nothing on standard input is no error and no job" {
	run enqueue </dev/null
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "a reader that goes away ends it with an error, not a signal" {
	yes r2://b/k | head -100000 >many
	status=0
	(filot-enqueue --print <many; echo "$?" >status) | head -1 >/dev/null || true
	[ "$(cat status)" -eq 70 ]
}
