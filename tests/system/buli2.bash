# shellcheck shell=bash source-path=SCRIPTDIR
# The stand-in for BULI2, and rows for it. After `load helper`:
#
#   buli2_start NAME     starts one; its port is in $BULI2_PORT, the settings of filot-buli2 are exported
#   buli2_stop NAME      ends it
#   behave WHAT…         what it does with the next requests, the last for all that follow
#   buli2_state FILTER   jq over what it has seen

buli2_start() {
	local file=$BATS_FILE_TMPDIR/buli2.$1
	rm -f "$file"
	python3 "$BATS_TEST_DIRNAME/buli2_server.py" the-signature-secret the-api-key </dev/null >"$file" 2>"$file.log" 3>&- 4>&- &
	echo $! >"$file.pid"
	wait_for 20 "for BULI2's stand-in" test -s "$file"
	BULI2_PORT=$(cat "$file")
	FILOT_BULI2_API_URL=http://127.0.0.1:$BULI2_PORT/v1/verifications
	FILOT_BULI2_API_KEY=the-api-key
	FILOT_BULI2_SIGNATURE_SECRET=the-signature-secret
	export BULI2_PORT FILOT_BULI2_API_URL FILOT_BULI2_API_KEY FILOT_BULI2_SIGNATURE_SECRET
}

buli2_stop() {
	local file=$BATS_FILE_TMPDIR/buli2.$1
	[[ -f $file.pid ]] || return 0
	kill -KILL "$(cat "$file.pid")" 2>/dev/null || true
	rm -f "$file.pid"
}

# buli2_begin: a test begins, nothing was seen yet
buli2_begin() {
	curl -q -s -f -X PUT --data-binary '["ok"]' "http://127.0.0.1:$BULI2_PORT/begin"
}

behave() {
	jq -cn '$ARGS.positional' --args "$@" | curl -q -s -f -X PUT --data-binary @- "http://127.0.0.1:$BULI2_PORT/behave"
}

buli2_state() {
	curl -q -s -f "http://127.0.0.1:$BULI2_PORT/state" | jq -r "$1"
}

buli2_state_is() {
	[ "$(buli2_state "$1")" = "$2" ]
}

# deliveries_make N [PREFIX]: so many verifications that are evaluated, each with its delivery
deliveries_make() {
	sql "with v as (insert into verifications (id, claimed, state, score)
	       select '${2:-v}-' || n, '{}', 'evaluated', 0.9 from generate_series(1, $1) n returning id)
	     insert into deliveries (id, verification_id, idempotency_key, payload)
	     select 'd-' || id, id, 'key-' || id, jsonb_build_object('verification', id, 'score', 0.9) from v"
}

deliveries_in() { # STATE
	sql "select count(*) from deliveries where state = '$1'"
}

deliveries_are() { # STATE COUNT
	[ "$(deliveries_in "$1")" -eq "$2" ]
}
