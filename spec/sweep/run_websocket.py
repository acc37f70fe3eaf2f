# SPDX-License-Identifier: MIT
"""One run of service_websocket.lua with a fault. What a fault may do is in run.py; of a WebSocket that was opened, the
script is told by `closed`."""
import selectors
import struct

import run

REQUEST = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
LARGE = bytes(range(256)) * 1200


def frame(opcode, payload, final=True):
    """With a mask of zeros."""
    first, size = opcode | (0x80 if final else 0), len(payload)
    if size < 126:
        head = struct.pack("!BB", first, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, 0x80 | 126, size)
    else:
        head = struct.pack("!BBQ", first, 0x80 | 127, size)
    return head + bytes(4) + payload


class Client(run.Client):
    """The same over WebSocket: `got` has the payloads of messages and pongs. What is sent waits for the upgrade."""

    def __init__(self, site, port, path=b"/"):
        self.unparsed, self.waiting, self.upgraded = b"", b"", False
        super().__init__(site, port)
        super().send(REQUEST % path)

    def on_event(self, mask):
        payloads, self.got = self.got, b""
        super().on_event(mask)
        self.unparsed, self.got = self.unparsed + self.got, payloads
        if mask & selectors.EVENT_READ:
            self.take()

    def take(self):
        if not self.upgraded:
            head, found, rest = self.unparsed.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self.close()
                return
            self.unparsed, self.upgraded = rest, True
            super().send(self.waiting)
        while self.take_frame():
            pass

    def take_frame(self):
        data = self.unparsed
        if len(data) < 2:
            return False
        size, at = data[1], 2
        if size > 127:
            raise run.Broken("a mask from the server")
        if size > 125:
            at = 4 if size == 126 else 10
            size = int.from_bytes(data[2:at], "big")
        if len(data) < at + size:
            return False
        opcode = data[0] & 15
        self.unparsed = data[at + size :]
        if opcode == PING:
            self.send_frame(PONG, data[at : at + size])
        elif opcode == CLOSE:
            self.send_frame(CLOSE, data[at : at + 2])
        else:
            self.got += data[at : at + size]
        return True

    def send_frame(self, *parts):
        if self.upgraded:
            super().send(frame(*parts))
        else:
            self.waiting += frame(*parts)

    def send(self, data):
        """A message."""
        if data:
            self.send_frame(BINARY, data)
        else:
            super().send(data)


class Site(run.Site):
    SCRIPT = "service_websocket.lua"


class Run(run.Run):
    def echo(self, path=b"/"):
        client = Client(self.site, self.ports["echo"], path)
        self.clients.append(client)
        return client

    def fragments(self):
        client = self.echo()
        client.send_frame(TEXT, b"one, ", False)
        client.send_frame(PING, b"ping, ")
        client.send_frame(CONTINUATION, b"two, ", False)
        self.exchange(client, b"", b"ping, ", "a pong")
        client.send_frame(CONTINUATION, b"three")
        self.exchange(client, b"", b"one, two, three", "an echo of fragments")

    def serve(self):
        first, opened = self.begin(2)
        self.exchange(self.echo(), LARGE, LARGE, "a large echo")
        loop = self.echo(b"/loop")
        self.exchange(loop, run.SMALL, run.SMALL, "echo of a loop")
        self.fragments()
        self.ask("connect", ["Hello 3000", r"failed \w+Error .*", "failed ProtocolFailure .*"])
        bye = self.echo()
        bye.send(b"bye")
        self.until(lambda: bye.ended, "the end after bye")
        wrong = self.echo()
        wrong.send_frame(3, b"an unknown opcode")
        self.until(lambda: wrong.ended, "the end after a wrong frame")
        self.reload()
        for client in first, loop:
            if not client.ended:
                self.exchange(client, run.SMALL, run.SMALL, "echo after the reload")
                client.send_frame(CLOSE, b"\x03\xe8")
                self.until(lambda one=client: one.ended, "the end after a close")
        self.finish(opened)

    def is_untold(self):
        """Before it is a WebSocket, a connection is moonport.http's."""
        return not self.told() and (not self.report or self.report["opened"] != self.report["closed"])
