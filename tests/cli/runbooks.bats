#!/usr/bin/env bats
# Runbooks, and other pages and manuals: every alarm has a page that says when it fires, and every page an alarm; what they tell to type exists, flag by
# flag; links lead somewhere. (Blocks marked "run" are run by tests/system/operations.bats, those marked "aws" by
# tests/aws/runbooks.bats.)

# shellcheck disable=SC2016 # Markdown is full of backticks
bats_require_minimum_version 1.5.0
load blocks

setup() {
	FILOT_ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	FILOT_BIN=${FILOT_BUILD:-$FILOT_ROOT/build}/bin
	cd "$FILOT_ROOT" || return 1
	check=(python3 tests/cli/runbooks.py)
	pages=(README.md runbooks/*.md logs/*.md infra/systemd/README.md tests/aws/README.md)
}

# page TEXT…: a page of runbook that says this
page() {
	printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/page.md"
}

@test "every alarm has its page, which says when it fires, what to look at, what to do and when it is over" {
	local name page fires
	while IFS=$'\t' read -r name page fires; do
		[ "$page" = "runbooks/alarm-${name#filot-}.md" ]
		echo "$page wants: $fires"
		grep -qF "**Fires when** $fires" "$page"
		[[ $(head -n 1 "$page") == "# $name: "* ]]
		[ "$(grep '^## ' "$page" | tr '\n' ' ')" = '## Look ## Do ## Over when ' ]
		grep -qF "| \`$name\` |" runbooks/README.md
	done < <(jq -r '.Resources[].Properties | [.AlarmName, (.AlarmDescription | capture("Runbook: (?<path>[^ ]+)$").path),
		"`\(.MetricName)` (\(.Statistic // .ExtendedStatistic)) \({LessThanThreshold: "<", GreaterThanThreshold: ">"}[.ComparisonOperator]) \(.Threshold), \(.DatapointsToAlarm) of \(.EvaluationPeriods) times \(.Period) s; \({breaching: "no data counts as bad", notBreaching: "no data counts as good", missing: "no data changes nothing"}[.TreatMissingData])."
		] | @tsv' alerts/cloudwatch-alarms.json)
}

@test "every page is of an alarm" {
	diff <(printf '%s\n' runbooks/alarm-*.md) \
		<(jq -r '.Resources[].Properties.AlarmDescription | capture("Runbook: (?<path>[^ ]+)$").path' alerts/cloudwatch-alarms.json | sort)
}

@test "links lead to files and headings that are there" {
	"${check[@]}" links "${pages[@]}"
	page '[a](nowhere.md) [b](#nothing)'
	run -1 "${check[@]}" links "$BATS_TEST_TMPDIR/page.md"
	[[ $output == *'nowhere.md: no such file'*'#nothing: no such heading'* ]]
}

@test "each command and script in them exists, and each flag and verb is in its --help" {
	"${check[@]}" commands "$FILOT_BIN" "${pages[@]}"
}

@test "each command, flag and verb that a manual shows is there, and each manual that one refers to" {
	"${check[@]}" commands "$FILOT_BIN" man/*.[157]
	"${check[@]}" references man/*.[157]
	printf '%s\n' '.Dl $ filot-enqueue \-\-no-such-flag' '.Dl * * * * * filot-nothing' '.Xr filot-nowhere 1' >"$BATS_TEST_TMPDIR/page.1"
	run -1 "${check[@]}" commands "$FILOT_BIN" "$BATS_TEST_TMPDIR/page.1"
	[[ $output == *'page.1:1: filot-enqueue has no --no-such-flag'*'page.1:2: there is no filot-nothing'* ]]
	run -1 "${check[@]}" references "$BATS_TEST_TMPDIR/page.1"
	[[ $output == *'refers to nothing in SEE ALSO'*'there is no filot-nowhere.1'*'nothing refers to page.1'* ]]
}

@test "a command, flag, verb or query that is not there is found" {
	page '```sh' 'X=$(filot-requeue --no-such-flag | jq .)' 'filot-nothing --help && scripts/no/script' 'scripts/deploy-backend.sh fly' \
		'scripts/ops/query_logs.sh no-query' '"command":["filot-migrate","sideways"]' 'frobnicate' '```' 'and `filot-buli2 --span`'
	run -1 "${check[@]}" commands "$FILOT_BIN" "$BATS_TEST_TMPDIR/page.md"
	local wrong
	for wrong in 'filot-requeue has no --no-such-flag' 'there is no filot-nothing' 'there is no scripts/no/script' \
		'deploy-backend.sh has no fly' 'query_logs.sh has no no-query' 'filot-migrate has no sideways' 'frobnicate: what' \
		'filot-buli2 has no --span'; do
		[[ $output == *"$wrong"* ]] || {
			echo "not found: $wrong"
			return 1
		}
	done
}

@test "a block that fails is found, and only those with the mark are run" {
	page '```sh run' 'false | true' 'echo after' '```' '1. Indented:' '   ```sh run' '   test -d runbooks' '   ```' '```sh' 'exit 3' '```'
	blocks_run run "$BATS_TEST_TMPDIR/page.md" >"$BATS_TEST_TMPDIR/told"
	[ "$BLOCKS" -eq 2 ]
	[ "$BLOCKS_FAILED" -eq 1 ]
	grep -q 'page.md:2: failed:' "$BATS_TEST_TMPDIR/told"
}

# shellcheck source-path=SCRIPTDIR
@test "each aws call names a service, an operation and options that there are" {
	# shellcheck source=../../scripts/lib/common.sh
	source "$FILOT_ROOT/scripts/lib/common.sh"
	# shellcheck source=../../scripts/lib/packages.sh
	source "$FILOT_ROOT/scripts/lib/packages.sh"
	aws_there || skip "the AWS CLI is not in $AWS_TOOLS (make one with the tests of tests/aws)"
	"$(aws_tools_bin)/python" tests/cli/runbooks.py aws "${pages[@]}" man/*.[157]
	page '```sh' 'aws ecs fly' 'aws ecs list-tasks --cloud x' 'aws nothing at-all' 'aws cloudformation deploy --template-file x' '```'
	run -1 "$(aws_tools_bin)/python" tests/cli/runbooks.py aws "$BATS_TEST_TMPDIR/page.md"
	[[ $output == *'aws ecs has no fly'*'list-tasks has no --cloud'*"no service ['nothing']"* ]]
	[[ $output != *deploy* ]]
}
