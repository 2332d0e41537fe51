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
# With $TOKEN set it is sent as a bearer token. api_user makes an account and
# logs in: $TOKEN, $REFRESH, $USER_ID, $EMAIL.

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
	local method=$1 path=$2 dir
	local -a arguments=()
	shift 2
	dir=$(mktemp -d)
	[[ $method != HEAD ]] || arguments+=(--head)
	[[ -z ${TOKEN:-} ]] || arguments+=(-H "Authorization: Bearer $TOKEN")
	STATUS=$(curl -s -X "$method" --path-as-is --max-time 60 -D "$dir/headers" -o "$dir/body" -w '%{http_code}' \
		"${arguments[@]}" "$@" "$API_URL$path") || true
	BODY=$(cat "$dir/body" 2>/dev/null || true)
	HEADERS=$(tr -d '\r' <"$dir/headers" 2>/dev/null || true)
	rm -rf "$dir"
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
	if [[ $STATUS != "$1" || (-n ${2:-} && $(member .code 2>/dev/null) != "$2") ]]; then
		printf '%s\n' "expected $1 ${2:-}, not $STATUS:" "$HEADERS" "$BODY" >&2
		return 1
	fi
}

# api_user [EMAIL]: registers and logs in.
api_user() {
	EMAIL=${1:-user-$(openssl rand -hex 6)@example.org}
	unset TOKEN
	api_json POST /auth/register "{\"email\":\"$EMAIL\",\"password\":\"correct horse battery\"}"
	expect 201
	api_json POST /auth/login "{\"email\":\"$EMAIL\",\"password\":\"correct horse battery\"}"
	expect 200
	TOKEN=$(member .access_token)
	REFRESH=$(member .refresh_token)
	USER_ID=$(member .user.id)
	export TOKEN REFRESH USER_ID EMAIL
}
