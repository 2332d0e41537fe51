#!/usr/bin/env bats
# Documents by the API: taken in every way, never without their job, read by a real worker, shown, found, followed, deleted.

# shellcheck disable=SC2154,SC2030,SC2031 # a test is a subshell on purpose; STATUS and BODY are api's
bats_require_minimum_version 1.5.0
load helper
load api

setup_file() {
	api_servers redis postgres pgbouncer storage
	api_start --rate 100000 --rate-burst 100000 --upload-limit 2G
	api_user
}

teardown_file() {
	api_stop
	! grep -E 'Sanitizer|runtime error' "$SERVERS_DIR/api/log" # of a sanitized build
	servers_teardown
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	WORD=$FILOT_ROOT/tests/data/word.png
	WORD_SUM=$(sha256sum "$WORD" | cut -d' ' -f1)
}

teardown() {
	[[ -z ${worker:-} ]] || kill "$worker" 2>/dev/null || true
}

# upload FILE [curl arguments]: raw; the document's id is in $ID.
upload() {
	local file=$1
	shift
	api POST "/documents${QUERY:-}" -H 'Content-Type: application/octet-stream' -T "$file" "$@"
	ID=$(member .id 2>/dev/null || true)
}

# until_is STATUS: of document $ID.
is_state() {
	api GET "/documents/$ID"
	[[ $(member .status) == "$1" ]]
}

until_is() {
	wait_for 60 "for the document to be $1" is_state "$1"
}

# all_well: no document without its job, no job without its document or its place: outbox, queue or a worker's end.
all_well() {
	[ "$(sql "select count(*) from documents where stored_at is not null and deleted_at is null
		and not exists (select from jobs where document_id = documents.id)")" -eq 0 ]
	[ "$(sql "select count(*) from jobs join documents d on d.id = document_id where d.stored_at is null")" -eq 0 ]
	sql "select id from jobs where state = 'queued' and not exists (select from job_outbox where job_id = id)" >sent
	sed 's/.*/get filot:{ocr}:key:api:&/' sent | redis --raw | diff - sent
}

outbox_empty() {
	[[ $(sql 'select count(*) from job_outbox') == 0 ]]
}

# queue_entries: the lines of all jobs that are in the queue's streams, in ./entries
queue_entries() {
	local priority
	for priority in '' :high :low; do
		redis --raw xrange "filot:{ocr}:jobs$priority" - + | sed -E 's/^[0-9]+ [^ ]* [^ ]* //'
	done >entries
}

# queued_times JOB: how often its line is in ./entries
queued_times() {
	grep -c "\"job\": *\"$1\"" entries || true
}

work_once() {
	filot-ocr-gpu --queue --once 2>"$BATS_TEST_TMPDIR/worker.log" || {
		cat "$BATS_TEST_TMPDIR/worker.log" >&2
		return 1
	}
}

# ---- taking ----

@test "a document's bytes become an object, a row, a job and a line in the queue" {
	QUERY='?name=a%20word.png&lang=deu%2Beng&priority=low' upload "$WORD"
	expect 201
	[ "$(member '[.name, .media_type, .size_bytes, .sha256, .status, .job.lang, .job.priority] | join(" ")')" = \
		"a word.png image/png $(stat -c %s "$WORD") $WORD_SUM queued deu+eng low" ]
	grep -qi "^location: /documents/$ID$" <<<"$HEADERS"
	wait_for 10 "for the outbox to be sent" outbox_empty
	local job
	job=$(member .job.id)
	queue_entries
	[ "$(queued_times "$job")" -eq 1 ]
	[ "$(redis --raw xrange 'filot:{ocr}:jobs:low' - + | sed -n "s/^[0-9]* $job [^ ]* //p" | jq -r '[.document, .sha256, .lang, .tenant] | join(" ")')" = \
		"$ID $WORD_SUM deu+eng $USER_ID" ]
	api GET "/documents/$ID"
	expect 200
	[ "$(member .status)" = queued ]
	api GET "/documents/$ID/file"
	expect 302
	curl -sf -o copy -D headers "$(member .url)"
	cmp copy "$WORD"
	grep -qi "content-disposition: attachment; filename\*=UTF-8''a%20word.png" headers
	all_well
}

