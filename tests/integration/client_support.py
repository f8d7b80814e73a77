"""certmill, the client, in a folder and with a configuration of its own for each test."""

import json
import subprocess
from pathlib import Path
from typing import Any

from lab import CaOptions, LabOptions, MoreOptions
from lab.server import BIN, clean_env, to_yaml
from support import LabCase

SETS = ["www.example.org,mail.example.org", "pølse.example.org"]
SUFFIXES = ("keypair.{}.key", "request.{}.csr", "certificate.{}.crt", "chain.{}.crt", "issuer.{}.crt", "concat.{}.pem")


class ClientCase(LabCase):
    """self.settings is what self.write() writes; self.certmill(...) runs it."""

    options = LabOptions(sshd=True, more=MoreOptions(), ca=CaOptions(authz_reuse=0))

    def setUp(self) -> None:
        name = self._testMethodName
        self.key = self.lab.sshd.add_client(name, ";".join(SETS))
        self.path = Path(self.lab.folder, f"files-{name}")
        self.path.mkdir()
        self.config = Path(self.lab.folder, f"{name}.yaml")
        self.ssh = " ".join(self.lab.sshd.command(self.key))
        self.settings = {"certgrinderd": self.ssh, "path": str(self.path),
                         "domain-list": SETS}
        self.write()

    def write(self) -> None:
        self.config.write_text(to_yaml(self.settings))

    def certmill(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BIN / "certmill", "--config-file", self.config, *words], capture_output=True, text=True,
                              env=clean_env(), check=False, timeout=120)

    def ok(self, *words: str) -> str:
        done = self.certmill(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def json(self, *words: str, status: int = 0) -> Any:
        done = self.certmill("--json", *words)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout)

    def visible(self) -> list[Path]:
        """What is in the folder beside .certmill, which holds what the files link to."""
        return sorted(self.path.glob("[!.]*"))

    def file(self, first: str, suffix: str, kind: str) -> Path:
        return self.path / f"{first}-{suffix.format(kind)}"


class PeriodicCase(ClientCase):
    """One set, with an ECDSA key."""

    def setUp(self) -> None:
        super().setUp()
        self.set(**{"key-type-list": ["ecdsa"], "rsa-bits": 2048, "domain-list": SETS[:1]})

    def set(self, **settings: object) -> None:
        for key, value in settings.items():
            self.settings[key] = value
        self.write()

    def orders(self) -> int:
        return self.lab.more.counted()["orders"]

    def periodic(self, last: str, *, status: int = 0, orders: int | None = None) -> str:
        """Runs it; its last line, and how much was ordered."""
        before = self.orders()
        done = self.certmill("periodic", "--now")
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn(last, done.stderr.splitlines()[-1], done.stderr)
        if orders is not None:
            self.assertEqual(self.orders() - before, orders, done.stderr)
        return done.stderr

    def chain(self, first: str = "www.example.org") -> str:
        return self.file(first, SUFFIXES[3], "ecdsa").read_text()
