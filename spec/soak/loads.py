# SPDX-License-Identifier: MIT
"""What the clients of ./dev soak do: a session for each kind of load, and how many at a time there are of it. A session
makes its connection by link.open, so that what goes wrong is judged by the process that served it."""
import asyncio
import base64
import hashlib
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from websocket_frames import accept_of, frame

BLOCK = 1048573  # a prime, so that no lost or doubled buffer of the usual sizes goes unnoticed


class Lost(Exception):
    """The service has not done what it promises."""


def pattern():
    block = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(BLOCK // 32 + 1))[:BLOCK]
    return memoryview(block + block)


PATTERN = pattern()
NUMBER = 0


def line_of(clients, longest):
    """A line that no other one is like."""
    global NUMBER
    NUMBER += 1
    return b"%d:%s\n" % (NUMBER, b"x" * clients.random.randrange(longest))


async def echo(clients, link):
    await link.open()
    link.send(clients.random.choice((b"echo\n", b"closure\n", b"wait\n")))
    for _ in range(clients.random.randrange(300)):
        if clients.ending.is_set():
            break
        await link.ask(line_of(clients, 3000))
        await clients.rest(0.1)
    await link.end()


async def stay(clients, link):
    """Is silent until the load ends, over all reloads, and then is answered."""
    await link.open(encrypted=clients.random.random() < 0.5)
    link.send(clients.random.choice((b"echo\n", b"closure\n", b"wait\n")))
    await link.ask(line_of(clients, 100))
    await clients.ending.wait()
    await link.ask(line_of(clients, 100))
    await link.end()


async def echo_tls(clients, link):
    await link.open(encrypted=True)
    link.send(clients.random.choice((b"echo\n", b"closure\n", b"wait\n")))
    for _ in range(clients.random.randrange(60)):
        if clients.ending.is_set():
            break
        await link.ask(line_of(clients, 3000))
        await clients.rest(0.1)
    await link.end()


async def flow(clients, link, size, piece=65536, pause=0.0):
    """Sends so many bytes, and reads them in pieces meanwhile."""
    begin = clients.random.randrange(BLOCK)

    async def send():
        for at in range(0, size, 65536):
            from_ = (begin + at) % BLOCK
            link.send(PATTERN[from_:from_ + min(65536, size - at)])
            await link.writer.drain()

    async def receive():
        at = 0
        while at < size:
            data = await link.reader.read(piece)
            if not data:
                raise ConnectionResetError(f"the end behind {at} of {size} bytes")
            from_ = (begin + at) % BLOCK
            if data != PATTERN[from_:from_ + len(data)]:
                raise Lost(f"other bytes came back, within {len(data)} behind {at} of {size}")
            at += len(data)
            clients.count("received", len(data))
            if pause:
                await asyncio.sleep(pause)

    await asyncio.gather(send(), receive())


async def bulk(clients, link):
    await link.open()
    link.send(b"echo\n")
    await flow(clients, link, clients.random.randrange(8 << 20))
    await link.end()
    await clients.rest(1)


async def bulk_tls(clients, link):
    await link.open(encrypted=True)
    link.send(b"echo\n")
    await flow(clients, link, clients.random.randrange(2 << 20))
    await link.end()
    await clients.rest(1)


async def slow(clients, link):
    """Takes far less than it could, so that the service has to stop reading."""
    await link.open(receive_buffer=16384, limit=8192)
    link.send(b"echo\n")
    await flow(clients, link, 4 << 20, piece=16384, pause=0.01)
    await link.end()


async def connect(clients, link):
    """Comes, asks once or not at all, and goes."""
    await link.open(encrypted=clients.random.random() < 0.2)
    if clients.random.random() < 0.5:
        link.send(b"echo\n")
        await link.ask(line_of(clients, 100))
    await link.end()
    await clients.rest(0.03)


async def reset(clients, link):
    """Ends its connection by a reset, at any moment, with bytes that nobody reads any more."""
    encrypted = clients.random.random() < 0.2
    await link.open(encrypted)
    stage = clients.random.randrange(4)
    if stage > 0:
        link.send(clients.random.choice((b"ec", b"echo\n", b"wait\n", b"wait\nhalf a line", b"closure\n")))
    if stage > 1:
        link.writer.write(bytes(PATTERN[:clients.random.randrange(300000)]))
    if stage > 2:
        try:
            await asyncio.wait_for(link.reader.read(1000), 1)
        except asyncio.TimeoutError:
            pass  # half a line has no answer
    link.reset()
    await clients.rest(0.05)


async def half_close(clients, link):
    """Ends its own direction at once; all answers come nevertheless."""
    await link.open()
    size = clients.random.randrange(300000)
    link.send(b"echo\n" + PATTERN[:size])
    link.writer.write_eof()
    data = await link.reader.read(-1)
    clients.count("received", len(data))
    if data != PATTERN[:size]:
        raise Lost(f"{len(data)} bytes came back of {size}")
    await clients.rest(0.1)


async def failing(clients, link):
    """A handler that fails ends this connection, and no other."""
    await link.open(encrypted=clients.random.random() < 0.2)
    link.send(clients.random.choice((b"fail\n", b"failLater\n")))
    try:
        rest = await link.reader.read(-1)
    except ConnectionResetError:
        rest = b""
    if rest:
        raise Lost(f"an answer of a handler that failed: {rest[:40]!r}")
    clients.count("errors")
    await clients.rest(0.5)


async def helpers(clients, link):
    """A process and a thread for each question."""
    await link.open()
    line = line_of(clients, 300)
    if clients.random.random() < 0.5:
        link.send(b"process\n")
        await link.ask(line)
    else:
        link.send(b"work\n")
        await link.ask(line, line[:-1][::-1] + b"\n")
    await link.end()
    await clients.rest(0.3)


async def open_web(clients, link):
    """An HTTP server doesn't greet, so a first answer says which process serves."""
    link.reader, link.writer = await asyncio.open_connection("127.0.0.1", link.target.http)
    clients.count("connects")
    link.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx")
    _, fields = await head_of(link)
    link.pid = int(fields[b"x-worker"])
    if await body_of(link, fields) != b"x":
        raise Lost("another body came back")


async def head_of(link):
    """-> the status, and the fields by their names in small letters"""
    head = await link.reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].split(b"\r\n")
    fields = {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}
    return int(first.split()[1]), fields


