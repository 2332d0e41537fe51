#!/usr/bin/env bats
# PostgreSQL from C: the fence of jobs, directly and behind a transaction pooler, and a connection that meets with trouble.

# shellcheck disable=SC2154,SC2030,SC2031 # output and status are bats'; a test is a subshell on purpose
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	[ -x "$FILOT_BUILD/tests/drive_pg" ] || {
		echo "tests/drive_pg is not built: make unit-binaries" >&2
		return 1
	}
	servers_setup postgres pgbouncer
	filot-migrate -d "$FILOT_ROOT/migrations" up
}

teardown_file() {
	servers_teardown
}

teardown() {
	exec 9>&-
	[[ -z ${proxy:-} ]] || kill "$proxy" 2>/dev/null || true
	server_resume "$SERVERS_DIR" postgres 2>/dev/null || true
	driver_stop
	server_running "$SERVERS_DIR" postgres || server_start "$SERVERS_DIR" postgres
}

# driver_start FLAGS…: a connection that ask() talks to.
driver_start() {
	rm -f "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	"$FILOT_BUILD/tests/drive_pg" "$@" <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 3>&- 4>&- &
	driver=$!
	exec 7>"$BATS_TEST_TMPDIR/in" 8<"$BATS_TEST_TMPDIR/out"
}

driver_stop() {
	if [[ -n ${driver:-} ]]; then
		exec 7>&- 8<&-
		wait "$driver" || driver_status=$?
		driver=
		[ "${driver_status:-0}" -eq 0 ] # a leak, for one
	fi
}

say_sql() {
	printf '%s\n' "$1" >&7
}

hear() {
	IFS= read -r -t 60 heard <&8
}

# ask SQL: the answer in $heard.
ask() {
	say_sql "$1"
	hear
}

# proxied: FILOT_DATABASE_URL through a proxy that commands on file 9 rule.
proxied() {
	mkfifo "$BATS_TEST_TMPDIR/commands"
	python3 "$FILOT_ROOT/tests/system/cut_proxy.py" "$SERVERS_DATABASE_PORT" "$BATS_TEST_TMPDIR/port" \
		<"$BATS_TEST_TMPDIR/commands" 3>&- 4>&- &
	proxy=$!
	exec 9>"$BATS_TEST_TMPDIR/commands"
	wait_for 20 'the proxy to listen' test -s "$BATS_TEST_TMPDIR/port"
	FILOT_DATABASE_URL=${FILOT_DATABASE_URL/:$SERVERS_DATABASE_PORT/:$(cat "$BATS_TEST_TMPDIR/port")}
}

@test "the fence of jobs holds" {
	run "$FILOT_BUILD/tests/pg_jobs_test"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'ok 15 '* && $output != *SKIP* ]]
}

@test "the fence of jobs holds behind a transaction pooler" {
	FILOT_DATABASE_URL=$SERVERS_DATABASE_POOLED_URL run "$FILOT_BUILD/tests/pg_jobs_test"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *'ok 15 '* && $output != *SKIP* ]]
}

@test "of twenty workers that begin one attempt exactly one has it" {
	local index id=01JBBBBBBBBBBBBBBBBBBBBBBB
	for ((index = 0; index < 20; index++)); do
		sed -e '/^--/d' -e "s/\$14/$((1764000000000000 + index))/; s/\$13/'worker$index'/; s/\$12/now()/; s/\$11/1/; s/\$10/null/; s/\$[12]::text/'$id'::text/g" \
			-e "s/\$3/'r2:\/\/b\/k'/g; s/\$4/null/; s/\$5/null/; s/\$6/'eng'/; s/\$7/'normal'/; s/\$[89]/null/g" \
			-e "s/\$10::/null::/g" "$FILOT_ROOT/common/pg/jobs_start.sql" >"$BATS_TEST_TMPDIR/start$index.sql"
		"$(postgres_bin)/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$FILOT_DATABASE_URL" \
			-f "$BATS_TEST_TMPDIR/start$index.sql" >"$BATS_TEST_TMPDIR/said$index" 2>&1 3>&- &
	done
	wait
	run cat "$BATS_TEST_TMPDIR"/said*
	[ "$(grep -c '^taken$' <<<"$output")" -eq 1 ]
	[ "$(grep -c '^superseded$' <<<"$output")" -eq 19 ]
}

