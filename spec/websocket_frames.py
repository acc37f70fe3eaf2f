# SPDX-License-Identifier: MIT
"""The frames of a WebSocket's client, by hand, for the tests."""
import base64
import hashlib
import struct


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def frame(dice, opcode, payload, final):
    """With a mask, as a client sends it."""
    size, mask = len(payload), dice.randbytes(4)
    head = struct.pack(">BB", opcode | final << 7, 0x80 | min(size, 126)) if size < 126 else \
        struct.pack(">BBH", opcode | final << 7, 0xfe, size) if size < 65536 else \
        struct.pack(">BBQ", opcode | final << 7, 0xff, size)
    pad = (mask * (size // 4 + 1))[:size]
    return head + mask + (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")
