#!/usr/bin/env python3
"""The AWS CLI without its seconds of starting up, and with a contract.

usage: aws_warm.py SOCKET    load the CLI once, and fork for each call of aws_call.c

It is the real CLI (awscli.clidriver): the call's folder, arguments,
environment and standard files are handed to a fork of a process that has it
and the models of WARM's services loaded; the exit status goes back.

Each request and each answer, as botocore has parsed it, is held against the
service's own model (contract.py): in the folder $AWS_CONTROL, what breaks it
is written to the file contract, and what was asked for to the file actions,
as SERVICE:OPERATION.
"""

import gc
import os
import signal
import socket
import struct
import sys

# A call of each service that deployments use, for the parent to have loaded
# what it needs: it is sent to a closed port.
WARM = (
    "application-autoscaling describe-scalable-targets --service-namespace ecs",
    "autoscaling describe-auto-scaling-groups",
    "cloudformation describe-stacks",
    "ec2 describe-subnets",
    "ecr describe-repositories",
    "ecs describe-clusters",
    "elbv2 describe-target-groups",
    "iam get-role --role-name x",
    "logs describe-log-groups",
    "secretsmanager list-secrets",
    "ssm get-parameter --name x",
    "sts get-caller-identity",
)


def run(connection, driver):
    head, files, _, _ = socket.recv_fds(connection, 8, 3)
    size, arguments = struct.unpack("=II", head)
    asked = b""
    while len(asked) < size:
        asked += connection.recv(65536)
    folder, *words = [os.fsdecode(word) for word in asked.split(b"\0")[:-1]]
    for number, file in enumerate(files):
        os.dup2(file, number)
    data = os.environ["AWS_DATA_PATH"]  # set when the CLI was loaded: where its own tables are
    os.environ.clear()
    os.environ.update(pair.split("=", 1) for pair in words[arguments:])
    os.environ["AWS_DATA_PATH"] = data
    os.chdir(folder)
    sys.argv = ["aws", *words[:arguments]]
    try:
        status = driver.main(words[:arguments])
    except SystemExit as end:
        status = end.code
    sys.stdout.flush()
    sys.stderr.flush()
    connection.send(bytes([int(status or 0) & 255]))
    os._exit(0)


def warm(driver):
    os.environ.update(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="ap-southeast-2",
                      AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1")
    for words in WARM:
        driver.main(words.split())
    driver.session._credentials = None  # each call has its own


def serve(path):
    from awscli.clidriver import create_clidriver
    import contract

    driver = create_clidriver()
    warm(driver)
    contract.watch(driver.session)
    gc.disable()
    gc.freeze()  # so that forks share its memory
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path + ".new")
    listener.listen(16)
    os.rename(path + ".new", path)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            run(connection, driver)
        connection.close()


if __name__ == "__main__":
    serve(sys.argv[1])
