# SPDX-License-Identifier: MIT
"""The figures of ./dev soak: samples of each process, latencies, and what may grow."""
import json
import os
import statistics
import time

# Between the first quarter of the time, without its beginning, and the last one: a share, and so much more. The medians
# are compared, as buffers come and go; and the heap keeps the pages of the largest crowd that there has been, which
# comes by chance.
GROWTH = {"resident": (0.10, 2 << 20), "private": (0.10, 2 << 20), "descriptors": (0.10, 5)}
WARMING = 60.0  # seconds at the beginning that are in no quarter, or half of the time


def memory_of(pid):
    """-> resident, private: bytes"""
    sums = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if rest.endswith("kB\n"):
                sums[name] = int(rest.split()[0]) * 1024
    return sums["Rss"], sums["Private_Clean"] + sums["Private_Dirty"]


def percentile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))]


class Figures:
    def __init__(self, path):
        self.file = open(path, "w", encoding="ascii") if path else None  # pylint: disable=consider-using-with
        self.samples, self.latencies = {}, {}
        self.began = self.ended = time.monotonic()

    def begin(self):
        self.began = time.monotonic()

    def end(self):
        self.ended = time.monotonic()

    def note(self, kind, **what):
        if self.file:
            at = round(time.monotonic() - self.began, 1)
            print(json.dumps({"at": at, "of": kind} | what), file=self.file, flush=True)

    def sample(self, service):
        pids = {"master": [service.process.pid], "workers": service.children()} if service.has_workers() \
            else {service.name: [service.process.pid]}
        for name, those in pids.items():
            resident = private = descriptors = 0
            for pid in those:
                try:
                    each, own = memory_of(pid)
                    resident, private = resident + each, private + own
                    descriptors += len(os.listdir(f"/proc/{pid}/fd"))
                except (OSError, KeyError):
                    pass  # it has ended
            what = {"resident": resident, "private": private, "descriptors": descriptors}
            self.samples.setdefault(name, []).append((time.monotonic() - self.began, what))
            self.note(name, **what)

    def latency(self, kind, microseconds):
        if not microseconds:
            return
        self.latencies.setdefault(kind, []).append((time.monotonic() - self.began, microseconds))
        ordered = sorted(microseconds)
        self.note(kind, n=len(ordered), p50=percentile(ordered, 0.5), p99=percentile(ordered, 0.99), max=ordered[-1])

    def quarters(self, series):
        """Of pairs of a time and something: those of the first quarter, and those of the last one."""
        whole = self.ended - self.began
        warm = min(WARMING, whole / 2)
        length = (whole - warm) / 4
        return ([it for at, it in series if warm <= at < warm + length],
                [it for at, it in series if whole - length <= at < whole])

    def medians(self):
        """name, what, median of the first quarter, median of the last"""
        for name, series in self.samples.items():
            first, last = self.quarters(series)
            for what in GROWTH:
                if first and last:
                    yield (name, what, statistics.median(it[what] for it in first),
                           statistics.median(it[what] for it in last))

    def grown(self):
        for name, what, first, last in self.medians():
            share, more = GROWTH[what]
            if last > first * (1 + share) + more:
                yield f"{what} of {name} grew from {first:.0f} to {last:.0f}"

    def show(self, counts):
        print(f"\n{'':24} {'first quarter':>14} {'last quarter':>14}")
        for name, what, first, last in self.medians():
            if what == "descriptors":
                print(f"{name + ', ' + what:24} {first:14.0f} {last:14.0f}")
            else:
                print(f"{name + ', ' + what:24} {first / 2**20:10.1f} MiB {last / 2**20:10.1f} MiB")
        print(f"\n{'milliseconds':12} {'number':>9}   {'p50, p99, max: first quarter':>28}   {'last quarter':>28}")
        for kind, series in self.latencies.items():
            parts = []
            for quarter in self.quarters(series):
                all_ = sorted(one for some in quarter for one in some)
                parts.append(" ".join(f"{it / 1000:9.2f}" for it in (
                    percentile(all_, 0.5), percentile(all_, 0.99), all_[-1])) if all_ else "")
            print(f"{kind:12} {sum(len(some) for _, some in series):9}   {parts[0]:>29} {parts[1]:>30}")
        print("\n" + ", ".join(f"{number:,} {name}" for name, number in sorted(counts.items())))
