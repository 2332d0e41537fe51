#!/usr/bin/env bats
# The deployment scripts against AWS (moto and a real registry): what they
# change, what they refuse, and that record and lock are right afterwards.

# Queries of the CLI and jq stand in single quotes; image_put sets digest.
# shellcheck disable=SC2016,SC2154
bats_require_minimum_version 1.5.0
load helper

setup_file() { aws_start; }
teardown_file() { aws_stop; }

setup() {
	account_new
	DEPLOY=$FILOT_ROOT/scripts/deploy-backend.sh
	image_put filot-backend one
}

# deploy COMMAND…: with the tag one unless IMAGE_TAG says another.
deploy() {
	IMAGE_TAG=${IMAGE_TAG:-one} "$DEPLOY" "$@"
}

# deployed TAG: a deployment that is known to work came before.
deployed() {
	image_put filot-backend "$1"
	IMAGE_TAG=$1 deploy update >"$BATS_TEST_TMPDIR/deployed.log" 2>&1
}

lock_free() {
	run -0 "$DEPLOY" status
	[[ $output == *'lock:      free'* ]]
}

# stuck_update: a second deployment that does not come to its end, in the
# background; its words are in log.
stuck_update() {
	deployed one
	image_put filot-backend two
	echo filot-backend-task:2 >"$AWS_CONTROL/bad"
	echo stuck >"$AWS_CONTROL/mode"
	WAIT_TIMEOUT_S=60 IMAGE_TAG=two deploy update >"$BATS_TEST_TMPDIR/log" 2>&1 &
	wait_for 20 "for the update" grep -q 'wait: ' "$BATS_TEST_TMPDIR/log"
}

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

@test "the service scales by CPU and requests between 2 and 6 tasks" {
	deployed one
	[[ $(aws application-autoscaling describe-scaling-policies --service-namespace ecs |
		jq -c '[.ScalingPolicies[].PolicyName] | sort') == '["filot-backend-cpu","filot-backend-requests"]' ]]
	run -0 aws application-autoscaling describe-scalable-targets --service-namespace ecs \
		--query 'ScalableTargets[0].[MinCapacity, MaxCapacity]' --output text
	[[ $output == $'2\t6' ]]
}

@test "the same deployment again makes no new revision" {
	deployed one
	run -0 deploy update
	[[ $output == *'says the same already'* ]]
	[[ $(running) == *:1 ]]
	[[ $(record .result) == succeeded ]]
}

@test "a second image is a second revision, and the record knows the one before" {
	deployed one
	deployed two
	[[ $(running) == *:2 ]]
	[[ $(record .previous) == filot-backend-task:1 ]]
}

@test "a deployment that fails is undone by ECS; the script waits for that, says why, and is 1" {
	deployed one
	image_put filot-backend two
	echo filot-backend-task:2 >"$AWS_CONTROL/bad"
	aws logs create-log-stream --log-group-name /ecs/filot-backend --log-stream-name "filot-backend/filot-backend/$(printf 'f%.0s' {1..32})"
	aws logs put-log-events --log-group-name /ecs/filot-backend --log-stream-name "filot-backend/filot-backend/$(printf 'f%.0s' {1..32})" \
		--log-events "timestamp=$(date +%s000),message=no secret FILOT_JWT_SECRET" >/dev/null
	IMAGE_TAG=two run -1 deploy update
	[[ $output == *'exit 78'*'no secret FILOT_JWT_SECRET'* ]]
	[[ $output == *'filot-backend-task:2 failed; filot-backend-service runs filot-backend-task:1 again'*'what to do'* ]]
	[[ $(running) == *:1 ]]
	[[ $(record .result) == rolled_back ]]
	lock_free
}

@test "a deployment that neither fails nor becomes stable is rolled back by the script" {
	deployed one
	image_put filot-backend two
	echo filot-backend-task:2 >"$AWS_CONTROL/bad"
	echo stuck >"$AWS_CONTROL/mode"
	WAIT_TIMEOUT_S=6 IMAGE_TAG=two run -1 deploy update
	[[ $output == *'not stable after 6 s'*'rollback: to filot-backend-task:1'* ]]
	[[ $(running) == *:1 ]]
	[[ $(record .result) == rolled_back ]]
}

