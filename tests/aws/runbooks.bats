#!/usr/bin/env bats
# The runbooks' blocks that are marked "aws", as they stand, with the real AWS CLI on an account where both services run.
# (Those that moto cannot do, or that wait for people, have no mark; tests/cli/runbooks.bats checks their words.)

bats_require_minimum_version 1.5.0
load helper
load ../cli/blocks

setup_file() {
	local name
	aws_start
	deployed one
	DEPLOY=ocr-gpu deployed one
	deploy migrate >/dev/null 2>&1
	aws events put-rule --name filot-canary --schedule-expression 'rate(15 minutes)' >/dev/null
	# the runbook makes these
	for name in jwt-secret session-secret service-internal-key buli2-signature-secret; do
		aws secretsmanager delete-secret --secret-id "filot/$name" --force-delete-without-recovery >/dev/null
	done
	account_keep
}

teardown_file() { aws_stop; }
setup() {
	account_again
	cd "$FILOT_ROOT" || return 1
}

@test "each block of a runbook that is marked aws works" {
	export IMAGE_TAG=one
	blocks_run aws runbooks/*.md
	echo "# $BLOCKS blocks" >&3
	[ "$BLOCKS" -ge 10 ]
	[ "$BLOCKS_FAILED" -eq 0 ]
	[ "$(aws secretsmanager get-secret-value --secret-id filot/jwt-secret --query SecretString --output text | wc -c)" -eq 65 ]
}
