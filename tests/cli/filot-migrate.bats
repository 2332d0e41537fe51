#!/usr/bin/env bats
# filot-migrate without a server: its command line, its folder of files, `new`, and what it says when there is no database.

# shellcheck disable=SC2154 # output, stderr and status are bats'
bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	mkdir migrations
	unset FILOT_DATABASE_URL FILOT_DATABASE_DIRECT_URL DATABASE_URL FILOT_MIGRATIONS
}

migrate() {
	filot-migrate --dir migrations "$@"
}

# A free port, where nobody listens.
unreachable_url() {
	printf 'postgresql://filot:topsecret@127.0.0.1:%s/filot' "$(port_free)"
}

@test "--help names every flag of the manual and the other way round" {
	filot-migrate --help | grep -o -- '--[a-z][a-z-]*' | sort -u >help
	mandoc -T ascii "$FILOT_ROOT/man/filot-migrate.1" | sed 's,.\x08,,g' | grep -oE -- '--[a-z][a-z-]*' | sort -u >manual
	diff help manual
}

@test "--help names every subcommand and setting, and the manual does, too" {
	mandoc -T ascii "$FILOT_ROOT/man/filot-migrate.1" | sed 's,.\x08,,g' >manual
	filot-migrate --help >help
	local word
	for word in up status verify 'new' baseline FILOT_DATABASE_URL FILOT_DATABASE_DIRECT_URL FILOT_MIGRATIONS; do
		grep -qw -- "$word" help
		grep -qw -- "$word" manual
	done
}

@test "the defaults in --help are those of the manual" {
	mandoc -T ascii -O width=200 "$FILOT_ROOT/man/filot-migrate.1" | sed 's,.\x08,,g' >manual
	filot-migrate --help >help
	local flag
	for flag in wait lock-timeout statement-timeout; do
		want=$(grep -A1 -- "--$flag " help | grep -oE '\([0-9]+[smh]' | tr -d '(')
		[ -n "$want" ]
		grep -A4 -E -- "--$flag +time" manual | grep -q "default is ${want}[.;]"
	done
}

@test "--version answers on standard output" {
	[[ $(filot-migrate --version) == 'filot-migrate '* ]]
}

@test "wrong command lines are usage errors with a hint" {
	local arguments
	for arguments in '' 'up x' 'status x' 'new' 'new a b' 'baseline' 'baseline 0' 'baseline x' 'baseline 1x' 'nope' \
		'--nonsense up' '--target 0 up' '--target x up' '--wait soon up' '--lock-timeout -1s up' '--dir'; do
		# shellcheck disable=SC2086 # words are meant to be split
		run --separate-stderr filot-migrate $arguments </dev/null
		echo "$arguments: $status $stderr"
		[ "$status" -eq 64 ]
		[ -z "$output" ]
		[[ $stderr == *'filot-migrate --help'* ]]
	done
}

@test "a missing database setting is a wrong configuration that names it" {
	local verb
	for verb in up status verify 'baseline 1'; do
		# shellcheck disable=SC2086 # words are meant to be split
		run --separate-stderr migrate $verb
		[ "$status" -eq 78 ]
		[[ $stderr == *FILOT_DATABASE_URL* ]]
	done
}

@test "a database URL that is none is a wrong configuration, and is not shown" {
	local url
	for url in postgresql://u:topsecret@h:port/d postgresql://u:p@topsecret@h/d; do
		FILOT_DATABASE_URL=$url run migrate --wait 0s status
		[ "$status" -eq 78 ]
		[[ $output == *'database URL'* && $output != *topsecret* ]]
	done
}

@test "--check-config shows what is set and no password" {
	FILOT_DATABASE_URL=postgresql://u:topsecret@h/d run --separate-stderr filot-migrate --check-config up
	[ "$status" -eq 0 ]
	[[ $output == *FILOT_DATABASE_URL*set*environment* ]]
	[[ $output$stderr != *topsecret* ]]
}

@test "a folder that is not there, or none at all, is a wrong configuration" {
	FILOT_DATABASE_URL=$(unreachable_url) run --separate-stderr filot-migrate --dir nowhere --wait 0s up
	[ "$status" -eq 78 ]
	[[ $stderr == *nowhere*'--dir'* ]]
	run --separate-stderr filot-migrate --dir nowhere new x
	[ "$status" -eq 78 ]
	FILOT_DATABASE_URL=$(unreachable_url) FILOT_MIGRATIONS=elsewhere run --separate-stderr filot-migrate --wait 0s up
	[ "$status" -eq 78 ]
	[[ $stderr == *elsewhere* ]]
}

