#!/usr/bin/env bats
# The units of infra/systemd, run by a systemd of their own over a copy-on-write
# view of this host, with private servers: all services behind all their fences.
# Part of `make image-test`.

bats_require_minimum_version 1.5.0

load helper

setup_file() {
	((EUID == 0)) || skip "only root may mount and start a systemd"
	[[ -x /lib/systemd/systemd ]] || skip "no systemd"
	local groups
	groups=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)
	[[ -n $groups ]] || skip "no control groups of version 2"
	BUILD=${FILOT_BUILD:-$FILOT_ROOT/build}
	SERVERS_DIR=$(temp_dir test-servers)
	MACHINE_DIR=$(temp_dir test-machine)
	MACHINE_GROUP=$groups/$(basename "$MACHINE_DIR")
	export FILOT_ROOT SERVERS_DIR MACHINE_DIR MACHINE_GROUP
	make -s -C "$FILOT_ROOT" BUILD="$(realpath "$BUILD")" DESTDIR="$MACHINE_DIR/changes" install install-systemd
	servers_start "$SERVERS_DIR" redis postgres storage
	machine_settings "$MACHINE_DIR/changes/etc/filot"
	mkdir "$MACHINE_GROUP"
	machine_boot
	machine systemd-sysusers
	machine systemd-tmpfiles --create filot.conf
	machine systemctl daemon-reload
	machine systemctl start filot-migrate
	machine systemctl enable --quiet filot-{api,ocr-gpu,healthd,buli2,temporal}.service filot-{requeue,buli2-drain,canary}.timer
	machine systemctl start filot.target
	wait_for 60 "for the API to be ready" machine /usr/local/bin/filot-healthd --probe "http://127.0.0.1:$(cat "$MACHINE_DIR/port")/readyz"
}

teardown_file() {
	[[ -n ${MACHINE_DIR:-} ]] || return 0
	if [[ -n ${FILOT_KEEP:-} ]]; then
		echo "# kept: $MACHINE_DIR" >&3
	fi
	if [[ -s $MACHINE_DIR/pid ]]; then
		machine journalctl --no-pager -o cat >"$MACHINE_DIR/journal.log" 2>/dev/null || true
		kill -KILL "$(cat "$MACHINE_DIR/pid")" 2>/dev/null || true
		wait_for 20 "for the machine's processes to end" machine_empty
		find "$MACHINE_GROUP" -depth -type d -exec rmdir {} +
	fi
	servers_remove "$SERVERS_DIR"
	[[ -n ${FILOT_KEEP:-} ]] || rm -rf "$MACHINE_DIR"
}

# machine_settings DIR: what an administrator would put in /etc/filot, on
# ports that are free here.
machine_settings() {
	local key port
	key=$(secret_new)
	port=$(port_free)
	echo "$port" >"$MACHINE_DIR/port"
	install -d -m 755 "$1"
	install -m 644 "$SERVERS_DIR/tls/ca.crt" "$MACHINE_DIR/changes/etc/filot-ca.crt"
	sed -n "s#$SERVERS_DIR/tls/ca.crt#/etc/filot-ca.crt#; /^FILOT_/p" "$SERVERS_DIR/env" >"$1/filot.conf"
	printf '%s\n' "FILOT_API_LISTEN=127.0.0.1:$port" "FILOT_SERVICE_KEY=$key" \
		"FILOT_JWT_SECRET=$(secret_new)" "FILOT_SESSION_SECRET=$(secret_new)" >"$1/filot-api.env"
	printf '%s\n' "FILOT_API_URL=http://127.0.0.1:$port" "FILOT_SERVICE_KEY=$key" >"$1/filot-canary.env"
	printf '%s\n' FILOT_BULI2_API_URL=http://127.0.0.1:1/ FILOT_BULI2_API_KEY=key "FILOT_BULI2_SIGNATURE_SECRET=$key" |
		tee "$1/filot-buli2.env" >"$1/filot-buli2-drain.env"
	echo "FILOT_HEALTHD_LISTEN=127.0.0.1:$(port_free)" >"$1/filot-healthd.env"
}

# machine_boot: systemd as process 1 in a control group of its own.
machine_boot() {
	# shellcheck disable=SC2016 # for the shell in the new group
	setsid bash -c 'echo $$ >"$1/cgroup.procs" && exec unshare --mount --pid --ipc --uts --cgroup --fork --kill-child "$2" "$3"' \
		bash "$MACHINE_GROUP" "$BATS_TEST_DIRNAME/machine" "$MACHINE_DIR" </dev/null >"$MACHINE_DIR/log" 2>&1 3>&- 4>&- &
	echo $! >"$MACHINE_DIR/pid"
	WAIT_WHILE="kill -0 $!" wait_for 60 "for systemd to have started" machine systemctl is-active --quiet basic.target
}

