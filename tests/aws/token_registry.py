#!/usr/bin/env python3
"""A registry that wants a token first, as Docker Hub does: knows library/debian:trixie-slim and nothing else.

usage: token_registry.py PORT
"""
import http.server
import json
import sys
import urllib.parse

DIGEST = "sha256:" + "ab" * 32
SCOPE = "repository:library/debian:pull"


class Registry(http.server.BaseHTTPRequestHandler):
    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command == "GET" else b"")

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        asked = urllib.parse.parse_qs(url.query)
        if url.path != "/token" or asked != {"service": ["here"], "scope": [SCOPE]}:
            self.answer(400, {})
        else:
            self.answer(200, {"Content-Type": "application/json"}, json.dumps({"token": "good"}).encode())

    def do_HEAD(self):
        if self.headers.get("Authorization") != "Bearer good":
            realm = f"http://{self.headers['Host']}/token"
            self.answer(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="here",scope="{SCOPE}"'})
        elif self.path != "/v2/library/debian/manifests/trixie-slim" or "oci.image.index" not in self.headers["Accept"]:
            self.answer(404, {})
        else:
            self.answer(200, {"Docker-Content-Digest": DIGEST})

    def log_message(self, *arguments):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Registry).serve_forever()
