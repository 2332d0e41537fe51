#!/usr/bin/env bats
# The CloudFormation stacks: the linter's word, and as much of each as moto
# makes; what it cannot make is sent to the services' own calls instead.

# Queries of the CLI and jq stand in single quotes.
# shellcheck disable=SC2016
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	aws_start
	cd "$FILOT_ROOT" || exit
	curl -qsSf -X POST "$AWS_ENDPOINT_URL/moto-api/reset" >/dev/null # an empty account
	stack filot-network infra/cloudformation/network.yaml
	TOPIC=$(aws sns create-topic --name filot-alerts --query TopicArn --output text)
	export TOPIC
	stack filot-foundation infra/cloudformation/foundation.yaml --capabilities CAPABILITY_NAMED_IAM --parameters \
		"$(parameters VpcId "$(output filot-network VpcId)" PublicSubnetIds "$(output filot-network PublicSubnetIds)" \
			PrivateSubnetIds "$(output filot-network PrivateSubnetIds)" \
			CertificateArn "$(aws acm request-certificate --domain-name api.filot.me --query CertificateArn --output text)")"
	stack filot-schedules infra/cloudformation/schedules.yaml --capabilities CAPABILITY_IAM --parameters \
		"$(parameters PrivateSubnetIds "$(output filot-foundation PrivateSubnetIds)" \
			BackendSecurityGroupId "$(output filot-foundation BackendSecurityGroupId)")"
	stack filot-alarms alerts/cloudwatch-alarms.json --parameters "$(parameters SNSTopicArn "$TOPIC")"
	stack filot-dashboard alerts/cloudwatch-dashboard.json
}

teardown_file() { aws_stop; }
setup() {
	cd "$FILOT_ROOT" || exit
	rm -f "$AWS_CONTROL"/*
}
teardown() { contract_kept; }

stack() { # NAME FILE ARGUMENT…
	local name=$1 file=$2
	shift 2
	aws cloudformation create-stack --stack-name "$name" --template-body "file://$file" "$@" >/dev/null
}

parameters() { # NAME VALUE …
	jq -nc '[$ARGS.positional as $of | range(0; $of | length; 2) | {ParameterKey: $of[.], ParameterValue: $of[. + 1]}]' --args "$@"
}

output() { # STACK NAME
	aws cloudformation describe-stacks --stack-name "$1" --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue" --output text
}

made() { # STACK FILE: each resource of the template was made
	[[ $(aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].StackStatus' --output text) == CREATE_COMPLETE ]]
	diff <(case $2 in
		*.json) jq -r '.Resources | keys[]' "$2" ;;
		*) sed -n '/^Resources:/,/^Outputs:/s/^  \([A-Za-z0-9]*\):$/\1/p' "$2" | sort ;;
		esac) <(aws cloudformation describe-stack-resources --stack-name "$1" |
			jq -r '.StackResources[] | select(.ResourceStatus == "CREATE_COMPLETE").LogicalResourceId' | sort)
}

@test "the linter of CloudFormation has nothing to say" {
	run -0 "$(aws_tools_bin)/cfn-lint" infra/cloudformation/*.yaml alerts/*.json
	[[ -z $output ]]
}

@test "each resource of each stack is made" {
	made filot-network infra/cloudformation/network.yaml
	made filot-foundation infra/cloudformation/foundation.yaml
	made filot-schedules infra/cloudformation/schedules.yaml
	made filot-alarms alerts/cloudwatch-alarms.json
	made filot-dashboard alerts/cloudwatch-dashboard.json
}

@test "the foundation has what T8-B says: retention, scanning, lifecycle, managed scaling and termination protection" {
	[[ $(aws logs describe-log-groups --log-group-name-prefix /ecs/ | jq -c '[.logGroups[] | .retentionInDays] | unique') == '[90]' ]]
	[[ $(aws ecr describe-repositories | jq -c '[.repositories[].imageScanningConfiguration.scanOnPush]') == '[true,true]' ]]
	[[ $(aws ecr get-lifecycle-policy --repository-name filot-backend --query lifecyclePolicyText --output text | jq '.rules | length') == 2 ]]
	[[ $(aws ecs describe-capacity-providers --capacity-providers filot-ocr-gpu-capacity |
		jq -r '.capacityProviders[0].autoScalingGroupProvider | [.managedScaling.status, .managedTerminationProtection] | join(" ")') == 'ENABLED ENABLED' ]]
	[[ $(aws autoscaling describe-auto-scaling-groups | jq -c '.AutoScalingGroups[0] | [.AutoScalingGroupName, .NewInstancesProtectedFromScaleIn]') == '["filot-ocr-gpu-asg",true]' ]]
	[[ $(aws elbv2 describe-target-groups | jq -r '.TargetGroups[0] | [.HealthCheckPath, .Port, .TargetType] | map(tostring) | join(" ")') == '/readyz 8080 ip' ]]
}

@test "each scheduled task runs a command of the backend's image with the role that may" {
	local rule command
	for rule in filot-requeue:filot-requeue filot-buli2-drain:filot-buli2 filot-canary:filot-smoke; do
		command=$(aws events list-targets-by-rule --rule "${rule%:*}" | jq -r '.Targets[0].Input | fromjson.containerOverrides[0].command[0]')
		[[ $command == "${rule#*:}" ]]
		[[ -f $FILOT_ROOT/cmd/$command/main.c ]]
		[[ $(aws events list-targets-by-rule --rule "${rule%:*}" | jq -r '.Targets[0].EcsParameters.TaskDefinitionArn') == */filot-ops-task ]]
	done
	[[ $(aws events list-targets-by-rule --rule filot-canary-succeeded --query 'Targets[0].Arn' --output text) == *:log-group:/aws/events/filot-tasks* ]]
}

