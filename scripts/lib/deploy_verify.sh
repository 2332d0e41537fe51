# shellcheck shell=bash disable=SC2016,SC2034,SC2154
# Everything a task needs, looked at before anything starts. Needs
# deploy_ecs.sh.
#
#   verify_all with-image|without-image

verify_missing=0

# verify WHAT WHAT-TO-DO JQ COMMAND…: ask AWS; JQ says whether the answer is
# good. Lost credentials end it: everything would be "missing".
verify() {
	local what=$1 next=$2 test=$3 answer status=0
	shift 3
	answer=$(aws_call "$@") || status=$?
	if ((status == EXIT_UNAVAILABLE)) || { ((status == EXIT_DENIED)) && ! aws_failed_with 'AccessDenied|not authorized|UnauthorizedOperation'; }; then
		aws_die "checking $what"
	elif ((status == 0)); then
		verify_say "$(jq -r "$test" <<<"$answer")" "$what" "$next"
	else
		verify_say false "$what: $(aws_error)" "$next"
	fi
}

# verify_say TRUE-OR-FALSE WHAT WHAT-TO-DO: one line, and what is missing counted.
verify_say() {
	if [[ $1 == true ]]; then
		printf 'ok        %s\n' "$2"
	else
		printf 'MISSING   %s\n          what to do: %s\n' "$2" "$3"
		verify_missing=$((verify_missing + 1))
	fi
}

# verify_tasks TASK-DEFINITIONS: all that they name, each once.
verify_tasks() {
	local name there secrets
	secrets=$(aws_call secretsmanager list-secrets --filters "Key=name,Values=${SETTINGS[SECRET_PREFIX]}/") || aws_die "listing the secrets"
	while IFS=$'\t' read -r name there; do
		verify_say "$there" "secret $name" "aws secretsmanager create-secret --name $name --secret-string VALUE"
	done < <(jq -r --argjson secrets "$secrets" '[$secrets.SecretList[]
		| select(any(.SecretVersionsToStages[]?; index("AWSCURRENT") != null)).Name] as $have
		| .containerDefinitions[].secrets[]?.valueFrom | split(":secret:") | last
		| "\(.)\t\(. as $name | $have | index($name) != null)"' <<<"$1" | sort -u)
	while IFS= read -r name; do
		verify "role $name" "update the stack ${SETTINGS[FOUNDATION_STACK]}" '.Role.Arn != null' iam get-role --role-name "$name"
	done < <(jq -r '.executionRoleArn, .taskRoleArn | split("/") | last' <<<"$1" | sort -u)
	while IFS= read -r name; do
		verify "log group $name" "update the stack ${SETTINGS[FOUNDATION_STACK]}" "any(.logGroups[]; .logGroupName == \"$name\")" \
			logs describe-log-groups --log-group-name-prefix "$name"
	done < <(jq -r '.containerDefinitions[].logConfiguration.options."awslogs-group"' <<<"$1" | sort -u)
}

verify_network() {
	local -a subnets groups
	IFS=, read -ra subnets <<<"${SETTINGS[SUBNETS]}"
	IFS=, read -ra groups <<<"${SETTINGS[${DEPLOY_PREFIX}_SECURITY_GROUPS]}"
	verify "subnets ${subnets[*]}" "correct SUBNETS in infra/settings" ".Subnets | length == ${#subnets[@]}" \
		ec2 describe-subnets --subnet-ids "${subnets[@]}"
	verify "security groups ${groups[*]}" "correct ${DEPLOY_PREFIX}_SECURITY_GROUPS in infra/settings" \
		".SecurityGroups | length == ${#groups[@]}" ec2 describe-security-groups --group-ids "${groups[@]}"
}

verify_backend() {
	verify "target group on port ${SETTINGS[BACKEND_PORT]} for addresses" "correct BACKEND_TARGET_GROUP_ARN in infra/settings" \
		".TargetGroups[0] | .Port == ${SETTINGS[BACKEND_PORT]} and .TargetType == \"ip\"" \
		elbv2 describe-target-groups --target-group-arns "${SETTINGS[BACKEND_TARGET_GROUP_ARN]}"
}

