"""HTTP servers for tests that do what real ones do on a bad day. Standard library only.

  web_server.py web [HOST [CERT KEY]]   misbehaves as the last part of the path says (class Web)
  web_server.py s3 ACCESS SECRET        stores objects after checking signature and sum by code of its own (class S3)
  web_server.py tamper PORT CHANGE      passes requests on to 127.0.0.1:PORT with one thing changed (class Tamper)
  web_server.py instead PORT FILE       passes requests on, but for those that FILE has answers to (class Instead)

Each takes a free port, prints it as its first line, and runs until it is ended.
"""

import hashlib
import hmac
import http.client
import json
import socket
import ssl
import sys
import threading
import time
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from sigv4 import canonical_request, signature

DOCUMENT = b"a document\n" * 100


class Base(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *arguments):
        pass

    def answer(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, code):
        self.close_connection = True
        self.answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode())

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


class Web(Base):
    """GET …/NAME[?id=…]: see the methods. …/hits?of=NAME says how often NAME was asked for."""

    hits = {}
    lock = threading.Lock()
    last_body = b""

    def do_GET(self):
        parts = urlsplit(self.path)
        self.query = dict(parse_qsl(parts.query))
        name = parts.path.rsplit("/", 1)[-1]
        if self.command == "PUT":
            Web.last_body = self.body()
        with Web.lock:
            self.hit = Web.hits[name] = Web.hits.get(name, 0) + 1
        method = getattr(self, "get_" + name.split(".")[0].replace("-", "_"), None)
        if method is None:
            return self.answer(404, b"no such thing")
        try:
            method()
        except OSError:
            self.close_connection = True

    do_PUT = do_HEAD = do_GET

    def get_document(self):
        self.answer(200, DOCUMENT, [("Content-Type", "text/plain"), ("ETag", '"tag"')])

    def get_empty(self):
        self.answer(200)

    def get_hits(self):
        self.answer(200, str(Web.hits.get(self.query["of"], 0)).encode())

    def get_last_body(self):
        self.answer(200, Web.last_body)

    def get_status(self):
        self.answer(int(self.query["code"]), b"as you wish")

    def get_silent(self):
        """Never answers."""
        threading.Event().wait()

    def get_drip(self):
        """Ten bytes a fifth of a second, without end."""
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"0123456789")
            time.sleep(0.2)

    def get_cut(self):
        """Ends in the middle of the body it announced."""
        self.send_response(200)
        self.send_header("Content-Length", str(len(DOCUMENT)))
        self.end_headers()
        self.wfile.write(DOCUMENT[:10])
        self.close_connection = True

    def get_cut_once(self):
        self.get_cut() if self.hit == 1 else self.get_document()

    def get_reset_once(self):
        """Closes without a word."""
        if self.hit > 1:
            return self.get_document()
        self.close_connection = True

    def get_flaky(self):
        self.answer(500, b"oops") if self.hit == 1 else self.get_document()

    def get_always_503(self):
        self.answer(503, b"<Error><Code>SlowDown</Code><Message>please</Message></Error>")

    def get_limited(self):
        """Wants a second of rest; comes too early who comes earlier."""
        now = time.monotonic()
        if self.hit == 1:
            Web.limited_until = now + 1
            return self.answer(429, headers=[("Retry-After", "1")])
        self.get_document() if now >= Web.limited_until else self.answer(400, b"too early")

    def get_limited_long(self):
        self.answer(429, headers=[("Retry-After", "3600")])

    def get_huge(self):
        """No length, no end."""
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 65536)

    def get_huge_error(self):
        self.send_response(404)
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 65536)

    def get_huge_announced(self):
        self.send_response(200)
        self.send_header("Content-Length", str(10**15))
        self.end_headers()
        self.wfile.write(b"x")
        threading.Event().wait()

    def get_redirect(self):
        self.answer(302, headers=[("Location", self.query["to"])])

    def get_hops(self):
        """?left=N redirects before the document."""
        left = int(self.query["left"])
        if left == 0:
            return self.get_document()
        self.answer(302, headers=[("Location", f"/hops?left={left - 1}")])

    def get_loop(self):
        self.answer(302, headers=[("Location", "/loop")])


