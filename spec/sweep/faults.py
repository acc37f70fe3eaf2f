# SPDX-License-Identifier: MIT
"""What fails in a run: the file that is shared with faults.c, and the errnos that each function can have."""
import errno
import mmap
import struct

HEAD = struct.Struct("=IIIIiI")
LAST = 12  # where the last call that fails stands
CALLS = struct.Struct("=64I")
NAME = 20
SIZE = HEAD.size + CALLS.size + 64 * NAME
EVER = NOTHING = 0xFFFFFFFF

ONE_BYTE, HALF = -1, -2
SHORT = {"one byte": ONE_BYTE, "half": HALF}

# The errnos of the manual pages, except those that only a bug of ours causes, such as EBADF.
ERRORS = {
    "memory": "ENOMEM",
    "mmap": "ENOMEM",
    "mprotect": "ENOMEM",
    "socket": "EMFILE ENFILE ENOBUFS ENOMEM EACCES EAFNOSUPPORT",
    "bind": "EADDRINUSE EADDRNOTAVAIL EACCES ENOMEM ENOBUFS",
    "listen": "EADDRINUSE ENOMEM ENOBUFS",
    "accept4": "EAGAIN EINTR ECONNABORTED EMFILE ENFILE ENOBUFS ENOMEM EPROTO EPERM ENETDOWN ENOPROTOOPT EHOSTDOWN"
    " ENONET EHOSTUNREACH ENETUNREACH EOPNOTSUPP ETIMEDOUT",
    "connect": "EINTR ECONNREFUSED ETIMEDOUT ENETUNREACH EHOSTUNREACH EADDRNOTAVAIL EADDRINUSE EACCES EPERM EAGAIN"
    " ENOBUFS ENOMEM ECONNRESET",
    "shutdown": "ENOTCONN",
    "getsockopt": "ENOBUFS ENOMEM ENOPROTOOPT",
    "setsockopt": "ENOBUFS ENOMEM ENOPROTOOPT EINVAL",
    "getsockname": "ENOBUFS ENOMEM",
    "recv": "EINTR EAGAIN ECONNRESET ETIMEDOUT EHOSTUNREACH ENOMEM ENOBUFS EIO short",
    "recvfrom": "EINTR EAGAIN ECONNREFUSED ENOMEM ENOBUFS",
    "send": "EINTR EAGAIN ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH EPERM EACCES ENOMEM ENOBUFS EIO short",
    "sendmsg": "EINTR EAGAIN ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH EPERM EACCES ENOMEM ENOBUFS EIO short",
    "recvmsg": "EINTR EAGAIN ECONNRESET ETIMEDOUT EHOSTUNREACH ENOMEM ENOBUFS EIO short",
    "recvmmsg": "EINTR EAGAIN ECONNREFUSED ENETDOWN EHOSTUNREACH ENOMEM ENOBUFS EIO short",
    "sendmmsg": "EINTR EAGAIN ECONNREFUSED EHOSTUNREACH ENETUNREACH EPERM EACCES EMSGSIZE ENOMEM ENOBUFS short",
    "pipe2": "EMFILE ENFILE ENOMEM",
    "splice": "EINTR EAGAIN ECONNRESET EPIPE EINVAL ENOMEM EIO short",
    "sendfile": "EINTR EAGAIN ECONNRESET EPIPE EINVAL ENOSYS ENOMEM EIO short",
    "flock": "EINTR EWOULDBLOCK ENOLCK",
    "fchmod": "EPERM EROFS EIO EINTR",
    "read": "EINTR EAGAIN EIO ENOMEM short",
    "write": "EINTR EAGAIN EIO ENOSPC EPIPE short",
    "epoll_create1": "EMFILE ENFILE ENOMEM ENOSYS",
    "epoll_ctl": "ENOMEM ENOSPC",
    "epoll_wait": "EINTR",
    "eventfd": "EMFILE ENFILE ENOMEM ENODEV EINVAL",
    "inotify_init1": "EMFILE ENFILE ENOMEM",
    "inotify_add_watch": "EACCES ENOENT ENOMEM ENOSPC",
    "fcntl": "ENOMEM EMFILE EINTR",
    "waitid": "EINTR ECHILD",
    "clone": "EAGAIN EMFILE ENFILE ENOMEM",
    "writev": "EINTR EAGAIN EPIPE ENOMEM EIO short",
    "ioctl": "ENOTTY EINVAL",
    "open": "EINTR EMFILE ENFILE ENOMEM EACCES ENOENT EIO",
    "close": "EINTR EIO ENOSPC",
    "stat": "EACCES ENOENT ENOMEM EIO",
    "fstat": "ENOMEM EIO EOVERFLOW",
    "lstat": "EACCES ENOENT ENOMEM EIO",
    "readlink": "EACCES ENOENT ENOMEM EIO",
    "fopen": "EINTR EMFILE ENFILE ENOMEM EACCES ENOENT EIO",
    "fgets": "EIO ENOMEM",
    "fwrite": "EIO ENOSPC EPIPE EAGAIN",
    "fclose": "EIO ENOSPC EINTR",
}


def errors(function):
    """What the function can fail with -> (name, number), and short counts as numbers below 0."""
    for word in ERRORS[function].split():
        if word == "short":
            yield from SHORT.items()
        else:
            yield word, getattr(errno, word)


class Faults:
    """The shared file."""

    def __init__(self, path):
        self.path, self.last = path, 0
        with open(path, "wb") as file:
            file.write(bytes(SIZE))
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), SIZE)

    def arm(self, number=0, first=0, last=0, error=0):
        self.memory[:] = bytes(SIZE)
        self.last = last
        HEAD.pack_into(self.memory, 0, 0, number, first, last, error, 0)

    def lift(self):
        struct.pack_into("=I", self.memory, LAST, 0)

    def resume(self):
        struct.pack_into("=I", self.memory, LAST, self.last)

    def failed(self):
        return HEAD.unpack_from(self.memory)[5]

    def names(self):
        at = HEAD.size + CALLS.size
        return [
            self.memory[at + i * NAME : at + (i + 1) * NAME].rstrip(b"\0").decode()
            for i in range(HEAD.unpack_from(self.memory)[0])
        ]

    def calls(self):
        return dict(zip(self.names(), CALLS.unpack_from(self.memory, HEAD.size)))
