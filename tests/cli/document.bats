#!/usr/bin/env bats
# What T8-B names: its files, and the figures of both tasks, as they come out of the templates with infra/settings.

# shellcheck disable=SC2016 # Markdown is full of backticks
bats_require_minimum_version 1.5.0

# shellcheck source-path=SCRIPTDIR
setup() {
	FILOT_ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	cd "$FILOT_ROOT" || return 1
	# shellcheck source=../../scripts/lib/common.sh
	source scripts/lib/common.sh
	# shellcheck source=../../scripts/lib/deploy_aws.sh
	source scripts/lib/deploy_aws.sh
	DEPLOY_TMP=$BATS_TEST_TMPDIR
	unset "${!BACKEND_@}" "${!OCR_GPU_@}" "${!AWS_@}"
	settings_load
}

# task NAME FILTER: of its definition
task() {
	template_render "filot-$1-task.json" IMAGE=image >"$BATS_TEST_TMPDIR/task"
	jq -e "$2" "$BATS_TEST_TMPDIR/task"
}

@test "every file that T8-B names is there, and scripts can be started" {
	local path
	for path in infra/ecs/filot-{backend,ocr-gpu}-{task,service}.json infra/deployments/T8-B/image-versions.json runbooks/T8B-deploy-runbook.md \
		alerts/cloudwatch-alarms.json logs/cloudwatch-queries.md runbooks/T8B_PRODUCTION_DEPLOYMENT.md; do
		[ -s "$path" ]
	done
	for path in scripts/deploy-{backend,ocr-gpu}.sh scripts/smoke/run_e2e_smoke.sh scripts/ops/requeue_stuck_jobs.sh; do
		[ -x "$path" ]
		run -0 "$path" --help
	done
	# both images; without --target it is the worker's
	grep -q '^FROM .* AS backend$' Dockerfile
	[[ $(grep '^FROM ' Dockerfile | tail -n 1) == *' AS ocr-gpu' ]]
}

@test "every test and file that its page names is there" {
	local path
	grep -oE '`(tests/[a-z0-9_/.]+|[a-z]+\.bats)`' runbooks/T8B_PRODUCTION_DEPLOYMENT.md | tr -d '`' | sort -u >"$BATS_TEST_TMPDIR/paths"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/paths")" -gt 12 ]
	while read -r path; do
		[[ -e $path || -e tests/aws/$path ]]
	done <"$BATS_TEST_TMPDIR/paths"
}

@test "the backend's task is filot-backend-task: Fargate, awsvpc, 512 CPU, 2048 MB, port 8080" {
	task backend '.family == "filot-backend-task" and .requiresCompatibilities == ["FARGATE"] and .networkMode == "awsvpc"
		and .cpu == "512" and .memory == "2048" and .containerDefinitions[0].portMappings[0].containerPort == 8080'
	task backend '.executionRoleArn == "arn:aws:iam::070017891928:role/ecsTaskExecutionRole"'
	task backend 'all(.containerDefinitions[].logConfiguration.options; ."awslogs-group" == "/ecs/filot-backend" and ."awslogs-region" == "ap-southeast-2")'
}

@test "it has every secret that T8-B lists, from Secrets Manager by name, without suffix, and no other" {
	local names='buli2-api-key buli2-api-url buli2-callback-url buli2-signature-secret cf-r2-access-key cf-r2-bucket cf-r2-endpoint cf-r2-secret-key
		database-url jwt-secret redis-password redis-url service-internal-key session-secret temporal-api-key temporal-endpoint temporal-namespace'
	diff <(printf 'arn:aws:secretsmanager:ap-southeast-2:070017891928:secret:filot/%s\n' $names) \
		<(template_render filot-backend-task.json IMAGE=image | jq -r '[.containerDefinitions[].secrets[]?.valueFrom] | unique[]')
}

@test "the worker's task is filot-ocr-gpu-worker: EC2, 2048 CPU, 8192 MB, 1 GPU, on g5" {
	task ocr-gpu '.family == "filot-ocr-gpu-worker" and .requiresCompatibilities == ["EC2"] and .cpu == "2048" and .memory == "8192"
		and .placementConstraints == [{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ g5.*"}]
		and .containerDefinitions[0].resourceRequirements == [{"type": "GPU", "value": "1"}]'
	task ocr-gpu 'all(.containerDefinitions[].logConfiguration.options; ."awslogs-group" == "/ecs/filot-ocr-gpu-worker")'
	[[ ${SETTINGS[OCR_GPU_INSTANCE_TYPE]} == g5.xlarge && ${SETTINGS[OCR_GPU_ASG]} == filot-ocr-gpu-asg && ${SETTINGS[OCR_GPU_CLUSTER]} == filot-ocr-gpu-cluster ]]
	[[ ${SETTINGS[BACKEND_CLUSTER]} == filot-backend-cluster && ${SETTINGS[BACKEND_SERVICE]} == filot-backend-service && ${SETTINGS[OCR_GPU_SERVICE]} == filot-ocr-gpu-service ]]
	[[ ${SETTINGS[API_URL]} == https://api.filot.me && ${SETTINGS[LOG_RETENTION_DAYS]} == 90 ]]
}
