"""Goal: systemd's units are right, as tight as promised, and certmilld does all its work within what they leave it."""

from __future__ import annotations

import ctypes
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import ClassVar

from as_unit import read_unit, unit_settings
from lab import LabOptions, dns, ports, wait_until
from lab.server import BIN, clean_env, to_yaml
from support import LabCase, main

BUILD = BIN.parent
HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1] / "packaging"
SERVICE = BUILD / "packaging/certmilld.service"
USER = "daemon"
_LANDLOCK_CREATE_RULESET = 444


def root_is_mounted() -> bool:
    """False in a chroot, where nothing can be said of the mount that "/" is in."""
    return any(line.split()[4] == "/" for line in Path("/proc/self/mountinfo").read_text().splitlines())


class Units(unittest.TestCase):
    """The files."""

    def test_verify(self) -> None:
        """As they are installed, in a root of their own."""
        root = Path(tempfile.mkdtemp(prefix="certmill-lab-"))
        self.addCleanup(shutil.rmtree, root)
        units = root / "etc/systemd/system"
        shutil.copytree("/lib/systemd/system", units, symlinks=True)
        for folder in ("bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "usr/local/sbin"):
            (root / folder).mkdir(parents=True)
        names = ["certmilld.socket", "certmilld.service", "certmill.timer", "certmill.service"]
        for name in names:
            made = BUILD / "packaging" / name
            text = (made if made.exists() else SOURCE / "systemd" / name).read_text()
            for path in re.findall(r"^Exec\w+=(/\S+)", text, flags=re.M):
                if not (root / path[1:]).exists():
                    shutil.copy("/bin/true", root / path[1:])
            (units / name).write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.M))  # no man of the pages here
        dropin = units / "certmilld.service.d"
        for more in (False, True):
            if more:
                dropin.mkdir()
                shutil.copy(SOURCE / "systemd/three-users.conf", dropin)
            done = subprocess.run(["systemd-analyze", "verify", f"--root={root}", *names], check=False, capture_output=True,
                                  text=True)
            said = [line for line in (done.stdout + done.stderr).splitlines() if "certmill" in line]
            self.assertEqual(said, [], f"three users: {more}")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_security(self) -> None:
        for name, most in (("certmilld.service", 15), ("certmill.service", 20)):
            with self.subTest(name):
                done = subprocess.run(["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={most}",
                                       BUILD / "packaging" / name], check=False, capture_output=True, text=True)
                self.assertIn("Overall exposure level", done.stdout, done.stderr)
                self.assertEqual(done.returncode, 0, done.stdout)

    def test_names_fit(self) -> None:
        """systemd leaves out what it does not know, and only logs it."""
        for path in (SERVICE, BUILD / "packaging/certmill.service"):
            known = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager"], check=True, capture_output=True,
                                   text=True).stdout.split()
            for value in read_unit(path)["Service"]["SystemCallFilter"]:
                self.assertEqual([word for word in value.removeprefix("~").split() if word not in known], [])


