#!/usr/bin/env bats
# Documents by https: and r2: URIs: what a stranger's job may reach, and what comes of a server on a bad day.
# (file: URIs and the table of addresses: tests/unit/fetch_test.c and http_test.c.)

# shellcheck disable=SC2154 # status, output, stderr and elapsed are bats' and drive's
# shellcheck disable=SC2016 # in_own_network expands what is in single quotes
bats_require_minimum_version 1.5.0
load helper
load web

setup_file() {
	drive_ready
	certificates_make "$BATS_FILE_TMPDIR" >"$BATS_FILE_TMPDIR/certificates.log" 2>&1
	export TLS=$BATS_FILE_TMPDIR/tls
	web_start WEB_PORT web
	web_start TLS_PORT web 127.0.0.1 "$TLS/server.crt" "$TLS/server.key"
	web_start WRONG_HOST_PORT web 127.0.0.2 "$TLS/server.crt" "$TLS/server.key"
	web_start S3_PORT s3 AKID secret
}

teardown_file() {
	web_stop
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	export SSL_CERT_FILE=$TLS/ca.crt
	WEB=http://127.0.0.1:$WEB_PORT HTTPS=https://localhost:$TLS_PORT
	unset FILOT_R2_ENDPOINT
}

use_storage() {
	export FILOT_R2_ENDPOINT=http://127.0.0.1:$S3_PORT FILOT_R2_ACCESS_KEY=AKID FILOT_R2_SECRET_KEY=secret
	export FILOT_R2_BUCKET=documents
}

# in_own_network COMMAND…: in a network that is nothing but this machine, which has the public address 93.184.216.34 there.
# Only so can a test begin at a public address without the internet.
in_own_network() {
	if ! unshare -n ip link >/dev/null 2>&1; then
		skip "needs unshare -n and ip (as root)"
	fi
	# shellcheck disable=SC2016 # expanded inside
	run --separate-stderr unshare -n bash -c '
		rm -f port.*
		ip link set lo up && ip addr add 93.184.216.34/32 dev lo
		for host in 93.184.216.34 127.0.0.1; do
			python3 "$1/web_server.py" web $host >port.$host 3>&- 4>&- &
			until [[ -s port.$host ]]; do sleep 0.05; done
		done
		PUBLIC=http://93.184.216.34:$(cat port.93.184.216.34) PRIVATE=http://127.0.0.1:$(cat port.127.0.0.1)
		eval "$2"
		status=$?
		kill $(jobs -p)
		exit $status' bash "$BATS_TEST_DIRNAME" "$1"
}

@test "a document comes by https, the certificate checked against the CA of SSL_CERT_FILE" {
	drive --private fetch "$HTTPS/document"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 'a document' ]
	[ "${#lines[@]}" = 100 ]
}

@test "CURL_CA_BUNDLE names the CA as well" {
	unset SSL_CERT_FILE
	CURL_CA_BUNDLE=$TLS/ca.crt drive --private fetch "$HTTPS/document"
	[ "$status" -eq 0 ]
}

@test "a certificate of an unknown CA is refused" {
	SSL_CERT_FILE=$TLS/wrong-ca.crt drive --private fetch "$HTTPS/document"
	failed storage_unavailable
	[[ $stderr == *certificate* ]]
	unset SSL_CERT_FILE
	drive --private fetch "$HTTPS/document"
	failed storage_unavailable
}

@test "a certificate for another host name is refused" {
	drive --private fetch "https://127.0.0.2:$WRONG_HOST_PORT/document"
	failed storage_unavailable
	[[ $stderr == *certificate* ]]
}

@test "a CA file that is not there is a bad configuration" {
	SSL_CERT_FILE=/nonexistent drive --private fetch "$HTTPS/document"
	failed configuration
}

@test "a certificate that does not verify is not tried again" {
	SSL_CERT_FILE=$TLS/wrong-ca.crt drive --private fetch "$HTTPS/document"
	[[ $stderr != *http_retry* ]]
}

@test "loopback is forbidden unless private addresses are allowed, by name and by number" {
	for host in 127.0.0.1 localhost 127.1 '[::1]' '[::ffff:127.0.0.1]' 0x7f000001; do
		drive --plain fetch "http://$host:$WEB_PORT/document"
		failed forbidden_uri
	done
	[ "$(hits "$WEB_PORT" document)" = 0 ]
	drive --plain --private fetch "$WEB/document"
	[ "$status" -eq 0 ]
}

@test "a proxy of the environment does not lead around the rule" {
	http_proxy=$WEB https_proxy=$WEB all_proxy=$WEB drive --plain fetch "http://127.0.0.1:$WEB_PORT/document"
	failed forbidden_uri
	http_proxy=$WEB https_proxy=$WEB drive --plain --time 3000 --attempts 1 fetch "http://192.0.2.1/document"
	failed forbidden_uri
}

@test "a public address is reached" {
	in_own_network '"$DRIVE_STORE" --plain fetch $PUBLIC/document'
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" = 100 ]
}

@test "a redirect from a public address to a private one is forbidden" {
	in_own_network '"$DRIVE_STORE" --plain fetch $PUBLIC/redirect?to=$PRIVATE/document'
	failed forbidden_uri
	in_own_network '"$DRIVE_STORE" --plain fetch $PUBLIC/redirect?to=http://localhost:1/'
	failed forbidden_uri
	in_own_network '"$DRIVE_STORE" --plain fetch $PUBLIC/redirect?to=$PUBLIC/document'
	[ "$status" -eq 0 ]
}

@test "a host whose public address does not answer is storage_unavailable, not forbidden" {
	in_own_network '"$DRIVE_STORE" --plain --attempts 1 fetch http://93.184.216.34:9/'
	failed storage_unavailable
}

