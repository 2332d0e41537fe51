# shellcheck shell=bash source-path=SCRIPTDIR
# For the test of the images: build them with buildah, without any engine, on
# a Debian 13 that mmdebstrap makes in place of debian:trixie-slim, and run
# what is in them as a container would: its own mounts and processes, the
# image's user, a read-only root file system, no privileges to gain.

FILOT_ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
# shellcheck source=../../scripts/lib/common.sh
source "$FILOT_ROOT/scripts/lib/common.sh"
# shellcheck source=../../scripts/lib/packages.sh
source "$FILOT_ROOT/scripts/lib/packages.sh"
# shellcheck source=../../scripts/lib/servers.sh
source "$FILOT_ROOT/scripts/lib/servers.sh"

IMAGE_EPOCH=1700000000

# image_setup: $IMAGE_DIR, and in it the sources as they are now, so that
# both builds have the same.
image_setup() {
	local tool
	((EUID == 0)) || skip "only root may mount and change its root folder"
	for tool in buildah mmdebstrap; do
		command -v "$tool" >/dev/null || skip "no $tool (apt-get install $tool)"
	done
	IMAGE_DIR=$(temp_dir test-image)
	export IMAGE_DIR FILOT_ROOT BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
	mkdir -p "$IMAGE_DIR"/{sources,over/{lower,upper,work,all}}
	if mount -t overlay overlay -o "lowerdir=$IMAGE_DIR/over/lower,upperdir=$IMAGE_DIR/over/upper,workdir=$IMAGE_DIR/over/work" \
		"$IMAGE_DIR/over/all" 2>/dev/null; then
		umount "$IMAGE_DIR/over/all"
		STORAGE_DRIVER=overlay
	fi
	(cd "$FILOT_ROOT" && git ls-files -co --exclude-standard -z | xargs -0 sh -c 'ls -d "$@" 2>/dev/null' sh | tar -cf - -T -) |
		tar -C "$IMAGE_DIR/sources" -xf -
	mmdebstrap --quiet --variant=minbase trixie "$IMAGE_DIR/base.tar"
}

image_teardown() {
	local store
	for store in "$IMAGE_DIR"/store.*; do
		store_buildah "${store##*.}" rm --all >/dev/null || true
	done
	[[ -n ${FILOT_KEEP:-} ]] || rm -rf "$IMAGE_DIR"
}

# store_buildah N ARGUMENTS…: buildah with a storage of its own; two of them
# share nothing, not even what they downloaded.
store_buildah() {
	local store=$IMAGE_DIR/store.$1
	shift
	buildah --root "$store/root" --runroot "$store/run" "$@"
}

# image_build N: both images, in storage N, as scripts/deploy-*.sh do; the seconds it took in
# $IMAGE_DIR/seconds.N.STAGE, the image as an OCI folder in $IMAGE_DIR/N.STAGE.
image_build() {
	local n=$1 container stage start
	container=$(store_buildah "$n" from scratch)
	store_buildah "$n" add -q "$container" "$IMAGE_DIR/base.tar" / >/dev/null
	store_buildah "$n" commit -q --rm "$container" docker.io/library/debian:trixie-slim >/dev/null
	for stage in backend ocr-gpu; do
		start=$SECONDS
		quietly "$IMAGE_DIR/build.$n.$stage.log" store_buildah "$n" build --layers --pull-never \
			--target "$stage" --tag "$stage" --timestamp "$IMAGE_EPOCH" --build-arg "SOURCE_DATE_EPOCH=$IMAGE_EPOCH" \
			--build-arg VERSION=1.2.3-test --build-arg REVISION=0123456789abcdef "$IMAGE_DIR/sources"
		echo $((SECONDS - start)) >"$IMAGE_DIR/seconds.$n.$stage"
		store_buildah "$n" push --quiet "$stage" "oci:$IMAGE_DIR/$n.$stage:latest" >/dev/null
	done
}

# image_digest N STAGE: of the manifest, as a registry would know it.
image_digest() {
	jq -r '.manifests[0].digest' "$IMAGE_DIR/$1.$2/index.json"
}

# image_bytes STAGE: compressed, all layers.
image_bytes() {
	jq '[.layers[].size] | add' "$IMAGE_DIR/1.$1/blobs/sha256/$(image_digest 1 "$1" | cut -d: -f2)"
}

# image_open STAGE: mount the image; where, and its configuration, are in
# $IMAGE_DIR/STAGE.root and STAGE.json. A runtime puts in mount points itself.
image_open() {
	local container root
	container=$(store_buildah 1 from "$1")
	root=$(store_buildah 1 mount "$container")
	store_buildah 1 inspect --type image "$1" | jq .Docker.config >"$IMAGE_DIR/$1.json"
	mkdir -p "$IMAGE_DIR/shared"
	ln -s "$root" "$IMAGE_DIR/$1.root"
	# What is there before a runtime touches it.
	(cd "$root" && find . -xdev -printf '%y %m %U:%G %P %l\n' | sort) >"$IMAGE_DIR/$1.files"
	touch "$root/etc/resolv.conf" "$root/etc/hosts"
	mkdir -p "$root/mnt"
}

# image_value STAGE FILTER: of the image's configuration.
image_value() {
	jq -r "$2" "$IMAGE_DIR/$1.json"
}

# image_run STAGE [NAME=VALUE…] [COMMAND…]: as `docker run --read-only
# --tmpfs /tmp --cap-drop ALL --network host -v $IMAGE_DIR/shared:/mnt:ro`.
image_run() {
	local stage=$1 root
	local -a settings words
	shift
	root=$(realpath "$IMAGE_DIR/$stage.root")
	mapfile -t settings < <(image_value "$stage" '.Env[]')
	while [[ ${1:-} == [A-Z]*=* ]]; do
		settings+=("$1")
		shift
	done
	mapfile -t words < <(image_value "$stage" '.Entrypoint[]')
	if (($#)); then
		words+=("$@")
	else
		mapfile -t -O "${#words[@]}" words < <(image_value "$stage" '.Cmd[]')
	fi
	IMAGE_USER=$(image_value "$stage" .User) IMAGE_ROOT=$root \
		unshare --mount --pid --ipc --fork --kill-child -- bash "$BATS_TEST_DIRNAME/container" "${settings[@]}" -- "${words[@]}"
}

# container_process PID: process 1, as seen from here, of the container that
# the background job PID runs.
container_process() {
	local pid=$1
	until [[ $(<"/proc/$pid/comm") == tini ]]; do
		pid=$(pgrep -P "$pid") || return 1
	done
	echo "$pid"
}
