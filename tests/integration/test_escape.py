"""Goal: the running processes, made to try what an attacker inside would, see it refused; and work on."""

import os
import platform
import socket
import struct
import unittest
from contextlib import suppress
from pathlib import Path

from lab import LabError, LabOptions, dns, wait_until
from lab.inject import ARCHITECTURE, Died, Thread, name_of
from support import LabCase, main

SANITIZED = os.environ.get("CERTMILL_SANITIZE", "")
HERE = -100  # AT_FDCWD
CONTROL = 3  # the channel to the supervisor
# Numbers of x86-64; what is refused by number alone is listed as a whole in unit.common.sandbox_calls.
NUMBERS = {"write": 1, "open": 2, "mmap": 9, "mprotect": 10, "pwrite64": 18, "dup": 32, "getpid": 39, "socket": 41,
           "connect": 42, "bind": 49, "listen": 50, "socketpair": 53, "setsockopt": 54, "clone": 56, "fork": 57,
           "execve": 59, "kill": 62, "fcntl": 72, "ftruncate": 77, "mkdir": 83, "creat": 85, "unlink": 87,
           "ptrace": 101, "setuid": 105, "personality": 135, "prctl": 157, "setrlimit": 160, "chroot": 161,
           "mount": 165, "epoll_create1": 291, "eventfd2": 290, "pipe2": 293, "openat": 257, "unshare": 272,
           "perf_event_open": 298, "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310, "seccomp": 317,
           "memfd_create": 319, "bpf": 321, "execveat": 322, "userfaultfd": 323, "io_uring_setup": 425,
           "pidfd_open": 434, "clone3": 435, "openat2": 437, "pidfd_getfd": 438, "landlock_create_ruleset": 444,
           "memfd_secret": 447, "timerfd_create": 283, "signalfd4": 289, "inotify_init1": 294, "keyctl": 250}
READ, WRITE, CREATE = os.O_RDONLY, os.O_WRONLY, os.O_CREAT
PRIVATE, SHARED, ANONYMOUS = 2, 1, 0x20
R, W, X = 1, 2, 4
ADDRESS = struct.pack("<H", socket.AF_INET) + struct.pack(">H", 4711) + socket.inet_aton("127.0.0.1") + bytes(8)
PASSWD, PROGRAM = b"/etc/passwd\0", b"/bin/true\0"

NO_PROGRAM = [("clone", 0x11), ("pidfd_open", 1, 0), ("setuid", 0), ("chroot", b".\0"),
              ("unshare", 0x10000000), ("setns", 0, 0), ("mount", b"none\0", b"/\0", b"tmpfs\0", 0, 0),
              ("personality", 0x0400000), ("prctl", 4, 1), ("prctl", 1, 0), ("setrlimit", 4, bytes(16)),
              ("seccomp", 0, 0, 0), ("bpf", 0, 0, 0), ("perf_event_open", bytes(128), 0, -1, -1, 0),
              ("userfaultfd", 0), ("io_uring_setup", 8, bytes(128)), ("keyctl", 0, -3, 1), ("memfd_secret", 0),
              ("open_by_handle_at", HERE, bytes(16), 0), ("pidfd_getfd", 0, 0, 0), ("inotify_init1", 0),
              ("landlock_create_ruleset", 0, 0, 1), ("mmap", 0, 4096, R | W | X, PRIVATE | ANONYMOUS, -1, 0),
              ("mmap", 0, 4096, R | X, PRIVATE | ANONYMOUS, -1, 0)]
NO_NETWORK = [("socket", socket.AF_INET, socket.SOCK_DGRAM, 0), ("socket", socket.AF_INET6, socket.SOCK_STREAM, 0),
              ("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0), ("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0),
              ("socket", socket.AF_PACKET, socket.SOCK_RAW, 0), ("socketpair", socket.AF_UNIX, 1, 0, bytes(8)),
              ("connect", 0, ADDRESS, 16), ("bind", 0, ADDRESS, 16), ("listen", 0, 8), ("memfd_create", b"x\0", 0)]
NO_FILE = [("open", PASSWD, READ), ("openat", HERE, PASSWD, READ), ("openat", HERE, b".\0", READ),
           ("openat2", HERE, PASSWD, bytes(24), 24), ("creat", b"x\0", 0o600), ("mkdir", b"x\0", 0o700),
           ("unlink", PASSWD)]
NOTHING_NEW = [("dup", 0), ("fcntl", 0, 0, 100), ("pipe2", bytes(8), 0), ("epoll_create1", 0), ("eventfd2", 0, 0),
                 ("timerfd_create", 1, 0), ("signalfd4", -1, bytes(8), 8, 0), ("clone", 0x3D0F00), ("clone3", bytes(88), 88),
                 ("setsockopt", 0, socket.SOL_SOCKET, 15, bytes(4), 4)]
DEADLY = [("execve", PROGRAM, 0, 0), ("execveat", HERE, PROGRAM, 0, 0, 0), ("fork",), ("ptrace", 0, 0, 0, 0),
          ("process_vm_readv", 1, 0, 0, 0, 0, 0)]


