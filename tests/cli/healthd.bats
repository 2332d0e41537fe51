#!/usr/bin/env bats
# filot-healthd where there is nothing to look at: what it says and refuses, and its probe. (What it tells of real servers
# is in tests/system/healthd.bats.)

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	unset FILOT_REDIS_URL REDIS_URL FILOT_DATABASE_URL DATABASE_URL FILOT_R2_ENDPOINT FILOT_TEMPORAL_ENDPOINT
	# a port where nobody listens
	nobody=$(port_free)
	cd "$BATS_TEST_TMPDIR" || exit
}

teardown() {
	local pid
	for pid in $(jobs -p); do
		kill "$pid" 2>/dev/null || true
	done
	wait
}

# daemon FLAGS…: without a Redis; its URL in $url
daemon() {
	filot-healthd --redis-url "redis://127.0.0.1:$nobody" --listen 127.0.0.1:0 --interval 1s "$@" 2>log &
	daemon=$!
	WAIT_WHILE="kill -0 $daemon" wait_for 20 "filot-healthd to be ready" grep -q '"event":"ready"' log
	url=http://127.0.0.1:$(jq -r 'select(.event == "ready").port' log)
}

@test "--help names every flag of the manual and the other way round" {
	filot-healthd --help >text
	grep -oE -- '--[a-z][a-z-]*' text | sort -u >help
	mandoc -T ascii -O width=200 "$FILOT_ROOT/man/filot-healthd.1" | sed 's,.\x08,,g' | grep -oE -- '--[a-z][a-z-]*' |
		sort -u >manual
	diff help manual
}

@test "without a Redis URL it is a configuration error; --probe needs none" {
	run -78 filot-healthd
	[[ $output == *FILOT_REDIS_URL* ]]
	run -1 filot-healthd --probe "http://127.0.0.1:$nobody"
}

@test "--check-config shows no secret" {
	run -0 env FILOT_REDIS_URL=redis://:geheim1@localhost FILOT_R2_SECRET_KEY=geheim2 FILOT_TEMPORAL_API_KEY=geheim3 \
		filot-healthd --check-config
	[[ $output == *FILOT_TEMPORAL_API_KEY* && $output != *geheim* ]]
}

@test "flags that do not go together are usage errors" {
	local flags
	for flags in --once '--probe' '--probe a b' 'http://x' '--buli2-queue-name {x}' '--probe --emf http://x' '--disk relative' \
		'--probe https://localhost/' '--probe unix:relative' '--probe localhost:80' '--probe http://'; do
		# shellcheck disable=SC2086 # several words
		run -64 filot-healthd --redis-url redis://localhost $flags
		[[ $output == *--help* ]]
	done
}

@test "an address that is taken is 69" {
	daemon
	run -69 filot-healthd --redis-url "redis://127.0.0.1:$nobody" --listen "${url#http://}"
}

@test "without its Redis it is alive, not ready, and says why" {
	daemon
	run -0 curl -sf "$url/livez"
	wait_for 10 "the first probe" grep -q dependency_down log
	run -0 curl -s -o body -w '%{http_code}' "$url/readyz"
	[ "$output" = 503 ]
	[ "$(jq -r '.status, .checks.redis.status, .checks.queue.status, .checks.database.status' body | paste -sd ' ')" = \
		"down down down off" ]
	[ "$(jq -r '.checks.redis.last_success' body)" = null ]
	[[ $(jq -r '.checks.redis.error' body) == *"127.0.0.1:$nobody"* ]]
	wait_for 10 "the first look" curl -sf "$url/metrics" -o metrics
	grep -q '^filot_dependency_up{dependency="redis"} 0$' metrics
	grep -q '^filot_disk_size_bytes{path="/"} [1-9]' metrics
	run ! grep -q filot_queue_depth metrics
	[ "$(tail -n 1 metrics)" = '# EOF' ]
	[ "$(curl -sf "$url/status.json" | jq -c '[.figures, .workers, .failures]')" = '[null,null,null]' ]
}

@test "--probe asks TCP and UNIX sockets: 0 for 2xx, 1 for anything else, within its time" {
	local silent
	daemon --socket "$BATS_TEST_TMPDIR/healthd.sock"
	run -0 filot-healthd --probe "$url/livez"
	run -0 filot-healthd --probe "unix:$BATS_TEST_TMPDIR/healthd.sock:/livez"
	run -1 filot-healthd --probe "$url" # /readyz
	[[ $output == *'HTTP 503'* ]]
	run -1 filot-healthd --probe "unix:$BATS_TEST_TMPDIR/healthd.sock"
	[[ $output == *'HTTP 503'* ]]
	run -1 filot-healthd --probe "$url/nothing"
	[[ $output == *'HTTP 404'* ]]
	run -1 filot-healthd --probe unix:/nowhere
	# one that takes the connection and says nothing
	python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(60)' >port &
	silent=$!
	wait_for 10 "the silent server" grep -q . port
	run -1 timeout 5 filot-healthd --probe --probe-timeout 300ms "http://127.0.0.1:$(cat port)/"
	kill "$silent"
}

@test "a proxy of the environment is not asked" {
	daemon
	run -0 env http_proxy="http://127.0.0.1:$nobody" filot-healthd --probe "$url/livez"
}

@test "the page's policy allows its own script and style and nothing from elsewhere" {
	local element hash
	daemon
	curl -sf -D headers -o page "$url/"
	grep -i '^content-security-policy: ' headers | tr -d '\r' >policy
	[ "$(wc -l <policy)" -eq 1 ]
	grep -q "default-src 'none'" policy
	run ! grep -qE 'unsafe|http' policy
	for element in script style; do
		hash=$(python3 -c 'import base64, hashlib, re, sys
text = re.findall(rf"<{sys.argv[1]}>(.*?)</{sys.argv[1]}>", open("page").read(), re.S)
assert len(text) == 1
print(base64.b64encode(hashlib.sha256(text[0].encode()).digest()).decode())' $element)
		grep -qF "$element-src 'sha256-$hash'" policy
	done
	# no address but the name of SVG
	run -1 grep -oE '(https?:)?//[a-z][a-z0-9.]*\.[a-z]+/' <(sed 's,http://www.w3.org/2000/svg,,g' page)
	run -1 grep -E ' (style|on[a-z]+)="' page
}

@test "SIGTERM ends it with 0" {
	daemon
	kill -TERM "$daemon"
	wait "$daemon"
	grep -q '"event":"stopped"' log
}
