# SPDX-License-Identifier: MIT
"""The servers that are measured, and the CPUs for them and the load."""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import subprocess
import time

from rows import BUILT

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
PATIENCE = 120  # seconds for whatever a server or a load is asked to do


class Failure(Exception):
    """A server or the load ended badly. The run goes on without it, and ends with exit status 1."""


class Machine:
    """The CPUs of the server and of the load."""

    def __init__(self, shared):
        cpus = sorted(os.sched_getaffinity(0))
        self.server, self.load = cpus[-1], cpus[-1] if shared else cpus[0]
        self.load_options = ["-w"] if self.server == self.load else []

    @staticmethod
    def prepare(cpu):
        """Sets up a child before exec: its CPU, as many descriptors as possible, death with its parent."""
        def act():
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.sched_setaffinity(0, {cpu})
            most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        return act


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def process_cpu(pid):
    tasks = f"/proc/{pid}/task"
    return sum(int(read(f"{tasks}/{task}/schedstat").split()[0]) for task in os.listdir(tasks))


class Server:
    """A running server, in a process group of its own, so that it leaves nothing behind."""

    def __init__(self, machine, row, peer, wrapper=()):
        self.port, self.wrapped, self.local = free_port(), bool(wrapper), row.local
        self.datagrams, self.children = row.datagrams, row.children
        self.name = f"moonport-bench-{self.port}"
        place = "@" + self.name if self.local else str(self.port)
        self.log = os.path.join(BUILT, f"server-{self.port}.log")
        with open(self.log, "wb") as log:
            try:
                self.process = subprocess.Popen(
                    [*wrapper, *row.command(peer), place], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, preexec_fn=machine.prepare(machine.server))
            except OSError as error:
                raise Failure(str(error)) from None

    def __enter__(self):
        end = time.monotonic() + PATIENCE
        try:
            while self.alive() and time.monotonic() < end:
                with contextlib.suppress(OSError), self.connect():
                    return self
                time.sleep(0.01)
            raise self.failure("the server doesn't listen")
        except BaseException:
            self.__exit__()
            raise

    def connect(self):
        if self.datagrams:
            return self.exchange()
        if not self.local:
            return socket.create_connection(("127.0.0.1", self.port), 1)
        probe = socket.socket(socket.AF_UNIX)
        try:
            probe.connect("\0" + self.name)
        except OSError:
            probe.close()
            raise
        return probe

    def exchange(self):
        """A datagram that comes back."""
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            probe.settimeout(0.1)
            probe.sendto(b"x", ("127.0.0.1", self.port))
            probe.recv(10)
        except OSError:
            probe.close()
            raise
        return probe

    def cpu(self):
        """Nanoseconds that all its threads have run, and those of its processes if they count."""
        return process_cpu(self.process.pid) + sum(self.children_cpu())

    def children_cpu(self):
        """The same for each process that it has started, if they count."""
        pid = self.process.pid
        return [process_cpu(child) for child in read(f"/proc/{pid}/task/{pid}/children").split()] if self.children else []

    def loop_cpu(self):
        """Nanoseconds that its first thread has run, which is the loop's."""
        pid = self.process.pid
        return int(read(f"/proc/{pid}/task/{pid}/schedstat").split()[0])

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.innermost(), signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.remove(self.log)

    def innermost(self):
        """The server itself, below the counting tool, which writes its sums when the server ends."""
        pid = self.process.pid
        if self.wrapped:
            children = f"/proc/{pid}/task/{pid}/children"
            with contextlib.suppress(OSError), open(children, encoding="ascii") as f:
                pid = int((f.read().split() or [pid])[0])
        return pid

    def alive(self):
        return self.process.poll() is None

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def failure(self, reason):
        if not self.alive():
            reason += f"; the server ended with status {self.process.returncode}"
        return Failure("; ".join(filter(None, [reason, self.output().strip()[-400:]])))
