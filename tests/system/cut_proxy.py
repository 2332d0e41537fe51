#!/usr/bin/env python3
"""A TCP proxy that cuts connections at the worst moments.

usage: cut_proxy.py TARGET-PORT PORT-FILE < commands

Listens on a free port of 127.0.0.1, which it writes to PORT-FILE, and passes bytes to TARGET-PORT of 127.0.0.1. It
sees only bytes, so it works for TLS, too. Commands, one a line:

  cut        close all connections now
  swallow    the next request of any connection reaches the server and is answered, but the answer is thrown away and
             the connection closed: what the client asked for was done, and it cannot know
  target N   new connections go to port N
  refuse     close new connections at once, until "accept"
  accept     let new connections through again
"""
import asyncio
import os
import sys


class Proxy:
    def __init__(self, target):
        self.target = target
        self.writers = set()
        self.swallowing = False
        self.refusing = False

    def close_all(self):
        for writer in list(self.writers):
            writer.transport.abort()

    async def connection(self, client_reader, client_writer):
        if self.refusing:
            client_writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            client_writer.transport.abort()
            return
        state = {"swallow": False}
        self.writers |= {client_writer, server_writer}
        try:
            await asyncio.wait(
                [
                    asyncio.create_task(self.requests(client_reader, server_writer, state)),
                    asyncio.create_task(self.answers(server_reader, client_writer, state)),
                ],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self.writers -= {client_writer, server_writer}
            client_writer.transport.abort()
            server_writer.transport.abort()

    async def requests(self, reader, writer, state):
        while data := await read(reader):
            if self.swallowing:
                self.swallowing = False
                state["swallow"] = True
            if not await write(writer, data):
                return

    async def answers(self, reader, writer, state):
        while data := await read(reader):
            if state["swallow"]:
                return
            if not await write(writer, data):
                return

    async def commands(self):
        loop = asyncio.get_running_loop()
        stdin = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
        while line := await stdin.readline():
            command = line.strip().decode()
            if command == "cut":
                self.close_all()
            elif command == "swallow":
                self.swallowing = True
            elif command.startswith("target "):
                self.target = int(command.split()[1])
            elif command in ("refuse", "accept"):
                self.refusing = command == "refuse"
            else:
                sys.exit(f"cut_proxy: no command {command!r}")


async def read(reader):
    try:
        return await reader.read(65536)
    except OSError:
        return b""


async def write(writer, data):
    try:
        writer.write(data)
        await writer.drain()
    except OSError:
        return False
    return True


async def main():
    proxy = Proxy(int(sys.argv[1]))
    server = await asyncio.start_server(proxy.connection, "127.0.0.1", 0)
    temporary = sys.argv[2] + ".new"
    with open(temporary, "w", encoding="ascii") as file:
        file.write(f"{server.sockets[0].getsockname()[1]}\n")
    os.rename(temporary, sys.argv[2])
    await proxy.commands()


asyncio.run(main())
