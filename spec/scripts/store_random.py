# SPDX-License-Identifier: MIT
# Sends the same random commands to two servers, and compares their replies: store_random.py PORT PORT COUNT SEED
#
# Commands come in pipelines of random length, some cut into pieces. Replies whose order is free are sorted. Times to
# live may differ by a second's tick; what depends on chance or on the clock isn't asked.
import random
import socket
import sys

ports, count, seed = [int(sys.argv[1]), int(sys.argv[2])], int(sys.argv[3]), int(sys.argv[4])
chance = random.Random(seed)
unordered = {"HGETALL", "HKEYS", "HVALS", "SMEMBERS", "SINTER", "SUNION", "SDIFF", "KEYS"}


class Client:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("the server has closed the connection behind %r" % line)
        kind, rest = line[:1], line[1:-2]
        if kind in b"$" and rest != b"-1":
            text = self.file.read(int(rest) + 2)[:-2]
            return text
        if kind in b"*~>" and rest != b"-1":
            return [self.reply() for _ in range(int(rest))]
        if kind == b"%":
            return [self.reply() for _ in range(2 * int(rest))]
        return line


def key():
    return "k%d" % chance.randrange(12)


def field():
    return chance.choice(["f1", "f2", "f3", "", "a b\r\n", "x" * 50])


def value():
    return chance.choice(["1", "-5", "9223372036854775807", "-9223372036854775808", "007", "", "word", " 1", "1.5", "0",
                          "x" * chance.randrange(200), "\r\n\x00\xff"])


def number():
    return chance.choice(["1", "-1", "0", "10", "9223372036854775807", "-9223372036854775808", "x", "1.5", "", "+1",
                          "99999999999999999999", "03"])


def time():
    seconds = str(chance.randrange(1000000, 9000000))  # GT and LT never meet the same time
    return chance.choice([seconds, seconds, "9223372036854775807", "0", "-1", "x", "9223372036854775"])


def glob():
    return chance.choice(["*", "k?", "k1*", "k[1-3]", "k[^1-3]", "[", "[]", "k[3-1]", "\\k1", "*1*", "nothing", "k[", "", "[^",
                          "k\\", "**", "?*?"])


def some(make, least=1, most=4):
    return [make() for _ in range(chance.randint(least, most))]


def pairs(make, other):
    words = []
    for _ in range(chance.randint(1, 3)):
        words += [make(), other()]
    return words + ([make()] if chance.random() < 0.05 else [])


def options():
    words = []
    for _ in range(chance.choice([0, 0, 1, 1, 2, 3])):
        words += chance.choice([["NX"], ["XX"], ["GET"], ["KEEPTTL"], ["EX", time()], ["px", time()], ["nx"], ["FOO"],
                                ["EX"], ["PXAT", "99999999999999"], ["exat", "99999999999"]])
    return words


def when():
    return chance.choice([[], [], ["NX"], ["XX"], ["GT"], ["lt"], ["NX", "XX"], ["GT", "LT"], ["FOO"], ["XX", "GT"]])


def at():
    return chance.choice(["99999999999", "99999999999999", "1", "-5", "x", "9223372036854775807"])


