"""What the stand-ins of services have in common that fail as they are told. For buli2_server.py and temporal_server.py."""
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FailingHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    media_type = "application/json"

    def log_message(self, *_):
        pass

    def send(self, status, body, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", self.media_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def begin_body(self, length):
        """An answer whose body does not come as it was announced."""
        self.send_response(200)
        self.send_header("Content-Type", self.media_type)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def fails_as_a_peer(self, what, begun):
        """hang, reset, cut-body (which has `begun`) and drip, which need no answer of the service; else False."""
        if what == "hang":
            time.sleep(30)
        elif what == "reset":
            self.reset()
        elif what == "cut-body":
            self.begin_body(1000)
            self.wfile.write(begun)
            self.reset()
        elif what == "drip":
            self.begin_body(100000)
            try:
                for _ in range(300):
                    self.wfile.write(b" ")
                    self.wfile.flush()
                    time.sleep(0.1)
            except OSError:
                self.close_connection = True
        else:
            return False
        return True


def next_behaviour(behaviours):
    """The first of the list, which is taken unless it is the last."""
    return behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]


def serve(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()
