#!/usr/bin/env python3
"""A stand-in for Temporal's HTTP API that checks what it is sent and fails as it is told.

usage: temporal_server.py API-KEY NAMESPACE

Each request, and each of its own answers, is held against Temporal's own description of them
(tests/data/temporal-http-api.json), in which, as in protobuf's JSON, a member that is not named there is an error.

Prints its port. PUT /begin: a test begins, and nothing was bad yet. PUT /behave takes a JSON list of behaviours, each for
one call (the last one stays): ok, 500, 503, 401, 429, 400, retry-after-SECONDS, hang, reset, wrong-body, cut-body, drip,
no-namespace, gone, and NAME+ which takes effect before it fails. GET /state gives
{"calls": N, "workflows": {ID: {"starts": effects, "input": …, "signals": [{"name", "input", "request_id"}]}}, "bad": […]}.
Like Temporal it starts an id once and takes a signal's request id once. POST /close/ID ends a workflow.
"""
import base64
import json
import pathlib
import re
import sys
import threading
import uuid
from urllib.parse import unquote

import jsonschema
from failing_server import FailingHandler, next_behaviour, serve

API_KEY, NAMESPACE = sys.argv[1], sys.argv[2]
TYPE = "application/json+no-payload-shorthand"
lock = threading.Lock()
state = {"calls": 0, "workflows": {}, "bad": []}
behaviours = ["ok"]


class Contract:
    """Temporal's description: which operation a request is, and whether a body is what it says."""

    def __init__(self):
        path = pathlib.Path(__file__).parent.parent / "data" / "temporal-http-api.json"
        self.api = json.loads(path.read_text())
        self.schemas = self.api["components"]["schemas"]
        for schema in self.schemas.values():
            if "properties" in schema:
                schema.setdefault("additionalProperties", False)

    def operation(self, method, path):
        """(operation, parameters), or (None, None)."""
        for template, operations in self.api["paths"].items():
            names = re.findall(r"\{([^}]+)\}", template)
            match = re.fullmatch(re.sub(r"\\\{[^}]+\\\}", "([^/]+)", re.escape(template)), path)
            if match and method.lower() in operations:
                return operations[method.lower()], dict(zip(names, map(unquote, match.groups())))
        return None, None

    def check(self, content, value):
        schema = content["content"]["application/json"]["schema"]
        jsonschema.Draft202012Validator({"components": self.api["components"], **schema}).validate(value)

    def check_detail(self, detail):
        members = {name: value for name, value in detail.items() if name != "@type"}
        jsonschema.validate(members, self.schemas[detail["@type"].rsplit(".", 1)[1]])


contract = Contract()
ERROR_TYPE = "type.googleapis.com/temporal.api.errordetails.v1."


