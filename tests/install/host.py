"""This host's services, as systemctl is asked for them: units of certmill are carried out by as_unit.py, drop-ins included."""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import as_unit
from internet import wait_for
from manager import SERVICE, SOCKET, Manager

UNITS = Path("/lib/systemd/system")
CLIENT, TIMER = "certmill.service", "certmill.timer"
PYTHON = [sys.executable, as_unit.__file__]
# Of as little use as that of nginx to who has none of the files yet; started anew, it reads them again.
WEB = ["openssl", "s_server", "-quiet", "-www", "-accept", "192.0.2.60:443", "-key",
       "/etc/certmill/certificates/www.example.org-keypair.ecdsa.key", "-cert", "/etc/certmill/certificates/www.example.org-certificate.ecdsa.crt",
       "-cert_chain", "/etc/certmill/certificates/www.example.org-issuer.ecdsa.crt"]


PORTS = {"nginx": ("192.0.2.60", 443), "ssh": ("192.0.2.53", 22), "nsd": ("192.0.2.60", 53)}


def answers(host: str, port: int) -> bool:
    """Whether somebody takes connections."""
    try:
        socket.create_connection((host, port), 10).close()
    except OSError:
        return False
    return True


class Host(Manager):
    """others: services that are none of ours, and the program of each, which stays in the foreground."""

    def __init__(self, log: Path) -> None:
        super().__init__(log)
        self.others: dict[str, list[str]] = {"nginx": WEB, "ssh": ["/usr/sbin/sshd", "-D"]}
        # as_unit.py has its program end with the thread that started it
        self._starter = ThreadPoolExecutor(max_workers=1)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def unit(self, name: str) -> dict[str, list[str]]:
        """With its drop-ins."""
        sections = as_unit.read_unit(UNITS / name, *sorted(Path("/etc/systemd/system", f"{name}.d").glob("*.conf")))
        return sections.get("Service") or sections["Socket"]

    def _taken(self, client: socket.socket) -> None:
        """Each in a thread of its own: what is started may itself ask."""
        threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def failed(self, words: list[str], error: Exception) -> tuple[int, str]:
        """It is told to who typed it."""
        return 1, f"{error}\n"

    def run(self, words: list[str]) -> tuple[int, str]:
        """enable and disable start and stop as well: the guide says --now with each."""
        verb = {"enable": "start", "disable": "stop"}.get(words[0], words[0])
        names = [name if "." in name else f"{name}.service" for name in words[1:]]
        if verb in ("list-timers", "edit", "cat"):
            return 0, "".join(f"{name}\n" for name in names)
        if verb not in ("start", "stop", "restart", "reload"):
            return self._starter.submit(super().run, [verb, *names]).result()
        for name in names:
            status, text = self._one(verb, name)
            if status:
                return status, text
        return 0, ""

    def _one(self, verb: str, name: str) -> tuple[int, str]:
        plain = name.removesuffix(".service")
        if name == TIMER:
            return 0, ""
        if name == CLIENT:
            return self._client()
        if name == SERVICE and verb == "reload":
            return self._reload()
        if name in (SERVICE, SOCKET):
            return self._starter.submit(super().run, [verb, name]).result()
        if plain == "postfix":  # its master goes on where who started it ends
            return self._postfix(verb)
        if plain not in self.others:
            return 1, f"Unit {name} not found.\n"
        if verb == "start" and plain in self._running and self._running[plain].poll() is None:
            return 0, ""
        if verb != "start" and plain in self._running:  # a reload as well: what is there after it has read all files anew
            gone = self._running.pop(plain)
            gone.terminate()
            gone.wait()
        if verb != "stop":
            with self._log.open("ab") as log:
                self._running[plain] = subprocess.Popen(self.others[plain], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            wait_for(plain, lambda: self._running[plain].poll() is not None or answers(*PORTS[plain]))
            if self._running[plain].poll() is not None:
                return 1, f"Job for {name} failed.\n"
        return 0, ""

    def _postfix(self, verb: str) -> tuple[int, str]:
        """As its unit, but that after a reload no process is left that has the old files."""
        if verb != "start":
            subprocess.run(["postfix", "abort"], capture_output=True, check=False, timeout=60)
            wait_for("postfix's end", lambda: subprocess.run(["postfix", "status"], capture_output=True, check=False).returncode)
        if verb != "stop":
            done = subprocess.run(["postfix", "start"], capture_output=True, text=True, check=False, timeout=60)
            if done.returncode:
                return 1, done.stderr
            wait_for("postfix", lambda: answers("192.0.2.60", 25))
        return 0, ""

    def _reload(self) -> tuple[int, str]:
        done = subprocess.run(self.unit(SERVICE)["ExecReload"][-1].split(), capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout + done.stderr

    def _client(self) -> tuple[int, str]:
        """What the timer starts: the client, without sight of home folders and of others' temporary files."""
        service = self.unit(CLIENT)
        writable = [path.removeprefix("-") for path in " ".join(service["ReadWritePaths"]).split()]
        settings = {"user": "root", "fds": [], "writable": writable, "hidden": ["/root", "/home"], "private": ["/tmp", "/var/tmp"],
                    **as_unit.unit_settings(service)}
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/root"}
        done = subprocess.run([*PYTHON, json.dumps(settings), *service["ExecStart"][-1].split()], env=env, capture_output=True, text=True,
                              check=False, timeout=120)
        with self._log.open("a") as log:
            log.write(done.stdout + done.stderr)
        return (0, "") if done.returncode == 0 else (1, f"Job for {CLIENT} failed: status {done.returncode}\n{done.stderr}")

    # -- certmilld, in place of Manager's: as as_unit.py carries its unit out --

    def _start(self) -> None:
        if self.pid:
            return
        self._listen()
        service = self.unit(SERVICE)
        user = pwd.getpwnam(service["User"][-1])
        state = [self._folder("/var/lib", name, service["StateDirectoryMode"][-1], user) for name in service["StateDirectory"]]
        run = self._folder("/run", service["RuntimeDirectory"][-1], service["RuntimeDirectoryMode"][-1], user)
        settings = {"user": user.pw_name, "fds": self._sockets, "writable": [str(run), *map(str, state), *service.get("ReadWritePaths", [])],
                    "hidden": ["/root", "/home"], "private": ["/tmp", "/var/tmp"], **as_unit.unit_settings(service)}
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "NOTIFY_SOCKET": "/run/manager.notify",
               "RUNTIME_DIRECTORY": str(run), "LISTEN_FDNAMES": ":".join([SOCKET] * len(self._sockets)),
               **({"STATE_DIRECTORY": str(state[0])} if state else {})}
        with self._log.open("ab") as log:
            process = subprocess.Popen([*PYTHON, json.dumps(settings), *service["ExecStart"][-1].split()], env=env, stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, pass_fds=self._sockets, start_new_session=True)
        self.pid = process.pid
        self._wait_ready()
