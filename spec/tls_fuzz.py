#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Changes what a TLS peer sends, at random but the same for each seed, and prints "done": tls_fuzz.py client PORT SEED
# COUNT connects COUNT times; tls_fuzz.py server SEED COUNT prints its port, and takes as many connections. More
# arguments are actions of tls_peer.py that come first.

import random
import socket
import sys

from tls_peer import Peer, act, say


def records(data):
    """The records of a flight; the last one may be anything."""
    found = []
    while data:
        size = 5 + int.from_bytes(data[3:5], "big") if len(data) >= 5 else len(data)
        found.append(bytearray(data[:size]))
        data = data[size:]
    return found


def mutate(random, data):
    """One to four changes, of bytes, lengths, or whole records."""
    parts = records(bytes(data))
    for _ in range(random.randint(1, 4)):
        if not parts:
            break
        at = random.randrange(len(parts))
        record = parts[at]
        how = random.randrange(9)
        if how <= 2 and record:
            record[random.randrange(len(record))] = random.choice((0, 1, 127, 128, 255, random.randrange(256)))
        elif how == 3 and len(record) > 5:  # another length of the record
            record[3:5] = random.choice((0, 1, len(record) - 4, 16384, 16385 + 256, 65535)).to_bytes(2, "big")
        elif how == 4 and len(record) > 9:  # of the message in it
            record[6:9] = random.choice((0, 1, len(record) - 8, 65535, 0xFFFFFF)).to_bytes(3, "big")
        elif how == 5:
            parts.insert(at, bytearray(record))
        elif how == 6:
            del parts[at]
        elif how == 7 and len(record) > 6:  # two records of one
            cut = random.randrange(6, len(record))
            first, second = record[:cut], record[:5] + record[cut:]
            first[3:5], second[3:5] = (len(first) - 5).to_bytes(2, "big"), (len(second) - 5).to_bytes(2, "big")
            parts[at : at + 1] = [first, second]
        else:
            kind = random.choice((0, 20, 21, 22, 23, 24, 128, 255))
            parts.insert(at, bytearray((kind, 3, 3, 0, 2, random.randrange(256), random.randrange(256))))
    return b"".join(parts)


class Mutating(Peer):
    """Changes one of its flights."""

    def __init__(self, random, server, connection):
        super().__init__(server, connection)
        self.random, self.left = random, random.randrange(3)

    def send(self):
        if self.left == 0:
            self.out = bytearray(mutate(self.random, self.out))
            if self.random.random() < 0.3:
                del self.out[self.random.randrange(len(self.out) + 1) :]
        self.left -= 1
        super().send()


def main():
    server = sys.argv[1] == "server"
    port = 0 if server else int(sys.argv[2])
    words = sys.argv[2 if server else 3 :]
    seed, count, actions = int(words[0]), int(words[1]), words[2:]
    chance = random.Random(seed)
    listener = socket.create_server(("127.0.0.1", 0)) if server else None
    if server:
        say("port", listener.getsockname()[1])
    for _ in range(count):
        connection = listener.accept()[0] if server else socket.create_connection(("127.0.0.1", port))
        connection.settimeout(10)
        peer = Mutating(chance, server, connection)
        for word in actions + ["handshake", "fill=3000", "send"]:
            name, _, value = word.partition("=")
            try:
                act(peer, name, value)
            except OSError as error:
                say("error", error)
        peer.free()
        connection.close()
    say("done")


main()
