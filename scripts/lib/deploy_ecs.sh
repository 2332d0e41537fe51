# shellcheck shell=bash
# ECS: task definitions, services, waiting until one is stable and saying why
# it is not. Needs deploy_aws.sh and deploy_image.sh.

cluster() {
	printf '%s' "${SETTINGS[${DEPLOY_PREFIX}_CLUSTER]}"
}

service() {
	printf '%s' "${SETTINGS[${DEPLOY_PREFIX}_SERVICE]}"
}

# service_get: the service as ECS has it; "null" when there is none that works.
service_get() {
	local answer
	answer=$(aws_call ecs describe-services --cluster "$(cluster)" --services "$(service)") || return "$?"
	jq -c '[.services[]? | select(.status != "INACTIVE")] | first' <<<"$answer"
}

# revision_short ARN: family:revision.
revision_short() {
	printf '%s' "${1##*/}"
}

# service_revision: family:revision that the service asks for, or nothing.
service_revision() {
	local live status=0
	live=$(service_get) || status=$?
	if ((status != 0)); then
		aws_failed_with ClusterNotFound && return 0
		return "$status"
	fi
	live=$(jq -r '.taskDefinition // ""' <<<"$live")
	revision_short "$live"
}

# task_render FAMILY FILE IMAGE: the task definition as it should be.
task_render() {
	template_render "$1" "IMAGE=$2"
}

# task_canonical: without what ECS adds, with what it fills in left out, in
# one order; two definitions that mean the same become the same text.
task_canonical() {
	jq -S 'del(.taskDefinitionArn, .revision, .status, .requiresAttributes, .compatibilities, .registeredAt,
			.registeredBy, .deregisteredAt, .tags, .enableFaultInjection)
		| .containerDefinitions |= map(
			(if .environment then .environment |= sort_by(.name) else . end)
			| (if .secrets then .secrets |= sort_by(.name) else . end)
			| (if .portMappings then .portMappings |= map(if .hostPort == .containerPort then del(.hostPort) else . end) else . end)
			| if .cpu == 0 then del(.cpu) else . end)
		| del(.. | select(. == [] or . == {} or . == null))
		| walk(if type == "object" then with_entries(select(.value != null and .value != [] and .value != {})) else . end)'
}

# task_live REVISION: as ECS has it; nothing when it does not know it.
task_live() {
	local answer
	answer=$(aws_call ecs describe-task-definition --task-definition "$1") || {
		local status=$?
		aws_failed_with 'Unable to describe|not found|does not exist|ClientException' && return 0
		return "$status"
	}
	jq -c .taskDefinition <<<"$answer"
}

# task_register TEMPLATE FAMILY IMAGE: print family:revision: the latest one
# where it says the same already, else a new one.
task_register() {
	local wanted live arn
	wanted=$(task_render "$1" "$3") || return "$?"
	live=$(task_live "$2") || aws_die "reading the task definition $2"
	if [[ -n $live && $(task_canonical <<<"$live") == "$(task_canonical <<<"$wanted")" ]]; then
		arn=$(jq -r .taskDefinitionArn <<<"$live")
		say "register: $(revision_short "$arn") says the same already"
	else
		arn=$(aws_call ecs register-task-definition --cli-input-json "$wanted" --query taskDefinition.taskDefinitionArn --output text) ||
			aws_die "registering $2" "'$0 verify' checks the roles and secrets that it names"
		say "register: $(revision_short "$arn")"
	fi
	revision_short "$arn"
}

# text_diff NAME-A NAME-B TEXT-A TEXT-B: 0 when they are the same.
text_diff() {
	diff -u --label "$1" --label "$2" <(printf '%s\n' "$3") <(printf '%s\n' "$4")
}

# task_diff TEMPLATE REVISION IMAGE: running against wanted, as diff -u.
task_diff() {
	local wanted live=''
	wanted=$(task_render "$1" "$3" | task_canonical) || return 2
	if [[ -n $2 ]]; then
		live=$(task_live "$2") || aws_die "reading the task definition $2"
		[[ -z $live ]] || live=$(task_canonical <<<"$live")
	fi
	text_diff "${2:-nothing}" "infra/ecs/$1" "$live" "$wanted"
}

