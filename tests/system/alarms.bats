#!/usr/bin/env bats
# The alarms and the dashboard: about metrics that there are, at the
# thresholds of T8-B, each with a word on missing data.

bats_require_minimum_version 1.5.0
load helper

setup_file() {
	servers_setup redis
	filot-healthd --emf --once >"$SERVERS_DIR/line" 2>"$SERVERS_DIR/log"
}

teardown_file() { servers_teardown; }

setup() {
	alarms=$FILOT_ROOT/alerts/cloudwatch-alarms.json
	dashboard=$FILOT_ROOT/alerts/cloudwatch-dashboard.json
}

check() { # ALARMS DASHBOARD
	python3 "$FILOT_ROOT/tests/system/alarms_check.py" "$SERVERS_DIR/line" "$@"
}

alarm() { # FILTER
	jq -r "[.Resources[].Properties] | $1" "$alarms"
}

@test "each metric of alarms and dashboard is one that filot-healthd tells or AWS documents, with these dimensions and units" {
	run -0 check "$alarms" "$dashboard"
	[[ $output =~ ^[0-9]+\ metrics,\ all\ told$ ]]
	[[ ${output%% *} -ge 35 ]]
}

@test "a metric that nobody tells, another dimension and another unit are found" {
	jq '.Resources.DeadJobs.Properties.MetricName = "JobsDead"
		| .Resources.OldestJobAge.Properties.Unit = "Milliseconds"
		| .Resources.DiskUsed.Properties.Dimensions += [{Name: "Path", Value: "/"}]' "$alarms" >"$BATS_TEST_TMPDIR/alarms"
	run -1 check "$BATS_TEST_TMPDIR/alarms" "$dashboard"
	[[ $output == *'DeadJobs: nobody tells FiLot JobsDead'* ]]
	[[ $output == *'OldestJobAge: OldestJobAge is told in Seconds'* ]]
	[[ $output == *"DiskUsed: DiskUsedPercent is told by ['Service'], not by ['Path', 'Service']"* ]]
	[[ ${#lines[@]} -eq 3 ]]
}

@test "the eight alarms of T8-B have its thresholds" {
	run -0 alarm 'map(select(.MetricName | IN("HealthyHostCount", "HTTPCode_Target_5XX_Count", "TargetResponseTime", "QueueDepth",
		"Buli2RetryQueue", "RunningTaskCount", "CPUUtilization", "MemoryUtilization"))
		| "\(.MetricName) \(.ExtendedStatistic // .Statistic) \(.ComparisonOperator[:-9]) \(.Threshold)")[]'
	diff <(sort <<<"$output") - <<-'END'
		Buli2RetryQueue Maximum GreaterThan 10
		CPUUtilization Average GreaterThan 80
		HTTPCode_Target_5XX_Count Sum GreaterThan 10
		HealthyHostCount Minimum LessThan 1
		MemoryUtilization Average GreaterThan 85
		QueueDepth Maximum GreaterThan 20
		RunningTaskCount Minimum LessThan 1
		TargetResponseTime p95 GreaterThan 2
	END
	[[ $(alarm '.[] | select(.MetricName == "HTTPCode_Target_5XX_Count").Period') == 300 ]]
}

@test "silence is breaching exactly where it is the fault, calm where no request is no error, else missing" {
	[[ $(alarm 'map(select(.TreatMissingData == "breaching").AlarmName) | sort | join(" ")') == 'filot-backend-unhealthy-hosts filot-canary filot-gpu-no-tasks filot-healthd-silent' ]]
	[[ $(alarm 'map(select(.TreatMissingData == "notBreaching").AlarmName) | sort | join(" ")') == 'filot-backend-5xx filot-backend-latency' ]]
	[[ $(alarm 'map(select(.TreatMissingData | IN("breaching", "notBreaching", "missing") | not)) | length') == 0 ]]
}

@test "the dimension Service is what the tasks tell filot-healthd, and the alarms' defaults are infra/settings'" {
	local name
	for name in BACKEND OCR_GPU; do
		[[ $(jq -r '.containerDefinitions[] | select(.command[0] == "filot-healthd").environment[] | select(.name == "FILOT_SERVICE").value' \
			"$FILOT_ROOT/infra/ecs/filot-$(tr A-Z_ a-z- <<<"$name")-task.json") == "\${${name}_SERVICE}" ]]
	done
	for name in BackendCluster=BACKEND_CLUSTER BackendService=BACKEND_SERVICE OcrGpuCluster=OCR_GPU_CLUSTER OcrGpuService=OCR_GPU_SERVICE \
		FoundationStack=FOUNDATION_STACK; do
		[[ $(jq -r --arg name "${name%=*}" '.Parameters[$name].Default' "$alarms" "$dashboard" | sort -u) == "$(sed -n "s/^${name#*=}=//p" "$FILOT_ROOT/infra/settings")" ]]
	done
}
