#!/usr/bin/env bash
# usage: scripts/ops/requeue_stuck_jobs.sh [--redis-url URL] [--dry-run]
#          [--min-idle TIME] [--limit N] [--rate N/s] [--queue-name NAME]
#          [--json] [--help]
#
# Hands stuck OCR jobs to the next worker that asks: those whose worker has
# not renewed its claim, or is gone, and retries that are overdue. It is
# filot-requeue(1) with the flags that an operator needs at night; safe to run
# twice at once and from cron. No job is lost or done twice by it.
#
#   --redis-url URL    the queue's Redis, rediss:// with TLS; without it
#                      FILOT_REDIS_URL or REDIS_URL of the environment
#   --dry-run          say what would be done, change nothing
#   --min-idle TIME    a claim not renewed for so long is stuck (60s)
#   --limit N          stop after N jobs
#   --rate N/s         move no more than N jobs a second
#   --queue-name NAME  which queue (ocr)
#   --json             JSON lines on a terminal, too
#
# One line a job and a summary on standard output. Exit status: 0 all done or
# nothing to do, 1 some were refused, 64 usage, 69 Redis cannot be reached or
# filot-requeue is not there, 77 it refuses the password, 78 no URL or a wrong one.

# shellcheck source-path=SCRIPTDIR
set -euo pipefail
script=$(realpath "${BASH_SOURCE[0]}")
# shellcheck source=../lib/common.sh
source "$(dirname "$script")/../lib/common.sh"

requeue_main() {
	local command
	local -a flags=()
	while (($#)); do
		case $1 in
		--help | -h)
			usage_print
			exit 0
			;;
		--dry-run | -n | --json) flags+=("$1") ;;
		--redis-url | --min-idle | --limit | --rate | --queue-name)
			(($# > 1)) || usage_error "$1 needs a value"
			[[ -n $2 ]] || usage_error "$1 has an empty value; is the variable set?"
			if [[ $1 == --redis-url ]]; then
				# Not as an argument: other users see those in the process list.
				export FILOT_REDIS_URL=$2
				unset FILOT_REDIS_URL_FILE
			else
				flags+=("$1" "$2")
			fi
			shift
			;;
		--redis-url=* | --min-idle=* | --limit=* | --rate=* | --queue-name=*)
			set -- "${1%%=*}" "${1#*=}" "${@:2}"
			continue
			;;
		*) usage_error "unknown argument '$1'" ;;
		esac
		shift
	done
	command=$(filot_command filot-requeue)
	exec "$command" "${flags[@]}"
}

requeue_main "$@"
