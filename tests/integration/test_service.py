"""Goal: certmill check service tells what real servers serve from what they should: files, names, dates, chain, DANE."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab import services
from lab.dnssec import DnsSec, Zone
from lab.ports import Ports
from lab.process import wait_until
from lab.server import BIN, clean_env, to_yaml
from lab.services import ROOT, Authority, Pair, running, s_server

ZONES = {".": Zone(), "test": Zone(), "signed.test": Zone(), "insecure.test": Zone(ds="none", signed=False),
         "expired.test": Zone(dates=("20200101", "20200201"))}
NAME = "www.signed.test"
NAMES = [NAME, "mail.signed.test", "www.insecure.test", "www.expired.test", "here.signed.test"]
Found = dict[tuple[str, str | None], list[tuple[str, str]]]


def has_ipv6() -> bool:
    """Whether this host has ::1."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


class Service(unittest.TestCase):
    """Servers on ports of their own; self.check(...) is what is found, by (check, type of key)."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="certmill-lab-"))
        cls.folder.chmod(0o755)
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.ports = Ports()
        cls.addClassCleanup(cls.ports.release)
        cls.ca = Authority(cls.folder / "ca")
        cls.other_ca = Authority(cls.folder / "other")
        cls.ecdsa, cls.rsa = cls.ca.issue(NAMES), cls.ca.issue(NAMES, "rsa")
        cls.net = DnsSec(cls.folder, cls.ports, ZONES)
        cls.net.start()
        cls.addClassCleanup(cls.net.stop)
        cls.port = {word: cls.ports.take() for word in (
            "both", "rsa only", "stale", "ee", "ta", "no ta", "ta name", "pkix", "mail", "insecure", "expired", "alias")}
        e, r, issuer = cls.ecdsa.digest(), cls.rsa.digest(), cls.ecdsa.digest(1)
        cls.stranger = cls.other_ca.issue(["stranger.test"])
        for word, name, records in (
                ("both", NAME, [f"3 1 1 {e}", f"3 1 1 {r}"]),
                ("rsa only", NAME, [f"3 1 1 {r}"]),
                ("stale", NAME, [f"3 1 1 {e}", f"3 1 1 {'ab' * 32}"]),
                ("ee", NAME, [f"3 1 1 {cls.stranger.digest()}"]),
                ("ta", NAME, [f"2 1 1 {issuer}"]),
                ("no ta", NAME, [f"2 1 1 {cls.stranger.digest(1)}"]),
                ("ta name", NAME, [f"2 1 1 {cls.stranger.digest(1)}"]),
                ("pkix", NAME, [f"1 1 1 {e}"]),
                ("mail", "mail.signed.test", [f"3 1 1 {e}", f"3 1 1 {r}", f"1 1 1 {e}"]),
                ("insecure", "www.insecure.test", [f"3 1 1 {'ab' * 32}"]),
                ("expired", "www.expired.test", [f"3 1 1 {e}"]),
                ("alias", NAME, [f"3 1 1 {e}"])):
            for record in records:
                cls.net.add(f"_{cls.port[word]}._tcp.{name}", 300, "TLSA", record)
        cls.net.add("here.signed.test", 300, "A", "127.0.0.1")
        cls.net.add("here.signed.test", 300, "AAAA", "::1")
        cls.net.publish()

    def setUp(self) -> None:
        self.path = self.folder / self._testMethodName
        self.path.mkdir()
        self.settings: dict[str, Any] = {"name-server": self.net.resolver}
        self.trusted: Path | None = self.ca.root

    def run_check(self, *words: str) -> subprocess.CompletedProcess[str]:
        config = self.path / "certmill.yaml"
        config.write_text(to_yaml(self.settings))
        env = {**clean_env(), "SSL_CERT_FILE": str(self.trusted or "/dev/null"), "SSL_CERT_DIR": "/nonexistent"}
        return subprocess.run([BIN / "certmill", "--config-file", config, "check", "service", *words], env=env, check=False,
                              capture_output=True, text=True, timeout=120)

    def check(self, status: int, *words: str) -> Found:
        done = self.run_check("--json", *words)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        found: Found = {}
        for item in json.loads(done.stdout)["items"]:
            found.setdefault((item["check"], item["key_type"]), []).append((item["grade"], item["text"]))
        return found

    def says(self, found: Found, check: str, kind: str | None, grade: str, text: str = "") -> None:
        rows = found.get((check, kind), [])
        self.assertTrue([row for row in rows if row[0] == grade and text in row[1]], f"{grade} {check} {kind} in {found}")

    @contextmanager
    def served(self, port: int, pairs: Sequence[Pair], *options: str, chain: bool = True) -> Iterator[str]:
        with running(s_server(self.folder, port, pairs, *options, chain=chain), port):
            yield f"127.0.0.1:{port}"

    def own(self, *pairs: Pair, domains: str = NAME) -> None:
        """Puts the pairs where the client keeps its own."""
        self.settings |= {"path": str(self.path), "domain-list": [domains]}
        for pair in pairs:
            shutil.copy(pair.chain, self.path / f"{domains.split(',')[0]}-chain.{pair.kind}.crt")

    # -- what is served --

    def test_right(self) -> None:
        for options in ((), ("-tls1_2",)):
            with self.subTest(options), self.served(self.port["both"], [self.ecdsa, self.rsa], *options) as at:
                self.own(self.ecdsa, self.rsa)
                found = self.check(0, at, NAME)
                for kind in ("ecdsa", "rsa"):
                    for check in ("connection", "files", "name", "dates", "chain", "trust", "dane"):
                        self.says(found, check, kind, "good")
                text = self.run_check(at)  # an address, and one set: its first name
                self.assertEqual(text.returncode, 0, text.stderr)
                self.assertNotIn("warning", text.stdout)
                self.assertIn(f"{NAME} port {self.port['both']} at 127.0.0.1, TLS\n", text.stdout)

    def test_one_kind_only(self) -> None:
        with self.served(self.ports.take(), [self.rsa]) as at:
            self.says(self.check(0, at, NAME), "connection", "ecdsa", "good", "no such certificate")
            self.own(self.ecdsa, self.rsa)
            found = self.check(0, at, NAME)
        self.says(found, "connection", "ecdsa", "warning", "one on disk")
        self.says(found, "files", "rsa", "good")

    def test_reload_forgotten(self) -> None:
        new = self.ca.issue(NAMES, key=self.ecdsa.key, age=1)
        self.own(new)
        with self.served(self.ports.take(), [self.ecdsa]) as at:
            self.says(self.check(1, at, NAME), "files", "ecdsa", "problem", "was not reloaded")
            # A new key as well: the old certificate is among what is kept.
            self.own(self.ca.issue(NAMES))
            found = self.check(1, at, NAME)
            self.says(found, "files", "ecdsa", "problem", "not from here")
            kept = self.path / ".certmill" / f"{NAME}.ecdsa" / "1"
            kept.mkdir(parents=True)
            (kept / "certificate.crt").write_text(self.ecdsa.certificates[0])
            self.says(self.check(1, at, NAME), "files", "ecdsa", "problem", "was not reloaded")
            # Another set has it.
            self.settings["domain-list"] = [NAME, f"mail.signed.test,{NAME}"]
            shutil.copy(self.ecdsa.chain, self.path / "mail.signed.test-chain.ecdsa.crt")
            found = self.check(0, at, NAME)
            self.assertEqual([row[0] for row in found[("files", "ecdsa")]], ["good"])
        with self.served(self.ports.take(), [new]) as at:
            self.own(self.ecdsa)
            self.says(self.check(0, at, NAME), "files", "ecdsa", "warning", "is newer")

    def test_wrong_certificates(self) -> None:
        for pair, check, text in ((self.ca.issue(["other.test"]), "name", "is for other.test, not for"),
                                  (self.ca.issue(NAMES, days=-1), "dates", "expired"),
                                  (self.ca.issue(NAMES, age=-5), "dates", "is a clock wrong"),
                                  (self.other_ca.issue(NAMES), "trust", "Service Root")):
            with self.subTest(text), self.served(self.ports.take(), [pair]) as at:
                found = self.check(1, at, NAME)
                self.says(found, check, "ecdsa", "problem", text)
                self.assertEqual([key for key, rows in found.items() if rows[0][0] == "problem"], [(check, "ecdsa")])
        ending = self.ca.issue(NAMES, days=2, age=500)
        with self.served(self.ports.take(), [ending]) as at:
            self.says(self.check(0, at, NAME), "dates", "ecdsa", "warning", "should have been renewed")
        wild = self.ca.issue(["*.signed.test"])
        with self.served(self.ports.take(), [wild]) as at:
            self.check(0, at, NAME)
            self.says(self.check(1, at, "a.b.signed.test"), "name", "ecdsa", "problem")  # RFC 9525 6.3

    def test_chain(self) -> None:
        with self.served(self.ports.take(), [self.ecdsa], chain=False) as at:
            found = self.check(1, at, NAME)
            self.says(found, "trust", "ecdsa", "problem", "intermediate certificate is missing")
            self.own(self.ecdsa)
            self.says(self.check(1, at, NAME), "files", "ecdsa", "problem", "intermediate certificate is missing")
        mixed = Pair(self.ecdsa.key, self.path / "mixed", "ecdsa")
        leaf, issuer = self.ecdsa.certificates
        mixed.chain.write_text(leaf + self.ca.root.read_text() + self.stranger.certificates[0] + issuer)
        with self.served(self.ports.take(), [mixed]) as at:
            found = self.check(0, at, NAME)
            for text in ("wrong order", "certificate 3 (CN=service) has no place", "root certificate is sent"):
                self.says(found, "chain", "ecdsa", "warning", text)
            self.says(found, "files", "ecdsa", "warning", "issuers are not sent as they stand")

    # -- DANE --

    def test_each_kind_needs_its_record(self) -> None:  # RFC 7671 8.1
        with self.served(self.port["rsa only"], [self.ecdsa, self.rsa]) as at:
            found = self.check(1, at, NAME)
        self.says(found, "dane", "rsa", "good", "3 1 1")
        self.says(found, "dane", "ecdsa", "problem", "none of the 1 records")

    def test_stale_record(self) -> None:
        with self.served(self.port["stale"], [self.ecdsa]) as at:
            found = self.check(0, at, NAME)
        self.says(found, "dane", "ecdsa", "good", "1 of 2 match")
        self.says(found, "tlsa", None, "warning", "abababababababab... matches nothing")

    def test_dane_ee(self) -> None:  # RFC 7671 5.1: neither names nor CAs matter
        with self.served(self.port["ee"], [self.stranger]) as at:
            found = self.check(0, at, NAME)
        self.says(found, "dane", "ecdsa", "good", "3 1 1")
        self.says(found, "name", "ecdsa", "warning", "stranger.test")
        self.says(found, "trust", "ecdsa", "warning")
        expired = self.other_ca.issue(["stranger.test"], key=self.stranger.key, days=-1)
        with self.served(self.port["ee"], [expired]) as at:
            found = self.check(0, at, NAME)
        self.says(found, "dane", "ecdsa", "good", "3 1 1")
        self.says(found, "dates", "ecdsa", "warning", "does not matter")

    def test_dane_ta(self) -> None:  # RFC 7671 5.2
        self.trusted = None
        with self.served(self.port["ta"], [self.ecdsa]) as at:
            found = self.check(0, at, NAME)
            self.says(found, "dane", "ecdsa", "good", "2 1 1")
            self.says(found, "trust", "ecdsa", "warning")
        with self.served(self.port["ta"], [self.ca.issue(NAMES, days=-1)]) as at:
            found = self.check(1, at, NAME)
            self.says(found, "dane", "ecdsa", "problem", "expired")
            self.says(found, "dates", "ecdsa", "problem", "expired")
        with self.served(self.port["no ta"], [self.ecdsa]) as at:
            self.says(self.check(1, at, NAME), "dane", "ecdsa", "problem", "none of the")
        with self.served(self.port["ta name"], [self.stranger]) as at:
            found = self.check(1, at, NAME)
            self.says(found, "dane", "ecdsa", "problem", "mismatch")
            self.says(found, "name", "ecdsa", "problem")

    def test_pkix_ee(self) -> None:  # RFC 7671 5.3
        with self.served(self.port["pkix"], [self.ecdsa]) as at:
            self.says(self.check(0, at, NAME), "dane", "ecdsa", "good", "1 1 1")
            self.trusted = None
            self.says(self.check(1, at, NAME), "dane", "ecdsa", "problem", "1 of 1 records match, but")

    def test_trust_in_the_answer(self) -> None:  # RFC 7671 4: only what is secure counts; RFC 7672 2.2
        with self.served(self.port["insecure"], [self.ecdsa]) as at:
            found = self.check(0, at, "www.insecure.test")
            self.says(found, "tlsa", None, "warning", "not protected by DNSSEC")
            self.assertNotIn(("dane", "ecdsa"), found)
        with self.served(self.port["expired"], [self.ecdsa]) as at:
            self.says(self.check(1, at, "www.expired.test"), "tlsa", None, "problem", "bogus")
        with self.served(self.port["both"], [self.ecdsa, self.rsa]) as at:
            self.settings = {"name-server": f"127.0.0.1@{self.ports.take()}"}
            self.says(self.check(1, at, NAME), "tlsa", None, "problem", "cannot be looked up")

    def test_alias(self) -> None:  # RFC 7671 7: records of the alias' target, a certificate for either name
        for name in ("www.signed.test", "alias.signed.test"):
            pair = self.ca.issue([name], key=self.ecdsa.key)
            with self.subTest(name), self.served(self.port["alias"], [pair]) as at:
                found = self.check(0, at, "alias.signed.test")
                self.says(found, "dane", "ecdsa", "good")
                self.says(found, "tlsa", None, "good", "_tcp.www.signed.test, secure")
                self.says(found, "name", "ecdsa", "good", f"is for {name}")

    def test_by_name(self) -> None:
        """Addresses come from the name server that is configured; the next is tried where one does not answer."""
        with self.served(self.ports.take(), [self.ecdsa]) as at:
            found = self.check(0, f"here.signed.test:{at.split(':')[1]}")
        self.says(found, "connection", "ecdsa", "good", "127.0.0.1")
        self.says(found, "connection", None, "warning", "::1: ")

    @unittest.skipUnless(has_ipv6(), "no IPv6 here")
    def test_address_of_ipv6(self) -> None:
        port = self.ports.take()
        with running(s_server(self.folder, port, [self.ecdsa], host="[::1]"), port, host="::1"):
            found = self.check(0, f"[::1]:{port}", NAME)
            self.says(found, "connection", "ecdsa", "good", "::1, TLSv1.3")
            self.says(found, "name", "ecdsa", "good", NAME)

    # -- STARTTLS --

    @unittest.skipUnless(ROOT, "Postfix needs root")
    def test_postfix(self) -> None:  # RFC 3207, RFC 7672
        port = self.port["mail"]
        self.own(self.ecdsa, self.rsa, domains="mail.signed.test")
        self.settings["starttls"] = "smtp"
        with running(services.postfix(self.folder, port, [self.ecdsa, self.rsa]), port):
            found = self.check(0, f"127.0.0.1:{port}", "mail.signed.test")
            log = self.folder / f"postfix{port}" / "maillog"
            wait_until(lambda: len(re.findall(r"disconnect .* starttls=1 quit=1 ", log.read_text())) == 2,
                       "its log shows two that took their leave")
        for kind in ("ecdsa", "rsa"):
            for check in ("files", "name", "dates", "chain", "trust", "dane"):
                self.says(found, check, kind, "good")
        self.says(found, "tlsa", None, "warning", "mail servers do not use usages 0 and 1")  # RFC 7672 3.1.3

    @unittest.skipUnless(ROOT, "Dovecot needs root")
    def test_dovecot(self) -> None:  # RFC 9051 6.2.1, RFC 2595 4
        imap, pop3 = self.ports.take(), self.ports.take()
        with running(services.dovecot(self.folder, imap, pop3, [self.ecdsa, self.rsa]), imap, pop3):
            for word, port in (("imap", imap), ("pop3", pop3)):
                with self.subTest(word):
                    found = self.check(0, f"127.0.0.1:{port}", NAME, "--starttls", word)
                    for kind in ("ecdsa", "rsa"):
                        self.says(found, "trust", kind, "good")

    @unittest.skipUnless(ROOT, "Prosody is told to run as root")
    def test_prosody(self) -> None:  # RFC 6120 5
        clients, servers = self.ports.take(), self.ports.take()
        with running(services.prosody(self.folder, clients, servers, NAME, self.ecdsa), clients, servers):
            for port in (clients, servers):
                found = self.check(0, f"127.0.0.1:{port}", NAME, "--starttls", "xmpp")
                self.says(found, "trust", "ecdsa", "good")

    @unittest.skipUnless(ROOT, "Prosody is told to run as root")
    def test_prosody_of_other_letters(self) -> None:  # RFC 7622 3.2: it is called by its U-labels
        clients, servers = self.ports.take(), self.ports.take()
        pair = self.ca.issue(["xn--plse-gra.signed.test"])
        with running(services.prosody(self.folder, clients, servers, "pølse.signed.test", pair), clients, servers):
            for port in (clients, servers):
                found = self.check(0, f"127.0.0.1:{port}", "pølse.signed.test", "--starttls", "xmpp")
                self.says(found, "name", "ecdsa", "good", "xn--plse-gra.signed.test")

    @unittest.skipUnless(ROOT, "slapd needs root")
    def test_slapd(self) -> None:  # RFC 4511 4.14
        port = self.ports.take()
        with running(services.slapd(self.folder, port, self.ecdsa), port):
            self.says(self.check(0, f"127.0.0.1:{port}", NAME, "--starttls", "ldap"), "trust", "ecdsa", "good")
            found = self.check(1, f"127.0.0.1:{port}", NAME)
            self.says(found, "connection", None, "problem", "handshake failed")

    def test_attackers_on_the_way(self) -> None:  # RFC 3207 6, CVE-2011-0411
        for answers, text in (([b"220 x\r\n", b"250-x\r\n250 HELP\r\n"], "does not offer STARTTLS"),
                              ([b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"220 go\r\n250 more\r\n"], "as an attacker"),
                              ([b"220 x\r\n", b"250-x\r\n250 STARTTLS\r\n", b"454 no\r\n"], "454 no"),
                              ([b"SSH-2.0-OpenSSH\r\n"], "not SMTP"), ([], "ended the connection")):
            with self.subTest(text), _talker(answers) as port:
                found = self.check(1, f"127.0.0.1:{port}", NAME, "--starttls", "smtp")
                self.says(found, "connection", None, "problem", text)

    # -- usage --

    def test_nobody_there(self) -> None:
        self.says(self.check(1, f"127.0.0.1:{self.ports.take()}", NAME), "connection", None, "problem", "refused")
        self.says(self.check(1, "nowhere.signed.test:443"), "connection", None, "problem", "no address")

    def test_wrong_usage(self) -> None:
        for words in ((), ("127.0.0.1:443",), ("www.signed.test",), ("www.signed.test:0",), ("www.signed.test:https",),
                      ("::1:443", NAME), ("[www.signed.test]:443",), ("*.signed.test:443",), ("a..b:443",),
                      ("127.0.0.1:443", NAME, "more"), ("127.0.0.1:443", NAME, "--starttls", "nntp")):
            with self.subTest(words):
                done = self.run_check(*words)
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertTrue(done.stderr)


@contextmanager
def _talker(answers: list[bytes]) -> Iterator[int]:
    """A server that says these lines, one before each line of the client's, and hangs up; to whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    for answer in answers:
                        client.sendall(answer)
                        if not client.recv(1000):
                            break
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


if __name__ == "__main__":
    unittest.main(verbosity=2)
