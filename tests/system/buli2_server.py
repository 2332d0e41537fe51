#!/usr/bin/env python3
"""A stand-in for BULI2 that checks what it is sent and fails as it is told. Python's standard library only.

usage: buli2_server.py SECRET API-KEY

Prints its port. What it does next is told by PUT /behave with a JSON list of behaviours, each for one request (the
last one stays): ok, 500, 503, 400, 401, 404, 409, 429, retry-after-SECONDS, hang, reset, wrong-body, cut-body, drip, redirect.
PUT /begin forgets what was seen, too. GET /state gives {"requests": N, "effects": {KEY: times taken}, "bodies": {KEY: BODY}, "bad": [why, …]}: an effect is a
key's first request that was taken, so its count above 1 would be a duplicate in effect; "bad" is what broke the contract.
A behaviour NAME+ takes effect before it fails: "reset+" is an answer that was lost.
"""
import hashlib
import hmac
import json
import sys
import threading
import time

from failing_server import FailingHandler, next_behaviour, serve

SECRET, API_KEY = sys.argv[1], sys.argv[2]
lock = threading.Lock()
state = {"requests": 0, "effects": {}, "bodies": {}, "bad": [], "times": []}
behaviours = ["ok"]


class Handler(FailingHandler):
    def do_GET(self):
        with lock:
            self.send(200, json.dumps(state).encode())

    def do_PUT(self):
        global behaviours
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            behaviours = json.loads(body)
            if self.path == "/begin":
                state.update(requests=0, effects={}, bodies={}, bad=[], times=[])
        self.send(204, b"")

    def check(self, body):
        """What is wrong with a request by the contract, or nothing."""
        timestamp = self.headers.get("X-FiLot-Timestamp", "")
        wanted = hmac.new(SECRET.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if self.headers.get("X-FiLot-Signature") != "v1=" + wanted:
            return "signature"
        if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > 60:
            return "timestamp"
        if self.headers.get("Authorization") != "Bearer " + API_KEY:
            return "key"
        if not self.headers.get("Idempotency-Key") or not self.headers.get("X-Request-Id"):
            return "ids"
        if not isinstance(json.loads(body), dict):
            return "body"
        return None

    def take(self, body):
        """Idempotent, as BULI2 is: the first request of a key has the effect; another body for it breaks the contract."""
        key = self.headers["Idempotency-Key"]
        with lock:
            if key not in state["bodies"]:
                state["bodies"][key] = body.decode()
                state["effects"][key] = state["effects"].get(key, 0) + 1
            elif state["bodies"][key] != body.decode():
                state["bad"].append("another body for " + key)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            state["requests"] += 1
            state["times"].append(time.time())
            what = next_behaviour(behaviours)
        bad = self.check(body)
        if bad:
            with lock:
                state["bad"].append(bad)
            return self.send(400, b'{"error":"contract"}')
        if what.endswith("+"):
            self.take(body)
            what = what[:-1]
        if what == "ok":
            self.take(body)
            self.send(202, json.dumps({"reference": "b-" + self.headers["Idempotency-Key"]}).encode())
        elif what.startswith("retry-after-"):
            self.send(429, b"{}", [("Retry-After", what.rsplit("-", 1)[1])])
        elif self.fails_as_a_peer(what, b'{"reference":'):
            pass
        elif what == "wrong-body":
            self.send(200, b"<html>It works!</html>")
        elif what == "redirect":
            self.send(302, b"{}", [("Location", "/elsewhere")])
        else:
            self.send(int(what), json.dumps({"error": "as told: " + what, "long": "x" * 5000}).encode())


serve(Handler)
