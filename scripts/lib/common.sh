# shellcheck shell=bash
# What every script here shares: progress lines with the time since the
# start, errors that say what to do next, waits that end, free ports and
# temporary folders. Source it; it changes no shell option and no folder.

FILOT_ROOT=${FILOT_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}

# The running script, wherever it lies, and also after it went to another folder.
FILOT_SCRIPT=$(realpath -q -- "$0" || echo "$0")

# say WORDS…: one progress line on standard error, with the seconds since
# the script started. Standard output stays free for results.
say() {
	printf '%4ds  %s\n' "$SECONDS" "$*" >&2
}

# die REASON [WHAT-TO-DO-NEXT]: the last line of a script that cannot go on.
die() {
	printf '%s: %s\n' "${0##*/}" "$1" >&2
	if [[ $# -gt 1 ]]; then
		printf '%s: what to do: %s\n' "${0##*/}" "$2" >&2
	fi
	exit 1
}

# usage_error REASON: a wrong option ends with sysexits' 64 and names --help.
usage_error() {
	printf "%s: %s; '%s --help' lists the options\n" "${0##*/}" "$1" "$0" >&2
	exit 64
}

# usage_print: the comment block at the top of the running script is its
# help text, so that both are always the same.
usage_print() {
	sed -n '2,/^\([^#]\|$\)/ { /^#/ { s/^# \{0,1\}//; p; }; }' "$FILOT_SCRIPT"
}

# need COMMAND PACKAGE: the command must be there.
need() {
	command -v "$1" >/dev/null 2>&1 ||
		die "the command '$1' is missing" "install the package $2"
}

# filot_command NAME: print where a command of FiLot is, this checkout's first;
# 69 when it is nowhere.
filot_command() {
	local built=${FILOT_BUILD:-$FILOT_ROOT/build}/bin/$1
	if [[ -x $built ]]; then
		echo "$built"
	else
		command -v "$1" || (
			die "$1 is neither in ${built%/*} nor in PATH" "run 'make' in $FILOT_ROOT, or install FiLot"
		) || exit 69
	fi
}

# wait_for SECONDS WHAT COMMAND…: run COMMAND until it succeeds, at first soon
# again, then ten times a second. 1 when the time is over (with a line that says so), 2 when the
# function or command named in WAIT_WHILE fails, because then nobody is left
# to wait for.
wait_for() {
	local limit_s=$1 what=$2 end pause=0.02
	shift 2
	end=$((SECONDS + limit_s))
	until "$@" >/dev/null 2>&1; do
		if [[ -n ${WAIT_WHILE:-} ]] && ! eval "$WAIT_WHILE"; then
			return 2
		fi
		if ((SECONDS >= end)); then
			printf 'waited %d s in vain: %s\n' "$limit_s" "$what" >&2
			return 1
		fi
		sleep $pause
		case $pause in 0.02) pause=0.05 ;; 0.05) pause=0.1 ;; esac
	done
}

# port_busy PORT: something on loopback accepts connections there.
port_busy() {
	(exec 9<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# port_free: print a port that nobody listens on now. It lies below Linux'
# range for outgoing connections, so only another server can take it first:
# who starts a server must still be ready to try again with another one.
port_free() {
	local port
	while :; do
		port=$((20000 + SRANDOM % 12000))
		if ! port_busy "$port"; then
			echo "$port"
			return
		fi
	done
}

# seconds_of TIME: the seconds of 90, 30s, 10m, 3h or 2d; 1 for anything else.
seconds_of() {
	local -A units=([s]=1 [m]=60 [h]=3600 [d]=86400)
	[[ $1 =~ ^([0-9]{1,9})([smhd]?)$ ]] && echo $((10#${BASH_REMATCH[1]} * units[${BASH_REMATCH[2]:-s}]))
}

# secret_new: 32 random hexadecimal digits.
secret_new() {
	od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

# temp_dir NAME: make a private folder and print its path. Other users may
# pass through it but not list it, because PostgreSQL, which refuses to run
# as root, must reach its own folder inside.
temp_dir() {
	local dir
	dir=$(mktemp -d "${TMPDIR:-/tmp}/filot-$1.XXXXXXXX")
	chmod 711 "$dir"
	echo "$dir"
}

# sha256_check FILE SUM: the file is what we think it is.
sha256_check() {
	[[ $(sha256sum "$1" | cut -d' ' -f1) == "$2" ]]
}

# quietly LOG COMMAND…: run with all output in LOG, and show its end only
# when the command fails.
quietly() {
	local log=$1 status=0
	shift
	"$@" >"$log" 2>&1 </dev/null || status=$?
	if ((status != 0)); then
		printf '%s\n' "--- the last lines of $log:" >&2
		tail -n 30 "$log" >&2
	fi
	return "$status"
}
