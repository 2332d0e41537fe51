# shellcheck shell=bash
# The story of a deployment, for scripts/deploy-backend.sh and
# scripts/deploy-ocr-gpu.sh, which set
#
#   DEPLOY_WHAT      backend or ocr-gpu: the lock's and the record's name
#   DEPLOY_PREFIX    BACKEND or OCR_GPU: the settings' names begin so
#   DEPLOY_STAGE     the Dockerfile's stage
#   DEPLOY_TASK_TEMPLATE, DEPLOY_SERVICE_TEMPLATE   files in infra/ecs/
#
# and call deploy_main "$@". Every step may be repeated: what is so already
# stays. Whatever ends the script, the record says how far it came and the
# lock is given back.
# Its parts share the variables that deploy_main sets from the command line.
# shellcheck disable=SC2034,SC2154

# shellcheck source-path=SCRIPTDIR
# shellcheck source=deploy_aws.sh
source "$FILOT_ROOT/scripts/lib/deploy_aws.sh"
# shellcheck source=deploy_image.sh
source "$FILOT_ROOT/scripts/lib/deploy_image.sh"
# shellcheck source=deploy_state.sh
source "$FILOT_ROOT/scripts/lib/deploy_state.sh"
# shellcheck source=deploy_ecs.sh
source "$FILOT_ROOT/scripts/lib/deploy_ecs.sh"
# shellcheck source=deploy_verify.sh
source "$FILOT_ROOT/scripts/lib/deploy_verify.sh"

OPS_TEMPLATE=filot-ops-task.json

# deploy_finish: the last word on every way out.
deploy_finish() {
	local status=$?
	trap - EXIT
	trap '' INT TERM # timeout sends it twice, and the lock is to be given back
	if [[ -n $record_id ]]; then
		case $status in
		"$EXIT_UNAVAILABLE" | "$EXIT_DENIED" | 130 | 143)
			record_end unknown "the script lost its way with status $status; ECS goes on without it"
			say "what to do: '$0 wait' follows ECS, '$0 rollback' goes back"
			;;
		*) record_end failed "ended with status $status" ;;
		esac
	fi
	lock_release
	rm -rf "$DEPLOY_TMP"
	exit "$status"
}

# image_wanted: repository@digest of the tag. In a dry run the image may not
# have been pushed yet.
image_wanted() {
	local digest
	digest=$(image_digest) || exit "$?"
	if [[ -n $digest ]]; then
		printf '%s@%s' "$(image_repository)" "$digest"
	elif ((dry_run)); then
		printf '%s@(digest of %s, not pushed yet)' "$(image_repository)" "$tag"
	else
		die "the registry has no image $(image_repository):$tag" "'$0 build' and '$0 push' with the same IMAGE_TAG, or name a tag that is there"
	fi
}

# changes_show: what update would change; 1 when there is something.
changes_show() {
	local image running status=0
	image=$(image_wanted) || exit "$?"
	running=$(service_revision) || aws_die "reading the service $(service)"
	task_diff "$DEPLOY_TASK_TEMPLATE" "$running" "$image" || status=$?
	((status < 2)) || exit "$status"
	service_diff || status=1
	return "$status"
}

do_register() {
	local image
	image=$(image_wanted) || exit "$?"
	if ((dry_run)); then
		if changes_show; then
			say "would register: nothing, it says the same already"
		else
			say "would register a new revision of ${SETTINGS[${DEPLOY_PREFIX}_FAMILY]}"
		fi
		return
	fi
	revision=$(task_register "$DEPLOY_TASK_TEMPLATE" "${SETTINGS[${DEPLOY_PREFIX}_FAMILY]}" "$image") || exit "$?"
	record_set image "$(image_repository):$tag" digest "${image##*@}" task_definition "$revision"
}

