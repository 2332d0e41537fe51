#!/usr/bin/env bats
# Images: built by all that is installed, pushed to a real registry, pinned by the
# digest that it keeps; and ECR, as far as moto plays it.

# Queries of the CLI and jq stand in single quotes; image_put sets digest.
# shellcheck disable=SC2016,SC2154
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	aws_start
	checkout_make
	aws ecr create-repository --repository-name filot-backend >/dev/null
	account_keep
}

teardown_file() {
	rm -rf "$AWS_TEST_DIR/storage" "$STORAGE_RUN"
	aws_stop
}
setup() { account_again; }
teardown() { contract_kept; }

# checkout_make: a clean checkout with the scripts and a Dockerfile of the
# same stages, so small that building takes a moment. podman and buildah work
# in a folder of their own.
checkout_make() {
	local tool path
	CHECKOUT=$AWS_TEST_DIR/checkout
	export CHECKOUT
	mkdir -p "$CHECKOUT/infra" "$AWS_TEST_DIR/storage"
	cp -r "$FILOT_ROOT/scripts" "$CHECKOUT"
	cp -r "$FILOT_ROOT/infra/ecs" "$FILOT_ROOT/infra/settings" "$CHECKOUT/infra"
	cat >"$CHECKOUT/Dockerfile" <<-'END'
		FROM scratch AS backend
		ARG VERSION REVISION
		LABEL org.opencontainers.image.version=$VERSION org.opencontainers.image.revision=$REVISION
		COPY infra/settings /etc/filot/
		FROM scratch AS ocr-gpu
		COPY scripts/deploy-ocr-gpu.sh /
	END
	git -C "$CHECKOUT" init -q
	git -C "$CHECKOUT" add .
	git -C "$CHECKOUT" -c user.name=t -c user.email=t@t commit -qm t
	STORAGE_RUN=$(mktemp -d -p /tmp filot-run.XXXXXX) # podman takes a path of 50 characters at most
	export STORAGE_RUN
	for tool in podman buildah; do
		if path=$(command -v "$tool"); then
			printf '#!/bin/sh\nexec %s --storage-driver vfs --root %s --runroot %s "$@"\n' "$path" \
				"$AWS_TEST_DIR/storage/$tool" "$STORAGE_RUN/$tool" >"$AWS_TEST_DIR/bin/$tool"
			chmod 755 "$AWS_TEST_DIR/bin/$tool"
		fi
	done
	export BUILDAH_ISOLATION=chroot
}

# builders: those that work here.
builders() {
	local tool
	for tool in docker podman buildah; do
		! "$tool" info >/dev/null 2>&1 || echo "$tool"
	done
}

builder_needed() {
	[[ -n $(builders) ]] || skip "no docker with a running engine, no podman and no buildah that works: install the package buildah, be root"
}

# commit_deploy WHAT COMMAND…: from the clean checkout, the tag is git's.
commit_deploy() {
	local what=$1
	shift
	env -u IMAGE_TAG -u FILOT_ROOT "$CHECKOUT/scripts/deploy-$what.sh" "$@"
}

registry_digest() { # REPOSITORY TAG
	curl -qsSfI -H 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' \
		"http://$REGISTRY/v2/$1/manifests/$2" | sed -n 's/\r$//; s/^docker-content-digest: //Ip'
}

@test "all: verified, built, pushed, migrated, deployed: the digest that the registry keeps is pinned; again, nothing changes" {
	local commit digest
	builder_needed
	commit=$(git -C "$CHECKOUT" rev-parse --short HEAD)
	run -0 commit_deploy backend all
	[[ $output == *'ok        target group'*"build: "*"push: "*'register: filot-backend-task:1'*'migrate: done'*'done: filot-backend-service runs filot-backend-task:1'* ]]
	digest=$(registry_digest filot-backend "$commit")
	[[ $digest == sha256:* ]]
	[[ $(aws ecs describe-task-definition --task-definition filot-backend-task:1 |
		jq -r '.taskDefinition.containerDefinitions[].image' | sort -u) == "$REGISTRY/filot-backend@$digest" ]]
	[[ $(record '[.action, .result, .image, .digest] | join(" ")') == "all succeeded $REGISTRY/filot-backend:$commit $digest" ]]
	run -0 commit_deploy backend all
	[[ $output == *'is there already'*'says the same already'* ]]
	[[ $(registry_digest filot-backend "$commit") == "$digest" ]]
	[[ $(running) == *:1 ]]
	run -0 commit_deploy backend diff
}

