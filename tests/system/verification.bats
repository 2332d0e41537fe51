#!/usr/bin/env bats
# Verifications through the API: taken once, evaluated when their documents are read, by whichever process is there,
# delivered to BULI2, and decided by its signed callbacks, in whatever order and number these come.
# bats file_tags=sanitized

bats_require_minimum_version 1.5.0
load helper
load api
load buli2

setup_file() {
	api_servers redis postgres storage pgbouncer
	FILOT_BULI2_SIGNATURE_SECRET=the-signature-secret api_start
	buli2_start file
}

teardown_file() {
	buli2_stop file
	api_stop
	servers_teardown
}

setup() {
	export FILOT_BULI2_SIGNATURE_SECRET=the-signature-secret
	BULI2_PORT=$(cat "$BATS_FILE_TMPDIR/buli2.file")
	cd "$BATS_TEST_TMPDIR"
	server_running "$SERVERS_DIR" api || api_start
	api_user
	behave ok
}

passport='PASSPORT
P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<
L898902C36UTO7408122F1204159ZE184226B<<<<<10'
claimed='{"surname":"Eriksson","given_names":"Anna Maria","birth_date":"1974-08-12","document_number":"L898902C3"}'

# document_make ID: a document of the user that is stored and waits for its job
document_make() {
	sql "insert into documents (id, owner_id, uri, stored_at, media_type) values ('$1', '$USER_ID', 'r2://b/$1', now(), 'image/png')"
	sql "insert into jobs (id, document_id, uri) values ('job-$1', '$1', 'r2://b/$1')"
}

