#!/usr/bin/env bats
# filot-requeue and scripts/ops/requeue_stuck_jobs.sh where there is no queue: what they say and refuse. (What they do to
# a queue is in tests/system/requeue.bats.)

bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	unset FILOT_REDIS_URL REDIS_URL FILOT_DATABASE_URL DATABASE_URL
	script=$FILOT_ROOT/scripts/ops/requeue_stuck_jobs.sh
	# a port where nobody listens
	nobody=redis://127.0.0.1:$(port_free)
	cd "$BATS_TEST_TMPDIR" || exit
}

usage_error() { # TEXT ARGUMENTS…: 64, and the message has the text
	local text=$1
	shift
	run -64 filot-requeue --redis-url "$nobody" "$@"
	[[ $output == *"$text"* && $output == *--help* ]]
}

@test "--help names every flag of the manual and the other way round, and all verbs" {
	filot-requeue --help >text
	grep -oE -- '--[a-z][a-z-]*' text | sort -u >help
	mandoc -T ascii -O width=200 "$FILOT_ROOT/man/filot-requeue.1" | sed 's,.\x08,,g' | grep -oE -- '--[a-z][a-z-]*' |
		sort -u >manual
	diff help manual
	for verb in list show drop cancel stats; do
		grep -q "^ *filot-requeue .*$verb" text
	done
}

@test "without a Redis URL it is a configuration error" {
	run -78 filot-requeue
	[[ $output == *FILOT_REDIS_URL* ]]
	run -78 filot-requeue --redis-url http://localhost
}

@test "a Redis that is not there is 69, for every verb" {
	run -69 filot-requeue --redis-url "$nobody" --wait 0s
	run -69 filot-requeue --redis-url "$nobody" --wait 0s --dead
	run -69 filot-requeue --redis-url "$nobody" --wait 0s list
	run -69 filot-requeue --redis-url "$nobody" --wait 0s stats
	run -69 filot-requeue --redis-url "$nobody" --wait 0s drop --yes 01HZZZZZZZZZZZZZZZZZZZZZZZ
}

@test "verbs and operands that make no sense are usage errors" {
	usage_error 'none of: list, show' lists
	usage_error 'too much' list dead delayed
	usage_error 'needs a job' show
	usage_error 'needs a job' drop
	usage_error 'too much' stats 5
	usage_error 'is not a duration' stats --watch soon
}

@test "flags that do not go together are usage errors" {
	usage_error 'exclude each other' --dead --delayed
	usage_error '--dead goes without a verb: say "list dead"' --dead list
	usage_error '--since and --until go with --dead' --since 2h
	usage_error 'filters' cancel --tenant t 01HZZZZZZZZZZZZZZZZZZZZZZZ
	usage_error '--rate' --rate 5/s list
	usage_error '--dry-run' --dry-run stats
	usage_error '--watch' --watch
}

@test "values that are none are usage errors" {
	usage_error 'neither a duration' --dead --since yesterday
	usage_error 'is not a rate' --rate fast
	usage_error 'is not a rate' --rate 0/s
	usage_error 'is not a rate' --rate 5/d
	usage_error 'no code' --dead --code 404
	usage_error 'is not within' --limit 0
}

@test "the script prints its help and refuses what it does not know" {
	run -0 "$script" --help
	[[ ${lines[0]} == 'usage: scripts/ops/requeue_stuck_jobs.sh'* ]]
	[[ $output == *--redis-url* && $output != *set\ -* ]]
	run -64 "$script" --nonsense
	[[ $output == *--nonsense*--help* ]]
	run -64 "$script" --redis-url
	run -64 "$script" --redis-url ''
	[[ $output == *'is the variable set?'* ]]
}

@test "the script finds the command in build/bin, then in PATH, and says when it is in neither" {
	mkdir -p path build/bin
	printf '#!/bin/sh\necho "built $%s $*"\n' FILOT_REDIS_URL >build/bin/filot-requeue
	printf '#!/bin/sh\necho "path $%s $*"\n' FILOT_REDIS_URL >path/filot-requeue
	chmod +x build/bin/filot-requeue path/filot-requeue
	# the URL goes by the environment: other users see arguments
	FILOT_BUILD=$PWD/build run -0 "$script" --redis-url redis://a --min-idle 2m --dry-run
	[ "$output" = 'built redis://a --min-idle 2m --dry-run' ]
	FILOT_BUILD=$PWD/none PATH="$PWD/path:/usr/bin:/bin" run -0 "$script" --redis-url=redis://a --limit=5
	[ "$output" = 'path redis://a --limit 5' ]
	FILOT_BUILD=$PWD/none PATH=/usr/bin:/bin run -69 "$script" --redis-url redis://a
	[[ $output == *'neither in'*'nor in PATH'*'what to do'* ]]
}

@test "the script passes on exit statuses" {
	run -69 "$script" --redis-url "$nobody"
	run -78 "$script"
	[[ $output == *FILOT_REDIS_URL* ]]
	run -64 "$script" --redis-url "$nobody" --min-idle soon
}
