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
    "nginx": ["nginx"],
    "haproxy": ["haproxy"],
    "hiredis": [os.path.join(BUILT, "hiredis")],
    "redis": ["redis-server"],
    "one": script("echo.lua"),
    "lines": script("fanout.lua"),
}

HTTP_PEERS = {
    "moonport": [*script("http.lua"), os.path.join(BUILT, "web")],
    "nginx": ["sh", peer_file("nginx.sh"), BUILT],
}
PROXY_PEERS = {
    "moonport": ["sh", peer_file("proxy.sh"), BUILT, MOONPORT, os.path.join(ROOT, "scripts", "proxy.lua")],
    "haproxy": ["sh", peer_file("haproxy.sh"), BUILT],
}
REDIS_PEERS = {
    "moonport": ["sh", peer_file("redis.sh"), BUILT, *script("redis.lua")],
    "hiredis": ["sh", peer_file("redis.sh"), BUILT, os.path.join(BUILT, "hiredis")],
}
STORE_PEERS = {
    "moonport": script("store.lua"),
    "redis": ["redis-server", "--save", "", "--appendonly", "no", "--dir", "/", "--port"],
}
WORKERS_PEERS = {
    "moonport": [MOONPORT, "--workers", "2", *script("echo.lua")[1:]],
    "one": script("echo.lua"),
}
WEBSOCKET_PEERS = {
    "moonport": script("websocket.lua"),
    "node": ["node", peer_file("node_ws.js")],
}
BROADCAST_PEERS = {
    "moonport": script("websocket.lua"),
    "lines": script("fanout.lua"),
    "node": ["node", peer_file("node_ws.js")],
}
UDP_PEERS = {
    "epoll": [os.path.join(BUILT, "udp_echo")],
    "moonport": script("datagrams.lua"),
    "node": ["node", peer_file("node_udp.js")],
}

# The same over TLS; the port is added behind certificate and key.
IDENTITY = [os.path.join(BUILT, name) for name in ("certificate.pem", "key.pem")]
TLS_PEERS = {
    "epoll": [os.path.join(BUILT, "epoll_tls"), *IDENTITY],
    "moonport": [*script("tls.lua"), *IDENTITY],
    "node": ["node", peer_file("node_tls.js"), *IDENTITY],
}
WITH_CLOSURES = ("epoll", "libev", "moonport", "closures", "luv", "cqueues", "node", "qt")
ALL = tuple(name for name in WITH_CLOSURES if name != "closures")


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
    least: bool = False  # the limit is what must be reached, not what must not be exceeded
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
    servers: dict = field(default_factory=dict)  # the commands of peers, where they aren't those of PEERS
    local: bool = False  # at a Unix-domain socket
    datagrams: bool = False  # by UDP
    children: bool = False  # the server's processes work, too

    def command(self, peer):
        if peer in self.servers:
            return self.servers[peer]
        return script(self.moonport) if self.moonport and peer == "moonport" else PEERS[peer]


def tls_row(name, load, figures, **others):
    """A row whose load speaks TLS: -t, or -T with tickets."""
    return Row(name, load, figures, **{"peers": tuple(TLS_PEERS), "servers": TLS_PEERS, **others})


def local_row(name, load, figures, **others):
    """A row at an abstract Unix-domain socket."""
    return Row(name, [load[0], "-L", *load[1:]], figures,
               **{"peers": ("epoll", "libev", "moonport"), "local": True, **others})


def http_row(name, path, title, limit):
    """A row of wrk, beside nginx with its Lua module."""
    return Row(name, ["wrk", path, "1"], [
        Figure("cpu_ns", title, "µs", "nginx", {"moonport": limit}, 1e-3),
    ], peers=tuple(HTTP_PEERS), servers=HTTP_PEERS, tool="outside", turns=5)


def proxy_row(name, load, title):
    """A row whose server passes connections on to the echo server on bare epoll."""
    return Row(name, load, [Figure("cpu_ns", title, "µs", "haproxy", {"moonport": 1.0}, 1e-3)],
               peers=tuple(PROXY_PEERS), servers=PROXY_PEERS, turns=12)


def websocket_row(name, load, figures, **others):
    """A row of WebSockets, beside node's ws."""
    return Row(name, load, figures, **{"peers": tuple(WEBSOCKET_PEERS), "servers": WEBSOCKET_PEERS, "tool": "outside",
                                       "turns": 5, **others})


def redis_row(name, handlers, title, limit):
    """A row of GETs, beside hiredis, which waits for each."""
    return Row(name, ["gets", handlers, "10000", "1"], [
        Figure("cpu_ns", title, "µs", "hiredis", {"moonport": limit}, 1e-3),
    ], peers=tuple(REDIS_PEERS), servers=REDIS_PEERS, tool="outside", turns=8)