@test "a first deployment that fails has nothing to go back to, and says so" {
	echo filot-backend-task:1 >"$AWS_CONTROL/bad"
	run -1 deploy update
	[[ $output == *'nothing to go back to'*'what to do'* ]]
	[[ $(record .result) == failed ]]
	lock_free
}

@test "when the revision before does not become stable either, that is said and recorded" {
	deployed one
	image_put filot-backend two
	printf '%s\n' filot-backend-task:2 filot-backend-task:1 >"$AWS_CONTROL/bad"
	echo failed >"$AWS_CONTROL/mode"
	IMAGE_TAG=two run -1 deploy update
	[[ $output == *'neither filot-backend-task:2 nor filot-backend-task:1 becomes stable'* ]]
	[[ $(record .result) == rollback_failed ]]
}

@test "rollback goes to the last good revision, and a second one not back to the bad one" {
	deployed one
	deployed two
	deployed three
	run -0 "$DEPLOY" rollback
	[[ $(running) == *:2 ]]
	run -0 "$DEPLOY" rollback
	[[ $(running) == *:1 ]]
	[[ $(record .action) == rollback && $(record .result) == succeeded ]]
}

@test "rollback REVISION takes that one; one that is not there changes nothing" {
	deployed one
	deployed two
	deployed three
	run -0 "$DEPLOY" rollback 1
	[[ $(running) == *:1 ]]
	run -1 "$DEPLOY" rollback 77
	[[ $output == *'does not know the revision filot-backend-task:77'* ]]
	[[ $(running) == *:1 ]]
}

@test "IMAGE_TAG=previous update is rollback" {
	deployed one
	deployed two
	IMAGE_TAG=previous run -0 "$DEPLOY" update
	[[ $(running) == *:1 ]]
}

