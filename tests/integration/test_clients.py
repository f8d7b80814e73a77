"""Goal: clients of the configuration get what stands there for them, see nothing else, and come in by their ssh keys
alone; ten thousand of them need no file and no noticeable time."""

import base64
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab import LabOptions, wait_until
from lab.server import BIN
from support import LabCase, OK, POLICY, USAGE, main

MANY = 2_000 if os.environ.get("CERTMILL_SANITIZE") else 10_000


def public_key(number: int) -> str:
    """An ed25519 public key that nobody has the private one of."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0 " + number.to_bytes(32, "big")
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


CLIENTS = [
    {"name": "web1", "names": ["www.example.org,mail.example.org", "host01.example.org"], "max-names": 3},
    {"name": "wild", "patterns": ["*.example.org"], "key-types": ["rsa-2048"], "authorities": ["second"]},
    {"name": "nobody"},
    {"name": "second", "patterns": ["*.example.org"], "authority": "second",
     "profiles": ["shortlived"]},
]


class Clients(LabCase):
    options = LabOptions(second_ca=True, config={"clients": CLIENTS, "log-format": "text"})

    def ask(self, client: str, names: list[str], *words: str, key: str = "ecdsa"):
        return self.lab.shell("--client", client, *words, "get", "certificate", data=self.lab.csr(names, key))

    def test_names(self) -> None:
        names = ["www.example.org", "mail.example.org"]
        self.assert_issued(self.ask("web1", names), names)
        for names in (["www.example.org", "host01.example.org"], ["host02.example.org"], ["*.example.org"]):
            with self.subTest(names):
                answer = self.assert_status(self.ask("web1", names), POLICY)
                self.assertNotIn("wild", answer.stderr)
        self.assertIn("nobody", self.assert_status(self.ask("nobody", ["www.example.org"]), POLICY).stderr)
        self.assertIn("stranger", self.assert_status(self.ask("stranger", ["www.example.org"]), POLICY).stderr)

    def test_domains_do_not_count(self) -> None:
        answer = self.lab.shell("--client", "nobody", "get", "certificate", domains="www.example.org",
                                data=self.lab.csr(["www.example.org"]))
        self.assert_status(answer, POLICY)

    def test_key_types_and_authorities(self) -> None:
        answer = self.assert_status(self.ask("wild", ["www.example.org"]), POLICY)
        self.assertIn("rsa-2048", answer.stderr)
        answer = self.ask("wild", ["host05.example.org"], key="rsa")
        self.assert_status(answer, OK)
        self.lab.check_chain(answer.stdout, ["host05.example.org"], self.lab.key("rsa"), self.lab.ca2)
        answer = self.assert_status(self.ask("wild", ["host05.example.org"], "--authority", "first", key="rsa"), POLICY)
        self.assertIn("second", answer.stderr)

    def test_own_authority_and_profiles(self) -> None:
        answer = self.ask("second", ["host06.example.org"])
        self.assert_status(answer, OK)
        self.lab.check_chain(answer.stdout, ["host06.example.org"], self.lab.key("ecdsa"), self.lab.ca2)
        answer = self.assert_status(self.ask("second", ["host06.example.org"], "--profile", "classic"), POLICY)
        self.assertIn("shortlived", answer.stderr)
        answer = self.assert_status(self.ask("second", ["host06.example.org"], "--profile", "shortlived"), POLICY)
        self.assertIn("second has no profile shortlived; it offers: none", answer.stderr)

    def test_sees_only_its_own(self) -> None:
        text = self.lab.shell("--client", "web1", "show", "configuration").stdout
        self.assertIn("host01.example.org", text)
        self.assertIn("web1", text)
        for secret in ("wild", "nobody", str(self.lab.folder), "state-dir", "syslog", "hostmaster"):
            self.assertNotIn(secret, text)
        self.assertNotIn("web1", self.lab.shell("show", "configuration", domains="www.example.org").stdout)

    def test_not_by_the_client_itself(self) -> None:
        for command in ("--client web1 get certificate", "get certificate --client=web1"):
            answer = self.lab.shell("--client", "nobody", command=command, data=self.lab.csr(["www.example.org"]))
            self.assert_status(answer, USAGE)

    def test_stored_by_name(self) -> None:
        self.assert_status(self.ask("web1", ["www.example.org"], "--force"), OK)
        self.assertEqual(self.lab.server.orders()[0]["client"], "web1")


class Many(LabCase):
    """Ten thousand (two, where sanitizers make each dear), one of which is real."""

    options = LabOptions(sshd=True, serve=False)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.rows = [{"name": f"client{i:05}", "names": [f"c{i}.example.org"], "public-keys": [public_key(i)]}
                    for i in range(MANY)]
        cls.key = cls.lab.folder / "real"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", cls.key], check=True)
        cls.rows[MANY // 2].update({"public-keys": [cls.key.with_suffix(".pub").read_text().strip()],
                                    "names": ["www.example.org"]})
        cls.lab.server.config["clients"] = cls.rows
        cls.lab.server.start()
        cls.lab.server.wait_ready()

    def test_reload(self) -> None:
        self.lab.server.config["clients"] = self.rows + [{"name": "late", "public-keys": [public_key(MANY)]}]
        self.lab.server.write_config()
        self.assertEqual(self.lab.server.ctl("reload"), {"reloaded": True})
        self.assertEqual(self.authorized("late-user", *public_key(MANY).split()),
                         f'command="certmill-shell --client late",restrict {public_key(MANY)}\n')
        self.lab.server.config["clients"] = self.rows + [{"name": "late", "public-keys": [public_key(1)]}]
        self.lab.server.write_config()
        done = self.lab.server.ctl_text("reload")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("client00001", done.stderr, "a key of two clients")

    def authorized(self, *words: str) -> str:
        done = self.lab.server.ctl_text("authorized-keys", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_authorized_keys(self) -> None:
        self.assertEqual(self.authorized("acme", *public_key(77).split()),
                         f'command="certmill-shell --client client00077",restrict {public_key(77)}\n')
        self.assertEqual(self.authorized("acme", "ssh-rsa", public_key(77).split()[1]), "")
        self.assertEqual(self.authorized("acme", "ssh-ed25519", "AAAA"), "")
        lines = self.authorized("acme").splitlines()
        self.assertGreaterEqual(len(lines), MANY)
        self.assertTrue(all(line.startswith('command="certmill-shell --client ') for line in lines))
        line = self.authorized("--client-command", '/a b/"x" --socket y', "acme", *public_key(5).split())
        self.assertTrue(line.startswith(r'command="/a b/\"x\" --socket y --client client00005",restrict '), line)
        for words in (["--client-command", "a\nb"], ["acme", "ssh-rsa"], ["a", "b", "c", "d"], ["--client-command"]):
            self.assertEqual(self.lab.server.ctl_text("authorized-keys", *words).returncode, 2, words)

    def test_memory_of_the_others(self) -> None:
        """Clients are the issuer's alone."""
        for role in ("dnsd", "signer"):
            status = Path(f"/proc/{self.lab.server.pid_of(role)}/status").read_text()
            resident = int(status.split("VmRSS:")[1].split()[0])
            self.assertLess(resident, 40_000, role)

    @unittest.skipIf(os.geteuid() != 0, "sshd takes only a command that root alone can change")
    def test_sshd(self) -> None:
        tools = Path(tempfile.mkdtemp(prefix="certmill-lab-", dir="/usr/local"))
        self.addCleanup(shutil.rmtree, tools)
        ctl = shutil.copy(BIN / "certmillctl", tools)
        sshd = self.lab.sshd
        assert sshd is not None
        sshd.process.stop()
        with (sshd.folder / "sshd_config").open("a", encoding="utf-8") as config:
            config.write(f"AuthorizedKeysCommandUser root\nAuthorizedKeysCommand {ctl} --socket {self.lab.server.control} "
                         f"authorized-keys --client-command \"{BIN}/certmill-shell --socket {self.lab.server.submit}\" "
                         "%u %t %k\n")
        sshd.process.start()
        wait_until(sshd.ready, "sshd")
        answer = self.lab.ssh(self.key, "get", "certificate", data=self.lab.csr(["www.example.org"]))
        self.assert_issued(answer, ["www.example.org"])
        answer = self.lab.ssh(self.key, "get", "certificate", data=self.lab.csr(["host01.example.org"]))
        self.assert_status(answer, POLICY)
        other = sshd.folder / "other"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
        self.assertEqual(self.lab.ssh(other, "ping").status, 255, "no client's key")


if __name__ == "__main__":
    main()
