# SPDX-License-Identifier: MIT
"""A bad network between two network namespaces: each packet is lost, doubled or late by chance, and so overtakes others.

    network.py NAME NAME LOSS DOUBLED MSEC

The first namespace has the address 10.99.0.1, the second 10.99.0.2. LOSS and DOUBLED are per cent, MSEC is the longest
delay. A line on standard output says when it is there. SIGUSR1 cuts the line: everything is lost until the next one."""
import ctypes
import fcntl
import heapq
import os
import random
import selectors
import signal
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
libc = ctypes.CDLL(None, use_errno=True)


def device(namespace, own, other):
    """The packets that the namespace sends to the other's address, and a way to give it some."""
    fd = os.open("/run/netns/" + namespace, os.O_RDONLY)
    if libc.setns(fd, 0) < 0:
        raise OSError(ctypes.get_errno(), "setns")
    os.close(fd)
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", b"bad", IFF_TUN | IFF_NO_PI))
    for words in ("link set lo up", f"addr add {own} peer {other} dev bad", "link set bad up"):
        subprocess.run(["ip"] + words.split(), check=True)
    return tun


def main():
    names, (loss, doubled, longest) = sys.argv[1:3], (float(word) for word in sys.argv[3:6])
    addresses = "10.99.0.1", "10.99.0.2"
    ends = [device(names[i], addresses[i], addresses[1 - i]) for i in (0, 1)]
    dice, waiting, cut, number = random.Random(1), [], False, 0

    def toggle(*_):
        nonlocal cut
        cut = not cut

    signal.signal(signal.SIGUSR1, toggle)
    selector = selectors.DefaultSelector()
    for i in (0, 1):
        selector.register(ends[i], selectors.EVENT_READ, ends[1 - i])
    print("ready", flush=True)
    while True:
        wait = max(waiting[0][0] - time.monotonic(), 0) if waiting else 1
        for key, _ in selector.select(wait):
            try:
                packet = os.read(key.fd, 65536)
            except OSError:
                continue
            if cut or dice.random() * 100 < loss:
                continue
            for _ in range(2 if dice.random() * 100 < doubled else 1):
                number += 1
                heapq.heappush(waiting, (time.monotonic() + dice.random() * longest / 1e3, number, key.data, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, to, packet = heapq.heappop(waiting)
            try:
                os.write(to, packet)
            except OSError:
                pass  # the device is down, or full: one more is lost


main()