@test "pin writes the base image's digest and a time of Debian's archive into the settings; without them nothing is built" {
	local port settings=$BATS_TEST_TMPDIR/settings
	unset BASE_DIGEST SNAPSHOT
	cp "$FILOT_ROOT/infra/settings" "$settings"
	sed -i 's/^BASE_DIGEST=.*/BASE_DIGEST=/; s/^SNAPSHOT=.*/SNAPSHOT=/' "$settings"
	export FILOT_SETTINGS=$settings IMAGE_BUILDER=false
	run -78 commit_deploy backend build
	[[ $output == *'BASE_DIGEST, SNAPSHOT'*'what to do: '*" pin'"* ]]
	run -78 commit_deploy backend verify
	[[ $output == *'MISSING   Debian for images: no digest, no time'* ]]
	port=$(port_free)
	mkdir -p "$AWS_TEST_DIR/tokens"
	process_launch "$AWS_TEST_DIR" tokens python3 "$BATS_TEST_DIRNAME/token_registry.py" "$port"
	aws_ready tokens port_busy "$port"
	export BASE_IMAGE=127.0.0.1:$port/library/debian:trixie-slim
	run -0 commit_deploy backend pin --dry-run
	[[ $output == *"would pin in $settings: BASE_DIGEST=sha256:abab"* ]]
	grep -qx BASE_DIGEST= "$settings"
	run -0 commit_deploy ocr-gpu pin
	grep -qxE 'BASE_DIGEST=sha256:(ab){32}' "$settings"
	[[ $(sed -n 's/^SNAPSHOT=//p' "$settings") =~ ^20[0-9]{6}T[0-9]{2}0000Z$ ]]
	[[ $(diff "$FILOT_ROOT/infra/settings" "$settings" | grep -c '^>') == 2 ]]
	# What is built is told both.
	run -0 commit_deploy backend build --dry-run
	[[ $output == *"BASE=$BASE_IMAGE --build-arg BASE_DIGEST=sha256:abab"*" --build-arg SNAPSHOT=20"* ]]
	BASE_IMAGE=127.0.0.1:$port/library/none:x run -1 commit_deploy backend pin
	[[ $output == *'has no image library/none:x'*'what to do'* ]]
	server_signal "$AWS_TEST_DIR" tokens KILL
	BASE_IMAGE=127.0.0.1:$port/library/debian:trixie-slim run -69 commit_deploy backend pin
	[[ $output == *'does not answer'*'what to do'* ]]
}

