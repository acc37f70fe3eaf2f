# SPDX-License-Identifier: MIT
"""Starts a program whose stderr is a socket that JOURNAL_STREAM names, as the journal's, and shows what came:
journal.py -- PROGRAM ARGUMENT…"""

import os
import socket
import subprocess
import sys

ours, theirs = socket.socketpair()
status = os.fstat(theirs.fileno())
environment = dict(os.environ, JOURNAL_STREAM=f"{status.st_dev}:{status.st_ino}")
child = subprocess.Popen(sys.argv[2:], stderr=theirs, env=environment)
theirs.close()
with ours.makefile("rb") as stream:
    sys.stdout.buffer.write(stream.read())
sys.exit(child.wait())
