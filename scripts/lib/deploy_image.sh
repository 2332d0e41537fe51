# shellcheck shell=bash disable=SC2016,SC2034,SC2154
# Images: which tag, how it is built and pushed, and the digest that the
# registry keeps for it. Needs deploy_aws.sh.
#
#   image_tag                    print IMAGE_TAG, else git's short hash
#   image_build; image_push; image_digest

# git_dirty: something that goes into an image is not committed. The record
# of deployments does not go into one.
git_dirty() {
	[[ -n $(git -C "$FILOT_ROOT" status --porcelain -- . ':(exclude)infra/deployments' 2>/dev/null) ]]
}

# image_tag_choose: IMAGE_TAG in $tag, decided once.
image_tag_choose() {
	tag=${IMAGE_TAG:-}
	if [[ -z $tag ]]; then
		tag=$(git -C "$FILOT_ROOT" rev-parse --short HEAD 2>/dev/null) ||
			deploy_die "$EXIT_CONFIG" "$FILOT_ROOT is no git checkout, so there is no commit to name the image after" "give IMAGE_TAG=NAME"
		if git_dirty; then
			((force)) || deploy_die "$EXIT_CONFIG" "the working tree has changes that are not committed, so the tag $tag would lie" \
				"commit them, or name a tag that is there already (IMAGE_TAG=…), or --force (the tag becomes $tag-dirty)"
			tag=$tag-dirty
		fi
	fi
	[[ $tag =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]] ||
		usage_error "IMAGE_TAG='$tag' is no tag: letters, digits, '.', '_' and '-', at most 128"
	if [[ $tag == latest ]]; then
		say "warning: the tag latest says not what runs; the digest is pinned all the same, but give IMAGE_TAG a version"
	fi
}

image_repository() {
	printf '%s/%s' "${SETTINGS[REGISTRY]}" "${SETTINGS[${DEPLOY_PREFIX}_REPOSITORY]}"
}

# registry_is_ecr: else it is any registry that speaks Docker's protocol.
registry_is_ecr() {
	[[ ${SETTINGS[REGISTRY]} == *.dkr.ecr.*.amazonaws.com* ]]
}

registry_is_local() {
	[[ ${SETTINGS[REGISTRY]} =~ ^(localhost|127\.[0-9.]+)(:|$) ]]
}

# builder: docker when its engine answers, else podman, else buildah; or the
# one that IMAGE_BUILDER names.
builder() {
	if [[ -n ${IMAGE_BUILDER:-} ]]; then
		echo "$IMAGE_BUILDER"
	elif command -v docker >/dev/null && docker info >/dev/null 2>&1; then
		echo docker
	elif command -v podman >/dev/null; then
		echo podman
	elif command -v buildah >/dev/null; then
		echo buildah
	else
		deploy_die "$EXIT_CONFIG" "no docker with a running engine, no podman and no buildah" "start docker, or apt-get install buildah"
	fi
}

# image_build: the stage of the Dockerfile that DEPLOY_STAGE names. The time
# in the image is the commit's, so that the same commit gives the same image.
image_build() {
	local tool epoch revision
	local -a flags
	tool=$(builder) || exit "$?"
	if git_dirty && ! ((force)); then
		deploy_die "$EXIT_CONFIG" "the working tree has changes that are not committed" "commit them, or --force"
	fi
	epoch=$(git -C "$FILOT_ROOT" log -1 --format=%ct 2>/dev/null) || epoch=0
	revision=$(git -C "$FILOT_ROOT" rev-parse HEAD 2>/dev/null) || revision=unknown
	flags=(--file "${DOCKERFILE:-$FILOT_ROOT/Dockerfile}" --target "$DEPLOY_STAGE" --tag "$(image_repository):$tag"
	--build-arg "VERSION=$tag" --build-arg "REVISION=$revision" --build-arg "SOURCE_DATE_EPOCH=$epoch")
	if ((dry_run)); then
		say "would build: $tool build ${flags[*]} $FILOT_ROOT"
		return
	fi
	say "build: $tool, stage $DEPLOY_STAGE, $(image_repository):$tag"
	case $tool in
	docker) SOURCE_DATE_EPOCH=$epoch DOCKER_BUILDKIT=1 docker build --provenance=false "${flags[@]}" "$FILOT_ROOT" ;;
	podman) podman build --timestamp "$epoch" "${flags[@]}" "$FILOT_ROOT" ;;
	*) "$tool" build --layers --timestamp "$epoch" "${flags[@]}" "$FILOT_ROOT" ;;
	esac >&2 || die "the image was not built" "the reason is above; 'make' and 'scripts/check --quick' tell whether the sources are at fault"
}

