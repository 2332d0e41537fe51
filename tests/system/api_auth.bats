#!/usr/bin/env bats
# Accounts, sessions and tokens of filot-api, by attack.
# bats file_tags=sanitized

# shellcheck disable=SC2154,SC2030,SC2031,SC2153 # status is bats', STATUS and so on api's; a test is a subshell on purpose
# shellcheck disable=SC2016 # raw's shell expands what is in single quotes
bats_require_minimum_version 1.5.0
load helper
load api

setup_file() {
	api_servers
	api_start --rate 100000 --rate-burst 10000
}

teardown_file() {
	api_stop
	servers_teardown
}

setup() {
	unset TOKEN
}

# A test that failed leaves the server that it started beside the file's own.
teardown() {
	[[ -z ${API_NAME:-} ]] || api_stop
}

base64url() {
	local text
	text=$(basenc --base64url -w 0)
	printf %s "${text//=/}"
}

# forge HEADER PAYLOAD SECRET: a token as an attacker would make it.
forge() {
	local text
	text=$(printf %s "$1" | base64url).$(printf %s "$2" | base64url)
	printf '%s.%s' "$text" "$(printf %s "$text" | openssl dgst -sha256 -hmac "$3" -binary | base64url)"
}

# payload_of TOKEN: its claims.
payload_of() {
	local part=${1#*.}
	part=$(tr '_-' '/+' <<<"${part%.*}")
	while ((${#part} % 4)); do part+='='; done
	openssl base64 -d -A <<<"$part"
}

header_of() {
	local part
	part=$(tr '_-' '/+' <<<"${1%%.*}")
	while ((${#part} % 4)); do part+='='; done
	openssl base64 -d -A <<<"$part"
}

@test "an account is made, logs in, and knows itself" {
	api_register
	api GET /auth/me
	expect 200
	[[ $(member .email) == "$EMAIL" && $(member .role) == user && $(member .id) == "$USER_ID" ]]
	[[ $(sql "select password_hash like '\$argon2id\$v=19\$m=65536,t=2,p=1\$%' from users where id = '$USER_ID'") == t ]]
}

@test "an address is one account whatever its case, and another's is 409" {
	api_register "Mixed-$RANDOM@Example.org"
	unset TOKEN
	api_json POST /auth/register "{\"email\":\"${EMAIL,,}\",\"password\":\"correct horse battery\"}"
	expect 409 email_taken
	api_json POST /auth/login "{\"email\":\"${EMAIL^^}\",\"password\":\"correct horse battery\"}"
	expect 200
}

@test "what is not a registration is refused with the member that is wrong" {
	local body
	api_json POST /auth/register 'not json'
	expect 400 bad_json
	api_json POST /auth/register '[]'
	expect 422 invalid
	api_json POST /auth/register '{"email":"a@example.org","email":"b@example.org","password":"correct horse"}'
	expect 400 bad_json
	for body in '{"password":"correct horse"}' '{"email":"no-address","password":"correct horse"}' \
		'{"email":1,"password":"correct horse"}' '{"email":"a@b@example.org","password":"correct horse"}' \
		'{"email":"a@example.org\u0000b","password":"correct horse"}'; do
		api_json POST /auth/register "$body"
		[[ $STATUS == 422 || $STATUS == 400 ]]
	done
	api_json POST /auth/register '{"email":"a@example.org","password":"short"}'
	expect 422
	[[ $(member '.errors[0].pointer') == '#/password' ]]
	api POST /auth/register -H 'Content-Type: text/plain' --data-binary '{}'
	expect 415 unsupported_media_type
	api POST /auth/register -H 'Content-Type: application/json' --data-binary @<(head -c 20000 /dev/zero | tr '\0' ' ')
	expect 413 too_large
}

@test "a wrong password and an unknown user get the same answer" {
	local wrong unknown
	api_register
	unset TOKEN
	api_json POST /auth/login "{\"email\":\"$EMAIL\",\"password\":\"wrong\"}"
	expect 401 wrong_credentials
	grep -qi '^www-authenticate: Bearer' <<<"$HEADERS"
	wrong=$(jq -S 'del(.request_id)' <<<"$BODY")
	api_json POST /auth/login '{"email":"nobody@example.org","password":"wrong"}'
	expect 401 wrong_credentials
	unknown=$(jq -S 'del(.request_id)' <<<"$BODY")
	[[ $wrong == "$unknown" ]]
}

# login_time ADDRESS: curl's time in s for a login that fails
login_time() {
	curl -s -o /dev/null -w '%{time_total}\n' -H 'Content-Type: application/json' \
		-d "{\"email\":\"$1\",\"password\":\"wrong\"}" "$API_URL/auth/login"
}

median() { # of five lines of a file
	sort -n "$1" | sed -n 3p
}

@test "an unknown user takes as long as a wrong password" {
	local known unknown turn
	api_register
	unset TOKEN
	for turn in 1 2 3 4 5; do # in turns, so that what else this machine does is the same for both
		login_time "$EMAIL" >>"$BATS_TEST_TMPDIR/known"
		login_time "nobody-$turn@example.org" >>"$BATS_TEST_TMPDIR/unknown"
	done
	known=$(median "$BATS_TEST_TMPDIR/known")
	unknown=$(median "$BATS_TEST_TMPDIR/unknown")
	echo "# wrong password $known s, unknown user $unknown s"
	awk -v a="$known" -v b="$unknown" 'BEGIN { r = a / b; exit !(r > 0.6 && r < 1.67 && a > 0.02) }'
}

@test "without credentials it is 401 with a challenge and no error" {
	api GET /auth/me
	expect 401 unauthenticated
	grep -qix 'www-authenticate: Bearer realm="filot"' <<<"$HEADERS"
	grep -qi '^content-type: application/problem+json' <<<"$HEADERS"
	api GET /auth/me -H 'Authorization: Basic YTpi'
	expect 401 invalid_request
	api GET /auth/me -H 'Authorization: Bearer '
	expect 401
}

@test "alg none, other algorithms, other keys and changed claims are refused" {
	local good header payload token none admin
	api_user
	good=$TOKEN
	header=$(header_of "$good")
	payload=$(payload_of "$good")
	none=$(printf '{"alg":"none","typ":"at+jwt"}' | base64url).$(printf %s "$payload" | base64url).
	admin=$(jq -c '.role = "admin"' <<<"$payload")
	for token in "$none" "${none}AAAA" \
		"$(forge '{"alg":"none"}' "$payload" '')" \
		"$(forge "$header" "$payload" wrong-key)" \
		"$(forge "$header" "$payload" "$FILOT_SESSION_SECRET")" \
		"$(forge '{"alg":"HS512","typ":"at+jwt"}' "$payload" "$FILOT_JWT_SECRET")" \
		"$(forge '{"alg":"HS256","kid":"../../../../dev/null"}' "$payload" '')" \
		"${good%%.*}.$(printf %s "$admin" | base64url).${good##*.}" \
		"${good%.*}." "${good%?}" "$good$good" "$good." "x"; do
		TOKEN=$token
		api GET /auth/me
		expect 401 invalid_token
		grep -qi '^www-authenticate: Bearer.*error="invalid_token"' <<<"$HEADERS"
	done
	TOKEN=$good
	api GET /auth/me
	expect 200
}

@test "expired, not yet valid, another issuer's and another audience's tokens are refused" {
	local header payload change
	api_user
	header=$(header_of "$TOKEN")
	payload=$(payload_of "$TOKEN")
	TOKEN=$(forge "$header" "$payload" "$FILOT_JWT_SECRET")
	api GET /auth/me # the forger has the key here: it is the claims that are refused below
	expect 200
	for change in '.exp = .iat' '.exp = (now | floor) - 1' '.nbf = (now | floor) + 3600' '.iat = (now | floor) + 3600' \
		'.iss = "https://evil.example"' '.aud = "other"' 'del(.exp)' 'del(.nbf)' 'del(.iat)' 'del(.jti)' \
		'del(.sub)' 'del(.sid)' '.exp = "9999999999"' '.aud = ["filot"]' '.sub = ""'; do
		TOKEN=$(forge "$header" "$(jq -c "$change" <<<"$payload")" "$FILOT_JWT_SECRET")
		api GET /auth/me
		expect 401 invalid_token || { echo "$change" && false; }
	done
}

@test "an access token is no refresh token, and the other way round" {
	local access
	api_user
	access=$TOKEN
	api_json POST /auth/refresh "{\"refresh_token\":\"$access\"}"
	expect 401 invalid_refresh_token
	TOKEN=$REFRESH
	api GET /auth/me
	expect 401 invalid_token
	TOKEN=$FILOT_JWT_SECRET
	api GET /auth/me
	expect 401 invalid_token
}

@test "a refresh token gives the next one; a spent one that comes again ends the session" {
	local first second third
	api_user
	first=$REFRESH
	unset TOKEN
	api_json POST /auth/refresh "{\"refresh_token\":\"$first\"}"
	expect 200
	second=$(member .refresh_token)
	[[ $second != "$first" && $(member .user.id) == "$USER_ID" ]]
	TOKEN=$(member .access_token)
	api GET /auth/me
	expect 200
	api_json POST /auth/refresh "{\"refresh_token\":\"$second\"}"
	expect 200
	third=$(member .refresh_token)
	api_json POST /auth/refresh "{\"refresh_token\":\"$first\"}" # a thief's, or the owner's after a thief
	expect 401 invalid_refresh_token
	api_json POST /auth/refresh "{\"refresh_token\":\"$third\"}"
	expect 401 invalid_refresh_token
	api GET /auth/me
	expect 401 session_ended
	[[ $(sql "select revoked_because from sessions where user_id = '$USER_ID'") == reuse ]]
	api_log | grep -q '"event":"refresh_refused".*"why":"reuse"'
}

@test "of twenty that refresh with one token at once, one gets the next and the session ends" {
	local dir turn
	api_user
	dir=$(mktemp -d)
	for turn in {1..20}; do
		curl -s -o /dev/null -w '%{http_code}\n' -H 'Content-Type: application/json' \
			-d "{\"refresh_token\":\"$REFRESH\"}" "$API_URL/auth/refresh" >"$dir/$turn" &
	done
	wait
	[[ $(cat "$dir"/* | sort | uniq -c | tr -s ' ' | tr '\n' ';') == ' 1 200; 19 401;' ]]
	[[ $(sql "select count(*) from refresh_tokens t join sessions s on s.id = t.session_id
		where s.user_id = '$USER_ID' and t.used_at is null and s.revoked_at is null") == 0 ]]
	rm -rf "$dir"
}

@test "the database holds no refresh token and no plain hash of one" {
	api_user
	[[ $(sql "select count(*) from refresh_tokens t join sessions s on s.id = t.session_id
		where s.user_id = '$USER_ID' and t.sha256 = sha256('$REFRESH'::bytea)") == 0 ]]
	[[ $(sql "select count(*) from refresh_tokens t where encode(t.sha256, 'hex') = '$(printf %s "$REFRESH" |
		openssl dgst -sha256 -hmac "$FILOT_SESSION_SECRET" -hex | sed 's/.* //')'") == 1 ]]
}

@test "logout ends the session, or all of the user's" {
	local other
	api_register
	other=$REFRESH
	api_json POST /auth/login "{\"email\":\"$EMAIL\",\"password\":\"correct horse battery\"}"
	expect 200
	TOKEN=$(member .access_token)
	REFRESH=$(member .refresh_token)
	api POST /auth/logout
	expect 204
	api_json POST /auth/refresh "{\"refresh_token\":\"$REFRESH\"}"
	expect 401
	api_json POST /auth/refresh "{\"refresh_token\":\"$other\"}"
	expect 200
	other=$(member .refresh_token)
	TOKEN=$(member .access_token)
	api_json POST /auth/logout '{"all":true}'
	expect 204
	api_json POST /auth/refresh "{\"refresh_token\":\"$other\"}"
	expect 401
}

@test "a disabled account cannot log in, refresh or look at itself" {
	api_register
	sql "update users set disabled_at = now() where id = '$USER_ID'"
	api GET /auth/me
	expect 401
	unset TOKEN
	api_json POST /auth/login "{\"email\":\"$EMAIL\",\"password\":\"correct horse battery\"}"
	expect 403 account_disabled
	api_json POST /auth/login "{\"email\":\"$EMAIL\",\"password\":\"wrong\"}"
	expect 401 wrong_credentials # who has not the password does not learn it
	api_json POST /auth/refresh "{\"refresh_token\":\"$REFRESH\"}"
	expect 401
}

@test "the service key lets services in, but is no user; only they give a tenant" {
	local email=tenant-$RANDOM@example.org
	TOKEN=$FILOT_SERVICE_KEY
	api GET /auth/me
	expect 403 forbidden
	api_json POST /auth/register "{\"email\":\"$email\",\"password\":\"correct horse battery\",\"tenant\":\"acme\"}"
	expect 201
	[[ $(member .tenant) == acme ]]
	unset TOKEN
	api_json POST /auth/register '{"email":"x@example.org","password":"correct horse battery","tenant":"acme"}'
	expect 403 forbidden
	TOKEN=${FILOT_SERVICE_KEY%?}
	api GET /auth/me
	expect 401
}

@test "two Authorization headers are not guessed at" {
	api_user
	api GET /auth/me -H "Authorization: Bearer $FILOT_SERVICE_KEY"
	expect 401 invalid_request
}

@test "path tricks find nothing" {
	local path
	api_user
	for path in /auth/../auth/me /auth/%2e%2e/auth/me /auth%2fme //auth/me /auth/me/ /AUTH/ME /auth/me%00 '/auth/me;x' \
		'/auth/me%0d%0aX:y' /./auth/me; do
		api GET "$path"
		[[ $STATUS == 400 || $STATUS == 404 ]] || { echo "$path: $STATUS" && false; }
	done
	api GET '/auth/me?access_token=x'
	expect 200
}

# raw TEXT: what comes back for exactly these bytes, sent at once (bash would write line by line, and the answer to a bad
# line be lost when the next one meets a closed connection), until the server closes or 2 s.
raw() {
	local port=${API_URL##*:}
	timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1"; printf "%b" "$2" | dd bs=64k iflag=fullblock status=none >&3; cat <&3' _ "$port" "$1" || true
}

@test "a request hidden in another's body is not answered" {
	local hidden='GET /livez HTTP/1.1\r\nHost: x\r\n\r\n' answer headers
	for headers in 'Content-Length: 4\r\nTransfer-Encoding: chunked' 'Content-Length: 0\r\nContent-Length: 40' \
		'Transfer-Encoding : chunked' 'Transfer-Encoding: xchunked' 'Content-Length: 4\r\nTransfer-Encoding:\tchunked'; do
		answer=$(raw "POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n$headers\r\n\r\n0\r\n\r\n$hidden")
		[[ $answer == 'HTTP/1.1 4'* ]] || { echo "$headers: $answer" && false; }
		[[ $answer != *'"status":"ok"'* ]] || { echo "$headers" && false; }
	done
}

@test "every answer has the security headers and its request id, in the log too" {
	local path
	for path in /livez /auth/me /nothing /docs; do
		api GET "$path" -H 'X-Request-Id: test-id-12345'
		grep -qix 'x-request-id: test-id-12345' <<<"$HEADERS"
		grep -qix 'x-content-type-options: nosniff' <<<"$HEADERS"
		grep -qi '^content-security-policy: default-src' <<<"$HEADERS"
		grep -qi '^strict-transport-security: max-age' <<<"$HEADERS"
		grep -qi '^x-frame-options: DENY' <<<"$HEADERS"
	done
	api_log | jq -c 'select(.event == "request" and .request == "test-id-12345" and .path == "/auth/me" and .status == 401)' |
		grep -q .
}

@test "no secret is in the log" {
	api_register
	api GET /auth/me
	api_log >"$BATS_TEST_TMPDIR/log"
	grep -q "$USER_ID" "$BATS_TEST_TMPDIR/log"
	run ! grep -F -e "$TOKEN" -e "$REFRESH" -e 'correct horse' -e "$FILOT_JWT_SECRET" -e "$FILOT_SERVICE_KEY" \
		-e "$FILOT_SESSION_SECRET" "$BATS_TEST_TMPDIR/log"
}

@test "secrets rotate without a gap, and what was signed under a dropped one is refused" {
	local old_token old_refresh url=$API_URL
	local old_secret=$FILOT_JWT_SECRET old_session=$FILOT_SESSION_SECRET old_key=$FILOT_SERVICE_KEY
	api_user
	old_token=$TOKEN
	old_refresh=$REFRESH
	export API_NAME=rotated
	FILOT_JWT_SECRET=$(openssl rand -hex 32) FILOT_JWT_SECRET_PREVIOUS=$old_secret \
	FILOT_SESSION_SECRET=$(openssl rand -hex 32) FILOT_SESSION_SECRET_PREVIOUS=$old_session \
	FILOT_SERVICE_KEY=$(openssl rand -hex 32) FILOT_SERVICE_KEY_PREVIOUS=$old_key api_start
	api GET /auth/me
	expect 200
	TOKEN=$old_key
	api GET /auth/me
	expect 403 forbidden
	api_json POST /auth/refresh "{\"refresh_token\":\"$old_refresh\"}"
	expect 200
	TOKEN=$(member .access_token)
	api GET /auth/me
	expect 200
	api_stop
	FILOT_JWT_SECRET=$(openssl rand -hex 32) api_start
	TOKEN=$old_token
	api GET /auth/me
	expect 401 invalid_token
	api_stop
	unset API_NAME
	export API_URL=$url
}

@test "a user who asks too often gets 429 with the time to wait, others do not" {
	local url=$API_URL turn
	export API_NAME=limited
	api_start --rate 3 --rate-burst 5 # none comes back while this test lasts
	api_user
	for turn in 1 2 3 4 5; do
		api GET /auth/me
		expect 200
	done
	api GET /auth/me
	expect 429 too_many_requests
	[[ $(sed -n 's/^[Rr]etry-[Aa]fter: //p' <<<"$HEADERS") -ge 1 ]]
	api_user
	api GET /auth/me
	expect 200
	api_stop
	unset API_NAME
	export API_URL=$url
}

@test "too many logins into one account are 429, whatever the address" {
	local url=$API_URL turn
	export API_NAME=guessed
	API_PROGRAM=filot-api api_start --trusted-proxy 127.0.0.0/8 --login-rate 3
	for turn in 1 2 3; do
		api_json POST /auth/login '{"email":"victim@example.org","password":"guess"}' -H "X-Forwarded-For: 198.51.100.$turn"
		expect 401 wrong_credentials
	done
	api_json POST /auth/login '{"email":"Victim@example.org","password":"guess"}' -H 'X-Forwarded-For: 198.51.100.99'
	expect 429 too_many_requests
	api_json POST /auth/login '{"email":"another@example.org","password":"guess"}' -H 'X-Forwarded-For: 198.51.100.99'
	expect 401 wrong_credentials
	api_stop
	unset API_NAME
	export API_URL=$url
}

@test "while Redis is away requests are let through" {
	local turn
	api_user
	server_pause "$SERVERS_DIR" redis
	for turn in {1..5}; do # the first token may come from a batch taken before
		api GET /auth/me
		[[ $STATUS == 200 ]] || break
	done
	server_resume "$SERVERS_DIR" redis
	expect 200
}

@test "while the database is away it is 503 with Retry-After, and after it all is well" {
	api_user
	server_stop "$SERVERS_DIR" postgres
	api GET /auth/me
	server_start "$SERVERS_DIR" postgres
	expect 503 unavailable
	grep -qi '^retry-after: ' <<<"$HEADERS"
	api GET /auth/me
	expect 200
}

@test "it works behind PgBouncer in transaction mode" {
	local url=$API_URL
	server_start "$SERVERS_DIR" pgbouncer
	servers_settings
	export API_NAME=pooled
	FILOT_DATABASE_URL=$SERVERS_DATABASE_POOLED_URL api_start
	api_register
	api GET /auth/me
	expect 200
	api_json POST /auth/refresh "{\"refresh_token\":\"$REFRESH\"}"
	expect 200
	api_stop
	unset API_NAME
	export API_URL=$url
}

@test "SIGTERM turns readiness red, answers what runs, and exits 0" {
	local url=$API_URL pid log
	export API_NAME=draining
	api_start --drain-grace 3s
	wait_for 20 "for the first probes" api_well
	api GET /readyz
	expect 200
	pid=$(server_pid "$SERVERS_DIR" draining)
	kill -TERM "$pid"
	draining() {
		api GET /readyz
		[[ $STATUS == 503 && $(member .status) == draining ]]
	}
	wait_for 5 "for readiness to turn red" draining
	api GET /livez # still served during the grace
	expect 200
	wait_for 10 "for it to end" server_gone "$SERVERS_DIR" draining
	log=$(api_log)
	[[ $log == *'"event":"drained"'* ]]
	unset API_NAME
	export API_URL=$url
}

@test "/health tells of each service, and /metrics counts what was answered" {
	wait_for 20 "for the first probes" api_well
	api GET /health
	expect 200
	[[ $(member .checks.database.status) == ok && $(member .checks.redis.status) == ok && $(member .checks.storage.status) == ok ]]
	[[ $(member .checks.temporal.status) == off ]]
	api GET /metrics
	expect 200
	grep -q '^filot_api_requests_total{.*route="/auth/login".*} [1-9]' <<<"$BODY"
	[[ $BODY == *'# EOF' ]]
}

@test "/docs needs nothing from elsewhere and /openapi.json is JSON" {
	api GET /docs
	expect 200
	run ! grep -E '(src|href)="(https?:)?//' <<<"$BODY"
	api GET /openapi.json
	expect 200
	[[ $(member .openapi) == 3.1.0 ]]
}

@test "in a browser, also a phone's, /docs shows every operation that there is" {
	command -v chromium >/dev/null || skip "no chromium: install the package chromium"
	local operations
	operations=$(curl -sf "$API_URL/openapi.json" | jq '[.paths[] | keys[] | select(IN("get", "put", "post", "delete"))] | length')
	for width in 390 1280; do
		python3 "$BATS_TEST_DIRNAME/browser.py" "$API_URL/docs" "$width" 800 "$BATS_TEST_TMPDIR/docs-$width.png" \
			'document.querySelectorAll("main details").length' >"$BATS_TEST_TMPDIR/seen"
		cat "$BATS_TEST_TMPDIR/seen"
		jq -e --argjson n "$operations" '.value == $n and .overflow <= 0 and .small == [] and .console == []' "$BATS_TEST_TMPDIR/seen"
	done
	[[ -z ${FILOT_PICTURES:-} ]] || cp "$BATS_TEST_TMPDIR"/docs-*.png "$FILOT_PICTURES"
}

@test "it listens on a UNIX socket, too" {
	local url=$API_URL path=$BATS_TEST_TMPDIR/api.socket
	API_NAME=socket api_start --socket "$path"
	[ "$(curl -sf --unix-socket "$path" http://localhost/livez | jq -r .status)" = ok ]
	API_NAME=socket api_stop
	[ ! -e "$path" ]
	export API_URL=$url
}

@test "--check-config names what is missing and shows no secret" {
	run filot-api --check-config
	((status == 0))
	[[ $output != *"$FILOT_JWT_SECRET"* && $output != *"$FILOT_SERVICE_KEY"* ]]
	FILOT_JWT_SECRET='' run filot-api --check-config
	((status == 78))
	[[ $output == *FILOT_JWT_SECRET* ]]
	FILOT_JWT_SECRET=short run filot-api --listen none --socket /tmp/never
	((status == 78))
	[[ $output == *'at least 32 bytes'* ]]
	FILOT_SERVICE_KEY_PREVIOUS=short run filot-api --check-config
	((status == 78))
	[[ $output == *'FILOT_SERVICE_KEY_PREVIOUS needs at least 32 bytes'* ]]
	FILOT_SERVICE_KEY=$FILOT_SESSION_SECRET run filot-api --check-config
	((status == 78))
	[[ $output == *'FILOT_SESSION_SECRET and FILOT_SERVICE_KEY must differ'* ]]
	FILOT_JWT_SECRET_PREVIOUS=$FILOT_JWT_SECRET run filot-api --check-config
	((status == 0))
	[[ $output == *FILOT_TEMPORAL_ENDPOINT*'not set'* ]]
	FILOT_TEMPORAL_ENDPOINT=http://temporal:7243 run filot-api --check-config
	[[ $output == *FILOT_TEMPORAL_ENDPOINT*' set '* ]]
}
