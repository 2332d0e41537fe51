#!/usr/bin/env bats
# filot-migrate where no database is needed: its command line, `new`, and files that are none. With one: tests/system.

# shellcheck disable=SC2154,SC2030,SC2031 # status, output and stderr are bats'; a test is a subshell on purpose
bats_require_minimum_version 1.5.0
load ../system/helper

setup() {
	cd "$BATS_TEST_TMPDIR" || return 1
	unset FILOT_DATABASE_URL FILOT_DATABASE_DIRECT_URL DATABASE_URL FILOT_MIGRATIONS
	mkdir m
}

# migrate STATUS WORDS ARGUMENTS…: that status, and those words in what it says.
migrate() {
	local wanted=$1 words=$2
	shift 2
	run filot-migrate "$@"
	echo "$output"
	[[ $status -eq $wanted && $output == *"$words"* ]]
}

@test "a wrong command line is 64 and says what is right" {
	migrate 64 'up, status, verify, new or baseline'
	migrate 64 '"down" is none of' down
	migrate 64 'new needs NAME' new
	migrate 64 'baseline needs N' baseline
	migrate 64 '"x" is no migration' baseline x
	migrate 64 '"-1" is no migration' baseline -- -1
	migrate 64 '"again" is too much' up again
	migrate 64 '--target' --target 0 up
	migrate 64 'unknown flag --force' --force up
}

@test "--help names every flag of the manual and the other way round" {
	filot-migrate --help >text
	grep -oE -- '--[a-z][a-z-]*' text | sort -u >help
	mandoc -T ascii -O width=200 "$FILOT_ROOT/man/filot-migrate.1" | sed 's,.\x08,,g' | grep -oE -- '--[a-z][a-z-]*' |
		sort -u >manual
	diff help manual
}

@test "--check-config is 78 without a database, and 0 with either setting" {
	migrate 78 FILOT_DATABASE_URL --check-config
	FILOT_DATABASE_URL=postgresql://localhost/x migrate 0 FILOT_DATABASE_URL --check-config
	FILOT_DATABASE_DIRECT_URL=postgresql://localhost/x migrate 0 FILOT_DATABASE_DIRECT_URL --check-config
}

@test "without a database URL it is 78 and names the setting" {
	migrate 78 FILOT_DATABASE_URL -d m up
	migrate 78 FILOT_DATABASE_URL -d m status
}

@test "a folder that is not there is 78" {
	FILOT_DATABASE_URL=postgresql://localhost/x migrate 78 'nowhere: No such file' -d nowhere up
}

@test "new makes the next number, with a template in it" {
	migrate 0 m/0001_add_users.sql -d m new 'Add users'
	migrate 0 m/0002_more_less.sql -d m new More-less
	head -1 m/0001_add_users.sql | grep -q '^-- add_users: '
	: >m/0041_later.sql
	migrate 0 m/0042_next.sql -d m new next
}

@test "what new makes is a migration in a transaction" {
	filot-migrate -d m new empty
	run grep -c '^-- filot:' m/0001_empty.sql
	[ "$output" = 0 ]
}

@test "new refuses a name that would be a path or no word" {
	migrate 64 'is no name' -d m new ../x
	migrate 64 'is no name' -d m new ''
	migrate 64 'is no name' -d m new 'a.sql'
	migrate 64 'is no name' -d m new "$(printf 'x%.0s' {1..101})"
	[ -z "$(ls m)" ]
}

@test "a .sql file that is no migration is 65, other files are passed over" {
	export FILOT_DATABASE_URL=postgresql://localhost:1/x
	touch m/README.md m/.hidden.sql
	migrate 69 'refused' -d m --wait 0 status
	touch m/1_short.sql
	migrate 65 '1_short.sql: a migration is called NNNN_name.sql' -d m status
	mv m/1_short.sql m/0000_zero.sql
	migrate 65 '0000_zero.sql' -d m status
	rm m/0000_zero.sql
	printf 'select 1;\0' >m/0001_nul.sql
	migrate 65 '0001_nul.sql: a NUL byte' -d m status
	printf -- '-- filot: no-transactions\n' >m/0001_nul.sql
	migrate 65 'no-transactions\" is not known' -d m status
}

@test "settings are told without their values" {
	FILOT_DATABASE_URL=postgresql://u:sEcReT@h/d migrate 0 '(hidden)' --check-config
	[[ $output != *sEcReT* ]]
}

@test "a password is in no message" {
	FILOT_DATABASE_URL=postgresql://u:sEcReT@localhost:1/d migrate 69 'localhost:1/d' -d m --wait 0 status
	[[ $output != *sEcReT* ]]
	FILOT_DATABASE_URL=postgresql://u:sEcReT@localhost:x/d migrate 78 'not valid' -d m status
	[[ $output != *sEcReT* ]]
}

@test "a pooler's address is noticed, the direct one preferred to it, and a flag to both" {
	export FILOT_DATABASE_URL=postgresql://localhost:1/x
	export FILOT_DATABASE_DIRECT_URL=postgresql://localhost:2/x
	migrate 69 'localhost:2/x' -d m --wait 0 status
	migrate 69 'localhost:3/x' -d m --wait 0 --database-url postgresql://localhost:3/x status
	unset FILOT_DATABASE_DIRECT_URL
	migrate 69 'localhost:1/x' -d m --wait 0 status
	[[ $output != *pooled_url* ]]
	FILOT_DATABASE_URL='host=ep-cool-pooler.nowhere.invalid dbname=x' migrate 69 pooled_url -d m --wait 0 status
}
