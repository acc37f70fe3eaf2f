# SPDX-License-Identifier: MIT
"""One run of service.lua with a fault: its clients, its name server and upstream, and what went wrong.

A fault may end a connection, a look-up, a reload, or the start of the service, if it shows: to the client by the
end or an answer, to the script by a signal, to a reader of the log by a line. It may never cost a byte, a
descriptor, the running service, or more time than a moment. A lasting fault is lifted when nothing has moved for a
moment; from then on everything must work again.
Longer than 400 lines: the commands of one client, in the order of a run.
"""
import os
import re
import select
import selectors
import signal
import socket
import struct
import subprocess
import tempfile
import time

MOMENT = 0.1
SPARE = 4  # descriptors of two empty pipes of the system, which are kept for the next splice(2) each way
SMALL = b"a small message\n"
LARGE = bytes(range(256)) * 1200
HERE = os.path.dirname(os.path.abspath(__file__))


class Broken(Exception):
    """Something that no fault may cause."""


class Gone(Exception):
    """The program ended."""


class Client:
    """A connection to the service, or of it to the upstream."""

    def __init__(self, site, port=None, accepted=None):
        self.site, self.got, self.out, self.ended = site, b"", b"", False
        self.socket = accepted or socket.socket()
        self.socket.setblocking(False)
        if port:
            self.socket.connect_ex(("127.0.0.1", port))
        site.selector.register(self.socket, selectors.EVENT_READ, self.on_event)

    def on_event(self, mask):
        try:
            if mask & selectors.EVENT_READ:
                data = self.socket.recv(1 << 20)
                self.got += data
                self.ended = self.ended or not data
            if mask & selectors.EVENT_WRITE and self.out:
                self.out = self.out[self.socket.send(self.out) :]
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True
        if self.ended:
            self.close()
        else:
            self.send(b"")

    def send(self, data):
        if self.ended:
            return
        self.out += data
        self.site.selector.modify(
            self.socket, selectors.EVENT_READ | (selectors.EVENT_WRITE if self.out else 0), self.on_event
        )

    def close(self):
        self.ended = True
        if self.socket.fileno() >= 0:
            self.site.selector.unregister(self.socket)
            self.socket.close()


class Site:
    """What all runs of a worker share: files, the upstream, the name server."""

    SCRIPT = "service.lua"
    arguments = []

    def __init__(self, folder):
        self.selector = selectors.DefaultSelector()
        self.folder = tempfile.TemporaryDirectory(prefix="sweep-", dir=folder)
        self.upstream = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.upstream.setblocking(False)
        self.selector.register(self.upstream, selectors.EVENT_READ, self.on_upstream)
        self.names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.names.bind(("127.0.0.1", 0))
        self.selector.register(self.names, selectors.EVENT_READ, self.on_question)
        with open(os.path.join(HERE, self.SCRIPT), "rb") as file:
            self.script = self.file(self.SCRIPT, file.read())
        self.file(self.SCRIPT + ".large", LARGE)
        self.hosts = self.file("hosts", b"127.0.0.1 known.test\n")
        self.resolv = self.file("resolv.conf", b"nameserver 127.0.0.1\n")

    def file(self, name, content):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def on_upstream(self, _):
        accepted, _ = self.upstream.accept()
        client = self.answering(accepted)
        inner = client.on_event

        def answer(mask):
            inner(mask)
            if client.got == b"ping\n":
                client.got = b""
                client.send(b"pong\n")

        client.on_event = answer
        client.send(b"")

    def answering(self, accepted):
        return Client(self, accepted=accepted)

    # Each name below "asked.test" has the address 127.0.0.1 and no IPv6 one.
    def on_question(self, _):
        packet, peer = self.names.recvfrom(512)
        end = packet.index(b"\0", 12) + 5
        answer = b""
        if struct.unpack_from("!H", packet, end - 4)[0] == 1:
            answer = b"\xc0\x0c" + packet[end - 4 : end] + struct.pack("!IH", 0, 4) + b"\x7f\0\0\1"
        head = packet[:2] + struct.pack("!HHHHH", 0x8180, 1, 1 if answer else 0, 0, 0)
        self.names.sendto(head + packet[12:end] + answer, peer)

    def pump(self, seconds):
        for key, mask in self.selector.select(seconds):
            key.data(mask)


