# SPDX-License-Identifier: MIT
"""The results as a table for people, as Markdown, and as a plot."""

import datetime
import os
import platform
import re
import statistics
import subprocess

import summary
from rows import BUILT, ROOT

PAGE = os.path.join(ROOT, "docs", "performance.md")
PLOT = os.path.join(ROOT, "docs", "performance.svg")
BEGIN, END = "<!-- table: written by ./dev bench --write -->", "<!-- end of table -->"


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        names = [line.split(":")[1].strip() for line in f if line.startswith("model name")]
    with open("/etc/os-release", encoding="utf-8") as f:
        system = next(line.split("=")[1].strip().strip('"') for line in f if line.startswith("PRETTY_NAME"))
    cpu = (names or [platform.machine()])[0]
    return f"{cpu}, {os.cpu_count()} CPUs, {system}, Linux {platform.release()}"


def number(value):
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"


class Results:
    """The values of each figure by peer and turn."""

    def __init__(self, rows, peers):
        self.rows, self.peers = rows, peers
        self.values, self.failures = {}, []

    def add(self, row, peer, turn, values):
        """Not every peer has every figure."""
        for figure in row.figures:
            if values.get(figure.key) is not None:
                self.of(row, figure, peer)[turn] = values[figure.key] * figure.scale

    def failed(self, row, peer, reason):
        self.failures.append(f"{row.name}, {peer}: {reason}")

    def of(self, row, figure, peer):
        return self.values.setdefault((row.name, figure.key, peer), {})

    def value(self, row, figure, peer):
        values = sorted(self.of(row, figure, peer).values())
        if not values:
            return None
        return values[len(values) // 4] if figure.quiet else statistics.median(values)

    def ratio(self, row, figure, peer):
        """The median of the turns' ratios: what disturbs a turn disturbs both sides of it."""
        mine, others = self.of(row, figure, peer), self.of(row, figure, figure.compare)
        ratios = [mine[turn] / others[turn] for turn in mine if others.get(turn)]
        if not ratios:
            return None
        if figure.quiet:
            return self.value(row, figure, peer) / self.value(row, figure, figure.compare)
        return statistics.median(ratios)

    def cell(self, row, figure, peer):
        value, ratio = self.value(row, figure, peer), self.ratio(row, figure, peer)
        if value is None:
            return ""
        return number(value) + (f" ({ratio:.2f})" if ratio is not None else "")

    def verdict(self, row, figure):
        words = []
        for peer, limit in figure.limits.items():
            value = (self.ratio if figure.compare else self.value)(row, figure, peer)
            who = "" if peer == "moonport" else f"{peer} "
            reached = value is not None and (value >= limit if figure.least else value <= limit)
            told = "" if value is None else ", reached" if reached else ", missed"
            words.append(f"{who}{'≥' if figure.least else '≤'} {limit:g}{told}")
        return "; ".join(words)

    def lines(self):
        yield ["", "unit", *self.peers, "aim"]
        for row in self.rows:
            for figure in row.figures:
                cells = [self.cell(row, figure, peer) for peer in self.peers]
                yield [figure.title, figure.unit, *cells, self.verdict(row, figure)]

    def text(self):
        lines = list(self.lines())
        widths = [max(map(len, column)) for column in zip(*lines)]
        out = ""
        for cells in lines:
            texts = [cells[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(cells[1:-1], widths[1:-1])]
            out += "  ".join([*texts, cells[-1]]).rstrip() + "\n"
        return out + "".join(f"failed: {failure}\n" for failure in self.failures)

    def markdown(self, rounds, one_cpu):
        lines = list(self.lines())
        head = [f"Run on {datetime.date.today().isoformat()}: {machine()}. Rounds: {rounds}. Server and load "
                f"{'share a CPU' if one_cpu else 'have a CPU each'}.\n"]
        rule = ["---"] + ["---:"] * (len(lines[0]) - 2) + ["---"]
        body = ["| " + " | ".join(cells) + " |" for cells in [lines[0], rule, *lines[1:]]]
        return "\n".join([*head, *body, *(f"\nFailed: {failure}" for failure in self.failures)])

    def write(self, rounds, one_cpu):
        """Puts the table between its two marks in the page, its summary into README.md, and draws the plot."""
        with open(PAGE, encoding="utf-8") as f:
            page = f.read()
        new = f"{BEGIN}\n{self.markdown(rounds, one_cpu)}\n{END}"
        with open(PAGE, "w", encoding="utf-8") as f:
            f.write(re.sub(re.escape(BEGIN) + ".*" + re.escape(END), lambda _: new, page, flags=re.DOTALL))
        summary.write()
        self.plot()

    def plot(self):
        names = {"echo64": "echo", "pipeline": "pipelined", "echo4k": "4 KiB", "bulk": "bulk",
                 "connect": "connect", "fanout": "fan-out"}
        data = os.path.join(BUILT, "ratios.dat")
        rows = [row for row in self.rows if row.name in names]
        peers = [peer for peer in self.peers if any(peer in row.peers for row in rows)]
        with open(data, "w", encoding="utf-8") as f:
            f.write(" ".join(["row", *peers]) + "\n")
            for row in rows:
                ratios = [self.ratio(row, row.figures[0], peer) for peer in peers]
                cells = ("?" if ratio is None else f"{ratio:.3f}" for ratio in ratios)
                f.write(" ".join([names[row.name], *cells]) + "\n")
        settings = f"data='{data}'; out='{PLOT}'; peers={len(peers)}"
        subprocess.run(["gnuplot", "-e", settings, os.path.join(ROOT, "bench", "plot.gp")], check=True)
