# SPDX-License-Identifier: MIT
"""A service of ./dev soak: its program, the versions of its script, and what it logs."""
import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import time

from figures import memory_of

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 60.0  # seconds for a reload and the like, on a busy machine

BROKEN = [  # what a version begins with, and what it ends with
    ("", "local = 1"),
    ("local nothing = nil; nothing.field = 1", ""),
    ("error 'soak: a script fails'", ""),
    ("require 'vanished'", ""),
    ("", "moonport.sleep(1e9)"),
    ("", "while true do end"),
    ("", "if moonport.worker() == moonport.generation() % 3 + 1 then error 'soak: a script fails late' end error ''"),
    ("", "assert(moonport.TcpServer():listen('127.0.0.1', TAKEN))"),
    ("", "os.exit(0)"),
]

# Warnings and errors that the load causes; any other is a fault.
EXPECTED = re.compile(
    r"soak: |reload of service\.lua failed|was ended by SIGKILL|is started again|times? more|more times")


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


class Service:
    def __init__(self, soak, name, folder, options):
        self.soak, self.name, self.options = soak, name, options
        self.folder = f"{folder}/{name}"
        os.mkdir(self.folder)
        for link in ("tls", "files"):
            os.symlink(f"../{link}", f"{self.folder}/{link}")
        self.script, self.killed = self.folder + "/service.lua", self.folder + "/killed"
        self.control = self.folder + "/control"
        with open(self.killed, "w", encoding="ascii"):
            pass
        self.ports = [free_port(), free_port(), free_port(), free_port(socket.SOCK_DGRAM)]
        self.taken = socket.create_server(("127.0.0.1", 0))
        self.version, self.kill_count, self.deaths = 0, 0, 0
        self.lines, self.outcome, self.reloading, self.broken = [], asyncio.Queue(), asyncio.Lock(), False
        with open(HERE + "/service.lua", encoding="ascii") as file:
            self.text = file.read()

    def plan(self):
        tcp, tls, http, udp = self.ports
        return {"name": self.name, "killed": self.killed, "tcp": tcp, "tls": tls, "http": http, "udp": udp}

    def write(self, before="", after=""):
        self.version += 1
        after = after.replace("TAKEN", str(self.taken.getsockname()[1]))
        text = self.text.replace("--@BEFORE@", before).replace("--@AFTER@", after) + f"-- {self.version}\n"
        with open(self.script + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(self.script + ".new", self.script)

    async def start(self):
        self.write()
        self.process = await asyncio.create_subprocess_exec(
            self.soak.options.program, "--control", self.control, "--reload-timeout", "3000", *self.options,
            self.script, *(str(port) for port in self.ports), self.folder, stderr=asyncio.subprocess.PIPE)
        self.serving = asyncio.Event()
        self.log = asyncio.create_task(self.read_log())
        await asyncio.wait_for(self.serving.wait(), PATIENCE)
        await self.warm()

    async def warm(self):
        """Has it open what it keeps open from then on: for processes and threads."""
        for mode in (b"process\n", b"work\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.ports[0])
            await reader.readline()
            writer.write(mode + b"x\n")
            await reader.readline()
            writer.close()

    async def read_log(self):
        while text := await self.process.stderr.readline():
            line = text.decode(errors="replace").rstrip()
            self.lines = self.lines[-20:] + [line]
            if " reloaded service.lua: " in line:
                self.outcome.put_nowait((True, line))
            elif " reload of service.lua failed" in line:
                self.outcome.put_nowait((False, line))
            elif "serving, generation" in line:
                self.serving.set()
            if re.search(r" error worker \d+ was ended by", line):
                self.deaths += 1
            if re.search(r"^\S+ \S+ (warning|error) |Sanitizer|runtime error", line) and not EXPECTED.search(line):
                self.soak.fault(f"{self.name} logs: {line}")
            elif re.search(r"^\S+ \S+ error .*soak: ", line):
                self.soak.count("errors logged")

    async def reload(self, broken):
        """Replaces the script, and waits for what becomes of it."""
        async with self.reloading:
            kills = self.kill_count
            self.broken = broken
            self.write(*(self.soak.random.choice(BROKEN) if broken else ("", "")))
            if "--watch" not in self.options:
                self.process.send_signal(signal.SIGHUP)
            await self.end_of_reload(kills)

    async def end_of_reload(self, kills):
        try:
            good, line = await asyncio.wait_for(self.outcome.get(), PATIENCE)
        except asyncio.TimeoutError:
            return self.soak.fault(f"{self.name}: a reload has no end; the last lines: {self.lines[-3:]}")
        self.soak.count("reloads" if good else "reloads that failed")
        if good == self.broken and not (not good and self.kill_count > kills):
            kind = "broken" if self.broken else "good"
            self.soak.fault(f"{self.name}: version {self.version}, {kind}: {line}")

    async def renewed(self, certificates):
        """Waits until new clients are shown the certificate."""
        if "--watch" not in self.options:
            async with self.reloading:
                kills = self.kill_count
                self.process.send_signal(signal.SIGHUP)
                await self.end_of_reload(kills)
        context = ssl.create_default_context(cafile=certificates.authority)
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                _, writer = await asyncio.open_connection(
                    "127.0.0.1", self.ports[1], ssl=context, server_hostname="localhost")
                serial = int(writer.get_extra_info("peercert")["serialNumber"], 16)
                writer.transport.abort()
                if serial == certificates.number:
                    return
            except (OSError, EOFError):
                pass  # a worker that was killed meanwhile
            await asyncio.sleep(0.1)
        self.soak.fault(f"{self.name}: certificate {certificates.number} is not shown")

    def has_workers(self):
        return "--workers" in self.options

    def children(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def kill(self, dice):
        victims = self.children()
        if len(victims) < 2:
            return
        victim = dice.choice(victims)
        with open(self.killed, "a", encoding="ascii") as file:
            file.write(f"{time.monotonic()} {victim}\n")
        self.kill_count += 1
        self.soak.count("kills")
        os.kill(victim, signal.SIGKILL)

    def ask(self, *words):
        answer = subprocess.run([self.soak.options.program, "ctl", self.control, "--json", *words],
                                check=True, capture_output=True).stdout
        return json.loads(answer)

    def at_rest(self):
        subprocess.run([self.soak.options.program, "ctl", self.control, "console"], input=b"collectgarbage()\n" * 2,
                       check=True, capture_output=True)
        status = self.ask("status")
        return {"descriptors": len(os.listdir(f"/proc/{self.process.pid}/fd")),
                "connections": status["connections"]["open"], "bytes of Lua": status["memory"]["lua"],
                "private bytes": memory_of(self.process.pid)[1]}

    async def settled(self, before=None):
        """What is at rest, once all that ends with the clients has ended."""
        for _ in range(100):
            after = self.at_rest()
            if not after["connections"] and (not before or after["descriptors"] == before["descriptors"]):
                break
            await asyncio.sleep(0.1)
        return after

    async def stop(self):
        children = self.children()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.wait_for(self.process.wait(), PATIENCE)
        except asyncio.TimeoutError:
            self.process.kill()
            status = "no end"
        await self.log
        if status != 0:
            self.soak.fault(f"{self.name} ended with {status}")
        if self.deaths != self.kill_count:
            self.soak.fault(f"{self.name}: {self.kill_count} workers were killed, and {self.deaths} have ended")
        for pid in children:
            if os.path.exists(f"/proc/{pid}"):
                self.soak.fault(f"{self.name}: process {pid} is left")
