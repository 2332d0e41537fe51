"""usage: api_crowd.py PORT IDLE SLOW TOKEN: keeps IDLE connections that asked once and SLOW ones that send an upload's body by a
byte a second, prints "ready" when all are there, and stays until it is killed. Python's standard library only."""
import socket
import sys
import time

port, idle, slow, token = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


def connect(text):
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(text.encode())
    return client


idle_ones = [connect("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(idle)]
for one in idle_ones:
    if not one.recv(4096).startswith(b"HTTP/1.1 200"):
        sys.exit("an idle connection was refused")
slow_ones = [
    connect(f"POST /auth/login HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            "Content-Type: application/json\r\nContent-Length: 10000\r\n\r\n")
    for _ in range(slow)
]
print("ready", flush=True)
while True:
    for one in slow_ones:
        try:
            one.sendall(b"a")
        except OSError:
            pass  # cut off, as slow ones are after a while
    time.sleep(1)
