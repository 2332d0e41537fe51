#!/usr/bin/env bats
# filot-migrate against a real PostgreSQL, each test with a database of its own: every file once, or nothing of it.

# shellcheck disable=SC2154,SC2030,SC2031 # output and status are bats'; a test is a subshell on purpose
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	servers_setup postgres pgbouncer
}

teardown_file() {
	servers_teardown
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir m
	export FILOT_MIGRATIONS=m
	database_new
}

teardown() {
	server_running "$SERVERS_DIR" postgres || server_start "$SERVERS_DIR" postgres
}

# file NAME LINES…
file() {
	local name=$1
	shift
	printf '%s\n' "$@" >"m/$name.sql"
}

# three: files that make t1, t2 and t3.
three() {
	file 0001_one 'create table t1 (x int);'
	file 0002_two 'create table t2 (x int);' 'insert into t2 values (1);'
	file 0003_three 'create table t3 (x int);'
}

# migrate STATUS WORDS ARGUMENTS…: that status, and those words in what it says.
migrate() {
	local wanted=$1 words=$2
	shift 2
	run filot-migrate "$@"
	echo "$output"
	[[ $status -eq $wanted && $output == *"$words"* ]]
}

there() {
	[ "$(sql "select to_regclass('$1') is not null")" = t ]
}

absent() {
	[ "$(sql "select to_regclass('$1') is null")" = t ]
}

pooled() {
	FILOT_DATABASE_URL=$SERVERS_DATABASE_POOLED_URL
}

@test "the project's own schema comes up, is verified, and is up to date" {
	export FILOT_MIGRATIONS=$FILOT_ROOT/migrations
	migrate 1 '"status":"pending"' status
	migrate 0 '"status":"applied"' up
	migrate 0 '"status":"applied"' status
	[[ $output != *pending* ]]
	migrate 0 '"status":"ok"' verify
	migrate 0 '' up
	[ -z "$output" ]
	there ocr_pages
}

@test "every table of the schema says what it is for" {
	FILOT_MIGRATIONS=$FILOT_ROOT/migrations filot-migrate up
	run sql "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname = 'public'
		and relkind = 'r' and relname <> 'schema_migrations' and obj_description(c.oid) is null"
	[ -z "$output" ]
}

@test "every foreign key of the schema has an index that begins with its columns" {
	FILOT_MIGRATIONS=$FILOT_ROOT/migrations filot-migrate up
	run sql "select conrelid::regclass || ' ' || conname from pg_constraint k where contype = 'f' and not exists (
		select from pg_index i where i.indrelid = k.conrelid
		and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] = k.conkey)"
	[ -z "$output" ]
}