@test "a form's file is taken with its name and fields, whatever their order" {
	api POST /documents -F "file=@$WORD;filename=../folder/brief.png" -F lang=fra -F priority=low -F other=x
	expect 201
	[ "$(member '[.name, .sha256, .job.lang, .job.priority] | join(" ")')" = "brief.png $WORD_SUM fra low" ]
	api POST /documents -F name=named -F "file=@$WORD"
	expect 201
	[ "$(member .name)" = named ]
}

@test "what a form or a body lacks is said, and leaves nothing behind" {
	local before
	before=$(sql 'select count(*) from documents')
	api POST /documents -F lang=eng
	expect 422 no_file
	api POST /documents -F "a=@$WORD" -F "b=@$WORD"
	expect 422 one_file
	api POST /documents -F "file=@$WORD" -F lang=../etc
	expect 422
	api POST /documents -F "file=@$WORD" -F priority=urgent
	expect 422
	api POST /documents -F "file=@$WORD" -F priority=high
	expect 403
	api POST /documents -H 'Content-Type: multipart/form-data' --data-binary x
	expect 400 bad_form
	api POST /documents -H 'Content-Type: multipart/form-data; boundary=b' --data-binary x
	expect 400 bad_form
	api POST /documents -H 'Content-Type: application/octet-stream' --data-binary 'only text'
	expect 415 unsupported_format
	api POST /documents -H 'Content-Type: text/html' --data-binary '<p>'
	expect 415 unsupported_media_type
	api POST /documents -H 'Content-Type: image/png' -d ''
	expect 422 empty_document
	api POST '/documents?lang=%2Fx' -H 'Content-Type: image/png' -T "$WORD"
	expect 422
	[ "$(sql 'select count(*) from documents')" -eq "$before" ]
	unset TOKEN
	api POST /documents -F "file=@$WORD"
	expect 401
}

@test "a document of several parts arrives whole, announced or in chunks, in little memory" {
	local pid before peak
	{
		cat "$WORD"
		head -c $((${MIB:-64} * 1024 * 1024)) /dev/urandom
	} >large.png
	pid=$(server_pid "$SERVERS_DIR" api)
	echo 5 >"/proc/$pid/clear_refs" # the peak begins anew
	before=$(awk '/^VmRSS/ { print $2 }' "/proc/$pid/status")
	upload large.png
	expect 201
	[ "$(member .sha256)" = "$(sha256sum large.png | cut -d' ' -f1)" ]
	api GET "/documents/$ID/file"
	[ "$(curl -sf "$(member .url)" | sha256sum)" = "$(sha256sum <large.png)" ]
	upload - <large.png
	expect 201
	[ "$(member .sha256)" = "$(sha256sum large.png | cut -d' ' -f1)" ]
	peak=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
	echo "# ${MIB:-64} MiB twice: from $before kB to at most $peak kB resident" >&3
	((peak - before < 24 * 1024)) # a part is in a memory file of 8 MiB besides
	rm large.png
}

@test "more bytes than are allowed are refused, announced or not, and nothing of them stays" {
	API_NAME=small api_start --upload-limit 1M
	{
		cat "$WORD"
		head -c 1048576 /dev/zero
	} >large.png
	upload large.png
	expect 413
	upload - <large.png
	expect 413
	api POST /documents -F "file=@large.png"
	expect 413
	API_NAME=small api_stop
	[ "$(sql 'select count(*) from documents where stored_at is null')" -eq 0 ]
}

@test "an upload that breaks off leaves nothing: no row, no object, no parts" {
	{
		cat "$WORD"
		head -c $((20 * 1024 * 1024)) /dev/urandom
	} >large.png
	# Killed, for a curl that gives up by itself ends the body rightly.
	(head -c $((18 * 1024 * 1024)) large.png; exec sleep 2.5) | timeout -s KILL 2 \
		curl -s -H "Authorization: Bearer $TOKEN" -H 'Content-Type: image/png' -T - "$API_URL/documents?name=broken" -X POST || true
	gone() {
		[[ $(sql "select count(*) from documents where name = 'broken'") == 0 && $(sql 'select count(*) from loose_objects') == 0 ]]
	}
	wait_for 30 "for what was begun to be removed" gone
}

# ---- idempotency ----

@test "the same key and request get the same answer, and make one document and one job" {
	local first
	upload "$WORD" -H 'Idempotency-Key: key-1'
	expect 201
	first=$BODY
	upload "$WORD" -H 'Idempotency-Key: key-1'
	expect 201
	[ "$BODY" = "$first" ]
	[ "$(sql "select count(*) from jobs where document_id = '$ID'")" -eq 1 ]
}

