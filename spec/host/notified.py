# SPDX-License-Identifier: MIT
"""Starts a program as systemd does with Type=notify, and shows what it says: notified.py [MSEC] -- PROGRAM ARGUMENT…
MSEC: WatchdogSec. SIGTERM and SIGHUP are passed on."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading

split = sys.argv.index("--")
with tempfile.TemporaryDirectory() as folder:
    path = folder + "/notify"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    environment = dict(os.environ, NOTIFY_SOCKET=path)
    if split > 1:
        environment["WATCHDOG_USEC"] = str(int(sys.argv[1]) * 1000)
    child = subprocess.Popen(sys.argv[split + 1 :], env=environment)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda which, _: child.send_signal(which))

    def show():
        while True:
            text = listener.recv(4096).decode()
            if not text:
                return
            print("notified", text.replace("\n", " "), flush=True)

    thread = threading.Thread(target=show)
    thread.start()
    while True:
        try:
            status = child.wait(0.05)
            break
        except subprocess.TimeoutExpired:
            pass
    socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"", path)
    thread.join()
sys.exit(status)
