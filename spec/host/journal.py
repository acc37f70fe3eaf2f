# SPDX-License-Identifier: MIT
"""Starts a program whose stderr is a pipe or a socket that JOURNAL_STREAM names, as the journal's, and shows what came:
journal.py pipe|socket|other PROGRAM ARGUMENT…   With "other", JOURNAL_STREAM is that of another stream."""

import os
import socket
import subprocess
import sys

kind, command = sys.argv[1], sys.argv[2:]
if kind == "socket":
    ours, theirs = (end.detach() for end in socket.socketpair())
else:
    ours, theirs = os.pipe()
status = os.fstat(ours if kind == "pipe" else theirs)  # both ends of a pipe have one inode
inode = status.st_ino + (kind == "other")
child = subprocess.Popen(command, stderr=theirs, env=dict(os.environ, JOURNAL_STREAM=f"{status.st_dev}:{inode}"))
os.close(theirs)
with os.fdopen(ours, "rb") as stream:
    sys.stdout.buffer.write(stream.read())
sys.exit(child.wait())
