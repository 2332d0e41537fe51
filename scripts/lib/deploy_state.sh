# shellcheck shell=bash disable=SC2016,SC2034,SC2154
# The two things that outlive a deployment: the lock, a parameter in AWS
# that only one can create, and the record in infra/deployments/, which is
# committed. Needs deploy_aws.sh.
#
#   lock_take ACTION; lock_release; lock_show; lock_break
#   record_begin ACTION; record_set NAME VALUE…; record_end RESULT [REASON]
#   record_last_good CURRENT     the revision to go back to, or nothing

DEPLOY_RECORD=${DEPLOY_RECORD:-$FILOT_ROOT/infra/deployments/T8-B/image-versions.json}
lock_held=
record_id=

lock_name() {
	printf '/filot/deploy/%s' "$DEPLOY_WHAT"
}

deploy_who() {
	aws_call sts get-caller-identity --query Arn --output text || aws_die "asking AWS who we are"
}

# lock_take ACTION: put-parameter without --overwrite is decided by AWS, so
# of two machines exactly one gets it.
lock_take() {
	local value
	who=${who:-$(deploy_who)} || exit "$?"
	value=$(jq -nc --arg who "$who" --arg host "$(uname -n)" --arg pid "$$" --arg action "$1" --arg id "$(secret_new)" \
		'{who: $who, host: $host, pid: $pid, action: $action, id: $id, since: (now | todate)}')
	if aws_call ssm put-parameter --name "$(lock_name)" --type String --value "$value" \
		--description "held while FiLot's $DEPLOY_WHAT is deployed" >/dev/null; then
		lock_held=$value
		return
	fi
	aws_failed_with ParameterAlreadyExists || aws_die "taking the lock $(lock_name)"
	lock_show >&2
	deploy_die "$EXIT_TEMPORARY" "another deployment of the $DEPLOY_WHAT holds the lock" \
		"wait until it has ended ('$0 status' shows it); if that run is dead, '$0 unlock', then run this again"
}

# lock_release: ours only; somebody may have broken it and taken their own.
lock_release() {
	local value
	[[ -n $lock_held ]] || return 0
	value=$(lock_value) || value=
	if [[ $value == "$lock_held" ]] && aws_call ssm delete-parameter --name "$(lock_name)" >/dev/null; then
		lock_held=
		return 0
	fi
	lock_held=
	say "the lock $(lock_name) could not be given back: $(aws_error)"
	say "what to do: when AWS can be reached again, '$0 unlock'"
}

# lock_value: empty when nobody holds it.
lock_value() {
	local status=0
	aws_call ssm get-parameter --name "$(lock_name)" --query Parameter.Value --output text || status=$?
	((status == 0)) || aws_failed_with ParameterNotFound || return "$status"
}

lock_show() {
	local value
	value=$(lock_value) || aws_die "reading the lock $(lock_name)"
	if [[ -n $value ]]; then
		jq -r '"lock:      held by \(.who) on \(.host) (process \(.pid)) since \(.since) for: \(.action)"' <<<"$value"
	else
		echo "lock:      free"
	fi
}

lock_break() {
	lock_show
	aws_call ssm delete-parameter --name "$(lock_name)" >/dev/null ||
		aws_failed_with ParameterNotFound || aws_die "removing the lock $(lock_name)"
	echo "lock:      removed"
}

# record_change JQ-ARGUMENTS…: rewrite the record at once, one writer a time.
record_change() (
	mkdir -p "${DEPLOY_RECORD%/*}"
	exec 8<"${DEPLOY_RECORD%/*}"
	flock 8
	[[ -s $DEPLOY_RECORD ]] || echo '{"v":1,"deployments":[]}' >"$DEPLOY_RECORD"
	if jq "$@" <"$DEPLOY_RECORD" >"$DEPLOY_RECORD.new"; then
		mv "$DEPLOY_RECORD.new" "$DEPLOY_RECORD"
	else
		rm -f "$DEPLOY_RECORD.new"
		deploy_die "$EXIT_CONFIG" "the record $DEPLOY_RECORD cannot be read" "restore it: git checkout -- ${DEPLOY_RECORD#"$FILOT_ROOT"/}"
	fi
)

# record_begin ACTION: written before anything changes, so that a run that
# is killed leaves "running" behind and not silence.
record_begin() {
	record_id=$(date -u +%Y%m%dT%H%M%SZ)-$(secret_new | cut -c 1-6)
	record_change --arg id "$record_id" --arg service "$DEPLOY_WHAT" --arg action "$1" --arg who "${who:-unknown}" \
		--arg host "$(uname -n)" --arg region "${SETTINGS[AWS_REGION]}" \
		'.deployments += [{id: $id, service: $service, action: $action, region: $region, by: $who, host: $host,
			started_at: (now | todate), finished_at: null, result: "running"}]'
}

# record_set NAME VALUE [NAME VALUE…]
record_set() {
	[[ -z $record_id ]] ||
		record_change --arg id "$record_id" \
			'(.deployments[] | select(.id == $id)) += ([$ARGS.positional as $of | range(0; $of | length; 2) | {($of[.]): $of[. + 1]}] | add)' --args "$@"
}

# record_end RESULT [REASON]: succeeded, failed, rolled_back, rollback_failed
# or unknown (the connection to AWS was lost, ECS goes on without us).
record_end() {
	[[ -n $record_id ]] || return 0
	record_change --arg id "$record_id" --arg result "$1" --arg reason "${2:-}" \
		'(.deployments[] | select(.id == $id)) |= (.result = $result | .finished_at = (now | todate)
			| if $reason == "" then . else .reason = $reason end)'
	say "recorded: $1 in ${DEPLOY_RECORD#"$FILOT_ROOT"/} (commit it)"
	record_id=
}

# record_leave REVISION: it was rolled back from by hand, so it is no longer
# one to go back to.
record_leave() {
	record_change --arg service "$DEPLOY_WHAT" --arg revision "$1" \
		'(.deployments[] | select(.service == $service and .task_definition == $revision and .result == "succeeded")).result = "rolled_back"'
}

record_last_good() {
	[[ -s $DEPLOY_RECORD ]] || return 0
	jq -r --arg service "$DEPLOY_WHAT" --arg current "$1" \
		'[.deployments[] | select(.service == $service and .result == "succeeded" and (.task_definition // $current) != $current)]
		| last | .task_definition // ""' "$DEPLOY_RECORD"
}
