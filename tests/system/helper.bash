# shellcheck shell=bash source-path=SCRIPTDIR
# For system tests: private servers by scripts/lib/servers.sh, the commands
# under test on PATH, and waits that end. A test file says
#
#   load helper
#   setup_file() { servers_setup redis postgres storage; }
#   teardown_file() { servers_teardown; }
#
# and has in its tests: $SERVERS_DIR, the settings of its env file exported
# (FILOT_…, SERVERS_…), and all functions of servers.sh with "$SERVERS_DIR"
# as the first argument (server_kill "$SERVERS_DIR" redis).

FILOT_ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
FILOT_BUILD=${FILOT_BUILD:-$FILOT_ROOT/build} # build/san: the sanitized one
FILOT_BIN=$FILOT_BUILD/bin
# shellcheck source=../../scripts/lib/common.sh
source "$FILOT_ROOT/scripts/lib/common.sh"
# shellcheck source=../../scripts/lib/packages.sh
source "$FILOT_ROOT/scripts/lib/packages.sh"
# shellcheck source=../../scripts/lib/servers.sh
source "$FILOT_ROOT/scripts/lib/servers.sh"
export FILOT_ROOT FILOT_BUILD FILOT_BIN PATH="$FILOT_BIN:$PATH"

# pages_setup: for setup: $sample, a page of text, $word, one of a word, and
# the test's own folder.
# shellcheck disable=SC2034 # for the file that calls it
pages_setup() {
	sample=$FILOT_ROOT/tests/data/phototest.tif
	word=$FILOT_ROOT/tests/data/word.png
	cd "$BATS_TEST_TMPDIR" || return
}

# servers_setup NAME…: start them in a folder of their own; for setup_file
# or setup. Bats' own temporary folder will not do: PostgreSQL's user cannot
# pass through it.
servers_setup() {
	SERVERS_DIR=$(temp_dir test-servers)
	export SERVERS_DIR
	servers_start "$SERVERS_DIR" "$@"
	servers_settings
}

# servers_settings: export what the env file says (again, when a server was
# started since).
servers_settings() {
	set -a
	# shellcheck disable=SC1090 # made by servers_start
	source <(sed "s/=\(.*\)/='\1'/" "$SERVERS_DIR/env")
	set +a
}

# servers_teardown: for teardown_file or teardown; keeps the folder when
# FILOT_KEEP is set, to look at logs.
servers_teardown() {
	if [[ -n ${FILOT_KEEP:-} ]]; then
		servers_stop "$SERVERS_DIR"
		echo "# kept: $SERVERS_DIR" >&3
	else
		servers_remove "$SERVERS_DIR"
	fi
}

# background_end [SERVER…]: for teardown: kill what a test left in the
# background, and start the servers that it took away.
background_end() {
	local pid server
	for pid in $(jobs -p); do
		kill -CONT "$pid" 2>/dev/null || true
		kill -KILL "$pid" 2>/dev/null || true
	done
	wait
	for server in "$@"; do
		server_running "$SERVERS_DIR" "$server" || server_start "$SERVERS_DIR" "$server"
	done
}

# sql QUERY: as the user of the commands; rows on stdout, columns by '|'.
sql() {
	"$(postgres_bin)/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$FILOT_DATABASE_URL" -c "$1"
}

# database_new: an empty database of its own for a test; FILOT_DATABASE_URL
# (and SERVERS_DATABASE_POOLED_URL, where there is a pooler) name it then.
database_new() {
	local name
	name=test_$(secret_new)
	postgres_admin "$SERVERS_DIR" -d postgres -c "create database $name owner filot"
	FILOT_DATABASE_URL=$(sed -E "s#/[a-z0-9_]+\?#/$name?#" <<<"$FILOT_DATABASE_URL")
	export FILOT_DATABASE_URL
	if [[ -n ${SERVERS_DATABASE_POOLED_URL:-} ]]; then
		SERVERS_DATABASE_POOLED_URL=$(sed -E "s#/[a-z0-9_]+\?#/$name?#" <<<"$SERVERS_DATABASE_POOLED_URL")
		export SERVERS_DATABASE_POOLED_URL
	fi
}

# redis ARGUMENTS…: redis-cli as the user of the commands.
redis() {
	redis_client "$SERVERS_DIR" "$@"
}

# waiting: how many jobs of the queue $FILOT_QUEUE_NAME are ready
waiting() {
	local figures
	figures=$(filot-requeue stats 2>/dev/null)
	figures=${figures#*'"ready":'}
	echo "${figures%%,*}"
}

# waiting_lines: the job lines of normal priority that are in the queue's stream or behind its window
waiting_lines() {
	redis --raw eval "local lines = {}
		for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
			lines[#lines + 1] = table.concat(entry[2], ' ')
		end
		for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
			for _, member in ipairs(redis.call('LRANGE', key, 0, -1)) do
				lines[#lines + 1] = member
			end
		end
		return lines" 1 "filot:{$FILOT_QUEUE_NAME}:jobs" "filot:{$FILOT_QUEUE_NAME}:backlog/*" | sed 's/^[^{]*//'
}

# corpus: print the folder of real documents, or skip the test and say why.
# For the body of a test: dir=$(corpus) would lose the skip, so it is in
# $CORPUS afterwards.
corpus() {
	CORPUS=${FILOT_CORPUS:-$FILOT_ROOT/../shared/corpus}
	if [[ ! -d $CORPUS/pages ]]; then
		skip "no corpus: set FILOT_CORPUS to a folder with pages/, pdf/ and bad/"
	fi
}
