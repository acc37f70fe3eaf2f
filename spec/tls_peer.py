#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# A TLS peer that does what no polite one would, by OpenSSL between two buffers of memory (ctypes), so that the
# bytes on the wire are its own affair. It takes one action after the other from its arguments, and prints a line
# for what it sees. A spec starts it: tls_peer.py client PORT ACTION..., or tls_peer.py server ACTION..., which
# prints its port first. tls_peer.py many is one such peer after the other in one process: each line of stdin has the
# arguments of one, with tabs between them, and "done" is what each prints last.
#
#   small           before anything else: little room in the system for what it sends, or doesn't read
#   min=0x0303 max=0x0304 cert=FILE key=FILE ca=FILE alpn=NAME name=NAME ciphers=LIST frag=BYTES    before hello
#   hello           makes the first flight, and doesn't send it
#   handshake       goes on until it is done: "encrypted VERSION", or "failed REASON"
#   steps=N         the same, but keeps what would be sent behind N flights
#   write=TEXT fill=N ones=TEXT keyupdates=N renegotiate notify garble raw=HEX    makes bytes
#   keep            keeps the session for the next peer of "many"; resume=N offers it, as if it allowed for N bytes
#   early=TEXT      of data before the handshake, which hello is in front of; facts: "resumed 1 early rejected"
#   export=LABEL    20 bytes of keying material (RFC 5705), or export=LABEL/CONTEXT: "exported HEX"
#   send            sends them; pieces: each byte on its own; stuff: what the peer takes; head=N: the first N
#   exchange        sends them, and reads meanwhile what the peer has to say
#   cut=N           forgets all but the first N of them
#   read=N          waits for N bytes of plaintext: "read TEXT"
#   end             waits for the peer's end: "closed" (close_notify), "alert REASON", then "fin" or "reset"
#   line            waits for a line on stdin
#   fin rst         ends its side; hold waits until stdin ends

import ctypes
import errno
import os
import select
import socket
import struct
import sys

libssl = ctypes.CDLL("libssl.so.3")
crypto = ctypes.CDLL("libcrypto.so.3")
for library, names in (
    (libssl, "TLS_client_method TLS_server_method SSL_CTX_new SSL_new SSL_get_version SSL_get1_session"),
    (crypto, "BIO_new BIO_s_mem ERR_reason_error_string"),
):
    for name in names.split():
        getattr(library, name).restype = ctypes.c_void_p
libssl.SSL_get_version.restype = ctypes.c_char_p
crypto.ERR_reason_error_string.restype = ctypes.c_char_p
crypto.ERR_reason_error_string.argtypes = [ctypes.c_ulong]
crypto.ERR_get_error.restype = ctypes.c_ulong
P = ctypes.c_void_p
WANT_READ, ZERO_RETURN = 2, 6


def say(*words):
    print(*words, flush=True)


def reason():
    error = crypto.ERR_get_error()
    crypto.ERR_clear_error()
    return (crypto.ERR_reason_error_string(error) or b"nothing").decode()


