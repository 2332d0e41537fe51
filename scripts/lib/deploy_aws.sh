# shellcheck shell=bash
# What deploying stands on: the settings of infra/settings, templates of
# infra/ecs/ filled with them, and calls of the AWS CLI whose failures are
# told apart. Needs common.sh.
#
#   settings_load                read infra/settings; the environment wins
#   setting NAME                 print a value; empty ones from the stack's outputs
#   template_render FILE [NAME=VALUE…]
#   aws_call SERVICE ACTION …    the AWS CLI; JSON on standard output
#   aws_die WHAT                 end, saying why the last aws_call failed and what to do
#   aws_failed_with TEXT         the last aws_call's error has that text

# Exit codes of sysexits(3) that callers see.
EXIT_UNAVAILABLE=69
# shellcheck disable=SC2034 # for deploy_state.sh
EXIT_TEMPORARY=75
EXIT_DENIED=77
EXIT_CONFIG=78

declare -gA SETTINGS=()

# What a setting left empty is among the foundation stack's outputs.
declare -gA SETTINGS_OUTPUTS=(
	[SUBNETS]=PrivateSubnetIds
	[BACKEND_SECURITY_GROUPS]=BackendSecurityGroupId
	[OCR_GPU_SECURITY_GROUPS]=OcrGpuSecurityGroupId
	[BACKEND_TARGET_GROUP_ARN]=BackendTargetGroupArn
	[BACKEND_RESOURCE_LABEL]=BackendResourceLabel
)

# deploy_die STATUS REASON WHAT-TO-DO: as die, with an exit code of its own.
deploy_die() {
	local status=$1
	shift
	(die "$@") || exit "$status"
}

