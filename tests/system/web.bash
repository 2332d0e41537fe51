# shellcheck shell=bash source-path=SCRIPTDIR
# shellcheck disable=SC2154,SC2034 # status, output and stderr are bats'; elapsed is for the tests
# The servers of web_server.py for system tests, and the driver of common/store/. After `load helper`:
#
#   web_start NAME KIND ARGUMENTS…   start one; its port is in the variable NAME (also in setup_file)
#   web_stop                         end all that this file's tests started
#   drive ARGUMENTS…                 bats' run of drive_store, stderr in $stderr

DRIVE_STORE=$FILOT_BUILD/tests/drive_store
export DRIVE_STORE

web_start() {
	local name=$1 file=$BATS_FILE_TMPDIR/web.$1
	shift
	rm -f "$file" # of an earlier one with that name: its port is not ours
	python3 "$BATS_TEST_DIRNAME/web_server.py" "$@" </dev/null >"$file" 2>"$file.log" 3>&- 4>&- &
	echo $! >>"$BATS_FILE_TMPDIR/web.pids"
	wait_for 20 "for the server $name" test -s "$file"
	printf -v "$name" '%s' "$(cat "$file")"
	export "${name?}"
}

web_stop() {
	local pid
	[[ -f $BATS_FILE_TMPDIR/web.pids ]] || return 0
	while read -r pid; do
		kill "$pid" 2>/dev/null || true
	done <"$BATS_FILE_TMPDIR/web.pids"
	rm "$BATS_FILE_TMPDIR/web.pids"
}

# The driver is built with the unit tests; a test without it would be one that cannot fail.
drive_ready() {
	[[ -x $DRIVE_STORE ]] || die "there is no $DRIVE_STORE" "run: make unit-binaries"
}

drive() {
	run --separate-stderr timeout 60 "$DRIVE_STORE" "$@"
}

# failed CODE: the last drive ended with that error, named in its last line.
failed() {
	[[ $status -ne 0 && ${stderr_lines[-1]} == "$1: "* ]] && return
	printf 'status %s, not the error %s:\n%s\n%s\n' "$status" "$1" "$output" "$stderr"
	return 1
}

fail_with() {
	printf '%s\n' "$1"
	return 1
}

# How often the web server on PORT was asked for NAME.
hits() {
	curl -q -s -f "http://127.0.0.1:$1/hits?of=$2"
}

# drive_timed ARGUMENTS…: drive, with the milliseconds it took in $elapsed.
drive_timed() {
	local begin=${EPOCHREALTIME/./}
	drive "$@"
	elapsed=$(((${EPOCHREALTIME/./} - begin) / 1000))
}
