#!/usr/bin/env bash
# usage: scripts/smoke/run_e2e_smoke.sh [--api-url URL] [--jwt TOKEN] [--canary]
#          [--only CHECK]... [--retry N] [--timeout TIME] [--tap | --json]
#          [--junit FILE] [--verbose] [--region NAME] [--help]
#
# End-to-end smoke tests of a deployment: API, Redis, database, metrics, that
# what is protected is protected, log groups, both ECS services. It is
# filot-smoke(1), whose other flags may be given as well, with the names of
# infra/settings (another file by FILOT_SETTINGS; the environment wins).
#
#   --api-url URL   the API (API_URL of the settings)
#   --jwt TOKEN     a user's access token, for the check that needs a login
#   --canary        also send a document through the whole system; needs
#                   --jwt or FILOT_SERVICE_KEY
#
# AWS is asked with the credentials of the environment, the task or the
# instance; where there are none in the environment and the AWS CLI is there,
# with those of its profile.
# Exit status: 0 nothing failed; 1 a check failed; 64 usage; 69 filot-smoke is
# not there; 75 stopped; 78 configuration.

# shellcheck source-path=SCRIPTDIR
set -euo pipefail
FILOT_ROOT=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.." && pwd)
# shellcheck source=../lib/common.sh
source "$FILOT_ROOT/scripts/lib/common.sh"
# shellcheck source=../lib/deploy_aws.sh
source "$FILOT_ROOT/scripts/lib/deploy_aws.sh"

# profile_use: the CLI's profile, when nobody else gives credentials.
profile_use() {
	local name value exported
	for name in AWS_ACCESS_KEY_ID AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI; do
		[[ -z ${!name:-} ]] || return 0
	done
	command -v aws >/dev/null || return 0
	# Version 1 of the CLI has no export-credentials, and only keys that are in a file.
	exported=$(aws configure export-credentials --format env-no-export 2>/dev/null) ||
		exported=$(for name in aws_access_key_id aws_secret_access_key aws_session_token; do
			! value=$(aws configure get "$name" 2>/dev/null) || printf '%s=%s\n' "${name^^}" "$value"
		done)
	set -a
	# shellcheck disable=SC1090 # NAME=value lines of the CLI
	source /dev/stdin <<<"$exported"
	set +a
}

smoke_main() {
	local command
	local -a flags=()
	while (($#)); do
		case $1 in
		--help | -h)
			usage_print
			exit 0
			;;
		--jwt)
			[[ -n ${2:-} ]] || usage_error "--jwt needs a value"
			set -- "--jwt=$2" "${@:3}"
			continue
			;;
		# Not as an argument: other users see those in the process list.
		--jwt=*) export FILOT_SMOKE_JWT=${1#*=} ;;
		*) flags+=("$1") ;;
		esac
		shift
	done
	settings_load
	profile_use
	export FILOT_API_URL=${SETTINGS[API_URL]:-}
	export FILOT_BACKEND_CLUSTER=${SETTINGS[BACKEND_CLUSTER]:-} FILOT_BACKEND_SERVICE=${SETTINGS[BACKEND_SERVICE]:-}
	export FILOT_OCR_GPU_CLUSTER=${SETTINGS[OCR_GPU_CLUSTER]:-} FILOT_OCR_GPU_SERVICE=${SETTINGS[OCR_GPU_SERVICE]:-}
	export FILOT_BACKEND_LOG_GROUP=${SETTINGS[BACKEND_LOG_GROUP]:-} FILOT_OCR_GPU_LOG_GROUP=${SETTINGS[OCR_GPU_LOG_GROUP]:-}
	command=$(filot_command filot-smoke)
	exec "$command" "${flags[@]}"
}

smoke_main "$@"
