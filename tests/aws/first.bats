#!/usr/bin/env bats
# First deployments against AWS (moto and a real registry), and all that stops
# one: what is missing, who else is at it, credentials, the network.

# Queries of the CLI and jq stand in single quotes; image_put sets digest.
# shellcheck disable=SC2016,SC2154
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	aws_start
	image_put filot-backend one
	export digest
}

teardown_file() { aws_stop; }
setup() { account_again; }
teardown() { contract_kept; }

@test "a first deployment makes the service with the image's digest pinned, and is recorded" {
	run -0 deploy update
	[[ $(running) == *filot-backend-task:1 ]]
	[[ $(aws ecs describe-task-definition --task-definition filot-backend-task:1 |
		jq -c '[.taskDefinition.containerDefinitions[].image] | unique') == "[\"$REGISTRY/filot-backend@$digest\"]" ]]
	[[ $(record .result) == succeeded ]]
	[[ $(record .digest) == "$digest" ]]
	[[ $(record .task_definition) == filot-backend-task:1 ]]
	[[ $(record .by) == arn:aws:* ]]
	[[ $(record .finished_at) == 20*Z ]]
	lock_free
}

@test "a first deployment that fails has nothing to go back to, and says so" {
	echo filot-backend-task:1 >"$AWS_CONTROL/bad"
	run -1 deploy update
	[[ $output == *'nothing to go back to'*'what to do'* ]]
	[[ $(record .result) == failed ]]
	lock_free
}

@test "migrate runs filot-migrate up as a task of the image and shows its log" {
	run -0 deploy migrate
	[[ $output == *'migrate: done'* ]]
	run -0 aws ecs describe-task-definition --task-definition filot-ops-task
	[[ $output == *"filot-backend@$digest"* ]]
	[[ $(record .action) == migrate && $(record .result) == succeeded ]]
}

@test "a migration that fails ends with its exit code told, and nothing is deployed" {
	echo 65 >"$AWS_CONTROL/exit_code"
	run -1 deploy migrate
	[[ $output == *'exit code 65'*'what to do'* ]]
	[[ $(record .result) == failed && $(record .reason) == *65* ]]
	run ! grep -q CreateService "$AWS_CONTROL/calls"
	lock_free
}

@test "verify names a missing secret, says how to make it, and is 78" {
	aws secretsmanager delete-secret --secret-id filot/jwt-secret --force-delete-without-recovery >/dev/null
	run -78 deploy verify
	[[ $output == *'MISSING   secret filot/jwt-secret'*'aws secretsmanager create-secret --name filot/jwt-secret'* ]]
	[[ $output == *'1 things are missing'* ]]
}

@test "verify is content with a whole account, and with a missing image it is not" {
	run -0 deploy verify
	[[ $output != *MISSING* && $output == *'ok        target group on port 8080'* ]]
	IMAGE_TAG=none run -78 deploy verify
	[[ $output == *'MISSING   image'*none* ]]
}

@test "verify names what else is missing: role, log group, target group, account" {
	aws iam delete-role --role-name filot-backend-task-role
	aws logs delete-log-group --log-group-name /ecs/filot-ops
	aws elbv2 delete-target-group --target-group-arn "$BACKEND_TARGET_GROUP_ARN"
	AWS_ACCOUNT_ID=999999999999 run -78 deploy verify
	[[ $output == *'MISSING   AWS account 999999999999'* ]]
	[[ $output == *'MISSING   role filot-backend-task-role'* ]]
	[[ $output == *'MISSING   log group /ecs/filot-ops'* ]]
	[[ $output == *'MISSING   target group'* ]]
}

@test "all stops at verify, before it builds or changes anything" {
	aws secretsmanager delete-secret --secret-id filot/redis-url --force-delete-without-recovery >/dev/null
	IMAGE_BUILDER=false run -78 deploy all
	[[ $output == *'MISSING   secret filot/redis-url'* && $output != *build:* ]]
	[[ $(record .result) == failed ]]
	lock_free
}

@test "expired credentials are 77 and say to log in; nothing is recorded as done" {
	touch "$AWS_CONTROL/denied"
	run -77 deploy update
	[[ $output == *'expired'*'log in again'* ]]
}

