"""OpenSSH: the door that clients come through, with certmill-shell as forced command."""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .process import Process

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
PermitUserEnvironment CERTGRINDERD_DOMAINSETS
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 200
UseDNS no
PrintMotd no
"""


class Sshd:
    """An sshd for the current user, who may do nothing but ask for certificates."""

    def __init__(self, folder: Path, port: int, command: str):
        self.folder, self.port, self._command = folder, port, command
        self.user = getpass.getuser()
        (folder / "sshd_config").write_text(_CONFIG.format(port=port, folder=folder))
        self._keys = folder / "authorized_keys"
        self._keys.touch()
        self._make_key("host_key")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        argv = ["/usr/sbin/sshd", "-D", "-e", "-f", folder / "sshd_config"]
        self.process = Process("sshd", argv, folder / "sshd.log")

    def _make_key(self, name: str) -> Path:
        path = self.folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
        return path

    def ready(self) -> bool:
        """Whether it greets."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 10) as sock:
                return sock.recv(4) == b"SSH-"
        except OSError:
            return False

    def add_client(self, name: str, domain_sets: str) -> Path:
        """Lets a new client in for these names (sets divided by ';', names by ','); path of its private key."""
        path = self._make_key(name)
        public = path.with_suffix(".pub").read_text().strip()
        with self._keys.open("a", encoding="utf-8") as keys:
            keys.write(f'restrict,environment="CERTGRINDERD_DOMAINSETS={domain_sets}",'
                       f'command="{self._command}" {public}\n')
        return path

    def command(self, key: Path, words: Sequence[str] = ()) -> list[str]:
        """The ssh command line of a client."""
        return ["ssh", "-F", "none", "-p", str(self.port), "-i", str(key), "-o", "IdentitiesOnly=yes", "-o",
                "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o",
                "LogLevel=ERROR", "-T", f"{self.user}@127.0.0.1", "--", *words]