@test "plain http is forbidden unless allowed, also after a redirect" {
	drive --private fetch "$WEB/document"
	failed forbidden_uri
	drive --private fetch "$HTTPS/redirect?to=$WEB/document"
	failed forbidden_uri
	drive --private --plain fetch "$HTTPS/redirect?to=$WEB/document"
	[ "$status" -eq 0 ]
}

@test "a redirect to another scheme is forbidden" {
	printf 'a secret' >secret
	for target in "file://$PWD/secret" ftp://127.0.0.1/ gopher://127.0.0.1/; do
		drive --private --plain fetch "$WEB/redirect?to=$target"
		failed forbidden_uri
		[[ $output != *secret* ]]
	done
}

@test "five redirects are followed, six are not, nor a loop" {
	drive --private --plain fetch "$WEB/hops?left=5"
	[ "$status" -eq 0 ]
	drive --private --plain fetch "$WEB/hops?left=6"
	failed forbidden_uri
	drive --private --plain fetch "$WEB/loop"
	failed forbidden_uri
}

@test "a redirect with a password in it is refused" {
	drive --private --plain fetch "$WEB/redirect?to=http://user:hidden@127.0.0.1:$WEB_PORT/document"
	failed bad_job
	[[ $stderr != *hidden* ]]
}

@test "a server's answer becomes the job's error" {
	for pair in 404:not_found 410:not_found 401:forbidden_uri 403:forbidden_uri 408:timeout 418:not_found \
		429:storage_unavailable 500:storage_unavailable 503:storage_unavailable; do
		drive --private --plain --attempts 1 fetch "$WEB/status?code=${pair%:*}"
		failed "${pair#*:}" || fail_with "$pair"
	done
}

@test "no bytes is empty_document" {
	drive --private --plain fetch "$WEB/empty"
	failed empty_document
}

@test "the sum is checked" {
	drive --private --plain fetch "$WEB/document"
	sum=$(printf '%s\n' "$output" | sha256sum | cut -d' ' -f1)
	drive --private --plain --sha256 "$sum" fetch "$WEB/document"
	[ "$status" -eq 0 ]
	drive --private --plain --sha256 "${sum//[0-8]/9}" fetch "$WEB/document"
	failed checksum_mismatch
}

@test "a document over the limit is too_large, with and without an announced length" {
	for name in document huge huge-announced; do
		drive --private --plain --most 1099 fetch "$WEB/$name"
		failed too_large
	done
	drive --private --plain --most 1100 fetch "$WEB/document"
	[ "$status" -eq 0 ]
}

@test "a server that drips or never answers ends at the time limit" {
	for name in drip silent; do
		drive_timed --private --plain --time 1000 fetch "$WEB/$name"
		failed timeout
		((elapsed < 5000))
	done
}

@test "a server on a bad day is asked again" {
	for name in flaky.fetch cut-once.fetch reset-once.fetch limited.fetch; do
		drive --private --plain fetch "$WEB/$name"
		[ "$status" -eq 0 ]
		[ "${#lines[@]}" = 100 ]
		[ "$(hits "$WEB_PORT" "$name")" -ge 2 ]
	done
}

@test "a body that is always cut off never passes for a document" {
	drive --private --plain fetch "$WEB/cut"
	failed storage_unavailable
	[ -z "$output" ]
}

@test "a message shows neither path nor query of a URI" {
	drive --private --plain --attempts 2 fetch "$WEB/always-503?token=hidden"
	failed storage_unavailable
	[[ $stderr == *http_retry* && $stderr != *hidden* ]]
	drive --private --plain --most 1 fetch "$WEB/document?token=hidden"
	[[ $stderr != *hidden* ]]
}

@test "an object comes by its r2: URI" {
	use_storage
	printf 'a scan' >document
	drive put 'in box/scan 1.pdf' document
	drive fetch r2://documents/in%20box/scan%201.pdf
	[ "$output" = 'a scan' ]
	drive --sha256 "$(sha256sum document | cut -d' ' -f1)" fetch r2://documents/in%20box/scan%201.pdf
	[ "$status" -eq 0 ]
	drive --sha256 "$(printf x | sha256sum | cut -d' ' -f1)" fetch r2://documents/in%20box/scan%201.pdf
	failed checksum_mismatch
	drive --most 5 fetch r2://documents/in%20box/scan%201.pdf
	failed too_large
	drive fetch r2://documents/missing
	failed not_found
}

@test "another bucket is forbidden unless it is allowed" {
	use_storage
	printf 'theirs' >document
	drive --bucket others put scan document
	drive fetch r2://others/scan
	failed forbidden_uri
	drive --allow-bucket others fetch r2://others/scan
	[ "$output" = theirs ]
	drive --allow-bucket others fetch r2://third/scan
	failed forbidden_uri
}

@test "a storage that refuses our key is no fault of the job: storage_unavailable" {
	use_storage
	FILOT_R2_SECRET_KEY=wrong drive fetch r2://documents/scan
	failed storage_unavailable
	[[ $stderr == *SignatureDoesNotMatch* ]]
}

@test "without object storage an r2: URI is storage_unavailable" {
	drive fetch r2://documents/scan
	failed storage_unavailable
	[[ $stderr == *FILOT_R2_ENDPOINT* ]]
}

@test "one client fetches many documents, good and bad, and stays good" {
	use_storage
	printf 'a scan' >document
	drive put scan document
	drive --private --plain --any-file fetch r2://documents/scan "$WEB/document" "$HTTPS/document" "$PWD/document"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = 'a scana document' ]
}