@unittest.skipIf(os.environ.get("CERTMILL_SANITIZE"), "sanitizers need more system calls")
@unittest.skipUnless(os.geteuid() == 0, "takes root's place as systemd has it")
@unittest.skipUnless(root_is_mounted(), "in a chroot whose root is no mount point nothing can be made read-only")
class UnitCase(LabCase):
    """certmilld.service (and drop-ins), carried out without systemd."""

    options = LabOptions()
    files: ClassVar[list[Path]] = [SERVICE]
    user = USER

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        server = cls.lab.server
        server.stop()
        cls.unit = read_unit(*cls.files)["Service"]
        program = cls.lab.folder / "certmilld"
        shutil.copy(BIN / "certmilld", program)
        entry = pwd.getpwnam(cls.user)
        for folder in (server.state_dir, server.run_dir):  # StateDirectory=, RuntimeDirectory=
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o755)
            os.chown(folder, entry.pw_uid, entry.pw_gid)
        cls.settings = {"user": cls.user, "writable": [str(server.state_dir), str(server.run_dir)], **unit_settings(cls.unit)}
        cls.sockets = cls.listen(server.port)
        plain = server._new_process

        def by_unit():
            process = plain()
            at = process.argv.index("--") + 1
            fds = [sock.fileno() for sock in cls.sockets]
            process.argv[at] = str(program)
            process.argv[at:at] = [sys.executable, str(HERE / "as_unit.py"), json.dumps({**cls.settings, "fds": fds})]
            start = process.start
            process.start = lambda: start(pass_fds=fds)
            return process
        server._new_process = by_unit
        server.env["WATCHDOG_USEC"] = "400000"
        server.env["LISTEN_FDNAMES"] = ":".join(["certmilld.socket"] * len(cls.sockets))
        server.start()
        server.wait_ready()

    @staticmethod
    def listen(port: int) -> list[socket.socket]:
        """The sockets of certmilld.socket, on the lab's port."""
        found = []
        for line in (SOURCE / "systemd/certmilld.socket").read_text().splitlines():
            key, _, value = line.partition("=")
            kind = {"ListenDatagram": socket.SOCK_DGRAM, "ListenStream": socket.SOCK_STREAM}.get(key)
            six = value.startswith("[")
            if kind is None or (six and not ports.has_ipv6()):
                continue
            sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, kind)
            if six:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, kind == socket.SOCK_STREAM)
            sock.bind(("::1" if six else "127.0.0.1", port))
            if kind == socket.SOCK_STREAM:
                sock.listen()
            found.append(sock)
        return found

    def processes(self) -> list[int]:
        server = self.lab.server
        return [server.process.pid, *(server.pid_of(role) for role in ("dnsd", "issuer", "signer"))]

    def status(self, pid: int) -> dict[str, str]:
        text = Path(f"/proc/{pid}/status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


class Service(UnitCase):
    """As it is installed."""

    def test_certificate(self) -> None:
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])
        self.assert_no_challenge("www.example.org")
        self.assertTrue(dns.alive(self.lab.server.port, "acme.example.com"))
        self.assertNotIn("Operation not permitted", self.lab.server.log_text())

    def test_confined(self) -> None:
        """No capability, one user, a filter and Landlock in each; TasksMax= is far away."""
        uid = str(pwd.getpwnam(USER).pw_uid)
        tasks = 0
        for pid in self.processes():
            status = self.status(pid)
            self.assertEqual({*status["Uid"].split()}, {uid})
            for word in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
                self.assertEqual(int(status[word], 16), 0)
            self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"))
            tasks += len(list(Path(f"/proc/{pid}/task").iterdir()))
        # 64 threads for DNS at most, here 2.
        self.assertLess(tasks + 62, int(self.unit["TasksMax"][0]))
        if ctypes.CDLL(None).syscall(_LANDLOCK_CREATE_RULESET, None, 0, 1) > 0:
            self.assertNotIn("no Landlock", self.lab.server.log_text(), "the unit's filter lets it be used")

    def test_folders(self) -> None:
        """All is the one user's; keys and store are closed to others, submit.sock is open to the group."""
        server, entry = self.lab.server, pwd.getpwnam(USER)
        for path in (server.state_dir, *server.state_dir.rglob("*"), *server.run_dir.rglob("*")):
            self.assertEqual(path.lstat().st_uid, entry.pw_uid, path)
        for name in ("keys", "store", "audit"):
            self.assertEqual((server.state_dir / name).stat().st_mode & 0o777, 0o700)
        for gid, status in ((entry.pw_gid, 0), (pwd.getpwnam("games").pw_gid, 8)):
            shutil.copy(BIN / "certmill-shell", self.lab.folder)
            done = subprocess.run(["setpriv", "--reuid", "nobody", "--regid", str(gid), "--clear-groups",
                                   self.lab.folder / "certmill-shell", "--socket", server.submit, "ping"],
                                  env=clean_env(), check=False, capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, status, done.stderr)
        who = [line for line in server.log_text().splitlines() if f"uid {pwd.getpwnam('nobody').pw_uid}" in line]
        self.assertNotIn("PrivateUsers", self.unit, f"the audit log shall know who asked: {who}")

    def test_watchdog(self) -> None:
        server = self.lab.server
        before = len(server.read_notifications())
        wait_until(lambda: server.read_notifications()[before:].count("WATCHDOG=1") >= 3, "the third WATCHDOG=1")

    def test_reload(self) -> None:
        server = self.lab.server
        before = len(server.read_notifications())
        server.reload()
        wait_until(lambda: any("READY=1" in text for text in server.read_notifications()[before:]), "READY=1 after a reload")
        said = "\n".join(server.notified[before:]).splitlines()
        self.assertLess(said.index("RELOADING=1"), said.index("READY=1"))
        self.assertRegex(said[said.index("RELOADING=1") + 1], r"^MONOTONIC_USEC=\d+$")  # sd_notify(3), for notify-reload
        self.assertRegex(server.log_text(), r"reload: configuration \d+ is in use")

    def test_exec_reload(self) -> None:
        """systemctl reload fails where the configuration is refused."""
        server = self.lab.server
        command = self.unit["ExecReload"][0].split()
        program = self.lab.folder / Path(command[0]).name
        shutil.copy(BIN / program.name, program)
        words = [sys.executable, HERE / "as_unit.py", json.dumps({**self.settings, "fds": []}), program, *command[1:],
                 "--run-dir", server.run_dir]

        def reload() -> subprocess.CompletedProcess[str]:
            return subprocess.run(words, env=clean_env(), check=False, capture_output=True, text=True, timeout=120)
        self.assertEqual(reload().returncode, 0)
        self.addCleanup(server.write_config)
        server.write_config("zonez: []\n")
        done = reload()
        self.assertEqual(done.returncode, 1)
        self.assertIn("zonez", done.stderr)

    def test_restart(self) -> None:
        """Stopped and started with its sockets kept; a process that dies comes again."""
        server = self.lab.server
        self.assertEqual(server.stop(), 0)
        question = dns.query("acme.example.com", "SOA")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(60)
            sock.connect(("127.0.0.1", server.port))
            sock.send(question)  # waits in the socket
            server.start()
            server.wait_ready()
            self.assertEqual(sock.recv(4096)[:2], question[:2])
        for role in ("dnsd", "issuer", "signer"):
            server.wait_role(role, server.kill(role))
        self.assert_issued(self.lab.get(["mail.example.org"]), ["mail.example.org"])

    def test_stop(self) -> None:
        """What systemctl stop sends (KillMode=mixed: the main process alone, at first)."""
        server = self.lab.server
        children = self.processes()
        before = len(server.read_notifications())
        server.process.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(), 0)
        self.assertTrue(any("STOPPING=1" in text for text in server.read_notifications()[before:]))
        self.assertEqual([pid for pid in children if Path(f"/proc/{pid}").exists()], [])
        server.start()
        server.wait_ready()

    def test_client(self) -> None:
        """certmill.service, with a hook; all that it may change is below /etc/certmill, here the folder."""
        folder = self.lab.folder / "etc"
        folder.mkdir()
        program, shell = self.lab.folder / "certmill", self.lab.folder / "certmill-shell"
        for path in (program, shell):
            shutil.copy(BIN / path.name, path)
        hook = folder / "hook"
        hook.write_text(f"#!/bin/sh\necho ran >{folder}/ran\n! touch {self.lab.folder}/elsewhere 2>/dev/null\n")
        hook.chmod(0o755)
        (folder / "certmill.yaml").write_text(to_yaml({
            "path": str(folder), "domain-list": ["www.example.org"], "key-type-list": ["ecdsa"], "periodic-sleep-minutes": 0,
            "certgrinderd": f"{shell} --socket {self.lab.server.submit} --domains www.example.org",
            "post-renew-hooks": [str(hook)]}))
        settings = {"user": "root", "fds": [], "writable": [str(folder)],
                    **unit_settings(read_unit(BUILD / "packaging/certmill.service")["Service"])}
        done = subprocess.run([sys.executable, HERE / "as_unit.py", json.dumps(settings), program, "--config-file",
                               folder / "certmill.yaml", "periodic"], env=clean_env(), check=False, capture_output=True,
                              text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((folder / "www.example.org-chain.ecdsa.crt").exists())
        self.assertTrue((folder / "ran").exists(), done.stderr)
        self.assertFalse((self.lab.folder / "elsewhere").exists())


@unittest.skipIf(os.environ.get("CERTMILL_SANITIZE"), "sanitizers need more system calls")
@unittest.skipUnless(os.geteuid() == 0, "takes root's place as systemd has it")
class Ssh(LabCase):
    """certmill.service reaches its server by ssh."""

    options = LabOptions(sshd=True, proxy=True)

    def test_client(self) -> None:
        """With key and known hosts beside its configuration, as the guide has them, it sees no home folder and shares one connection."""
        folder, sshd, names = self.lab.folder / "etc", self.lab.sshd, ["www.example.org", "mail.example.org"]
        folder.mkdir()
        key = shutil.copy(sshd.add_client("web1", ";".join(names)), folder / "ssh-key")
        known = subprocess.run(["ssh-keyscan", "-p", str(sshd.port), "127.0.0.1"], capture_output=True, text=True, check=True, timeout=60)
        (folder / "known_hosts").write_text(known.stdout)
        config = {"path": str(folder), "domain-list": names, "key-type-list": ["ecdsa"],
                  "certgrinderd": f"ssh -T -p {sshd.port} -i {key} -o UserKnownHostsFile={folder}/known_hosts {sshd.user}@127.0.0.1 --"}
        (folder / "certmill.yaml").write_text(to_yaml(config))
        program = shutil.copy(BIN / "certmill", self.lab.folder)
        unit = read_unit(BUILD / "packaging/certmill.service")["Service"]
        self.assertEqual((unit["ProtectHome"], unit["PrivateTmp"]), (["yes"], ["yes"]))
        # The lab is in /tmp, so that the one of its own is another.
        settings = {"user": "root", "fds": [], "writable": [str(folder)], "hidden": ["/root", "/home"], "private": ["/var/tmp"],
                    **unit_settings(unit)}
        words = [word.replace("/etc/certmill/certmill.yaml", f"{folder}/certmill.yaml") for word in unit["ExecStart"][0].split()[1:]]
        done = subprocess.run([sys.executable, HERE / "as_unit.py", json.dumps(settings), program, *words], check=False, capture_output=True,
                              env={**clean_env(), "TMPDIR": "/var/tmp", "HOME": "/root"}, text=True, timeout=240)
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in names:
            self.lab.check_chain((folder / f"{name}-chain.ecdsa.crt").read_text(), [name])
        self.assertEqual(sshd.process.log.read_text().count("Accepted publickey"), 1)


class ThreeUsers(UnitCase):
    """With the drop-in by which each process has a user of its own."""

    files: ClassVar[list[Path]] = [SERVICE, SOURCE / "systemd/three-users.conf"]
    user = "root"

    def test_certificate(self) -> None:
        server = self.lab.server
        self.assertEqual(self.unit["StateDirectory"], [], "systemd gives what is in it to User=")
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])
        uids = set()
        for role in ("dnsd", "issuer", "signer"):
            status = self.status(server.pid_of(role))
            uids.update(status["Uid"].split())
            self.assertEqual((int(status["CapEff"], 16), int(status["CapPrm"], 16)), (0, 0))
        self.assertEqual(os.listdir(f"/proc/{server.pid_of('dnsd')}/root"), [])
        self.assertEqual(len(uids - {"0"}), 3)
        server.wait_role("dnsd", server.kill("dnsd"))
        server.restart()
        self.assert_issued(self.lab.get(["mail.example.org"]), ["mail.example.org"])
        self.assertNotIn("Operation not permitted", server.log_text())
        self.assertEqual(server.stop(), 0)
        server.start()
        server.wait_ready()


if __name__ == "__main__":
    main()
