# SPDX-License-Identifier: MIT
"""Runs the rows of the table, round after round with the peers in turn, and prints the medians."""

import argparse
import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import outside
import table
from rows import BUILT, LOAD, PEERS, ROWS
from server import PATIENCE, Failure, Machine, Server, free_port


class Load:
    """A load that has opened its connections, and takes a turn on request."""

    def __init__(self, machine, server, arguments):
        self.server, self.received = server, b""
        self.process = subprocess.Popen(
            load_command(machine, server, ["-l", *arguments[1:]], arguments[0]), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=machine.prepare(machine.load))

    def __enter__(self):
        try:
            self.read_until("ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()

    def lines(self):
        end = time.monotonic() + PATIENCE
        while True:
            line, newline, rest = self.received.partition(b"\n")
            if newline:
                self.received = rest
                yield line.decode()
                continue
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise self.server.failure(f"the load takes longer than {PATIENCE} s")
            piece = os.read(self.process.stdout.fileno(), 65536)
            if not piece:
                return
            self.received += piece

    def read_until(self, last):
        """The load's keys and values up to that line, or to its end if there is none."""
        values = {}
        for line in self.lines():
            if line == last:
                return values
            key, value = line.split()
            values[key] = float(value)
        if last is None and self.process.wait() == 0:
            return values
        raise self.server.failure(self.process.stderr.read().decode().strip() or "the load ended")

    def turn(self):
        with contextlib.suppress(BrokenPipeError):
            os.write(self.process.stdin.fileno(), b"\n")
        return self.read_until("")

    def finish(self):
        """Has it close its connections, and check that the server does too."""
        self.process.stdin.close()
        self.process.stdin = None
        return self.read_until(None)


def load_command(machine, server, options, mode):
    pid = [] if server.wrapped else ["-P", str(server.process.pid)]
    return [LOAD, mode, "-p", str(server.port), *pid, *machine.load_options, *options]


def load_once(machine, server, arguments):
    try:
        done = subprocess.run(load_command(machine, server, arguments[1:], arguments[0]),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
                              preexec_fn=machine.prepare(machine.load))
    except subprocess.TimeoutExpired:
        raise server.failure(f"the load takes longer than {PATIENCE} s") from None
    if done.returncode != 0:
        raise server.failure(done.stderr.strip())
    return {key: float(value) for key, value in map(str.split, done.stdout.splitlines())}


class Bench:
    """How the rows are measured: a method for each `tool`, which adds to the results."""

    def __init__(self, machine, results):
        self.machine, self.results, self.round = machine, results, 0

    @staticmethod
    def tell(what):
        if sys.stderr.isatty():
            print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def attempt(self, row, peer):
        self.tell(f"round {self.round + 1}: {row.name}, {peer}")
        try:
            yield
        except Failure as failure:
            self.results.failed(row, peer, str(failure))
        self.tell("")

    @staticmethod
    def order(row, peers):
        """-> (turn, peer) for each turn of each peer: another one begins each time"""
        for turn in range(row.turns):
            for i in range(len(peers)):
                yield turn, peers[(i + turn) % len(peers)]

    def turns(self, row, peers):
        """All servers run, and one at a time has work for a short while: what disturbs one disturbs all."""
        with contextlib.ExitStack() as stack:
            loads = {}
            for peer in peers:
                with self.attempt(row, peer):
                    loads[peer] = [self.open(stack, row, peer, row.load)]
                    if row.beside:
                        loads[peer].append(self.open(stack, row, peer, row.load + row.beside))
            for turn, peer in self.order(row, peers):
                if peer in loads and (turn == 0 or peer not in row.slow):
                    self.turn(row, peer, loads, turn)
            for peer, running in loads.items():
                with self.attempt(row, peer):
                    for load in running:
                        load.finish()

    def outside(self, row, peers):
        """The same with a load of another kind, a program of its own for each turn."""
        with contextlib.ExitStack() as stack:
            servers = {}
            for peer in peers:
                with self.attempt(row, peer):
                    servers[peer] = stack.enter_context(Server(self.machine, row, peer))
            for turn, peer in self.order(row, peers):
                if peer in servers:
                    server = servers.pop(peer)
                    with self.attempt(row, peer):
                        values = outside.turn(self.machine, server, row.load)
                        self.results.add(row, peer, (self.round, turn), values)
                        servers[peer] = server

    def open(self, stack, row, peer, arguments):
        server = stack.enter_context(Server(self.machine, row, peer))
        return stack.enter_context(Load(self.machine, server, arguments))

    def turn(self, row, peer, loads, turn):
        running = loads.pop(peer)
        with self.attempt(row, peer):
            values = running[0].turn()
            if row.beside:
                beside = running[1].turn()
                values["beside_ratio"] = beside["cpu_ns"] / values["cpu_ns"]
                values["beside_max_us"] = beside.get("max_us")
                values.update((key, beside[key]) for key in beside if key.startswith("mute_"))
            self.results.add(row, peer, (self.round, turn), values)
            loads[peer] = running

    def alone(self, row, peers):
        for peer in peers:
            with self.attempt(row, peer), Server(self.machine, row, peer) as server:
                values = load_once(self.machine, server, row.load)
                output = server.output()
                values["cycles"] = output.count("cycle\n")
                pauses = re.findall(r"^pause ([\d.]+)$", output, re.MULTILINE)
                if pauses:
                    values["pause_ms"] = max(map(float, pauses))
                self.results.add(row, peer, self.round, values)

    def start(self, row, peers):
        for turn in range(row.turns):
            for peer in peers:
                with self.attempt(row, peer):
                    self.start_once(row, peer, turn)

    def start_once(self, row, peer, turn):
        port = str(free_port())
        done = subprocess.run([LOAD, "start", "-p", port, "-u", str(self.machine.server), "--",
                               *row.command(peer), port], capture_output=True, text=True, check=False,
                              timeout=PATIENCE, preexec_fn=self.machine.prepare(self.machine.load))
        if done.returncode != 0:
            raise Failure(done.stderr.strip())
        self.results.add(row, peer, (self.round, turn), {"start_ms": float(done.stdout.split()[1])})

    def size(self, row, peers):
        """Stripped sizes of the program and of the libraries it needs, except those that systems have anyway."""
        if self.round > 0:
            return
        shared = re.compile(r"linux-vdso|ld-linux|lib(c|m|dl|rt|pthread|resolv|lua5\.4|ev|cares|ssl|crypto)\.so")
        for peer in peers:
            program = PEERS[peer][0]
            linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
            pairs = [line.strip().partition(" => ") for line in linked.splitlines()]
            files = [path.split(" (")[0] for name, _, path in pairs if path and not shared.search(name)]
            stripped, total = os.path.join(BUILT, "stripped"), 0
            for file in [program, *files]:
                subprocess.run(["strip", "-o", stripped, os.path.realpath(file)], check=True)
                total += os.path.getsize(stripped)
            self.results.add(row, peer, 0, {"kib": total / 1024})

    def strace(self, row, peers):
        out = os.path.join(BUILT, "strace.out")
        total = re.compile(r"^100\.00 +\S+ +\S+ +(\d+)", re.MULTILINE)
        self.count(row, peers, "calls", ["strace", "-f", "-c", "-o", out], out, total, 2000, 12000)

    def callgrind(self, row, peers):
        out = os.path.join(BUILT, "callgrind.out")
        wrapper = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]
        total = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)
        self.count(row, peers, "instructions", wrapper, out, total, 4000, 24000)

    def count(self, row, peers, key, wrapper, out, total, few, many):
        """What a request costs by a counting tool: the difference of two runs, so that all else cancels out."""
        if self.round > 0:
            return
        for peer in peers:
            with self.attempt(row, peer):
                sums = []
                for requests in (few, many):
                    with Server(self.machine, row, peer, wrapper) as server:
                        done = load_once(self.machine, server, [*row.load, "-n", str(requests)])
                    with open(out, encoding="utf-8", errors="replace") as f:
                        found = total.search(f.read())
                    if not found:
                        raise Failure(f"{wrapper[0]} wrote no sum")
                    sums.append((done["exchanged"], int(found.group(1))))
                (fewer, before), (more, after) = sums
                self.results.add(row, peer, 0, {key: (after - before) / (more - fewer)})


