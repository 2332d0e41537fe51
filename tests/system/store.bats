#!/usr/bin/env bats
# Object storage: what common/store/ sends is accepted by a server that checks signatures, what is wrong is refused, and
# a server on a bad day is met with patience that ends.

# shellcheck disable=SC2154 # status, output, stderr and elapsed are bats' and drive's
bats_require_minimum_version 1.5.0
load helper
load web

setup_file() {
	drive_ready
	servers_setup storage
	web_start WEB_PORT web
	export EXACT_SECRET=wJalrXUtnFEMI/K7MDENG+bPxRfiCY
	web_start EXACT_PORT s3 AKIDEXACT "$EXACT_SECRET"
}

teardown_file() {
	web_stop
	servers_teardown
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	printf 'the text of a document' >document
	# faketime is preloaded before the sanitizer, where the driver has one
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0
	SUM=$(sha256sum document | cut -d' ' -f1)
	OTHER_SUM=$(printf 'another' | sha256sum | cut -d' ' -f1)
}

# The server that checks signature and payload byte for byte by code of its own.
use_exact() {
	export FILOT_R2_ENDPOINT=http://127.0.0.1:$EXACT_PORT FILOT_R2_ACCESS_KEY=AKIDEXACT
	export FILOT_R2_SECRET_KEY=$EXACT_SECRET
}

# The server that misbehaves as the key says.
use_web() {
	export FILOT_R2_ENDPOINT=http://127.0.0.1:$WEB_PORT
}

# put, get to a file and to memory, head, fetch by URI, presigned GET, delete: all of them for one key.
round_trip() {
	local key=$1
	drive put "$key" document && [ "$status" -eq 0 ] || return 1
	drive get "$key" copy
	[[ $output == "22 $SUM "* ]] || return 1
	cmp document copy || return 1
	drive get "$key" -
	[ "$output" = 'the text of a document' ] || return 1
	drive head "$key"
	[[ $output == '22 '* ]] || return 1
	drive uri "$key"
	drive --sha256 "$SUM" fetch "$output"
	[ "$output" = 'the text of a document' ] || return 1
	drive presign GET "$key" 60
	[ "$(curl -q -s -f --path-as-is -g "$output")" = 'the text of a document' ] || return 1
	drive delete "$key"
	[ "$status" -eq 0 ] || return 1
	drive head "$key"
	failed not_found
}

PLAIN_KEYS=('a' 'inbox/2026/scan.pdf' 'a b' 'a+b' 'a%b' 'a%20b' 'a%2Fb' 'ünï/ködé/文書' 'a//b' '/leading' 'a~b' 'c..d' '...'
	'q?x=1&y=2#f' "all !\"\$&'()*,:;<=>@[]^_\`{|}")

@test "an object comes back as it was put, whatever its key" {
	for key in "${PLAIN_KEYS[@]}"; do
		round_trip "$key" || fail_with "key: $key; $output; $stderr"
	done
}

@test "every key is signed as S3's canonical form demands, dot segments and ends in '/' too" {
	use_exact
	for key in "${PLAIN_KEYS[@]}" '..' '.' '../up' 'a/../b' './a' 'a/.' 'a/' '//' '.../.x/..y' '/..'; do
		round_trip "$key" || fail_with "key: $key; $output; $stderr"
	done
}

@test "an empty object is put and read" {
	: >empty
	drive put empty empty
	[ "$status" -eq 0 ]
	drive get empty copy
	[[ $output == '0 e3b0c44298fc1c14'* ]]
	[ ! -s copy ]
}

@test "twenty megabytes go up and come down unchanged" {
	head -c 20000000 /dev/urandom >big
	drive --sha256 "$(sha256sum big | cut -d' ' -f1)" put big big
	[ "$status" -eq 0 ]
	drive get big copy
	cmp big copy
}

@test "the content type is kept" {
	drive --type image/png put typed document
	drive head typed
	[[ $output == *' image/png' ]]
}

@test "a body that is not what its sum says is refused" {
	use_exact
	drive --sha256 "$SUM" put summed document
	[ "$status" -eq 0 ]
	drive --sha256 "${SUM^^}" put summed document
	[ "$status" -eq 0 ]
	drive --sha256 "$OTHER_SUM" put summed document
	failed checksum_mismatch
}

@test "a wrong secret key is refused" {
	drive put key document
	[ "$status" -eq 0 ]
	FILOT_R2_SECRET_KEY=wrong drive get key copy
	failed not_permitted
	[[ $stderr == *SignatureDoesNotMatch* ]]
	[ ! -s copy ]
	FILOT_R2_SECRET_KEY=wrong drive put key document
	failed not_permitted
	FILOT_R2_SECRET_KEY=wrong drive head key
	failed not_permitted
	FILOT_R2_SECRET_KEY=wrong drive delete key
	failed not_permitted
	drive head key
	[ "$status" -eq 0 ]
}

