# SPDX-License-Identifier: MIT
"""One run of service_tls.lua with a fault. What a fault may do is in run.py; over TLS it may end a handshake too,
which the server's errorOccurred tells, or leave the old certificate in use, which the log tells."""
import os
import re
import selectors
import signal
import ssl
import subprocess

import run

LARGE = bytes(range(256)) * 800
GOODBYE, RENEWAL = "the goodbye after bye", "the new certificate"
ENDS = {GOODBYE, RENEWAL}
NAMES = ("first", "second", "late.test", "upstream")


class Client(run.Client):
    """The same over TLS, by Python's ssl. `name` is asked for, `session` resumed; without `begin` it is in the clear
    until encrypt()."""

    def __init__(self, site, port=None, accepted=None, name="first.test", session=None, begin=True):
        self.tls, self.name, self.session = None, name, session
        self.plain, self.encrypted, self.truncated = b"", False, False
        super().__init__(site, port, accepted)
        if begin:
            self.encrypt(accepted is not None)

    def encrypt(self, server=False):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        if server:
            self.tls = self.site.server_context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        else:
            self.tls = self.site.client_context.wrap_bio(
                self.incoming, self.outgoing, server_hostname=self.name, session=self.session
            )
        self.pump()

    def on_event(self, mask):
        if not self.tls:
            super().on_event(mask)
            return
        try:
            if mask & selectors.EVENT_READ:
                data = self.socket.recv(1 << 20)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()
            if mask & selectors.EVENT_WRITE and self.out:
                self.out = self.out[self.socket.send(self.out) :]
        except BlockingIOError:
            pass
        except OSError:
            self.incoming.write_eof()
        self.pump()

    def pump(self):
        try:
            if not self.encrypted:
                self.tls.do_handshake()
                self.encrypted = True
            while self.plain:
                self.plain = self.plain[self.tls.write(self.plain) :]
            data = self.tls.read(1 << 20)
            while data:
                self.got += data
                data = self.tls.read(1 << 20)
            self.finish()
        except ssl.SSLWantReadError:
            super().send(self.outgoing.read())
        except ssl.SSLZeroReturnError:
            self.finish()
        except ssl.SSLError:
            self.truncated = True
            self.finish()

    def finish(self):
        if not self.ended:
            super().send(self.outgoing.read())
            self.close()

    def send(self, data):
        if not self.tls:
            super().send(data)
        elif not self.ended:
            self.plain += data
            self.pump()

    def ticket(self):
        """What a later client resumes, or None."""
        try:
            return self.tls.session if self.encrypted else None
        except ValueError:  # the handshake was cut short
            return None

    def goodbye(self):
        """Says that nothing more comes."""
        if self.encrypted and not self.ended:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
            super().send(self.outgoing.read())

    def close(self):
        self.goodbye()
        if self.out and not self.ended:
            try:
                self.socket.send(self.out)
            except OSError:
                pass
        super().close()


class Site(run.Site):
    """Besides: certificates, each signed by itself, and an upstream that speaks TLS."""

    SCRIPT = "service_tls.lua"

    def __init__(self, folder):
        super().__init__(folder)
        self.arguments = [self.folder.name]
        for name in NAMES:
            host = "first.test" if name == "second" else name if "." in name else name + ".test"
            make = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=%s" % host
            make += " -addext subjectAltName=DNS:%s -keyout %s -out %s" % (
                host, self.path(name, "original.key"), self.path(name, "original.pem")
            )
            subprocess.run(["openssl", *make.split()], check=True, capture_output=True)
        self.client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client_context.check_hostname = False
        for name in NAMES:
            self.client_context.load_verify_locations(self.path(name, "original.pem"))
        self.server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server_context.load_cert_chain(
            self.path("upstream", "original.pem"), self.path("upstream", "original.key")
        )
        self.put("upstream", "authority")
        self.put("late.test", "late.test")

    def path(self, name, ending):
        return os.path.join(self.folder.name, "%s.%s" % (name, ending))

    def put(self, name, place):
        """Exchanges a certificate and its key."""
        for ending in "pem", "key":
            with open(self.path(name, "original." + ending), "rb") as file:
                fresh = self.file("fresh", file.read())
            os.rename(fresh, self.path(place, ending))

    def shown(self, name):
        """What getpeercert gives of this certificate."""
        with open(self.path(name, "original.pem"), encoding="ascii") as file:
            return ssl.PEM_cert_to_DER_cert(file.read())

    def answering(self, accepted):
        return Client(self, accepted=accepted)


