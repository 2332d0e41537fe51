#!/usr/bin/env bats
# The servers that all other system tests stand on: they answer, and they
# refuse what a real one refuses. If one of these fails, mistrust the others.

bats_require_minimum_version 1.5.0
load helper

setup_file() {
	SERVERS_REDIS_PLAIN=1 servers_setup redis postgres pgbouncer storage
}

teardown_file() {
	servers_teardown
}

redis_login() { # PASSWORD CA [HOST]
	REDISCLI_AUTH=$1 run timeout 10 redis-cli -h "${3:-localhost}" -p "$SERVERS_REDIS_PORT" \
		--tls --cacert "$2" --user filot --no-auth-warning ping
}

s3_get() { # ACCESS-KEY SECRET-KEY PATH [PREFIX…]
	local login=$1:$2 path=$3
	shift 3
	run "$@" curl -q -s -o "$BATS_TEST_TMPDIR/body" -w '%{http_code}' --max-time 20 \
		--aws-sigv4 aws:amz:auto:s3 --user "$login" \
		-H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "${S3_ENDPOINT:-$FILOT_R2_ENDPOINT}$path"
}

@test "Redis answers its user over TLS, the certificate checked" {
	redis_login "$SERVERS_REDIS_PASSWORD" "$FILOT_REDIS_CA"
	[ "$output" = PONG ]
}

@test "Redis refuses a wrong password" {
	redis_login wrong "$FILOT_REDIS_CA"
	[[ $output == *WRONGPASS* || $output == *NOAUTH* ]]
}

@test "Redis refuses who gives no password" {
	run redis-cli -h localhost -p "$SERVERS_REDIS_PORT" --tls --cacert "$FILOT_REDIS_CA" ping
	[[ $output == *NOAUTH* ]]
}

@test "a client with another CA does not trust Redis" {
	redis_login "$SERVERS_REDIS_PASSWORD" "$SERVERS_WRONG_CA"
	[ "$status" -ne 0 ]
	[[ $output == *'certificate verify failed'* ]]
}

@test "Redis' certificate is not for the address of the wrong-host URL" {
	run openssl s_client -connect "127.0.0.2:$SERVERS_REDIS_PORT" -CAfile "$FILOT_REDIS_CA" \
		-verify_ip 127.0.0.2 -verify_return_error </dev/null
	[ "$status" -ne 0 ]
	[[ $output == *'IP address mismatch'* ]]
	run openssl s_client -connect "127.0.0.1:$SERVERS_REDIS_PORT" -CAfile "$FILOT_REDIS_CA" \
		-verify_hostname localhost -verify_return_error </dev/null
	[ "$status" -eq 0 ]
}

@test "Redis' plain port answers where it was asked for" {
	REDISCLI_AUTH=$SERVERS_REDIS_PASSWORD run redis-cli -u "$SERVERS_REDIS_PLAIN_URL" --no-auth-warning ping
	[ "$output" = PONG ]
}

@test "Redis is back after a crash on the same port with the same data" {
	redis set survives yes
	server_kill "$SERVERS_DIR" redis
	run redis ping
	[ "$status" -ne 0 ]
	server_start "$SERVERS_DIR" redis
	run redis get survives
	[ "$output" = yes ]
}

@test "a paused Redis keeps silent and answers when it goes on" {
	server_pause "$SERVERS_DIR" redis
	REDISCLI_AUTH=$SERVERS_REDIS_PASSWORD run timeout 1 redis-cli -h localhost \
		-p "$SERVERS_REDIS_PORT" --tls --cacert "$FILOT_REDIS_CA" --user filot ping
	[ "$status" -eq 124 ]
	server_resume "$SERVERS_DIR" redis
	run redis ping
	[ "$output" = PONG ]
}

@test "PostgreSQL answers its user, who is not a superuser" {
	run sql "select usesuper from pg_user where usename = current_user"
	[ "$output" = f ]
}

@test "PostgreSQL refuses a wrong password" {
	FILOT_DATABASE_URL=${FILOT_DATABASE_URL/$SERVERS_DATABASE_PASSWORD/wrong} run sql 'select 1'
	[ "$status" -ne 0 ]
	[[ $output == *'password authentication failed'* ]]
}

@test "a client with another CA does not trust PostgreSQL" {
	FILOT_DATABASE_URL=${FILOT_DATABASE_URL/$FILOT_REDIS_CA/$SERVERS_WRONG_CA} run sql 'select 1'
	[ "$status" -ne 0 ]
	[[ $output == *'certificate verify failed'* ]]
}

@test "PostgreSQL's certificate is not for the address of the wrong-host URL" {
	FILOT_DATABASE_URL=$SERVERS_DATABASE_WRONG_HOST_URL run sql 'select 1'
	[ "$status" -ne 0 ]
	[[ $output == *'does not match host name'* ]]
}

@test "PostgreSQL is back after a crash on the same port with what was committed" {
	sql 'create table survives (x int)'
	sql 'insert into survives values (7)'
	server_kill "$SERVERS_DIR" postgres
	run sql 'select x from survives'
	[ "$status" -ne 0 ]
	server_start "$SERVERS_DIR" postgres
	run sql 'select x from survives'
	[ "$output" = 7 ]
}