@test "the same key with another request is refused, and another user's key is another key" {
	upload "$WORD" -H 'Idempotency-Key: key-2'
	expect 201
	local id=$ID
	QUERY='?lang=deu' upload "$WORD" -H 'Idempotency-Key: key-2'
	expect 422 idempotency_key_reused
	upload "$FILOT_ROOT/tests/data/phototest.tif" -H 'Idempotency-Key: key-2'
	expect 422 idempotency_key_reused
	api_json POST /documents '{}' -H 'Idempotency-Key: key-2'
	expect 422 idempotency_key_reused
	api POST /documents -H 'Idempotency-Key;' -T "$WORD"
	expect 400 bad_idempotency_key
	api_user
	upload "$WORD" -H 'Idempotency-Key: key-2'
	expect 201
	[ "$ID" != "$id" ]
}

@test "requests with one key at the same time make one document" {
	local at
	for at in 1 2 3 4 5 6 7 8; do
		curl -s -o "answer.$at" -w '%{http_code}\n' -H "Authorization: Bearer $TOKEN" -H 'Idempotency-Key: key-3' \
			-H 'Content-Type: image/png' -T "$WORD" -X POST "$API_URL/documents?name=race" >"status.$at" &
	done
	wait
	[ "$(sql "select count(*) from documents where name = 'race'")" -eq 1 ]
	[ "$(cat status.* | grep -vcx '201\|409')" -eq 0 ]
	[ "$(grep -lx 201 status.* | wc -l)" -ge 1 ]
}

# ---- presigned uploads ----

@test "a presigned upload becomes a document when it is complete, once" {
	api_json POST /documents "{\"name\":\"put.png\",\"size_bytes\":$(stat -c %s "$WORD"),\"sha256\":\"${WORD_SUM^^}\"}" \
		-H 'Idempotency-Key: put-1'
	expect 201
	ID=$(member .id)
	local url
	url=$(member .upload.url)
	api_json POST /documents "{\"name\":\"put.png\",\"size_bytes\":$(stat -c %s "$WORD"),\"sha256\":\"$WORD_SUM\"}" \
		-H 'Idempotency-Key: put-1'
	expect 201
	[ "$(member .id)" = "$ID" ]
	api GET "/documents/$ID"
	[ "$(member .status)" = uploading ]
	api GET "/documents/$ID/file"
	expect 409 not_stored
	api POST "/documents/$ID/complete"
	expect 409 not_uploaded
	curl -sf -T "$WORD" "$url"
	api_json POST "/documents/$ID/complete" '{"lang":"deu"}'
	expect 200
	[ "$(member '[.name, .media_type, .sha256, .job.lang] | join(" ")')" = "put.png image/png $WORD_SUM deu" ]
	local first=$BODY
	api POST "/documents/$ID/complete"
	expect 200
	[ "$BODY" = "$first" ]
	[ "$(sql "select count(*) from jobs where document_id = '$ID'")" -eq 1 ]
	# The URL is good for a while longer, but what was taken stays as it was.
	printf 'another' | curl -sf -T - "$url"
	api GET "/documents/$ID/file"
	[ "$(curl -sf "$(member .url)" | sha256sum)" = "$WORD_SUM  -" ]
	all_well
}

@test "what was put must be what was announced, and a document" {
	api_json POST /documents '{"size_bytes":22}'
	expect 201
	ID=$(member .id)
	curl -sf -T "$WORD" "$(member .upload.url)"
	api POST "/documents/$ID/complete"
	expect 422 wrong_size
	api_json POST /documents "{\"sha256\":\"$(printf x | sha256sum | cut -d' ' -f1)\"}"
	ID=$(member .id)
	curl -sf -T "$WORD" "$(member .upload.url)"
	api POST "/documents/$ID/complete"
	expect 422 checksum_mismatch
	api_json POST /documents '{}'
	ID=$(member .id)
	printf 'only text' | curl -sf -T - "$(member .upload.url)"
	api POST "/documents/$ID/complete"
	expect 415 unsupported_format
	api_json POST /documents '{"size_bytes":-1}'
	expect 422
	api_json POST /documents '{"sha256":"x"}'
	expect 422
	api_json POST /documents '{"size_bytes":999999999999}'
	expect 413
	api_json POST /documents '[1]'
	expect 422
	api_json POST /documents '{'
	expect 400
}

