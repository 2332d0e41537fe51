#!/usr/bin/env bats
# A short run of the fault schedule: tests/system/faults; the long one is `make soak`.

load helper

@test "under a schedule of faults every job is done once or dead for its reason" {
	"$FILOT_ROOT/tests/system/faults" 700 12 '' 2
}
