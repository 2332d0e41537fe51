# shellcheck shell=bash
# shellcheck disable=SC2154
# What the benchmarks of the queue share: a Redis of their own, payloads, BullMQ, figures. The script that sources it names
# itself in $bench and sets $jobs, and has $work from here, which goes away with it.

build=${FILOT_BUILD:-$FILOT_ROOT/build}
bullmq_version=6.7.0
ioredis_version=5.8.2
bullmq=$build/bench/bullmq-$bullmq_version
export PATH="$build/bin:$build/bench:$PATH"

finish() {
	[[ -z ${server:-} ]] || kill "$server" 2>/dev/null || true
	wait
	rm -rf "$work"
}

# A folder, and a Redis on loopback that saves nothing.
server_launch() {
	need redis-server redis-server
	work=$(temp_dir "bench-$bench")
	trap finish EXIT
	port=$(port_free)
	export FILOT_REDIS_URL=redis://127.0.0.1:$port
	redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$work" >/dev/null &
	server=$!
	wait_for 10 'Redis to answer' redis-cli -p "$port" ping
}

figure() { # NAME VALUE UNIT WANTED
	printf '{"bench":"%s","figure":"%s","value":%s,"unit":"%s","wanted":"%s","jobs":%d,"cores":%d}\n' \
		"$bench" "$1" "$2" "$3" "$4" "$jobs" "$(nproc)"
	printf '  %-36s %10s %-7s %s\n' "$1" "$2" "$3" "$4" >&2
}

median() { # of the numbers in a file
	sort -g "$1" | awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}

divide() { # A B DIGITS
	awk -v a="$1" -v b="$2" -v digits="$3" 'BEGIN { printf "%.*f", digits, a / b }'
}

# $jobs job lines in $work/lines, each with an idempotency key.
payloads() {
	awk -v n="$jobs" 'BEGIN { for (i = 1; i <= n; i++)
		printf "{\"v\":1,\"uri\":\"r2://filot/documents/%08d.pdf\",\"document\":\"doc-%d\",\"key\":\"key-%d\"}\n", i, i, i }' |
		filot-enqueue --print >"$work/lines"
}

# Whether BullMQ is there, after fetching it where that can be done.
bullmq_install() {
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		return 1
	elif [[ ! -d $bullmq/node_modules/ioredis ]]; then
		say "fetching BullMQ $bullmq_version into $bullmq"
		mkdir -p "$bullmq"
		npm install --silent --no-audit --no-fund --prefix "$bullmq" "bullmq@$bullmq_version" "ioredis@$ioredis_version" >&2
	fi
}
