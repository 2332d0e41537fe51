#!/usr/bin/env python3
"""Are the alarms and the dashboard about metrics that there are?

usage: alarms_check.py EMF-LINE ALARMS DASHBOARD

Each metric they name must be one of EMF-LINE, which filot-healthd --emf has
written, or one that AWS documents below, with the same namespace, the same
set of dimensions and, where one is said, the same unit. Prints the others;
1 when there are any.
"""

import json
import re
import sys

TARGET_GROUP = {"TargetGroup", "LoadBalancer"}
SERVICE = {"ClusterName", "ServiceName"}
AWS = {
    # docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    ("AWS/ApplicationELB", "HealthyHostCount"): TARGET_GROUP,
    ("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"): TARGET_GROUP,
    ("AWS/ApplicationELB", "TargetResponseTime"): TARGET_GROUP,
    ("AWS/ApplicationELB", "RequestCount"): TARGET_GROUP,
    # docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
    ("AWS/ECS", "CPUUtilization"): SERVICE,
    ("AWS/ECS", "MemoryUtilization"): SERVICE,
    # docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
    ("ECS/ContainerInsights", "RunningTaskCount"): SERVICE,
    # docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
    ("AWS/Events", "Invocations"): {"RuleName"},
    # docs.aws.amazon.com/acm/latest/userguide/cloudwatch-metrics.html
    ("AWS/CertificateManager", "DaysToExpiry"): {"CertificateArn"},
}
# What thresholds are given in; of the rest it is a count.
UNITS = {"OldestJobAge": "Seconds", "DiskUsedPercent": "Percent"}


def emitted(line):
    """(namespace, name) → (dimensions, unit)"""
    return {(directive["Namespace"], metric["Name"]): (set(directive["Dimensions"][0]), metric["Unit"])
            for directive in json.loads(line)["_aws"]["CloudWatchMetrics"] for metric in directive["Metrics"]}


def asked(alarms, dashboard):
    """where, namespace, name, dimensions, unit of all that is looked at"""
    for name, alarm in alarms["Resources"].items():
        told = alarm["Properties"]
        yield name, told["Namespace"], told["MetricName"], [one["Name"] for one in told["Dimensions"]], told.get("Unit")
    body = dashboard["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0]
    for widget in json.loads(re.sub(r"\$\{[^}]+\}", "x", body))["widgets"]:
        for metric in widget["properties"]["metrics"]:
            words = [word for word in metric if isinstance(word, str)]
            yield widget["properties"]["title"], words[0], words[1], words[2::2], None


def main(line, alarms, dashboard):
    have = emitted(open(line, encoding="utf-8").read())
    wrong, seen = [], 0
    with open(alarms, encoding="utf-8") as one, open(dashboard, encoding="utf-8") as other:
        for where, namespace, name, dimensions, unit in asked(json.load(one), json.load(other)):
            seen += 1
            known, known_unit = have.get((namespace, name), (AWS.get((namespace, name)), None))
            if known is None:
                wrong.append(f"{where}: nobody tells {namespace} {name}")
            elif known != set(dimensions):
                wrong.append(f"{where}: {name} is told by {sorted(known)}, not by {sorted(dimensions)}")
            elif namespace == "FiLot" and not known_unit == UNITS.get(name, "Count") == (unit or known_unit):
                wrong.append(f"{where}: {name} is told in {known_unit}")
    print("\n".join(wrong) or f"{seen} metrics, all told")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