# document_read ID TEXT: its job ends, as a worker ends it
document_read() {
	local text=${2//\'/\'\'}
	sql "update jobs set state = 'done', page_count = 1, finished_at = now() where id = 'job-$1';
	     insert into ocr_pages (job_id, number, document_id, width_px, height_px, dpi, confidence, text, layout)
	     values ('job-$1', 1, '$1', 100, 100, 300, 90, '$text', '{}');
	     update documents set latest_job_id = 'job-$1' where id = '$1'"
}

document_fail() {
	sql "update jobs set state = 'failed', error_code = 'corrupt_document', finished_at = now() where id = 'job-$1'"
}

# verification_make DOCUMENT…: its id in $VERIFICATION
verification_make() {
	local documents
	documents=$(jq -cn '$ARGS.positional' --args "$@")
	api_json POST /verification/evaluate "{\"claimed\":$claimed,\"documents\":$documents}"
	expect 201
	VERIFICATION=$(member .id)
}

# user_become ROLE TENANT: the user's next token says so
user_become() {
	sql "update users set role = '$1', tenant = $2 where id = '$USER_ID'"
	TOKEN='' api_json POST /auth/refresh "{\"refresh_token\":\"$REFRESH\"}"
	expect 200
	TOKEN=$(member .access_token) REFRESH=$(member .refresh_token)
}

state_is() { # STATE
	[ "$(sql "select state from verifications where id = '$VERIFICATION'")" = "$1" ]
}

new_id() {
	openssl rand -hex 8
}

# callback ID DECISION [SECRET [TIMESTAMP]]
callback() {
	local body time=${4:-$(date +%s)} signature
	body="{\"id\":\"$1\",\"verification\":\"${TARGET:-$VERIFICATION}\",\"decision\":\"$2\",\"reason\":\"test\"}"
	signature=$(printf '%s.%s' "$time" "$body" | openssl dgst -sha256 -hmac "${3:-the-signature-secret}" -r | cut -d' ' -f1)
	TOKEN='' api_json POST /callbacks/buli2 "$body" -H "X-FiLot-Timestamp: $time" -H "X-FiLot-Signature: v1=$signature"
}

@test "a verification goes from reading to BULI2's decision" {
	local document
	document=d-$(new_id)
	document_make "$document"
	verification_make "$document"
	[ "$(member .state)" = reading ]
	[ "$(grep -i '^location:' <<<"$HEADERS" | cut -d' ' -f2)" = "/verification/$VERIFICATION" ]
	document_read "$document" "$passport"
	wait_for 20 'for the evaluation' state_is evaluated
	api GET "/verification/$VERIFICATION"
	expect 200
	jq -e '(.checks | map(select(.claimed != null and .agrees)) | length) == 4 and .score > 0.8 and .documents[0].state == "done"' <<<"$BODY"
	jq -e '.checks[] | select(.member == "not_expired") | .agrees == false' <<<"$BODY"
	filot-buli2 --drain >receipts
	jq -se --arg v "$VERIFICATION" 'map(select(.verification == $v and .status == "delivered")) | length == 1' receipts
	state_is submitted
	buli2_state_is "[.bodies[\"verification-$VERIFICATION\"] | fromjson | .claimed.surname, (.checks | length > 4), .verification] | join(\" \")" "Eriksson true $VERIFICATION"
	callback "c-$VERIFICATION" approved
	expect 200
	[ "$(member .outcome)" = applied ]
	api GET "/verification/$VERIFICATION"
	jq -e '.state == "approved" and .decision.reason == "test" and (.decided_at | endswith("Z"))' <<<"$BODY"
}

@test "a passport that is uploaded is read by a worker, evaluated, delivered and decided" {
	python3 "$BATS_TEST_DIRNAME/passport_pdf.py" >passport.pdf
	api POST /documents -H 'Content-Type: application/pdf' --data-binary @passport.pdf
	[[ $STATUS == 20[12] ]] || expect 201
	local document
	document=$(member .id)
	verification_make "$document"
	was_read() { filot-ocr-gpu --queue --once --jobs 1 2>worker.log && grep -q '"event":"job_done"' worker.log; }
	wait_for 60 'for the job to be read' was_read
	wait_for 20 'for the evaluation' state_is evaluated
	api GET "/verification/$VERIFICATION"
	jq -e '([.checks[] | select(.claimed != null)] | length == 4 and all(.agrees and .source == "mrz"))
		and (.checks[] | select(.member == "mrz") | .agrees and .read == "TD3")' <<<"$BODY"
	api GET "/documents/$document/result"
	jq -e '.pages[0] | .source == "text-layer" and (.text | contains("ERIKSSON"))' <<<"$BODY"
	filot-buli2 --drain >/dev/null
	state_is submitted
	callback "c-$VERIFICATION" review
	[ "$(member .outcome)" = applied ]
	callback "d-$VERIFICATION" rejected
	state_is rejected
}

@test "one document that cannot be read lowers the score, and none at all fails the verification" {
	local one two three
	one=d-$(new_id) two=d-$(new_id) three=d-$(new_id)
	document_make "$one"
	document_make "$two"
	document_make "$three"
	verification_make "$one" "$two"
	document_read "$one" "$passport"
	document_fail "$two"
	wait_for 20 'for the evaluation' state_is evaluated
	[ "$(sql "select score < 0.5 from verifications where id = '$VERIFICATION'")" = t ]
	verification_make "$three"
	document_fail "$three"
	wait_for 20 'for the failure' state_is failed
	api GET "/verification/$VERIFICATION"
	[ "$(member .error.code)" = unreadable ]
}

@test "an Idempotency-Key makes one verification, and another request with it is refused" {
	local document body key
	document=d-$(new_id) key=$(new_id)
	document_make "$document"
	body="{\"claimed\":$claimed,\"documents\":[\"$document\"]}"
	api_json POST /verification/evaluate "$body" -H "Idempotency-Key: $key"
	expect 201
	VERIFICATION=$(member .id)
	api_json POST /verification/evaluate "$body" -H "Idempotency-Key: $key"
	expect 200
	[ "$(member .id)" = "$VERIFICATION" ]
	api_json POST /verification/evaluate "{\"claimed\":{\"sex\":\"M\"},\"documents\":[\"$document\"]}" -H "Idempotency-Key: $key"
	expect 422 idempotency_key_reused
	api_json POST /verification/evaluate "$body" -H 'Idempotency-Key: a' -H 'Idempotency-Key: b'
	expect 400 bad_idempotency_key
	[ "$(sql "select count(*) from verifications where owner_id = '$USER_ID'")" -eq 1 ]
}

@test "what is wrong with a request is said with its place" {
	local document
	document=d-$(new_id)
	document_make "$document"
	try() { # JSON STATUS POINTER
		api_json POST /verification/evaluate "$1"
		expect "$2" || return 1
		[ "$(member '.errors[0].pointer // ""')" = "$3" ] || { echo "$BODY"; return 1; }
	}
	try "{\"claimed\":{},\"documents\":[\"$document\"]}" 422 '#/claimed'
	try "{\"claimed\":{\"birth_date\":\"1974-13-12\"},\"documents\":[\"$document\"]}" 422 '#/claimed/birth_date'
	try "{\"claimed\":{\"shoe\":\"43\"},\"documents\":[\"$document\"]}" 422 '#/claimed/shoe'
	try "{\"claimed\":$claimed,\"documents\":[]}" 422 '#/documents'
	try "{\"claimed\":$claimed,\"documents\":[\"$document\",\"$document\"]}" 422 '#/documents/1'
	try "{\"claimed\":$claimed,\"documents\":[\"nobodys\"]}" 404 ''
	TOKEN=''
	try "{\"claimed\":$claimed,\"documents\":[\"$document\"]}" 401 ''
	[ "$(sql "select count(*) from verifications where owner_id = '$USER_ID'")" -eq 0 ]
}

@test "another's document and another's verification are not found" {
	local document
	document=d-$(new_id)
	document_make "$document"
	verification_make "$document"
	api_user
	api GET "/verification/$VERIFICATION"
	expect 404
	api_json POST /verification/evaluate "{\"claimed\":$claimed,\"documents\":[\"$document\"]}"
	expect 404 document_not_found
}

@test "a reviewer and an administrator see their tenant's verifications, and no other tenant's" {
	local document role tenant seen
	for tenant in "'acme'" null; do
		document=d-$(new_id)
		api_user
		user_become user "$tenant"
		document_make "$document"
		verification_make "$document"
		[ "$(sql "select tenant is not distinct from $tenant from verifications where id = '$VERIFICATION'")" = t ]
		api_user
		for role in user reviewer admin; do
			for seen in "'acme'" "'other'" null; do
				user_become "$role" "$seen"
				api GET "/verification/$VERIFICATION"
				if [ "$role" != user ] && [ "$seen" = "$tenant" ]; then expect 200; else expect 404 not_found; fi
			done
		done
		user_become admin "$tenant"
		api GET "/documents/$document" # is for its owner
		expect 404 not_found
		TOKEN=$FILOT_SERVICE_KEY
		api GET "/verification/$VERIFICATION"
		expect 200
	done
}

@test "callbacks that are not BULI2's, or old, change nothing" {
	local document
	document=d-$(new_id)
	document_make "$document"
	document_read "$document" "$passport"
	verification_make "$document"
	wait_for 20 'for the evaluation' state_is evaluated
	callback c1 approved wrong-secret
	expect 401 bad_signature
	callback c1 approved the-signature-secret $(($(date +%s) - 400))
	expect 401 stale_signature
	callback c1 approved the-signature-secret $(($(date +%s) + 400))
	expect 401 stale_signature
	TOKEN='' api_json POST /callbacks/buli2 "{\"id\":\"c1\",\"verification\":\"$VERIFICATION\",\"decision\":\"approved\"}"
	expect 401 bad_signature
	callback c1 perhaps
	expect 422
	state_is evaluated
	[ "$(sql "select count(*) from callbacks where id = 'c1'")" -eq 0 ]
}

@test "repeated, unknown and out-of-order callbacks are harmless" {
	local document outcomes=''
	document=d-$(new_id)
	document_make "$document"
	document_read "$document" "$passport"
	verification_make "$document"
	wait_for 20 'for the evaluation' state_is evaluated
	for step in 'r review' 'r review' 'a approved' 'a approved' 'late review' 'other rejected' 'r review'; do
		# shellcheck disable=SC2086 # id and decision
		callback ${step/ /-$VERIFICATION } # before BULI2's answer to the request was even seen
		expect 200
		outcomes+="$(member .outcome) "
	done
	[ "$outcomes" = 'applied repeated applied repeated ignored ignored repeated ' ]
	state_is approved
	# a person hears of the final decision that says the opposite, and of that one only
	[ "$(api_log | jq -r --arg v "$VERIFICATION" 'select(.event == "decision_contradicts" and .verification == $v) | .callback + " " + .stands')" = \
		"other-$VERIFICATION approved" ]
	TARGET=nobody callback "u-$VERIFICATION" approved
	[ "$(member .outcome)" = unknown ]
	filot-buli2 --drain >/dev/null # the delivery that comes after its decision does not take it back
	state_is approved
}

@test "twenty equal callbacks at once are applied once" {
	local document
	document=d-$(new_id)
	document_make "$document"
	document_read "$document" "$passport"
	verification_make "$document"
	wait_for 20 'for the evaluation' state_is evaluated
	for _ in {1..20}; do
		(callback "same-$VERIFICATION" rejected && member .outcome >>outcomes) &
	done
	wait
	[ "$(sort outcomes | uniq -c | xargs)" = '1 applied 19 repeated' ]
	state_is rejected
}

@test "several APIs, one of them killed, evaluate each verification once, also through a pooler" {
	local number
	FILOT_DATABASE_URL=$SERVERS_DATABASE_POOLED_URL API_NAME=second api_start
	for number in 1 2 3 4 5 6 7 8; do
		document_make "m$number-$USER_ID"
		verification_make "m$number-$USER_ID"
	done
	for number in 1 2 3 4 5 6 7 8; do
		document_read "m$number-$USER_ID" "$passport"
	done
	server_signal "$SERVERS_DIR" api KILL
	server_forget "$SERVERS_DIR" api
	all_evaluated() {
		[ "$(sql "select count(*) from verifications where owner_id = '$USER_ID' and state = 'evaluated'")" -eq 8 ]
	}
	wait_for 30 'for the evaluations' all_evaluated
	[ "$(sql "select count(*), count(distinct verification_id) from deliveries d join verifications v on v.id = d.verification_id where owner_id = '$USER_ID'")" = '8|8' ]
	API_NAME=second api_stop
}