# do_update: to the tag's revision; back by itself when that is not stable.
do_update() {
	local before status=0
	if ((dry_run)); then
		if changes_show; then
			say "would update: nothing"
		else
			say "would update $(service)"
		fi
		return
	fi
	[[ -n ${revision:-} ]] || do_register
	before=$(service_revision) || aws_die "reading the service $(service)"
	record_set previous "$before"
	if [[ $before == "$revision" ]]; then
		say "update: $(service) asks for $revision already"
	fi
	service_put "$revision"
	service_wait "$revision" || status=$?
	case $status in
	0)
		record_end succeeded
		say "done: $(service) runs $revision"
		;;
	1 | 2)
		service_explain "$revision"
		update_undo "$before" "$status"
		;;
	*) aws_die "watching $(service)" ;;
	esac
}

# update_undo BEFORE STATUS: the deployment failed; 2: ECS went back itself.
update_undo() {
	local status=0 next="read the reasons above; mend it; '$0 all' with a new image"
	if [[ -z $1 || $1 == "$revision" ]]; then
		record_end failed "not stable, and there is no earlier revision to go back to"
		die "$revision does not become stable, and there is nothing to go back to" "$next"
	fi
	if (($2 == 1)); then
		say "rollback: to $1"
		service_put "$1"
		service_wait "$1" || status=$?
	fi
	if ((status != 0)); then
		record_end rollback_failed "not stable, and $1 is not either"
		die "neither $revision nor $1 becomes stable" "look at '$0 status' and '$0 logs'; '$0 rollback REVISION' goes further back"
	fi
	record_end rolled_back "not stable; went back to $1"
	die "$revision failed; $(service) runs $1 again" "$next"
}

# do_rollback [REVISION]
do_rollback() {
	local to=${1:-} before status=0
	before=$(service_revision) || aws_die "reading the service $(service)"
	[[ -n $before ]] || die "there is no service $(service) to roll back" "'$0 all' makes it"
	[[ -n $to ]] || to=$(record_last_good "$before")
	if [[ -z $to ]]; then
		to=$(revision_before "$before")
		say "the record knows no good revision; taking the one before $before"
	fi
	[[ $to == *:* ]] || to=${SETTINGS[${DEPLOY_PREFIX}_FAMILY]}:$to
	[[ -n $(task_live "$to") ]] || die "ECS does not know the revision $to" "'$0 status' lists those that were deployed; '$0 rollback REVISION' takes one"
	if ((dry_run)); then
		text_diff "$before" "$to" "$(task_live "$before" | task_canonical)" "$(task_live "$to" | task_canonical)" || true
		say "would go back from $before to $to"
		return
	fi
	record_set task_definition "$to" previous "$before" image "$(task_live "$to" | jq -r '.containerDefinitions[0].image')"
	service_put "$to"
	service_wait "$to" || status=$?
	case $status in
	0)
		[[ $before == "$to" ]] || record_leave "$before"
		record_end succeeded
		say "done: $(service) runs $to"
		;;
	1 | 2)
		service_explain "$to"
		record_end failed "the rollback to $to is not stable"
		die "$to does not become stable" "see the reasons above; '$0 rollback REVISION' takes another one"
		;;
	*) aws_die "watching $(service)" ;;
	esac
}

# revision_before FAMILY:N: the newest active one below N.
revision_before() {
	local answer
	answer=$(aws_call ecs list-task-definitions --family-prefix "${1%:*}" --status ACTIVE --sort DESC) || aws_die "listing the revisions of ${1%:*}"
	answer=$(jq -r --argjson n "${1##*:}" '[.taskDefinitionArns[] | split("/") | last | select((split(":") | last | tonumber) < $n)] | first // ""' <<<"$answer")
	[[ -n $answer ]] || die "there is no revision before $1" "deploy a good image: IMAGE_TAG=TAG $0 update"
	echo "$answer"
}