class S3(Base):
    """Objects by raw path, if the signature in the Authorization header or the query is right (SigV4, region any)."""

    objects = {}
    access = secret = ""

    def is_signed(self):
        path, _, query = self.path.partition("?")
        given = dict(part.split("=", 1) for part in query.split("&")) if query else {}
        if "X-Amz-Signature" in given:
            credential = unquote(given["X-Amz-Credential"])
            claimed = given.pop("X-Amz-Signature")
            names, when, payload = unquote(given["X-Amz-SignedHeaders"]), given["X-Amz-Date"], "UNSIGNED-PAYLOAD"
            query = "&".join(f"{name}={given[name]}" for name in sorted(given))
        else:
            scheme, _, rest = self.headers.get("Authorization", "").partition(" ")
            if scheme != "AWS4-HMAC-SHA256":
                return False
            fields = dict(field.strip().split("=", 1) for field in rest.split(","))
            credential, claimed, names = fields["Credential"], fields["Signature"], fields["SignedHeaders"]
            when, payload = self.headers["x-amz-date"], self.headers["x-amz-content-sha256"]
        access, _, scope = credential.partition("/")
        if quote(unquote(path), safe="/-_.~") != path:
            return False
        canonical = canonical_request(self.command, path, query, self.headers, names.split(";"), payload)
        return access == S3.access and hmac.compare_digest(claimed, signature(S3.secret, canonical, when, scope))

    def handle_request(self):
        body = self.body()
        if not self.is_signed():
            return self.error(403, "SignatureDoesNotMatch")
        path = self.path.partition("?")[0]
        claimed = self.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
        if claimed not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
            return self.error(400, "XAmzContentSHA256Mismatch")
        if self.command == "PUT":
            S3.objects[path] = body
            return self.answer(200)
        if path not in S3.objects:
            return self.error(404, "NoSuchKey")
        if self.command == "DELETE":
            del S3.objects[path]
            return self.answer(204)
        self.answer(200, S3.objects[path])

    do_GET = do_HEAD = do_PUT = do_DELETE = handle_request


class Tamper(Base):
    """CHANGE is nothing, path, payload-sum, type or method. The Host header stays: it is signed."""

    port, change = 0, ""

    def handle_request(self):
        path, headers, body = self.path, dict(self.headers.items()), self.body()
        if Tamper.change == "path":
            path = path.replace("/mine", "/other")
        elif Tamper.change == "payload-sum":
            headers["x-amz-content-sha256"] = hashlib.sha256(b"other").hexdigest()
        elif Tamper.change == "type":
            headers["Content-Type"] = "text/evil"
        elif Tamper.change == "method":
            self.command = "DELETE"
        headers = {name.lower(): value for name, value in headers.items() if name.lower() != "expect"}
        onward = http.client.HTTPConnection("127.0.0.1", Tamper.port, timeout=20)
        onward.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            onward.putheader(name, value)
        onward.endheaders(body)
        reply = onward.getresponse()
        self.answer(reply.status, reply.read(), [("Content-Type", reply.headers.get("Content-Type", ""))])

    do_GET = do_PUT = do_HEAD = do_DELETE = handle_request


class Instead(Tamper):
    """FILE, read at each request, is JSON: {"GET /documents/*/text": [status, body]}."""

    def handle_request(self):
        with open(Tamper.change, encoding="utf-8") as file:
            answers = json.load(file)
        asked = f"{self.command} {self.path.partition('?')[0]}"
        for pattern, (status, body) in answers.items():
            if fnmatchcase(asked, pattern):
                self.body()
                return self.answer(status, body.encode())
        super().handle_request()

    do_GET = do_POST = do_DELETE = handle_request


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, ssl.SSLError, socket.timeout)):
            super().handle_error(request, client_address)


def main():
    kind, arguments = sys.argv[1], sys.argv[2:]
    host = "127.0.0.1"
    handler = {"web": Web, "s3": S3, "tamper": Tamper, "instead": Instead}[kind]
    if kind == "s3":
        S3.access, S3.secret = arguments
    elif kind in ("tamper", "instead"):
        Tamper.port, Tamper.change = int(arguments[0]), arguments[1]
    elif arguments:
        host = arguments[0]
    server = Server((host, 0), handler)
    if kind == "web" and len(arguments) == 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments[1], arguments[2])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
