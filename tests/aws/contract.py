"""Requests and answers held against the services' own models.

botocore carries for each AWS service the model from which AWS makes its own
clients (service-2.json): the members, their types, which are required, their
patterns, lengths, ranges and allowed words.
"""

import datetime
import os
import re

TYPES = {
    "string": str, "character": str, "boolean": bool, "structure": dict, "map": dict, "list": list,
    "integer": int, "long": int, "float": (int, float), "double": (int, float),
    "timestamp": (str, int, float, datetime.datetime), "blob": (str, bytes),
}


def violations(shape, value, where):
    """What in value the model's shape does not allow, one text each."""
    kind, limits = shape.type_name, shape.metadata
    if getattr(shape, "is_document_type", False):
        return
    if not isinstance(value, TYPES[kind]) or (kind in ("integer", "long", "float", "double") and isinstance(value, bool)):
        yield f"{where}: {value!r} is no {kind}"
        return
    if kind == "structure":
        yield from structure(shape, value, where)
    elif kind == "list":
        for index, item in enumerate(value):
            yield from violations(shape.member, item, f"{where}[{index}]")
    elif kind == "map":
        for key, item in value.items():
            yield from violations(shape.key, key, f"{where} key")
            yield from violations(shape.value, item, f"{where}.{key}")
    elif kind == "string":
        if shape.enum and value not in shape.enum:
            yield f"{where}: {value!r} is none of {', '.join(shape.enum)}"
        pattern = limits.get("pattern")
        if pattern and not matches(pattern, value):
            yield f"{where}: {value!r} does not match {pattern}"
    if kind in ("string", "list", "map", "blob"):
        size = len(value)
    elif kind in ("integer", "long", "float", "double"):
        size = value
    else:
        return
    if size < limits.get("min", size) or size > limits.get("max", size):
        yield f"{where}: {value!r} is not within {limits.get('min')} to {limits.get('max')}"


def structure(shape, value, where):
    for name in shape.required_members:
        if name not in value:
            yield f"{where}.{name} is missing"
    names = {member.serialization.get("name", name): member for name, member in shape.members.items()}
    for name, item in value.items():
        member = shape.members.get(name) or names.get(name)
        if member is None:
            yield f"{where}.{name} is unknown"
        else:
            yield from violations(member, item, f"{where}.{name}")


def matches(pattern, text):
    try:
        return re.search(pattern, text) is not None
    except re.error:  # written for another language's regular expressions
        return True


# What moto answers otherwise than AWS, and nothing of ours reads; and a
# policy's text, which botocore has decoded before we see it.
KNOWN = re.compile(r"application-autoscaling DescribeScalableTargets answers.ScalableTargets\[\d+\].RoleARN is missing"
                   r"|iam \w+ answers.\w+.\w*Document: .* is no string")


def note(name, lines):
    with open(os.path.join(os.environ["AWS_CONTROL"], name), "a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines if not KNOWN.fullmatch(line))


def asked(params, model, **_):
    note("actions", [f"{model.service_model.signing_name}:{model.name}"])
    if model.input_shape is not None:
        note("contract", violations(model.input_shape, params, f"{model.service_model.service_name} {model.name} asks"))


def answered(http_response, parsed, model, **_):
    if http_response.status_code < 300 and model.output_shape is not None:
        parsed = {name: item for name, item in parsed.items() if name != "ResponseMetadata"}
        note("contract", violations(model.output_shape, parsed, f"{model.service_model.service_name} {model.name} answers"))


def watch(session):
    # First: botocore and the CLI change some parameters and answers themselves.
    events = session.get_component("event_emitter")
    events.register_first("before-parameter-build", asked)
    events.register_first("after-call", answered)
