# shellcheck shell=bash
# filot-api on private servers, for system tests. A test file says
#
#   load helper
#   load api
#   setup_file() { api_servers; api_start; }
#   teardown_file() { api_stop; servers_teardown; }
#
# and has: $API_URL, and `api METHOD PATH [curl arguments]`, which leaves the
# answer's status in $STATUS, its body in $BODY and its header in $HEADERS.
# With $TOKEN set it is sent as a bearer token. api_register makes an account and
# logs in: $TOKEN, $REFRESH, $USER_ID, $EMAIL; api_user does the same in a
# tenth of the time, without a password.

# api_servers [NAME…]: Redis, PostgreSQL with the schema and storage (or what
# is named), and secrets.
api_servers() {
	(($# > 0)) || set -- redis postgres storage
	servers_setup "$@"
	FILOT_JWT_SECRET=$(openssl rand -hex 32)
	FILOT_SESSION_SECRET=$(openssl rand -hex 32)
	FILOT_SERVICE_KEY=$(openssl rand -hex 32)
	FILOT_BULI2_SIGNATURE_SECRET=$(openssl rand -hex 32)
	export FILOT_JWT_SECRET FILOT_SESSION_SECRET FILOT_SERVICE_KEY FILOT_BULI2_SIGNATURE_SECRET
	filot-migrate up --dir "$FILOT_ROOT/migrations" >"$SERVERS_DIR/migrate.log" 2>&1 || {
		cat "$SERVERS_DIR/migrate.log" >&2
		return 1
	}
}

api_answers() {
	curl -sf -o /dev/null --max-time 5 "$API_URL/livez"
}

api_well() {
	curl -sf -o /dev/null --max-time 5 "$API_URL/health"
}

# api_start [FLAGS]: on a free port, until it is ready. A second one: api_stop
# first, or another API_NAME.
api_start() {
	local port try name=${API_NAME:-api}
	mkdir -p "$SERVERS_DIR/$name"
	for try in 1 2 3; do
		port=$(port_free)
		export API_URL=http://127.0.0.1:$port
		process_launch "$SERVERS_DIR" "$name" "${API_PROGRAM:-filot-api}" --listen "127.0.0.1:$port" \
			--login-rate 100000 --connections-per-address 0 --drain-grace 0 "$@"
		if WAIT_WHILE="server_running '$SERVERS_DIR' $name" wait_for 30 "for filot-api to answer" api_answers; then
			return 0
		fi
		[[ $try == 3 ]] || server_forget "$SERVERS_DIR" "$name"
	done
	tail -n 20 "$SERVERS_DIR/$name/log" >&2
	return 1
}

# api_stop [SIGNAL]: and wait until it is gone.
api_stop() {
	local name=${API_NAME:-api}
	server_signal "$SERVERS_DIR" "$name" "${1:-TERM}"
	wait_for 30 "for filot-api to end" server_gone "$SERVERS_DIR" "$name" || server_signal "$SERVERS_DIR" "$name" KILL
	server_forget "$SERVERS_DIR" "$name"
}

# api_log: its log lines so far.
api_log() {
	cat "$SERVERS_DIR/${API_NAME:-api}/log"
}

# api METHOD PATH [curl arguments]
api() {
	local method=$1 path=$2 file=${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}/api.$BASHPID
	local -a arguments=()
	shift 2
	[[ $method != HEAD ]] || arguments+=(--head)
	[[ -z ${TOKEN:-} ]] || arguments+=(-H "Authorization: Bearer $TOKEN")
	: >"$file.headers"
	: >"$file.body"
	STATUS=$(exec curl -s -X "$method" --path-as-is --max-time 60 -D "$file.headers" -o "$file.body" -w '%{http_code}' \
		"${arguments[@]}" "$@" "$API_URL$path") || true
	BODY=$(<"$file.body")
	HEADERS=$(<"$file.headers")
	HEADERS=${HEADERS//$'\r'/}
}

# api_json METHOD PATH JSON [curl arguments]
api_json() {
	local method=$1 path=$2 json=$3
	shift 3
	api "$method" "$path" -H 'Content-Type: application/json' --data-binary "$json" "$@"
}

# member FILTER: of the last body, by jq.
member() {
	jq -r "$1" <<<"$BODY"
}

# expect STATUS [CODE]: of the last answer; says what it was when not.
expect() {
	local code='"code":"([a-z0-9_]+)"'
	if [[ $STATUS != "$1" ]] || [[ -n ${2:-} && ! ($BODY =~ $code && ${BASH_REMATCH[1]} == "$2") ]]; then
		printf '%s\n' "expected $1 ${2:-}, not $STATUS:" "$HEADERS" "$BODY" >&2
		return 1
	fi
}

# api_tokens: of the last answer.
api_tokens() {
	TOKEN=$(member .access_token)
	REFRESH=$(member .refresh_token)
	USER_ID=$(member .user.id)
	export TOKEN REFRESH USER_ID EMAIL
}

# api_register [EMAIL]: an account with the password "correct horse battery",
# and a login.
api_register() {
	EMAIL=${1:-user-$RANDOM$RANDOM$RANDOM@example.org}
	unset TOKEN
	api_json POST /auth/register "{\"email\":\"$EMAIL\",\"password\":\"correct horse battery\"}"
	expect 201
	api_json POST /auth/login "{\"email\":\"$EMAIL\",\"password\":\"correct horse battery\"}"
	expect 200
	api_tokens
}

# api_user: an account without a password, and a session of it, as a login
# leaves it; hashing passwords is most of the work of a test that has a user.
api_user() {
	local id=user-$RANDOM$RANDOM$RANDOM hash
	EMAIL=$id@example.org
	REFRESH=frt_$id
	unset TOKEN
	hash=$(printf %s "$REFRESH" | openssl dgst -sha256 -hmac "$FILOT_SESSION_SECRET" -r)
	sql "insert into users (id, email, password_hash) values ('$id', '$EMAIL', 'none');
	     insert into sessions (id, user_id, expires_at) values ('$id', '$id', now() + interval '1 day');
	     insert into refresh_tokens (sha256, session_id) values ('\\x${hash%% *}', '$id')"
	api_json POST /auth/refresh "{\"refresh_token\":\"$REFRESH\"}"
	expect 200
	api_tokens
}
