# SPDX-License-Identifier: MIT
"""Loads that begin anew for each turn: wrk for HTTP, udp/load for datagrams, websocket/load, redis-benchmark, bench/load
for workers, and numbers for moonport.work and moonport.redis.
-> CPU time of the server, and of its loop's thread, for each answer; of its processes, how even it is."""

import os
import re
import socket
import subprocess

import websocket
from rows import BUILT, LOAD
from server import PATIENCE, Failure


def run(machine, command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          timeout=PATIENCE, preexec_fn=machine.prepare(machine.load))
    if done.returncode != 0:
        raise Failure(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def wrk(machine, server, path, seconds):
    """50 kept connections ask for a path."""
    out = run(machine, ["wrk", "-t1", "-c50", f"-d{seconds}s", f"http://127.0.0.1:{server.port}{path}"])
    wrong = re.search(r"^ +(Non-2xx.*|Socket errors.*)$", out, re.MULTILINE)
    if wrong:
        raise server.failure(wrong.group(1))
    return int(re.search(r"(\d+) requests in", out).group(1))


def udp(machine, server, clients, window, size, seconds):
    """Each of the clients has a window of datagrams under way."""
    out = run(machine, [os.path.join(BUILT, "udp_load"), str(server.port), clients, window, size, seconds])
    return int(out.split()[0])


def work(_machine, server, calls, seconds):
    """The server makes that many calls of moonport.work in about so many seconds."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        client.sendall(f"{calls}\n".encode())
        if client.recv(16) != b"done\n":
            raise server.failure(f"{calls} calls in {seconds} s: no answer")
    return int(calls)


def gets(_machine, server, handlers, count, _seconds):
    """The server has its handlers GET a key that many times."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as client:
        client.sendall(f"{handlers} {count}\n".encode())
        if client.recv(16) != b"done\n":
            raise server.failure(f"{count} GETs: no answer")
    return int(count)


def store(machine, server, depth, count, _seconds):
    """50 clients send as many SETs, and then as many GETs."""
    run(machine, ["redis-benchmark", "-p", str(server.port), "-c", "50", "-n", count, "-P", depth, "-t", "set,get", "-q"])
    return 2 * int(count)


def echo(machine, server, clients, count, _seconds):
    out = run(machine, [LOAD, "echo", "-p", str(server.port), *machine.load_options, "-c", clients, "-n", count])
    return int(float(re.search(r"^exchanged (\S+)", out, re.MULTILINE).group(1)))


LOADS = {"wrk": wrk, "udp": udp, "work": work, "gets": gets, "store": store, "echo": echo}
MEASURED = {"websocket": websocket.messages, "websocketidle": websocket.idle}  # by the load itself


def turn(machine, server, arguments):
    if arguments[0] in MEASURED:
        return MEASURED[arguments[0]](machine, server, *arguments[1:])
    before, loop_before, children_before = server.cpu(), server.loop_cpu(), server.children_cpu()
    answers = LOADS[arguments[0]](machine, server, *arguments[1:])
    if answers == 0:
        raise server.failure("no answer")
    values = {"cpu_ns": (server.cpu() - before) / answers,
              "loop_ns": (server.loop_cpu() - loop_before) / answers,
              "per_second": answers / float(arguments[-1])}
    if children_before:
        took = [after - before for before, after in zip(children_before, server.children_cpu(), strict=True)]
        values["busy"] = min(took) / max(took)
    return values
