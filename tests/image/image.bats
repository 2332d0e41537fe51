#!/usr/bin/env bats
# The images: built twice without a Docker engine, looked into, and run as
# another user than root on a read-only root file system. `make image-test`.

bats_require_minimum_version 1.5.0

load helper

setup_file() {
	image_setup
	image_build 1
	image_build 2
	image_open backend
	image_open ocr-gpu
	echo "# seconds to build: backend $(<"$IMAGE_DIR/seconds.1.backend"), ocr-gpu after it $(<"$IMAGE_DIR/seconds.1.ocr-gpu")" >&3
}

teardown_file() {
	[[ -z ${IMAGE_DIR:-} ]] || image_teardown
}

# programs STAGE: all executable files but shared libraries.
programs() {
	awk '$1 == "f" && $2 ~ /[1357]/ && $4 !~ /\.so(\.|$)/ { print $4 }' "$IMAGE_DIR/$1.files"
}

@test "the backend's image is below 60 MiB and the worker's below 250, compressed" {
	local bytes
	bytes=$(image_bytes backend)
	echo "# backend: $((bytes / 1024)) KiB" >&3
	((bytes < 60 * 1048576))
	bytes=$(image_bytes ocr-gpu)
	echo "# ocr-gpu: $((bytes / 1024)) KiB" >&3
	((bytes < 250 * 1048576))
}

@test "two builds that share nothing give one digest" {
	local stage
	for stage in backend ocr-gpu; do
		[[ $(image_digest 1 "$stage") == sha256:* ]]
		[[ $(image_digest 1 "$stage") == "$(image_digest 2 "$stage")" ]]
	done
}

@test "an image says what it is and who runs in it" {
	local stage
	for stage in backend ocr-gpu; do
		[[ $(image_value "$stage" .User) == 10001:10001 ]]
		[[ $(image_value "$stage" '.Entrypoint | join(" ")') == '/usr/bin/tini --' ]]
		[[ $(image_value "$stage" '.Labels["org.opencontainers.image.version"]') == 1.2.3-test ]]
		[[ $(image_value "$stage" '.Labels["org.opencontainers.image.revision"]') == 0123456789abcdef ]]
		[[ $(image_value "$stage" '.Labels["org.opencontainers.image.base.name"]') == docker.io/library/debian:trixie-slim ]]
	done
}

@test "there is no program in an image but FiLot's own and tini: no shell, no compiler, no package manager" {
	local wanted='filot-api filot-buli2 filot-enqueue filot-healthd filot-migrate filot-requeue filot-smoke filot-temporal'
	[[ $(programs backend | sort | tr '\n' ' ') == "$(printf 'usr/bin/%s ' $wanted tini)" ]]
	[[ $(programs ocr-gpu | sort | tr '\n' ' ') == 'usr/bin/filot-healthd usr/bin/filot-ocr-gpu usr/bin/tini usr/libexec/filot/filot-reader ' ]]
}

@test "all files are root's, none is setuid, and only temporary folders are for others" {
	local stage
	for stage in backend ocr-gpu; do
		run -0 awk '$1 != "l" && ($3 != "0:0" || $2 ~ /.[0-7]{3}|[2367]$/) && $4 !~ /^(run\/lock|tmp|var\/tmp)$/' "$IMAGE_DIR/$stage.files"
		[[ -z $output ]]
	done
}

