"""People in scripts/rooms.lua: each says lines, each must hear everybody's lines once and in order.

usage: rooms.py PEOPLE LINES RELOADS ADDRESS:PORT... -- PID...

PEOPLE connect to the addresses in turn, and say LINES lines each. Meanwhile the processes PID are sent SIGHUP, RELOADS
times. Prints "once", or what is wrong, and exits with 1.
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
        host, port = address.rsplit(":", 1)
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
    people = [Person(i, addresses[i % len(addresses)]) for i in range(count)]
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