@test "an upload that is never completed goes when its time is over, with its object" {
	api_json POST /documents '{"name":"forgotten"}'
	expect 201
	ID=$(member .id)
	curl -sf -T "$WORD" "$(member .upload.url)"
	sql "update loose_objects set expires_at = now() where document_id = '$ID'"
	gone() {
		api GET "/documents/$ID"
		[[ $STATUS == 404 ]]
	}
	wait_for 30 "for the upload to be removed" gone
	api POST "/documents/$ID/complete"
	expect 404
}

# ---- reading, showing, finding ----

@test "a document that a worker read has its text, its result line and a hit in the search" {
	redis del 'filot:{ocr}:jobs' 'filot:{ocr}:jobs:low' >/dev/null # of the tests before
	QUERY='?name=%3Cb%3Ephoto.tif' upload "$FILOT_ROOT/tests/data/phototest.tif"
	expect 201
	api GET "/documents/$ID/text"
	expect 409 not_yet_read
	api GET "/documents/$ID/result"
	expect 409 not_yet_read
	wait_for 10 "for the outbox to be sent" outbox_empty
	work_once
	until_is done
	[ "$(member .pages)" -eq 1 ]
	api GET "/documents/$ID/text"
	expect 200
	[[ $BODY == *'The quick brown dog'* ]]
	api GET "/documents/$ID/result"
	expect 200
	[ "$(member '[.v, .document, .status, (.pages | length), .pages[0].page, .engine.model, (.ms.total > 0)] | join(" ")')" = \
		"1 $ID done 1 1 eng true" ]
	[[ $(member '.pages[0].lines[0].words[0].text') == This ]]
	api GET '/search?q=quick+dog'
	expect 200
	[ "$(member '[.hits[0].document, .hits[0].page] | join(" ")')" = "$ID 1" ]
	[[ $(member '.hits[0].snippet') == *'<mark>quick</mark>'* ]]
	api GET '/search?q=%22dog+quick%22'
	[ "$(member '.hits | length')" -eq 0 ]
	api GET '/search?q=quick+-fox'
	[ "$(member '.hits | length')" -eq 0 ]
}

@test "a snippet is safe to show, whatever was read, and pages of hits follow each other" {
	local at
	upload "$WORD"
	sql "update jobs set state = 'done', page_count = 5, finished_at = now() where document_id = '$ID';
		insert into ocr_pages (job_id, number, document_id, width_px, height_px, dpi, confidence, text, layout)
			select id, number, document_id, 1, 1, 1, 1,
				E'<script>alert(\"x\")</script> \\x01zebra\\x02 & ''zebra'' ' || repeat('zebra ', number), '{}'
			from jobs, generate_series(1, 5) number where document_id = '$ID';
		update documents set latest_job_id = (select id from jobs where document_id = '$ID') where id = '$ID'"
	local seen='' cursor=
	for at in 1 2 3; do
		api GET "/search?q=zebra&limit=2${cursor:+&cursor=$cursor}"
		expect 200
		[[ $BODY != *'<script'* && $(member '.hits[].snippet') != *'<'[^m/]* ]]
		[[ $(member '.hits[0].snippet') == *'<mark>zebra</mark>'* ]]
		seen+=" $(member '.hits[].page' | tr '\n' ' ')"
		cursor=$(member .next_cursor)
	done
	[ "$cursor" = null ]
	[ "$(tr ' ' '\n' <<<"$seen" | sort -n | xargs)" = '1 2 3 4 5' ]
	api GET '/search?q=zebra&cursor=x'
	expect 422
	api GET '/search'
	expect 422
	api GET "/search?q=$(printf 'a%.0s' {1..600})"
	expect 422
	api GET '/search?q=%27%22%29%28%26%7C%21%3A*'
	expect 200
}

@test "documents are listed newest first, page by page, each once" {
	api_user
	local at ids='' cursor=
	for at in 1 2 3 4 5; do
		upload "$WORD"
		ids="$ID $ids"
	done
	local seen=''
	for at in 1 2 3; do
		api GET "/documents?limit=2${cursor:+&cursor=$cursor}"
		expect 200
		seen+=$(member '.documents[].id' | tr '\n' ' ')
		cursor=$(member .next_cursor)
	done
	[ "$seen" = "$ids" ]
	[ "$cursor" = null ]
	api GET '/documents?limit=0'
	expect 422
	api GET '/documents?limit=1e3'
	expect 422
}

