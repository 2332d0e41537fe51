#!/usr/bin/env bash
# usage: scripts/deploy-backend.sh COMMAND [--dry-run] [--force] [--help]
#
# Deploys the backend (filot-api on ECS Fargate). Every command may be repeated; what is so
# already stays. Settings are in infra/settings; the environment wins over it.
#
#   all        verify, build, push, register, migrate, update
#   pin        the newest Debian for images into infra/settings; commit it
#   build      the image, with docker, podman or buildah, whichever is there
#   push       to the registry
#   register   the task definition, with the image's digest pinned
#   update     the service to the tag's image; waits until it is stable, and
#              goes back by itself when it is not
#   migrate    filot-migrate up as a one-off task of the image; its log and exit code
#   rollback [REVISION]   to the last good revision, or to that one
#   diff       what update would change; 1 when there is something
#   verify     that all a task needs is there, before anything starts
#   status     what runs, who holds the lock, the last deployments
#   wait       until the service is stable
#   logs [--since 10m] [--follow]   the service's log
#   unlock     remove the lock of a run that is dead
#
#   --dry-run  say what would be changed, as a diff; change nothing
#   --force    build from a tree with uncommitted changes or from a Debian that
#              is not pinned; push a tag again
#   --no-migrate   all: leave the database as it is
#
# IMAGE_TAG names the image (default: git's short hash; IMAGE_TAG=previous
# with update is rollback). Each run that changes something is recorded in
# infra/deployments/T8-B/image-versions.json; commit it.
#
# Exit status: 0 done; 1 failed (for diff: there are changes); 64 usage;
# 69 AWS cannot be reached; 75 another deployment is under way;
# 77 credentials or rights; 78 something that is needed is missing or wrong.

# shellcheck source-path=SCRIPTDIR
set -euo pipefail
FILOT_ROOT=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/.." && pwd)
# shellcheck source=lib/common.sh
source "$FILOT_ROOT/scripts/lib/common.sh"

# What deploy.sh is told; it uses them.
export DEPLOY_WHAT=backend DEPLOY_PREFIX=BACKEND DEPLOY_STAGE=backend
export DEPLOY_TASK_TEMPLATE=filot-backend-task.json DEPLOY_SERVICE_TEMPLATE=filot-backend-service.json

# shellcheck source=lib/deploy.sh
source "$FILOT_ROOT/scripts/lib/deploy.sh"

deploy_main "$@"