@test "files are applied in order, with name, checksum, time and who on record" {
	three
	filot-migrate up >lines
	[ "$(jq -r '[.version, .file, .status] | join(" ")' lines)" = '1 0001_one.sql applied
2 0002_two.sql applied
3 0003_three.sql applied' ]
	run sql "select count(*) from schema_migrations where state = 'applied' and ms >= 0 and by like 'filot from %'
		and applied_at > now() - interval '1 minute'"
	[ "$output" = 3 ]
	[ "$(sql 'select checksum from schema_migrations where version = 2')" = "$(sha256sum m/0002_two.sql | cut -d' ' -f1)" ]
}

@test "a terminal gets words and a table, --json lines all the same" {
	three
	run script -qec 'filot-migrate up' /dev/null
	[[ $output == *'applied 0001_one.sql ('*'3 applied, 0 pending'* ]]
	run script -qec 'filot-migrate status' /dev/null
	[[ $output == *version*name*state*'0003'*three*applied*'0 pending, 0 wrong'* ]]
	run script -qec 'filot-migrate --json status' /dev/null
	[[ $output == '{"v":1,"version":1,'* ]]
}

@test "--dry-run says what would be done and makes not even the table of records" {
	three
	migrate 0 '"status":"would_apply"' up --dry-run --target 2
	[ "${#lines[@]}" -eq 2 ]
	absent schema_migrations
}

@test "--target stops there, and an unknown one is refused" {
	three
	migrate 0 '' up --target 2
	there t2
	absent t3
	migrate 1 '"status":"pending"' status
	migrate 64 'there is no migration 9' up --target 9
	migrate 0 '' up --target 1
	absent t3
}

@test "a failed file changes nothing; the error has file, line, SQLSTATE, detail and hint" {
	three
	file 0002_two 'create table t2 (x int primary key);' '' '-- a comment; with a semicolon' \
		'insert into t2 values (1);' 'insert into' '  t2 values (1);'
	migrate 65 '0002_two.sql:5: SQLSTATE 23505: duplicate key' up
	[[ $output == *'detail: Key (x)=(1) already exists'* ]]
	there t1
	absent t2
	absent t3
	[ "$(sql 'select max(version) from schema_migrations')" = 1 ]
	file 0002_two 'create table t2 (x int);' 'select 1,' '       löngth(x)' 'from t2;'
	migrate 65 '0002_two.sql:3: SQLSTATE 42883: function löngth(integer) does not exist' up
	[[ $output == *'hint: '* ]]
	file 0002_two 'create table t2 (x int);'
	migrate 0 '' up
	there t3
}

@test "an error at the commit undoes the file, too" {
	file 0001_one 'create table a (x int primary key);' \
		'create table b (x int references a deferrable initially deferred);' 'insert into b values (1);'
	migrate 65 '0001_one.sql: commit' up
	[[ $output == *'SQLSTATE 23503'* ]]
	absent a
	[ "$(sql 'select count(*) from schema_migrations')" = 0 ]
}

@test "a file that ends its own transaction is refused before anything of it runs" {
	file 0001_one 'create table t1 (x int);' 'commit;' 'create table t2 (x int);'
	migrate 65 '0001_one.sql:2: COMMIT' up
	absent t1
	file 0001_one 'savepoint a;' 'create table t1 (x int);' 'rollback to a;' 'create table t2 (x int);'
	migrate 0 '' up
	there t2
	absent t1
}

@test "COPY from standard input fails at once" {
	file 0001_one 'create table t1 (x int);' 'copy t1 from stdin;' 'copy (select 1) to stdout;'
	migrate 75 'use insert' up
	absent t1
}

@test "functions, strings and comments with semicolons go through whole" {
	file 0001_one "create function f() returns int language plpgsql as \$f\$ begin return 1; end; \$f\$;" \
		"create function g() returns int begin atomic select case when true then 2 end; end;" \
		"create table t (x text default ';'); /* ; /* ; */ */ insert into t values (E'it\\'s;');"
	migrate 0 '' up
	[ "$(sql "select f() || ' ' || g() || ' ' || x from t")" = "1 2 it's;" ]
}

@test "an edited file is refused by up and told by verify and status" {
	three
	filot-migrate up
	echo '-- harmless' >>m/0002_two.sql
	file 0004_four 'create table t4 (x int);'
	migrate 65 '0002_two.sql: edited' up
	absent t4
	migrate 1 '"status":"edited"' verify
	migrate 1 '"status":"edited"' status
}

@test "verify tells a missing file, a late one, a gap, a number given twice and a newer database" {
	three
	filot-migrate up
	mv m/0002_two.sql two
	migrate 1 '"status":"missing"' verify
	mv two m/0002_two.sql
	mv m/0003_three.sql three
	migrate 1 '"status":"ahead"' verify
	mv three m/0003_three.sql
	sql 'delete from schema_migrations where version = 2'
	migrate 1 '"status":"late"' verify
	migrate 65 '0002_two.sql: late' up
	sql 'delete from schema_migrations'
	cp m/0002_two.sql m/0002_again.sql
	migrate 1 '"status":"duplicate"' verify
	migrate 65 'duplicate' up
	rm m/0002_*
	migrate 1 '"status":"gap"' verify
	migrate 65 '0003_three.sql: gap: there is no number 0002' up
}

@test "an older release finds nothing to do on a newer database, and warns" {
	three
	filot-migrate up
	rm m/0003_three.sql
	migrate 0 database_ahead up
	migrate 0 '"status":"ahead"' status
}

@test "baseline records what is there already without running it" {
	three
	sql 'create table t1 (x int)'
	sql 'create table t2 (x int)'
	migrate 0 '"status":"would_baseline"' baseline 2 --dry-run
	absent schema_migrations
	migrate 0 '"status":"baselined"' baseline 2
	migrate 0 '"version":3' up
	[ "$(sql 'select count(*) from t2')" = 0 ]
	migrate 64 'there is no migration 7' baseline 7
}

@test "of two migrators at once each file is applied once" {
	local i
	for i in {1..9}; do
		file "000${i}_n$i" "create table n$i (x int);" 'select pg_sleep(0.05);'
	done
	filot-migrate up >a 2>a.log 3>&- &
	filot-migrate up >b 2>b.log 3>&- &
	filot-migrate up >c 2>c.log 3>&- &
	wait -n && wait -n && wait -n
	[ "$(cat a b c | jq -s 'map(.version) | sort | map(tostring) | join(" ")' -r)" = '1 2 3 4 5 6 7 8 9' ]
	[ "$(sql 'select count(*) from schema_migrations')" = 9 ]
}

@test "of two migrators at once behind a transaction pooler each file is applied once" {
	local i
	for i in {1..5}; do
		file "000${i}_n$i" "create table n$i (x int);" 'select pg_sleep(0.05);'
	done
	file 0006_alone '-- filot: no-transaction' 'create index concurrently n1_x on n1 (x);'
	pooled
	filot-migrate up >a 2>a.log 3>&- &
	filot-migrate up >b 2>b.log 3>&- &
	wait -n && wait -n
	cat a.log b.log
	[ "$(cat a b | jq -s 'map(.version) | sort | map(tostring) | join(" ")' -r)" = '1 2 3 4 5 6' ]
	grep -qh no_lock_timeout a.log b.log
	run sql 'show lock_timeout'
	[ "$output" = 0 ]
}

@test "an index is built concurrently while another migrator waits for the lock" {
	file 0001_one 'create table t (x int);' 'insert into t select generate_series(1, 1000);'
	file 0002_slow 'create function slow(x int) returns int immutable language plpgsql as' \
		"\$\$ begin perform pg_sleep(0.002); return x; end \$\$;"
	filot-migrate up
	file 0003_index '-- filot: no-transaction' 'create index concurrently t_slow on t (slow(x));'
	filot-migrate up >a 2>a.log 3>&- &
	pid=$!
	wait_for 20 'the build' sql "select 1 / count(*)::int from pg_stat_progress_create_index"
	filot-migrate up >b 2>b.log
	grep -q lock_wait b.log
	wait -n
	grep -q '"version":3' a
	[ ! -s b ]
	run sql "select indisvalid from pg_index where indexrelid = 't_slow'::regclass"
	[ "$output" = t ]
}

@test "a file without transaction that fails is dirty, says how to go on, and goes on where it stopped" {
	file 0001_one 'create table t (x int);' 'insert into t values (1), (1);'
	filot-migrate up
	file 0002_two '-- filot: no-transaction' 'create index concurrently t_x on t (x);' \
		'create unique index concurrently t_u on t (x);' 'create table done (x int);'
	file 0003_three 'create table t3 (x int);'
	migrate 65 '0002_two.sql:3: SQLSTATE 23505' up
	[[ $output == *'1 of 3 statements are done'* ]]
	migrate 1 '"status":"dirty"' status
	[[ $output == *'up --resume'*'baseline 2'* ]]
	migrate 1 '"status":"dirty"' verify
	migrate 65 '0002_two.sql: dirty: stopped after 1' up
	absent t3
	sql 'drop index t_u'
	sql 'truncate t'
	migrate 0 '"version":2' up --resume
	there t_u
	there "done"
	there t3
	migrate 0 '"status":"ok"' verify
}

@test "a dirty file that was finished by hand is recorded by baseline" {
	file 0001_one '-- filot: no-transaction' 'create table t (x int);' 'select 1/0;'
	migrate 65 22012 up
	migrate 0 '"status":"baselined"' baseline 1
	migrate 0 '' up
	migrate 0 '"status":"ok"' verify
}

@test "kill -9 in the middle of a file leaves nothing of it, and the next run does it" {
	file 0001_one 'create table t1 (x int);' 'select pg_sleep(3);' 'create table t2 (x int);'
	filot-migrate up >/dev/null 2>&1 3>&- &
	pid=$!
	wait_for 20 'the sleep' sql "select 1 / count(*)::int from pg_stat_activity
		where datname = current_database() and query like 'select pg_sleep%'"
	kill -9 "$pid"
	migrate 0 '"version":1' up
	there t2
	[ "$(sql 'select count(*) from schema_migrations')" = 1 ]
}

# killed_in HEAD: a migrator that is killed in a statement which would go on for ten minutes.
killed_in() {
	sql 'create table slow as select 600 as seconds'
	file 0001_one "$1" 'create table t1 (x int);' 'select pg_sleep(seconds) from slow;' 'create table t2 (x int);'
	filot-migrate up >/dev/null 2>&1 3>&- &
	pid=$!
	wait_for 20 'the sleep' sql "select 1 / count(*)::int from pg_stat_activity
		where datname = current_database() and query like 'select pg_sleep%'"
	kill -9 "$pid"
	sql 'update slow set seconds = 0'
}

@test "the server ends a long statement of a migrator that was killed, so the next run need not wait for it" {
	killed_in '--'
	migrate 0 '"version":1' up
	there t2
}

@test "the same behind a transaction pooler" {
	pooled
	killed_in '--'
	migrate 0 '"version":1' up
	there t2
}

@test "the way on from a dirty file is told whole, however long the error was" {
	file 0001_one '-- filot: no-transaction' \
		"do \$\$ begin raise exception '%', repeat('lông ', 200); end \$\$;"
	migrate 65 '0 of 1 statements are done: ' up
	[[ $output == *'says how to go on'* ]]
	jq -e . <<<"$output"
	migrate 65 'up --resume' up
	[[ $output == *'baseline 1'* ]]
	migrate 1 'up --resume' status
	[[ $output == *'baseline 1'* ]]
}

@test "kill -9 in the middle of a file without transaction is dirty" {
	file 0001_one '-- filot: no-transaction' 'create table t1 (x int);' 'select pg_sleep(1);' 'create table t2 (x int);'
	filot-migrate up >/dev/null 2>&1 3>&- &
	pid=$!
	wait_for 20 'the sleep' sql "select 1 / count(*)::int from pg_stat_activity
		where datname = current_database() and query like 'select pg_sleep%'"
	kill -9 "$pid"
	migrate 65 'dirty: stopped after 1' up
	migrate 0 '"version":1' up --resume
	there t2
}

@test "SIGTERM cancels the statement, undoes the file and is 75" {
	file 0001_one 'create table t1 (x int);' 'select pg_sleep(100);'
	filot-migrate up >out 2>&1 3>&- &
	pid=$!
	wait_for 20 'the sleep' sql "select 1 / count(*)::int from pg_stat_activity
		where datname = current_database() and query like 'select pg_sleep%'"
	kill "$pid"
	wait "$pid" || status=$?
	[ "$status" -eq 75 ]
	grep -q 'stopped by a signal' out
	absent t1
	run sql "select count(*) from pg_stat_activity where datname = current_database() and query like 'select pg_sleep%'"
	[ "$output" = 0 ]
}

@test "a statement that waits too long for a lock, or runs too long, is 75 and undone" {
	sql 'create table busy (x int)'
	mkfifo hold
	"$(postgres_bin)/psql" -X -q "$FILOT_DATABASE_URL" <hold 3>&- &
	exec 7>hold
	echo 'begin; lock table busy;' >&7
	wait_for 20 'the lock' sql "select 1 / count(*)::int from pg_locks where relation = 'busy'::regclass"
	file 0001_one 'create table t1 (x int);' 'alter table busy add y int;'
	migrate 75 '0001_one.sql:2: SQLSTATE 55P03' up --lock-timeout 200ms
	exec 7>&-
	absent t1
	file 0001_one 'create table t1 (x int);' 'select pg_sleep(100);'
	migrate 75 '0001_one.sql:2: SQLSTATE 57014' up --statement-timeout 200ms
	file 0001_one '-- filot: no-transaction' 'select pg_sleep(100);'
	pooled
	migrate 75 'took longer than 200 ms' up --statement-timeout 200ms
}

@test "who finds another migrator at work and will not wait is told to try again" {
	file 0001_one 'select pg_sleep(100);'
	filot-migrate up >/dev/null 2>&1 3>&- &
	pid=$!
	wait_for 20 'the sleep' sql "select 1 / count(*)::int from pg_stat_activity
		where datname = current_database() and query like 'select pg_sleep%'"
	migrate 75 'another filot-migrate is at work' up --wait 300ms
	kill "$pid"
	wait "$pid" || true
}

@test "a server that is down is waited for, then 69; one that comes up in time is used" {
	three
	server_stop "$SERVERS_DIR" postgres
	migrate 69 'Connection refused' up --wait 500ms
	filot-migrate up --wait 60s >out 2>log 3>&- &
	pid=$!
	wait_for 20 'the wait to begin' grep -q database_wait log
	server_start "$SERVERS_DIR" postgres
	wait "$pid"
	grep -q '"version":3' out
}

@test "a server that is killed in the middle is 69 and leaves nothing of the file" {
	file 0001_one 'create table t1 (x int);' 'select pg_sleep(100);'
	filot-migrate up >out 2>&1 3>&- &
	pid=$!
	wait_for 20 'the sleep' sql "select 1 / count(*)::int from pg_stat_activity
		where datname = current_database() and query like 'select pg_sleep%'"
	server_kill "$SERVERS_DIR" postgres
	wait "$pid" || status=$?
	[ "$status" -eq 69 ]
	server_start "$SERVERS_DIR" postgres
	absent t1
}

@test "who may not create is 77" {
	postgres_admin "$SERVERS_DIR" -d "$(sql 'select current_database()')" \
		-c 'alter schema public owner to postgres; revoke create on schema public from public, filot'
	three
	migrate 77 'SQLSTATE 42501' up
}

@test "a wrong password is 77 at once and not shown" {
	three
	FILOT_DATABASE_URL=${FILOT_DATABASE_URL/$SERVERS_DATABASE_PASSWORD/sEcReT} migrate 77 'FATAL: 28P01' up
	[[ $output != *sEcReT* && $output != *database_wait* ]]
}
