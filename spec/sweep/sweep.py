# SPDX-License-Identifier: MIT
"""The sweep: each allocation and each system call of the program fails in turn, once or until the sweep lifts it.

    sweep.py [--tls | --websocket] [--part N] [--program FILE] [--library FILE] [--jobs N] [--list] [PATTERN]

A run in which nothing fails counts the calls of each function. Then each function, call, errno and length of the
failure is a case, a run of its own; so is each number of descriptors that the program may have ("descriptors").
PATTERN, a regular expression, chooses among their names, such as "recv 3 EIO once"; --part takes this number of
cases, equally many of each function. Prints what is wrong, one line a function, and "N passed, N failed" at the end.
"""
import argparse
import multiprocessing
import os
import re
import resource
import sys
import time
import typing

import faults
import run
import run_tls
import run_websocket

TURNS_A_SECOND = 1000  # that timers and waits may take
TIMES = {"once": 1, "twice": 2, "5 times": 5, "on": faults.EVER}


class Case(typing.NamedTuple):
    function: str
    number: int
    call: int
    error: str
    code: int
    times: str

    def __str__(self):
        return "%s %d %s %s" % (self.function, self.call, self.error, self.times)


class Worker:
    """Does one run at a time."""

    def __init__(self, options):
        self.options = options
        self.scenario = options["scenario"]
        self.site = self.scenario.Site(os.path.dirname(options["library"]))
        self.faults = faults.Faults(self.site.file("faults", b""))

    def try_case(self, case):
        """-> what is wrong or None, what the program has written, the calls"""
        options = dict(self.options, function=case.function)
        if case.function == "memory":
            options["environment"] = {"MOONPORT_MALLOC": "1"}  # Lua's small objects don't come from a pool
        if case.function == "descriptors":
            limit_descriptors(options, case.call)
        last = min(case.call + TIMES[case.times] - 1, faults.EVER) if case.call else 0
        self.faults.arm(case.number, case.call, last, case.code)
        one = self.scenario.Run(self.site, self.faults, options)
        began = time.monotonic()
        try:
            wrong = one.judge()
        finally:
            one.close()
        seconds = time.monotonic() - began
        if not case.call and not one.served:  # nothing fails
            wrong = wrong or "it doesn't serve"
        calls = self.faults.calls()
        # A transfer of one byte takes many turns. Only waiting does so too, such as for a name server that is asked
        # again two seconds later: timers run meanwhile. A loop that spins takes ten thousand turns a second and more.
        most = options["turns"] + TURNS_A_SECOND * seconds
        if not wrong and case.code >= 0 and calls.get("epoll_wait", 0) > most:
            wrong = "spins: %d turns in %.1f s" % (calls["epoll_wait"], seconds)
        return wrong, one.output + one.errors, calls


def limit_descriptors(options, limit):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    options["preexec"] = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    options["lift"] = lambda one: resource.prlimit(one.child.pid, resource.RLIMIT_NOFILE, (1024, hard))


def times(function, error):
    """Lua tries an allocation again; a failure by chance doesn't last."""
    if function == "memory":
        return "once", "twice", "on"
    return "once", "5 times" if error in ("EAGAIN", "EINTR") else "on"


def cases(options):
    """-> all of them; sets the limit of turns from the run in which nothing fails"""
    worker, counts = Worker(options), {}
    for function in "nothing", "memory":
        wrong, text, counts[function] = worker.try_case(Case(function, faults.NOTHING, 0, "none", 0, "once"))
        if wrong:
            sys.exit("sweep: without a failure: %s\n%s" % (wrong, text))
    options["turns"] = 3 * counts["nothing"]["epoll_wait"] + 200
    found = []
    for number, function in enumerate(counts["nothing"]):
        for call in range(1, counts["memory" if function == "memory" else "nothing"][function] + 1):
            for error, code in faults.errors(function):
                for how in times(function, error):
                    found.append(Case(function, number, call, error, code, how))
    # With fewer, the dynamic linker fails.
    found += [Case("descriptors", faults.NOTHING, limit, "limit", 0, "on") for limit in range(5, 24)]
    return found


def part(chosen, size):
    """Equally many of each function, from its first call to its last."""
    by_function = {}
    for case in chosen:
        by_function.setdefault(case.function, []).append(case)
    result, left = [], len(by_function)
    for group in sorted(by_function.values(), key=len):
        n = min(len(group), (size - len(result)) // left)
        result += [group[i * len(group) // n] for i in range(n)]
        left -= 1
    return result


worker = None


def begin(options):
    global worker
    worker = Worker(options)


def try_case(case):
    return case, *worker.try_case(case)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default="build/moonport")
    parser.add_argument("--library", default="build/asan/spec/faults.so")
    parser.add_argument("--tls", action="store_const", dest="scenario", const=run_tls, default=run,
                        help="service_tls.lua instead of service.lua")
    parser.add_argument("--websocket", action="store_const", dest="scenario", const=run_websocket)
    parser.add_argument("--part", type=int)
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--patience", type=float, default=10, help="seconds")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("pattern", nargs="?", default="")
    options = vars(parser.parse_args())
    options["turns"] = faults.EVER
    chosen = [case for case in cases(options) if re.match(options["pattern"], str(case))]
    if options["part"]:
        chosen = part(chosen, options["part"])
    if options["list"]:
        print("\n".join(map(str, chosen)))
        return
    counts = {}
    with multiprocessing.Pool(options["jobs"], begin, (options,)) as pool:
        for case, wrong, text, _ in pool.imap_unordered(try_case, chosen):
            counts.setdefault(case.function, [0, 0])[wrong is not None] += 1
            if wrong:
                print("  %s: %s" % (case, wrong))
                print("".join("    | %s\n" % line for line in text.splitlines()), end="", flush=True)
    for function, (passed, failed) in counts.items():
        print("  %s: %d passed, %d failed" % (function, passed, failed))
    passed, failed = (sum(count[i] for count in counts.values()) for i in (0, 1))
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0 or passed == 0)


if __name__ == "__main__":
    main()