# service_wanted REVISION: the part of the template that an update can set.
service_updatable() {
	jq -S '{deploymentConfiguration, networkConfiguration, healthCheckGracePeriodSeconds}
		| with_entries(select(.value != null))'
}

# service_diff: what an update would set, running against wanted.
service_diff() {
	local live wanted
	wanted=$(template_render "$DEPLOY_SERVICE_TEMPLATE" TASK_DEFINITION=unused | jq .service | service_updatable) || return 2
	live=$(service_get) || aws_die "reading the service $(service)"
	[[ $live != null ]] || live='{}'
	# Of what the live service has besides (defaults of ECS) nothing is wanted.
	live=$(jq -nS --argjson live "$live" --argjson wanted "$wanted" '
		def like($w): if ($w | type) == "object" and type == "object"
			then . as $l | reduce ($w | keys[]) as $k ({}; if $l | has($k) then .[$k] = ($l[$k] | like($w[$k])) else . end)
			elif type == "array" then sort else . end;
		$live | like($wanted)')
	text_diff "$(service)" "infra/ecs/$DEPLOY_SERVICE_TEMPLATE" "$live" "$(jq -S 'walk(if type == "array" then sort else . end)' <<<"$wanted")"
}

# service_put REVISION: create the service, or bring it to REVISION.
service_put() {
	local live wanted input
	live=$(service_get) || aws_die "reading the service $(service)"
	wanted=$(template_render "$DEPLOY_SERVICE_TEMPLATE" "TASK_DEFINITION=$1") || return "$?"
	if [[ $live == null ]]; then
		say "update: creating $(service) with $1"
		input=$(jq -c .service <<<"$wanted")
		aws_call ecs create-service --cli-input-json "$input" >/dev/null || aws_die "creating the service $(service)" \
			"'$0 verify' checks the cluster, subnets and target group that it names"
	else
		# The number of tasks is the autoscaling's; an update leaves it alone.
		say "update: $(service) from $(revision_short "$(jq -r .taskDefinition <<<"$live")") to $1"
		input=$(jq -c .service <<<"$wanted" | service_updatable | jq -c --arg cluster "$(cluster)" --arg service "$(service)" \
			--arg revision "$1" '. + {cluster: $cluster, service: $service, taskDefinition: $revision}')
		aws_call ecs update-service --cli-input-json "$input" >/dev/null || aws_die "updating the service $(service)"
	fi
	scaling_put "$wanted"
}

# scaling_put RENDERED: both calls say "be so", so they may be repeated.
scaling_put() {
	local input
	local -a inputs
	mapfile -t inputs < <(jq -c '.scalable_target, .scaling_policies[]' <<<"$1")
	aws_call application-autoscaling register-scalable-target --cli-input-json "${inputs[0]}" >/dev/null ||
		aws_die "registering $(service) for autoscaling"
	for input in "${inputs[@]:1}"; do
		aws_call application-autoscaling put-scaling-policy --cli-input-json "$input" >/dev/null ||
			aws_die "setting the scaling policy $(jq -r .PolicyName <<<"$input")"
	done
}

# service_wait REVISION: 0 stable with REVISION; 1 it failed, and nobody has
# rolled back; 2 ECS itself went back and is stable; 69 and 77 as aws_call.
# A lost network is waited out for a while, because ECS goes on without us.
service_wait() {
	local end=$((SECONDS + SETTINGS[WAIT_TIMEOUT_S])) live state status lost_s=-1 seen='' event shown=''
	while :; do
		status=0
		live=$(service_get) || status=$?
		if ((status == EXIT_UNAVAILABLE)); then
			((lost_s >= 0)) || lost_s=$SECONDS
			if ((SECONDS - lost_s >= ${NETWORK_PATIENCE_S:-300})); then
				return "$EXIT_UNAVAILABLE"
			fi
			say "wait: AWS cannot be reached ($(aws_error)); trying on"
			sleep "${SETTINGS[WAIT_INTERVAL_S]}"
			continue
		elif ((status != 0)); then
			return "$status"
		fi
		lost_s=-1
		{
			read -r state
			read -r seen
			while IFS= read -r event; do
				say "ecs: $event"
			done
		} < <(service_look "$1" "$live" "$seen")
		[[ $state == "$shown" ]] || say "wait: $state"
		shown=$state
		case $state in
		stable*) return 0 ;;
		failed*) return 1 ;;
		'went back'*) return 2 ;;
		esac
		if ((SECONDS >= end)); then
			say "wait: not stable after ${SETTINGS[WAIT_TIMEOUT_S]} s"
			return 1
		fi
		sleep "${SETTINGS[WAIT_INTERVAL_S]}"
	done
}

