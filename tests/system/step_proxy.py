#!/usr/bin/env python3
"""TCP proxies that kill a process between two steps of what it does.

usage: step_proxy.py FOLDER NAME=PORT… < commands

For each NAME it listens on a free port of 127.0.0.1, written to FOLDER/NAME, and passes bytes to PORT of 127.0.0.1. A step
is a request on any connection: the first bytes from a client after bytes from the server. Commands, one a line:

  arm N before PID   kill PID (SIGKILL) when the N-th step from now on begins: the server never sees it
  arm N after PID    kill PID when the server has answered the N-th step: it is done, and PID never knows
  disarm

Each is answered on standard output by a line; what killed is a line in FOLDER/killed: NAME and the step's number.
"""
import asyncio
import os
import signal
import sys


class Steps:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        self.at = 0  # 0: not armed
        self.before = True
        self.process = 0

    def arm(self, at, when, process):
        self.count, self.at, self.before, self.process = 0, int(at), when == "before", int(process)

    def kill(self, name):
        os.kill(self.process, signal.SIGKILL)
        with open(os.path.join(self.folder, "killed"), "a", encoding="ascii") as file:
            file.write(f"{name} {self.count} {'before' if self.before else 'after'}\n")
        self.at = 0

    def begin(self, name):
        """A step begins. Returns "kill now", "kill later" or nothing."""
        if not self.at:
            return None
        self.count += 1
        if self.count != self.at:
            return None
        if self.before:
            self.kill(name)
            return "now"
        return "later"


async def serve_connection(steps, name, port, client_reader, client_writer):
    server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port)
    state = {"server_spoke": True, "kill": False}

    async def requests():
        while data := await client_reader.read(65536):
            if state["server_spoke"]:
                state["server_spoke"] = False
                verdict = steps.begin(name)
                if verdict == "now":
                    return
                state["kill"] = verdict == "later"
            server_writer.write(data)
            await server_writer.drain()

    async def answers():
        while data := await server_reader.read(65536):
            state["server_spoke"] = True
            if state["kill"]:
                steps.kill(name)
                return
            client_writer.write(data)
            await client_writer.drain()

    tasks = [asyncio.create_task(requests()), asyncio.create_task(answers())]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    client_writer.transport.abort()
    server_writer.transport.abort()


async def main(folder, targets):
    steps = Steps(folder)
    for target in targets:
        name, port = target.split("=")

        async def connected(reader, writer, name=name, port=int(port)):
            try:
                await serve_connection(steps, name, port, reader, writer)
            except OSError:
                writer.transport.abort()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        with open(os.path.join(folder, name), "w", encoding="ascii") as file:
            file.write(f"{server.sockets[0].getsockname()[1]}\n")
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    print("ready", flush=True)
    while line := await stdin.readline():
        words = line.decode().split()
        if words[0] == "arm":
            steps.arm(*words[1:])
        else:
            steps.at = 0
        print("ok", flush=True)


asyncio.run(main(sys.argv[1], sys.argv[2:]))