async def body_of(link, fields):
    if fields.get(b"transfer-encoding") != b"chunked":
        return await link.reader.readexactly(int(fields[b"content-length"]))
    pieces = []
    while size := int(await link.reader.readuntil(b"\r\n"), 16):
        pieces.append((await link.reader.readexactly(size + 2))[:-2])
    await link.reader.readexactly(2)
    return b"".join(pieces)


def chunked(clients, body):
    at, pieces = 0, []
    while at < len(body):
        size = clients.random.randrange(1, 30000)
        pieces.append(b"%x\r\n%s\r\n" % (len(body[at:at + size]), body[at:at + size]))
        at += size
    return b"".join(pieces) + b"0\r\n\r\n"


async def web(clients, link):
    """Requests of all kinds on one connection: bodies with a length and in chunks, files, and routes that fail."""
    await open_web(clients, link)
    for _ in range(clients.random.randrange(1, 60)):
        if clients.ending.is_set():
            break
        begin, size = clients.random.randrange(BLOCK), clients.random.choice((0, 10, 1000, 20000, 200000))
        body, path = bytes(PATTERN[begin:begin + size]), clients.random.choice((b"echo", b"pieces"))
        request = b"POST /%s HTTP/1.1\r\nHost: localhost\r\n" % path
        request += b"Transfer-Encoding: chunked\r\n\r\n" + chunked(clients, body) if clients.random.random() < 0.5 \
            else b"Content-Length: %d\r\n\r\n%s" % (size, body)
        wanted = 200
        kind = clients.random.random()
        if kind < 0.2:
            request, body = b"GET /files/block HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes(PATTERN[:300000])
        elif kind < 0.25:
            request, wanted, body = b"GET /fail HTTP/1.1\r\nHost: localhost\r\n\r\n", 500, None
        began = asyncio.get_running_loop().time()
        link.send(request)
        status, fields = await head_of(link)
        answer = await body_of(link, fields)
        clients.took(asyncio.get_running_loop().time() - began)
        clients.count("received", len(answer))
        clients.count("requests")
        if status != wanted or (body is not None and answer != body):
            raise Lost(f"{request[:30]!r} was answered {status} with {len(answer)} bytes of {len(body or b'')}")
        if fields.get(b"connection") == b"close":
            break
        await clients.rest(0.1)