class Handler(FailingHandler):
    media_type = TYPE
    operation = None

    def answer(self, status, value, raw=None, headers=()):
        if raw is None and self.operation:
            responses = self.operation["responses"]
            contract.check(responses.get(str(status), responses["default"]), value)
            for detail in value.get("details", []):
                contract.check_detail(detail)
        self.send(status, raw if raw is not None else json.dumps(value).encode(), headers)

    def fail(self, status, code, message, kind=None, **more):
        details = [{"@type": ERROR_TYPE + kind, **more}] if kind else []
        self.answer(status, {"code": code, "message": message, "details": details})

    def do_GET(self):
        if self.path == "/state":
            self.operation = None
            with lock:
                return self.answer(200, state)
        return self.call(b"")

    def do_PUT(self):
        global behaviours
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            if self.path == "/begin":
                behaviours, state["bad"] = ["ok"], []
            else:
                behaviours = json.loads(body)
        self.answer(204, None, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.startswith("/close/"):
            return self.call(body)
        with lock:
            state["workflows"][self.path[7:]]["closed"] = True
        return self.answer(204, None, b"")

    def argument(self, body):
        payloads = body["input"]["payloads"]
        assert len(payloads) == 1, "one payload"
        assert list(payloads[0]["metadata"]) == ["encoding"], "metadata"
        assert base64.b64decode(payloads[0]["metadata"]["encoding"], validate=True) == b"json/plain", "encoding"
        return json.loads(base64.b64decode(payloads[0]["data"], validate=True))

    def take(self, operation, parameters, body):
        """The effect, and the answer to it as (function, arguments)."""
        if operation == "DescribeNamespace":
            return self.answer, (200, {"namespaceInfo": {"name": NAMESPACE, "state": "NAMESPACE_STATE_REGISTERED"}}), {}
        argument = self.argument(body)
        workflow = parameters.get("workflowId") or parameters["workflow_execution.workflow_id"]
        with lock:
            known = state["workflows"].get(workflow)
            if operation == "StartWorkflowExecution":
                assert body["workflowType"]["name"] and body["taskQueue"]["name"], "type and queue"
                assert body["workflowIdReusePolicy"] == "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE", "reuse policy"
                if known and known["request_id"] != body["requestId"]:
                    return self.fail, (409, 6, "Workflow execution is already running",
                                       "WorkflowExecutionAlreadyStartedFailure"), \
                        {"startRequestId": known["request_id"], "runId": known["run_id"]}
                if not known:
                    known = {"starts": 0, "input": argument, "signals": [], "run_id": str(uuid.uuid4()),
                             "request_id": body["requestId"], "closed": False}
                    state["workflows"][workflow] = known
                    known["starts"] += 1
                return self.answer, (200, {"runId": known["run_id"], "started": True}), {}
            if not known or known["closed"]:
                return self.fail, (404, 5, "workflow not found for ID: " + workflow), {}
            if body["requestId"] not in [s["request_id"] for s in known["signals"]]:
                known["signals"].append({"name": parameters["signalName"], "input": argument,
                                         "request_id": body["requestId"]})
            return self.answer, (200, {}), {}

    def check_request(self, parameters, body):
        """The parsed body; None where the operation has none."""
        assert self.operation, f"{self.command} {self.path}: no such operation"
        assert parameters["namespace"] == NAMESPACE, "namespace"
        if "requestBody" not in self.operation:
            return None
        # Under another type a payload is Temporal's shorthand, which is not what we write.
        assert self.headers.get("Content-Type") == TYPE, "content type"
        value = json.loads(body)
        contract.check(self.operation["requestBody"], value)
        return value

    def call(self, body):
        with lock:
            state["calls"] += 1
            what = next_behaviour(behaviours)
        self.operation, parameters = contract.operation(self.command, self.path)
        try:
            value = self.check_request(parameters, body)
            if self.headers.get("Authorization") != "Bearer " + API_KEY:
                return self.fail(401, 16, "Request unauthorized.")
            if what == "ok" or what.endswith("+"):
                function, arguments, more = self.take(self.operation["operationId"], parameters, value)
                if what == "ok":
                    return function(*arguments, **more)
                what = what[:-1]
        except (AssertionError, KeyError, ValueError, jsonschema.ValidationError) as why:
            with lock:
                state["bad"].append(f"{type(why).__name__}: {why}")
            return self.answer(400, None, b'{"code": 3, "message": "contract"}')
        if self.fails_as_a_peer(what, b'{"runId":'):
            return
        if what.startswith("retry-after-"):
            self.answer(429, {"code": 8, "message": "namespace rate limit exceeded", "details": []},
                        headers=[("Retry-After", what.rsplit("-", 1)[1])])
        elif what == "wrong-body":
            self.answer(200, None, b"<html>")
        elif what == "no-namespace":
            self.fail(404, 5, "Namespace x is not found.", "NamespaceNotFoundFailure", namespace="x")
        elif what == "gone":
            self.fail(404, 5, "workflow execution already completed")
        else:
            self.fail(int(what), 2, "as told")


serve(Handler)
