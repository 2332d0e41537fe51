#!/usr/bin/env python3
"""Judges what filot-healthd writes, by tools that are not ours.

    healthd_check.py metrics < TEXT   OpenMetrics by prometheus_client's parser; prints each sample as "NAME{LABELS} VALUE"
    healthd_check.py emf < LINES      CloudWatch's embedded metric format; prints each line's members as "NAME VALUE"
"""

import json
import pathlib
import sys


def check_metrics(text):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    for family in text_string_to_metric_families(text):
        assert family.documentation, f"{family.name} has no HELP"
        assert not family.unit or family.name.endswith("_" + family.unit), family.name
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            print(f"{sample.name}{{{labels}}} {sample.value:g}")


def check_emf(text):
    import jsonschema

    schema = json.loads((pathlib.Path(__file__).parent / "emf.schema.json").read_text())
    for line in text.splitlines():
        assert len(line.encode()) <= 256 * 1024
        event = json.loads(line)
        jsonschema.Draft202012Validator(schema).validate(event)
        for directive in event["_aws"]["CloudWatchMetrics"]:
            names = [metric["Name"] for metric in directive["Metrics"]]
            assert len(names) == len(set(names)), "a metric twice"
            for name in names:
                value = event[name]
                assert isinstance(value, (int, float)) and not isinstance(value, bool), f"{name} is no number"
                print(name, value)
            for dimensions in directive["Dimensions"]:
                for name in dimensions:
                    assert isinstance(event[name], str) and 0 < len(event[name]) <= 1024, f"{name} is no dimension"
                    print(name, event[name])


if __name__ == "__main__":
    {"metrics": check_metrics, "emf": check_emf}[sys.argv[1]](sys.stdin.read())