@test "each test can have a database of its own" {
	database_new
	sql 'create table mine (x int)'
	run sql 'select current_database()'
	[[ $output == test_* ]]
	FILOT_DATABASE_URL=$SERVERS_DATABASE_POOLED_URL run sql 'select current_database()'
	[[ $output == test_* ]]
	database_new
	run sql "select count(*) from pg_tables where tablename = 'mine'"
	[ "$output" = 0 ]
}

@test "PgBouncer gives each transaction any server connection" {
	# A session setting made by one client is met by the next who gets that
	# server connection: what a client of a pooler must not rely on.
	FILOT_DATABASE_URL=$SERVERS_DATABASE_POOLED_URL
	sql 'set statement_timeout = 12345'
	run sql 'show statement_timeout'
	[ "$output" = 12345ms ]
}

@test "the storage gives back what a signed request put there" {
	printf hello >"$BATS_TEST_TMPDIR/hello"
	s3_request "$SERVERS_DIR" "/$FILOT_R2_BUCKET/hello" --fail -T "$BATS_TEST_TMPDIR/hello"
	s3_get "$FILOT_R2_ACCESS_KEY" "$FILOT_R2_SECRET_KEY" "/$FILOT_R2_BUCKET/hello"
	[ "$output" = 200 ]
	[ "$(cat "$BATS_TEST_TMPDIR/body")" = hello ]
}

@test "the storage also speaks TLS, with a certificate of our own authority" {
	S3_ENDPOINT=$SERVERS_R2_HTTPS_ENDPOINT
	s3_get "$FILOT_R2_ACCESS_KEY" "$FILOT_R2_SECRET_KEY" "/$FILOT_R2_BUCKET/hello" \
		env CURL_CA_BUNDLE="$SERVERS_DIR/tls/ca.crt"
	[ "$output" = 200 ]
	s3_get "$FILOT_R2_ACCESS_KEY" "$FILOT_R2_SECRET_KEY" "/$FILOT_R2_BUCKET/hello" \
		env CURL_CA_BUNDLE="$SERVERS_WRONG_CA"
	[ "$status" -eq 60 ] # curl: the peer's certificate cannot be verified
}

@test "the storage refuses a wrong secret key" {
	s3_get "$FILOT_R2_ACCESS_KEY" wrong "/$FILOT_R2_BUCKET/hello"
	[ "$output" = 403 ]
	grep -q SignatureDoesNotMatch "$BATS_TEST_TMPDIR/body"
}

@test "the storage refuses an unknown access key" {
	s3_get unknown "$FILOT_R2_SECRET_KEY" "/$FILOT_R2_BUCKET/hello"
	[ "$output" = 403 ]
	grep -q InvalidAccessKeyId "$BATS_TEST_TMPDIR/body"
}

@test "the storage refuses a request signed an hour ago" {
	s3_get "$FILOT_R2_ACCESS_KEY" "$FILOT_R2_SECRET_KEY" "/$FILOT_R2_BUCKET/hello" \
		faketime -f '-1h'
	[ "$output" = 403 ]
	grep -q RequestTimeTooSkewed "$BATS_TEST_TMPDIR/body"
}

@test "the storage refuses who signs nothing" {
	run curl -q -s -o /dev/null -w '%{http_code}' "$FILOT_R2_ENDPOINT/$FILOT_R2_BUCKET/hello"
	[ "$output" = 403 ]
}

@test "the storage is back after a crash with what was stored" {
	printf kept >"$BATS_TEST_TMPDIR/kept"
	s3_request "$SERVERS_DIR" "/$FILOT_R2_BUCKET/kept" --fail -T "$BATS_TEST_TMPDIR/kept"
	server_kill "$SERVERS_DIR" storage
	server_start "$SERVERS_DIR" storage
	s3_get "$FILOT_R2_ACCESS_KEY" "$FILOT_R2_SECRET_KEY" "/$FILOT_R2_BUCKET/kept"
	[ "$output" = 200 ]
	[ "$(cat "$BATS_TEST_TMPDIR/body")" = kept ]
}

@test "stopping ends exactly what was started and leaves nothing behind" {
	local dir pid other
	dir=$(temp_dir test-servers)
	servers_start "$dir" redis postgres
	pid=$(server_pid "$dir" redis)
	other=$(server_pid "$SERVERS_DIR" redis)
	servers_remove "$dir"
	[ ! -e "$dir" ]
	[ ! -e "/proc/$pid" ]
	[ "$(server_pid "$SERVERS_DIR" redis)" = "$other" ]
}

@test "a process id that another process has now is left alone" {
	local dir
	dir=$(temp_dir test-servers)
	mkdir "$dir/redis"
	sleep 100 3>&- &
	echo "$! 1" >"$dir/redis/pid" # right id, another start time
	servers_remove "$dir"
	kill "$!" # still there to be killed
}

@test "a server whose port was taken meanwhile starts on another one" {
	local dir
	dir=$(temp_dir test-servers)
	mkdir "$dir/redis"
	echo "$SERVERS_REDIS_PORT" >"$dir/redis/port"
	server_start "$dir" redis 2>/dev/null
	run cat "$dir/redis/port"
	servers_remove "$dir"
	[ "$output" != "$SERVERS_REDIS_PORT" ]
}