@test "rollback without a record takes the revision before, and says so" {
	deployed one
	deployed two
	rm "$DEPLOY_RECORD"
	run -0 "$DEPLOY" rollback
	[[ $output == *'the record knows no good revision'* ]]
	[[ $(running) == *:1 ]]
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

@test "two deployments at once: the second is refused, told by whom, and changes nothing" {
	deployed one
	image_put filot-backend two
	aws ssm put-parameter --name /filot/deploy/backend --type String \
		--value '{"who":"arn:aws:iam::1:user/ann","host":"desk","pid":"7","action":"update x","since":"2026-01-01T00:00:00Z","id":"1"}' >/dev/null
	IMAGE_TAG=two run -75 deploy update
	[[ $output == *'held by arn:aws:iam::1:user/ann on desk'*unlock* ]]
	[[ $(running) == *:1 ]]
	run -0 "$DEPLOY" unlock
	IMAGE_TAG=two run -0 deploy update
	[[ $(running) == *:2 ]]
}

@test "of two that start in the same moment exactly one deploys" {
	local one=0 two=0
	deployed one
	deploy update >"$BATS_TEST_TMPDIR/a" 2>&1 &
	deploy update >"$BATS_TEST_TMPDIR/b" 2>&1 || two=$?
	wait "$!" || one=$?
	[[ "$one $two" == '0 75' || "$one $two" == '75 0' ]]
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

@test "credentials that expire while it waits: unknown in the record, because ECS goes on" {
	local ended=0
	stuck_update
	touch "$AWS_CONTROL/denied"
	wait "$!" || ended=$?
	cat "$BATS_TEST_TMPDIR/log"
	((ended == 77))
	[[ $(record .result) == unknown ]]
	run -0 cat "$BATS_TEST_TMPDIR/log"
	[[ $output == *'log in again'*'could not be given back'*unlock* ]]
}

@test "a network that is cut for a moment while it waits is waited out" {
	local ended=0
	NETWORK_PATIENCE_S=60 stuck_update
	touch "$AWS_CONTROL/cut"
	wait_for 20 "for the cut to be seen" grep -q 'cannot be reached' "$BATS_TEST_TMPDIR/log"
	rm "$AWS_CONTROL/cut" "$AWS_CONTROL/bad"
	wait "$!" || ended=$?
	cat "$BATS_TEST_TMPDIR/log"
	((ended == 0))
	[[ $(record .result) == succeeded ]]
}

@test "a network that stays away is 69, unknown in the record, and says how to go on" {
	local ended=0
	stuck_update
	touch "$AWS_CONTROL/cut"
	wait "$!" || ended=$?
	cat "$BATS_TEST_TMPDIR/log"
	((ended == 69))
	[[ $(record .result) == unknown ]]
	grep -q "rollback' goes back" "$BATS_TEST_TMPDIR/log"
}

@test "diff shows the image's change and is 1; without a change it is 0" {
	deployed one
	run -0 deploy diff
	image_put filot-backend two
	IMAGE_TAG=two run -1 deploy diff
	[[ $output == *"+      \"image\": \"$REGISTRY/filot-backend@$digest\""* ]]
	[[ $(grep -c '^[-+] ' <<<"$output") == 6 ]]
}

@test "diff shows a changed setting as that one line" {
	deployed one
	BACKEND_MEMORY=4096 run -1 deploy diff
	[[ $output == *'-  "memory": "2048"'*'+  "memory": "4096"'* ]]
	[[ $(grep -c '^[-+] ' <<<"$output") == 2 ]]
}

@test "--dry-run shows the diff and changes nothing" {
	deployed one
	image_put filot-backend two
	: >"$AWS_CONTROL/calls"
	IMAGE_TAG=two IMAGE_BUILDER=buildah run -0 deploy all --dry-run --force
	[[ $output == *'would update filot-backend-service'* ]]
	run ! grep -E 'Register|Create|Update|Put|Delete|RunTask' "$AWS_CONTROL/calls"
	[[ $(jq '.deployments | length' "$DEPLOY_RECORD") == 1 ]]
}

@test "logs prints the log group's lines" {
	aws logs create-log-stream --log-group-name /ecs/filot-backend --log-stream-name s
	aws logs put-log-events --log-group-name /ecs/filot-backend --log-stream-name s \
		--log-events "timestamp=$(date +%s000),message=hello" >/dev/null
	run -0 "$DEPLOY" logs --since 5m
	[[ $output == hello ]]
}

@test "wait is 0 for a stable service and 1 without one" {
	run -1 "$DEPLOY" wait
	deployed one
	run -0 "$DEPLOY" wait
}

@test "a tag that the registry does not have is refused before anything changes" {
	IMAGE_TAG=none run -1 deploy update
	[[ $output == *'no image'*none*'what to do'* ]]
	run ! grep -qE 'CreateService|RegisterTaskDefinition' "$AWS_CONTROL/calls"
}

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

@test "it works with a PATH of the system's folders only" {
	deployed one
	PATH=$AWS_TEST_DIR/bin:/usr/bin:/bin run -0 deploy status
	[[ $output == *'2 of 2 tasks run'* ]]
	PATH=/usr/bin:/bin run -1 "$DEPLOY" status
	[[ $output == *"'aws' is missing"*awscli* ]]
}

@test "empty settings come from the outputs of the foundation stack" {
	aws cloudformation create-stack --stack-name filot-foundation --template-body "$(jq -n --arg subnets "$SUBNETS" \
		'{Resources: {T: {Type: "AWS::SNS::Topic"}}, Outputs: {PrivateSubnetIds: {Value: $subnets}}}')" >/dev/null
	SUBNETS='' run -0 deploy update
	[[ $(record .result) == succeeded ]]
	SUBNETS='' BACKEND_RESOURCE_LABEL='' run -78 deploy update
	[[ $output == *'has no output BackendResourceLabel'* ]]
}

@test "a wrong command line is 64 and names --help" {
	run -64 "$DEPLOY" frobnicate
	[[ $output == *frobnicate*--help* ]]
	run -64 "$DEPLOY"
	run -64 "$FILOT_ROOT/scripts/deploy-ocr-gpu.sh" migrate
	IMAGE_TAG='a b' run -64 "$DEPLOY" diff
}
