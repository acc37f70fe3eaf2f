# SPDX-License-Identifier: MIT
"""Starts a program as systemd's socket activation does, with a listener on a free port: activate.py PROGRAM ARGUMENT…"""

import os
import socket
import sys

listener = socket.create_server(("127.0.0.1", 0))
print("activated on", listener.getsockname()[1], flush=True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.dup2(listener.fileno(), 3, inheritable=True) if listener.fileno() != 3 else os.set_inheritable(3, True)
os.execv(sys.argv[1], sys.argv[1:])
