#!/usr/bin/env python3
"""A stand-in for `aws logs start-query` and `get-query-results` over log lines in files.

usage: aws_logs.py FOLDER [options] logs start-query|get-query-results ...

FOLDER/LOG-GROUP/STREAM, with '/' written as '_', has a stream's lines; tests/cli/insights.py answers. Answers have the shape
of the API's reference: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html
"""
import datetime
import glob
import json
import os
import subprocess
import sys

INSIGHTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../cli/insights.py")


def option(arguments, name):
    begin = arguments.index(name) + 1
    end = next((at for at in range(begin, len(arguments)) if arguments[at].startswith("--")), len(arguments))
    return arguments[begin:end]


def cell(name, value):
    if name == "@timestamp":
        value = datetime.datetime.fromtimestamp(value / 1000, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return {"field": name, "value": str(value)}


def main():
    folder, *arguments = sys.argv[1:]
    kept = os.path.join(folder, "query.json")
    action = arguments[arguments.index("logs") + 1]
    if action == "start-query":
        if int(option(arguments, "--start-time")[0]) >= int(option(arguments, "--end-time")[0]):
            return "InvalidParameterException"
        files = [path for group in option(arguments, "--log-group-names")
                 for path in sorted(glob.glob(os.path.join(folder, group.replace("/", "_"), "*")))]
        if not files:
            return "ResourceNotFoundException"
        rows = subprocess.run([sys.executable, INSIGHTS, "run", *files], input=option(arguments, "--query-string")[0], text=True,
                              capture_output=True, check=False)
        if rows.returncode:
            return f"MalformedQueryException: {rows.stderr}"
        results = [[cell(name, value) for name, value in json.loads(line).items()] + [cell("@ptr", "x")]
                   for line in rows.stdout.splitlines()]
        with open(kept, "w", encoding="utf-8") as file:
            json.dump({"results": results, "status": "Complete"}, file)
        print(json.dumps({"queryId": "1"}))
    else:
        print(open(kept, encoding="utf-8").read())
    return None


if __name__ == "__main__":
    sys.exit(main())
