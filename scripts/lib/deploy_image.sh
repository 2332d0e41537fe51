# shellcheck shell=bash disable=SC2016,SC2034,SC2154
# Images: which tag, how it is built and pushed, and the digest that the
# registry keeps for it. Needs deploy_aws.sh.
#
#   image_tag                    print IMAGE_TAG, else git's short hash
#   image_pin                    what images are made of, into the settings
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

registry_is_local() { # HOST
	[[ $1 =~ ^(localhost|127\.[0-9.]+)(:|/|$) ]]
}

# builder: docker when its engine answers and it has BuildKit, else a podman
# that works, else buildah; or the one that IMAGE_BUILDER names.
builder() {
	if [[ -n ${IMAGE_BUILDER:-} ]]; then
		echo "$IMAGE_BUILDER"
	elif command -v docker >/dev/null && docker info >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1; then
		echo docker
	elif command -v podman >/dev/null && podman info >/dev/null 2>&1; then
		echo podman
	elif command -v buildah >/dev/null; then
		echo buildah
	else
		deploy_die "$EXIT_CONFIG" "no docker with a running engine and buildx, no podman and no buildah" "start docker, or apt-get install buildah"
	fi
}

# image_build: the stage of the Dockerfile that DEPLOY_STAGE names. The time
# in the image is the commit's, so that the same commit gives the same image.
image_build() {
	local tool epoch revision base
	local -a flags
	tool=$(builder) || exit "$?"
	base=$(setting BASE_IMAGE) || exit "$?"
	if git_dirty && ! ((force)); then
		deploy_die "$EXIT_CONFIG" "the working tree has changes that are not committed" "commit them, or --force"
	fi
	image_pinned || ((force)) || deploy_die "$EXIT_CONFIG" "the settings do not say which Debian images are made of (BASE_DIGEST, SNAPSHOT)" \
		"'$0 pin' writes today's into infra/settings, commit it; or --force, for an image that nobody can make again"
	epoch=$(git -C "$FILOT_ROOT" log -1 --format=%ct 2>/dev/null) || epoch=0
	revision=$(git -C "$FILOT_ROOT" rev-parse HEAD 2>/dev/null) || revision=unknown
	flags=(--file "${DOCKERFILE:-$FILOT_ROOT/Dockerfile}" --target "$DEPLOY_STAGE" --tag "$(image_repository):$tag"
	--build-arg "VERSION=$tag" --build-arg "REVISION=$revision" --build-arg "SOURCE_DATE_EPOCH=$epoch"
	--build-arg "BASE=$base" --build-arg "BASE_DIGEST=${SETTINGS[BASE_DIGEST]:-}" --build-arg "SNAPSHOT=${SETTINGS[SNAPSHOT]:-}")
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
	! registry_is_local "${SETTINGS[REGISTRY]}" || [[ $tool == docker ]] || flags=(--tls-verify=false)
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
	local headers
	headers=$(manifest_head "${SETTINGS[REGISTRY]}" "${SETTINGS[${DEPLOY_PREFIX}_REPOSITORY]}" "$tag") || exit "$?"
	manifest_digest "$headers"
}

# manifest_head HOST REPOSITORY TAG [CURL-ARGUMENT…]: what a registry says of
# the tag: the headers of its answer.
manifest_head() {
	local host=$1 scheme=https url headers status=0
	! registry_is_local "$host" || scheme=http
	url=$scheme://$host/v2/$2/manifests/$3
	shift 3
	headers=$(curl -q --silent --show-error --max-time 20 --head "$@" \
		-H 'Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json' \
		"$url" 2>&1) || status=$?
	((status == 0)) || deploy_die "$EXIT_UNAVAILABLE" "the registry does not answer ($host): $headers" "check its name in infra/settings and the network"
	printf '%s' "$headers"
}

# manifest_digest HEADERS: the digest in them; empty when there is no such tag.
manifest_digest() {
	[[ $1 =~ ^HTTP/[0-9.]+\ 200 ]] || return 0
	sed -n 's/\r$//; s/^docker-content-digest: //Ip' <<<"$1"
}

# base_digest: of BASE_IMAGE, as its registry has it now. Docker Hub, like
# others, first wants a token that anyone gets, and says where.
base_digest() {
	local image host path name headers token
	local -A challenge=()
	image=$(setting BASE_IMAGE) || exit "$?"
	host=${image%%/*} path=${image#*/}
	[[ $host != docker.io ]] || host=registry-1.docker.io
	headers=$(manifest_head "$host" "${path%:*}" "${path##*:}") || exit "$?"
	if [[ $headers =~ ^HTTP/[0-9.]+\ 401 ]]; then
		for name in realm service scope; do
			challenge[$name]=$(sed -n "s/^www-authenticate: Bearer .*$name=\"\([^\"]*\)\".*/\1/Ip" <<<"$headers")
		done
		token=$(curl -q --silent --show-error --fail --max-time 20 --get --data-urlencode "service=${challenge[service]}" \
			--data-urlencode "scope=${challenge[scope]}" "${challenge[realm]}" | jq -r '.token // .access_token // ""') ||
			deploy_die "$EXIT_UNAVAILABLE" "$host wants a token from '${challenge[realm]}', which gives none" "check BASE_IMAGE in infra/settings and the network"
		headers=$(manifest_head "$host" "${path%:*}" "${path##*:}" -H "Authorization: Bearer $token") || exit "$?"
	fi
	name=$(manifest_digest "$headers")
	[[ $name == sha256:* ]] || die "$host has no image ${path}: ${headers%%$'\r'*}" "correct BASE_IMAGE in infra/settings: HOST/REPOSITORY:TAG"
	echo "$name"
}

# image_pinned: the settings say what images are made of.
image_pinned() {
	[[ ${SETTINGS[BASE_DIGEST]:-} == sha256:* && ${SETTINGS[SNAPSHOT]:-} =~ ^[0-9]{8}T[0-9]{6}Z$ ]]
}

# image_pin: Debian's image, and a time of its archive that is whole already.
image_pin() {
	local file=${FILOT_SETTINGS:-$FILOT_ROOT/infra/settings} digest snapshot
	digest=$(base_digest) || exit "$?"
	snapshot=$(date -u -d '6 hours ago' +%Y%m%dT%H0000Z)
	if ((dry_run)); then
		say "would pin in $file: BASE_DIGEST=$digest SNAPSHOT=$snapshot"
		return
	fi
	[[ $(grep -cE '^(BASE_DIGEST|SNAPSHOT)=' "$file") == 2 ]] ||
		deploy_die "$EXIT_CONFIG" "$file has no lines BASE_DIGEST= and SNAPSHOT=" "add both, empty"
	sed "s/^BASE_DIGEST=.*/BASE_DIGEST=$digest/; s/^SNAPSHOT=.*/SNAPSHOT=$snapshot/" "$file" >"$DEPLOY_TMP/settings"
	cat "$DEPLOY_TMP/settings" >"$file"
	say "pinned in $file: BASE_DIGEST=$digest SNAPSHOT=$snapshot; commit it"
}
