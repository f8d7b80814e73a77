"""Goal: an original certgrinder client, who changes nothing, gets from certmill-shell what it got from certgrinderd."""

import shlex
from pathlib import Path

from certgrinder_parts import LEVELS, Client
from lab import CaOptions, LabOptions, Process, pki
from lab.ports import Ports
from support import LabCase, main

NAMES = ["www.example.org", "mail.example.org"]
PORTS = Ports()
PORT = PORTS.take()


class OriginalClient(LabCase):
    options = LabOptions(sshd=True, ca=CaOptions(authz_reuse=0, ocsp_url=f"http://127.0.0.1:{PORT}/"))

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.key = cls.lab.sshd.add_client("certgrinder", ",".join(NAMES))
        cls.ssh = shlex.join(cls.lab.sshd.command(cls.key))

    def client(self, **more: object) -> Client:
        return Client(self.ssh, **more)  # type: ignore[arg-type]

    def csr(self, kind: str, names: list[str] | None = None) -> str:
        names = names or NAMES
        return pki.csr(self.lab.key(kind), names, cn=names[0])

    def test_connection(self) -> None:
        for level in LEVELS:
            with self.subTest(level):
                self.assertTrue(self.client(log_level=level).ping())

    def test_certificates(self) -> None:
        """As many as the CA's chain has, which is two with Pebble, and nothing around them."""
        for kind in ("rsa4096", "p384"):
            with self.subTest(kind):
                client = self.client()
                certs = client.get_certificate(self.csr(kind), 2)
                self.assertEqual(len(certs), 2)
                self.lab.check_chain("".join(certs), NAMES, self.lab.key(kind))
                self.assertIn("INFO", {level for level, _ in client.logged})
                self.assertNotIn("ERROR", {level for level, _ in client.logged})

    def test_quiet(self) -> None:
        client = self.client(log_level="ERROR")
        self.assertEqual(len(client.get_certificate(self.csr("ecdsa"), 2)), 2)
        self.assertEqual(client.logged, [])

    def test_options(self) -> None:
        client = self.client(acme_server_url=self.lab.ca.url, preferred_chain="Pebble Root CA")
        self.assertEqual(len(client.get_certificate(self.csr("ecdsa"), 2)), 2)
        client = self.client(acme_server_url="https://ca.example/dir")
        self.assertEqual(client.get_certificate(self.csr("ecdsa"), 2), [])
        self.assertIn("https://ca.example/dir", client.logged[-1][1])

    def test_staging_of_older_ones(self) -> None:
        """The server is not configured for it: a log line says so, and the status is not 0."""
        client = self.client(staging=True)
        self.assertEqual(client.get_certificate(self.csr("ecdsa"), 2), [])
        self.assertEqual(client.logged[-1][0], "ERROR")
        self.assertIn("staging", client.logged[-1][1])
        self.assertTrue(client.ping(), "which has nothing to do with a CA")

    def test_refused(self) -> None:
        for csr, word in ((self.csr("ecdsa", ["other.example.org"]), "other.example.org"), ("nonsense\n", "CSR")):
            with self.subTest(word):
                client = self.client()
                self.assertEqual(client.get_certificate(csr, 2), [])
                level, message = client.logged[-1]
                self.assertEqual(level, "ERROR")
                self.assertIn(word, message)

    def test_words_that_are_not_taken(self) -> None:
        """What certgrinderd took from anybody, and what is none: a log line, like all others."""
        for words in (["--auth-hook", "/bin/sh", "get", "certificate"], ["get", "everything"], ["--temp-dir", "/", "ping"]):
            with self.subTest(words):
                client = self.client()
                self.assertIsNone(client.run(*words))
                self.assertEqual([level for level, _ in client.logged], ["ERROR"])

    def test_account(self) -> None:
        self.assertRegex(self.client().account(), r"^https://localhost:\d+/my-account/\S+$")

    def test_ocsp(self) -> None:
        """RFC 6960: DER on stdout to the octet."""
        client = self.client()
        chain = "".join(client.get_certificate(self.csr("ecdsa"), 2))
        folder = Path(self.lab.folder, "ocsp")
        folder.mkdir()
        issuer, key = self.lab.ca.issuing_pair(self.lab.folder)
        serial = pki.field(chain, "-serial").removeprefix("serial=")
        (folder / "index").write_text(f"V\t350101000000Z\t\t{serial}\tunknown\t/CN=x\n")
        log = folder / "log"
        responder = Process("ocsp", ["openssl", "ocsp", "-index", folder / "index", "-port", str(PORT), "-CA", issuer,
                                     "-rsigner", issuer, "-rkey", key, "-ndays", "7"], log)
        responder.start()
        self.addCleanup(responder.stop)
        responder.wait_ready(lambda: "ACCEPT" in log.read_text(errors="replace"))
        der = client.run("get", "ocsp", data=chain)
        assert der is not None, client.logged
        leaf, response = folder / "leaf", folder / "response"
        leaf.write_text(pki.split_chain(chain)[0])
        response.write_bytes(der)
        self.assertIn("good", pki.openssl("ocsp", "-respin", response, "-issuer", issuer, "-cert", leaf, "-VAfile", issuer,
                                          "-partial_chain", "-CAfile", issuer).decode())


if __name__ == "__main__":
    main()