# do_migrate: filot-migrate up as a one-off task of the new image.
do_migrate() {
	local image ops input answer task end=$((SECONDS + SETTINGS[MIGRATE_TIMEOUT_S])) code
	image=$(image_wanted) || exit "$?"
	if ((dry_run)); then
		say "would run: filot-migrate up, with $image, in $(cluster)"
		return
	fi
	ops=$(task_register "$OPS_TEMPLATE" "${SETTINGS[OPS_FAMILY]}" "$image") || exit "$?"
	input=$(template_render "$DEPLOY_SERVICE_TEMPLATE" TASK_DEFINITION=unused | jq -c --arg cluster "$(cluster)" --arg task "$ops" \
		'{cluster: $cluster, taskDefinition: $task, launchType: "FARGATE", count: 1, startedBy: "deploy-migrate",
		networkConfiguration: .service.networkConfiguration,
		overrides: {containerOverrides: [{name: "ops", command: ["filot-migrate", "up"]}]}}') || exit "$?"
	answer=$(aws_call ecs run-task --cli-input-json "$input") || aws_die "starting the migration's task"
	task=$(jq -r '.tasks[0].taskArn // ""' <<<"$answer")
	[[ -n $task ]] || die "ECS did not start the migration: $(jq -c .failures <<<"$answer")" "'$0 verify', then '$0 migrate' again"
	say "migrate: task ${task##*/} of $ops"
	until [[ $(jq -r '.tasks[0].lastStatus' <<<"$answer") == STOPPED ]]; do
		((SECONDS < end)) || die "the migration still runs after ${SETTINGS[MIGRATE_TIMEOUT_S]} s" \
			"it goes on: aws ecs describe-tasks --cluster $(cluster) --tasks ${task##*/}; do not start another before it has ended"
		sleep "${SETTINGS[WAIT_INTERVAL_S]}"
		answer=$(aws_call ecs describe-tasks --cluster "$(cluster)" --tasks "$task") ||
			aws_die "watching the migration" "it goes on; '$0 migrate' again later is safe: filot-migrate takes a lock and does what is missing"
	done
	log_tail "${SETTINGS[OPS_LOG_GROUP]}" "ops/ops/${task##*/}" 200 >&2
	code=$(jq -r '.tasks[0].containers[] | select(.name == "ops").exitCode // ""' <<<"$answer")
	if [[ $code != 0 ]]; then
		record_end failed "the migration ended with ${code:-no exit code}: $(jq -r '.tasks[0].stoppedReason // ""' <<<"$answer")"
		die "the migration failed with exit code ${code:-none} ($(jq -r '.tasks[0].stoppedReason // "no reason given"' <<<"$answer"))" \
			"its log is above; nothing was deployed; filot-migrate(1) tells how to go on"
	fi
	say "migrate: done"
}

do_status() {
	local live
	live=$(service_get) || aws_die "reading the service $(service)"
	if [[ $live == null ]]; then
		echo "service:   $(service) is not there yet; '$0 all' makes it"
	else
		jq -r '"service:   \(.serviceName): \(.runningCount) of \(.desiredCount) tasks run",
			(.deployments[]? | "deployment: \(.status) \(.taskDefinition | split("/") | last) \(.rolloutState // "")"),
			(.events[:5][]? | "event:     \(.createdAt) \(.message)")' <<<"$live"
		task_live "$(jq -r .taskDefinition <<<"$live")" | jq -r '"image:     \(.containerDefinitions[0].image)"'
	fi
	lock_show
	[[ ! -s $DEPLOY_RECORD ]] || jq -r --arg service "$DEPLOY_WHAT" '.deployments | map(select(.service == $service)) | .[-5:][]
		| "record:    \(.started_at) \(.action) \(.task_definition // "-") \(.result) by \(.by)"' "$DEPLOY_RECORD"
}

do_wait() {
	local running status=0
	running=$(service_revision) || aws_die "reading the service $(service)"
	[[ -n $running ]] || die "there is no service $(service)" "'$0 all' makes it"
	service_wait "$running" || status=$?
	case $status in
	0) return ;;
	1 | 2)
		service_explain "$running"
		die "$running is not stable" "'$0 rollback' goes back to the last good one"
		;;
	*) aws_die "watching $(service)" ;;
	esac
}

