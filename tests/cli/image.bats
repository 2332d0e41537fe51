#!/usr/bin/env bats
# The Dockerfile, without building it: what it names is there, and agrees with
# what the task definitions start. (`make image-test` builds and runs it.)

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.."
	# Lines that are continued become one.
	DOCKERFILE=$(sed -e ':a' -e '/\\$/N; s/\\\n/ /; ta' Dockerfile)
}

# commands_of STAGE: those that its root file system is made with.
commands_of() {
	grep -oE "scripts/build-image-root /installed /root-$1 $1 [^&;]*" <<<"$DOCKERFILE" | grep -oE ' filot-[a-z0-9-]+' | tr -d ' ' | sort
}

# tasks_start STAGE: programs that containers of its image start, by the
# task definitions and, for the backend's, by the schedules.
tasks_start() {
	case $1 in
	backend)
		jq -r '.containerDefinitions[] | .command[0], (.healthCheck.command // [])[1]' infra/ecs/filot-backend-task.json infra/ecs/filot-ops-task.json
		grep -o '"command":\["[a-z0-9-]*"' infra/cloudformation/schedules.yaml | cut -d'"' -f4
		;;
	ocr-gpu) jq -r '.containerDefinitions[] | .command[0], (.healthCheck.command // [])[1]' infra/ecs/filot-ocr-gpu-task.json ;;
	esac | grep '^filot-' | sort -u
}

@test "the stages that are deployed are stages" {
	local stage
	for stage in build $(sed -n 's/.*DEPLOY_STAGE=\([a-z-]*\).*/\1/p' scripts/deploy-*.sh); do
		grep -qE "^FROM .* AS $stage\$" Dockerfile
	done
}

@test "every command of an image is one of ours, and every one of ours is in an image" {
	local name
	for name in $(commands_of backend) $(commands_of ocr-gpu); do
		[[ -f cmd/$name/main.c ]]
	done
	diff <(printf '%s\n' cmd/filot-*/main.c | cut -d/ -f2 | grep -vx filot-reader | sort) <({
		commands_of backend
		commands_of ocr-gpu
	} | sort -u)
}

@test "what tasks start is in their image" {
	local stage
	for stage in backend ocr-gpu; do
		[[ -n $(tasks_start "$stage") ]]
		run comm -23 <(tasks_start "$stage") <(commands_of "$stage")
		[[ -z $output ]]
	done
}