@unittest.skipIf(SANITIZED, f"built with {SANITIZED}: no filter")
@unittest.skipUnless(platform.machine() == ARCHITECTURE, f"registers of {ARCHITECTURE}")
@unittest.skipUnless(os.geteuid() == 0, "as root only: others may not trace a process that is not dumpable")
class Escape(LabCase):
    options = LabOptions()

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        answer = cls.lab.get(["www.example.org"])  # so that there is a key, a store and an image
        assert answer.status == 0, answer.stderr
        try:
            with Thread(cls.threads("signer")[0]) as thread:
                assert thread.call(NUMBERS["getpid"]) == cls.lab.server.pid_of("signer")
        except PermissionError as error:
            raise unittest.SkipTest(f"nobody may trace here: {error}") from error

    @classmethod
    def threads(cls, role: str) -> list[int]:
        """The threads of a process, its main thread first."""
        return sorted(int(task.name) for task in Path(f"/proc/{cls.lab.server.pid_of(role)}/task").iterdir())

    def refuse(self, thread: Thread, attempts: list[tuple], *allowed: str) -> None:
        for name, *arguments in attempts:
            with self.subTest(f"{name}{tuple(arguments)}"):
                self.assertIn(name_of(thread.call(NUMBERS[name], *arguments)), ("EPERM", *allowed))

    def others(self) -> list[tuple]:
        """Signals to other processes of ours, and to all."""
        return [("kill", pid, 0) for pid in (self.lab.server.process.pid, os.getpid(), -1)]

    def test_dnsd(self) -> None:
        pid = self.lab.server.pid_of("dnsd")
        maps = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
        images = [int(line[0].split("-")[0], 16) for line in maps if len(line) > 5 and line[5].startswith("/memfd:")]
        self.assertTrue(images)
        write = [("mprotect", image, 4096, R | W) for image in images]
        code = [("mprotect", image, 4096, R | X) for image in images]
        for tid in self.threads("dnsd"):
            with Thread(tid) as thread:
                self.assertEqual(thread.call(NUMBERS["getpid"]), pid, "calls are really made")
                self.refuse(thread, NO_PROGRAM + NO_NETWORK + NO_FILE + NOTHING_NEW + self.others())
                self.refuse(thread, code)
                self.refuse(thread, write, "EACCES")
        self.assertIn("acme.example.com", dns.dig("acme.example.com", "SOA", port=self.lab.server.port))
        self.assertEqual(self.lab.server.pid_of("dnsd"), pid, "and it is still the same process")

    def test_signer(self) -> None:
        database = bytes(self.lab.server.state_dir / "store" / "certmill.db") + b"\0"
        with Thread(self.threads("signer")[0]) as thread:
            self.refuse(thread, NO_PROGRAM + NO_NETWORK + self.others())
            self.refuse(thread, NO_FILE + [("openat", HERE, database, READ), ("openat", HERE, database, WRITE)], "EACCES")
            key = next((self.lab.server.state_dir / "keys").iterdir())
            self.assertGreaterEqual(thread.call(NUMBERS["openat"], HERE, bytes(key) + b"\0", READ), 0, "its own")

    def test_issuer(self) -> None:
        key = bytes(next((self.lab.server.state_dir / "keys").iterdir())) + b"\0"
        outside = [("openat", HERE, key, READ), ("openat", HERE, PASSWD, WRITE),
                   ("openat", HERE, bytes(self.lab.folder / "new") + b"\0", CREATE | WRITE, 0o600),
                   ("openat", HERE, bytes(self.lab.server.run_dir / "new") + b"\0", CREATE | WRITE, 0o600),
                   ("openat", HERE, b"/proc/1/environ\0", READ), ("unlink", key)]
        with Thread(self.threads("issuer")[0]) as thread:
            self.refuse(thread, NO_PROGRAM + self.others() + [("bind", 0, ADDRESS, 16), ("listen", 0, 8)])
            self.refuse(thread, outside, "EACCES")
            new = bytes(self.lab.server.state_dir / "store" / "new") + b"\0"
            self.assertGreaterEqual(thread.call(NUMBERS["openat"], HERE, new, CREATE | WRITE, 0o600), 0, "its own")

    def test_what_peers_are_told(self) -> None:
        """A dnsd or signer that sends the issuer nonsense is ended and begins anew, and certificates are issued on."""
        rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
        channels = {f"socket:[{row[6]}]" for row in rows if row[4] == "0005"}
        for role in ("dnsd", "signer"):
            with self.subTest(role):
                before = self.lab.server.pid_of(role)
                links = {int(link.name): os.readlink(link) for link in Path(f"/proc/{before}/fd").iterdir()}
                found = [fd for fd, link in links.items() if link in channels and fd != CONTROL]
                self.assertEqual(len(found), 1, "one channel besides the supervisor's")
                # it may be ended before the call comes back
                with suppress(Died), Thread(self.threads(role)[0]) as thread:
                    self.assertEqual(thread.call(NUMBERS["write"], found[0], b"nonsense", 8), 8)
                self.lab.server.wait_role(role, before)
                self.assert_issued(self.lab.get(["mail.example.org"]), ["mail.example.org"])

    def test_what_ends_the_process(self) -> None:
        """Another program and other processes' memory: whoever tries that is ended, and begins anew, clean."""
        for role, attempts in {"dnsd": DEADLY, "issuer": DEADLY[:1], "signer": DEADLY[:1]}.items():
            for name, *arguments in attempts:
                with self.subTest(f"{role} {name}"):
                    before = self.lab.server.wait_role(role)
                    with self.assertRaisesRegex(Died, "SIGSYS"), Thread(self.threads(role)[0]) as thread:
                        thread.call(NUMBERS[name], *arguments)
                    self.lab.server.wait_role(role, before)

        def answers() -> bool:
            try:
                return "acme.example.com" in dns.dig("acme.example.com", "SOA", port=self.lab.server.port)
            except LabError:
                return False
        wait_until(answers, "answers of the new dnsd")


if __name__ == "__main__":
    main()
