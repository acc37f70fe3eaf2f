# SPDX-License-Identifier: MIT
"""A name server for specs, on 127.0.0.1:53 of a network namespace of their own, while it runs a program.

    name_server.py RECORD… -- PROGRAM ARGUMENT…

A record is NAME/TYPE=ANSWER, with A or AAAA and an address, PTR and a name, "never" (no answer) or "failure" (SERVFAIL). ANSWER@MSEC
comes so much later; ANSWER@pair waits for the question for the other type too, and A is answered before AAAA. A name
that has the other type only has no data, any other name doesn't exist. Each question is printed as "asked TYPE NAME".
"""
import heapq
import itertools
import select
import socket
import struct
import subprocess
import sys
import time

TYPES = {1: "A", 12: "PTR", 28: "AAAA"}
SIZES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}


def parse(arguments):
    records = {}
    for argument in arguments:
        key, _, answer = argument.partition("=")
        name, _, kind = key.rpartition("/")
        answer, _, when = answer.partition("@")
        records[name.lower(), kind] = answer, when
    return records


def question(packet):
    labels, at = [], 12
    while packet[at]:
        labels.append(packet[at + 1 : at + 1 + packet[at]].decode())
        at += packet[at] + 1
    return ".".join(labels), TYPES.get(struct.unpack_from("!H", packet, at + 1)[0], "other"), at + 5


def reply(packet, end, kind, answer, exists):
    code, data = 0 if exists else 3, b""
    if answer == "failure":
        code = 2
    elif answer:
        if kind == "PTR":
            address = b"".join(bytes([len(label)]) + label.encode() for label in answer.split(".")) + b"\0"
        else:
            address = socket.inet_pton(SIZES[kind], answer)
        data = packet[end - 4 : end]
        data = b"\xc0\x0c" + data + struct.pack("!IH", 300, len(address)) + address
    head = packet[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, 1 if data else 0, 0, 0)
    return head + packet[12:end] + data


def main():
    border = sys.argv.index("--")
    records = parse(sys.argv[1:border])
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    program = subprocess.Popen(sys.argv[border + 1 :])
    due, order, pairs = [], itertools.count(), {}
    while program.poll() is None:
        if select.select([server], [], [], 0.005 if due else 0.05)[0]:
            packet, client = server.recvfrom(512)
            name, kind, end = question(packet)
            print("asked", kind, name, flush=True)
            answer, when = records.get((name.lower(), kind), ("", ""))
            exists = any(known == name.lower() for known, _ in records)
            if answer != "never":
                message = reply(packet, end, kind, answer, exists)
                if when == "pair":
                    pair = pairs.setdefault(name.lower(), {})
                    pair[kind] = message, client
                    for message, client in [pair["A"], pair["AAAA"]] if len(pair) == 2 else []:
                        server.sendto(message, client)
                else:
                    heapq.heappush(due, (time.monotonic() + int(when or 0) / 1000, next(order), message, client))
        while due and due[0][0] <= time.monotonic():
            _, _, message, client = heapq.heappop(due)
            server.sendto(message, client)
    sys.exit(program.returncode if program.returncode >= 0 else 128 - program.returncode)


main()