@test "a .sql file that is no migration is bad input, whatever else lies there is not looked at" {
	touch migrations/README.md migrations/.0001_hidden.sql
	migrate new first
	local name
	for name in 1_x.sql 0000_x.sql 0002-x.sql 0002_.sql '0002_a b.sql'; do
		touch "migrations/$name"
		FILOT_DATABASE_URL=$(unreachable_url) run --separate-stderr migrate --wait 0s up
		[ "$status" -eq 65 ]
		[[ $stderr == *"$name"*NNNN_name.sql* ]]
		rm "migrations/$name"
	done
	printf -- '-- filot: no-transactions\nselect 1;\n' >migrations/0002_x.sql
	FILOT_DATABASE_URL=$(unreachable_url) run --separate-stderr migrate --wait 0s up
	[ "$status" -eq 65 ]
	[[ $stderr == *0002_x.sql*no-transactions* ]]
}

@test "new makes the next file without a database and prints its path" {
	[ "$(migrate new first)" = migrations/0001_first.sql ]
	[ "$(migrate new 'Index jobs by-state')" = migrations/0002_index_jobs_by_state.sql ]
	mv migrations/0002_* migrations/0041_later.sql
	[ "$(migrate new next)" = migrations/0042_next.sql ]
	[[ $(head -1 migrations/0042_next.sql) == '-- next: '* ]]
	# only comments, of which none takes the transaction away
	run ! grep -vE '^(--|$)' migrations/0001_first.sql
	run ! grep '^[[:space:]]*-- filot:' migrations/0001_first.sql
}

@test "new refuses a name that no file could have" {
	local name
	for name in '' a/b ../x 'a;b' ä "$(printf 'x%.0s' {1..101})"; do
		run migrate new "$name"
		echo "$name: $status"
		[ "$status" -eq 64 ]
	done
	[ -z "$(ls migrations)" ]
}

@test "an unreachable server is waited for as long as --wait says, then it is 69" {
	local started_ms
	started_ms=$(date +%s%3N)
	FILOT_DATABASE_URL=$(unreachable_url) run --separate-stderr migrate --wait 700ms up
	[ "$status" -eq 69 ]
	[ $(($(date +%s%3N) - started_ms)) -ge 700 ]
	[ -z "$output" ]
	[[ $stderr == *database_wait*unavailable* && $stderr != *topsecret* ]]
}

@test "FILOT_DATABASE_DIRECT_URL wins over FILOT_DATABASE_URL, and --database-url over both" {
	export FILOT_DATABASE_URL=postgresql://u@127.0.0.1:1/pooled FILOT_DATABASE_DIRECT_URL=postgresql://u@127.0.0.1:1/direct
	run migrate --wait 0s status
	[ "$status" -eq 69 ]
	[[ $output == *127.0.0.1:1/direct:* && $output != */pooled* ]]
	run migrate --wait 0s --database-url postgresql://u@127.0.0.1:1/given status
	[[ $output == *127.0.0.1:1/given:* && $output != */direct* ]]
}

@test "the address of a pooler is warned of" {
	FILOT_DATABASE_URL=postgresql://u@ep-x-pooler.invalid/d run migrate --wait 0s status
	[ "$status" -eq 69 ]
	[[ $output == *pooled_url*FILOT_DATABASE_DIRECT_URL* ]]
}

@test "a settings file gives the database, a secret file its URL" {
	printf 'FILOT_DATABASE_URL=postgresql://u@127.0.0.1:1/conf\nFILOT_MIGRATIONS=migrations\n' >filot.conf
	run filot-migrate --config filot.conf --wait 0s status
	[ "$status" -eq 69 ]
	[[ $output == *127.0.0.1:1/conf:* ]]
	echo postgresql://u@127.0.0.1:1/secret >secret
	FILOT_DATABASE_URL_FILE=secret run migrate --wait 0s status
	[ "$status" -eq 69 ]
	[[ $output == *127.0.0.1:1/secret:* ]]
}
