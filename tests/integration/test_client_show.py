"""Goal: show certificate, paths and configuration tell people and programs what is there, and change nothing."""

import json
import re
from datetime import datetime

from lab import pki
from client_files import FilesCase
from support import main


class ClientShow(FilesCase):
    def test_certificate_as_json(self) -> None:
        self.write_files()
        self.settings["key-type-list"] = ["rsa", "ecdsa"]
        before = self.contents()
        shown = self.json("show", "certificate")
        self.assertEqual((shown["command"], shown["good"]), ("show certificate", True))
        missing, item = shown["items"]
        self.assertEqual(missing, {"set": "www.example.org", "type": "rsa", "file": str(self.file("certificate", "rsa")),
                                   "there": False})
        leaf = self.file("certificate")
        lines = pki.openssl("x509", "-in", leaf, "-noout", "-serial", "-fingerprint", "-sha256", "-startdate", "-enddate",
                            "-dateopt", "iso_8601").decode()
        told = dict(line.split("=", 1) for line in lines.splitlines())
        self.assertEqual(item["serial"], told["serial"])
        self.assertEqual(item["sha256"], told["sha256 Fingerprint"].replace(":", "").lower())
        self.assertEqual(item["not_before"], told["notBefore"].replace(" ", "T"))
        self.assertEqual(item["not_after"], told["notAfter"].replace(" ", "T"))
        datetime.strptime(item["not_after"], "%Y-%m-%dT%H:%M:%SZ")  # RFC 3339 5.6
        self.assertEqual((item["set"], item["type"], item["there"], item["expired"]), ("www.example.org", "ecdsa", True, False))
        self.assertEqual(item["names"], ["www.example.org", "example.org"])
        self.assertEqual((item["subject"], item["issuer"]), ("CN=www.example.org", "CN=Test Issuer"))
        self.assertEqual(item["key"], "ECDSA P-384")
        self.assertIn(item["days_left"], (59, 60))
        self.assertEqual(self.contents(), before)

    def test_kinds_of_key(self) -> None:
        for kind, name, shown in (("rsa", "rsa2048", "RSA 2048"), ("ecdsa", "ecdsa", "ECDSA P-256"), ("ecdsa", "p384", "ECDSA P-384")):
            with self.subTest(name):
                self.settings["key-type-list"] = [kind]
                self.write_files(kind, self.key(name))
                self.assertEqual(self.json("show", "certificate")["items"][0]["key"], shown)

    def test_certificate_for_people(self) -> None:
        self.write_files(days=1)
        until = pki.openssl("x509", "-in", self.file("certificate"), "-noout", "-enddate", "-dateopt", "iso_8601").decode()
        hour = int(re.search(r" (\d\d):", until)[1])  # type: ignore[index]
        text = self.certmill("show", "certificate", env={"TZ": "UTC-3"}).stdout
        for words in (f"{self.path}/www.example.org-certificate.ecdsa.crt", "CN=www.example.org", "www.example.org, example.org",
                      "ECDSA P-384", "CN=Test Issuer", "1267", f" {(hour + 3) % 24:02}:"):
            self.assertIn(words, text)
        self.assertRegex(text, r"not after .* \+0300 \(2[34] hours left\)")
        self.assertNotIn("PRIVATE", text)

    def test_expired(self) -> None:
        self.write_files(days=-1)
        item = self.json("show", "certificate")["items"][0]
        self.assertTrue(item["expired"])
        self.assertLess(item["days_left"], 0)
        self.assertIn("(expired)", self.certmill("show", "certificate").stdout)

    def test_none_yet(self) -> None:
        done = self.certmill("show", "certificate")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("there is none yet: certmill get certificate asks for it", done.stdout)

    def test_no_certificate_in_its_place(self) -> None:
        self.write_files()
        for name, text in (("empty", ""), ("text", "hello\n"), ("key", self.key()), ("half", self.file("certificate").read_text()[:300])):
            with self.subTest(name):
                self.file("certificate").write_text(text)
                before = self.contents()
                done = self.certmill("show", "certificate")
                self.assertEqual(done.returncode, 1)
                self.assertIn("www.example.org ecdsa", done.stderr)
                self.assertIn(str(self.file("certificate")), done.stderr)
                self.assertIn("certmill get certificate puts a new one in its place", done.stderr)
                item = self.json("show", "certificate", status=1)["items"][0]
                self.assertFalse(item["there"])
                self.assertIn("certificate", item["error"])
                self.assertEqual(self.contents(), before)

    def test_hostile_names(self) -> None:
        """A certificate's subject goes to a terminal without what would steer it."""
        key = self.key()
        path = self.folder / "key"
        self.write_files(key=key)
        pki.openssl("req", "-x509", "-key", path, "-subj", "/CN=\x1b]0;x\x07", "-days", "9", "-out", self.file("certificate"))
        shown = self.certmill("show", "certificate")
        self.assertEqual(shown.returncode, 0)
        self.assertNotIn("\x1b", shown.stdout)
        self.assertNotIn("\x07", shown.stdout)

    def test_paths(self) -> None:
        item, = self.json("show", "paths")["items"]
        self.assertEqual((item["set"], item["type"]), ("www.example.org", "ecdsa"))
        self.assertEqual(item["files"], {what: str(self.file(what))
                                         for what in ("keypair", "request", "certificate", "chain", "issuer", "concat")})
        self.assertEqual(self.certmill("show", "paths").stdout.count(str(self.path)), 6)
        self.assertEqual(self.contents(), {})

    def test_configuration(self) -> None:
        secret = self.folder / "password"
        secret.write_text("hunter2\n")
        self.settings["copies"] = [{"form": "pkcs12", "path": "/srv/{name}.p12", "password-file": str(secret)}]
        item, = self.json("show", "configuration")["items"]
        self.assertEqual(item["domain-list"], ["www.example.org,example.org"])
        self.assertEqual((item["jobs"], item["staging"], item["server"]), (4, False, None))
        self.assertEqual(item["copies"][0]["form"], "pkcs12")
        text = self.certmill("show", "configuration").stdout
        self.assertNotIn("hunter2", text + json.dumps(item))
        again = self.folder / "again.yaml"
        again.write_text(text)
        self.assertEqual(self.certmill("--config-file", str(again), "show", "configuration").stdout, text,
                         "what it prints is a configuration")


if __name__ == "__main__":
    main()
