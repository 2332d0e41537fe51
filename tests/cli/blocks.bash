# shellcheck shell=bash
# Running what runbooks tell to type.
#
#   blocks_run TAG FILE…   each ```sh TAG block by itself, as it stands, from the checkout's root; those that fail are shown,
#                          the number of all is in $BLOCKS, of those that failed in $BLOCKS_FAILED
#
# One that does not end within a minute has failed.

blocks_run() {
	local block out=$BATS_TEST_TMPDIR/block.out
	BLOCKS=0 BLOCKS_FAILED=0
	while read -r block; do
		BLOCKS=$((BLOCKS + 1))
		timeout 60 bash -euo pipefail -c "$(jq -r .text <<<"$block")" >"$out" 2>&1 </dev/null || {
			BLOCKS_FAILED=$((BLOCKS_FAILED + 1))
			jq -r '"\(.file):\(.line): failed:", .text' <<<"$block"
			cat "$out"
		}
	done < <(python3 tests/cli/runbooks.py blocks "$@")
}
