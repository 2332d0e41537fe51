#!/usr/bin/env bats
# `make install` and `make install-systemd`: what goes where, and units that
# systemd finds clean, fenced, and in agreement with the commands they start.

bats_require_minimum_version 1.5.0

setup_file() {
	ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	BUILD=${FILOT_BUILD:-$ROOT/build}
	DEST=$BATS_FILE_TMPDIR/dest
	export ROOT BUILD DEST UNITS=usr/local/lib/systemd/system
	installed "$DEST" install install-systemd
	# What the units name of systemd's own.
	mkdir -p "$DEST/usr/lib/systemd"
	cp -r /usr/lib/systemd/system "$DEST/usr/lib/systemd/"
}

# installed DESTDIR TARGET…: make them, with what is built already.
installed() {
	local dest=$1
	shift
	make -s -C "$ROOT" BUILD="$(realpath "$BUILD")" DESTDIR="$dest" "$@"
}

services() {
	(cd "$DEST/$UNITS" && ls filot-*.service)
}

# unit_value UNIT KEY: the last one, of the unit or of all units' drop-in.
unit_value() {
	sed -n "s/^$2=//p" "$DEST/$UNITS/filot-.service.d/hardening.conf" "$DEST/$UNITS/$1" | tail -n 1
}

# seconds TIME: of 30s, 5m, a bare number.
seconds() {
	local number=${1%%[a-z]*}
	case ${1#"$number"} in
	s | '') echo "$number" ;;
	m | min) echo $((number * 60)) ;;
	*) return 1 ;;
	esac
}

# default_of COMMAND FLAG: what --help says, in seconds.
default_of() {
	seconds "$("$DEST/usr/local/bin/$1" --help | grep -A1 -e "^ *--$2 " | grep -o '([0-9][^ ):]*' | head -n 1 | tr -d '(')"
}

@test "install puts every command, the reader, manuals and migrations below DESTDIR and PREFIX" {
	local name page
	for name in "$ROOT"/cmd/filot-*/main.c; do
		name=$(basename "${name%/main.c}")
		[[ $name == filot-reader ]] || "$DEST/usr/local/bin/$name" --version
	done
	[[ -x $DEST/usr/local/libexec/filot/filot-reader ]]
	for page in "$ROOT"/man/*.[157]; do
		cmp "$page" "$DEST/usr/local/share/man/man${page##*.}/${page##*/}"
	done
	diff -r "$ROOT/migrations" "$DEST/usr/local/share/filot/migrations"
}

@test "an installed worker finds its reader" {
	run -0 --separate-stderr "$DEST/usr/local/bin/filot-ocr-gpu" --format text "$ROOT/tests/data/phototest.tif"
	[[ $output == *'quick brown dog jumped'* ]]
}

@test "uninstall leaves nothing" {
	local dest=$BATS_TEST_TMPDIR/dest
	installed "$dest" install install-systemd uninstall
	run -0 find "$dest" -type f
	[[ -z $output ]]
}

@test "with another PREFIX the units start what is there, from where systemd looks" {
	local dest=$BATS_TEST_TMPDIR/dest
	installed "$dest" PREFIX=/opt/filot install-systemd
	grep -x 'ExecStart=/opt/filot/bin/filot-api' "$dest/etc/systemd/system/filot-api.service"
	! grep -r /usr/local "$dest"/etc/systemd/system
	[[ -f $dest/etc/sysusers.d/filot.conf && -f $dest/etc/tmpfiles.d/filot.conf ]]
}

@test "systemd finds nothing wrong with any unit" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	local -a units
	mapfile -t units < <(cd "$DEST/$UNITS" && ls ./filot*.{service,timer,target} | cut -c3-)
	((${#units[@]} >= 13))
	run -0 systemd-analyze verify --root="$DEST" --man=no "${units[@]}"
	[[ -z $output ]] # an unknown key is only said
}

@test "every service's exposure is below 2.0" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	local unit
	for unit in $(services); do
		run -0 systemd-analyze security --root="$DEST" --offline=true --threshold=20 "$unit"
		[[ ${lines[-1]} =~ :\ [01]\.[0-9] ]]
	done
	# The threshold is one: without the fence it is crossed.
	rm -r "$DEST/$UNITS/filot-.service.d"
	run systemd-analyze security --root="$DEST" --offline=true --threshold=20 filot-api.service
	installed "$DEST" install-systemd
	((status != 0))
}

@test "the times of timers are times, and each timer has its service" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	local timer count=0
	for timer in "$DEST/$UNITS"/filot-*.timer; do
		systemd-analyze calendar "$(sed -n 's/^OnCalendar=//p' "$timer")"
		[[ -f ${timer%.timer}.service ]]
		count=$((count + 1))
	done
	((count >= 3))
}

