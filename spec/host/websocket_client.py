# SPDX-License-Identifier: MIT
"""A WebSocket client by hand: sends COUNT messages of random kinds and sizes in random fragments and pieces, with pings
between them, to the echo at PORT, and compares what comes back.   websocket_client.py PORT COUNT"""
import base64
import os
import random
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from websocket_frames import accept_of, frame

port, count = int(sys.argv[1]), int(sys.argv[2])
dice = random.Random(7)
connection = socket.create_connection(("127.0.0.1", port), 20)
key = base64.b64encode(os.urandom(16))
connection.sendall(b"GET /chat HTTP/1.1\r\nHost: a\r\nupgrade: WebSocket\r\nconnection: keep-alive, UPGRADE\r\n"
                   b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + b"\r\n\r\n")
stream = connection.makefile("rb")
assert stream.readline() == b"HTTP/1.1 101 Switching Protocols\r\n"
fields = dict(line.rstrip().split(b": ", 1) for line in iter(stream.readline, b"\r\n"))
assert fields[b"Sec-WebSocket-Accept"] == accept_of(key), fields


def message(number):
    size = dice.choice([0, 1, 3, 60, 125, 126, 500, 5000, 65535, 65536, 200000])
    if number % 2:
        return 2, dice.randbytes(size)
    return 1, "".join(chr(dice.choice([0x41, 0xe9, 0x20ac, 0x1f600])) for _ in range(size // 4)).encode()


def fragments(opcode, payload):
    pieces, at = [], 0
    while at < len(payload) and dice.random() < 0.6:
        size = dice.randint(0, len(payload) - at)
        pieces.append(payload[at:at + size])
        at += size
    pieces.append(payload[at:])
    for i, piece in enumerate(pieces):
        yield frame(dice, 0 if i else opcode, piece, i == len(pieces) - 1)
        if dice.random() < 0.3:
            pings.append(dice.randbytes(dice.randint(0, 125)))
            yield frame(dice, 9, pings[-1], 1)


pings, messages = [], [message(i) for i in range(count)]
out = b"".join(part for one in messages for part in fragments(*one)) + frame(dice, 8, struct.pack(">H", 1001) + b"bye", 1)


def send():
    at = 0
    while at < len(out):
        size = dice.choice([1, 2, 7, 100, 1448, 65536, 300000])
        connection.sendall(out[at:at + size])
        at += size


sender = threading.Thread(target=send)
sender.start()
got, pongs = [], []
while True:
    first, second = stream.read(2)
    assert first & 0x70 == 0 and second < 128, "a reserved bit, or a mask"
    size = struct.unpack(">H", stream.read(2))[0] if second == 126 else \
        struct.unpack(">Q", stream.read(8))[0] if second == 127 else second
    payload = stream.read(size)
    assert len(payload) == size
    if first & 15 == 8:
        break
    (pongs if first & 15 == 10 else got).append(payload if first & 15 == 10 else (first & 15, payload))
sender.join()
assert payload == struct.pack(">H", 1001), payload
assert stream.read() == b"", "something behind the close"
assert got == messages, "another message came back"
assert pongs == pings, "another pong came back"
print(len(got), "messages", len(pongs) > 0)