async def web_socket(clients, link):
    """Messages in random fragments, with pings between them, to the handlers and to the loop."""
    await open_web(clients, link)
    key = base64.b64encode(clients.random.randbytes(16))
    path = clients.random.choice((b"/ws", b"/loop"))
    link.send(b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n" % (path, key))
    status, fields = await head_of(link)
    if status != 101 or fields[b"sec-websocket-accept"] != accept_of(key):
        raise Lost(f"{path} was answered {status} with {fields}")
    for _ in range(clients.random.randrange(100)):
        if clients.ending.is_set():
            break
        size, begin = clients.random.choice((0, 1, 125, 126, 5000, 65535, 65536)), clients.random.randrange(BLOCK)
        message, cut = bytes(PATTERN[begin:begin + size]), clients.random.randrange(size + 1)
        began = asyncio.get_running_loop().time()
        link.send(frame(clients.random, 2, message[:cut], False))
        link.send(frame(clients.random, 9, message[:cut][:100], True))
        link.send(frame(clients.random, 0, message[cut:], True))
        got = {}
        while len(got) < 2:
            opcode, payload = await frame_of(link)
            got[opcode] = payload
        clients.took(asyncio.get_running_loop().time() - began)
        clients.count("received", len(message))
        clients.count("messages")
        if got.get(2) != message or got.get(10) != message[:cut][:100]:
            raise Lost(f"another message came back than {size} bytes: {[(k, len(v)) for k, v in got.items()]}")
        await clients.rest(0.1)
    link.send(frame(clients.random, 8, b"\x03\xe8", True))
    opcode, payload = await frame_of(link)
    if opcode != 8 or payload != b"\x03\xe8" or await link.reader.read() != b"":
        raise Lost(f"a close was answered by {opcode} {payload[:40]!r}")


async def frame_of(link):
    """-> the opcode and the payload of a frame that is a whole message"""
    first, size = await link.reader.readexactly(2)
    if size > 125:
        size = int.from_bytes(await link.reader.readexactly(2 if size == 126 else 8), "big")
    if not first & 0x80:
        raise Lost("a message came back in fragments")
    return first & 15, await link.reader.readexactly(size)


async def datagrams(clients, link):
    """Each datagram comes back once: also over a reload, while its process lives."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.setblocking(False)
        own.connect(("127.0.0.1", link.target.udp))
        link.pid = link.target.udp_pid or None
        for _ in range(clients.random.randrange(1, 200)):
            if clients.ending.is_set():
                return
            data = line_of(clients, clients.random.choice((100, 1400, 8000)))
            began = loop.time()
            await loop.sock_sendall(own, data)
            clients.count("sent", len(data))
            answer = await asyncio.wait_for(loop.sock_recv(own, 65536), 5)
            clients.took(loop.time() - began)
            pid, _, rest = answer.partition(b" ")
            clients.count("received", len(rest))
            clients.count("datagrams")
            if rest != data:
                raise Lost(f"another datagram came back: {answer[:40]!r} for {data[:40]!r}")
            link.pid = link.target.udp_pid = int(pid)
            await clients.rest(0.03)


LOADS = {  # kind: its session, and how many at a time for each service
    "echo": (echo, 20), "stay": (stay, 5), "tls": (echo_tls, 10), "bulk": (bulk, 1), "bulk-tls": (bulk_tls, 1),
    "slow": (slow, 3), "connect": (connect, 2), "reset": (reset, 2), "half-close": (half_close, 2),
    "error": (failing, 2),
    "helper": (helpers, 1), "http": (web, 5), "websocket": (web_socket, 5), "udp": (datagrams, 3),
}
