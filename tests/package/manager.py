"""The service manager: systemd, where it is the first process (boot), else one of our own for one pair of units.

That one reads certmilld.socket and certmilld.service as they are installed, opens the sockets and keeps them, starts the
service under its user with nothing of root's, and does what maintainer scripts ask for by `systemctl`. What the unit
says about namespaces and system calls is systemd's own: `systemd-analyze` looks at that.
"""

from __future__ import annotations

import fcntl
import grp
import json
import os
import pwd
import select
import shlex
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import ClassVar

SERVICE, SOCKET = "certmilld.service", "certmilld.socket"
_UNITS = Path("/lib/systemd/system")
_START_SECONDS = 60.0
_FIRST_FD = 3
_HIGH = 200
"""Descriptors that are handed over are kept above this, out of the way of those that a start sets up."""


def read_unit(name: str) -> dict[str, list[str]]:
    """A unit's settings: key -> values in order; an empty one clears those before."""
    found: dict[str, list[str]] = {}
    for line in (_UNITS / name).read_text().splitlines():
        if line.startswith(("#", "[")) or "=" not in line:
            continue
        key, value = line.split("=", 1)
        found[key] = [*found.get(key, []), value] if value else []
    return found


def _open(kind: int, address: str, unit: dict[str, list[str]]) -> int:
    """One listening socket, as systemd.socket(5) says."""
    host, port = address.rsplit(":", 1)
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    sock = socket.socket(family, kind)
    if family == socket.AF_INET6 and unit["BindIPv6Only"] == ["ipv6-only"]:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    size = int(unit["ReceiveBuffer"][0].removesuffix("M")) << 20
    sock.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), size)
    sock.bind((host.strip("[]"), int(port)))
    if kind == socket.SOCK_STREAM:
        sock.listen(int(unit["Backlog"][0]))
    high = fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, _HIGH)
    sock.close()
    return high