@test "an unknown access key is refused" {
	FILOT_R2_ACCESS_KEY=wrong drive get key copy
	failed not_permitted
	[[ $stderr == *InvalidAccessKeyId* ]]
}

@test "a clock that is an hour wrong is refused, and the message says that it is the clock" {
	drive put key document
	for shift in -1h +1h; do
		run --separate-stderr faketime -f "$shift" "$DRIVE_STORE" get key copy
		failed not_permitted
		[[ $stderr == *RequestTimeTooSkewed* ]]
	done
}

@test "a request that was changed on its way is refused, an unchanged one is not" {
	drive put mine document
	drive put other document
	for change in nothing path payload-sum type method; do
		web_start TAMPER_PORT tamper "$SERVERS_STORAGE_PORT" "$change"
		FILOT_R2_ENDPOINT=http://127.0.0.1:$TAMPER_PORT drive --type text/plain put mine document
		if [ "$change" = nothing ]; then
			[ "$status" -eq 0 ]
		else
			failed not_permitted
		fi
	done
}

@test "a presigned URL works for its method, its key and its time only" {
	drive put mine document
	drive put other document
	drive presign GET mine 60
	url=$output
	[ "$(curl -q -s -f "$url")" = 'the text of a document' ]
	code() { curl -q -s -o /dev/null -w '%{http_code}' "$@"; }
	[ "$(code "${url/mine/other}")" = 403 ]
	[ "$(code "${url/Expires=60/Expires=600000}")" = 403 ]
	[ "$(code -X DELETE "$url")" = 403 ]
	[ "$(code "${url%?}")" = 403 ]
	FILOT_R2_SECRET_KEY=wrong drive presign GET mine 60
	[ "$(code "$output")" = 403 ]
	run --separate-stderr faketime -f -1h "$DRIVE_STORE" presign GET mine 60
	[ "$(code "$output")" = 403 ]
	run --separate-stderr faketime -f -1h "$DRIVE_STORE" presign GET mine 7200
	[ "$(code "$output")" = 200 ]
}

@test "a presigned PUT takes a document" {
	drive presign PUT uploaded 60
	curl -q -s -f -T document "$output"
	drive get uploaded copy
	cmp document copy
}

@test "no key and no bucket is not_found" {
	drive get missing copy
	failed not_found
	drive --bucket no-such-bucket get missing copy
	failed not_found
}

@test "an object larger than the limit is too_large, and nothing of it stays in the file" {
	drive put key document
	drive --most 21 get key copy
	failed too_large
	[ ! -s copy ]
	drive --most 22 get key copy
	[ "$status" -eq 0 ]
}

@test "a body without a length is stopped at the limit" {
	use_web
	drive --most 1000000 get huge copy
	failed too_large
	[ ! -s copy ]
	drive --most 1000000 get huge -
	failed too_large
}

@test "an announced length over the limit is refused before the body comes" {
	use_web
	drive_timed --most 1000000 get huge-announced copy
	failed too_large
	((elapsed < 5000))
}

@test "an endless error answer ends" {
	use_web
	drive get huge-error copy
	failed not_found
}

@test "a 500 is tried again" {
	use_web
	drive get flaky.1 copy
	[ "$status" -eq 0 ]
	[ "$(hits "$WEB_PORT" flaky.1)" = 2 ]
	[ "$(wc -c <copy)" = 1100 ]
}

@test "a 503 that stays is storage_unavailable after all tries" {
	use_web
	drive --attempts 3 get always-503.1 copy
	failed storage_unavailable
	[[ $stderr == *SlowDown* ]]
	[ "$(hits "$WEB_PORT" always-503.1)" = 3 ]
}

@test "a 404 is not tried again" {
	use_web
	drive get nothing-here copy
	failed not_found
	[ "$(hits "$WEB_PORT" nothing-here)" = 1 ]
}

@test "Retry-After is kept" {
	use_web
	drive_timed get limited.1 copy
	[ "$status" -eq 0 ]
	((elapsed >= 1000))
}

@test "a Retry-After beyond the time limit ends it at once" {
	use_web
	drive_timed --time 5000 get limited-long.1 copy
	failed storage_unavailable
	((elapsed < 4000))
	[ "$(hits "$WEB_PORT" limited-long.1)" = 1 ]
}

@test "a body that is cut off is read again from its start" {
	use_web
	drive get cut-once.1 copy
	[ "$status" -eq 0 ]
	[ "$(wc -c <copy)" = 1100 ]
	[[ $output == *" $(sha256sum copy | cut -d' ' -f1) "* ]]
}

