#!/usr/bin/env bats
# The queue's protocol, checked over all its schedules: tests/model/queue.pml.

load helper

@test "no schedule of crashes loses a job or does it twice, and the check catches what would" {
	"$FILOT_ROOT/tests/model/check"
}
