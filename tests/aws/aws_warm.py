#!/usr/bin/env python3
"""The AWS CLI without its second of starting up.

usage: aws_warm.py serve SOCKET       load the CLI once, and fork for each call
       aws_warm.py call SOCKET ARG…   run one call there: same output, same exit code

It is the real CLI (awscli.clidriver): the call's environment, arguments and
standard files are handed to a fork of a process that has it loaded.
"""

import json
import os
import signal
import socket
import sys


def call(path, arguments):
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    asked = json.dumps({"arguments": arguments, "environment": dict(os.environ), "folder": os.getcwd()}).encode()
    socket.send_fds(connection, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    connection.sendall(asked)
    answer = connection.recv(1)
    return answer[0] if answer else 255


def run(connection, main):
    length, files, _, _ = socket.recv_fds(connection, 4, 3)
    asked = b""
    while len(asked) < int.from_bytes(length, "big"):
        asked += connection.recv(65536)
    asked = json.loads(asked)
    for number, file in enumerate(files):
        os.dup2(file, number)
    data = os.environ["AWS_DATA_PATH"]  # set when the CLI was loaded: where its own tables are
    os.environ.clear()
    os.environ.update(asked["environment"], AWS_DATA_PATH=data)
    os.chdir(asked["folder"])
    sys.argv = ["aws", *asked["arguments"]]
    try:
        status = main(asked["arguments"])
    except SystemExit as end:
        status = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    connection.send(bytes([int(status or 0) & 255]))
    os._exit(0)


def serve(path):
    from awscli.clidriver import create_clidriver
    def main(arguments):
        return create_clidriver().main(arguments)

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            run(connection, main)
        connection.close()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    sys.exit(call(sys.argv[2], sys.argv[3:]))