class Run(run.Run):
    def __init__(self, site, faults, options):
        site.put("first", "first")
        super().__init__(site, faults, options)

    def echo(self, **options):
        client = Client(self.site, self.ports["echo"], **options)
        self.clients.append(client)
        return client

    def encrypt_later(self):
        client = Client(self.site, self.ports["command"], begin=False)
        self.clients.append(client)
        if self.exchange(client, b"encrypt\n", b"go\n", "encrypt"):
            client.got = b""
            client.encrypt()
            self.exchange(client, run.SMALL, run.SMALL, "echo of what is encrypted later")

    def renew(self):
        """-> whether new clients see the new certificate"""
        self.site.put("second", "first")
        self.reload()
        client = self.echo()
        if not self.exchange(client, run.SMALL, run.SMALL, "echo with a new certificate"):
            return False
        return client.tls.getpeercert(True) == self.site.shown("second")

    def serve(self):
        first, opened = self.begin(2)
        self.exchange(self.echo(), LARGE, LARGE, "a large echo")
        again = self.echo(session=first.ticket())
        self.exchange(again, run.SMALL, run.SMALL, "echo of a resumed session")
        self.exchange(self.echo(name="late.test"), run.SMALL, run.SMALL, "echo of another name")
        self.ask("fetch", ["pong", r"failed \w+Error .*"])
        self.encrypt_later()
        renewed = self.renew()
        if not renewed:
            self.lost.append(RENEWAL)
        if not first.ended:
            self.exchange(first, run.SMALL, run.SMALL, "echo after the reload")
        again.goodbye()
        self.until(lambda: again.ended, "the end after the client's goodbye")
        bye = self.echo()
        if self.exchange(bye, b"bye\n", b"bye" * 10000 + b"\n", "bye"):
            self.until(lambda: bye.ended, "the end after bye")
            if bye.truncated:
                self.lost.append(GOODBYE)
        self.finish(opened)
        if not renewed and not self.renew_again():
            raise run.Broken("the old certificate although all works again")

    def renew_again(self):
        seen = len(self.errors)
        self.child.send_signal(signal.SIGHUP)
        self.until(lambda: re.search(r" (info|error) reload", self.errors[seen:]), "a second reload")
        client = self.echo()
        self.exchange(client, run.SMALL, run.SMALL, "echo with a new certificate in the end")
        shown = client.tls.getpeercert(True)
        client.close()
        return shown == self.site.shown("second")

    def descriptors(self):
        """Without that for changes of files, which comes later if it can't be had at first."""
        return [target for target in super().descriptors() if "inotify" not in target]

    def judge(self):
        """OpenSSL makes its tables once. What memory was missing for then it does without for ever, and nothing can
        mend that but a new process: each handshake fails, and says so. What every OpenSSL has is looked at before."""
        wrong = super().judge()
        lame = self.options.get("function") == "memory" and "Error during SSL handshake: unsupported" in self.output
        return None if lame and wrong and wrong.startswith("not served") else wrong

    def is_untold(self):
        """Each connection that was accepted ends with `disconnected`, or the server's errorOccurred. What else is lost
        needs a word of its own."""
        if self.told() or self.options.get("function") == "accept4":
            return False
        alone = not ENDS.isdisjoint(self.lost)
        return alone or not self.report or self.report["accepted"] != self.report["ended"] + 1