@test "logs prints the log group's lines" {
	aws logs create-log-stream --log-group-name /ecs/filot-backend --log-stream-name s
	aws logs put-log-events --log-group-name /ecs/filot-backend --log-stream-name s \
		--log-events "timestamp=$(date +%s000),message=hello" >/dev/null
	run -0 deploy logs --since 5m
	[[ $output == hello ]]
}

# bats test_tags=long
@test "wait is 0 for a stable service and 1 without one" {
	run -1 deploy wait
	deployed one
	run -0 deploy wait
}

@test "a tag that the registry does not have is refused before anything changes" {
	IMAGE_TAG=none run -1 deploy update
	[[ $output == *'no image'*none*'what to do'* ]]
	run ! grep -qE 'CreateService|RegisterTaskDefinition' "$AWS_CONTROL/calls"
}

# bats test_tags=long
@test "latest is allowed and warned about; its digest is pinned" {
	image_put filot-backend latest
	IMAGE_TAG=latest run -0 deploy update
	[[ $output == *'warning: the tag latest'* ]]
	[[ $(record .digest) == "$digest" ]]
}

@test "uncommitted changes are refused where the tag is git's, unless forced" {
	local copy=$BATS_TEST_TMPDIR/copy
	mkdir -p "$copy/infra"
	cp -r "$FILOT_ROOT/scripts" "$copy"
	cp -r "$FILOT_ROOT/infra/ecs" "$FILOT_ROOT/infra/settings" "$copy/infra"
	git -C "$copy" init -q
	git -C "$copy" add .
	git -C "$copy" -c user.name=t -c user.email=t@t commit -qm t
	run -1 env -u IMAGE_TAG FILOT_ROOT="$copy" "$copy/scripts/deploy-backend.sh" register
	[[ $output == *"has no image"*"$(git -C "$copy" rev-parse --short HEAD)"* ]]
	echo >>"$copy/scripts/check"
	run -78 env -u IMAGE_TAG "$copy/scripts/deploy-backend.sh" register
	[[ $output == *'not committed'*--force* ]]
	run -1 env -u IMAGE_TAG "$copy/scripts/deploy-backend.sh" register --force
	[[ $output == *-dirty* ]]
}

# bats test_tags=long
@test "empty settings come from the outputs of the foundation stack" {
	aws cloudformation create-stack --stack-name filot-foundation --template-body "$(jq -n --arg subnets "$SUBNETS" \
		'{Resources: {T: {Type: "AWS::SNS::Topic"}}, Outputs: {PrivateSubnetIds: {Value: $subnets}}}')" >/dev/null
	SUBNETS='' run -0 deploy update
	[[ $(record .result) == succeeded ]]
	SUBNETS='' BACKEND_RESOURCE_LABEL='' run -78 deploy update
	[[ $output == *'has no output BackendResourceLabel'* ]]
}

@test "a wrong command line is 64 and names --help" {
	run -64 deploy frobnicate
	[[ $output == *frobnicate*--help* ]]
	run -64 deploy
	run -64 "$FILOT_ROOT/scripts/deploy-ocr-gpu.sh" migrate
	IMAGE_TAG='a b' run -64 deploy diff
}

@test "what breaks a service's own model is found, in a request and in an answer" {
	deploy update
	[[ ! -s $AWS_CONTROL/contract ]]
	touch "$AWS_CONTROL/wrong"
	aws ecs create-cluster --cluster-name x --settings name=insights,value=enabled >/dev/null
	deploy status
	grep -q "^ecs CreateCluster asks.settings\[0\].name: 'insights' is none of containerInsights$" "$AWS_CONTROL/contract"
	grep -q "^ecs DescribeServices answers.services\[0\].deployments\[0\].rolloutState: 'DONE' is none of COMPLETED" "$AWS_CONTROL/contract"
	grep -q "^the layer: DescribeServices.services\[0\].deployments\[0\].rolloutState: 'DONE' is none of" "$AWS_CONTROL/contract"
	rm "$AWS_CONTROL/contract"
}