class Systemd:
    """systemd itself."""

    real = True
    unknown: ClassVar[list[str]] = []

    @staticmethod
    def run(words: list[str]) -> tuple[int, str]:
        """systemctl: status and output."""
        done = subprocess.run(["systemctl", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, timeout=240)
        return done.returncode, done.stdout

    def show(self, unit: str, key: str) -> str:
        """A property of a unit."""
        return self.run(["show", "--property", key, "--value", unit])[1].strip()

    @property
    def pid(self) -> int:
        """The service's main process; 0 where there is none."""
        return int(self.show(SERVICE, "MainPID"))

    @property
    def opened(self) -> str:
        """Another whenever the sockets are opened anew."""
        return self.show(SOCKET, "InvocationID")

    @property
    def status(self) -> int:
        """0 where the service ended by itself, and well."""
        return 0 if "Deactivated successfully" in self.log("_PID=1", f"UNIT={SERVICE}") else 1

    def stopped(self, unit: str) -> bool:
        """Whether a unit was stopped."""
        return self.run(["is-active", unit])[0] != 0

    @staticmethod
    def log(*words: str) -> str:
        """The end of the journal."""
        return subprocess.run(["journalctl", "--no-pager", "--output=cat", "--lines=40", *words], check=False, text=True,
                              capture_output=True).stdout

    def start(self) -> None:
        """It runs."""

    def close(self) -> None:
        """From now on it looks as if there were none."""
        Path("/run/systemd/system").rename("/run/systemd/none")


class Manager:
    """Start it with start(); `asked` is what it was asked by systemctl, in order."""

    real = False

    def __init__(self, log: Path):
        self.asked: list[str] = []
        self.unknown: list[str] = []
        self.pid = 0
        self.opened = 0
        self.status: int | None = None
        self._log, self._sockets, self._busy = log, [], threading.Lock()
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind("/run/manager.notify")
        os.chmod("/run/manager.notify", 0o777)
        self._words = socket.socket(socket.AF_UNIX)
        self._words.bind("/run/manager.sock")
        self._words.listen()

    def unit(self, name: str) -> dict[str, list[str]]:
        """A unit's settings: read_unit()."""
        return read_unit(name)

    def start(self) -> None:
        """Serves systemctl from now on."""
        Path("/run/systemd/system").mkdir(parents=True)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Ends the service and takes away what was put into /run."""
        self.run(["stop", SERVICE, SOCKET])
        self._words.close()
        self._notify.close()
        for name in ("manager.sock", "manager.notify"):
            Path("/run", name).unlink()
        Path("/run/systemd/system").rmdir()

    def stopped(self, unit: str) -> bool:
        """Whether it was asked to stop a unit."""
        return any(words.split()[0] == "stop" and unit in words for words in self.asked)

    def log(self, *_: str) -> str:
        """The end of what the service said."""
        return self._log.read_text()[-4000:] if self._log.exists() else ""

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._words.accept()
            except OSError:
                return
            self._taken(client)

    def _taken(self, client: socket.socket) -> None:
        """One systemctl after the other."""
        self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        with client, client.makefile() as lines:
            words = json.loads(lines.readline())
            try:
                answer = self.run([word for word in words if not word.startswith("-")])
            except Exception as error:
                answer = self.failed(words, error)
            client.sendall(json.dumps(answer).encode() + b"\n")

    def failed(self, words: list[str], error: Exception) -> tuple[int, str]:
        """The script is told, and the test finds it."""
        self.unknown.append(f"{words}: {error}")
        return 1, ""

    def run(self, words: list[str]) -> tuple[int, str]:
        """What systemctl does with these words: status and output."""
        with self._busy:
            self.asked.append(" ".join(words))
            verb, units = words[0], words[1:]
            if verb in ("daemon-reload", "reset-failed"):
                return 0, ""
            if verb == "is-enabled":
                return 1, "disabled\n"
            if verb == "is-active":
                active = all(self._active(unit) for unit in units)
                return (0, "active\n") if active else (3, "inactive\n")
            if verb in ("start", "stop", "restart", "try-restart"):
                for unit in units:
                    self._change(verb, unit)
                return 0, ""
            self.unknown.append(" ".join(words))
            return 1, ""

    def _active(self, unit: str) -> bool:
        return bool(self.pid) if unit == SERVICE else unit == SOCKET and bool(self._sockets)

    def _change(self, verb: str, unit: str) -> None:
        if unit not in (SERVICE, SOCKET):  # of another unit, the client's timer, nothing is active
            return
        active = self._active(unit)
        if verb == "stop" or (verb != "start" and active):
            self._close() if unit == SOCKET else self._stop(restart=verb != "stop")
        if verb in ("start", "restart") or (verb == "try-restart" and active):
            (self._start if unit == SERVICE else self._listen)()

    def _listen(self) -> None:
        if self._sockets:
            return
        self.opened += 1
        unit = self.unit(SOCKET)
        for key, kind in (("ListenDatagram", socket.SOCK_DGRAM), ("ListenStream", socket.SOCK_STREAM)):
            self._sockets += [_open(kind, address, unit) for address in unit[key]]

    def _close(self) -> None:
        for fd in self._sockets:
            os.close(fd)
        self._sockets.clear()

    def _folder(self, below: str, name: str, mode: str, user: pwd.struct_passwd) -> Path:
        path = Path(below, name)
        path.mkdir(exist_ok=True)
        path.chmod(int(mode, 8))
        os.chown(path, user.pw_uid, user.pw_gid)
        return path

    def _start(self) -> None:
        if self.pid:
            return
        self._listen()
        unit = self.unit(SERVICE)
        user, group = pwd.getpwnam(unit["User"][0]), grp.getgrnam(unit["Group"][0])
        state = self._folder("/var/lib", unit["StateDirectory"][0], unit["StateDirectoryMode"][0], user)
        run = self._folder("/run", unit["RuntimeDirectory"][0], unit["RuntimeDirectoryMode"][0], user)
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "NOTIFY_SOCKET": "/run/manager.notify",
               "STATE_DIRECTORY": str(state), "RUNTIME_DIRECTORY": str(run), "LISTEN_FDS": str(len(self._sockets)),
               "LISTEN_FDNAMES": ":".join([SOCKET] * len(self._sockets))}
        argv = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={group.gr_gid}", "--init-groups", "--inh-caps=-all",
                "--bounding-set=-all", "--no-new-privs", "--pdeathsig=KILL", "sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh",
                *shlex.split(unit["ExecStart"][0])]
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, log, 1),
                   (os.POSIX_SPAWN_DUP2, log, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, fd, _FIRST_FD + i) for i, fd in enumerate(self._sockets)]
        self.pid = os.posix_spawnp("setpriv", argv, env, file_actions=actions, setsid=True)
        os.close(log)
        self._wait_ready()

    def _wait_ready(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                self.pid = 0
                raise RuntimeError(f"certmilld ended at its start\n{self._log.read_text()[-3000:]}")
            while select.select([self._notify], [], [], 0.05)[0]:
                if "READY=1" in self._notify.recv(4096).decode().splitlines():
                    return
        raise RuntimeError(f"certmilld is not ready\n{self._log.read_text()[-3000:]}")

    def _stop(self, *, restart: bool) -> None:
        if not self.pid:
            return
        os.kill(self.pid, signal.SIGTERM)
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        self.pid = 0
        while select.select([self._notify], [], [], 0)[0]:  # nothing that the old one said is taken for the new one's
            self._notify.recv(4096)
        if not restart or read_unit(SERVICE).get("RuntimeDirectoryPreserve") != ["restart"]:
            shutil.rmtree("/run/certmill", ignore_errors=True)