@test "another user's document is not found, by any path; a service sees it" {
	upload "$WORD"
	expect 201
	local id=$ID path owner=$TOKEN
	api_user
	for path in '' /text /result /file /events; do
		api GET "/documents/$id$path"
		expect 404
	done
	api POST "/documents/$id/complete"
	expect 404
	api DELETE "/documents/$id"
	expect 404
	api GET "/documents/..%2f$id"
	[[ $STATUS == 4* ]]
	TOKEN=$FILOT_SERVICE_KEY
	api GET "/documents/$id"
	expect 200
	TOKEN=$owner
	api GET "/documents/$id"
	expect 200
}

@test "of documents that are looked up at the same time each is found for its owner alone" {
	local at user own other names=(one two)
	local -a tokens=() ids=()
	for user in 0 1; do
		api_user
		upload "$WORD"
		expect 201
		tokens+=("$TOKEN") ids+=("$ID")
	done
	for at in {1..200}; do
		user=$((at % 2))
		own=${ids[user]} other=${ids[1 - user]}
		((at % 5)) || own=$other # then it is not found
		((at == 1)) || echo next
		printf '%s\n' "url = \"$API_URL/documents/$own\"" "header = \"Authorization: Bearer ${tokens[user]}\"" \
			"output = \"${names[user]}.$own.$at\"" 'write-out = "%{http_code} %{filename_effective}\n"'
	done >requests
	curl -s -Z --parallel-max 50 -K requests >answers 2>progress
	[ "$(wc -l <answers)" -eq 200 ]
	for user in 0 1; do
		[ "$(grep -c "^200 ${names[user]}.${ids[user]}." answers)" -eq 80 ]
		[ "$(grep -c "^404 ${names[user]}.${ids[1 - user]}." answers)" -eq 20 ]
		[ "$(cat "${names[user]}.${ids[user]}."* | jq -r .id | sort | uniq -c | xargs)" = "80 ${ids[user]}" ]
	done
}

@test "a deleted document is gone with its text and file, and its job is not read" {
	upload "$WORD"
	expect 201
	api GET "/documents/$ID/file"
	local url
	url=$(member .url)
	api DELETE "/documents/$ID"
	expect 204
	api GET "/documents/$ID"
	expect 404
	api DELETE "/documents/$ID"
	expect 404
	[ "$(sql "select state from jobs where document_id = '$ID'")" = cancelled ]
	object_gone() {
		[[ $(curl -s -o /dev/null -w '%{http_code}' "$url") == 404 ]]
	}
	wait_for 30 "for the object to be removed" object_gone
	work_once
	[ "$(sql "select count(*) from ocr_pages where document_id = '$ID'")" -eq 0 ]
	[ "$(sql "select state from jobs where document_id = '$ID'")" = cancelled ]
}

# ---- following ----

# follow [curl arguments]: the events of document $ID in `events`, in the background.
follow() {
	curl -sN --max-time 60 -H "Authorization: Bearer $TOKEN" "$@" "$API_URL/documents/$ID/events" >events &
	follower=$!
}

seen() {
	grep -qx "event: $1" events
}

@test "who follows a document hears of each step, to the end" {
	redis del 'filot:{ocr}:jobs' 'filot:{ocr}:jobs:low' >/dev/null
	upload "$WORD"
	follow
	wait_for 10 "for the first event" seen queued
	wait_for 10 "for the outbox to be sent" outbox_empty
	work_once
	wait "$follower"
	[ "$(grep '^event:' events | cut -d' ' -f2 | grep -v page | xargs)" = 'queued started done' ]
	[ "$(sed -n 's/^data: //p' events | tail -1 | jq -r '[.document, .status, .pages] | join(" ")')" = "$ID done 1" ]
	# Who comes again hears what is new only.
	follow -H "Last-Event-ID: $(grep '^id: .*\.1$' events | cut -d' ' -f2)"
	wait "$follower"
	[ "$(grep '^event:' events | xargs)" = 'event: done' ]
	follow -H "Last-Event-ID: $(grep '^id:' events | tail -1 | cut -d' ' -f2)"
	wait "$follower"
	! grep -q '^event:' events
}

# step_to_page: lets the worker's reader go on for a moment; a page has been told of. However fast pages are read, the document
# is then not over within the second after which the worker tells how far it is.
step_to_page() {
	local readers
	readers=$(pgrep -d, -P "$worker" filot-reader) || return 1
	pkill -CONT -P "$readers" || true
	seen page || {
		pkill -STOP -P "$readers" || true
		return 1
	}
}

