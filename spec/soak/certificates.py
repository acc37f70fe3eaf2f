# SPDX-License-Identifier: MIT
"""An authority, and the certificates for localhost that it signs one after the other; each replaces the one before as
certbot's do: a link is exchanged."""
import os
import subprocess


class Certificates:
    def __init__(self, folder):
        self.folder, self.number = folder, 0
        self.authority = folder + "/authority.pem"
        os.mkdir(folder)
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                     "-subj", "/CN=soak", "-keyout", folder + "/authority.key", "-out", self.authority)
        self.renew()

    @staticmethod
    def openssl(*arguments):
        subprocess.run(("openssl",) + arguments, check=True, capture_output=True)

    def renew(self):
        """A new certificate, with a serial number of its own, at live/cert.pem, and its key at live/key.pem."""
        self.number += 1
        new = f"{self.folder}/{self.number}"
        os.mkdir(new)
        with open(new + "/names", "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost",
                     "-keyout", new + "/key.pem", "-out", new + "/request")
        self.openssl("x509", "-req", "-in", new + "/request", "-CA", self.authority,
                     "-CAkey", self.folder + "/authority.key", "-set_serial", str(self.number), "-days", "30",
                     "-extfile", new + "/names", "-out", new + "/cert.pem")
        os.symlink(str(self.number), self.folder + "/new")
        os.rename(self.folder + "/new", self.folder + "/live")
