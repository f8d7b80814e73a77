"""Goal: a key file with something wrong in it is named, with the reason and the remedy, and no file is touched; a key of
another size than new ones have is kept."""

import os
import subprocess
import unittest
from collections.abc import Callable

from lab import pki
from lab.server import BIN, clean_env
from client_files import FilesCase
from support import main

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


class ClientBadKeys(FilesCase):
    def get(self) -> subprocess.CompletedProcess[str]:
        """Asks for a certificate; the server's command fails at once, where it comes to that."""
        self.settings["certgrinderd"] = "sh -c 'cat >/dev/null; echo no such luck >&2; exit 1'"
        return self.certmill("get", "certificate")

    def refused(self, data: bytes, said: str) -> None:
        self.file("keypair").write_bytes(data)
        self.file("keypair").chmod(0o640)
        before = self.contents()
        done = self.get()
        self.assertEqual(done.returncode, 1)
        self.assertIn("www.example.org ecdsa", done.stderr)
        self.assertIn(f"{self.file('keypair')}: ", done.stderr)
        self.assertIn(said, done.stderr)
        self.assertNotIn("no such luck", done.stderr, "the server was not asked")
        self.assertEqual(self.contents(), before)

    def openssl_key(self, *words: str) -> bytes:
        return pki.openssl("pkey", "-in", self.folder / "key", *words)

    def test_refused(self) -> None:
        self.write_files()
        key = self.key().encode()
        cases: dict[str, tuple[Callable[[], bytes], str]] = {
            "empty": (lambda: b"", "it is empty: put the key back from a backup"),
            "blank": (lambda: b"\n\n", "there is no private key in PEM form in it"),
            "truncated": (lambda: key[:len(key) // 2], "the file was cut off: put it back from a backup"),
            "truncated before its first line ends": (lambda: key[:12], "cut off"),
            "damaged": (lambda: key.replace(key[40:60], b"A" * 20), "the private key in it is damaged"),
            "DER": (lambda: self.openssl_key("-outform", "DER"), "in DER form, not PEM: convert it with openssl pkey"),
            "a public key": (lambda: self.openssl_key("-pubout"), "there is a public key in it, and no private one"),
            "a certificate": (lambda: self.file("certificate").read_bytes(), "there is a certificate in it, and no private key"),
            "a CSR": (lambda: self.file("request").read_bytes(), "there is a CSR in it, and no private key"),
            "two keys": (lambda: key + self.key("ecdsa").encode(), "there are several private keys in it"),
            "encrypted": (lambda: self.openssl_key("-aes256", "-passout", "pass:x"), "take it off with openssl pkey -in"),
            "encrypted, older form": (lambda: self.openssl_key("-traditional", "-aes256", "-passout", "pass:x"),
                                      "the key is under a pass phrase"),
            "ed25519": (lambda: self.key("ed25519").encode(), "no public CA issues for these"),
            "RSA": (lambda: self.key("rsa2048").encode(), "this is an RSA key, not ecdsa as the file's name says: rename it"),
            "P-521": (lambda: self.key("p521").encode(), "the ECDSA key is on secp521r1, and P-256 and P-384 are permitted"),
        }
        for name, (data, said) in cases.items():
            with self.subTest(name):
                self.refused(data(), said)

    def test_small_rsa(self) -> None:
        self.settings["key-type-list"] = ["rsa"]
        self.file("keypair", "rsa").write_text(self.key("rsa1024"))
        done = self.get()
        self.assertEqual(done.returncode, 1)
        self.assertIn("the RSA key has 1024 bits, and 2048 to 4096 are permitted", done.stderr)

    def test_taken(self) -> None:
        """What is fine; the request then fails at the server."""
        key = self.key("ecdsa").encode()
        cases = {
            "CRLF": key.replace(b"\n", b"\r\n"),
            "no last newline": key.rstrip(),
            "text around it": b"Bag Attributes\n    friendlyName: www\n" + key + b"trailing\n",
            "a certificate behind it": key + CERTIFICATE.encode(),
            "parameters before it, older form": pki.openssl("ecparam", "-name", "prime256v1", "-genkey"),
        }
        for name, data in cases.items():
            with self.subTest(name):
                self.file("keypair").write_bytes(data)
                self.file("keypair").chmod(0o640)
                done = self.get()
                self.assertIn("no such luck", done.stderr)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(self.file("keypair").read_bytes(), data)

    def test_mode_is_brought_in_order_and_said(self) -> None:
        for mode, said in ((0o644, "had mode 0644 and has 0640 now; everybody on this host could get at the key"),
                           (0o600, "had mode 0600 and has 0640 now"), (0o640, "")):
            with self.subTest(oct(mode)):
                self.file("keypair").write_text(self.key())
                self.file("keypair").chmod(mode)
                done = self.get()
                self.assertEqual(self.file("keypair").stat().st_mode & 0o777, 0o640)
                self.assertIn(said, done.stderr)
                self.assertEqual("had mode" in done.stderr, bool(said))

    def test_mode_as_configured(self) -> None:
        self.settings["mode"] = "0600"
        self.file("keypair").write_text(self.key())
        self.file("keypair").chmod(0o640)
        self.get()
        self.assertEqual(self.file("keypair").stat().st_mode & 0o777, 0o600)

    @unittest.skipIf(os.geteuid() != 0, "needs a second user")
    def test_unreadable(self) -> None:
        """By another user than the one whose files these are: told by each command, and nothing is touched."""
        self.write_files()
        for path in self.path.iterdir():
            path.chmod(0o600 if path.suffix == ".key" else 0o644)
        self.path.chmod(0o777)
        self.folder.chmod(0o755)
        locks = self.folder / "locks"
        locks.mkdir()
        locks.chmod(0o777)
        before = self.contents()
        for words, status in (("get certificate", 1), ("check certificate", 1), ("show spki", 0)):
            with self.subTest(words):
                done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", BIN / "certmill",
                                       "--path", str(self.path), "-D", "www.example.org,example.org", "-k", "ecdsa",
                                       "--certgrinderd", f"touch {locks}/asked", "--pid-dir", str(locks), *words.split()],
                                      capture_output=True, text=True, env=clean_env(), check=False, timeout=60)
                said = done.stdout + done.stderr
                self.assertEqual(done.returncode, status, said)
                if status == 0:
                    self.assertIn("pin-sha256=", said, "the certificate's key stands in")
                    continue
                self.assertRegex(said, r"www.example.org ecdsa(\]|: PROBLEM:)")
                self.assertIn(f"{self.file('keypair')}: Permission denied; give it to the user whom certmill runs as", said)
                self.assertFalse((locks / "asked").exists())
                self.assertEqual(self.contents(), before)

    @unittest.skipIf(os.geteuid() != 0, "needs a second user")
    def test_unreadable_with_its_certificate(self) -> None:
        """What cannot be read is not taken for missing."""
        self.write_files()
        for path in self.path.iterdir():
            path.chmod(0o600)
        self.folder.chmod(0o755)
        for words in ("show spki", "show tlsa 443 tcp"):
            done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", BIN / "certmill", "--path",
                                   str(self.path), "-D", "www.example.org", "-k", "ecdsa", *words.split()],
                                  capture_output=True, text=True, env=clean_env(), check=False, timeout=60)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r"ERROR www.example.org ecdsa: [^\n]*keypair[^\n]*Permission denied; run certmill as")
            self.assertNotIn("there is no key", done.stderr)

    def test_missing(self) -> None:
        """Told by check; made anew by get, with a word about the one that the certificate is of, and once."""
        self.write_files()
        self.file("keypair").unlink()
        before = self.contents()
        done = self.certmill("check", "certificate")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"www.example.org ecdsa: PROBLEM: there is no key ({self.file('keypair')})", done.stdout)
        self.assertEqual(self.contents(), before)
        done = self.get()
        self.assertEqual(done.returncode, 1, "the server fails")
        self.assertRegex(done.stderr, r"WARNING \[www.example.org ecdsa\] a new key was made: [^\n]*"
                                      r"put it back from a backup or out of www.example.org-concat.ecdsa.pem")
        self.assertEqual({name: data for name, data in self.contents().items() if not name.endswith(".key")}, before)
        self.assertNotIn("a new key", self.get().stderr)

    def test_first_key(self) -> None:
        """Where there is no certificate yet nothing is lost."""
        self.assertNotIn("a new key", self.get().stderr)
        self.assertTrue(self.file("keypair").exists())

    def test_no_server(self) -> None:
        """No key is made for nobody to sign."""
        self.settings["certgrinderd"] = None
        done = self.certmill("get", "certificate")
        self.assertEqual(done.returncode, 1)
        self.assertIn("[www.example.org ecdsa] certgrinderd is not set: give the command that reaches the server", done.stderr)
        self.assertEqual(self.contents(), {})

    def test_mismatched(self) -> None:
        """A certificate for another key: told, renewed by periodic, and left as it is where the server fails."""
        self.write_files()
        self.file("keypair").write_text(self.key())
        before = self.contents()
        done = self.certmill("check", "certificate")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"www.example.org ecdsa: PROBLEM: the certificate is for another key than {self.file('keypair')}: "
                      "certmill periodic gets a new one", done.stdout)
        self.settings["certgrinderd"] = "sh -c 'cat >/dev/null; echo no such luck >&2; exit 1'"
        done = self.certmill("periodic", "--now")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the certificate is for another key", done.stderr)
        self.assertIn("no such luck", done.stderr)
        self.assertEqual(self.contents(), before)

    def test_new_keys_as_configured(self) -> None:
        for kind, settings, shown in (("rsa", {"rsa-bits": "2048"}, "2048 bit"), ("ecdsa", {"ecdsa-curve": "P-256"}, "256 bit"),
                                      ("rsa", {"rsa-bits": "3072"}, "3072 bit"), ("ecdsa", {}, "384 bit"), ("rsa", {}, "4096 bit")):
            with self.subTest(f"{kind} {settings}"):
                self.file("keypair", kind).unlink(missing_ok=True)
                words = [word for key, value in settings.items() for word in (f"--{key}", value)]
                self.settings["key-type-list"] = [kind]
                done = self.certmill(*words, "get", "certificate")
                self.assertEqual(done.returncode, 1, "the server fails")
                text = pki.openssl("pkey", "-in", self.file("keypair", kind), "-noout", "-text").decode()
                self.assertIn(shown, text)
                self.assertEqual(self.file("keypair", kind).stat().st_mode & 0o777, 0o640)


if __name__ == "__main__":
    main()
