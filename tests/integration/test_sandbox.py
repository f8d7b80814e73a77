"""Goal: the running processes are as confined as docs/threat-model.md says: read off /proc, not off our own words."""

import os
import pwd
import re
import unittest
from contextlib import suppress
from pathlib import Path

from lab import LabOptions, wait_until
from lab.process import children_of, is_alive
from support import LabCase, main

ROLES = {"dnsd": "dns-user", "issuer": "user", "signer": "signer-user"}
ROOT = os.geteuid() == 0
SANITIZED = os.environ.get("CERTMILL_SANITIZE", "")
AS_ROOT = unittest.skipUnless(ROOT, "as root only: for others /proc hides a process that is not dumpable")
PLAIN = unittest.skipIf(SANITIZED, f"built with {SANITIZED}: no filter, no chroot, dumpable")


class Sandbox(LabCase):
    options = LabOptions()

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        # what is looked at below is the state after work, not before
        answer = cls.lab.get(["www.example.org"])
        assert answer.status == 0, answer.stderr

    def proc(self, role: str) -> Path:
        return Path(f"/proc/{self.lab.server.pid_of(role)}")

    @staticmethod
    def fields(path: Path) -> dict[str, str]:
        return dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)

    def limit(self, role: str, name: str) -> tuple[str, str]:
        found = re.search(rf"^{name} +(\w+) +(\w+)", (self.proc(role) / "limits").read_text(), re.M)
        assert found is not None
        return found[1], found[2]

    def links(self, role: str) -> dict[int, str]:
        found: dict[int, str] = {}
        for link in (self.proc(role) / "fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                found[int(link.name)] = os.readlink(link)
        return found

    def test_every_thread(self) -> None:
        for role in ROLES:
            threads = list((self.proc(role) / "task").iterdir())
            if role == "dnsd":
                self.assertGreaterEqual(len(threads), 3, "the main thread and two workers")
            for thread in threads:
                with self.subTest(f"{role} {thread.name}"):
                    status = self.fields(thread / "status")
                    self.assertEqual(status["NoNewPrivs"], "1")
                    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                        self.assertEqual(int(status[kind], 16), 0, kind)
                    self.assertEqual(status["Umask"], "0077")
                    if not SANITIZED:
                        self.assertEqual(status["Seccomp"], "2")

    @AS_ROOT
    def test_environment(self) -> None:
        """Nothing of the operator's but language and time zone; no io_uring, which goes past filters."""
        known = {"TZ", "LANG", "LC_ALL", "LC_CTYPE", "UV_USE_IO_URING"}
        for role in ROLES:
            with self.subTest(role):
                words = (self.proc(role) / "environ").read_bytes().split(b"\0")
                found = dict(word.decode().split("=", 1) for word in words if word)
                self.assertEqual({name for name in found if not name.endswith("SAN_OPTIONS")} - known, set())
                self.assertEqual(found["UV_USE_IO_URING"], "0")

    def test_users(self) -> None:
        config, uids = self.lab.server.config, []
        for role, key in ROLES.items():
            with self.subTest(role):
                status = self.fields(self.proc(role) / "status")
                user = pwd.getpwnam(config[key]) if ROOT else pwd.getpwuid(os.geteuid())
                self.assertEqual(status["Uid"].split(), [str(user.pw_uid)] * 4)
                if ROOT:
                    self.assertEqual(status["Gid"].split(), [str(user.pw_gid)] * 4)
                    self.assertEqual(status["Groups"].split(), [str(user.pw_gid)])
                uids.append(user.pw_uid)
        if ROOT:
            self.assertEqual(len(set(uids)), 3)

    def test_no_core_dumps(self) -> None:
        if SANITIZED:
            self.skipTest(f"built with {SANITIZED}: leaks are looked for in a dumpable process")
        for role in ROLES:
            with self.subTest(role):
                self.assertEqual(self.limit(role, "Max core file size"), ("0", "0"))
                # the kernel gives /proc/PID of a process that is not dumpable to root
                self.assertEqual((self.proc(role) / "environ").stat().st_uid, 0)

    def test_open_file_limits(self) -> None:
        """As many descriptors as clients are taken, and what goes with them."""
        soft, hard = (int(word) for word in self.limit("dnsd", "Max open files"))
        self.assertEqual(soft, hard)
        self.assertLess(hard, 2 * 1024 + 512, "two workers of 1,024 clients each")
        self.assertEqual(self.limit("signer", "Max open files"), ("32", "32"))

    @AS_ROOT
    @PLAIN
    def test_root_folder(self) -> None:
        self.assertEqual(os.readlink(self.proc("dnsd") / "root"), str(self.lab.server.run_dir / "empty"))
        self.assertEqual(os.readlink(self.proc("dnsd") / "cwd"), str(self.lab.server.run_dir / "empty"))
        self.assertEqual(list((self.lab.server.run_dir / "empty").iterdir()), [])

    @AS_ROOT
    def test_descriptors_of_dnsd(self) -> None:
        """Sockets, images, and what a loop is made of; standard streams are what certmilld was started with."""
        allowed = re.compile(r"socket:\[|pipe:\[|anon_inode:\[?(eventfd|eventpoll)\]?|/memfd:|/dev/null$")
        found = self.links("dnsd")
        self.assertEqual([f"{fd}: {link}" for fd, link in found.items() if fd > 2 and not allowed.match(link)], [])
        self.assertEqual(found[0], "/dev/null")
        for fd, link in found.items():
            if link.startswith("/memfd:"):
                flags = re.search(r"^flags:\s+(\d+)", (self.proc("dnsd") / f"fdinfo/{fd}").read_text(), re.M)
                assert flags is not None
                self.assertEqual(int(flags[1], 8) & os.O_ACCMODE, os.O_RDONLY, f"{fd}: {link}")

    @AS_ROOT
    def test_descriptors_of_the_signer(self) -> None:
        """The folder of keys, and no socket but local ones."""
        found = self.links("signer")
        files = {link for fd, link in found.items() if fd > 2 and link.startswith("/") and link != "/dev/null"}
        self.assertEqual(files, {str(self.lab.server.state_dir / "keys")})
        inet = set()
        for table in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet"):
            path = self.proc("signer") / "net" / table
            if path.exists():
                inet |= {line.split()[9 if table != "packet" else 8] for line in path.read_text().splitlines()[1:]}
        sockets = {link[8:-1] for link in found.values() if link.startswith("socket:[")}
        self.assertTrue(sockets)
        self.assertEqual(sockets & inet, set())

    @AS_ROOT
    def test_descriptors_of_the_issuer(self) -> None:
        """The store, the audit log, and no key."""
        files = {link for fd, link in self.links("issuer").items() if fd > 2 and link.startswith("/")}
        store, audit = (str(self.lab.server.state_dir / path) for path in ("store/certmill.db", "audit"))
        self.assertTrue(any(link.startswith(store) for link in files), files)
        for link in files:
            self.assertTrue(link.startswith((store, audit, "/memfd:", "/dev/null", "/dev/urandom")), link)

    @AS_ROOT
    @PLAIN
    def test_memory(self) -> None:
        """No page that can be written and executed, and none of the images is writable where it is read."""
        for role in ROLES:
            with self.subTest(role):
                maps = (self.proc(role) / "maps").read_text().splitlines()
                self.assertEqual([line for line in maps if re.match(r"\S+ .wx", line)], [])
                if role == "dnsd":
                    images = [line.split()[1] for line in maps if "/memfd:" in line]
                    self.assertTrue(images)
                    self.assertEqual({mode[1] for mode in images}, {"-"})

    def test_folders(self) -> None:
        state = self.lab.server.state_dir
        self.assertEqual(oct((state / "keys").stat().st_mode & 0o7777), "0o700")
        self.assertEqual(oct((state / "store").stat().st_mode & 0o7777), "0o700")
        if ROOT:
            owner = {name: pwd.getpwuid((state / name).stat().st_uid).pw_name for name in ("keys", "store", "audit")}
            config = self.lab.server.config
            self.assertEqual(owner, {"keys": config["signer-user"], "store": config["user"],
                                     "audit": config["user"]})
            for path in (state / "keys").iterdir():
                self.assertEqual(oct(path.stat().st_mode & 0o7777), "0o600", path.name)

    def test_children_go_with_the_supervisor(self) -> None:
        """No confined process is left without the one that watches it."""
        server = self.lab.server
        below = children_of(server.process.pid)
        self.assertEqual(len(below), 3)
        os.kill(server.process.pid, 9)
        wait_until(lambda: not any(is_alive(pid) for pid in below), "the end of the children")
        server.process.wait()
        server.start()
        server.wait_ready()


if __name__ == "__main__":
    main()
