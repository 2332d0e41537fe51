#!/usr/bin/env bats
# The GPU worker's deployments against AWS (moto and a real registry): what
# is other than the backend's.

# Queries of the CLI and jq stand in single quotes; image_put sets digest.
# shellcheck disable=SC2016,SC2154
bats_require_minimum_version 1.5.0
load helper

setup_file() {
	aws_start
	export DEPLOY=ocr-gpu
	deployed one
	account_keep
}

teardown_file() { aws_stop; }
setup() { account_again; }
teardown() { contract_kept; }

task() { # FILTER, of the first revision
	aws ecs describe-task-definition --task-definition filot-ocr-gpu-worker:1 | jq -c ".taskDefinition | $1"
}

@test "a first deployment asks for one GPU on a g5 instance, from the group's capacity provider, and is recorded" {
	[[ $(running) == *filot-ocr-gpu-worker:1 ]]
	[[ $(task '[.requiresCompatibilities[0], .cpu, .memory]') == '["EC2","2048","8192"]' ]]
	[[ $(task '.containerDefinitions[0].resourceRequirements') == '[{"value":"1","type":"GPU"}]' ]]
	[[ $(task '.placementConstraints[0].expression') == '"attribute:ecs.instance-type =~ g5.*"' ]]
	[[ $(task '.containerDefinitions[0].stopTimeout') == 120 ]]
	grep -q '"capacityProvider": "${OCR_GPU_CAPACITY_PROVIDER}"' "$FILOT_ROOT/infra/ecs/filot-ocr-gpu-service.json"
	[[ $(record '[.service, .action, .result, .task_definition] | join(" ")') == 'ocr-gpu update succeeded filot-ocr-gpu-worker:1' ]]
	lock_free
}

@test "the number of workers follows the backlog per worker, between 1 and 4" {
	run -0 aws application-autoscaling describe-scaling-policies --service-namespace ecs
	[[ $(jq -c '.ScalingPolicies[].TargetTrackingScalingPolicyConfiguration | [(.TargetValue | floor),
		.CustomizedMetricSpecification.Namespace, .CustomizedMetricSpecification.MetricName]' <<<"$output") == '[20,"FiLot","BacklogPerWorker"]' ]]
	run -0 aws application-autoscaling describe-scalable-targets --service-namespace ecs \
		--query 'ScalableTargets[0].[ResourceId, MinCapacity, MaxCapacity]' --output text
	[[ $output == $'service/filot-ocr-gpu-cluster/filot-ocr-gpu-service\t1\t4' ]]
}

# bats test_tags=long
@test "a second image is a second revision; rollback and IMAGE_TAG=previous update go back" {
	deployed two
	[[ $(running) == *:2 && $(record .previous) == filot-ocr-gpu-worker:1 ]]
	run -0 deploy rollback
	[[ $(running) == *:1 && $(record '[.action, .result] | join(" ")') == 'rollback succeeded' ]]
	IMAGE_TAG=two run -0 deploy update
	[[ $(running) == *:2 ]]
	IMAGE_TAG=previous run -0 deploy update
	[[ $(running) == *:1 ]]
}

# bats test_tags=long
@test "a worker that does not start is undone by ECS, and its last words are shown" {
	local stream
	stream=filot-ocr-gpu-worker/filot-ocr-gpu-worker/$(printf 'f%.0s' {1..32})
	image_put filot-ocr-gpu-worker two
	echo filot-ocr-gpu-worker:2 >"$AWS_CONTROL/bad"
	aws logs create-log-stream --log-group-name /ecs/filot-ocr-gpu-worker --log-stream-name "$stream"
	aws logs put-log-events --log-group-name /ecs/filot-ocr-gpu-worker --log-stream-name "$stream" \
		--log-events "timestamp=$(date +%s000),message=no CUDA device" >/dev/null
	IMAGE_TAG=two run -1 deploy update
	[[ $output == *'filot-ocr-gpu-worker: exit 78'*'no CUDA device'* ]]
	[[ $output == *'filot-ocr-gpu-service runs filot-ocr-gpu-worker:1 again'*'what to do'* ]]
	[[ $(running) == *:1 && $(record .result) == rolled_back ]]
	lock_free
}

# bats test_tags=long
@test "without an instance that has room it goes back, and says that no task could be placed" {
	image_put filot-ocr-gpu-worker two
	echo filot-ocr-gpu-worker:2 >"$AWS_CONTROL/bad"
	echo unplaced >"$AWS_CONTROL/mode"
	WAIT_TIMEOUT_S=8 IMAGE_TAG=two run -1 deploy update
	[[ $output == *'unable to place a task because no container instance'* ]]
	[[ $output == *'could not be started at all (capacity, subnets, placement)'* ]]
	[[ $(running) == *:1 && $(record .result) == rolled_back ]]
}

@test "verify is content with enough capacity, and names what is missing of it" {
	run -0 deploy verify
	[[ $output != *MISSING* && $output == *'ok        GPU capacity: filot-ocr-gpu-asg may grow to 4 instances'* ]]
	aws autoscaling update-auto-scaling-group --auto-scaling-group-name filot-ocr-gpu-asg --max-size 1
	aws ecs delete-capacity-provider --capacity-provider filot-ocr-gpu-capacity >/dev/null
	OCR_GPU_INSTANCE_TYPE=g5.none run -78 deploy verify
	[[ $output == *'MISSING   GPU capacity'*'aws autoscaling update-auto-scaling-group --auto-scaling-group-name filot-ocr-gpu-asg --max-size 4'* ]]
	[[ $output == *'MISSING   capacity provider filot-ocr-gpu-capacity'* ]]
	[[ $output == *'MISSING   g5.none is offered in a zone'* ]]
	[[ $output == *'3 things are missing'* ]]
}

@test "a deployment of the backend does not stop one of the worker, another one of the worker does" {
	local name value='{"who":"ann","host":"desk","pid":"7","action":"update x","since":"2026-01-01T00:00:00Z","id":"1"}'
	for name in backend ocr-gpu; do
		aws ssm put-parameter --name "/filot/deploy/$name" --type String --value "$value" >/dev/null
		[[ $name == ocr-gpu ]] || run -0 deploy update
	done
	run -75 deploy update
	[[ $output == *'held by ann on desk'* ]]
}