# do_logs: the last minutes' lines, oldest first; --follow asks for more.
do_logs() {
	local from answer
	from=$((($(date +%s) - since_s) * 1000))
	while :; do
		answer=$(aws_call logs filter-log-events --log-group-name "${SETTINGS[${DEPLOY_PREFIX}_LOG_GROUP]}" --start-time "$from") ||
			aws_die "reading the logs" "the log group comes with the stack ${SETTINGS[FOUNDATION_STACK]}; '$0 verify' tells"
		jq -r '.events[].message' <<<"$answer"
		from=$(jq -r --argjson from "$from" '[.events[].timestamp + 1, $from] | max' <<<"$answer")
		((follow)) || return 0
		sleep 5
	done
}

do_all() {
	verify_all without-image
	image_build
	image_push
	do_register
	if [[ $DEPLOY_WHAT == backend ]] && ((migrate)); then
		do_migrate
	fi
	do_update
}

# deploy_options ARGUMENTS…: into the variables that deploy_main declared.
deploy_options() {
	while (($#)); do
		case $1 in
		--dry-run) dry_run=1 ;;
		--force) force=1 ;;
		--no-migrate) migrate=0 ;;
		--follow) follow=1 ;;
		--since)
			since_s=$(seconds_of "${2:-}") || usage_error "--since needs a time such as 10m"
			shift
			;;
		--help | -h)
			usage_print
			exit 0
			;;
		-*) usage_error "unknown option '$1'" ;;
		*)
			if [[ -z $command ]]; then
				command=$1
			elif [[ $command == rollback && -z $argument && $1 =~ ^([A-Za-z0-9_-]+:)?[0-9]+$ ]]; then
				argument=$1
			else
				usage_error "unexpected argument '$1'"
			fi
			;;
		esac
		shift
	done
}

# deploy_run: with lock and record what changes AWS, without them the rest.
deploy_run() {
	case $command in
	update | rollback | all | migrate)
		if ! ((dry_run)); then
			lock_take "$command ${tag:-$argument}"
			record_begin "$command"
		fi
		;;
	esac
	case $command in
	pin) image_pin ;;
	build) image_build ;;
	push) image_push ;;
	register) do_register ;;
	update) do_update ;;
	migrate)
		do_migrate
		record_end succeeded
		;;
	rollback) do_rollback "$argument" ;;
	all) do_all ;;
	diff) changes_show || exit 1 ;;
	verify) verify_all with-image ;;
	status) do_status ;;
	wait) do_wait ;;
	logs) do_logs ;;
	unlock) lock_break ;;
	esac
}

deploy_main() {
	command='' argument='' dry_run=0 force=0 migrate=1 follow=0 since_s=600 tag='' revision='' who=''
	deploy_options "$@"
	case $command in
	pin | build | push | register | update | migrate | rollback | all | diff | verify | status | wait | logs | unlock) ;;
	'') usage_error "what to do?" ;;
	*) usage_error "unknown command '$command'" ;;
	esac
	[[ $command != migrate || $DEPLOY_WHAT == backend ]] || usage_error "the database is migrated by scripts/deploy-backend.sh migrate"
	need jq jq
	need aws awscli
	need curl curl
	need git git
	need flock util-linux
	DEPLOY_TMP=$(temp_dir deploy)
	trap deploy_finish EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	settings_load
	if [[ $command == update && ${IMAGE_TAG:-} == previous ]]; then
		command=rollback # as runbooks say it: the image that ran before
	fi
	case $command in
	build | push | register | update | migrate | all | diff | verify) image_tag_choose ;;
	esac
	case $command in
	register | update | migrate | rollback | all | diff | verify) settings_resolve ;;
	esac
	deploy_run
}