# Capacity: the group may grow to what the service may ask for, and it is
# what the service's capacity provider grows.
verify_ocr_gpu() {
	local zones
	verify "capacity provider ${SETTINGS[OCR_GPU_CAPACITY_PROVIDER]}" "update the stack ${SETTINGS[FOUNDATION_STACK]}" \
		'any(.capacityProviders[]; .status == "ACTIVE")' ecs describe-capacity-providers --capacity-providers "${SETTINGS[OCR_GPU_CAPACITY_PROVIDER]}"
	verify "GPU capacity: ${SETTINGS[OCR_GPU_ASG]} may grow to ${SETTINGS[OCR_GPU_TASKS_MAX]} instances" \
		"raise its maximum: aws autoscaling update-auto-scaling-group --auto-scaling-group-name ${SETTINGS[OCR_GPU_ASG]} --max-size ${SETTINGS[OCR_GPU_TASKS_MAX]}" \
		"any(.AutoScalingGroups[]; .MaxSize >= ${SETTINGS[OCR_GPU_TASKS_MAX]})" \
		autoscaling describe-auto-scaling-groups --auto-scaling-group-names "${SETTINGS[OCR_GPU_ASG]}"
	local -a subnets
	IFS=, read -ra subnets <<<"${SETTINGS[SUBNETS]}"
	zones=$(aws_call ec2 describe-subnets --subnet-ids "${subnets[@]}" --query 'Subnets[].AvailabilityZone') || zones='[]'
	verify "${SETTINGS[OCR_GPU_INSTANCE_TYPE]} is offered in a zone of the subnets" "choose other SUBNETS or OCR_GPU_INSTANCE_TYPE in infra/settings" \
		"any(.InstanceTypeOfferings[]; .Location as \$zone | $zones | index(\$zone))" \
		ec2 describe-instance-type-offerings --location-type availability-zone \
		--filters "Name=instance-type,Values=${SETTINGS[OCR_GPU_INSTANCE_TYPE]}"
}

verify_all() {
	local digest tasks
	tasks=$(task_render "$DEPLOY_TASK_TEMPLATE" unused) || exit "$?"
	[[ $DEPLOY_WHAT != backend ]] || tasks+=$(task_render "$OPS_TEMPLATE" unused) || exit "$?"
	verify "AWS account ${SETTINGS[AWS_ACCOUNT_ID]}" "you are logged in to another account: use that profile (AWS_PROFILE=…), or correct AWS_ACCOUNT_ID in infra/settings" \
		".Account == \"${SETTINGS[AWS_ACCOUNT_ID]}\"" sts get-caller-identity
	verify "cluster $(cluster)" "update the stack ${SETTINGS[FOUNDATION_STACK]}" 'any(.clusters[]; .status == "ACTIVE")' \
		ecs describe-clusters --clusters "$(cluster)"
	verify_tasks "$tasks"
	verify_network
	"verify_${DEPLOY_WHAT//-/_}"
	if registry_is_ecr; then
		verify "image repository ${SETTINGS[${DEPLOY_PREFIX}_REPOSITORY]}" "update the stack ${SETTINGS[FOUNDATION_STACK]}" \
			'.repositories | length == 1' ecr describe-repositories --repository-names "${SETTINGS[${DEPLOY_PREFIX}_REPOSITORY]}"
	fi
	verify_say "$(if image_pinned || ((force)); then echo true; fi)" "Debian for images: ${SETTINGS[BASE_DIGEST]:-no digest}, ${SETTINGS[SNAPSHOT]:-no time}" \
		"'$0 pin' writes both into infra/settings; commit it"
	if [[ $1 == with-image ]]; then
		digest=$(image_digest) || exit "$?"
		verify_say "$([[ -z $digest ]] || echo true)" "image $(image_repository):$tag${digest:+ ($digest)}" "$0 build, then push"
	fi
	if ((verify_missing > 0)); then
		((!dry_run)) || { say "verify: $verify_missing missing; a deployment would stop here" && return; }
		record_end failed "verify: $verify_missing things are missing"
		deploy_die "$EXIT_CONFIG" "$verify_missing things are missing, nothing was changed" "do what stands beside each, then run this again"
	fi
}
