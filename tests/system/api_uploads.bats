#!/usr/bin/env bats
# The API is killed between every two steps of an upload: then no document is without its job, no job without its document,
# none in the queue twice, and nothing stays in storage that no document holds.

# shellcheck disable=SC2154,SC2030,SC2031 # a test is a subshell on purpose; STATUS and BODY are api's
bats_require_minimum_version 1.5.0
load helper
load api

STEPS=20 # more than an upload of two parts has: those of the last rounds find nothing to kill

setup_file() {
	api_servers redis postgres storage
	mkdir "$SERVERS_DIR/steps"
}

teardown_file() {
	servers_teardown
}

teardown() {
	exec 7>&- 8>&-
	[[ -z ${proxy:-} ]] || kill "$proxy" 2>/dev/null || true
	server_signal "$SERVERS_DIR" api KILL
}

# proxies_start: the commands' settings lead through them.
proxies_start() {
	local dir=$SERVERS_DIR/steps
	mkfifo "$dir/in" "$dir/out"
	python3 "$BATS_TEST_DIRNAME/step_proxy.py" "$dir" "postgres=$SERVERS_DATABASE_PORT" "redis=$SERVERS_REDIS_PORT" \
		"storage=$SERVERS_STORAGE_PORT" <"$dir/in" >"$dir/out" 3>&- 4>&- &
	proxy=$!
	exec 7>"$dir/in" 8<"$dir/out"
	IFS= read -r -t 20 _ <&8
	DIRECT_DATABASE_URL=$FILOT_DATABASE_URL DIRECT_R2_ENDPOINT=$FILOT_R2_ENDPOINT
	FILOT_DATABASE_URL=${FILOT_DATABASE_URL/":$SERVERS_DATABASE_PORT/"/":$(cat "$dir/postgres")/"}
	FILOT_REDIS_URL=${FILOT_REDIS_URL/":$SERVERS_REDIS_PORT/"/":$(cat "$dir/redis")/"}
	FILOT_R2_ENDPOINT=http://127.0.0.1:$(cat "$dir/storage")
}

order() {
	printf '%s\n' "$*" >&7
	IFS= read -r -t 20 _ <&8
}

start_again() {
	server_forget "$SERVERS_DIR" api
	api_start --rate 100000 --rate-burst 100000 --workers 1 --stream-workers 1 --io-threads 1
}

upload() {
	api POST "/documents?name=$1" -H 'Content-Type: image/png' -H "Idempotency-Key: $1" --data-binary "@$BATS_TEST_TMPDIR/$2"
}

ask() {
	FILOT_DATABASE_URL=$DIRECT_DATABASE_URL sql "$1"
}

outbox_empty() {
	[[ $(ask 'select count(*) from job_outbox') == 0 ]]
}

loose_empty() {
	[[ $(ask 'select count(*) from loose_objects') == 0 ]]
}

upload_over() {
	! kill -0 "$client" 2>/dev/null
}

# What must hold for document NAME once everything that was begun has come to its end: one, with one job, queued once.
settled() {
	local jobs
	jobs=$(ask "select j.id from documents d left join jobs j on j.document_id = d.id where name = '$1' and stored_at is not null")
	[[ $jobs == [0-9A-Z]* && $(wc -l <<<"$jobs") == 1 ]] || return 1
	[[ $(redis --raw xrange 'filot:{ocr}:jobs' - + | grep -c " $jobs ") == 1 ]]
}

# covered: each kind of step killed it, on both sides of it.
covered() {
	local when
	for when in postgres redis storage; do
		grep -q "^$when .* before" "$SERVERS_DIR/steps/killed" || return 1
		grep -q "^$when .* after" "$SERVERS_DIR/steps/killed" || return 1
	done
}

# round PASS N WHEN: an upload during which the API is killed at the N-th step, then the same request again.
round() {
	local name=doc-$1-$2-$3 file=short killed=0
	((($1 + $2) % 2)) || file=long
	shift
	order arm "$1" "$2" "$(server_pid "$SERVERS_DIR" api)"
	(upload "$name" $file) 3>&- 4>&- 7>&- 8>&- &
	client=$!
	wait_for 60 "for the upload to end" upload_over
	# What follows the answer, by the outbox, are steps, too.
	WAIT_WHILE="server_running '$SERVERS_DIR' api" wait_for 30 "for the outbox" outbox_empty 2>/dev/null || true
	order disarm
	if ! server_running "$SERVERS_DIR" api; then
		killed=1
		# Between the kill and now: a stored document has its job, and a job a stored document.
		[ "$(ask "with loose as (update loose_objects set expires_at = now()),
				claims as (update job_outbox set claimed_until = now() where claimed_until is not null)
			select (select count(*) from documents where stored_at is not null
					and not exists (select from jobs where document_id = documents.id)),
				(select count(*) from jobs join documents d on d.id = document_id where stored_at is null)")" = '0|0' ]
		start_again
	fi
	upload "$name" $file
	expect 201
	wait_for 30 "for the outbox to be sent" outbox_empty
	settled "$name" || {
		echo "after the kill: $(tail -1 "$SERVERS_DIR/steps/killed")" >&2
		return 1
	}
	((killed)) || spared=$((spared + 1))
}

@test "killed at any step of an upload, it comes to the same end" {
	local pass n when spared
	proxies_start
	cp "$FILOT_ROOT/tests/data/word.png" "$BATS_TEST_TMPDIR/short"
	{
		cat "$FILOT_ROOT/tests/data/word.png"
		head -c $((9 * 1024 * 1024)) /dev/urandom
	} >"$BATS_TEST_TMPDIR/long"
	start_again
	api_user
	upload first short # every connection is there
	# Short and long ones take turns, and the outbox's step may be the other's: then once more, the other way round.
	for ((pass = 1; pass <= 4; pass++)); do
		spared=0
		for ((n = 1; n <= STEPS; n++)); do
			for when in before after; do
				round "$pass" "$n" "$when"
			done
			((spared < 4)) || break
		done
		! covered || break
	done
	echo "# killed at: $(cut -d' ' -f1,3 "$SERVERS_DIR/steps/killed" | sort | uniq -c | xargs)" >&3
	covered
	[ "$(wc -l <"$SERVERS_DIR/steps/killed")" -ge 16 ]
	wait_for 60 "for loose objects to be removed" loose_empty
	export FILOT_R2_ENDPOINT=$DIRECT_R2_ENDPOINT
	[ -z "$(python3 "$BATS_TEST_DIRNAME/list_storage.py" uploads documents/)" ]
	diff <(python3 "$BATS_TEST_DIRNAME/list_storage.py" objects documents/ | sort) \
		<(ask "select regexp_replace(uri, '^r2://[^/]*/', '') from documents" | sort)
}