settings_load() {
	local file=${FILOT_SETTINGS:-$FILOT_ROOT/infra/settings} line name
	[[ -r $file ]] || deploy_die "$EXIT_CONFIG" "no settings file $file" "give FILOT_SETTINGS=FILE, or restore infra/settings with git"
	while IFS= read -r line || [[ -n $line ]]; do
		[[ -n $line && $line != \#* ]] || continue
		name=${line%%=*}
		if [[ $line != *=* || ! $name =~ ^[A-Z][A-Z0-9_]*$ ]]; then
			deploy_die "$EXIT_CONFIG" "$file: not NAME=value: '$line'" "correct that line"
		fi
		SETTINGS[$name]=${line#*=}
		[[ -z ${!name:-} ]] || SETTINGS[$name]=${!name}
	done <"$file"
	export AWS_DEFAULT_REGION=${SETTINGS[AWS_REGION]} AWS_REGION=${SETTINGS[AWS_REGION]}
	export AWS_PAGER='' AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=${AWS_MAX_ATTEMPTS:-5}
}

# setting NAME: not in a pipe or $(…) the first time, so that what was asked
# of the stack is kept; settings_resolve does that for all.
setting() {
	[[ -n ${SETTINGS[$1]+there} ]] || deploy_die "$EXIT_CONFIG" "the settings have no $1" "add the line $1=VALUE to infra/settings"
	printf '%s' "${SETTINGS[$1]}"
}

# settings_resolve: fill what is empty from the outputs of the foundation
# stack, asked for once.
settings_resolve() {
	local name output stack outputs=''
	for name in "${!SETTINGS_OUTPUTS[@]}"; do
		[[ -z ${SETTINGS[$name]:-} ]] || continue
		stack=${SETTINGS[FOUNDATION_STACK]}
		output=${SETTINGS_OUTPUTS[$name]}
		if [[ -z $outputs ]]; then
			outputs=$(aws_call cloudformation describe-stacks --stack-name "$stack") ||
				aws_die "asking for the outputs of the stack $stack" \
					"create it (runbooks/T8B-deploy-runbook.md, step 2), or set $name in infra/settings"
		fi
		SETTINGS[$name]=$(jq -r --arg output "$output" \
			'[.Stacks[0].Outputs[]? | select(.OutputKey == $output).OutputValue] | first // ""' <<<"$outputs")
		[[ -n ${SETTINGS[$name]} ]] || deploy_die "$EXIT_CONFIG" "the stack $stack has no output $output" \
			"update it from infra/cloudformation/foundation.yaml, or set $name in infra/settings"
	done
}

# template_render FILE [NAME=VALUE…]: ${NAME} becomes the setting or VALUE;
# a string that is only ${NAME:number} a number, ${NAME:list} a list.
template_render() {
	local file=$FILOT_ROOT/infra/ecs/$1 name
	shift
	{
		for name in "${!SETTINGS[@]}"; do
			printf '%s=%s\0' "$name" "${SETTINGS[$name]}"
		done
		printf '%s\0' "$@"
	} | jq -Rs --slurpfile template "$file" --arg file "${file##*/}" '
		(split("\u0000") | map(select(contains("=")) | {key: (. / "=")[0], value: sub("^[^=]*="; "")}) | from_entries) as $settings
		| def value: . as $name | if $settings | has($name) then $settings[$name]
			else error("\($file) wants ${\($name)}, which is not a setting") end;
		$template[0] | walk(if type != "string" then .
			elif test("^\\$\\{[A-Z0-9_]+:number\\}$") then (.[2:-8] | value | tonumber)
			elif test("^\\$\\{[A-Z0-9_]+:list\\}$") then (.[2:-6] | value | split(","))
			else gsub("\\$\\{(?<name>[A-Z0-9_]+)\\}"; .name | value) end)' ||
		deploy_die "$EXIT_CONFIG" "the template $file could not be filled" "the reason is above: correct infra/settings or the template"
}

# aws_call …: 0; 77 credentials or rights; 69 network; else 1. Status and
# error are kept in files, because callers read the output in $(…).
aws_call() {
	local status=0
	aws --output json --cli-connect-timeout 10 --cli-read-timeout 60 "$@" 2>"$DEPLOY_TMP/aws.error" </dev/null || status=$?
	((status == 0)) || status=$(aws_failure)
	echo "$status" >"$DEPLOY_TMP/aws.status"
	return "$status"
}

# aws_failure: the kind of the error that aws_call has kept.
aws_failure() {
	if aws_failed_with 'ExpiredToken|InvalidClientTokenId|UnrecognizedClient|InvalidAccessKeyId|SignatureDoesNotMatch|AuthFailure|Unable to locate credentials|Token has expired|AccessDenied|UnauthorizedOperation|not authorized'; then
		echo "$EXIT_DENIED"
	elif aws_failed_with 'Could not connect|Connection (was closed|aborted|reset)|[Tt]imeout|timed out|Name or service not known|EndpointConnectionError|ServiceUnavailable|InternalServerError|\(5[0-9][0-9]\)|Throttling|SSL validation'; then
		echo "$EXIT_UNAVAILABLE"
	else
		echo 1
	fi
}

aws_error() {
	grep -v '^[[:space:]]*$' "$DEPLOY_TMP/aws.error" 2>/dev/null | head -n 3 | tr '\n' ' ' | sed 's/ *$//'
}

aws_failed_with() {
	grep -qE "$1" "$DEPLOY_TMP/aws.error"
}

# aws_die WHAT [WHAT-TO-DO]: for the last aws_call, which failed. (Not by $?:
# a $(…) in the words given would have changed it.)
aws_die() {
	local status what=$1 next=${2:-"read AWS's answer above; then run the same command again, every step may be repeated"}
	status=$(cat "$DEPLOY_TMP/aws.status")
	case $status in
	"$EXIT_DENIED")
		if aws_failed_with 'AccessDenied|UnauthorizedOperation|not authorized'; then
			next="the role you use lacks that right; infra/cloudformation/foundation.yaml's DeployPolicy lists what is needed"
		else
			next="log in again (aws sso login, or new keys) and check with 'aws sts get-caller-identity'; then '$0 status', and run the same command again"
		fi
		;;
	"$EXIT_UNAVAILABLE")
		next="check the network and https://health.aws.amazon.com; then '$0 status', and run the same command again: every step may be repeated"
		;;
	*) status=1 ;;
	esac
	deploy_die "$status" "$what failed: $(aws_error)" "$next"
}