@test "15 alarms tell the topic when they begin and when they end, each with a runbook" {
	local page
	aws cloudwatch describe-alarms >"$BATS_TEST_TMPDIR/alarms"
	[[ $(jq '.MetricAlarms | length' "$BATS_TEST_TMPDIR/alarms") == 15 ]]
	[[ $(jq -c '[.MetricAlarms[] | .AlarmActions, .OKActions] | unique' "$BATS_TEST_TMPDIR/alarms") == "[[\"$TOPIC\"]]" ]]
	[[ $(jq -r '.MetricAlarms[] | select(.AlarmName == "filot-backend-5xx").Dimensions[] | select(.Name == "LoadBalancer").Value' "$BATS_TEST_TMPDIR/alarms") == app/filot/* ]]
	while IFS= read -r page; do
		[[ -s $page ]]
	done < <(jq -r '.MetricAlarms[].AlarmDescription | match("runbooks/[a-z0-9-]+.md").string' "$BATS_TEST_TMPDIR/alarms")
	[[ $(aws cloudwatch get-dashboard --dashboard-name filot --query DashboardBody --output text | jq '.widgets | length') == 12 ]]
}

# bats test_tags=long
@test "in an account made of the stacks and its secrets both deploy, by no right that filot-deploy does not give" {
	local name
	unset SUBNETS BACKEND_SECURITY_GROUPS OCR_GPU_SECURITY_GROUPS BACKEND_TARGET_GROUP_ARN BACKEND_RESOURCE_LABEL
	export DEPLOY_RECORD=$BATS_TEST_TMPDIR/record.json
	jq -r '.[]' "$AWS_TEST_DIR/moto/secrets" | while IFS= read -r name; do
		aws secretsmanager create-secret --name "$name" --secret-string x >/dev/null
	done
	image_put filot-backend one
	image_put filot-backend two
	image_put filot-ocr-gpu-worker one
	rm "$AWS_CONTROL"/actions
	for name in verify migrate update status 'logs --since 1m' diff; do
		# shellcheck disable=SC2086 # a command and its flags
		deploy $name
	done
	DEPLOY=ocr-gpu deploy verify
	DEPLOY=ocr-gpu deploy update
	IMAGE_TAG=two deploy update
	deploy rollback
	deploy unlock
	[[ $(running) == *:1 ]]
	sort -u "$AWS_CONTROL/actions" | grep -v '^sts:GetCallerIdentity$' >"$BATS_TEST_TMPDIR/needed"
	aws iam get-policy-version --policy-arn arn:aws:iam::123456789012:policy/filot-deploy --version-id v1 |
		jq -r '.PolicyVersion.Document | (if type == "string" then fromjson else . end).Statement[].Action | if type == "array" then .[] else . end' |
		sort -u >"$BATS_TEST_TMPDIR/given"
	run -0 comm -23 "$BATS_TEST_TMPDIR/needed" "$BATS_TEST_TMPDIR/given"
	[[ -z $output ]]
	[[ $(wc -l <"$BATS_TEST_TMPDIR/needed") -ge 20 ]]
}