# machine COMMAND…: run it in the machine.
machine() {
	nsenter -t "$(pgrep -P "$(cat "$MACHINE_DIR/pid")")" --mount --pid --ipc --uts --cgroup "$@"
}

machine_empty() {
	! pgrep -P "$(cat "$MACHINE_DIR/pid")" && [[ -z $(find "$MACHINE_GROUP" -name cgroup.procs -exec cat {} +) ]]
}

value() {
	machine systemctl show -P "$2" "$1"
}

@test "all services run, the worker as another user than the rest, and readiness is green" {
	local name
	for name in api ocr-gpu healthd buli2 temporal; do
		machine systemctl is-active "filot-$name"
		[[ $(value "filot-$name" NRestarts) == 0 ]]
	done
	[[ $(machine ps -o user:20= -p "$(value filot-api MainPID)") == filot ]]
	[[ $(machine ps -o user:20= -p "$(value filot-ocr-gpu MainPID)") == filot-ocr ]]
}

@test "a service has no capability, gains no privilege, and calls are filtered" {
	local status
	status=$(machine cat "/proc/$(value filot-ocr-gpu MainPID)/status")
	[[ $status =~ CapBnd:[[:space:]]0{16} && $status =~ NoNewPrivs:[[:space:]]1 && $status =~ Seccomp:[[:space:]]2 ]]
	run -1 machine setpriv --reuid=filot-ocr --regid=filot-ocr --clear-groups cat /etc/filot/filot.conf
	[[ $(machine stat -c %a:%u /etc/filot /etc/filot/filot.conf /etc/filot/filot-api.env | tr '\n' ' ') == '750:0 600:0 600:0 ' ]]
}

@test "behind all fences a document goes through the whole system and is read back" {
	# The unit names the API's usual port, which may be taken here.
	machine mkdir -p /run/systemd/system/filot-canary.service.d
	printf '[Service]\nExecStart=\nExecStart=/usr/local/bin/filot-smoke --only canary --json\n' >"$MACHINE_DIR/canary.conf"
	machine cp /machine/canary.conf /run/systemd/system/filot-canary.service.d/port.conf
	machine systemctl daemon-reload
	run -0 machine systemctl start filot-canary
	run -0 machine journalctl --no-pager -o cat -u filot-canary
	[[ $output == *'"check":"canary"'*'"status":"pass"'*'was read back after'* ]]
}

@test "the timers' services do their work and end" {
	machine systemctl start filot-requeue
	[[ $(value filot-requeue Result) == success ]]
	[[ $(machine systemctl list-timers --no-legend 'filot-*' | grep -c '\.timer') == 3 ]]
}

@test "filot-buli2-drain has nothing to do while filot-buli2 runs, and works when it does not" {
	machine systemctl start filot-buli2-drain
	[[ $(value filot-buli2-drain ConditionResult) == no ]]
	machine systemctl stop filot-buli2
	machine systemctl start filot-buli2-drain
	[[ $(value filot-buli2-drain ConditionResult) == yes && $(value filot-buli2-drain Result) == success ]]
	machine systemctl start filot-buli2
	machine systemctl is-active filot-buli2
}

restarted() {
	[[ $(value filot-healthd NRestarts) == 1 && $(value filot-healthd ActiveState) == active ]]
}

@test "a service that is killed comes back; one with wrong settings stays down and says why" {
	machine systemctl kill --signal=KILL filot-healthd
	wait_for 30 "for filot-healthd to be back" restarted
	machine systemctl stop filot-temporal
	echo FILOT_TEMPORAL_ENDPOINT=nonsense | machine tee -a /etc/filot/filot-temporal.env
	run machine systemctl start filot-temporal
	wait_for 30 "for filot-temporal to have failed" machine systemctl is-failed --quiet filot-temporal
	[[ $(value filot-temporal ExecMainStatus) == 78 && $(value filot-temporal NRestarts) == 0 ]]
	run -0 machine journalctl --no-pager -o cat -u filot-temporal
	[[ $output == *FILOT_TEMPORAL_ENDPOINT* ]]
}

@test "stopping the target drains everything" {
	local name
	machine systemctl stop filot.target filot-{api,ocr-gpu,healthd,buli2}.service
	for name in api ocr-gpu healthd buli2; do
		[[ $(value "filot-$name" Result) == success && $(value "filot-$name" ExecMainStatus) == 0 ]]
	done
	run -0 machine journalctl --no-pager -o cat -u filot-api
	[[ $output == *'"event":"drained"'* ]]
}
