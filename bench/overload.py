#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How those who behave fare beside those who don't.

    python3 bench/overload.py [--program build/moonport] [--resets 1000000] [CASE…]

Starts an echo service with limits. 20 clients echo 64 bytes each, with 5 ms between two of their requests: alone, and
beside each case: `burst` (19,000 connections at once), `slow` (1,000 clients that send without reading), `resets` (a
million connects and resets) and `greedy` (one address that opens as many connections as it can). Prints the
milliseconds that their answers took, what the service refused and ended, and its memory.
"""
import argparse
import json
import multiprocessing
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

SERVICE = """
local moonport = require "moonport"
local server = moonport.TcpServer()
server:setMaxConnectionsPerAddress(tonumber(arg[1]))
function server.connection:readyRead() self:write(self:readAll()) end
assert(server:listen("127.0.0.1"))
print(server:serverPort())
io.stdout:flush()
"""
PROBES, PAUSE, SIZE = 20, 0.005, 64
RESET = struct.pack("ii", 1, 0)
PROBE_ADDRESS = "127.0.1.1"  # of those who behave; the others have 127.0.0.x


def connect(port, source, receive=0, timeout=30.0):
    one = socket.socket()
    if receive:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.settimeout(timeout)
    one.bind((source, 0))
    one.connect(("127.0.0.1", port))
    return one


def raise_limit():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def probe(port, stop, results):
    """Echoes until it is told to stop. Sends how long each answer took, in milliseconds."""
    clients = [connect(port, PROBE_ADDRESS) for _ in range(PROBES)]
    times, data = [], b"x" * SIZE
    while not stop.is_set():
        for client in clients:
            begun = time.perf_counter()
            client.sendall(data)
            left = SIZE
            while left > 0:
                got = client.recv(left)
                if not got:
                    raise SystemExit("a client that behaves was disconnected")
                left -= len(got)
            times.append((time.perf_counter() - begun) * 1e3)
        time.sleep(PAUSE)
    results.put(times)


def alone(_port, _options):
    time.sleep(5)


def burst(port, _options):
    """19,000 connections as fast as possible, from four addresses; they stay for a moment."""
    open_, refused = [], 0
    for i in range(19000):
        try:
            open_.append(connect(port, f"127.0.0.{1 + i % 4}"))
        except OSError:
            refused += 1
    time.sleep(1)
    print(f"  {len(open_)} connected, {refused} not", file=sys.stderr)


def slow(port, _options):
    """1,000 clients send for half a minute, and read nothing."""
    clients, data, poll = {}, b"x" * 65536, select.epoll()
    for _ in range(1000):
        try:
            one = connect(port, "127.0.0.1", 4096)
        except OSError:
            continue
        one.setblocking(False)
        clients[one.fileno()] = one
        poll.register(one, select.EPOLLOUT)
    end = time.monotonic() + 30
    while time.monotonic() < end and clients:
        for fd, _ in poll.poll(0.1):
            try:
                clients[fd].send(data)
            except BlockingIOError:
                pass
            except OSError:
                poll.unregister(fd)
                clients.pop(fd).close()
    print(f"  {len(clients)} of 1000 still connected", file=sys.stderr)


def resets(port, options):
    """Connects, and resets the connection."""
    for i in range(options.resets):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        one.bind((f"127.0.0.{1 + i % 8}", 0))
        one.connect(("127.0.0.1", port))
        one.close()


def greedy(port, options):
    """One address connects for ten seconds, and keeps what it gets."""
    kept, end = [], time.monotonic() + 10
    while time.monotonic() < end:
        try:
            kept.append(connect(port, "127.0.0.1"))
        except OSError:  # refused before connect has returned
            continue
        if len(kept) > options.per_address:
            kept.pop().close()


CASES = {"alone": alone, "burst": burst, "slow": slow, "resets": resets, "greedy": greedy}


def status(control, program):
    out = subprocess.run([program, "ctl", control, "--json", "status"], capture_output=True, text=True, check=True)
    return json.loads(out.stdout.splitlines()[0])


def at(times, share):
    return times[min(len(times) - 1, int(len(times) * share))]


def run(name, options):
    with tempfile.TemporaryDirectory() as folder:
        control = os.path.join(folder, "c")
        with open(os.path.join(folder, "service.lua"), "w", encoding="ascii") as f:
            f.write(SERVICE)
        server = subprocess.Popen([options.program, "--max-buffers", options.max_buffers, "--control", control, f.name,
                                   str(options.per_address if name == "greedy" else 0)], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        port = int(server.stdout.readline())
        stop, results = multiprocessing.Event(), multiprocessing.Queue()
        good = multiprocessing.Process(target=probe, args=(port, stop, results))
        good.start()
        bad = multiprocessing.Process(target=CASES[name], args=(port, options))
        bad.start()
        most = {"resident": 0, "buffers": 0}
        while bad.is_alive():
            memory = status(control, options.program)["memory"]
            most = {key: max(most[key], memory[key]) for key in most}
            bad.join(0.5)
        s = status(control, options.program)
        stop.set()
        times = sorted(results.get(timeout=60))
        good.join()
        server.send_signal(signal.SIGTERM)
        server.wait()
    c = s["connections"]
    print(f"{name:8} {len(times):8} answers: p50 {at(times, .5):7.2f}  p99 {at(times, .99):7.2f}  longest {times[-1]:8.2f} ms; "
          f"accepted {c['accepted']}, refused {sum(c['refused'].values())}, shed {c['shed']}; "
          f"buffers {most['buffers'] >> 20} MiB, resident {most['resident'] >> 20} MiB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES) + " (all)")
    parser.add_argument("--program", default=os.path.join(os.path.dirname(__file__), "../build/moonport"))
    parser.add_argument("--max-buffers", default="64M")
    parser.add_argument("--per-address", type=int, default=100)
    parser.add_argument("--resets", type=int, default=1000000)
    options = parser.parse_args()
    raise_limit()
    for name in options.cases or CASES:
        run(name, options)


if __name__ == "__main__":
    main()