@test "a server that is killed and comes back costs nothing where a statement may be sent twice" {
	driver_start --again --reconnect 60s
	ask 'select 1'
	[ "$heard" = '= 1' ]
	server_kill "$SERVERS_DIR" postgres
	say_sql 'select 2'
	# a server must not hold the pipes to the driver open
	server_start "$SERVERS_DIR" postgres 7>&- 8<&-
	hear
	[ "$heard" = '= 2' ]
}

@test "a connection that the server closed while it was idle is noticed before a statement is sent" {
	driver_start --reconnect 10s
	ask 'select pg_backend_pid()'
	postgres_admin "$SERVERS_DIR" -d postgres -c "select pg_terminate_backend(${heard#= })" >/dev/null
	wait_for 20 'the backend to end' test -z \
		"$(postgres_admin "$SERVERS_DIR" -d postgres -c "select 1 from pg_stat_activity where pid = ${heard#= }")"
	ask 'select 3'
	[ "$heard" = '= 3' ]
}

@test "an answer that is lost is asked for again where that is harmless" {
	sql 'create table asked (x int)'
	proxied
	driver_start --again --reconnect 30s
	ask 'select 1'
	echo swallow >&9
	ask 'insert into asked values (1) returning x'
	[ "$heard" = '= 1' ]
	run sql 'select count(*) from asked'
	[ "$output" = 2 ]
}

@test "an answer that is lost is not asked for again otherwise, and the message says that it may have happened" {
	sql 'create table once (x int)'
	proxied
	driver_start --reconnect 30s
	ask 'select 1'
	echo swallow >&9
	ask 'insert into once values (1) returning x'
	[[ $heard == '! unavailable: '*'it may have been carried out all the same' ]]
	run sql 'select count(*) from once'
	[ "$output" = 1 ]
	ask 'select 4'
	[ "$heard" = '= 4' ]
}

@test "a server that stops answering is given up after the statement's time" {
	driver_start --statement 300ms
	ask 'select 1'
	server_pause "$SERVERS_DIR" postgres
	mapfile -t backends < <(pgrep -P "$(server_pid "$SERVERS_DIR" postgres)")
	# the postmaster alone is paused; the backend that serves us must be, too
	kill -STOP "${backends[@]}"
	ask 'select 2'
	kill -CONT "${backends[@]}"
	[[ $heard == '! unavailable: '*'no answer within 300 ms'* ]]
	server_resume "$SERVERS_DIR" postgres
	ask 'select 3'
	[ "$heard" = '= 3' ]
}

@test "a server that does not greet is given up after the time for connecting" {
	local port
	port=$(port_free)
	python3 -c "import socket, time
server = socket.create_server(('127.0.0.1', $port)); open('$BATS_TEST_TMPDIR/up', 'w').close(); time.sleep(60)" 3>&- 4>&- &
	proxy=$!
	wait_for 20 'the silent server' test -e "$BATS_TEST_TMPDIR/up"
	FILOT_DATABASE_URL=${FILOT_DATABASE_URL/:$SERVERS_DATABASE_PORT/:$port}
	driver_start --connect 300ms
	ask 'select 1'
	[[ $heard == '! unavailable: '*'no connection within 300 ms'* ]]
}

# forgotten_by_server: the driver's connection forgets what it prepared.
forgotten_by_server() {
	ask 'deallocate all'
	[ "$heard" = '= ' ]
}

# forgotten_by_pooler: the next statement gets another server connection. (A
# pooler from 1.22 on takes DEALLOCATE ALL for itself.)
forgotten_by_pooler() {
	local others="from pg_stat_activity where usename = 'filot' and pid <> pg_backend_pid()"
	postgres_admin "$SERVERS_DIR" -d postgres -c "select pg_terminate_backend(pid) $others"
	gone() {
		[[ $(postgres_admin "$SERVERS_DIR" -d postgres -c "select count(*) $others") == 0 ]]
	}
	wait_for 10 "for the server's connections to end" gone
}

# prepared_holds FORGET: of a driver that prepares its statements.
prepared_holds() {
	sql 'drop table if exists prepared; create table prepared (a int); insert into prepared values (7)'
	driver_start --prepared
	ask 'select * from prepared'
	[ "$heard" = '= 7' ]
	ask "select count(*) from pg_prepared_statements where statement = 'select * from prepared'"
	[ "$heard" = '= 1' ]
	ask 'select * from prepared'
	[ "$heard" = '= 7' ]
	"$1"
	ask 'select * from prepared'
	[ "$heard" = '= 7' ]
	driver_stop
	driver_start --prepared
	ask 'select * from prepared'
	[ "$heard" = '= 7' ]
	sql 'alter table prepared add column b int' # the plan's columns are no longer the table's
	ask 'select * from prepared'
	[ "$heard" = '= 7' ]
	ask 'select 1 / 0'
	[[ $heard == '! internal: '*'SQLSTATE 22012'* ]]
	for number in {1..100}; do # more than are kept
		ask "select $number"
		[ "$heard" = "= $number" ]
	done
	driver_stop
}

@test "a statement is prepared once, and answered when the server has forgotten it or its table has changed" {
	prepared_holds forgotten_by_server
}

@test "so it is behind a transaction pooler" {
	FILOT_DATABASE_URL=$SERVERS_DATABASE_POOLED_URL
	export FILOT_DATABASE_URL
	prepared_holds forgotten_by_pooler
}

@test "serialisation failures are tried again" {
	sql 'create sequence tries'
	sql "create function fail_twice() returns int language plpgsql as
		\$\$ begin if nextval('tries') < 3 then raise 'conflict' using errcode = '40001'; end if; return currval('tries'); end \$\$"
	driver_start
	ask 'select fail_twice()'
	[ "$heard" = '= 3' ]
}

@test "an error of the server has its SQLSTATE, a missing table the way to the schema" {
	driver_start
	ask 'select 1/0'
	[[ $heard == '! internal: '*'SQLSTATE 22012: division by zero' ]]
	ask 'select * from nowhere'
	[[ $heard == '! internal: '*'SQLSTATE 42P01: '*'filot-migrate status'* ]]
	ask 'select 5'
	[ "$heard" = '= 5' ]
}

@test "a refused login, a missing database and an untrusted certificate are told apart, and no password is shown" {
	local url=$FILOT_DATABASE_URL
	refused() { # CODE WORDS
		run "$FILOT_BUILD/tests/drive_pg" --wait 20s
		echo "$output"
		[[ $output == *"\"code\":\"$1\""*"$2"* && $output != *sEcReT* && $output != *"$SERVERS_DATABASE_PASSWORD"* ]]
	}
	FILOT_DATABASE_URL=${url/$SERVERS_DATABASE_PASSWORD/sEcReT} refused not_permitted 28P01
	FILOT_DATABASE_URL=${url/\/filot\?/\/nowhere\?} refused configuration 3D000
	FILOT_DATABASE_URL=${url/:$SERVERS_DATABASE_PASSWORD/} refused not_permitted 'no password supplied'
	FILOT_DATABASE_URL=${url/ca.crt/wrong-ca.crt} refused configuration 'certificate verify failed'
	FILOT_DATABASE_URL=$SERVERS_DATABASE_WRONG_HOST_URL refused configuration 'does not match host name'
	FILOT_DATABASE_URL='postgresql://filot:sEcReT@localhost:notaport' refused configuration 'not valid'
	FILOT_DATABASE_URL='postgresql://filot:s@sEcReT@localhost/filot' refused configuration '%40'
}
