"""Goal: the keys of certgrinder's configuration do for certmill what they did for it; test_certgrinder.py shows that they
are read as they were."""

import re
import socket

from certgrinder_case import OriginalServerCase
from lab import pki
from support import main

KEYS = "www.example.org-keypair.{}.key"


class Keys(OriginalServerCase):
    def test_which_lines_are_logged(self) -> None:
        """log-level, debug and quiet, here and on the server."""
        for words, level, here in (([], "INFO", True), (["-l", "WARNING"], "WARNING", False), (["-q"], "WARNING", False),
                                   (["-d"], "DEBUG", True), (["-d", "-q"], "DEBUG", True), (["-l", "ERROR"], "ERROR", False)):
            with self.subTest(words):
                said = self.ok(*words, "check", "connection")
                self.assertEqual("the server answers" in said, here)
                asked = (self.server / "asked").read_text().splitlines()[-1]
                self.assertEqual(asked, f"--log-level {level} ping")

    def test_syslog(self) -> None:
        """syslog-facility and syslog-socket (RFC 3164 4.1.1): local3 is 19."""
        path = self.folder / "syslog"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.bind(str(path))
            daemon.settimeout(60)
            self.settings.update({"syslog-facility": "LOG_LOCAL3", "syslog-socket": str(path)})
            self.ok("check", "connection")
            seen = b""
            while b"the server answers" not in seen:
                seen = daemon.recv(8192)
                self.assertRegex(seen, rb"^<15[2-9]>")

    def test_hooks(self) -> None:
        """post-renew-hooks in their order, then those of the folder by their names and with the runner; once for all."""
        ran, hooks = self.folder / "ran", self.folder / "hooks.d"
        hooks.mkdir()
        for name in ("20-second", "10-first"):
            (hooks / name).write_text(f"echo {name} $CERTMILL_NAMES >> {ran}\n")
        self.settings.update({"domain-list": ["www.example.org", "example.org"], "post-renew-hooks-dir": str(hooks),
                              "post-renew-hooks-dir-runner": "/bin/sh",
                              "post-renew-hooks": [f"sh -c 'echo {word} >> {ran}'" for word in ("one", "two")]})
        self.ok("periodic", "--now")
        names = "www.example.org example.org"
        self.assertEqual(ran.read_text().splitlines(), ["one", "two", f"10-first {names}", f"20-second {names}"])
        ran.unlink()
        self.ok("periodic", "--now")
        self.assertFalse(ran.exists(), "nothing was renewed")

    def test_pid_dir(self) -> None:
        """Where locks are."""
        locks = self.folder / "locks"
        locks.mkdir()
        self.settings["pid-dir"] = str(locks)
        self.ok("get", "certificate")
        self.assertEqual([path.name for path in locks.iterdir()], ["www.example.org.ecdsa.lock"])
        self.assertEqual(list(self.path.glob(".certmill/*.lock")), [])

    def test_key_type_list(self) -> None:
        """Both by default."""
        self.settings.update({"key-type-list": None, "rsa-bits": 2048})
        self.ok("get", "certificate")
        self.assertEqual(sorted(path.name for path in self.path.glob("*.key")), [KEYS.format("ecdsa"), KEYS.format("rsa")])

    def test_chain(self) -> None:
        """expected-chain-length refuses another one; alternate-chain, which only said how long it would be, is taken."""
        self.settings["alternate-chain"] = True
        self.ok("get", "certificate")
        self.settings["expected-chain-length"] = 2
        self.ok("get", "certificate")
        before = self.contents()
        self.settings["expected-chain-length"] = 3
        done = self.certmill("get", "certificate")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"ERROR \[www.example.org ecdsa\] [^\n]*expected-chain-length says 3")
        self.assertEqual(self.contents(), before)

    def test_caa_validation_methods(self) -> None:
        """RFC 8657 4."""
        self.settings["caa-validation-methods"] = "dns-01,http-01"
        shown = self.certmill("show", "caa").stdout
        self.assertIn("letsencrypt.org; validationmethods=dns-01,http-01; accounturi=https://", shown)

    def test_tlsa(self) -> None:
        """tlsa-port, tlsa-protocol and tlsa-type-list stand for words (RFC 6698 2.1)."""
        self.write_files()
        self.settings.update({"tlsa-port": 25, "tlsa-protocol": "tcp", "tlsa-type-list": ["311"]})
        digest = pki.openssl("dgst", "-sha256", data=pki.openssl("pkey", "-in", self.file("keypair"), "-pubout", "-outform", "DER"))
        wanted = f"3 1 1 {digest.decode().split()[-1].upper()}"
        lines = [line for line in self.certmill("show", "tlsa").stdout.splitlines() if not line.startswith(";")]
        self.assertEqual([re.sub(" (IN )?TLSA ", " ", line) for line in lines],
                         [f"_25._tcp.{name}. {wanted}" for name in ("www.example.org", "example.org")])
        lines = self.certmill("show", "tlsa", "443", "udp").stdout
        self.assertIn("_443._udp.www.example.org.", lines)
        self.assertNotIn("_25._tcp", lines)

    def test_file_names(self) -> None:
        """NAME is the first name in IDNA ASCII form, its last 230 octets; the asterisk stays."""
        long = ".".join(["a" * 60, "b" * 60, "c" * 60, "d" * 55, "example"])
        for names, first in (("pølse.example.org,www.example.org", "xn--plse-gra.example.org"), ("*.example.org", "*.example.org"),
                             ("WWW.Example.ORG", "www.example.org"), (long, long[-230:])):
            with self.subTest(names):
                self.settings.update({"domain-list": [names], "key-type-list": ["rsa", "ecdsa"]})
                paths = {path for item in self.json("show", "paths")["items"] for path in item["files"].values()}
                self.assertEqual(paths, {f"{self.path}/{first}-{what}.{kind}.{end}" for kind in ("rsa", "ecdsa") for what, end in (
                    ("keypair", "key"), ("request", "csr"), ("certificate", "crt"), ("chain", "crt"), ("issuer", "crt"),
                    ("concat", "pem"))})


if __name__ == "__main__":
    main()