class Peer:
    def __init__(self, server, connection):
        self.socket = connection
        self.out = bytearray()
        self.how = None
        method = libssl.TLS_server_method() if server else libssl.TLS_client_method()
        self.context = P(libssl.SSL_CTX_new(P(method)))
        libssl.SSL_CTX_ctrl(self.context, 33, 0x80000000, None)  # nothing that isn't there yet
        self.server, self.ssl, self.name = server, None, None

    def begin(self):
        if self.ssl:
            return
        self.ssl = P(libssl.SSL_new(self.context))
        self.input, self.output = P(crypto.BIO_new(P(crypto.BIO_s_mem()))), P(crypto.BIO_new(P(crypto.BIO_s_mem())))
        crypto.BIO_ctrl(self.input, 130, -1, None)
        libssl.SSL_set_bio(self.ssl, self.input, self.output)
        if self.name:
            libssl.SSL_ctrl(self.ssl, 55, 0, self.name.encode())
        (libssl.SSL_set_accept_state if self.server else libssl.SSL_set_connect_state)(self.ssl)

    def free(self):
        if self.ssl:
            libssl.SSL_set_shutdown(self.ssl, 3)  # or its session is of no use
            libssl.SSL_free(self.ssl)
        libssl.SSL_CTX_free(self.context)

    def collect(self):
        buffer = ctypes.create_string_buffer(65536)
        while (n := crypto.BIO_read(self.output, buffer, 65536)) > 0:
            self.out += buffer.raw[:n]

    def send(self):
        data, self.out = bytes(self.out), bytearray()
        try:
            self.socket.sendall(data)
        except OSError as error:
            self.how = self.how or "reset"
            say("unsent", errno.errorcode.get(error.errno, error))

    def receive(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionError:
            self.how = "reset"
            return False
        if not data:
            self.how = self.how or "fin"
            return False
        crypto.BIO_write(self.input, data, len(data))
        return True

    def shake(self, flights=1000):
        self.begin()
        while True:
            result = libssl.SSL_do_handshake(self.ssl)
            code = libssl.SSL_get_error(self.ssl, result)
            self.collect()
            if self.out and flights > 0:
                self.send()
                flights -= 1
            if result == 1:
                return say("encrypted", libssl.SSL_get_version(self.ssl).decode())
            if code != WANT_READ:
                return say("failed", reason())
            if self.out:
                return say("left")
            if not self.receive():
                return say("failed", self.how)

    def read(self, size):
        got, buffer = b"", ctypes.create_string_buffer(65536)
        while len(got) < size:
            n = libssl.SSL_read(self.ssl, buffer, min(65536, size - len(got)))
            self.collect()
            if n > 0:
                got += buffer.raw[:n]
                continue
            code = libssl.SSL_get_error(self.ssl, n)
            if code == ZERO_RETURN:
                return got, "closed"
            if code != WANT_READ:
                return got, "alert " + reason()
            if not self.receive():
                return got, None
        return got, None


def act(peer, name, value):
    if name in ("min", "max"):
        libssl.SSL_CTX_ctrl(peer.context, 123 if name == "min" else 124, int(value, 0), None)
        if int(value, 0) < 0x0303:
            libssl.SSL_CTX_set_cipher_list(peer.context, b"ALL:@SECLEVEL=0")
    elif name == "cert":
        libssl.SSL_CTX_use_certificate_chain_file(peer.context, value.encode())
    elif name == "key":
        libssl.SSL_CTX_use_PrivateKey_file(peer.context, value.encode(), 1)
    elif name == "ca":
        libssl.SSL_CTX_load_verify_locations(peer.context, value.encode(), None)
        libssl.SSL_CTX_set_verify(peer.context, 1, None)
    elif name == "ciphers":
        libssl.SSL_CTX_set_cipher_list(peer.context, value.encode())
        libssl.SSL_CTX_set_ciphersuites(peer.context, value.encode())
    elif name == "alpn":
        data = bytes([len(value)]) + value.encode()
        libssl.SSL_CTX_set_alpn_protos(peer.context, data, len(data))
    elif name == "frag":
        libssl.SSL_CTX_ctrl(peer.context, 52, int(value), None)
    elif name == "name":
        peer.name = value
    elif name == "hello":
        peer.begin()
        libssl.SSL_do_handshake(peer.ssl)
        peer.collect()
    elif name == "handshake":
        peer.shake()
    elif name == "steps":
        peer.shake(int(value))
    elif name in ("write", "fill", "ones"):
        data = b"x" * int(value) if name == "fill" else value.encode()
        size = 1 if name == "ones" else 16384
        for at in range(0, len(data), size):
            piece = data[at : at + size]
            libssl.SSL_write(peer.ssl, piece, len(piece))
            peer.collect()
    elif name == "keyupdates":
        for _ in range(int(value)):
            libssl.SSL_key_update(peer.ssl, 1)
            libssl.SSL_do_handshake(peer.ssl)
            peer.collect()
    elif name == "renegotiate":
        libssl.SSL_renegotiate(peer.ssl)
        libssl.SSL_do_handshake(peer.ssl)
        peer.collect()
    elif name == "keep":
        Peer.kept = P(libssl.SSL_get1_session(peer.ssl))
    elif name == "resume":
        peer.begin()
        libssl.SSL_SESSION_set_max_early_data(Peer.kept, ctypes.c_uint32(int(value)))
        libssl.SSL_set_session(peer.ssl, Peer.kept)
    elif name == "early":
        size = ctypes.c_size_t(len(value))
        libssl.SSL_write_early_data(peer.ssl, value.encode(), size, ctypes.byref(ctypes.c_size_t()))
        peer.collect()
    elif name == "export":
        label, slash, context = value.encode().partition(b"/")
        key = ctypes.create_string_buffer(20)
        sizes = ctypes.c_size_t(len(label)), ctypes.c_size_t(len(context))
        libssl.SSL_export_keying_material(
            peer.ssl, key, ctypes.c_size_t(20), label, sizes[0], context, sizes[1], bool(slash)
        )
        say("exported", key.raw.hex())
    elif name == "facts":
        early = ("not sent", "rejected", "accepted")[libssl.SSL_get_early_data_status(peer.ssl)]
        say("resumed", libssl.SSL_session_reused(peer.ssl), "early", early)
    elif name == "notify":
        libssl.SSL_shutdown(peer.ssl)
        peer.collect()
    elif name == "garble":
        peer.out += b"\x17\x03\x03\x00\x20" + os.urandom(32)
    elif name == "raw":
        peer.out += bytes.fromhex(value)
    elif name == "cut":
        del peer.out[int(value) :]
    elif name == "send":
        peer.send()
    elif name == "pieces":
        data, peer.out = peer.out, bytearray()
        for byte in data:
            peer.out.append(byte)
            peer.send()
    elif name == "stuff":
        peer.socket.settimeout(1.5)
        try:
            while peer.out:
                del peer.out[: peer.socket.send(peer.out[:65536])]
        except (TimeoutError, socket.timeout):
            pass
        except OSError as error:
            say("unsent", errno.errorcode.get(error.errno, error))
        peer.socket.settimeout(30)
        say("left", len(peer.out))
    elif name == "head":
        rest, peer.out = peer.out[int(value) :], peer.out[: int(value)]
        peer.send()
        peer.out = rest
    elif name == "exchange":
        while peer.out:
            readable, writable, _ = select.select([peer.socket], [peer.socket], [], 30)
            if readable:
                peer.receive()
                libssl.SSL_read(peer.ssl, ctypes.create_string_buffer(1), 0)
            if writable:
                del peer.out[: peer.socket.send(peer.out[:1024])]
    elif name == "read":
        got, why = peer.read(int(value))
        say("read", got.decode("latin-1"))
        if why:
            say(why)
    elif name == "end":
        while True:
            got, why = peer.read(1 << 20) if peer.ssl else (b"", None)
            if why:
                say(why)
            if peer.how or why:
                break
            if not peer.ssl:
                peer.begin()
        while not peer.how and peer.receive():
            pass
        say(peer.how)
    elif name == "line":
        sys.stdin.readline()
    elif name == "fin":
        peer.socket.shutdown(socket.SHUT_WR)
    elif name == "rst":
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.socket.close()
    elif name == "hold":
        sys.stdin.read()
    else:
        sys.exit(f"no action {name}")


def run(words):
    server = words[0] == "server"
    if server:
        listener = socket.create_server(("127.0.0.1", 0))
        say("port", listener.getsockname()[1])
        connection, actions = listener.accept()[0], words[1:]
        listener.close()
    else:
        connection, actions = socket.socket(), words[2:]
        if actions[0] == "small":
            del actions[0]
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
        connection.connect(("127.0.0.1", int(words[1])))
    connection.settimeout(30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer = Peer(server, connection)
    for word in actions:
        name, _, value = word.partition("=")
        act(peer, name, value)
    connection.close()
    peer.free()
    say("done")


def main():
    if sys.argv[1] != "many":
        return run(sys.argv[1:])
    while line := sys.stdin.readline():
        run(line.rstrip("\n").split("\t"))


if __name__ == "__main__":
    main()
