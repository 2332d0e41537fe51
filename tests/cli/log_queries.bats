#!/usr/bin/env bats
# The queries of logs/cloudwatch-queries.md, as far as they can be looked at without lines: that they are of the language,
# and that every event and field they name is one that our sources log. (tests/system/operations.bats runs them on real
# lines.) And the interpreter by which tests run them: what it takes, gives, and refuses.

# shellcheck disable=SC2016 # Markdown is full of backticks
bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	queries=logs/cloudwatch-queries.md
	mkdir -p "$BATS_TEST_TMPDIR/group"
	log=$BATS_TEST_TMPDIR/group/stream
}

insights() {
	python3 tests/cli/insights.py "$@"
}

# rows QUERY: over $log
rows() {
	insights run "$log" <<<"$1"
}

lines() {
	printf '%s\n' "$@" >"$log"
}

@test "each query is of the language, and its name, log groups and promise stand there" {
	local name
	insights list "$queries" >"$BATS_TEST_TMPDIR/list"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/list")" -eq "$(grep -c '^### ' "$queries")" ]
	jq -es 'all(.[]; .promise | length > 20)' "$BATS_TEST_TMPDIR/list" >/dev/null
	# each log group that is named is one that the stacks make
	jq -r '.groups[]' "$BATS_TEST_TMPDIR/list" | sort -u | while read -r name; do
		grep -qF "LogGroupName: $name," infra/cloudformation/*.yaml
	done
}

@test "each event that a query names is logged by our sources, and so is each field" {
	local name
	insights list "$queries" | jq -r '.query | [scan("event (?:=|!=|in) (\\[[^\\]]*\\]|\"[^\"]*\")")[0] | scan("[a-z0-9_]+")] | .[]' |
		sort -u >"$BATS_TEST_TMPDIR/events"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/events")" -gt 30 ]
	while read -r name; do
		grep -rqE "\"$name\"" cmd common --include='*.c' || {
			echo "nothing logs $name"
			return 1
		}
	done <"$BATS_TEST_TMPDIR/events"
	insights list "$queries" | jq -r 'select(.groups != ["/aws/events/filot-tasks"]).fields[]' | sort -u >"$BATS_TEST_TMPDIR/fields"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/fields")" -gt 40 ]
	while read -r name; do
		grep -rqE "[\"\\\\]${name##*.}[\"\\\\]" cmd common --include='*.c' --include='*.h' || {
			echo "nothing has the field $name"
			return 1
		}
	done <"$BATS_TEST_TMPDIR/fields"
}

@test "fields of a line are those of its JSON; lines that are none have their words" {
	lines '{"ts":"2026-11-24T10:00:00.500Z","a":{"b":[7,"x"]},"n":null}' 'plain words'
	[ "$(rows 'fields a.b.0, a.b.1, @timestamp, @logStream, @log | filter ispresent(a.b.0)')" = \
		'{"a.b.0": 7, "a.b.1": "x", "@timestamp": 1795514400500, "@logStream": "stream", "@log": "group"}' ]
	[ "$(rows 'fields @message | filter @message like /^plain/ and @message like "words"')" = '{"@message": "plain words"}' ]
}

@test "filter: comparisons, and, or, not, in, like, in their order of binding; what is not there is never equal" {
	lines '{"i":1,"s":"a"}' '{"i":2,"s":"b"}' '{"i":3,"s":"c"}' '{"i":10}'
	counts() { rows "filter $1 | stats count(*) as n" | jq -c .n; }
	[ "$(counts 'i > 2')" = 2 ]
	[ "$(counts 'i = 1 or i = 2 and s = "x"')" = 1 ]
	[ "$(counts '(i = 1 or i = 2) and s = "b"')" = 1 ]
	[ "$(counts 'not s = "a"')" = 3 ]
	[ "$(counts 's != "a"')" = 2 ]
	[ "$(counts 's in ["a", "c"]')" = 2 ]
	[ "$(counts 's not in ["a", "c"]')" = 1 ]
	[ "$(counts 's like /[ab]/')" = 2 ]
	[ "$(counts 'i + 1 >= 3 * 1')" = 3 ]
	[ "$(counts 'ispresent(s)')" = 3 ]
}

@test "stats: counts, sums, percentiles, first and last by groups and times" {
	lines '{"ts":"2026-11-24T10:01:00Z","g":"x","v":1}' '{"ts":"2026-11-24T10:04:00Z","g":"x","v":3}' \
		'{"ts":"2026-11-24T10:06:00Z","g":"y","v":10}'
	[ "$(rows 'stats count(*) as n, sum(v) as s, avg(v) as a, min(v) as lo, max(v) as hi, latest(v) as l, earliest(v) as e by g | sort g asc | limit 1')" = \
		'{"g": "x", "n": 2, "s": 4.0, "a": 2.0, "lo": 1, "hi": 3, "l": 3, "e": 1}' ]
	[ "$(rows 'stats count(*) as n by bin(5m) as t | sort t asc' | jq -sc 'map(.n)')" = '[2,1]' ]
	[ "$(rows 'stats pct(v, 50) as p, count_distinct(g) as d, sum(v = 3) as threes')" = '{"p": 3.0, "d": 2, "threes": 1.0}' ]
}

@test "parse, dedup, sort and display" {
	lines '{"m":"job 7 took 12 ms","k":1}' '{"m":"job 8 took 9 ms","k":1}' '{"m":"none","k":2}'
	[ "$(rows 'parse m "job * took * ms" as id, ms | filter ispresent(ms) | sort ms desc | display id, ms' | jq -c '[.id, .ms]' | tr '\n' ' ')" = '["7","12"] ["8","9"] ' ]
	[ "$(rows 'parse m /job (?<id>\d+)/ | stats max(id) as last')" = '{"last": "8"}' ]
	[ "$(rows 'fields k | sort k desc | dedup k' | jq -sc 'map(.k)')" = '[2,1]' ]
}

@test "a field that no line has, and what is not of the language, is refused" {
	local query
	lines '{"a":1}'
	for query in 'fields unknown' 'filter a = 1 and b = 2' 'stats count(*) by nowhere' 'sort a' 'filter a ==' 'fields a | frob' 'limit 0' \
		'dedup a | sort a asc' 'stats median(a)' 'parse @message "*-*" as x' 'filter a like' 'fields a b' 'stats count(*' 'filter strange(a)'; do
		run -65 rows "$query"
		[[ $output == insights.py:* ]] || {
			echo "taken: $query"
			return 1
		}
	done
	run -65 rows 'filter a = 1 and b = 2'
	[[ $output == *'no line has the field b' ]]
}