def store_row(name, depth, title, limit):
    """A row of as many SETs as GETs on 50 connections, beside redis-server."""
    return Row(name, ["store", depth, "20000", "1"], [
        Figure("cpu_ns", title, "µs", "redis", {"moonport": limit}, 1e-3),
    ], peers=tuple(STORE_PEERS), servers=STORE_PEERS, tool="outside", turns=8)


ROWS = [
    Row("echo64", ["echo", "-c", "50", "-s", "64", "-n", "15000"], [
        Figure("cpu_ns", "echo 64 bytes, 50 connections: CPU per request", "µs", "epoll",
               {"moonport": 1.08}, 1e-3),
        Figure("per_second", "  requests per second", "k/s", "epoll", {}, 1e-3),
    ], peers=WITH_CLOSURES, turns=10),
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
    ], peers=WITH_CLOSURES),
    Row("connect1", ["connect", "-c", "1", "-n", "1500"], [
        Figure("cpu_ns", "  one after another", "µs", "epoll", {}, 1e-3),
    ], peers=WITH_CLOSURES),
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
    ], peers=WITH_CLOSURES, tool="alone"),
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
        Figure("start_ms", "start to listening", "ms", "", {"moonport": 4.5}),
    ], tool="start"),
    Row("size", [], [
        Figure("kib", "program and the libraries it brings, stripped", "KiB", "", {"moonport": 500}),
    ], peers=("moonport",), tool="size"),
    Row("syscalls", ["echo"], [
        Figure("calls", "system calls per request (echo64)", "", "", {"moonport": 2.05}),
    ], tool="strace"),
    Row("instructions", ["echo"], [
        Figure("instructions", "instructions per request, user space (echo64)", "", "epoll"),
    ], peers=("epoll", "libev", "moonport", "luv", "cqueues", "qt"), tool="callgrind"),
    Row("connectinstructions", ["connect", "-c", "50"], [
        Figure("instructions", "  connect, echo, close", "", "epoll"),
    ], peers=("epoll", "libev", "moonport"), tool="callgrind"),
    local_row("local64", ["echo", "-c", "50", "-s", "64", "-n", "15000"], [
        Figure("cpu_ns", "Unix-domain socket: echo 64 bytes, 50 connections: CPU per request", "µs", "epoll",
               {"moonport": 1.12}, 1e-3),
        Figure("per_second", "  requests per second", "k/s", "epoll", {}, 1e-3),
    ], turns=10),
    local_row("localconnect", ["connect", "-c", "50", "-n", "3000"], [
        Figure("cpu_ns", "  connect, echo, close: CPU each", "µs", "epoll", {}, 1e-3),
    ]),
    local_row("localidle", ["idle", "-c", "50", "-i", "15000", "-n", "50"], [
        Figure("idle_bytes", "  15,000 idle connections: memory each", "B", "", {"moonport": 400}),
    ], tool="alone"),
    tls_row("tls64", ["echo", "-t", "-c", "50", "-s", "64", "-n", "8000"], [
        Figure("cpu_ns", "TLS: echo 64 bytes, 50 connections: CPU per request", "µs", "epoll",
               {"moonport": 1.06}, 1e-3),
        Figure("per_second", "  requests per second", "k/s", "epoll", {}, 1e-3),
    ], turns=10),
    tls_row("tlsbulk", ["echo", "-t", "-c", "4", "-s", "1048576", "-n", "60"], [
        Figure("cpu_ns", "TLS: bulk 1 MiB, 4 connections: CPU per MiB", "µs", "epoll",
               {"moonport": 1.06}, 1e-3),
    ], turns=12),
    tls_row("handshake", ["connect", "-t", "-c", "50", "-n", "400"], [
        Figure("cpu_ns", "TLS: connect, full handshake, echo, close: CPU each", "µs", "epoll",
               {"moonport": 1.05}, 1e-3),
    ], turns=10),
    tls_row("resumed", ["connect", "-T", "-c", "50", "-n", "400"], [
        Figure("cpu_ns", "TLS: connect, resumed handshake, echo, close: CPU each", "µs", "epoll",
               {"moonport": 1.08}, 1e-3),
        Figure("resumed_percent", "  of them resumed", "%", "", {"moonport": 100}, least=True),
    ], turns=10),
    tls_row("tlsidle", ["idle", "-t", "-c", "50", "-i", "5000", "-n", "50"], [
        Figure("idle_bytes", "TLS: 5,000 idle connections: memory each", "KiB", "", {"moonport": 13.5},
               1 / 1024),
        Figure("kept_bytes", "  still kept after they are closed", "KiB", "", {}, 1 / 1024),
    ], tool="alone"),
    tls_row("mute", ["connect", "-t", "-c", "50", "-n", "400"], [
        Figure("beside_ratio", "TLS: handshakes beside 5,000 clients that only begin one: CPU as a ratio to without",
               "x"),
        Figure("beside_max_us", "  the longest, from connect to close", "ms", "", {}, 1e-3, quiet=True),
        Figure("max_us", "  without them", "ms", "", {}, 1e-3, quiet=True),
        Figure("mute_bytes", "  memory of a client that only begins", "KiB", "", {}, 1 / 1024),
        Figure("mute_ended", "  of the 5,000, ended by the server", ""),
    ], beside=["-m", "5000"]),
    tls_row("tlsstart", [], [
        Figure("start_ms", "TLS: start to listening", "ms", "", {"moonport": 7}),
    ], tool="start"),
    tls_row("tlssyscalls", ["echo", "-t"], [
        Figure("calls", "TLS: system calls per request (tls64)", ""),
    ], tool="strace"),
    tls_row("tlsinstructions", ["echo", "-t"], [
        Figure("instructions", "TLS: instructions per request, user space (tls64)", "", "epoll"),
    ], peers=("epoll", "moonport"), tool="callgrind"),
    http_row("http", "/hello", "HTTP: hello, 50 connections: CPU per request", 1.10),
    http_row("httpjson", "/users/42", "HTTP: a routed answer in JSON: CPU per request", 1.15),
    http_row("httpfile", "/27k.txt", "HTTP: a file of 27 KB: CPU per request", 1.3),
    Row("udp64", ["udp", "16", "32", "64", "1"], [
        Figure("cpu_ns", "UDP: echo 64 bytes, 16 clients: CPU per datagram", "µs", "epoll", {"moonport": 1.3}, 1e-3),
    ], peers=tuple(UDP_PEERS), servers=UDP_PEERS, tool="outside", turns=5, datagrams=True),
    Row("work", ["work", "10000", "1"], [
        Figure("loop_ns", "moonport.work, 10,000 small calls per second: CPU of the loop per call", "µs", "",
               {"moonport": 15}, 1e-3),
        Figure("cpu_ns", "  with the threads", "µs", "", {}, 1e-3),
    ], peers=("moonport",), moonport="work.lua", tool="outside", turns=5),
    websocket_row("websocket64", ["websocket", "/", "50", "64", "1"], [
        Figure("cpu_ns", "WebSocket: echo 64 bytes, 50 connections: CPU per message", "µs", "node", {"moonport": 0.5},
               1e-3),
    ]),
    websocket_row("websocketfan", ["websocket", "/", "5000", "64", "0"], [
        Figure("cpu_ns", "  64 bytes to 5,000: CPU per message (lines: TCP alone)", "µs", "lines", {"moonport": 1.2},
               1e-3),
    ], peers=tuple(BROADCAST_PEERS), servers=BROADCAST_PEERS),
    websocket_row("websocketidle", ["websocketidle", "/", "10000"], [
        Figure("idle_bytes", "  10,000 idle ones with handlers: memory each", "B", "", {"moonport": 1424}),
    ], turns=1),
    websocket_row("websocketloops", ["websocketidle", "/loop", "10000"], [
        Figure("idle_bytes", "  with loops", "B", "", {"moonport": 3984}),
    ], turns=1, peers=("moonport",)),
    redis_row("redis", "1", "moonport.redis, GET of one handler: CPU of the client each", 3.0),
    redis_row("redis50", "50", "  of 50 handlers at once", 1.0),
    store_row("store", "1", "moonport.store, SET and GET on 50 connections: CPU each", 1.35),
    store_row("store16", "16", "  16 deep", 2.0),
    Row("workers64", ["echo", "50", "15000", "1"], [
        Figure("cpu_ns", "2 workers: echo 64 bytes, 50 connections: CPU per request (one: without workers)", "µs", "one",
               {"moonport": 1.03}, 1e-3),
        Figure("busy", "  the idler one's CPU time, as a ratio to the other's", "x", "", {"moonport": 0.8}, least=True),
    ], peers=tuple(WORKERS_PEERS), servers=WORKERS_PEERS, tool="outside", turns=12, children=True),
    proxy_row("proxy64", ["echo", "-c", "50", "-s", "64", "-n", "15000"],
              "TCP proxy: echo 64 bytes, 50 connections: CPU per request"),
    proxy_row("proxybulk", ["echo", "-c", "4", "-s", "1048576", "-n", "150"],
              "  bulk 1 MiB, 4 connections: CPU per MiB"),
]