# registry_login TOOL: the password goes through a pipe, never an argument.
registry_login() {
	local password
	registry_is_ecr || return 0
	password=$(aws ecr get-login-password 2>"$DEPLOY_TMP/aws.error" </dev/null) || {
		aws_call ecr get-authorization-token >/dev/null || aws_die "asking ECR for a password"
	}
	"$1" login --username AWS --password-stdin "${SETTINGS[REGISTRY]}" <<<"$password" >/dev/null ||
		die "$1 could not log in to ${SETTINGS[REGISTRY]}" "check REGISTRY and AWS_ACCOUNT_ID in infra/settings"
}

# image_push: a tag that is in the registry stays as it is; only latest moves.
image_push() {
	local tool digest
	local -a flags=()
	digest=$(image_digest) || exit "$?"
	if [[ -n $digest && $tag != latest ]] && ! ((force)); then
		say "push: $(image_repository):$tag is there already ($digest); other content needs another IMAGE_TAG"
		return
	fi
	if ((dry_run)); then
		say "would push: $(image_repository):$tag"
		return
	fi
	tool=$(builder) || exit "$?"
	registry_login "$tool"
	! registry_is_local || [[ $tool == docker ]] || flags=(--tls-verify=false)
	say "push: $(image_repository):$tag"
	"$tool" push "${flags[@]}" "$(image_repository):$tag" >&2 ||
		die "the image was not pushed" "the reason is above; '$0 build' makes it, '$0 verify' checks that the repository is there; then '$0 push' again"
	digest=$(image_digest) || exit "$?"
	[[ -n $digest ]] || die "the registry does not know the tag $tag after the push" "run '$0 push' again"
	say "pushed: $digest"
}

# image_digest: what the registry keeps for the tag; empty when it has none.
image_digest() {
	local answer status=0
	if ! registry_is_ecr; then
		registry_digest
		return
	fi
	answer=$(aws_call ecr describe-images --repository-name "${SETTINGS[${DEPLOY_PREFIX}_REPOSITORY]}" \
		--image-ids "imageTag=$tag") || status=$?
	if ((status == 0)); then
		jq -r '.imageDetails[0].imageDigest' <<<"$answer"
	elif ! aws_failed_with ImageNotFound; then
		aws_die "asking ECR for the tag $tag of ${SETTINGS[${DEPLOY_PREFIX}_REPOSITORY]}" \
			"is the repository there? '$0 verify' tells"
	fi
}

registry_digest() {
	local scheme=https url status=0 headers
	! registry_is_local || scheme=http
	url=$scheme://${SETTINGS[REGISTRY]}/v2/${SETTINGS[${DEPLOY_PREFIX}_REPOSITORY]}/manifests/$tag
	headers=$(curl -q --silent --show-error --max-time 20 --head \
		-H 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json' \
		"$url" 2>&1) || status=$?
	((status == 0)) || deploy_die "$EXIT_UNAVAILABLE" "the registry does not answer: $headers" "check REGISTRY in infra/settings and the network"
	[[ $headers =~ ^HTTP/[0-9.]+\ 200 ]] || return 0
	sed -n 's/\r$//; s/^docker-content-digest: //Ip' <<<"$headers"
}
