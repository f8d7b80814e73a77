"""Goal: every unacceptable CSR gets the status for bad input, one line on what is wrong, and never reaches the CA."""

import os

from lab import LabOptions, pki
from support import INPUT, LabCase, main

NAME = "www.example.org"


class BadCsr(LabCase):
    options = LabOptions(proxy=True)

    def refused(self, csr: str | bytes, *said: str, domains: str = NAME) -> None:
        before = len(self.lab.proxy.seen)
        answer = self.lab.shell("get", "certificate", domains=domains, data=csr)
        self.assert_status(answer, INPUT)
        complaints = [line for line in answer.stderr.splitlines() if " ERROR " in line]
        self.assertEqual(len(complaints), 1, answer.stderr)
        for word in said:
            self.assertRegex(complaints[0], f"(?i){word}")
        self.assertNotIn("-----BEGIN", answer.stderr, "input is not echoed")
        self.assertEqual(self.lab.proxy.seen[before:], [], "nothing is sent to the CA")

    def good(self) -> str:
        return self.lab.csr([NAME])

    def test_empty(self) -> None:
        for text in ("", "\n", "   \n\n"):
            self.refused(text)

    def test_huge(self) -> None:
        self.refused(self.good() + "x" * (65 << 10), "65536|64 ?KiB|too large|longer|limit")
        self.refused("x" * (2 << 20))

    def test_binary(self) -> None:
        self.refused(os.urandom(3000))
        self.refused(bytes(range(256)))
        self.refused(pki.pem_to_der(self.good()), "PEM")
        self.refused(self.good().replace("\n", "\0\n", 2))

    def test_two(self) -> None:
        self.refused(self.good() + self.good(), "one|two|second|more")

    def test_truncated(self) -> None:
        text = self.good()
        for cut in (10, 40, len(text) // 2, len(text) - 20):
            self.refused(text[:cut])
        lines = text.splitlines()
        self.refused("\n".join([*lines[:2], *lines[-1:]]) + "\n")

    def test_something_else_in_pem(self) -> None:
        self.refused(self.lab.key().read_text(), "CERTIFICATE REQUEST|CSR")
        self.refused(self.lab.ca.root(), "CERTIFICATE REQUEST|CSR")

    def test_wrong_signature(self) -> None:
        forged = pki.forge(self.lab.key(), self.good(), b"www.example.org", b"ftp.example.org", sign=False)
        self.refused(forged, "signature", domains="ftp.example.org")

    def test_weak_signatures(self) -> None:
        for digest in ("md5", "sha1"):
            with self.subTest(digest):
                self.refused(pki.csr(self.lab.key("rsa"), [NAME], digest=digest), digest.replace("sha1", "sha-?1"))

    def test_keys(self) -> None:
        for kind, said in (("rsa1024", "1024"), ("p521", "P-?521|secp521|521"), ("ed25519", "ed25519|key")):
            with self.subTest(kind):
                self.refused(pki.csr(self.lab.key(kind), [NAME]), said)
        self.refused(pki.csr(self.lab.key("rsa4104"), [NAME]), "4104")

    def test_no_names(self) -> None:
        self.refused(pki.csr(self.lab.key(), [], san=""), "name")

    def test_other_kinds_of_names(self) -> None:
        for san, said in ((f"DNS:{NAME},IP:192.0.2.1", "IP|address"), (f"DNS:{NAME},email:a@example.org", "e-?mail"),
                          (f"DNS:{NAME},URI:https://example.org/", "URI|URL")):
            with self.subTest(san):
                self.refused(pki.csr(self.lab.key(), [], san=san), said)

    def test_names_that_are_none(self) -> None:
        label = "a" * 64 + ".example.org"
        for name in (label, "www..example.org", "-www.example.org", "www_.example.org", "*.*.example.org",
                     "www.*.example.org", "w*.example.org", "192.0.2.1", "www.example.org.", "exämple.org",
                     "w w.example.org", "a." * 130 + "example.org", "localhost", "*"):
            with self.subTest(name):
                csr = pki.csr(self.lab.key(), [name])
                before = len(self.lab.proxy.seen)
                answer = self.lab.shell("get", "certificate", domains=NAME, data=csr)
                self.assertIn(answer.status, (INPUT, 4), answer.stderr)
                self.assertEqual(answer.stdout, "")
                self.assertEqual(self.lab.proxy.seen[before:], [])
        self.refused(pki.csr(self.lab.key(), [label]), "label|64|63", domains=label)

    def test_name_with_nul(self) -> None:
        csr = pki.forge(self.lab.key(), self.good(), b"www.example.org", b"www\0example.org")
        self.refused(csr)
        csr = pki.forge(self.lab.key(), pki.csr(self.lab.key(), ["www.example.org.evil.example"]),
                        b"www.example.org.evil", b"www.example.org\0evil")
        self.refused(csr)

    def test_too_many_names(self) -> None:
        names = [f"n{i}.example.org" for i in range(101)]
        self.refused(pki.csr(self.lab.key(), names), "100|101", domains=",".join(names))

    def test_others_are_not_disturbed(self) -> None:
        self.assert_issued(self.lab.get([NAME]), [NAME])


if __name__ == "__main__":
    main()
