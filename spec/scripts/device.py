# SPDX-License-Identifier: MIT
# Devices for scripts/gateway.lua in Python, with struct.  device.py PORT COUNT
# COUNT devices py-0, py-1, … connect, say hello in pieces of one byte, send a heartbeat, and answer each command with its
# text in capitals, until standard input ends.
import select
import socket
import struct
import sys


def packed(kind, payload):
    body = struct.pack(">B", kind) + payload
    return struct.pack(">I", len(body)) + body


def short(text):
    return struct.pack(">B", len(text)) + text


class Device:
    def __init__(self, port, number):
        self.number = number
        self.unread = b""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in packed(1, short(b"py-%d" % number) + short("th\u00e9rmo<b>".encode())):
            self.socket.sendall(bytes([byte]))

    def messages(self):
        data = self.socket.recv(65536)
        if not data:
            raise SystemExit("py-%d: the gateway has closed" % self.number)
        self.unread += data
        while len(self.unread) >= 4:
            (length,) = struct.unpack(">I", self.unread[:4])
            if len(self.unread) < 4 + length:
                return
            body, self.unread = self.unread[4 : 4 + length], self.unread[4 + length :]
            yield body[0], body[1:]

    def react(self):
        for kind, payload in self.messages():
            if kind == 129:
                self.socket.sendall(packed(2, struct.pack(">Bh", self.number % 100, -150 + self.number)))
                welcome.append(struct.unpack(">H", payload)[0])
                if len(welcome) == int(sys.argv[2]):
                    print("all are welcome, %d s" % max(welcome), flush=True)
            elif kind == 130:
                number, length = struct.unpack(">IH", payload[:6])
                text = payload[6 : 6 + length].upper()
                self.socket.sendall(packed(3, struct.pack(">IH", number, len(text)) + text))
            else:
                raise SystemExit("py-%d: told %d" % (self.number, kind))


devices, welcome = {}, []
for i in range(int(sys.argv[2])):
    device = Device(int(sys.argv[1]), i)
    devices[device.socket] = device
while True:
    ready, _, _ = select.select([sys.stdin, *devices], [], [], 60)
    if not ready or sys.stdin in ready:
        break
    for one in ready:
        devices[one].react()