@test "the same commit built again, from nothing, is the same digest by each builder; its labels say what it is" {
	local commit digest config tool
	builder_needed
	commit=$(git -C "$CHECKOUT" rev-parse --short HEAD)
	for tool in $(builders); do
		echo "# with $tool" >&3
		export IMAGE_BUILDER=$tool
		commit_deploy backend build
		commit_deploy backend push --force
		digest=$(registry_digest filot-backend "$commit")
		[[ $digest == sha256:* ]]
		"$tool" rmi --force "$("$tool" images --quiet --filter "reference=$REGISTRY/filot-backend:$commit")" >/dev/null
		commit_deploy backend build
		commit_deploy backend push --force
		[[ $(registry_digest filot-backend "$commit") == "$digest" ]]
		config=$(curl -qsSf -H 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' \
			"http://$REGISTRY/v2/filot-backend/manifests/$commit" | jq -r .config.digest)
		[[ $(curl -qsSfL "http://$REGISTRY/v2/filot-backend/blobs/$config" | jq -r '.config.Labels."org.opencontainers.image.revision"') == "$(git -C "$CHECKOUT" rev-parse HEAD)" ]]
	done
}

@test "docker is preferred where its engine and BuildKit answer, and is given only what its reference lists (a stand-in)" {
	local commit epoch
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$BATS_TEST_DIRNAME/docker_stand_in" "$BATS_TEST_TMPDIR/bin/docker"
	export PATH=$BATS_TEST_TMPDIR/bin:$PATH DOCKER_CALLS=$BATS_TEST_TMPDIR/calls
	export -f image_put
	unset IMAGE_BUILDER
	commit=$(git -C "$CHECKOUT" rev-parse --short HEAD)
	epoch=$(git -C "$CHECKOUT" log -1 --format=%ct)
	run -0 commit_deploy backend build
	run -0 commit_deploy backend push --force
	[[ $output == *'pushed: sha256:'* ]]
	grep -xF "SOURCE_DATE_EPOCH=$epoch docker build --provenance=false --file $CHECKOUT/Dockerfile --target backend --tag $REGISTRY/filot-backend:$commit --build-arg VERSION=$commit --build-arg REVISION=$(git -C "$CHECKOUT" rev-parse HEAD) --build-arg SOURCE_DATE_EPOCH=$epoch --build-arg BASE=docker.io/library/debian:trixie-slim --build-arg BASE_DIGEST=$BASE_DIGEST --build-arg SNAPSHOT=$SNAPSHOT $CHECKOUT" "$DOCKER_CALLS"
	grep -xF "docker push $REGISTRY/filot-backend:$commit" "$DOCKER_CALLS"
	run -125 docker build --timestamp 1 .
	run -125 docker push --tls-verify=false x
	# Its other calls only ask whether it is there.
	[[ $(grep -vcE 'docker (build|push) ' "$DOCKER_CALLS") == "$(grep -cxE 'docker (info|buildx version)' "$DOCKER_CALLS")" ]]
}

# bats test_tags=long
@test "the worker's image is its own stage, in its own repository" {
	builder_needed
	run -0 commit_deploy ocr-gpu all
	[[ $output == *'stage ocr-gpu'*'done: filot-ocr-gpu-service runs filot-ocr-gpu-worker:1'* ]]
	[[ $(record '[.service, .result] | join(" ")') == 'ocr-gpu succeeded' ]]
}

# bats test_tags=long
@test "a Dockerfile that does not build, and a registry that is not there, change nothing and say what to do" {
	builder_needed
	printf 'FROM scratch AS backend\nCOPY not-there /\n' >"$BATS_TEST_TMPDIR/Dockerfile"
	DOCKERFILE=$BATS_TEST_TMPDIR/Dockerfile run -1 commit_deploy backend all
	[[ $output == *'the image was not built'*'what to do'* && $(record .result) == failed ]]
	commit_deploy backend build
	REGISTRY=127.0.0.1:1 run -69 commit_deploy backend push
	[[ $output == *'the registry does not answer'*'what to do'* ]]
	run ! grep -qE 'RegisterTaskDefinition|CreateService|RunTask' "$AWS_CONTROL/calls"
}

# bats test_tags=long
@test "with ECR the digest is the one that ECR tells, and its password goes through a pipe" {
	local ecr=123456789012.dkr.ecr.ap-southeast-2.amazonaws.com manifest tool=$BATS_TEST_TMPDIR/tool
	manifest='{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}'
	# A builder that notes how it is called; what it pushes gets to moto.
	cat >"$tool" <<-END
		#!/bin/bash
		echo "\$*" >>"$tool.calls"
		case \$1 in
		login) cat >"$tool.password" ;;
		push) aws ecr put-image --repository-name filot-backend --image-tag one --image-manifest '$manifest' >/dev/null ;;
		esac
	END
	chmod 755 "$tool"
	export REGISTRY=$ecr
	run -1 deploy register
	[[ $output == *"the registry has no image $ecr/filot-backend:one"* ]]
	IMAGE_BUILDER=$tool run -0 deploy push
	[[ $output == *'pushed: sha256:'* ]]
	grep -qxF "login --username AWS --password-stdin $ecr" "$tool.calls"
	grep -qxF "push $ecr/filot-backend:one" "$tool.calls"
	[[ $(cat "$tool.password") == "$(aws ecr get-login-password)" ]]
	run -0 deploy verify
	[[ $output == *'ok        image repository filot-backend'*"ok        image $ecr/filot-backend:one"* ]]
	run -0 deploy update
	[[ $(record .digest) == "$(aws ecr describe-images --repository-name filot-backend --query 'imageDetails[0].imageDigest' --output text)" ]]
	aws ecr delete-repository --repository-name filot-backend --force >/dev/null
	run -1 deploy diff
	[[ $output == *'RepositoryNotFoundException'*'what to do'* ]]
}
