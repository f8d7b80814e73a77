"""Goal: with `validate: true` check tlsa and check service tell secure, insecure, bogus and missing apart, whoever lies."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

from client_files import Issuer, write_files
from lab.dnssec import BOGUS, DnsSec
from lab.liar import AD, USUAL, Liar, answer, framed, kind_of, record
from lab.ports import Ports
from lab.server import BIN, clean_env, to_yaml
from lab.services import Authority, running, s_server
from support import main

DS, DNSKEY, TLSA = 43, 48, 52
NXDOMAIN, REFUSED = 3, 5

# Where the key's TLSA records for port 443 are to be; and what is to be found at each host, also at others.
PUBLISHED = ("www.signed.test", "www.nsec3.test", "www.optout.test", "www.two.test", "www.insecure.test", "www.unknown.test",
             "www.plain.signed.test", "www.plain.optout.test", "*.any.signed.test", *(f"www.{zone}" for zone in BOGUS))
HOSTS = {
    "www.signed.test": ("found", "secure"), "www.nsec3.test": ("found", "secure"), "www.optout.test": ("found", "secure"),
    "www.two.test": ("found", "secure"), "host.any.signed.test": ("found", "secure"), "far.signed.test": ("found", "secure"),
    "alias.signed.test": ("found", "secure"), "www.old.signed.test": ("found", "secure"),
    "www.insecure.test": ("found", "insecure"), "www.unknown.test": ("found", "insecure"),
    "www.plain.signed.test": ("found", "insecure"), "www.plain.optout.test": ("found", "insecure"),
    "near.signed.test": ("found", "insecure"),
    "mail.signed.test": ("nxdomain", "secure"), "text.signed.test": ("nodata", "secure"), "x.wild.nsec3.test": ("nodata", "secure"),
    "mail.insecure.test": ("nxdomain", "insecure"), "mail.optout.test": ("nxdomain", "insecure"),
    **{f"www.{zone}": ("failed", "bogus") for zone in BOGUS}, "mail.expired.test": ("failed", "bogus"),
    "astray.signed.test": ("failed", "bogus"),
}


class Commands(unittest.TestCase):
    """check tlsa and check service, with `validate: true` behind a resolver that does not validate."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="certmill-lab-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.ports = Ports()
        cls.addClassCleanup(cls.ports.release)
        cls.net = DnsSec(cls.folder, cls.ports)
        cls.addClassCleanup(cls.net.stop)
        cls.net.start()
        cls.ca = Authority(cls.folder / "ca")
        cls.pair = cls.ca.issue(["*.signed.test", "www.insecure.test", "www.expired.test"])
        digest, cls.port, cls.wrong = cls.pair.digest(), cls.ports.take(), cls.ports.take()
        for name in PUBLISHED:
            cls.net.add(f"_443._tcp.{name}" if name[0] != "*" else name, 300, "TLSA", f"3 1 1 {digest}")
        for name in ("www.signed.test", "www.insecure.test", "www.expired.test"):
            cls.net.add(f"_{cls.port}._tcp.{name}", 300, "TLSA", f"3 1 1 {digest}")
        cls.net.add(f"_{cls.wrong}._tcp.www.signed.test", 300, "TLSA", f"3 1 1 {'ab' * 32}")
        cls.net.add("_443._tcp.text.signed.test", 300, "TXT", "text")
        for name, zone in (("far", "nsec3.test"), ("near", "insecure.test"), ("astray", "expired.test")):
            cls.net.add(f"_443._tcp.{name}.signed.test", 300, "CNAME", f"_443._tcp.www.{zone}.")
        cls.net.publish()
        cls.path = cls.folder / "path"
        cls.path.mkdir()
        issuer = Issuer(cls.folder)
        for name in HOSTS:
            write_files(cls.path, issuer, [name], "ecdsa", cls.pair.key.read_text())
        cls.validate = {"name-server": cls.net.blind, "validate": True, "trust-anchor": str(cls.net.trust_anchor)}

    def certmill(self, *words: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        config = self.folder / "certmill.yaml"
        config.write_text(to_yaml({"path": str(self.path), "domain-list": list(HOSTS), "key-type-list": ["ecdsa"],
                                   "tlsa-type-list": ["311"], **settings}))
        return subprocess.run([BIN / "certmill", "--config-file", config, *words], capture_output=True, text=True, check=False,
                              env={**clean_env(), "SSL_CERT_FILE": str(self.ca.root)}, timeout=240)

    # -- check tlsa --

    def test_tlsa(self) -> None:
        """RFC 6698 4.1: secure, insecure, bogus and missing, by ourselves and by a resolver that validates."""
        for settings in (self.validate, {**self.validate, "name-server": self.net.resolver}, {"name-server": self.net.resolver}):
            done = self.certmill("--json", "check", "tlsa", "443", "tcp", **settings)
            self.assertEqual(done.returncode, 1, done.stderr)
            items = {item["name"]: item for item in json.loads(done.stdout)["items"]}
            self.assertEqual({name: (item["outcome"], item["trust"]) for name, item in items.items()}, HOSTS)
            self.assertEqual({name for name, item in items.items() if item["good"]},
                             {name for name, found in HOSTS.items() if found[0] == "found"})
            self.assertEqual({name for name, item in items.items() if item["reason"]},
                             {name for name, found in HOSTS.items() if found[1] == "bogus"})

    def test_tlsa_in_words(self) -> None:
        for name, (outcome, trust) in HOSTS.items():
            with self.subTest(name):
                done = self.certmill("check", "tlsa", "443", "tcp", "--domain-list", name, **self.validate)
                self.assertEqual(done.returncode, 0 if outcome == "found" else 1, done.stderr)
                self.assertRegex(done.stdout.splitlines()[0], f"^; _443._tcp.*: {outcome}, {trust}$")
                self.assertEqual("protect nothing" in done.stderr, trust == "insecure")
                self.assertEqual("the answer is bogus" in done.stderr, trust == "bogus")
                # To be added only where it is known to be missing.
                added = [line for line in done.stdout.splitlines() if not line.startswith(";")]
                self.assertEqual(len(added), 1 if outcome in ("nxdomain", "nodata") else 0)

    def test_anchor(self) -> None:
        other = self.folder / "other.key"
        key = self.net.trust_anchor.read_text()
        at = key.index("AwEAA") + 40
        other.write_text(key[:at] + ("A" if key[at] != "A" else "B") + key[at + 1:])
        for path, says in ((other, "none of the keys of the root is in the trust anchor"),
                           (self.folder / "none.key", "trust-anchor, which validate needs"),
                           (self.pair.key, "no DS or DNSKEY record of the DNS root, as trust-anchor wants")):
            done = self.certmill("check", "tlsa", "443", "tcp", "--domain-list", "www.signed.test",
                                 **{**self.validate, "trust-anchor": str(path)})
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(says, done.stderr)
            self.assertNotIn(", secure", done.stdout)

    # -- check service --

    def test_service(self) -> None:
        """RFC 7671 4, RFC 7672 2.2: records count where we found them secure."""
        with running(s_server(self.folder, self.port, [self.pair]), self.port):
            for name, status, grade, says in (
                    ("www.signed.test", 0, "good", r"1 record at .*, secure"),
                    ("www.insecure.test", 0, "warning", "not protected by DNSSEC"),
                    ("www.expired.test", 1, "problem", "is bogus, .*signature of DNSKEY expired.test has expired"),
                    ("mail.signed.test", 0, "good", "there are no records at")):
                with self.subTest(name):
                    found = self.service(status, f"127.0.0.1:{self.port}", name)
                    self.assertEqual([one["grade"] for one in found if one["check"] == "tlsa"], [grade], found)
                    self.assertRegex(" ".join(one["text"] for one in found if one["check"] == "tlsa"), says)
                    dane = [one["grade"] for one in found if one["check"] == "dane"]
                    self.assertEqual(dane, ["good"] if name == "www.signed.test" else [], found)
        with running(s_server(self.folder, self.wrong, [self.pair]), self.wrong):
            found = self.service(1, f"127.0.0.1:{self.wrong}", "www.signed.test")
            self.assertEqual([one["grade"] for one in found if one["check"] == "dane"], ["problem"])

    def service(self, status: int, *words: str) -> list[dict[str, Any]]:
        done = self.certmill("--json", "check", "service", *words, **{**self.validate, "domain-list": ["www.unknown.test"]})
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return json.loads(done.stdout)["items"]

    # -- a resolver in an attacker's hand --

    def relayed(self, query: bytes, kind: socket.SocketKind) -> bytes:
        """What the resolver that does not validate says."""
        with socket.socket(socket.AF_INET, kind) as sock:
            sock.settimeout(60)
            sock.connect(("127.0.0.1", int(self.net.blind.split("@")[1])))
            if kind == socket.SOCK_DGRAM:
                sock.send(query)
                return sock.recv(65535)
            sock.sendall(framed(query))
            size = struct.unpack("!H", sock.recv(2, socket.MSG_WAITALL))[0]
            return framed(sock.recv(size, socket.MSG_WAITALL))

    def lied_to(self, kind: int, lie: Callable[[bytes], bytes | None]) -> tuple[int, dict[str, Any]]:
        """Questions for a type get the lie (None: the truth), all others what the resolver says. The status, and the item."""
        def by_udp(query: bytes) -> list[bytes]:
            return [(lie(query) if kind_of(query) == kind else None) or self.relayed(query, socket.SOCK_DGRAM)]
        with Liar(self.ports.take(), by_udp, lambda query: self.relayed(query, socket.SOCK_STREAM)) as liar:
            done = self.certmill("--json", "check", "tlsa", "443", "tcp", "--domain-list", "www.signed.test",
                                 **{**self.validate, "name-server": liar.address})
        return done.returncode, json.loads(done.stdout)["items"][0]

    def test_attacker(self) -> None:
        """RFC 4035 5: with validate, AD is nothing, and neither records nor their absence are believed without proof."""
        rdata = bytes([3, 1, 1]) + bytes.fromhex(self.pair.digest())
        forged = bytes([3, 1, 1]) + hashlib.sha256(b"attacker").digest()
        sure = USUAL | AD
        self.assertEqual(self.lied_to(TLSA, lambda query: None)[1]["trust"], "secure")
        for what, kind, lie, says in (
                ("stripped", TLSA, lambda query: answer(query, record("", TLSA, rdata), flags=sure), "has no signature"),
                ("forged", TLSA, lambda query: answer(query, record("", TLSA, forged), flags=sure), "has no signature"),
                ("no such name", TLSA, lambda query: answer(query, flags=sure | NXDOMAIN), "is not signed, although"),
                ("nothing there", TLSA, lambda query: answer(query, flags=sure), "is not signed, although"),
                ("not signed", DS, lambda query: answer(query, flags=sure), "nothing proves that there is no DS"),
                ("no such zone", DS, lambda query: answer(query, flags=sure | NXDOMAIN), "nothing proves that there is no DS"),
                ("no keys", DNSKEY, lambda query: answer(query, flags=sure), "none of the keys|no DNSKEY")):
            with self.subTest(what):
                status, item = self.lied_to(kind, lie)
                self.assertEqual((status, item["outcome"], item["trust"], item["good"]), (1, "failed", "bogus", False), item)
                self.assertRegex(item["reason"], says)
        # Kept from validating: nothing is known.
        status, item = self.lied_to(DNSKEY, lambda query: answer(query, flags=USUAL | REFUSED))
        self.assertEqual((status, item["outcome"], item["trust"]), (1, "failed", "indeterminate"))
        self.assertIn("cannot be validated", item["reason"])


if __name__ == "__main__":
    main()
