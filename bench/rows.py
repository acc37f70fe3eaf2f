# SPDX-License-Identifier: MIT
"""The peers and the rows of the table: what is run, which figures are shown, what moonport aims at."""

import os
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILT = os.path.join(ROOT, "build", "bench")
LOAD = os.path.join(BUILT, "load")
MOONPORT = os.environ.get("MOONPORT", os.path.join(ROOT, "build", "moonport"))


def peer_file(name):
    return os.path.join(ROOT, "bench", "peers", name)


def script(name):
    return [MOONPORT, os.path.join(ROOT, "bench", "moonport", name)]


# In the order of the table. The port is added as the last argument.
PEERS = {
    "epoll": [os.path.join(BUILT, "epoll")],
    "libev": [os.path.join(BUILT, "libev")],
    "moonport": script("echo.lua"),
    "closures": script("closures.lua"),
    "luv": ["lua5.4", peer_file("luv.lua")],
    "cqueues": ["lua5.4", peer_file("cqueues.lua")],
    "node": ["node", peer_file("node.js")],
    "qt": [os.path.join(BUILT, "qt")],
}
C_PEERS = ("epoll", "libev")
ALL = tuple(name for name in PEERS if name != "closures")


@dataclass
class Figure:
    """One line of the table, from what the load reports. A limit applies to the ratio if there is a peer to
    compare with, otherwise to the value itself."""

    key: str
    title: str
    unit: str
    compare: str = ""
    limits: dict = field(default_factory=dict)
    scale: float = 1.0
    quiet: bool = False  # shown is the lower quartile, where what others do on the machine outweighs the rest


@dataclass
class Row:
    name: str
    load: list  # arguments of the load; empty where `tool` measures in another way
    figures: list
    peers: tuple = ALL
    moonport: str = ""  # its script, where it isn't echo.lua
    tool: str = "turns"  # a function of measure.py
    turns: int = 6  # of each peer in a round
    beside: list = field(default_factory=list)  # additional options of a second load of the same peer
    slow: tuple = ()  # peers that take only one turn


ROWS = [
    Row("echo64", ["echo", "-c", "50", "-s", "64", "-n", "15000"], [
        Figure("cpu_ns", "echo 64 bytes, 50 connections: CPU per request", "µs", "epoll",
               {"moonport": 1.08}, 1e-3),
        Figure("per_second", "  requests per second", "k/s", "epoll", {}, 1e-3),
    ], peers=tuple(PEERS), turns=10),
    Row("pipeline", ["echo", "-c", "50", "-s", "64", "-d", "16", "-n", "200000"], [
        Figure("cpu_ns", "echo 64 bytes, 16 at once: CPU per request", "µs", "epoll",
               {"moonport": 1.05}, 1e-3),
    ], turns=12),
    Row("echo4k", ["echo", "-c", "50", "-s", "4096", "-n", "15000"], [
        Figure("cpu_ns", "echo 4 KiB, 50 connections: CPU per request", "µs", "epoll", {}, 1e-3),
    ]),
    Row("echo1", ["echo", "-c", "1", "-s", "64", "-n", "6000"], [
        Figure("cpu_ns", "echo 64 bytes, 1 connection: CPU per request", "µs", "epoll", {}, 1e-3),
    ]),
    Row("bulk", ["echo", "-c", "4", "-s", "1048576", "-n", "150"], [
        Figure("cpu_ns", "bulk 1 MiB, 4 connections: CPU per MiB", "µs", "libev", {"moonport": 1.10}, 1e-3),
    ], turns=12),
    Row("connect", ["connect", "-c", "50", "-n", "3000"], [
        Figure("cpu_ns", "connect, echo, close: CPU each", "µs", "epoll",
               {"moonport": 1.10, "closures": 1.25}, 1e-3),
    ], peers=tuple(PEERS)),
    Row("connect1", ["connect", "-c", "1", "-n", "1500"], [
        Figure("cpu_ns", "  one after another", "µs", "epoll", {}, 1e-3),
    ], peers=tuple(PEERS)),
    Row("fanout", ["fanout", "-c", "10000", "-n", "1"], [
        Figure("cpu_ns", "64 bytes to 10,000 connections: CPU per message", "µs", "epoll",
               {"moonport": 1.15}, 1e-3),
    ], moonport="fanout.lua", slow=("qt",)),
    Row("beside", ["echo", "-c", "50", "-n", "10000"], [
        Figure("beside_ratio", "echo beside 15,000 idle connections: CPU as a ratio to without", "x", "",
               {"moonport": 1.05}),
    ], beside=["-i", "15000"], slow=("qt",)),
    Row("idle", ["idle", "-c", "50", "-i", "15000", "-n", "50"], [
        Figure("idle_bytes", "15,000 idle connections: memory each", "B", "", {"moonport": 400}),
        Figure("kept_bytes", "  still kept after they are closed", "B", "", {"moonport": 100}),
        Figure("open_first_ns", "  CPU of opening one, at the start", "µs", "", {}, 1e-3),
        Figure("open_ratio", "  at the 15,000th, as a ratio to that", "x"),
    ], peers=tuple(PEERS), tool="alone"),
    Row("latency", ["echo", "-c", "1000", "-r", "20000", "-n", "10000"], [
        Figure("p50_us", "1,000 connections, 20,000 requests/s: p50", "µs", "epoll", quiet=True),
        Figure("p99_us", "  p99", "µs", "epoll", quiet=True),
        Figure("p999_us", "  p99.9", "µs", "epoll", {"moonport": 1.3}, quiet=True),
    ], turns=20),
    Row("reload", ["echo", "-c", "50", "-i", "15000", "-r", "5000", "-n", "2000"], [
        Figure("beside_max_us", "reload beside 15,000 idle connections: longest answer to 50 others", "ms", "",
               {"moonport": 5}, 1e-3, quiet=True),
        Figure("max_us", "  without a reload", "ms", "", {}, 1e-3, quiet=True),
    ], peers=("moonport",), moonport="reload.lua", beside=["-H"], turns=20),
    Row("tables", ["echo", "-c", "50", "-r", "10000", "-n", "100000"], [
        Figure("pause_ms", "200 MiB of live tables: longest pause, CPU time", "ms", "", {"moonport": 10}),
        Figure("max_us", "  longest answer (epoll: without tables)", "ms", "", {}, 1e-3, quiet=True),
        Figure("cycles", "  cycles of the collector meanwhile", ""),
    ], peers=("epoll", "moonport"), moonport="tables.lua", tool="alone"),
    Row("start", [], [
        Figure("start_ms", "start to listening", "ms", "", {"moonport": 10}),
    ], tool="start"),
    Row("size", [], [
        Figure("kib", "program and the libraries it brings, stripped", "KiB", "", {"moonport": 500}),
    ], peers=("moonport",), tool="size"),
    Row("syscalls", [], [
        Figure("calls", "system calls per request (echo64)", "", "", {"moonport": 2.05}),
    ], tool="strace"),
    Row("instructions", [], [
        Figure("instructions", "instructions per request, user space (echo64)", "", "epoll"),
    ], peers=("epoll", "libev", "moonport", "luv", "cqueues", "qt"), tool="callgrind"),
]