@test "a body that is always cut off is storage_unavailable, never a short document" {
	use_web
	drive get cut copy
	failed storage_unavailable
	[ ! -s copy ]
}

@test "a connection that closes without an answer is tried again" {
	use_web
	drive get reset-once.1 copy
	[ "$status" -eq 0 ]
}

@test "an upload is sent whole again after a 500" {
	use_web
	drive put flaky.2 document
	[ "$status" -eq 0 ]
	[ "$(hits "$WEB_PORT" flaky.2)" = 2 ]
	[ "$(curl -q -s -f "http://127.0.0.1:$WEB_PORT/last-body")" = 'the text of a document' ]
}

@test "a server that never answers is a timeout" {
	use_web
	drive_timed --stall 1000 --attempts 1 get silent copy
	failed timeout
	((elapsed < 10000))
}

@test "a server that drips is a timeout" {
	use_web
	drive_timed --stall 1000 --attempts 1 get drip copy
	failed timeout
	((elapsed < 10000))
}

@test "the time limit holds for all tries together" {
	use_web
	drive_timed --time 1500 --attempts 100 get always-503.2 copy
	[ "$status" -ne 0 ]
	((elapsed < 5000))
	drive_timed --time 1000 --attempts 100 get silent copy
	failed timeout
	((elapsed < 5000))
}

@test "a server that is not there is storage_unavailable" {
	FILOT_R2_ENDPOINT=http://127.0.0.1:$(port_free) drive get key copy
	failed storage_unavailable
}

@test "a storage that hangs is a timeout, and is used again when it goes on" {
	drive put key document
	server_pause "$SERVERS_DIR" storage
	drive --stall 1000 --attempts 1 get key copy
	server_resume "$SERVERS_DIR" storage
	failed timeout
	drive get key copy
	[ "$status" -eq 0 ]
}

@test "a signed request follows no redirect" {
	use_web
	drive get 'redirect' copy
	[ "$status" -ne 0 ]
	[ ! -s copy ]
}

@test "no message holds the secret key or a signature" {
	FILOT_R2_SECRET_KEY=hidden-secret drive get key copy
	[[ $stderr != *hidden-secret* ]]
	use_web
	FILOT_R2_SECRET_KEY=hidden-secret drive --attempts 2 get always-503.3 copy
	[[ $stderr == *http_retry* && $stderr != *hidden-secret* && $stderr != *Signature=* ]]
}

# ---- multipart uploads ----

# How many uploads of KEY wait for parts: what the storage itself lists.
waiting_uploads() {
	python3 "$BATS_TEST_DIRNAME/list_storage.py" uploads "$1" | grep -cx "$1" || true
}

@test "an object of several parts is the same as one that came whole, and has its type" {
	head -c 12000000 /dev/urandom >large
	for key in parts/plain 'parts/päd & +=?#%.pdf'; do
		drive --type image/tiff parts "$key" large && [ "$status" -eq 0 ]
		drive get "$key" copy
		[ "$status" -eq 0 ]
		cmp large copy
		[[ $output == *' image/tiff' ]]
	done
}

@test "an upload that was cut off leaves no object, and abort removes what is left of it alone" {
	head -c 6000000 /dev/urandom >large
	drive cut cut/1 large && [ "$status" -eq 0 ]
	drive cut cut/1 large && [ "$status" -eq 0 ]
	drive cut cut/10 large && [ "$status" -eq 0 ]
	drive head cut/1
	failed not_found
	[ "$(waiting_uploads cut/1)" -eq 2 ]
	drive abort cut/1
	[ "$status" -eq 0 ]
	[ "$(waiting_uploads cut/1)" -eq 0 ]
	[ "$(waiting_uploads cut/10)" -eq 1 ]
	drive abort cut/1 # nothing there: fine
	[ "$status" -eq 0 ]
}

@test "a wrong secret key can begin no multipart upload" {
	FILOT_R2_SECRET_KEY=wrong drive parts some/key document
	failed not_permitted
}

@test "the start of an object is read without the rest" {
	drive put start document
	drive start start 8
	[ "$output" = 'the text' ]
	drive start start 4096
	[ "$output" = 'the text of a document' ]
}

@test "a presigned GET can name the file that a browser saves" {
	drive put named document
	drive save named 'Brief "1"; ü.pdf'
	run curl -q -s -f -D - -o copy "$output"
	[[ ${output,,} == *"content-disposition: attachment; filename*=utf-8''brief%20%221%22%3b%20%c3%bc.pdf"* ]]
	cmp copy document
}
