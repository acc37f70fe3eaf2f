# SPDX-License-Identifier: MIT
"""Figures of --workers, with wrk as the client: processor time a request with several workers beside one process, in
turns; how connections spread; how soon a killed worker serves again; the master's memory.

    workers_figures.py PROGRAM [--workers N] [--rounds N] [--seconds S]"""

import argparse
import os
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import time

SCRIPT = """local moonport = require "moonport"
local server = moonport.TcpServer()
local file <close> = io.open "/proc/self/stat"
local pid = file:read "n"
local text = "HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"
function server.connection:readyRead()
  local request = self:readAll()
  self:write(request == "pid" and pid .. "\\n" or text)
end
assert(server:listen("127.0.0.1", %d))
moonport.log.info "listening"
"""


def processor(pid):
    """Seconds that a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Service:
    def __init__(self, program, script, port, workers):
        options = ["--workers", str(workers)] if workers else []
        self.port = port
        self.process = subprocess.Popen(
            [program, *options, "--control", "off", script], stderr=subprocess.PIPE, text=True
        )
        for _ in range(workers or 1):
            self.process.stderr.readline()
        self.pids = self.workers() if workers else [self.process.pid]

    def workers(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            return [int(word) for word in file.read().split()]

    def ask(self, client=None):
        own = client or socket.create_connection(("127.0.0.1", self.port))
        own.sendall(b"pid")
        pid = int(own.recv(64))
        if not client:
            own.close()
        return pid

    def load(self, seconds, connections):
        before = [processor(pid) for pid in self.pids]
        out = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", f"http://127.0.0.1:{self.port}/"],
            stdout=subprocess.PIPE, text=True, check=True,
        ).stdout
        requests = int(re.search(r"(\d+) requests in", out)[1])
        used = [processor(pid) - start for pid, start in zip(self.pids, before)]
        return 1e6 * sum(used) / requests, used

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--port", type=int, default=17440)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i in range(2):
            paths.append(f"{folder}/{i}.lua")
            with open(paths[i], "w", encoding="ascii") as file:
                file.write(SCRIPT % (options.port + i))
        one = Service(options.program, paths[0], options.port, 0)
        several = Service(options.program, paths[1], options.port + 1, options.workers)
        ratios, shares = [], []
        for _ in range(options.rounds):
            # As many connections a process: what a turn of the loop costs is shared by as many.
            alone, _ = one.load(options.seconds, 32)
            together, used = several.load(options.seconds, 32 * options.workers)
            ratios.append(together / alone)
            shares.append(max(used) / (sum(used) / len(used)))
        print(f"processor time a request, {options.workers} workers to one process: "
              f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
        print(f"the busiest worker to the mean: {statistics.median(shares):.2f}")
        counts = {}
        clients = [socket.create_connection(("127.0.0.1", several.port)) for _ in range(1000)]
        for client in clients:
            pid = several.ask(client)
            counts[pid] = counts.get(pid, 0) + 1
        even = 1000 / options.workers
        print(f"1,000 connections: {sorted(counts.values())}, {100 * max(abs(n / even - 1) for n in counts.values()):.0f}"
              " % from even at most")
        for client in clients:
            client.close()
        victim = several.workers()[-1]
        os.kill(victim, signal.SIGKILL)
        began = time.monotonic()
        slowest = 0
        while True:
            asked = time.monotonic()
            try:
                pid = several.ask()
            except (ConnectionError, ValueError):
                continue
            slowest = max(slowest, time.monotonic() - asked)
            if pid not in several.pids:
                break
        print(f"a killed worker serves again after {1e3 * (time.monotonic() - began):.0f} ms; the longest that a client"
              f" waited meanwhile: {1e3 * slowest:.0f} ms")
        with open(f"/proc/{several.process.pid}/smaps_rollup", encoding="ascii") as file:
            private = sum(int(number) for number in re.findall(r"Private_\w+: +(\d+)", file.read()))
        print(f"the master's private memory: {private} KiB")
        one.stop()
        several.stop()


main()
