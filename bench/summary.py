#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts the few rows of docs/performance.md that README.md shows between their two marks there."""

import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE, README = os.path.join(ROOT, "docs", "performance.md"), os.path.join(ROOT, "README.md")
BEGIN, END = "<!-- figures: written by bench/summary.py -->", "<!-- end of figures -->"

# A row's title in the page; what README.md calls it.
ROWS = {
    "echo 64 bytes, 50 connections: CPU per request": "CPU time per echo, µs",
    "bulk 1 MiB, 4 connections: CPU per MiB": "CPU time per MiB, there and back, µs",
    "connect, echo, close: CPU each": "CPU time per connect, echo and close, µs",
    "15,000 idle connections: memory each": "memory per idle connection, bytes",
    "start to listening": "from start to listening, ms",
}
PEERS = {"epoll": "C, bare epoll", "moonport": "moonport", "luv": "luv", "cqueues": "cqueues", "node": "node", "qt": "Qt 5"}


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def figures():
    with open(PAGE, encoding="utf-8") as f:
        lines = [cells(line) for line in f if line.startswith("|")]
    peers = lines[0]
    for title, name in ROWS.items():
        row = next(line for line in lines if line[0] == title)
        values = {peer: re.sub(r" \(.*", "", cell) for peer, cell in zip(peers, row)}
        yield [name, *(values[peer] or "–" for peer in PEERS)]


def table():
    lines = [["", *PEERS.values()], ["---", *("---:" for _ in PEERS)], *figures()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write():
    with open(README, encoding="utf-8") as f:
        text = f.read()
    new = re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda _: f"{BEGIN}\n{table()}\n{END}", text, flags=re.DOTALL)
    with open(README, "w", encoding="utf-8") as f:
        f.write(new)


if __name__ == "__main__":
    write()