class Run:
    def __init__(self, site, faults, options):
        self.site, self.faults, self.options = site, faults, options
        self.output, self.errors, self.lost = "", "", []
        self.lifted = self.served = False
        self.clients, self.report = [], None
        environment = {
            "PATH": os.environ["PATH"],
            "LC_ALL": "C",
            "LD_PRELOAD": options["library"],
            "MOONPORT_FAULTS": faults.path,
            "MOONPORT_FAULTS_RESOLV": site.resolv,
            "MOONPORT_FAULTS_PORT": str(site.names.getsockname()[1]),
            "CARES_HOSTS": site.hosts,
            "ASAN_OPTIONS": "exitcode=99:verify_asan_link_order=0:allocator_may_return_null=1:handle_sigill=1",
        }
        environment.update(options.get("environment", {}))
        arguments = [options["program"], "--watch", site.script, "127.0.0.1", str(site.upstream.getsockname()[1])]
        arguments += site.arguments
        self.child = subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=options.get("preexec"),
        )
        self.pidfd = os.pidfd_open(self.child.pid)
        site.selector.register(self.child.stdout, selectors.EVENT_READ, self.on_output)
        site.selector.register(self.child.stderr, selectors.EVENT_READ, self.on_errors)
        site.selector.register(self.pidfd, selectors.EVENT_READ, self.on_end)

    def take(self, pipe):
        data = os.read(pipe.fileno(), 65536)
        if not data:
            self.site.selector.unregister(pipe)
        return data.decode(errors="replace")

    def on_output(self, _):
        self.output += self.take(self.child.stdout)

    def on_errors(self, _):
        self.errors += self.take(self.child.stderr)

    def on_end(self, _):
        self.site.selector.unregister(self.pidfd)
        self.child.wait()

    def lift(self):
        if not self.lifted:
            self.lifted = True
            self.options.get("lift", lambda run: None)(self)
            self.faults.lift()

    def until(self, condition, what):
        """Runs until it is true. Lifts a lasting fault if that takes more than a moment."""
        begin = time.monotonic()
        while not condition():
            self.site.pump(0.02)
            passed = time.monotonic() - begin
            if self.child.returncode is not None and not condition():
                raise Gone(what)
            if passed > MOMENT:
                self.lift()
            if passed > self.options["patience"]:
                raise Broken("hangs: " + what)

    def connect(self, which):
        client = Client(self.site, self.ports[which])
        self.clients.append(client)
        return client

    def echo(self):
        return self.connect("echo")

    def exchange(self, client, data, answer, what):
        """Sends, and expects the exact answer, or a part of it and the end."""
        client.got = b""
        client.send(data)
        self.until(lambda: client.ended or len(client.got) >= len(answer), what)
        if client.got != answer[: len(client.got)]:
            raise Broken("wrong bytes: %s: %r" % (what, client.got[:80]))
        if client.got != answer:
            self.lost.append(what)
        return client.got == answer

    def ask(self, question, answers, what=None):
        """A command on a connection of its own. Its answer fits one of the patterns, or the connection ends."""
        client = self.connect("command")
        what = what or question
        client.send(question.encode() + b"\n")
        self.until(lambda: client.ended or client.got.endswith(b"\n"), what)
        text = client.got.decode()
        client.close()
        if not text.endswith("\n") or re.fullmatch(answers[0], text[:-1]):
            if not text.endswith("\n"):
                self.lost.append(what)
        elif not any(re.fullmatch(answer, text[:-1]) for answer in answers[1:]):
            raise Broken("%s is answered with %r" % (what, text))
        return text

    def descriptors(self):
        folder = "/proc/%d/fd" % self.child.pid
        found = []
        self.site.pump(0)
        if self.child.returncode is not None:
            raise Gone("counting descriptors")
        for fd in os.listdir(folder):
            try:
                found.append(re.sub(r":\[\d+\]$", "", os.readlink(folder + "/" + fd)))
            except OSError:
                pass
        return sorted(found)

    def begin(self, echoes):
        """Waits until it serves. -> its first client, the number of descriptors before that"""
        self.until(lambda: re.search(r"^serving\t1\t.*\n", self.output, re.M), "start")
        _, _, echo, command = re.search(r"^serving.*", self.output, re.M).group().split("\t")
        self.ports = {"echo": int(echo), "command": int(command)}
        opened = len(self.descriptors())
        first = self.echo()
        for _ in range(echoes):
            self.exchange(first, SMALL, SMALL, "echo")
        self.until(lambda: not self.complaint(), "the end of what says that it can't start")
        self.served = True
        return first, opened

    def finish(self, opened):
        for client in self.clients:
            client.close()
        self.lift()
        self.settle(opened)

    def serve(self):
        first, opened = self.begin(3)
        self.exchange(self.connect("echo"), LARGE, LARGE, "a large echo")
        failed = r"failed \w+Error .*"
        self.ask("name known.test", ["pong", failed])
        self.ask("name asked.test", ["pong", failed])
        self.ask("refused", ["failed ConnectionRefusedError .*", failed])
        self.ask("wait", ["nil SocketTimeoutError"])
        self.ask("task", ["sum 3", "sum nil"])
        self.ask("timer", ["ticks 3"])
        self.ask("later", ["later"])
        self.ask("file", ["-- .*", "failed .*"])
        self.ask("process", ["ping 0 NormalExit", r"ping \d+ CrashExit \w+", r"failed \w+ .*"])
        self.ask("datagram", ["DATAGRAM", failed])
        self.leave_stale(self.site.script + ".sock")
        self.ask("unix", ["passed", failed])
        self.pass_through()
        sent = self.connect("command")
        if self.exchange(sent, b"send\n", LARGE, "a file"):
            self.until(lambda: sent.ended, "the end after a file")
        failing = self.connect("command")
        failing.send(b"fail\n")
        self.until(lambda: failing.ended, "the end after an error")
        self.reload()
        if not first.ended:
            self.exchange(first, SMALL, SMALL, "echo after the reload")
        last = self.connect("echo")
        if self.exchange(last, SMALL, SMALL, "a new echo after the reload"):
            last.socket.shutdown(socket.SHUT_WR)
            self.until(lambda: last.ended, "the end after the client's")
        pieces = b"".join(b"%d" % i * 20000 for i in range(1, 5)) + b"\n"
        self.exchange(self.connect("command"), b"pieces\n", pieces, "pieces")
        bye = self.connect("command")
        goodbye = b"bye" * 1000 + b"\n"
        if self.exchange(bye, b"bye\n", goodbye, "bye"):
            self.until(lambda: bye.ended, "the end after bye")
        self.finish(opened)

    @staticmethod
    def leave_stale(path):
        """As a server does that has crashed."""
        if os.path.exists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX) as crashed:
            crashed.bind(path)

    def pass_through(self):
        """Through a pipe to the echo server, and back."""
        piped = self.connect("command")
        if not self.exchange(piped, b"pipe\n", b"piped\n", "the beginning of a pipe"):
            return
        if self.exchange(piped, LARGE, LARGE, "a pipe"):
            piped.socket.shutdown(socket.SHUT_WR)
            self.until(lambda: piped.ended, "the end of a pipe")

    def reload(self):
        seen = len(self.errors)
        self.child.send_signal(signal.SIGHUP)
        lines = re.compile(r" (info|error) (reloaded|reload).*\n")
        begin = time.monotonic()

        def is_over():
            if lines.search(self.errors, seen):
                return True
            # The line may be what fails.
            late = time.monotonic() > begin + MOMENT / 2
            return late and re.search("reloads [1-9]", self.ask("report", [r"accepted .*"]))

        self.until(is_over, "reload")

    def settle(self, opened):
        """All is well again: new clients are served, and nothing is left of the old ones."""
        before = len(self.lost)

        def is_settled():
            text = self.ask("report", [r"accepted \d+ .*"])
            if len(self.lost) > before:
                raise Broken("not served although all works again: " + self.lost[-1])
            self.report = {name: int(count) for name, count in re.findall(r"(\w+) (\d+)", text)}
            if self.report["connections"] != 1:
                return False
            for _ in range(10):  # the program has yet to see that the client left
                if len(self.descriptors()) <= opened + SPARE:
                    return True
                self.site.pump(0.02)
            return False

        data = self.echo()
        self.exchange(data, SMALL, SMALL, "echo in the end")
        data.close()
        try:
            self.until(is_settled, "settling")
        except Broken as broken:
            found = self.descriptors()
            raise Broken("%s: %s, instead of %d descriptors %s" % (broken, self.report, opened, found)) from None

    def complaint(self):
        """What the program says when its script fails to start."""
        return re.search(r"^moonport: .*", self.errors, re.M)

    def told(self):
        lines = [line for line in self.errors.splitlines() if re.match(r"\S+ \S+ (warning|error) ", line)]
        lines = [line for line in lines if "on purpose" not in line]
        return lines + re.findall(r"^told.*", self.output, re.M)

    def is_untold(self):
        """The script gets `disconnected` at a connection's end, except if accept(2) had given it up."""
        if self.told() or self.options.get("function") == "accept4":
            return False
        return not self.report or self.report["accepted"] != self.report["disconnected"] + 1

    def stop(self):
        """What hasn't failed yet may fail now."""
        if not self.faults.failed():
            self.faults.resume()
        self.child.send_signal(signal.SIGTERM)
        begin = time.monotonic()
        while self.child.returncode is None:
            self.site.pump(0.02)
            passed = time.monotonic() - begin
            if passed > MOMENT:
                self.faults.lift()
            if passed > self.options["patience"]:
                raise Broken("hangs: stop")

    def judge(self):
        """-> None, or what is wrong"""
        try:
            self.serve()
            self.stop()
        except Gone as gone:
            if self.served:
                return "ended (status %s) while it served: %s" % (self.child.returncode, gone)
        except Broken as broken:
            return str(broken)
        status = self.child.returncode
        if status not in (0, 1) or (status == 1 and self.served):
            return "exit status %d" % status
        if "Sanitizer" in self.errors:
            return "sanitizer"
        if status == 1 and not self.errors.strip():
            return "it doesn't say why it doesn't start"
        if status == 0 and not self.served:
            return "ended as if all were well before it served"
        if not self.served:
            return None
        if self.is_untold():
            return "nobody was told: lost %s, %s" % (self.lost, self.report)
        return None

    def close(self):
        for client in self.clients:
            client.close()
        if self.child.returncode is None:
            self.child.kill()
        while self.child.returncode is None:
            self.site.pump(0.02)
        for pipe, read in ((self.child.stdout, self.on_output), (self.child.stderr, self.on_errors)):
            if pipe in self.site.selector.get_map():
                while select.select([pipe], [], [], 0)[0] and pipe in self.site.selector.get_map():
                    read(None)
            if pipe in self.site.selector.get_map():
                self.site.selector.unregister(pipe)
            pipe.close()
        os.close(self.pidfd)