# service_look REVISION LIVE SEEN: a line with the state: stable, failed, went
# back, or what is still missing; a line with the time of the newest event,
# for the next look; then the events after the time SEEN, else since the
# deployment began, oldest first.
service_look() {
	jq -r --arg revision "$1" --arg seen "$3" '
		([.deployments[]? | select(.status == "PRIMARY")] | first) as $primary
		| ($primary.taskDefinition | split("/") | last) as $is
		| "\($primary.runningCount) of \($primary.desiredCount) tasks of \($is) run" as $count
		| (if $seen == "" then $primary.createdAt | tostring else $seen end) as $since
		| [.events[]? | select((.createdAt | tostring) > $since)] as $events
		| if . == null then "failed: there is no service"
		elif $primary == null then "failed: the service has no deployment"
		elif $is == $revision and $primary.rolloutState == "COMPLETED" and .runningCount >= .desiredCount then "stable: \($count)"
		elif $primary.rolloutState == "FAILED" then "failed: \($primary.rolloutStateReason // "no reason given")"
		elif $is != $revision and $primary.rolloutState == "COMPLETED" then "went back: \($count)"
		elif $is != $revision then "ECS rolls back: \($count)"
		else "\($count), \($primary.failedTasks // 0) failed, \([.deployments[] | select(.status != "PRIMARY").runningCount] | add // 0) of the old run" end,
		([$events[].createdAt | tostring] | max // $since),
		($events | reverse[].message)' <<<"$2"
}

# service_explain REVISION: why its tasks stopped, and their last words. To
# be read by a person, so it never ends the script.
service_explain() {
	local arns tasks
	arns=$(aws_call ecs list-tasks --cluster "$(cluster)" --service-name "$(service)" --desired-status STOPPED --query 'taskArns[:10]') || {
		say "the stopped tasks could not be listed: $(aws_error)"
		return 0
	}
	if [[ $(jq length <<<"$arns") == 0 ]]; then
		say "no task of $(service) was stopped lately: it could not be started at all (capacity, subnets, placement), see the events above"
		return 0
	fi
	mapfile -t arns < <(jq -r '.[]' <<<"$arns")
	tasks=$(aws_call ecs describe-tasks --cluster "$(cluster)" --tasks "${arns[@]}") || return 0
	tasks_explain "$(jq -c --arg revision "$1" '[.tasks[] | select(.taskDefinitionArn | endswith("/" + $revision))] | .[:3]' <<<"$tasks")"
}

# tasks_explain TASKS: reasons, and the last log lines of each container.
tasks_explain() {
	local task container name stream
	while IFS= read -r task; do
		jq -r '"task \(.taskArn | split("/") | last): \(.stoppedReason // .stopCode // "stopped, no reason given")",
			(.containers[]? | "  \(.name): exit \(.exitCode // "none")\(if .reason then ", " + .reason else "" end)")' <<<"$task" >&2
		while IFS= read -r container; do
			name=$(jq -r .name <<<"$container")
			stream=$name/$name/$(jq -r '.taskArn | split("/") | last' <<<"$task")
			log_tail "${SETTINGS[${DEPLOY_PREFIX}_LOG_GROUP]}" "$stream" 10 | sed "s|^|  $name: |" >&2
		done < <(jq -c '.containers[]?' <<<"$task")
	done < <(jq -c '.[]' <<<"$1")
}

# log_tail GROUP STREAM COUNT: nothing when there is no such stream.
log_tail() {
	local answer
	answer=$(aws_call logs get-log-events --log-group-name "$1" --log-stream-name "$2" --limit "$3" --no-start-from-head) || return 0
	jq -r '.events[].message' <<<"$answer"
}
