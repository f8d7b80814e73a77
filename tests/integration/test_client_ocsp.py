"""Goal: get, show and check ocsp keep a response beside the certificate that its CA's responder has signed (RFC 6960)."""

import datetime
from pathlib import Path

from client_support import ClientCase
from lab import CaOptions, LabOptions, MoreOptions, Process, pki
from lab.ports import Ports
from support import main

PORTS = Ports()
PORT = PORTS.take()
SUFFIX = "response.{}.ocsp"


class Responses(ClientCase):
    options = LabOptions(sshd=True, more=MoreOptions(),
                         ca=CaOptions(authz_reuse=0, ocsp_url=f"http://127.0.0.1:{PORT}/"))

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.issuer, cls.issuer_key = cls.lab.ca.issuing_pair(cls.lab.folder)

    def setUp(self) -> None:
        super().setUp()
        self.settings.update({"domain-list": ["www.example.org"], "key-type-list": ["ecdsa"]})
        self.write()
        self.response = self.file("www.example.org", SUFFIX, "ecdsa")

    def respond(self, chain: str, state: str = "V", revoked: str = "") -> Process:
        """Starts a responder that knows the chain's leaf."""
        folder = Path(self.lab.folder, f"{self._testMethodName}-{state}")
        folder.mkdir()
        serial = pki.field(chain, "-serial").removeprefix("serial=")
        (folder / "index").write_text(f"{state}\t350101000000Z\t{revoked}\t{serial}\tunknown\t/CN=x\n")
        log = folder / "log"
        responder = Process("ocsp", ["openssl", "ocsp", "-index", folder / "index", "-port", str(PORT), "-CA", self.issuer,
                                     "-rsigner", self.issuer, "-rkey", self.issuer_key, "-ndays", "7"], log)
        responder.start()
        self.addCleanup(responder.stop)
        responder.wait_ready(lambda: "ACCEPT" in log.read_text(errors="replace"))
        return responder

    def new(self) -> str:
        self.ok("get", "certificate")
        return self.file("www.example.org", "chain.{}.crt", "ecdsa").read_text()

    def item(self, *words: str, status: int = 0) -> dict[str, object]:
        said = self.json(*words, status=status)
        self.assertEqual(len(said["items"]), 1)
        return said["items"][0]

    def test_good(self) -> None:
        self.assertIn("no certificate yet", self.item("check", "ocsp", status=1)["error"])
        chain = self.new()
        self.assertIn("no OCSP response yet", self.item("check", "ocsp", status=1)["error"])
        self.assertIn("no OCSP response yet", self.ok("show", "ocsp"))
        self.respond(chain)
        self.ok("get", "ocsp")
        self.assertEqual(self.response.stat().st_mode & 0o7777, 0o640)
        leaf = Path(self.lab.folder, "ocsp-leaf.pem")
        leaf.write_text(pki.split_chain(chain)[0])
        self.assertIn("good", pki.openssl("ocsp", "-respin", self.response, "-issuer", self.issuer, "-cert", leaf,
                                          "-VAfile", self.issuer, "-partial_chain", "-CAfile", self.issuer).decode())
        self.assertIn("www.example.org ecdsa: good", self.ok("check", "ocsp"))
        self.assertIn("until", self.ok("show", "ocsp"))
        item = self.item("check", "ocsp")
        self.assertEqual((item["status"], item["good"], item["file"]), ("good", True, str(self.response)))
        ends = datetime.datetime.fromisoformat(str(item["next_update"]))
        self.assertEqual(ends - datetime.datetime.fromisoformat(str(item["this_update"])), datetime.timedelta(days=7))
        inner = self.path / ".certmill" / "www.example.org.ecdsa"
        self.assertFalse((inner / "response.new").exists())
        (inner / "response.new").write_text("of a run that was killed")
        self.ok("get", "ocsp")
        self.assertFalse((inner / "response.new").exists())
        self.assertEqual([path.name for path in self.path.glob("*ocsp*")], [self.response.name])
        self.ok("check", "ocsp")

        good = self.response.read_bytes()
        later = good.replace(b"\x80\x00\x18\x0f20", b"\x80\x00\x18\x0f19")
        self.assertNotEqual(later, good, "another time in what is signed")
        for spoilt in (b"", b"\x30\x03\x0a\x01\x00", good[:-1], good + b"x", later):
            self.response.write_bytes(spoilt)
            self.assertIn("get ocsp", self.item("check", "ocsp", status=1)["error"])
        self.response.write_bytes(good)
        self.new()
        self.assertIn("about another certificate", self.item("check", "ocsp", status=1)["error"])

    def test_revoked(self) -> None:
        chain = self.new()
        self.respond(chain, "R", "261101120000Z,superseded")
        done = self.certmill("get", "ocsp")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("revoked the certificate (superseded)", done.stderr)
        item = self.item("check", "ocsp", status=1)
        self.assertEqual((item["status"], item["revoked"], item["reason"]),
                         ("revoked", "2026-11-01T12:00:00Z", "superseded"))
        self.assertIn("PROBLEM: revoked since 2026-11-01", self.certmill("check", "ocsp").stdout)

    def test_away(self) -> None:
        """Without a responder what is there stays."""
        chain = self.new()
        responder = self.respond(chain)
        self.ok("get", "ocsp")
        before = self.response.read_bytes()
        responder.stop()
        self.lab.server.wait_role("issuer", self.lab.server.kill("issuer"))  # which kept a response
        done = self.certmill("get", "ocsp")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("1 of 1 OCSP responses could not be had", done.stderr)
        self.assertEqual(self.response.read_bytes(), before)
        self.ok("check", "ocsp")

    def test_lying_server(self) -> None:
        """What the server sends is judged before it is kept."""
        self.new()
        self.settings["certgrinderd"] = "echo"
        self.write()
        done = self.certmill("get", "ocsp")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("not one OCSP response", done.stderr)
        self.assertFalse(self.response.exists())


class NoResponder(ClientCase):
    def test_no_responder(self) -> None:
        """A CA without one: nothing to be had, and nobody is asked."""
        self.settings.update({"domain-list": ["www.example.org"], "key-type-list": ["ecdsa"]})
        self.write()
        self.ok("get", "certificate")
        self.settings["certgrinderd"] = "false"
        self.write()
        done = self.certmill("get", "ocsp")
        self.assertEqual(done.returncode, 1)
        self.assertIn("its CA has none", done.stderr)
        self.assertEqual(self.certmill("check", "ocsp").returncode, 1)
        self.assertIn("its CA has none", self.ok("show", "ocsp"))


if __name__ == "__main__":
    main()
