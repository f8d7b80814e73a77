"""Goal: whatever the server's command does, certmill says which set, what is wrong and what to do, and changes no file."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from lab import pki
from lab.server import BIN, clean_env, to_yaml
from support import main

NAMES = ["www.example.org", "example.org"]


class Authority:
    """A CA by openssl: root, and an intermediate that signs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.serial = folder, 1
        self.root, self.issuer = folder / "root.pem", folder / "issuer.pem"
        self.root_key, self.issuer_key = pki.key(folder / "root.key"), pki.key(folder / "issuer.key")
        pki.openssl("req", "-x509", "-new", "-key", self.root_key, "-subj", "/CN=root", "-days", "9", "-out", self.root)
        self.issuer.write_text(self.sign(self.issuer_key, "/CN=issuer", "basicConstraints=critical,CA:true",
                                         self.root, self.root_key))

    def sign(self, key: Path, subject: str, extension: str, ca: Path, ca_key: Path) -> str:
        request, extensions = self.folder / "request", self.folder / "extensions"
        extensions.write_text(extension + "\n")
        pki.openssl("req", "-new", "-key", key, "-subj", subject, "-out", request)
        self.serial += 1
        return pki.openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-days", "5",
                           "-set_serial", str(self.serial), "-extfile", extensions).decode()

    def chain(self, key: Path, names: list[str]) -> str:
        san = "subjectAltName=" + ",".join(f"DNS:{name}" for name in names)
        return self.sign(key, f"/CN={names[0]}", san, self.issuer, self.issuer_key) + self.issuer.read_text()

    def old_chain(self, key: Path, names: list[str]) -> str:
        """One that was good in 2020."""
        self.chain(key, names)
        config = self.folder / "ca.conf"
        (self.folder / "index").write_text("")
        config.write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\n"
                          "rand_serial=yes\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
        pki.openssl("ca", "-batch", "-notext", "-config", config, "-in", self.folder / "request", "-cert", self.issuer,
                    "-keyfile", self.issuer_key, "-startdate", "20200101000000Z", "-enddate", "20200401000000Z",
                    "-extfile", self.folder / "extensions", "-out", self.folder / "old")
        return (self.folder / "old").read_text() + self.issuer.read_text()


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory(prefix="certmill-hostile-")
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        cls.path, cls.script, cls.config = cls.folder / "path", cls.folder / "server", cls.folder / "client.yaml"
        cls.chain, cls.later = cls.folder / "chain", cls.folder / "later"
        cls.path.mkdir()
        cls.authority = Authority(cls.folder)
        cls.config.write_text(to_yaml({"certgrinderd": f"sh {cls.script}", "path": str(cls.path),
                                       "domain-list": [",".join(NAMES)], "key-type-list": ["ecdsa"]}))
        cls.key = cls.path / "www.example.org-keypair.ecdsa.key"
        pki.key(cls.key, "p384")
        cls.key.chmod(0o640)
        cls.good = cls.authority.chain(cls.key, NAMES)
        cls.run_with(cls.says(cls.good))

    @classmethod
    def says(cls, text: str) -> str:
        cls.chain.write_text(text)
        return f"cat >> {cls.later}; cat {cls.chain}"

    @classmethod
    def run_with(cls, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        cls.script.write_text(script + "\n")
        return subprocess.run([BIN / "certmill", "--config-file", cls.config, *words, "get", "certificate"],
                              capture_output=True, text=True, errors="replace", env=clean_env(), check=False,
                              timeout=120)

    def files(self) -> list[tuple[str, bytes, int]]:
        return [(path.name, path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(self.path.glob("[!.]*"))]

    def refused(self, script: str, *texts: str, words: tuple[str, ...] = ()) -> str:
        before = self.files()
        done = self.run_with(script, *words)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(self.files(), before, script)
        self.assertGreater(len(before), 5, "there was something to be spoilt")
        said = [line for line in done.stderr.splitlines() if " ERROR " in line and "www.example.org" in line]
        for text in texts:
            self.assertIn(text, said[-1])
        return done.stderr

    def test_good(self) -> None:
        """The same way with nothing wrong: these tests can fail."""
        before = self.files()
        done = self.run_with(self.says(self.authority.chain(self.key, NAMES)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotEqual(self.files(), before)
        self.assertIn("BEGIN CERTIFICATE REQUEST", self.later.read_text())

    def test_nothing(self) -> None:
        for script in ("exit 0", "cat > /dev/null", "exec >&- 2>&-; cat > /dev/null"):
            self.refused(script, "there is no certificate", "check connection")

    def test_failure(self) -> None:
        self.refused("exit 1", "the server failed", "operator")
        self.refused("echo no such host >&2; exit 255", "ssh did not reach the server", "no such host")
        self.refused("kill -9 $$", "killed by signal 9")
        self.refused("exit 126", "status 126")
        for status, text in ((3, "does not accept"), (4, "does not permit"), (5, "the CA refused"),
                             (6, "try again later"), (7, "try again"), (8, "certmilld is not running"),
                             (9, "limit")):
            self.refused(f"echo '2026-11-21 01:46:18 +0000 certmill ERROR the reason' >&2; exit {status}", text,
                         "the reason")

    def test_garbage(self) -> None:
        for text in ("<html>hello</html>", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                     "-----BEGIN CERTIFICATE-----\n", self.good[:700], f"Welcome!\n{self.good}", f"{self.good}bye",
                     self.good.replace("A", "B"), "\x00\x01\x02"):
            self.refused(self.says(text), "nothing of it is used", "operator")

    def test_wrong_chain(self) -> None:
        other = pki.key(self.folder / "other.key", "p384")
        more = self.authority.chain(self.key, [*NAMES, "evil.example"])
        less = self.authority.chain(self.key, NAMES[:1])
        leaf, issuer = pki.split_chain(self.good)
        own = pki.openssl("req", "-x509", "-new", "-key", self.key, "-subj", "/CN=x", "-days", "2", "-addext",
                          "subjectAltName=DNS:www.example.org,DNS:example.org").decode()
        cases = {"another key": self.authority.chain(other, NAMES), "has expired":
                 self.authority.old_chain(self.key, NAMES), "not the issuer of": self.good + self.good,
                 "for evil.example as well": more, "not for example.org": less, "signed by itself": own,
                 "another key than ours": issuer + leaf, "more than 10 certificates": leaf + issuer * 10}
        for text, chain in cases.items():
            self.refused(self.says(chain), text, "nothing of it is used")
        self.refused(self.says(leaf + self.authority.root.read_text()), "not the issuer of")
        self.refused(self.says(self.good), "expected-chain-length says 3", words=("--expected-chain-length", "3"))

    def test_too_much(self) -> None:
        self.refused("head -c 10485760 /dev/zero", "more than 256 KiB", "forced command")
        self.refused("while :; do echo x; done", "more than 256 KiB", "forced command")

    def test_silent(self) -> None:
        for script in ("exec sleep 600", "cat > /dev/null; exec sleep 600", "trap '' TERM; while :; do sleep 600; done",
                       "exec >&-; exec sleep 600", "while :; do echo x >&2; done"):
            self.refused(script, "did not answer within 1 s", "server-timeout", words=("--server-timeout", "1"))

    def test_stderr(self) -> None:
        """A flood there, control characters, and what is no text harm nobody; the answer still counts."""
        self.assertLess(len(self.refused("yes | head -c 10485760 >&2; exit 1", "the server failed")), 1 << 20)
        said = self.refused(r"printf '\033[2J\033]0;x\007\377\n' >&2; exit 1", r"\x1b[2J")
        self.assertNotIn("\x1b", said)
        self.refused("head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1", "operator's log says more: xxx")
        banner = "cat >&2 <<'X'\n*** Authorised use only ***\n\nX\n"
        before = self.files()
        done = self.run_with(banner + self.says(self.authority.chain(self.key, NAMES)))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Authorised use only", done.stderr)
        self.assertNotEqual(self.files(), before)

    def test_pipes(self) -> None:
        """Reads nothing, ends while we write, or leaves somebody behind who holds the pipes."""
        chain = self.authority.chain(self.key, NAMES)
        self.chain.write_text(chain)
        for script in (f"cat {self.chain}", f"exec <&-; cat {self.chain}", f"head -c 1 >/dev/null; cat {self.chain}",
                       f"cat {self.chain}; sleep 5 & exit 0"):
            done = self.run_with(script)
            self.assertEqual(done.returncode, 0, done.stderr)
        self.refused(f"head -c 100 {self.chain}; sleep 5 & exit 0", "cut short")

    def test_no_command(self) -> None:
        self.config.write_text(self.config.read_text().replace(f"sh {self.script}", f"{self.folder}/missing"))
        self.addCleanup(self.config.write_text,
                        self.config.read_text().replace(f"{self.folder}/missing", f"sh {self.script}"))
        self.refused("", "No such file or directory", "certgrinderd")


if __name__ == "__main__":
    main()