@test "each unit starts a command with flags that it has" {
	local unit program word
	local -a words
	for unit in $(services); do
		read -ra words <<<"$(unit_value "$unit" ExecStart)"
		program=$DEST${words[0]}
		run -0 "$program" --help
		for word in "${words[@]:1}"; do
			[[ $word != -* ]] || grep -qE -e "(^|[ ,])$word([ ,]|\$)" <<<"$output"
		done
		# Its parser takes them; 78 is that nothing is set here.
		run env -i "$program" "${words[@]:1}" --check-config
		((status == 0 || status == 78))
	done
}

@test "a service is given longer to stop than it may take to drain" {
	local stop
	stop=$(seconds "$(unit_value filot-api.service TimeoutStopSec)")
	((stop > $(default_of filot-api drain-grace) + $(default_of filot-api drain-timeout)))
	stop=$(seconds "$(unit_value filot-ocr-gpu.service TimeoutStopSec)")
	((stop > $(default_of filot-ocr-gpu drain-timeout)))
	for name in filot-buli2 filot-temporal; do
		stop=$(seconds "$(unit_value $name.service TimeoutStopSec)")
		((stop > $(default_of $name timeout)))
	done
}

@test "the settings file and the secrets are root's: a service has them as a credential" {
	[[ $(unit_value filot-api.service LoadCredential) == filot.conf:/etc/filot/filot.conf ]]
	[[ $(unit_value filot-api.service Environment) == FILOT_CONFIG=%d/filot.conf ]]
	! grep -rE '^Environment=.*(SECRET|KEY|PASSWORD|URL)' "$DEST/$UNITS"
	grep -qxE 'z /etc/filot/\*.env +0600 root root' "$DEST/usr/local/lib/tmpfiles.d/filot.conf"
}

@test "the example's settings are ones that commands have" {
	local name known
	known=$(for name in filot-api filot-buli2 filot-temporal filot-ocr-gpu filot-smoke; do "$DEST/usr/local/bin/$name" --help; done)
	for name in $(grep -oE 'FILOT_[A-Z0-9_]+' "$DEST/usr/local/share/filot/filot.conf.example" | sort -u); do
		[[ $known == *"$name"* ]] || {
			echo "no command has $name"
			return 1
		}
	done
}

@test "users and folders are made as systemd's tools say" {
	command -v systemd-sysusers >/dev/null || skip "no systemd-sysusers"
	((EUID == 0)) || skip "only root may make users"
	local name
	mkdir -p "$DEST/etc/filot"
	touch "$DEST/etc/filot/filot.conf" "$DEST/etc/filot/filot-api.env"
	systemd-sysusers --root="$DEST"
	systemd-tmpfiles --root="$DEST" --create filot.conf
	for name in $(sed -n 's/^User=//p' "$DEST/$UNITS"/*.service | sort -u); do
		grep -q "^$name:" "$DEST/etc/passwd"
	done
	[[ $(stat -c %a:%u "$DEST/etc/filot" "$DEST/etc/filot/filot.conf" "$DEST/etc/filot/filot-api.env" | tr '\n' ' ') == '750:0 600:0 600:0 ' ]]
}

# The reader raises a fence of its own (Landlock, limits, a fresh process
# image) and must be able to behind this one.
@test "behind the worker unit's fence a page is read, and the reader still raises its own" {
	command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
	local program=$DEST/usr/local/bin/filot-ocr-gpu
	local -a fenced=(python3 "$BATS_TEST_DIRNAME/unit_fence.py" "$DEST/$UNITS/filot-.service.d/hardening.conf")
	run "${fenced[@]}" --self-test
	((status != 77)) || skip "$output"
	# The fence is one: what the service has no need of is refused.
	[[ $output == 'mount EPERM'$'\n''ptrace EPERM'$'\n''write and execute EACCES' ]]
	FILOT_LOG_LEVEL=debug run -0 --separate-stderr "${fenced[@]}" "$program" --format text "$ROOT/tests/data/phototest.tif"
	[[ $output == *'quick brown dog jumped'* && $stderr == *'"fence_raised","landlock":true'* ]]
	run -0 --separate-stderr "${fenced[@]}" "$program" --engine tesseract --format text "$ROOT/tests/data/phototest.tif"
	[[ $output == *'quick brown dog jumped'* ]]
}
