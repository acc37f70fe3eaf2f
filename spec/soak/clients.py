# SPDX-License-Identifier: MIT
"""The clients of ./dev soak. Each checks every byte that it gets against what it sent.

    clients.py KIND PLAN

PLAN is a file in JSON that soak.py writes. Each second a line on standard output says what happened since the last one:
{"counts": {name: number}, "latency": [microseconds …]}; a line {"fault": text} says at once what went wrong. At the end
of standard input the clients end what they have begun, and the process ends."""
import asyncio
import json
import random
import socket
import ssl
import struct
import sys
import time

from loads import LOADS, Lost

PATIENCE = 120.0  # seconds for a session, far more than any takes on a busy machine


class Target:
    """A service: its ports, and which of its processes were killed."""

    def __init__(self, plan):
        self.__dict__.update(plan)
        self.udp_pid = 0

    def kills(self):
        """(seconds ago, pid) of each."""
        with open(self.killed, encoding="ascii") as file:
            words = [line.split() for line in file if line.endswith("\n")]
        return [(time.monotonic() - float(at), int(pid)) for at, pid in words]

    def may_lose(self, pid):
        """Whether a connection of this process (None: of one that had not yet said which it is) may have been lost."""
        kills = self.kills()
        return any(pid == dead for _, dead in kills) if pid else any(ago < 5 for ago, _ in kills)


class Link:
    """A connection whose first line says the process that serves it."""

    def __init__(self, clients, target):
        self.clients, self.target, self.pid, self.writer = clients, target, None, None

    async def open(self, encrypted=False, receive_buffer=0, limit=1 << 16):
        own = socket.socket()
        own.setblocking(False)
        if receive_buffer:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(
                own, ("127.0.0.1", self.target.tls if encrypted else self.target.tcp))
            options = {"ssl": self.clients.context, "server_hostname": "localhost"} if encrypted else {}
            self.reader, self.writer = await asyncio.open_connection(sock=own, limit=limit, **options)
        except BaseException:
            own.close()
            raise
        self.clients.count("connects")
        line = await self.reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the end instead of a greeting")
        self.pid, self.generation = (int(word) for word in line.split())
        return self

    def send(self, data):
        self.writer.write(data)
        self.clients.count("sent", len(data))

    async def expect(self, data):
        answer = await self.reader.readexactly(len(data))
        self.clients.count("received", len(answer))
        if answer != data:
            at = next(i for i, (a, b) in enumerate(zip(answer, data)) if a != b)
            raise Lost(f"other bytes came back, from byte {at} of {len(data)}: {answer[at:at + 40]!r}")

    async def ask(self, data, answer=None):
        began = time.monotonic()
        self.send(data)
        await self.expect(answer or data)
        self.clients.took(time.monotonic() - began)

    async def end(self):
        """Nothing must come behind what was expected."""
        if self.writer.can_write_eof():
            self.writer.write_eof()
            rest = await self.reader.read()
            if rest:
                raise Lost(f"bytes behind the last answer: {rest[:40]!r}")
        self.writer.close()
        await self.writer.wait_closed()

    def reset(self):
        own = self.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self):
        if self.writer:
            self.writer.transport.abort()


class Clients:
    def __init__(self, kind, plan):
        self.kind, self.random = kind, random.Random(f"{plan['seed']} {kind}")
        self.targets = [Target(each) for each in plan["targets"]]
        self.context = ssl.create_default_context(cafile=plan["authority"])
        self.ending = asyncio.Event()
        self.counts, self.latency = {}, []

    def count(self, name, number=1):
        self.counts[name] = self.counts.get(name, 0) + number

    def took(self, seconds):
        self.latency.append(int(seconds * 1e6))

    def fault(self, text):
        print(json.dumps({"fault": f"{self.kind}: {text}"}), flush=True)

    def report(self):
        print(json.dumps({"counts": self.counts, "latency": self.latency}), flush=True)
        self.counts, self.latency = {}, []

    async def rest(self, seconds):
        """Waits about so long, and not for longer than the load lasts."""
        try:
            await asyncio.wait_for(self.ending.wait(), self.random.uniform(0.5, 1.5) * seconds)
        except asyncio.TimeoutError:
            pass

    async def one(self, session, target):
        """One session after the other: only those of a killed process may end otherwise than they want."""
        while not self.ending.is_set():
            link = Link(self, target)
            try:
                await asyncio.wait_for(session(self, link), None if self.kind == "stay" else PATIENCE)
                self.count("sessions")
            except (OSError, EOFError, asyncio.TimeoutError, ValueError, Lost) as error:
                if target.may_lose(link.pid) and not isinstance(error, Lost):
                    self.count("killed")
                    await self.rest(0.2)
                else:
                    self.count("lost")
                    self.fault(f"{target.name}, process {link.pid}: {type(error).__name__} {error}")
                    await self.rest(1)
            finally:
                link.close()

    async def until_input_ends(self):
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        await reader.read()
        self.ending.set()

    async def reports(self):
        while not self.ending.is_set():
            await asyncio.sleep(1)
            self.report()

    async def run(self):
        session, number = LOADS[self.kind]
        await asyncio.gather(self.until_input_ends(), self.reports(),
                             *(self.one(session, target) for target in self.targets for _ in range(number)))
        self.report()


def main():
    with open(sys.argv[2], encoding="ascii") as file:
        plan = json.load(file)
    asyncio.run(Clients(sys.argv[1], plan).run())


main()
