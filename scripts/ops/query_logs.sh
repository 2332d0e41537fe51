#!/usr/bin/env bash
# usage: scripts/ops/query_logs.sh NAME [--since 1h] [WORD=VALUE]... [--json]
#        scripts/ops/query_logs.sh --list
#
# Runs a query of logs/cloudwatch-queries.md by CloudWatch Logs Insights over
# the log groups that stand there, and prints its rows: a table on a terminal,
# else JSON lines.
#
#   --list         the queries, with what each gives
#   --since TIME   from so long ago until now, such as 30m, 3h or 2d (1h)
#   WORD=VALUE     what <WORD> in the query stands for, as in
#                  document-trail DOCUMENT=01KAZ3V6X8Q2M4T7R9W1Y5C0DE
#   --json         JSON lines on a terminal, too
#
# AWS_REGION is taken from infra/settings; the environment wins over it.
#
# Exit status: 0 done, also with no rows; 1 the query failed; 64 usage;
# 69 AWS cannot be reached; 75 it takes too long; 77 credentials or rights.

# shellcheck source-path=SCRIPTDIR
set -euo pipefail
FILOT_ROOT=$(cd "$(dirname "$(realpath "${BASH_SOURCE[0]}")")/../.." && pwd)
# shellcheck source=../lib/common.sh
source "$FILOT_ROOT/scripts/lib/common.sh"
# shellcheck source=../lib/deploy_aws.sh
source "$FILOT_ROOT/scripts/lib/deploy_aws.sh"

QUERIES=$FILOT_ROOT/logs/cloudwatch-queries.md
PATIENCE_S=${QUERY_PATIENCE_S:-120}

# query_part NAME words|query: of the section "### NAME"
query_part() {
	awk -v name="$1" -v part="$2" '
		/^##/ { here = ($0 == "### " name); inside = 0; next }
		!here { next }
		/^```/ { if (inside) exit; inside = 1; next }
		inside == (part == "query")' "$QUERIES"
}

queries_list() {
	local name words
	while read -r name; do
		words=$(query_part "$name" words | tr '\n' ' ')
		printf '%s\n    %s\n' "$name" "${words##*\`: }"
	done < <(sed -n 's/^### //p' "$QUERIES")
}

# query_fill QUERY WORD=VALUE…: in $query
query_fill() {
	local pair
	query=$1
	shift
	for pair in "$@"; do
		[[ ${pair#*=} =~ ^[A-Za-z0-9._:/-]+$ ]] || usage_error "'${pair#*=}' is no id"
		[[ $query == *"<${pair%%=*}>"* ]] || usage_error "the query has no <${pair%%=*}>"
		query=${query//"<${pair%%=*}>"/"${pair#*=}"}
	done
	[[ ! $query =~ \<([A-Z]+)\> ]] || usage_error "the query wants ${BASH_REMATCH[1]}=VALUE"
}

# query_run GROUPS…: the answer with its rows in $answer
query_run() {
	local id end=$((SECONDS + PATIENCE_S))
	answer=$(aws_call logs start-query --log-group-names "$@" --start-time "$(($(date +%s) - since_s))" --end-time "$(date +%s)" \
		--query-string "$query") || aws_die "starting the query"
	id=$(jq -r .queryId <<<"$answer")
	while :; do
		answer=$(aws_call logs get-query-results --query-id "$id") || aws_die "asking for the rows"
		case $(jq -r .status <<<"$answer") in
		Complete) return ;;
		Scheduled | Running | Unknown) ;;
		*) die "CloudWatch ended the query: $(jq -r .status <<<"$answer")" "ask for a shorter time: --since" ;;
		esac
		((SECONDS < end)) || deploy_die "$EXIT_TEMPORARY" "no rows after $PATIENCE_S s" "ask for a shorter time: --since"
		sleep 0.5
	done
}

rows_print() {
	local rows
	rows=$(jq -c '.results[] | map(select(.field != "@ptr") | {(.field): .value}) | add' <<<"$answer")
	if [[ -t 1 ]] && ! ((json)) && command -v column >/dev/null; then
		jq -rs '(map(keys_unsorted) | add // [] | reduce .[] as $name ([]; if index($name) then . else . + [$name] end)) as $names
			| $names, (.[] | [.[$names[]] // "-"]) | @tsv' <<<"$rows" | column -t -s $'\t'
	elif [[ -n $rows ]]; then
		printf '%s\n' "$rows"
	fi
	say "$(jq -r '.results | length' <<<"$answer") rows"
}

query_main() {
	local name='' query since_s=3600 json=0 answer
	local -a words=() groups
	while (($#)); do
		case $1 in
		--help | -h)
			usage_print
			exit 0
			;;
		--list)
			queries_list
			exit 0
			;;
		--json) json=1 ;;
		--since)
			since_s=$(seconds_of "${2:-}") || usage_error "--since needs a time such as 30m, 3h or 2d"
			shift
			;;
		-*) usage_error "unknown option '$1'" ;;
		*=*) words+=("$1") ;;
		*)
			[[ -z $name ]] || usage_error "unexpected argument '$1'"
			name=$1
			;;
		esac
		shift
	done
	[[ -n $name ]] || usage_error "which query? --list names them"
	query=$(query_part "$name" query)
	[[ -n $query ]] || usage_error "there is no query '$name'; --list names them"
	query_fill "$query" "${words[@]}"
	# shellcheck disable=SC2016 # the backticks are Markdown's
	mapfile -t groups < <(query_part "$name" words | grep -oE '`/[a-z0-9/-]+`' | tr -d '`')
	need jq jq
	need aws awscli
	DEPLOY_TMP=$(temp_dir query)
	trap 'rm -rf "$DEPLOY_TMP"' EXIT
	settings_load
	query_run "${groups[@]}"
	rows_print
}

query_main "$@"