@test "every file is one of a package in the list, unchanged, or one of ours" {
	local stage root ours='^(usr/(bin|libexec)/filot|usr/libexec$|usr/share/(filot|doc/filot)(/|$)|var/lib/dpkg(/|$))'
	local linked='^usr/share/doc/nvidia-cuda-dev(/copyright)?$' made='^(etc/(passwd|group|nsswitch.conf|fonts/conf\.d(/.*)?|ssl/certs/ca-certificates.crt)|usr/lib/ssl/(certs|cert.pem)|usr/lib/ssl)$'
	for stage in backend ocr-gpu; do
		root=$(realpath "$IMAGE_DIR/$stage.root")
		run -0 dpkg --root="$root" --verify # says nothing when all is as it was packaged
		[[ -z $output ]]
		cat "$root"/var/lib/dpkg/info/*.list | sed 's/^\///' | sort -u >"$BATS_TEST_TMPDIR/packaged"
		awk '$4 != "" { print $4 }' "$IMAGE_DIR/$stage.files" | grep -vE "$ours|$made|$linked" | sort >"$BATS_TEST_TMPDIR/there"
		run comm -23 "$BATS_TEST_TMPDIR/there" "$BATS_TEST_TMPDIR/packaged"
		[[ -z $output ]]
	done
}

@test "the list of what is in an image is true and complete" {
	local stage root sbom
	for stage in backend ocr-gpu; do
		root=$(realpath "$IMAGE_DIR/$stage.root")
		sbom=$root/usr/share/filot/sbom.spdx.json
		jq -e '.spdxVersion == "SPDX-2.3" and .creationInfo.created == "2023-11-14T22:13:20Z"
			and ([.packages[].SPDXID] | length == (unique | length))
			and ([.relationships[].relatedSpdxElement] - [.packages[].SPDXID] == [])' "$sbom"
		[[ $(jq -r '.packages[] | select(.externalRefs and .primaryPackagePurpose != "LIBRARY") | "\(.name) \(.versionInfo)"' "$sbom" | sort) == \
			"$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${Package} ${Version}\n' | sort)" ]]
		[[ $(jq -r '.packages[] | select(.primaryPackagePurpose == "APPLICATION") | .name' "$sbom" | sort) == \
			"$(programs "$stage" | grep -o 'filot-[a-z0-9-]*$' | sort)" ]]
		# What they are under is there to be read.
		for name in $(jq -r '.packages[] | select(.externalRefs) | .name' "$sbom"); do
			[[ -s $root/usr/share/doc/$name/copyright ]]
		done
	done
}

@test "each command starts; what is not set is named and ends with 78" {
	local name
	for name in $(programs backend | grep -o 'filot-.*'); do
		run -0 image_run backend "$name" --version
		[[ $output == "$name 1.2.3-test" ]]
	done
	run -78 image_run backend filot-api --check-config
	[[ $output == *FILOT_DATABASE_URL* && $output == *FILOT_JWT_SECRET* ]]
	run -78 image_run backend
	[[ $output == *'missing settings'*FILOT_DATABASE_URL* ]]
	run -78 image_run ocr-gpu
	[[ $output == *FILOT_REDIS_URL* ]]
	run -78 image_run ocr-gpu filot-healthd --check-config
	[[ $output == *FILOT_REDIS_URL* ]]
}

@test "the worker reads a page and a PDF as another user than root, with nothing to write to" {
	cp "$FILOT_ROOT/tests/data/phototest.tif" "$IMAGE_DIR/shared/"
	run -0 --separate-stderr image_run ocr-gpu FILOT_LOG_LEVEL=debug filot-ocr-gpu --format text /mnt/phototest.tif
	[[ $output == *'quick brown dog jumped'* ]]
	[[ $stderr == *'"fence_raised","landlock":true'* ]]
	run -0 --separate-stderr image_run ocr-gpu filot-ocr-gpu --engine tesseract --psm 1 --format text /mnt/phototest.tif
	[[ $output == *'quick brown dog jumped'* ]]
	# Its fonts are not in the file: the image's take their place.
	cp "$BATS_TEST_DIRNAME/no-fonts.pdf" "$IMAGE_DIR/shared/"
	run -0 --separate-stderr image_run ocr-gpu filot-ocr-gpu --format text /mnt/no-fonts.pdf
	[[ $output == *'The page of a machine without fonts'* ]]
}

# sections STAGE PROGRAM: the names of its sections.
sections() {
	objdump -h "$(realpath "$IMAGE_DIR/$1.root")/$2" | awk '$1 ~ /^[0-9]+$/ { print $2 }'
}

@test "the worker has code for GPUs, linked in; nothing else has, and no driver or library of CUDA is there" {
	local stage name
	sections ocr-gpu usr/bin/filot-ocr-gpu | grep -qx .nv_fatbin
	sections ocr-gpu usr/bin/filot-ocr-gpu | grep -qx .nvFatBinSegment
	for name in usr/bin/filot-healthd usr/libexec/filot/filot-reader; do
		run ! grep -qx .nv_fatbin <(sections ocr-gpu "$name")
	done
	for stage in backend ocr-gpu; do
		run ! grep -E 'lib(cuda|cudart|nv|cublas)[^/]*$|nvcc' "$IMAGE_DIR/$stage.files"
	done
	jq -e '[.packages[] | select(.primaryPackagePurpose == "LIBRARY") | .name] == ["nvidia-cuda-dev"]' "$(realpath "$IMAGE_DIR/ocr-gpu.root")/usr/share/filot/sbom.spdx.json"
	jq -e 'all(.packages[]; .name != "nvidia-cuda-dev")' "$(realpath "$IMAGE_DIR/backend.root")/usr/share/filot/sbom.spdx.json"
}

@test "NVIDIA's container runtime finds what it looks for, and puts the driver where the loader looks" {
	local root
	root=$(realpath "$IMAGE_DIR/ocr-gpu.root")
	[[ $(image_value ocr-gpu '.Env | map(select(startswith("NVIDIA"))) | sort | join(" ")') == \
		'NVIDIA_DRIVER_CAPABILITIES=compute,utility NVIDIA_VISIBLE_DEVICES=all' ]]
	run ! grep -q NVIDIA "$IMAGE_DIR/backend.json"
	# It goes by this file to tell Debian's folder for libraries, and mounts them there.
	[[ -s $root/etc/debian_version && -d $root/usr/lib/x86_64-linux-gnu && ! -L $root/usr/lib/x86_64-linux-gnu ]]
}

@test "without a driver the worker says so, reads by the processor, and with --backend cuda ends with 69" {
	cp "$FILOT_ROOT/tests/data/phototest.tif" "$IMAGE_DIR/shared/"
	run -0 --separate-stderr image_run ocr-gpu filot-ocr-gpu --devices
	[[ $output == *'"backend":"cuda","runs":false'*'driver'* && $output != *'built without'* ]]
	run -0 --separate-stderr image_run ocr-gpu filot-ocr-gpu --format text /mnt/phototest.tif
	[[ $output == *'quick brown dog jumped'* ]]
	run -69 --separate-stderr image_run ocr-gpu filot-ocr-gpu --backend cuda --format text /mnt/phototest.tif
	[[ $stderr == *driver* ]]
}

@test "the worker reads the corpus in its image as it does outside" {
	local dir=${FILOT_CORPUS:-$FILOT_ROOT/../shared/corpus} page
	[[ -d $dir/pages ]] || skip "no corpus: set FILOT_CORPUS to a folder with pages/"
	page=$(find "$dir/pages" -name '*.jpg' -o -name '*.png' | sort | head -n 1)
	cp "$page" "$IMAGE_DIR/shared/page"
	run -0 --separate-stderr image_run ocr-gpu filot-ocr-gpu --format text /mnt/page
	((${#output} > 20))
}

@test "schema, API, health, queue and worker: all from the images" {
	local -a settings
	local job api state
	SERVERS_DIR=$(temp_dir test-servers)
	export SERVERS_DIR
	servers_start "$SERVERS_DIR" redis postgres storage
	install -m 644 "$SERVERS_DIR/tls/ca.crt" "$IMAGE_DIR/shared/ca.crt"
	mapfile -t settings < <(sed -n "s#$SERVERS_DIR/tls/ca.crt#/mnt/ca.crt#; /^FILOT_/p" "$SERVERS_DIR/env")
	settings+=("FILOT_JWT_SECRET=$(secret_new)" "FILOT_SESSION_SECRET=$(secret_new)" "FILOT_API_LISTEN=127.0.0.1:$(port_free)")
	image_run backend "${settings[@]}" filot-migrate up
	image_run backend "${settings[@]}" >"$IMAGE_DIR/api.log" 2>&1 3>&- 4>&- &
	api=$!
	probe=http://${settings[-1]#*=}/livez
	wait_for 20 "for the API to answer" image_run backend filot-healthd --probe "$probe"
	run -1 image_run backend filot-healthd --probe "${probe/livez/nothing}"
	job=$(image_run backend "${settings[@]}" filot-enqueue --upload /mnt/phototest.tif | jq -r .job)
	image_run ocr-gpu "${settings[@]}" filot-ocr-gpu --queue --once
	state=$(psql -XqAt "$(env_get "$SERVERS_DIR" FILOT_DATABASE_URL)" -c "select text from ocr_pages where job_id = '$job'")
	[[ $state == *'quick brown dog jumped'* ]]
	# Process 1 passes SIGTERM on, and the API drains.
	kill -TERM "$(container_process "$api")"
	wait "$api"
	servers_remove "$SERVERS_DIR"
}
