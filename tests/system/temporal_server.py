#!/usr/bin/env python3
"""A stand-in for Temporal's HTTP API that checks what it is sent and fails as it is told. Python's standard library only.

usage: temporal_server.py API-KEY NAMESPACE

Prints its port. PUT /behave takes a JSON list of behaviours, each for one call (the last one stays): ok, 500, 503, 401,
429, 400, hang, reset, wrong-body, no-namespace, gone, and NAME+ which takes effect before it fails. GET /state gives
{"calls": N, "workflows": {ID: {"starts": effects, "input": …, "signals": [{"name", "input", "request_id"}]}}, "bad": […]}.
Like Temporal it starts an id once and takes a signal's request id once. POST /close/ID ends a workflow.
"""
import base64
import json
import re
import socket
import struct
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

API_KEY, NAMESPACE = sys.argv[1], sys.argv[2]
lock = threading.Lock()
state = {"calls": 0, "workflows": {}, "bad": []}
behaviours = ["ok"]
PATH = re.compile(r"^/api/v1/namespaces/([^/]+)/workflows/([^/]+)(?:/signal/([^/]+))?$")
ERROR_TYPE = "type.googleapis.com/temporal.api.errordetails.v1."


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value, raw=None):
        body = raw if raw is not None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def fail(self, status, code, message, kind=None, **more):
        details = [{"@type": ERROR_TYPE + kind, **more}] if kind else []
        self.answer(status, {"code": code, "message": message, "details": details})

    def do_GET(self):
        with lock:
            self.answer(200, state)

    def do_PUT(self):
        global behaviours
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            behaviours = json.loads(body)
        self.answer(204, None, b"")

    def argument(self, body):
        payloads = body["input"]["payloads"]
        assert len(payloads) == 1, "one payload"
        assert base64.b64decode(payloads[0]["metadata"]["encoding"], validate=True) == b"json/plain", "encoding"
        return json.loads(base64.b64decode(payloads[0]["data"], validate=True))

    def take(self, workflow, signal, body):
        """The effect, and the answer to it as (function, arguments)."""
        argument = self.argument(body)
        with lock:
            known = state["workflows"].get(workflow)
            if signal is None:
                assert body["workflowType"]["name"] and body["taskQueue"]["name"], "type and queue"
                assert body["workflowIdReusePolicy"] == "WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE", "reuse policy"
                if known and known["request_id"] != body["requestId"]:
                    return self.fail, (409, 6, "Workflow execution already started",
                                       "WorkflowExecutionAlreadyStartedFailure"), {"runId": known["run_id"]}
                if not known:
                    known = {"starts": 0, "input": argument, "signals": [], "run_id": str(uuid.uuid4()),
                             "request_id": body["requestId"], "closed": False}
                    state["workflows"][workflow] = known
                    known["starts"] += 1
                return self.answer, (200, {"runId": known["run_id"], "started": True}), {}
            if not known or known["closed"]:
                return self.fail, (404, 5, "workflow not found for ID: " + workflow), {}
            if body["requestId"] not in [s["request_id"] for s in known["signals"]]:
                known["signals"].append({"name": signal, "input": argument, "request_id": body["requestId"]})
            return self.answer, (200, {}), {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/close/"):
            with lock:
                state["workflows"][self.path[7:]]["closed"] = True
            return self.answer(204, None, b"")
        with lock:
            state["calls"] += 1
            what = behaviours[0]
            if len(behaviours) > 1:
                behaviours.pop(0)
        match = PATH.match(self.path)
        try:
            assert match and match.group(1) == NAMESPACE, "path " + self.path
            assert self.headers.get("Authorization") == "Bearer " + API_KEY, "key"
            assert self.headers.get("Content-Type") == "application/json+no-payload-shorthand", "content type"
            if what == "ok" or what.endswith("+"):
                function, arguments, more = self.take(match.group(2), match.group(3), json.loads(body))
                if what == "ok":
                    return function(*arguments, **more)
                what = what[:-1]
        except (AssertionError, KeyError, ValueError) as why:
            with lock:
                state["bad"].append(str(why))
            return self.fail(400, 3, "contract")
        if what == "hang":
            time.sleep(30)
        elif what == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif what == "wrong-body":
            self.answer(200, None, b"<html>")
        elif what == "no-namespace":
            self.fail(404, 5, "Namespace x is not found.", "NamespaceNotFoundFailure")
        elif what == "gone":
            self.fail(404, 5, "workflow execution already completed")
        else:
            self.fail(int(what), 2, "as told")


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
