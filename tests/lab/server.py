"""certmilld, as the lab runs it: configuration, readiness by sd_notify, certmillctl."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from . import ports
from .process import LabError, Process, wait_until

BIN = Path(os.environ.get("CERTMILL_BIN") or Path(__file__).resolve().parents[2] / "build" / "bin")
# Users that every Debian has, so that privileges are really dropped and apart when the lab runs as root.
_USERS = {"user": "daemon", "dns-user": "nobody", "signer-user": "bin", "notify-user": "games"}


def to_yaml(config: dict[str, Any]) -> str:
    """A configuration as YAML: scalars, lists of scalars, lists of mappings."""
    lines: list[str] = []
    for key, value in config.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{key}:")
            for row in value:
                pairs = [f"{name}: {json.dumps(item)}" for name, item in row.items()]
                lines += [("  - " if i == 0 else "    ") + pair for i, pair in enumerate(pairs)]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def clean_env() -> dict[str, str]:
    """This process's environment without what would configure certmill."""
    ours = ("CERTMILLD_", "CERTMILL_", "CERTGRINDER", "SSH_ORIGINAL_COMMAND", "SSH_CONNECTION", "NOTIFY_SOCKET")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)}


class Server:
    """One certmilld with its own folders, port and control socket.

    `config` may be changed before start(), or before write_config() and a reload.
    """

    def __init__(self, folder: Path, port: int, acme_url: str, ca_file: Path, zone: str):
        self.folder, self.port = folder, port
        self.state_dir, self.run_dir = folder / "state", folder / "run"
        self.submit, self.control = self.run_dir / "submit.sock", self.run_dir / "control.sock"
        self.config_file = folder / "certmilld.yaml"
        self.log = folder / "certmilld.log"
        listen = [f"127.0.0.1:{port}"] + ([f"[::1]:{port}"] if ports.has_ipv6() else [])
        self.config: dict[str, Any] = {
            "dns-listen": listen, "dns-threads": 2,
            "zones": [{"name": zone, "nameservers": ["ns1.example.net", "ns2.example.net"],
                       "hostmaster": "hostmaster@example.org"}],
            "acme-server-url": acme_url, "acme-ca-file": str(ca_file), "acme-email": "hostmaster@example.org",
            "state-dir": str(self.state_dir), "run-dir": str(self.run_dir), "log-level": "DEBUG"}
        if os.geteuid() == 0:
            self.config.update(_USERS)
        self.env: dict[str, str] = {}
        """More environment for it."""
        self.argv: list[str] = []
        """More words on its command line."""
        self.notified: list[str] = []
        """What it told the service manager, in order."""
        self._notify: socket.socket | None = None
        self.process = self._new_process()

    def _new_process(self) -> Process:
        env = {**clean_env(), "NOTIFY_SOCKET": str(self.folder / "notify.sock"), **self.env}
        return Process("certmilld", [BIN / "certmilld", "--config", self.config_file, *self.argv], self.log, env)

    def write_config(self, text: str | None = None) -> None:
        """Writes the configuration file: `config`, or this text."""
        self.config_file.write_text(to_yaml(self.config) if text is None else text)

    def start(self) -> None:
        """Starts it; wait_ready() waits."""
        self.write_config()
        self.notified.clear()
        path = self.folder / "notify.sock"
        path.unlink(missing_ok=True)
        if self._notify:
            self._notify.close()
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind(str(path))
        self._notify.setblocking(False)
        path.chmod(0o777)
        self.process = self._new_process()
        self.process.start()

    def ready(self) -> bool:
        """Whether it has said READY=1."""
        self.read_notifications()
        return any("READY=1" in message.splitlines() for message in self.notified)

    def read_notifications(self) -> list[str]:
        """Fetches what has arrived on the notify socket; all messages since the start."""
        while self._notify:
            try:
                self.notified.append(self._notify.recv(4096).decode())
            except BlockingIOError:
                break
        return self.notified

    def wait_ready(self) -> None:
        """Waits until it is ready."""
        self.process.wait_ready(self.ready)

    def run_to_end(self, *words: str, limit: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Runs certmilld on the configuration file as it is, until it ends by itself: for starts that must fail."""
        return subprocess.run([BIN / "certmilld", "--config", self.config_file, *words], capture_output=True, text=True,
                              env={**clean_env(), **self.env}, check=False, timeout=limit, stdin=subprocess.DEVNULL)

    def stop(self) -> int | None:
        """Ends it; its exit status."""
        status = self.process.stop()
        if self._notify:
            self._notify.close()
            self._notify = None
        return status

    def restart(self) -> None:
        """Ends it and starts it again."""
        self.stop()
        self.start()
        self.wait_ready()

    def reload(self) -> None:
        """Sends SIGHUP."""
        self.process.signal(signal.SIGHUP)

    def ctl_text(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs certmillctl."""
        return subprocess.run([BIN / "certmillctl", "--socket", self.control, *words], capture_output=True, text=True,
                              env=clean_env(), check=False, timeout=60)

    def ctl(self, *words: str) -> Any:
        """What `certmillctl --json` prints; raises LabError when it fails."""
        done = self.ctl_text("--json", *words)
        if done.returncode:
            raise LabError(f"certmillctl {' '.join(words)}: {done.returncode} {done.stdout}{done.stderr}\n"
                           f"{self.process.tail()}")
        return json.loads(done.stdout)

    def pid_of(self, role: str) -> int:
        """Process id of dnsd, issuer or signer, or 0 while it is not running."""
        for entry in self.ctl("status")["processes"]:
            if entry["role"] == role and entry["state"] == "running":
                return int(entry["pid"])
        return 0

    def kill(self, role: str) -> int:
        """kill -9 of a role; the process id it had."""
        pid = self.pid_of(role)
        assert pid > 1, f"{role} is not running"
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_role(self, role: str, not_pid: int = 0) -> int:
        """Waits until a role runs, under another process id than this one; the new id."""
        found = 0

        def back() -> bool:
            nonlocal found
            try:
                found = self.pid_of(role)
            except LabError:
                return False
            return found not in (0, not_pid)
        wait_until(back, f"{role} running again")
        return found

    def orders(self) -> list[dict[str, Any]]:
        """All orders, newest first."""
        return self.ctl("orders")["orders"]

    def events(self, order: int) -> list[str]:
        """Timeline of an order."""
        return [event["message"] for event in self.ctl("orders", str(order))["events"]]

    def log_text(self) -> str:
        """Its whole log."""
        return self.log.read_text(errors="replace")