def names(text, known, what):
    chosen = text.split(",") if text else list(known)
    for name in chosen:
        if name not in known:
            sys.exit(f"bench: no {what} '{name}'; there are {', '.join(known)}")
    return [name for name in known if name in chosen]


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often all is started afresh (5)")
    parser.add_argument("--only", default="", metavar="ROW,…", help=", ".join(row.name for row in ROWS))
    parser.add_argument("--peers", default="", metavar="PEER,…", help=", ".join(PEERS))
    parser.add_argument("--one-cpu", action="store_true", help="server and load share a CPU")
    parser.add_argument("--write", action="store_true", help="put table and plot into docs/performance.md")
    return parser.parse_args()


def main():
    arguments = parse()
    only = names(arguments.only, [row.name for row in ROWS], "row")
    peers = [peer for peer in names(arguments.peers, PEERS, "peer") if shutil.which(PEERS[peer][0])]
    rows = [row for row in ROWS if row.name in only]
    peers = [peer for peer in peers if any(peer in row.peers for row in rows)]
    results = table.Results(rows, peers)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bench = Bench(Machine(arguments.one_cpu), results)
    try:
        for bench.round in range(arguments.rounds):
            for row in rows:
                getattr(bench, row.tool)(row, [peer for peer in peers if peer in row.peers])
    except KeyboardInterrupt:
        print("\nbench: interrupted; this is what there is", file=sys.stderr)
        arguments.write = False
        results.failures.append("interrupted")
    print(results.text(), end="")
    if arguments.write:
        results.write(arguments.rounds, arguments.one_cpu)
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
