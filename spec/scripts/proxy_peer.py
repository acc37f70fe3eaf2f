# SPDX-License-Identifier: MIT
"""Peers for the specs of scripts/proxy.lua.

proxy_peer.py source|sink listen|connect PORT SIZE
    A source sends SIZE bytes and half-closes, and says when nothing has been taken for a while. A sink begins to read when a
    line comes on its standard input. Both tell the digest of all bytes.
proxy_peer.py answer PORT
    Listens (PORT 0: a free one, which it tells); reads each request to its end, sends its digest and as many bytes back.
proxy_peer.py ask PORT COUNT
    COUNT clients at once, each sends a request, half-closes, and reads the answer to its end.
"""
import hashlib
import os
import select
import socket
import sys
import threading


def say(*words):
    print(*words, flush=True)


def listen(port):
    server = socket.create_server(("127.0.0.1", port), backlog=128)
    say("port", server.getsockname()[1])
    return server


def receive_all(connection):
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def source(connection, size):
    block, digest, sent, told = os.urandom(1 << 20), hashlib.sha256(), 0, False
    connection.setblocking(False)
    while sent < size:
        if not select.select([], [connection], [], 0.5)[1]:
            if not told:
                say("stalled", sent)
            told = True
            continue
        start = sent % len(block)
        taken = connection.send(memoryview(block)[start:start + size - sent])
        digest.update(memoryview(block)[start:start + taken])
        sent += taken
    connection.shutdown(socket.SHUT_WR)
    say("sent", sent, digest.hexdigest())
    select.select([connection], [], [])
    connection.recv(1)


def sink(connection):
    digest, size = hashlib.sha256(), 0
    sys.stdin.readline()
    while part := connection.recv(1 << 20):
        digest.update(part)
        size += len(part)
    say("received", size, digest.hexdigest())


def answer(connection):
    request = receive_all(connection)
    connection.sendall(hashlib.sha256(request).hexdigest().encode() + request)
    connection.close()


def ask(port, number, results):
    request = os.urandom(1000 * number)
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(request)
    connection.shutdown(socket.SHUT_WR)
    results.append(receive_all(connection) == hashlib.sha256(request).hexdigest().encode() + request)


def main(what, *arguments):
    if what == "answer":
        server = listen(int(arguments[0]))
        while True:
            threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
    elif what == "ask":
        port, count, results = int(arguments[0]), int(arguments[1]), []
        threads = [threading.Thread(target=ask, args=(port, i, results)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        say(results.count(True), "of", count)
    else:
        how, port, size = arguments[0], int(arguments[1]), int(arguments[2])
        if how == "listen":
            connection = listen(port).accept()[0]
        else:
            connection = socket.create_connection(("127.0.0.1", port))
        source(connection, size) if what == "source" else sink(connection)


main(*sys.argv[1:])
