#!/usr/bin/env bats
# The backend's deployments against AWS (moto and a real registry), each after
# one that works: what the scripts change, and that the service and the record
# are right afterwards.

# Queries of the CLI and jq stand in single quotes; image_put sets digest.
# shellcheck disable=SC2016,SC2154
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	aws_start
	deployed one
	account_keep
}

teardown_file() { aws_stop; }
setup() { account_again; }
teardown() { contract_kept; }

# stuck_update: a second deployment that does not come to its end, in the
# background; its words are in log.
stuck_update() {
	image_put filot-backend two
	echo filot-backend-task:2 >"$AWS_CONTROL/bad"
	echo stuck >"$AWS_CONTROL/mode"
	IMAGE_TAG=two deploy update >"$BATS_TEST_TMPDIR/log" 2>&1 &
	wait_for 60 "for the update" grep -q 'wait: ' "$BATS_TEST_TMPDIR/log"
}

@test "the service scales by CPU and requests between 2 and 6 tasks" {
	[[ $(aws application-autoscaling describe-scaling-policies --service-namespace ecs |
		jq -c '[.ScalingPolicies[].PolicyName] | sort') == '["filot-backend-cpu","filot-backend-requests"]' ]]
	run -0 aws application-autoscaling describe-scalable-targets --service-namespace ecs \
		--query 'ScalableTargets[0].[MinCapacity, MaxCapacity]' --output text
	[[ $output == $'2\t6' ]]
}

@test "the same deployment again makes no new revision" {
	run -0 deploy update
	[[ $output == *'says the same already'* ]]
	[[ $(running) == *:1 ]]
	[[ $(record .result) == succeeded ]]
}

@test "a second image is a second revision, and the record knows the one before" {
	deployed two
	[[ $(running) == *:2 ]]
	[[ $(record .previous) == filot-backend-task:1 ]]
}

@test "a deployment that fails is undone by ECS; the script waits for that, says why, and is 1" {
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

# bats test_tags=long
@test "a deployment that neither fails nor becomes stable is rolled back by the script" {
	image_put filot-backend two
	echo filot-backend-task:2 >"$AWS_CONTROL/bad"
	echo stuck >"$AWS_CONTROL/mode"
	WAIT_TIMEOUT_S=8 IMAGE_TAG=two run -1 deploy update
	[[ $output == *'not stable after 8 s'*'rollback: to filot-backend-task:1'* ]]
	[[ $(running) == *:1 ]]
	[[ $(record .result) == rolled_back ]]
}

# bats test_tags=long
@test "when the revision before does not become stable either, that is said and recorded" {
	image_put filot-backend two
	printf '%s\n' filot-backend-task:2 filot-backend-task:1 >"$AWS_CONTROL/bad"
	echo failed >"$AWS_CONTROL/mode"
	IMAGE_TAG=two run -1 deploy update
	[[ $output == *'neither filot-backend-task:2 nor filot-backend-task:1 becomes stable'* ]]
	[[ $(record .result) == rollback_failed ]]
}

@test "rollback goes to the last good revision, and a second one not back to the bad one" {
	deployed two
	deployed three
	run -0 deploy rollback
	[[ $(running) == *:2 ]]
	run -0 deploy rollback
	[[ $(running) == *:1 ]]
	[[ $(record .action) == rollback && $(record .result) == succeeded ]]
}

# bats test_tags=long
@test "rollback REVISION takes that one; one that is not there changes nothing" {
	deployed two
	deployed three
	run -0 deploy rollback 1
	[[ $(running) == *:1 ]]
	run -1 deploy rollback 77
	[[ $output == *'does not know the revision filot-backend-task:77'* ]]
	[[ $(running) == *:1 ]]
}

# bats test_tags=long
@test "IMAGE_TAG=previous update is rollback" {
	deployed two
	IMAGE_TAG=previous run -0 deploy update
	[[ $(running) == *:1 ]]
}

# bats test_tags=long
@test "rollback without a record takes the revision before, and says so" {
	deployed two
	rm "$DEPLOY_RECORD"
	run -0 deploy rollback
	[[ $output == *'the record knows no good revision'* ]]
	[[ $(running) == *:1 ]]
}

@test "two deployments at once: the second is refused, told by whom, and changes nothing" {
	image_put filot-backend two
	aws ssm put-parameter --name /filot/deploy/backend --type String \
		--value '{"who":"arn:aws:iam::1:user/ann","host":"desk","pid":"7","action":"update x","since":"2026-01-01T00:00:00Z","id":"1"}' >/dev/null
	IMAGE_TAG=two run -75 deploy update
	[[ $output == *'held by arn:aws:iam::1:user/ann on desk'*unlock* ]]
	[[ $(running) == *:1 ]]
	run -0 deploy unlock
	IMAGE_TAG=two run -0 deploy update
	[[ $(running) == *:2 ]]
}

@test "of two that start in the same moment exactly one deploys" {
	local one=0 two=0
	deploy update >"$BATS_TEST_TMPDIR/a" 2>&1 &
	deploy update >"$BATS_TEST_TMPDIR/b" 2>&1 || two=$?
	wait "$!" || one=$?
	[[ "$one $two" == '0 75' || "$one $two" == '75 0' ]]
	lock_free
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
	run -0 deploy diff
	image_put filot-backend two
	IMAGE_TAG=two run -1 deploy diff
	[[ $output == *"+      \"image\": \"$REGISTRY/filot-backend@$digest\""* ]]
	[[ $(grep -c '^[-+] ' <<<"$output") == 8 ]] # two for each container
}

@test "diff shows a changed setting as that one line" {
	BACKEND_MEMORY=4096 run -1 deploy diff
	[[ $output == *'-  "memory": "2048"'*'+  "memory": "4096"'* ]]
	[[ $(grep -c '^[-+] ' <<<"$output") == 2 ]]
}

@test "--dry-run shows the diff and changes nothing" {
	image_put filot-backend two
	: >"$AWS_CONTROL/calls"
	IMAGE_TAG=two IMAGE_BUILDER=buildah run -0 deploy all --dry-run --force
	[[ $output == *'would update filot-backend-service'* ]]
	run ! grep -E 'Register|Create|Update|Put|Delete|RunTask' "$AWS_CONTROL/calls"
	[[ $(jq '.deployments | length' "$DEPLOY_RECORD") == 1 ]]
}

@test "it works from any folder, by a link, with any PATH that has what it needs, and says what is missing" {
	local tool bin="$BATS_TEST_TMPDIR/a folder"
	mkdir "$bin"
	ln -s "$FILOT_ROOT/scripts/deploy-backend.sh" "$bin/deploy it"
	cd /
	PATH=$AWS_TEST_DIR/bin:/usr/bin:/bin IMAGE_TAG=one run -0 "$bin/deploy it" status
	[[ $output == *'2 of 2 tasks run'* ]]
	for tool in bash dirname realpath jq; do
		ln -s "$(command -v "$tool")" "$bin/$tool"
	done
	PATH=$bin run -1 "$bin/bash" "$bin/deploy it" status
	[[ $output == *"'aws' is missing"*awscli* ]]
}