@test "who follows a long document hears how far it is" {
	redis del 'filot:{ocr}:jobs' 'filot:{ocr}:jobs:low' >/dev/null
	local at pages=()
	for at in {1..60}; do
		pages+=("$FILOT_ROOT/tests/data/phototest.tif")
	done
	tiffcp "${pages[@]}" long.tif
	upload long.tif
	expect 201
	follow
	wait_for 10 "for the outbox to be sent" outbox_empty
	filot-ocr-gpu --queue --once 2>worker.log &
	worker=$!
	wait_for 60 "for a page to be told of" step_to_page
	wait "$worker"
	wait "$follower"
	[ "$(grep '^event:' events | cut -d' ' -f2 | uniq | xargs)" = 'queued started page done' ] || {
		cat events worker.log
		false
	}
	local told
	told=$(sed -n 's/^data: //p' events | jq -r 'select(.page) | "\(.page) \(.pages)"')
	[ -z "$(grep -v ' 60$' <<<"$told")" ]
	[ "$told" = "$(sort -n -u <<<"$told")" ]
}

@test "followers hold no thread: many of them, and others are answered at once" {
	upload "$WORD"
	local at pids=()
	for at in $(seq 100); do
		curl -sN --max-time 60 -H "Authorization: Bearer $TOKEN" "$API_URL/documents/$ID/events" >"follow.$at" &
		pids+=($!)
	done
	all_follow() {
		[[ $(cat follow.* 2>/dev/null | grep -c '^event: queued') -ge 100 ]]
	}
	wait_for 30 "for all to follow" all_follow
	api GET "/documents/$ID"
	expect 200
	api DELETE "/documents/$ID"
	expect 204
	wait "${pids[@]}"
	[ "$(grep -l '^event: deleted' follow.* | wc -l)" -eq 100 ]
}

# ---- trouble ----

@test "a queue that is away costs nothing: documents are taken, and sent when it is back" {
	server_kill "$SERVERS_DIR" redis
	upload "$WORD"
	expect 201
	[ "$(sql "select count(*) from job_outbox join jobs on id = job_id where document_id = '$ID'")" -eq 1 ]
	server_start "$SERVERS_DIR" redis
	wait_for 60 "for the outbox to be sent" outbox_empty
	queue_entries
	[ "$(queued_times "$(member .job.id)")" -eq 1 ]
}

@test "storage that is away is 503, and leaves no document" {
	server_pause "$SERVERS_DIR" storage
	server_kill "$SERVERS_DIR" storage
	upload "$WORD" -H 'Idempotency-Key: away'
	expect 503
	server_start "$SERVERS_DIR" storage
	upload "$WORD" -H 'Idempotency-Key: away'
	expect 201
	all_well
}

@test "two senders share an outbox: each job is in the queue once" {
	local at
	server_kill "$SERVERS_DIR" redis
	curl -s -o answers -w '%{http_code}\n' -H "Authorization: Bearer $TOKEN" -H 'Content-Type: image/png' \
		--data-binary "@$WORD" "$API_URL/documents?name=shared-[1-30]" >statuses
	[ "$(sort statuses | uniq -c | xargs)" = '30 201' ]
	local url=$API_URL
	API_NAME=second api_start
	server_start "$SERVERS_DIR" redis
	wait_for 60 "for the outbox to be sent" outbox_empty
	API_NAME=second api_stop
	API_URL=$url
	queue_entries
	sql "select j.id from jobs j join documents d on d.id = document_id where name like 'shared-%'" >shared
	[ "$(wc -l <shared)" -eq 30 ]
	while read -r at; do
		[ "$(queued_times "$at")" -eq 1 ]
	done <shared
}

@test "through a pooler in transaction mode everything is the same" {
	local url=$API_URL
	FILOT_DATABASE_URL=$SERVERS_DATABASE_POOLED_URL API_NAME=pooled api_start
	upload "$WORD" -H 'Idempotency-Key: pooled'
	expect 201
	local first=$BODY at
	for at in $(seq 20); do
		curl -s -o /dev/null -H "Authorization: Bearer $TOKEN" "$API_URL/documents" &
	done
	wait
	upload "$WORD" -H 'Idempotency-Key: pooled'
	expect 201
	[ "$BODY" = "$first" ]
	wait_for 10 "for the outbox to be sent" outbox_empty
	api DELETE "/documents/$ID"
	expect 204
	! grep -i 'prepared statement' "$SERVERS_DIR/pooled/log"
	API_NAME=pooled api_stop
	API_URL=$url
	all_well
}