commands = [
    lambda: ["SET", key(), value()] + options(), lambda: ["GET", key()], lambda: ["SETEX", key(), time(), value()],
    lambda: ["PSETEX", key(), time(), value()], lambda: ["SETNX", key(), value()], lambda: ["GETSET", key(), value()],
    lambda: ["GETDEL", key()], lambda: ["GETEX", key()] + chance.choice([[], ["PERSIST"], ["EX", time()], ["FOO"]]),
    lambda: ["MGET"] + some(key), lambda: ["MSET"] + pairs(key, value), lambda: ["MSETNX"] + pairs(key, value),
    lambda: ["APPEND", key(), value()], lambda: ["STRLEN", key()], lambda: ["GETRANGE", key(), number(), number()],
    lambda: ["INCR", key()], lambda: ["DECR", key()], lambda: ["INCRBY", key(), number()],
    lambda: ["DECRBY", key(), number()],
    lambda: ["DEL"] + some(key), lambda: ["UNLINK"] + some(key), lambda: ["EXISTS"] + some(key),
    lambda: ["TOUCH"] + some(key), lambda: ["TYPE", key()], lambda: ["RENAME", key(), key()],
    lambda: ["RENAMENX", key(), key()], lambda: ["KEYS", glob()], lambda: ["DBSIZE"],
    lambda: ["EXPIRE", key(), time()] + when(), lambda: ["PEXPIRE", key(), time() + "000"] + when(),
    lambda: ["EXPIREAT", key(), at()] + when(), lambda: ["PEXPIREAT", key(), at()] + when(), lambda: ["TTL", key()],
    lambda: ["PTTL", key()], lambda: ["EXPIRETIME", key()], lambda: ["PEXPIRETIME", key()], lambda: ["PERSIST", key()],
    lambda: ["HSET", key()] + pairs(field, value), lambda: ["HMSET", key()] + pairs(field, value),
    lambda: ["HSETNX", key(), field(), value()], lambda: ["HGET", key(), field()], lambda: ["HMGET", key()] + some(field),
    lambda: ["HGETALL", key()], lambda: ["HKEYS", key()], lambda: ["HVALS", key()], lambda: ["HLEN", key()],
    lambda: ["HDEL", key()] + some(field), lambda: ["HEXISTS", key(), field()], lambda: ["HSTRLEN", key(), field()],
    lambda: ["HINCRBY", key(), field(), number()],
    lambda: ["SADD", key()] + some(field), lambda: ["SREM", key()] + some(field), lambda: ["SCARD", key()],
    lambda: ["SISMEMBER", key(), field()], lambda: ["SMISMEMBER", key()] + some(field), lambda: ["SMEMBERS", key()],
    lambda: ["SMOVE", key(), key(), field()], lambda: ["SINTER"] + some(key), lambda: ["SUNION"] + some(key),
    lambda: ["SDIFF"] + some(key), lambda: ["SINTERSTORE", key()] + some(key), lambda: ["SUNIONSTORE", key()] + some(key),
    lambda: ["SDIFFSTORE", key()] + some(key), lambda: ["SPOP", key(), chance.choice(["100", "-1", "x", "0"])],
    lambda: ["SRANDMEMBER", key(), chance.choice(["0", "x"])],
    lambda: ["PING"], lambda: ["PING", value()], lambda: ["ECHO", value()], lambda: ["SELECT", chance.choice(["0", "16", "x"])],
    lambda: ["PUBLISH", key(), value()], lambda: ["NOTHING", key(), number()], lambda: [chance.choice(["get", "SET", "Del"])],
    lambda: ["SCAN", "x"], lambda: ["SCAN", "0", "COUNT", chance.choice(["0", "x", "-1"])],
    lambda: ["SSCAN", key(), "x"], lambda: ["PUBSUB", "NUMPAT"], lambda: ["PUBSUB", "CHANNELS"],
    lambda: ["CLIENT", "SETNAME", chance.choice(["me", "a b", ""])], lambda: ["CLIENT", "GETNAME"],
    lambda: ["MULTI"], lambda: ["EXEC"], lambda: ["DISCARD"], lambda: ["EXEC"], lambda: ["HELLO", chance.choice(["2", "9", "x"])],
]


def flush():
    return ["FLUSHALL"] + chance.choice([[], ["ASYNC"], ["SYNC"], ["FOO"]])


def encode(words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word.encode("latin-1")
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def flat(reply):
    if isinstance(reply, list):
        return b"[" + b" ".join(sorted(flat(one) for one in reply)) + b"]"
    return reply


def is_close(command, a, b):
    """Times to live, which are read a moment apart."""
    if command not in ("TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME") or not (a[:1] == b[:1] == b":"):
        return False
    return abs(int(a[1:]) - int(b[1:])) <= (2 if command in ("TTL", "EXPIRETIME") else 2000)


def comparable(words, reply):
    """What must be equal."""
    if words[0] == "HELLO" and isinstance(reply, list):
        return "HELLO"  # a version and a number of their own
    return flat(reply) if words[0] in unordered or words[0] == "SPOP" else reply


def is_same(words, a, b):
    return comparable(words, a) == comparable(words, b) or is_close(words[0], a, b)


def different(words, a, b, queued):
    """-> a list of (words, reply, reply)"""
    if words[0] == "EXEC" and isinstance(a, list) and isinstance(b, list) and len(a) == len(b) == len(queued):
        return [one for one in zip(queued, a, b) if not is_same(*one)]
    return [] if is_same(words, a, b) else [(words, a, b)]


def main():
    clients = [Client(port) for port in ports]
    done, differences, queued = 0, 0, []
    while done < count:
        batch = []
        for _ in range(chance.choice([1, 1, 2, 5, 20])):
            batch.append(flush() if chance.random() < 0.004 else chance.choice(commands)())
        text = b"".join(encode(words) for words in batch)
        cut = chance.randrange(len(text)) if chance.random() < 0.1 else len(text)
        for client in clients:
            client.socket.sendall(text[:cut])
            client.socket.sendall(text[cut:])
        for words in batch:
            a, b = clients[0].reply(), clients[1].reply()
            for one in different(words, a, b, queued):
                differences += 1
                print("%r\n  %r\n  %r" % one)
            if differences > 20:
                sys.exit("too many differences")
            if a == b"+QUEUED\r\n":
                queued.append(words)
            elif words[0] in ("EXEC", "DISCARD"):
                queued = []
            done += 1
    print("%d commands, %d differences" % (done, differences))
    sys.exit(1 if differences else 0)


main()
