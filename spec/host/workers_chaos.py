# SPDX-License-Identifier: MIT
"""Chaos for --workers: workers are killed, and the script is reloaded, good and bad, under load. Every byte is accounted
for, every connect is answered within a second while a worker serves, and only clients of a killed worker lose their
connection.

    workers_chaos.py PROGRAM [--workers N] [--seconds S] [--clients N] [--kill MSEC] [--reload MSEC] [--seed N]

The last line says how it went; the exit status is 0 if nothing was lost."""

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
import time

SCRIPT = """local moonport = require "moonport"
local worker = moonport.worker()
local file <close> = io.open "/proc/self/stat"
local pid = file:read "n"
local server = moonport.TcpServer()
%s
function server:newConnection() self:nextPendingConnection():write(pid .. "\\n") end
function server.connection:readyRead() self:write(self:readAll()) end
assert(server:listen("127.0.0.1", %d))
"""

BAD = [
    "if worker == %d then error 'chaos' end",
    "if worker == %d then os.exit(0) end",
    "if worker == %d then while true do end end",
    "if worker == %d then os.execute('kill -9 ' .. pid) end",
    "function function -- %d",
]


def runs(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Chaos:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.dead = set()
        self.last_death = 0.0
        self.ends = 0.0
        self.nobody = 0.0
        self.counts = dict.fromkeys(
            ["connects", "requests", "kills", "deaths", "reloads", "good", "bad", "reset", "lost", "alone"], 0
        )
        self.slowest = 0.0
        self.faults = []
        self.workers = {}

    def fault(self, text):
        self.faults.append(text)
        if len(self.faults) <= 20:
            print("FAULT:", text, flush=True)

    def find_workers(self):
        """The processes of the workers that run; notes which have ended."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            now = {int(word) for word in file.read().split()}
        for pid in set(self.workers) - now:
            if runs(pid):
                continue  # the list of a process' children may lack some while others end
            del self.workers[pid]
            self.dead.add(pid)
            self.last_death = time.monotonic()
            self.counts["deaths"] += 1
        for pid in now:
            self.workers.setdefault(pid, time.monotonic())
        return list(self.workers)

    def write(self, text):
        with open(self.script + ".new", "w", encoding="ascii") as file:
            file.write(SCRIPT % (text, self.port))
        os.rename(self.script + ".new", self.script)

    async def client(self, number):
        while time.monotonic() < self.ends:
            began = time.monotonic()
            pid = 0
            sent = received = 0
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                line = await asyncio.wait_for(reader.readline(), 1.0)
                if not line:
                    raise ConnectionResetError("before the first answer")
                pid = int(line)
                took = time.monotonic() - began
                self.slowest = max(self.slowest, took)
                self.counts["connects"] += 1
                for k in range(self.random.randrange(1, 200)):
                    text = b"%d:%d:%s\n" % (number, k, b"x" * self.random.randrange(0, 3000))
                    writer.write(text)
                    sent += len(text)
                    answer = await asyncio.wait_for(reader.readexactly(len(text)), 5.0)
                    received += len(answer)
                    if answer != text:
                        self.fault(f"wrong bytes from {pid}: {answer[:40]!r} for {text[:40]!r}")
                    self.counts["requests"] += 1
                writer.close()
                await writer.wait_closed()
            except (ConnectionError, asyncio.IncompleteReadError) as error:
                await asyncio.sleep(0.05)
                self.find_workers()
                young = time.monotonic() - self.last_death < 1.5
                if pid in self.dead or (pid == 0 and young and not isinstance(error, ConnectionRefusedError)):
                    self.counts["reset"] += 1
                else:
                    self.counts["lost"] += 1
                    self.fault(f"connection of worker {pid} lost: {error!r}, {sent} sent, {received} received")
            except asyncio.TimeoutError:
                await asyncio.sleep(0.05)
                self.find_workers()
                if pid == 0 and time.monotonic() - self.nobody < 1.5:
                    self.counts["alone"] += 1  # no worker served: the last one was killed, and others wait
                elif pid not in self.dead:
                    self.fault(f"no answer within the time: worker {pid}, {sent} sent, {received} received")

    async def kill(self):
        while self.options.kill > 0 and time.monotonic() < self.ends:
            await asyncio.sleep(self.random.uniform(0.2, 1.8) * self.options.kill / 1e3)
            workers = self.find_workers()
            if len(workers) > 1:
                victim = self.random.choice(workers)
                self.counts["kills"] += 1
                self.dead.add(victim)
                self.last_death = time.monotonic()
                os.kill(victim, signal.SIGKILL)

    async def reload(self):
        n = 0
        while self.options.reload > 0 and time.monotonic() < self.ends:
            await asyncio.sleep(self.options.reload / 1e3)
            n += 1
            bad = n % 3 == 0
            text = self.random.choice(BAD) if bad else f"-- {n}"
            if "%d" in text:
                text = text % self.random.randrange(1, self.options.workers + 1)
            self.write(text)
            self.counts["reloads"] += 1
            self.process.send_signal(signal.SIGHUP)

    async def watch(self):
        while time.monotonic() < self.ends:
            now = time.monotonic()
            if not any(now - self.workers[pid] > 1.0 for pid in self.find_workers()):
                self.nobody = now
            await asyncio.sleep(0.01)

    async def log(self):
        while line := await self.process.stderr.readline():
            if b" reloaded " in line:
                self.counts["good"] += 1
            elif b"reload of " in line:
                self.counts["bad"] += 1
            if self.options.verbose:
                print(line.decode(errors="replace").rstrip(), flush=True)

    async def run(self):
        with tempfile.TemporaryDirectory() as folder:
            self.script = folder + "/service.lua"
            self.port = self.options.port
            self.write("")
            self.process = await asyncio.create_subprocess_exec(
                self.options.program, "--workers", str(self.options.workers), "--control", "off",
                "--reload-timeout", "300", self.script, stderr=asyncio.subprocess.PIPE,
            )
            log = asyncio.create_task(self.log())
            while len(self.find_workers()) < self.options.workers:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.3)
            self.ends = time.monotonic() + self.options.seconds
            await asyncio.gather(
                *(self.client(i) for i in range(self.options.clients)), self.kill(), self.reload(), self.watch()
            )
            self.process.send_signal(signal.SIGTERM)
            try:
                status = await asyncio.wait_for(self.process.wait(), 10)
                if status != 0:
                    self.fault(f"the master ended with {status}")
            except asyncio.TimeoutError:
                self.fault("the master did not end")
                self.process.kill()
            await log
            for pid in list(self.workers):
                if os.path.exists(f"/proc/{pid}"):
                    self.fault(f"worker {pid} is left")
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        print(f"{counts}; slowest connect {self.slowest * 1e3:.0f} ms; {len(self.faults)} faults")
        return 1 if self.faults else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--kill", type=float, default=500, help="milliseconds between two; 0: none")
    parser.add_argument("--reload", type=float, default=100, help="the same for reloads")
    parser.add_argument("--port", type=int, default=17173)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    sys.exit(asyncio.run(Chaos(options).run()))


main()
