# shellcheck shell=bash
# Counts results in the Test Anything Protocol, several plans in one file
# allowed.

tap_passed=0
tap_failed=0
tap_skipped=0

# tap_count FILE STATUS: add its results. A plan that was not fulfilled and a
# failure that shows in no line are failures too.
tap_count() {
	local file=$1 status=$2 ok not_ok skip plan
	read -r ok not_ok skip plan < <(awk '
		/^ok( |$)/ { if (tolower($0) ~ /# skip/) skip++; else ok++ }
		/^not ok( |$)/ { not_ok++ }
		tolower($0) ~ /^1\.\.0 +# *skip/ { skip++; plan++ } # a whole file
		/^1\.\.[0-9]+/ { plan += substr($1, 4) }
		END { print ok + 0, not_ok + 0, skip + 0, plan + 0 }' "$file")
	if ((plan > ok + not_ok + skip)); then
		printf '# %d of %d planned tests gave no result\n' "$((plan - ok - not_ok - skip))" "$plan"
		not_ok=$((plan - ok - skip))
	fi
	if ((status != 0 && not_ok == 0)); then
		printf '# ended with status %d although no test says so\n' "$status"
		not_ok=1
	fi
	tap_passed=$((tap_passed + ok))
	tap_failed=$((tap_failed + not_ok))
	tap_skipped=$((tap_skipped + skip))
}

# tap_summary: print the line that ends a run; fails unless all went well.
tap_summary() {
	local skipped=
	((tap_skipped == 0)) || skipped=", $tap_skipped skipped"
	printf '%d passed, %d failed%s\n' "$tap_passed" "$tap_failed" "$skipped"
	((tap_failed == 0 && tap_passed > 0))
}
