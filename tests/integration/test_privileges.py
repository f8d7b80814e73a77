"""Goal: each process has no more than it needs: its own user, no new privileges, a seccomp filter, no others' files."""

import os
import pwd
import unittest
from contextlib import suppress
from pathlib import Path

from lab import LabOptions
from support import LabCase, main


class Privileges(LabCase):
    options = LabOptions()

    def status(self, role: str) -> dict[str, str]:
        text = Path(f"/proc/{self.lab.server.pid_of(role)}/status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def test_sandbox(self) -> None:
        for role in ("dnsd", "issuer", "signer"):
            with self.subTest(role):
                status = self.status(role)
                self.assertEqual(status["NoNewPrivs"], "1")
                if not os.environ.get("CERTMILL_SANITIZE"):  # the sanitizers' own system calls would be refused
                    self.assertEqual(status["Seccomp"], "2")

    @unittest.skipUnless(os.geteuid() == 0, "users are changed as root only")
    def test_users(self) -> None:
        for role, key in (("dnsd", "dns-user"), ("issuer", "user"), ("signer", "signer-user")):
            with self.subTest(role):
                status = self.status(role)
                uid = pwd.getpwnam(self.lab.server.config[key]).pw_uid
                self.assertEqual(set(status["Uid"].split()), {str(uid)})
                self.assertNotIn("0", status["Gid"].split())
                self.assertNotIn("0", status["Groups"].split())
                self.assertEqual(int(status["CapEff"], 16), 0)
                self.assertEqual(int(status["CapPrm"], 16), 0)

    @unittest.skipUnless(os.geteuid() == 0, "only root may look: the processes are not dumpable")
    def test_open_files(self) -> None:
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])
        state = str(self.lab.server.state_dir)
        for role in ("dnsd", "signer"):
            pid = self.lab.server.pid_of(role)
            found = []
            for link in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(FileNotFoundError):  # closed meanwhile
                    found.append(os.readlink(link))
            self.assertEqual([path for path in found if path.startswith(state) and ".db" in path], [], role)


if __name__ == "__main__":
    main()
