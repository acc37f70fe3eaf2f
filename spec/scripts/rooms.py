"""People in scripts/rooms.lua: each says lines, each must hear everybody's lines once and in order.

usage: rooms.py PEOPLE LINES RELOADS [ws:]ADDRESS:PORT... -- PID...

PEOPLE connect to the addresses in turn, those with ws: as the page does, and say LINES lines each. Meanwhile the
processes PID are sent SIGHUP, RELOADS times. Prints "once", or what is wrong, and exits with 1.
"""
import os
import selectors
import signal
import socket
import sys
import time

LIMIT = float(os.environ.get("MOONPORT_SPEC_TIMEOUT", 5000)) / 1000 * 4


class Person:
    def __init__(self, number, address):
        host, port = address.rsplit(":", 2)[-2:]
        self.number, self.unread, self.heard = number, b"", []
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                self.socket = socket.create_connection((host, int(port)), LIMIT)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        self.socket.setblocking(False)

    def say(self, text):
        self.socket.sendall(text.encode() + b"\n")

    def hear(self):
        data = self.socket.recv(1 << 16)
        if not data:
            sys.exit("person %d: the connection ended" % self.number)
        *lines, self.unread = (self.unread + data).split(b"\n")
        self.heard += [line.decode() for line in lines]


class Visitor(Person):
    def __init__(self, number, address):
        super().__init__(number, address)
        self.socket.setblocking(True)
        self.socket.sendall(b"GET /rooms HTTP/1.1\r\nHost: rooms\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
        while b"\r\n\r\n" not in self.unread:
            self.unread += self.socket.recv(1 << 16) or sys.exit("person %d: no answer" % number)
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        head.startswith(b"HTTP/1.1 101 ") or sys.exit("person %d: %s" % (number, head))
        self.socket.setblocking(False)

    def say(self, text):
        self.socket.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text.encode())  # a short one, masked with zeros

    def hear(self):
        data = self.socket.recv(1 << 16)
        if not data:
            sys.exit("person %d: the connection ended" % self.number)
        self.unread += data
        while len(self.unread) >= 4:
            opcode, size, start = self.unread[0], self.unread[1], 2
            if size == 126:
                size, start = int.from_bytes(self.unread[2:4], "big"), 4
            if len(self.unread) < start + size:
                break
            opcode in (0x81, 0x89) or sys.exit("person %d: a frame that begins with %#x" % (self.number, opcode))
            if opcode == 0x81:
                self.heard.append(self.unread[start:start + size].decode())
            self.unread = self.unread[start + size:]


def listen(people, done, limit=LIMIT):
    """Hears until done() is true. -> whether it is"""
    deadline = time.monotonic() + limit
    with selectors.DefaultSelector() as selector:
        for person in people:
            selector.register(person.socket, selectors.EVENT_READ, person)
        while not done():
            rest = deadline - time.monotonic()
            if rest <= 0:
                return False
            for key, _ in selector.select(rest):
                key.data.hear()
    return True


def main(arguments):
    cut = arguments.index("--")
    count, lines, reloads = map(int, arguments[:3])
    addresses, pids = arguments[3:cut], [int(pid) for pid in arguments[cut + 1:]]
    people = []
    for number in range(count):
        address = addresses[number % len(addresses)]
        people.append((Visitor if address.startswith("ws:") else Person)(number, address))
    for person in people:
        person.say("/nick p%d" % person.number)
        person.say("/join here")
        listen([person], lambda: "* p%d joined here" % person.number in person.heard) or sys.exit("nobody joined")
    for line in range(lines):
        for person in people:
            person.say("line %d" % line)
        if reloads and (line + 1) % max(lines // reloads, 1) == 0:
            for pid in pids:
                os.kill(pid, signal.SIGHUP)
        listen(people, lambda: False, 0.01)
    last = ["p%d: line %d" % (p.number, lines - 1) for p in people]
    listen(people, lambda: all(text in p.heard for p in people for text in last))
    listen(people, lambda: False, 0.3)
    for person in people:
        for other in people:
            said = [text for text in person.heard if text.startswith("p%d: " % other.number)]
            wanted = ["p%d: line %d" % (other.number, line) for line in range(lines)]
            if said != wanted:
                sys.exit("p%d heard of p%d: %s" % (person.number, other.number, said))
    people[0].say("/who")
    names = ", ".join(sorted("p%d" % p.number for p in people))
    listen(people, lambda: "* " + names in people[0].heard) or sys.exit("/who: %s" % people[0].heard[-1])
    print("once")


main(sys.argv[1:])
