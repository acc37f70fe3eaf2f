# SPDX-License-Identifier: MIT
"""Sends MIB MiB in pieces of random sizes to PORT, reads in other random sizes, and compares what comes back."""
import hashlib
import random
import socket
import sys
import threading

port, mib = int(sys.argv[1]), int(sys.argv[2])
total = mib << 20
connection = socket.create_connection(("127.0.0.1", port))
sent, received = hashlib.blake2b(), hashlib.blake2b()


def send():
    dice, pool, left = random.Random(1), random.Random(2).randbytes(1 << 20), total
    while left > 0:
        size = min(left, dice.choice([1, 7, 100, 1448, 4096, 65536, 300000]))
        start = dice.randrange(len(pool) - size + 1)
        piece = pool[start:start + size]
        sent.update(piece)
        connection.sendall(piece)
        left -= size
    connection.shutdown(socket.SHUT_WR)


sender = threading.Thread(target=send)
sender.start()
dice, count = random.Random(3), 0
while piece := connection.recv(dice.choice([10, 1000, 65536, 1 << 20])):
    received.update(piece)
    count += len(piece)
sender.join()
if count != total or sent.digest() != received.digest():
    sys.exit(f"{count} of {total} bytes, the same: {sent.digest() == received.digest()}")
print(f"the same {mib} MiB")
