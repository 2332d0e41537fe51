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
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET, API_KEY = sys.argv[1], sys.argv[2]
lock = threading.Lock()
state = {"requests": 0, "effects": {}, "bodies": {}, "bad": [], "times": []}
behaviours = ["ok"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"{}", headers=()):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with lock:
            self.answer(200, json.dumps(state).encode())

    def do_PUT(self):
        global behaviours
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            behaviours = json.loads(body)
            if self.path == "/begin":
                state.update(requests=0, effects={}, bodies={}, bad=[], times=[])
        self.answer(204, b"")

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

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with lock:
            state["requests"] += 1
            state["times"].append(time.time())
            what = behaviours[0]
            if len(behaviours) > 1:
                behaviours.pop(0)
        bad = self.check(body)
        if bad:
            with lock:
                state["bad"].append(bad)
            return self.answer(400, b'{"error":"contract"}')
        if what.endswith("+"):
            self.take(body)
            what = what[:-1]
        if what == "ok":
            self.take(body)
            self.answer(202, json.dumps({"reference": "b-" + self.headers["Idempotency-Key"]}).encode())
        elif what.startswith("retry-after-"):
            self.answer(429, b"{}", [("Retry-After", what.rsplit("-", 1)[1])])
        elif what == "hang":
            time.sleep(30)
        elif what == "reset":
            self.reset()
        elif what == "wrong-body":
            self.answer(200, b"<html>It works!</html>")
        elif what == "cut-body":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"reference":')
            self.reset()
        elif what == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            try:
                for _ in range(300):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.1)
            except OSError:
                self.close_connection = True
        elif what == "redirect":
            self.answer(302, b"{}", [("Location", "/elsewhere")])
        else:
            self.answer(int(what), json.dumps({"error": "as told: " + what, "long": "x" * 5000}).encode())


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
