# SPDX-License-Identifier: MIT
"""The load of WebSockets, websocket/load.c: it opens its connections first, so that only messages are measured."""

import contextlib
import os
import subprocess

from rows import BUILT
from server import PATIENCE, Failure, read


class Clients:
    """Open WebSockets, which exchange messages on request."""

    def __init__(self, machine, server, path, count, size, seconds):
        self.process = subprocess.Popen(
            [os.path.join(BUILT, "websocket_load"), str(server.port), path, count, size, seconds],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=machine.prepare(machine.load))
        self.line()

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            raise Failure(self.process.stderr.read().strip())
        return text

    def exchange(self):
        """-> messages that came"""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        return int(self.line())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdin = None
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.communicate()


def messages(machine, server, path, count, size, seconds):
    """Messages of that size for so many seconds; seconds 0: to all connections."""
    with Clients(machine, server, path, count, size, seconds) as clients:
        clients.exchange()
        before = server.cpu()
        answers = clients.exchange()
        return {"cpu_ns": (server.cpu() - before) / answers, "per_second": answers / max(float(seconds), 1)}


def resident(server):
    return int(read(f"/proc/{server.process.pid}/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def idle(machine, server, path, count):
    """Memory of each of many WebSockets, behind as many that have come and gone."""
    with Clients(machine, server, path, "100", "64", "0.1") as clients:
        clients.exchange()
    before = resident(server)
    with Clients(machine, server, path, count, "64", "0.1") as clients:
        clients.exchange()
        return {"idle_bytes": (resident(server) - before) / int(count)}
