# SPDX-License-Identifier: MIT
"""The long run of everything; see docs/reliability.md.

    ./dev soak [MINUTES] [--json FILE] [--seed N] [--program FILE]

Two services serve the same script: one process with --watch, and three workers, of which one is killed now and then.
Clients of all kinds (loads.py) check every byte. Meanwhile the script is replaced, one version in three broken, and
certificates are renewed. The last line says how it went; the exit status is 0 if nothing was lost and nothing has
grown. What may grow, and by how much, is in figures.py."""
import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time

import figures
from certificates import Certificates
from service import Service

KINDS = ("echo", "stay", "tls", "bulk", "bulk-tls", "slow", "connect", "reset", "half-close", "error", "helper", "http",
         "websocket", "udp")
HERE = os.path.dirname(os.path.abspath(__file__))


class Soak:
    def __init__(self, options):
        self.options, self.random = options, random.Random(options.seed)
        self.faults, self.counts = [], {}
        self.figures = figures.Figures(options.json)
        self.ended = asyncio.Event()

    def fault(self, text):
        self.faults.append(text)
        if len(self.faults) <= 20:
            print("FAULT:", text, flush=True)

    def count(self, name, number=1):
        self.counts[name] = self.counts.get(name, 0) + number

    def running(self):
        return not self.ended.is_set()

    async def rest(self, seconds):
        try:
            await asyncio.wait_for(self.ended.wait(), self.random.uniform(0.5, 1.5) * seconds)
        except asyncio.TimeoutError:
            pass

    async def reloads(self, service):
        while self.running():
            await self.rest(self.options.reload)
            if self.running():
                await service.reload(self.random.random() < 1 / 3)

    async def renewals(self):
        while self.running():
            await self.rest(self.options.renew)
            if not self.running():
                return
            self.certificates.renew()
            self.count("certificates")
            for service in self.services:
                await service.renewed(self.certificates)

    async def kills(self, service):
        while self.running():
            await self.rest(self.options.kill)
            if self.running():
                service.kill(self.random)

    async def samples(self):
        while self.running():
            for service in self.services:
                self.figures.sample(service)
            await self.rest(self.options.sample)

    async def client(self, kind, plan):
        process = await asyncio.create_subprocess_exec(
            sys.executable, HERE + "/clients.py", kind, plan, stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, limit=1 << 24)

        async def end():
            await self.ended.wait()
            process.stdin.close()

        ending = asyncio.create_task(end())
        while line := await process.stdout.readline():
            it = json.loads(line)
            if "fault" in it:
                self.fault(it["fault"])
                continue
            for name, number in it["counts"].items():
                self.count(name, number)
            self.figures.latency(kind, it["latency"])
        ending.cancel()
        status = await process.wait()
        if status:
            self.fault(f"the clients of kind {kind} ended with {status}")

    async def start(self, folder):
        self.certificates = Certificates(folder + "/tls")
        os.mkdir(folder + "/files")
        from loads import PATTERN  # pylint: disable=import-outside-toplevel
        with open(folder + "/files/block", "wb") as file:
            file.write(PATTERN[:300000])
        self.services = [
            Service(self, "alone", folder, ["--watch"]),
            Service(self, "workers", folder, ["--workers", "3"]),
        ]
        for service in self.services:
            await service.start()
        plan = {"seed": self.options.seed, "authority": self.certificates.authority,
                "targets": [service.plan() for service in self.services]}
        with open(folder + "/plan", "w", encoding="ascii") as file:
            json.dump(plan, file)

    async def last(self):
        await asyncio.sleep(60 * self.options.minutes)
        self.ended.set()

    async def run(self):
        with tempfile.TemporaryDirectory(prefix="moonport-soak-") as folder:
            await self.start(folder)
            alone, workers = self.services
            before = await alone.settled()
            for name in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(name, self.ended.set)
            ending = asyncio.create_task(self.last())
            self.figures.begin()
            await asyncio.gather(
                self.reloads(alone), self.reloads(workers), self.kills(workers), self.renewals(), self.samples(),
                *(self.client(kind, folder + "/plan") for kind in KINDS))
            ending.cancel()
            self.figures.end()
            after = await alone.settled(before)
            for service in self.services:
                await service.stop()
        self.figures.show(self.counts)
        print("at rest, before and after: " + "; ".join(
            f"{name} {before[name]}, {after[name]}" for name in before))
        if after["descriptors"] != before["descriptors"] or after["connections"]:
            self.fault("what was opened under load has not been closed")
        for text in self.figures.grown():
            self.fault(text)
        print(f"{len(self.faults)} faults")
        return 1 if self.faults else 0


def main():
    parser = argparse.ArgumentParser(prog="./dev soak", description="Serves under a mixed load, and accounts for it.")
    parser.add_argument("minutes", type=float, nargs="?", default=10)
    parser.add_argument("--program", default=HERE + "/../../build/moonport")
    parser.add_argument("--json", help="the file for all samples, a JSON object a line")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--reload", type=float, default=5, help="seconds between two reloads")
    parser.add_argument("--renew", type=float, default=15, help="seconds between two certificates")
    parser.add_argument("--kill", type=float, default=25, help="seconds between two killed workers")
    parser.add_argument("--sample", type=float, default=2, help="seconds between two samples")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.minutes:g} minutes", flush=True)
    sys.exit(asyncio.run(Soak(options).run()))


main()
