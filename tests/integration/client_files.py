"""Key folders as they are found on hosts, made by openssl, and the client run on them without a lab."""

import json
import subprocess
import tempfile
import unittest
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import pki
from lab.server import BIN, clean_env, to_yaml

# Behind NAME-; the braces stand for the type of key. key, CSR, leaf, leaf and issuers, issuers, all of it.
SUFFIXES = ("keypair.{}.key", "request.{}.csr", "certificate.{}.crt", "chain.{}.crt", "issuer.{}.crt", "concat.{}.pem")


class Issuer:
    """A CA by openssl."""

    def __init__(self, folder: Path, name: str = "Test Issuer") -> None:
        self.folder = folder
        self.name = name
        self.key = pki.key(folder / "ca.key")
        self.cert = folder / "ca.crt"
        pki.openssl("req", "-x509", "-new", "-key", self.key, "-subj", f"/CN={name}", "-days", "365", "-out", self.cert,
                    "-addext", "keyUsage=critical,keyCertSign")

    def sign(self, csr: str, names: Sequence[str], days: int) -> str:
        """A leaf in PEM."""
        ext = self.folder / "ext"
        ext.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        return pki.openssl("x509", "-req", "-CA", self.cert, "-CAkey", self.key, "-days", str(days), "-set_serial", "4711",
                           "-extfile", ext, data=csr).decode()


def write_files(folder: Path, issuer: Issuer, names: Sequence[str], kind: str, key: str, days: int = 60) -> None:
    """Six files as certgrinder leaves them: regular, one after the other."""
    path = folder / f"{names[0]}-keypair.{kind}.key"
    path.write_text(key)
    csr = pki.csr(path, names, cn=names[0])
    leaf, issuers = issuer.sign(csr, names, days), issuer.cert.read_text()
    for suffix, text in zip(SUFFIXES, (key, csr, leaf, leaf + issuers, issuers, key + leaf + issuers)):
        file = folder / f"{names[0]}-{suffix.format(kind)}"
        file.write_text(text)
        file.chmod(0o640)


class FilesCase(unittest.TestCase):
    """self.path is an empty folder of keys, self.settings the configuration: one set, ECDSA, a server that fails."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.path = self.folder / "path"
        self.path.mkdir(mode=0o755)
        self.issuer = Issuer(self.folder)
        self.settings: dict[str, Any] = {"path": str(self.path), "domain-list": ["www.example.org,example.org"],
                                         "key-type-list": ["ecdsa"], "certgrinderd": "false"}

    def certmill(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs it."""
        config = self.folder / "certmill.yaml"
        config.write_text(to_yaml(self.settings))
        return subprocess.run([BIN / "certmill", "--config-file", config, *words], capture_output=True, text=True,
                              env={**clean_env(), **(env or {})}, check=False, timeout=120)

    def json(self, *words: str, status: int = 0) -> Any:
        """What it prints with --json."""
        done = self.certmill("--json", *words)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout)

    def file(self, what: str, kind: str = "ecdsa") -> Path:
        """A file of the set: keypair, request, certificate, chain, issuer, concat."""
        suffix = next(suffix for suffix in SUFFIXES if suffix.startswith(what))
        return self.path / f"www.example.org-{suffix.format(kind)}"

    def key(self, kind: str = "p384") -> str:
        """A new private key in PEM."""
        return pki.key(self.folder / "key", kind).read_text()

    def write_files(self, kind: str = "ecdsa", key: str = "", days: int = 60) -> None:
        """All six files of the set."""
        write_files(self.path, self.issuer, ["www.example.org", "example.org"], kind, key or self.key(), days)

    def contents(self) -> dict[str, bytes]:
        """What all files hold, links followed."""
        return {path.name: path.read_bytes() for path in sorted(self.path.glob("[!.]*"))}
