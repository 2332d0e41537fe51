#!/usr/bin/env bats
# What the manuals promise to hold whole.

FILOT_ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

setup() {
	cd "$FILOT_ROOT" || return 1
}

# Every name that the code gives to a key in Redis, those of the queue with {ocr}, without their priorities.
keys_in_the_code() {
	{
		grep -rhoE '"filot:\{[^"]+"' common cmd --include='*.c' | tr -d '"' | grep -v '^filot:{%s}:%s$'
		grep -oE '\[QUEUE_[A-Z_]+\][ 	]*= *"[a-z:]+"' common/redis/queue.c | sed -E 's/.*"(.*)"/filot:{%s}:\1/'
		sed -nE 's/.*key_names\[KEY_COUNT\] = \{(.*)\};/\1/p' common/buli2/queue.c | tr -d ' "' | tr , '\n' |
			sed 's/^/filot:{buli2}:/'
		echo 'filot:{%s}:backlog/'
	} | sed -E 's/\{%s\}/{ocr}/; s/:(high|low)$//; s/%s.*//' | sort -u
}

@test "filot(7) has every key in Redis" {
	local key keys missing=
	keys=$(keys_in_the_code)
	[ "$(wc -l <<<"$keys")" -ge 23 ]
	for key in $keys; do
		grep -qE "^\.It Li ${key//[{\}]/.}([A-Z:]+)?$" man/filot.7 || missing+=" $key"
	done
	echo "missing:$missing"
	[ -z "$missing" ]
}

@test "names of keys are put together where the test above looks for them" {
	run grep -rlF '"filot:{%s}:%s"' common cmd --include='*.c'
	[ "$(sort <<<"$output" | xargs)" = 'cmd/filot-api/events.c cmd/filot-healthd/collector.c cmd/filot-healthd/status.c common/buli2/queue.c common/redis/queue.c' ]
	# the first three only read what the others keep
	run grep -hoE 'names\[\] = \{ ("[a-z:]+",? ?)+\}' cmd/filot-api/events.c cmd/filot-healthd/status.c
	[ "$(grep -oE '"[^"]*"' <<<"$output" | xargs)" = 'progress events jobs:high jobs jobs:low dead' ]
	run grep -hoE 'read_number\(collector, "[A-Z]+", "[a-z:]+"' cmd/filot-healthd/collector.c
	[ "$(grep -oE '"[a-z:]+"' <<<"$output" | sort | xargs)" = 'dead requests retry' ]
	# and no script makes a name but a tenant's list
	run grep -rhE "KEYS\[[^]]*\] *\.\.|'filot:" common cmd --include='*.lua'
	[ "$(grep -cv "\.\. '/' \.\." <<<"$output")" -eq 0 ]
}