@test "tasks run as the image's user, and ask for health as it does" {
	local user
	user=$(sed -n 's/^USER //p' Dockerfile | sort -u)
	[[ $user == 10001:10001 ]]
	[[ $(jq -r '.containerDefinitions[].user' infra/ecs/*-task.json | sort -u) == "$user" ]]
	grep -q "filot:x:${user/:/:}:" scripts/build-image-root
	[[ $(sed -n 's/^HEALTHCHECK .*CMD //p' <<<"$DOCKERFILE" | jq -r 'join(" ")') == \
		"$(jq -r '.containerDefinitions[0].healthCheck.command[1:] | join(" ")' infra/ecs/filot-backend-task.json | sed "s/\${BACKEND_PORT}/$(sed -n 's/^BACKEND_PORT=//p' infra/settings)/")" ]]
}

@test "the worker's container asks for the one GPU, which its image is made for; the one beside it is given none" {
	local task=infra/ecs/filot-ocr-gpu-task.json
	jq -e '.containerDefinitions[0].resourceRequirements == [{"type": "GPU", "value": "1"}]' "$task"
	# ECS says which GPU; a value here would win over that.
	jq -e 'all(.containerDefinitions[0].environment[]; .name != "NVIDIA_VISIBLE_DEVICES")' "$task"
	jq -e 'any(.containerDefinitions[1].environment[]; . == {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"})
		and (.containerDefinitions[1] | has("resourceRequirements") | not)' "$task"
	# The compiler is in no stage that an image is copied from but the worker's.
	grep -qx 'FROM cuda AS build-gpu' Dockerfile
	grep -qx 'COPY --from=build-gpu /root-ocr-gpu /' Dockerfile
	grep -qx 'COPY --from=build /root-backend /' Dockerfile
	# The settings' kind of instance has one of the GPUs that the Makefile builds for: an A10G's is 8.6.
	grep -qx OCR_GPU_INSTANCE_FAMILY=g5 infra/settings
	grep -qE '^CUDA_ARCHS \?=.*\b86\b' Makefile
}

@test "where nvcc comes after the rest was built, make adds the code for GPUs and links again; without tests, as in a build" {
	local folder
	cp -r Makefile cmd common man migrations scripts "$BATS_TEST_TMPDIR"
	cd "$BATS_TEST_TMPDIR"
	find cmd common -type d | while read -r folder; do
		mkdir -p "build/$folder"
	done
	mkdir -p build/bin build/libexec build/embed
	make -s --touch NVCC= all # as if it were built
	run -0 make -n NVCC= all
	[[ $output == *'Nothing to be done'* ]]
	run -0 make -n NVCC=nvcc all
	for folder in 'NVCC common/ocr/cuda/lstm.cu' 'AR build/libfilot.a' 'LD build/bin/filot-ocr-gpu'; do
		[[ $output == *"$folder"* ]]
	done
}

@test "the build is sent what it copies and needs, and nothing else" {
	local path
	[[ $(grep -v '^#' .dockerignore | head -n 1) == '*' ]]
	while IFS= read -r path; do
		[[ -e ${path#!} ]]
	done < <(grep '^!' .dockerignore)
	for path in $(sed -n 's/^COPY \([^-].*\) [^ ]*$/\1/p' Dockerfile) $(grep -oE '\b(scripts/[a-z/_-]+(\.[a-z]+)?)' scripts/build-image-root Dockerfile | cut -d: -f2 | sort -u); do
		[[ $path == . || $path == scripts/lib/ ]] || grep -qx "!$path" .dockerignore
	done
}

@test "the list of an image's contents is valid SPDX for any package name" {
	local sbom
	sbom=$(printf '%s\t1:2.0+dfsg-3\tamd64\tsource\t2.0\tDebian <team@example.org>\n' libstdc++6 libgtk2.0-0t64 |
		jq -Rn --arg name filot-backend --arg version 1.0 --arg revision abc --arg created 2023-11-14T22:13:20Z \
			--arg unique 0123 --arg linked $'nvidia-cuda-dev\t12.4\tamd64\tsource\t2.0\tDebian <team@example.org>\n' -f scripts/lib/image_sbom.jq --args filot-reader filot-ocr-gpu)
	jq -e '[.. | .SPDXID? // empty] | length == (unique | length) and all(test("^SPDXRef-[A-Za-z0-9.-]+$"))' <<<"$sbom"
	jq -e '.packages | map(.name) == ["filot-backend", "filot-reader", "filot-ocr-gpu", "libstdc++6", "libgtk2.0-0t64", "nvidia-cuda-dev"]' <<<"$sbom"
	jq -e '.packages[3].externalRefs[0].referenceLocator == "pkg:deb/debian/libstdc%2B%2B6@1%3A2.0%2Bdfsg-3?arch=amd64&distro=debian-13"' <<<"$sbom"
	jq -e '.packages[1].licenseConcluded == "GPL-3.0-only" and .packages[2].licenseConcluded == "NOASSERTION"' <<<"$sbom"
	jq -e '[.relationships[].relationshipType] == ["DESCRIBES", "CONTAINS", "CONTAINS", "CONTAINS", "CONTAINS", "CONTAINS", "STATIC_LINK"]' <<<"$sbom"
	jq -e '.relationships[6] | .spdxElementId == "SPDXRef-filot-filot-ocr-gpu" and .relatedSpdxElement == "SPDXRef-debian-nvidia-cuda-dev"' <<<"$sbom"
}
