"""Goal: whatever stands in a certificate's place, check certificate says of which set, what is wrong and what mends it,
with status 1, and touches nothing; the other sets are judged all the same."""

import os
import shutil
import subprocess
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path

from lab.server import BIN, clean_env
from client_files import FilesCase, Issuer, write_files
from support import main


class ClientBadFiles(FilesCase):
    def setUp(self) -> None:
        super().setUp()
        self.settings["domain-list"].append("mail.example.org")
        self.settings["periodic-sleep-minutes"] = 0
        write_files(self.path, self.issuer, ["mail.example.org"], "ecdsa", self.key())
        self.write_files()
        self.original = self.folder / "original"
        shutil.copytree(self.path, self.original)

    def restore(self) -> None:
        shutil.rmtree(self.path)
        shutil.copytree(self.original, self.path)

    def tree(self) -> dict[str, bytes | None]:
        return {str(path.relative_to(self.path)): path.read_bytes() if path.is_file() else None
                for path in sorted(self.path.rglob("*")) if not path.is_fifo()}

    def test_good(self) -> None:
        done = self.certmill("check", "certificate")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(done.stdout.count("fine, valid until"), 2)

    def test_in_its_place(self) -> None:
        leaf, chain, key = self.file("certificate"), self.file("chain"), self.file("keypair")
        other = Issuer(Path(self.enterContext(tempfile.TemporaryDirectory())), "Other")

        def write(path: Path, text: str) -> Callable[[], object]:
            return lambda: path.write_text(text)

        def folder(path: Path) -> None:
            path.unlink()
            path.mkdir()

        def fifo(path: Path) -> None:
            path.unlink()
            os.mkfifo(path)

        good = leaf.read_text()
        cases: dict[str, tuple[Callable[[], object], str]] = {
            "no certificate": (leaf.unlink, "there is no certificate yet"),
            "an empty one": (write(leaf, ""), str(leaf)),
            "text": (write(leaf, "hello\n"), f"{leaf} holds no certificate in PEM form"),
            "half": (write(leaf, good[:400]), f"{leaf} holds no certificate in PEM form"),
            "a key": (write(leaf, key.read_text()), f"{leaf} holds no certificate in PEM form"),
            "a folder": (lambda: folder(leaf), str(leaf)),
            "a FIFO": (lambda: fifo(leaf), str(leaf)),
            "no key": (key.unlink, "there is no key"),
            "a certificate as key": (write(key, good), "there is a certificate in it, and no private key"),
            "no chain": (chain.unlink, str(chain)),
            "a chain of others": (lambda: chain.write_text(good + other.cert.read_text()), str(chain)),
            "a chain that begins elsewhere": (lambda: chain.write_text(other.cert.read_text() + good), str(chain)),
            "no issuers": (self.file("issuer").unlink, str(self.file("issuer"))),
            "another concat": (write(self.file("concat"), good), str(self.file("concat"))),
        }
        for name, (spoil, said) in cases.items():
            with self.subTest(name):
                self.restore()
                spoil()
                before = self.tree()
                done = self.certmill("check", "certificate")
                self.assertEqual(done.returncode, 1, done.stdout)
                bad = [line for line in done.stdout.splitlines() if "PROBLEM" in line]
                self.assertEqual(len(bad), 1, done.stdout)
                self.assertTrue(bad[0].startswith("www.example.org ecdsa: PROBLEM: "))
                self.assertIn(said, bad[0])
                self.assertIn("mail.example.org ecdsa: fine", done.stdout)
                self.assertIn("1 of 2 certificates have a problem", done.stderr)
                items = self.json("check", "certificate", status=1)["items"]
                self.assertEqual([item["good"] for item in items], [False, True])
                self.assertEqual(len(items[0]["problems"]) > 0, True)
                self.assertEqual(self.tree(), before)

    def test_what_people_have_to_mend_is_left_to_them(self) -> None:
        """A key that cannot be used is not replaced, nor is the server asked."""
        self.file("keypair").write_bytes(self.file("keypair").read_bytes()[:80])
        before = self.tree()
        self.settings["certgrinderd"] = f"sh -c 'touch {self.folder}/asked'"
        for words in (("periodic",), ("get", "certificate", "--domain-list", "www.example.org,example.org")):
            with self.subTest(words[0]):
                done = self.certmill(*words)
                self.assertEqual(done.returncode, 1)
                self.assertIn("put it back from a backup", done.stderr)
                self.assertFalse((self.folder / "asked").exists())
                self.assertEqual({name: data for name, data in self.tree().items() if not name.startswith(".")}, before)

    @unittest.skipIf(os.geteuid() != 0, "needs a second user")
    def test_not_ours_to_read(self) -> None:
        self.file("certificate").chmod(0o600)
        self.folder.chmod(0o755)
        done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", BIN / "certmill", "--path",
                               str(self.path), "-D", "www.example.org,example.org", "-k", "ecdsa", "check", "certificate"],
                              capture_output=True, text=True, env=clean_env(), cwd="/", check=False, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{self.file('certificate')} cannot be read: ", done.stdout)
        self.assertIn("Permission denied", done.stdout)


if __name__ == "__main__":
    main()
