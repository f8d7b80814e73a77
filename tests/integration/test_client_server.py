"""Goal: certmill reaches its server by one ssh connection a run, and says what to do where it does not reach it."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

from client_support import ClientCase
from lab import Process, wait_until
from lab.server import BIN, clean_env
from support import main

HOSTS = [f"host{i:02d}.example.org" for i in range(6)]


class Ssh(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.run_dir = Path(self.lab.folder, f"run-{self._testMethodName}")
        self.run_dir.mkdir(mode=0o700)
        os.environ["XDG_RUNTIME_DIR"] = str(self.run_dir)
        self.addCleanup(os.environ.pop, "XDG_RUNTIME_DIR")
        self.settings["key-type-list"] = ["ecdsa"]
        self.write()

    def logins(self) -> int:
        return len(re.findall("Accepted publickey", (self.lab.sshd.folder / "sshd.log").read_text(errors="replace")))

    def without(self, *words: str) -> None:
        """The ssh command without the options that contain one of these."""
        parts = self.ssh.split()
        kept = [part for i, part in enumerate(parts) if not any(word in part for word in words)
                and not (part == "-o" and any(word in parts[i + 1] for word in words))]
        self.settings["certgrinderd"] = " ".join(kept)
        self.write()

    def files(self) -> list[tuple[str, bytes, int]]:
        return [(path.name, path.read_bytes(), path.stat().st_mtime_ns) for path in self.visible()
                if not path.name.endswith(".key")]

    def fails(self, *texts: str) -> None:
        """The status is 1, the error that names the set says all of these, and but for keys no file is touched."""
        before = self.files()
        done = self.certmill("get", "certificate")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(self.files(), before)
        said = [line for line in done.stderr.splitlines() if " ERROR " in line and "www.example.org" in line]
        self.assertTrue(said, done.stderr)
        for text in texts:
            self.assertIn(text, said[0])

    def test_shared(self) -> None:
        """Six certificates, one login, and nothing left of it."""
        self.lab.sshd.add_client("shared", ";".join(HOSTS))
        self.settings.update({"certgrinderd": " ".join(self.lab.sshd.command(self.lab.sshd.folder / "shared")),
                              "domain-list": HOSTS})
        self.write()
        before = self.logins()
        self.ok("get", "certificate")
        self.assertEqual(self.logins() - before, 1)
        self.assertEqual(len(list(self.path.glob("*-chain.ecdsa.crt"))), 6)
        self.assertEqual(list(self.run_dir.iterdir()), [])
        wait_until(lambda: not self.masters(), "ssh in the background ended")

    def masters(self) -> str:
        return subprocess.run(["pgrep", "-f", f"ssh.*{self.run_dir}"], capture_output=True, text=True,
                              check=False).stdout

    def spawn(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen([BIN / "certmill", "--config-file", self.config, *words], stdin=subprocess.DEVNULL,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=clean_env())

    def end(self, run: subprocess.Popen[str], number: signal.Signals) -> None:
        """The run, whose connection stands, by a signal: nothing of the connection is left."""
        wait_until(lambda: list(self.run_dir.glob("*/s")), "a connection to share", 60)
        self.assertTrue(self.masters())
        run.send_signal(number)
        said = run.communicate(timeout=60)[1]
        self.assertEqual(run.returncode, 1, said)
        self.assertIn("interrupted", said)
        self.assertEqual(list(self.run_dir.iterdir()), [])
        wait_until(lambda: not self.masters(), "ssh in the background ended", 60)

    def test_signals(self) -> None:
        """A run that is ended takes its connection and the folder of that with it."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(number.name):
                hold = self.lab.proxy.hold("/chalZ/")
                try:
                    run = self.spawn("get", "certificate")
                    hold.wait_reached()
                    self.end(run, number)
                finally:
                    self.lab.proxy.clear()

    def test_signals_to_questions(self) -> None:
        """The same where the server is asked about itself, or about records."""
        issuer = self.lab.server.pid_of("issuer")
        for words in (("check", "cname"), ("show", "caa"), ("check", "caa")):
            with self.subTest(words):
                os.kill(issuer, signal.SIGSTOP)
                try:
                    self.end(self.spawn(*words), signal.SIGTERM)
                finally:
                    os.kill(issuer, signal.SIGCONT)

    def test_not_shared(self) -> None:
        """Who shares by his own words, or not at all, is left to it; one question needs nothing shared."""
        before = self.logins()
        self.settings["certgrinderd"] = self.ssh.replace("-T", "-S none -T")
        self.write()
        self.ok("get", "certificate")
        self.assertGreaterEqual(self.logins() - before, 2, "one for each certificate at least")
        self.settings["certgrinderd"] = self.ssh
        self.write()
        self.ok("check", "connection")
        self.assertEqual(list(self.run_dir.iterdir()), [])

    def on_terminal(self, argv: list[str], until: str) -> tuple[str, int | None]:
        """What it writes to its terminal, where a password would be asked for, and its status; it is ended at `until`."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        env = {key: value for key, value in clean_env().items() if key != "SSH_ASKPASS"}
        with subprocess.Popen(["setsid", "--ctty", *argv], stdin=theirs, stdout=theirs, stderr=theirs, env=env) as program:
            os.close(theirs)
            deadline, seen = time.monotonic() + 120, b""
            while until.encode() not in seen and time.monotonic() < deadline:
                if not select.select([ours], [], [], 1)[0]:
                    continue
                try:
                    seen += os.read(ours, 65536)
                except OSError:  # all have closed the other end
                    break
            else:
                program.kill()
            status = program.wait(60)
        return seen.decode(errors="replace"), status if status >= 0 else None

    def test_password(self) -> None:
        """ssh asks for one, or for a key's pass phrase, where it runs by itself; run by certmill it does not."""
        port = self.lab.take_port()
        sshd = Process("sshd-password", ["/usr/sbin/sshd", "-D", "-e", "-f", self.lab.sshd.folder / "sshd_config", "-p", str(port),
                                         "-o", "PasswordAuthentication=yes"], self.run_dir / "sshd.log")
        sshd.start()
        self.addCleanup(sshd.stop)
        sshd.wait_ready(lambda: "Server listening" in (self.run_dir / "sshd.log").read_text(errors="replace"))
        stranger, locked = self.run_dir / "unknown_key", self.lab.sshd.add_client("locked", "www.example.org")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "a secret", "-f", locked], check=True,
                       stdout=subprocess.DEVNULL)
        ssh = self.ssh
        for key, asks in ((stranger, "password:"), (locked, "passphrase for key")):
            with self.subTest(asks):
                self.ssh = ssh.replace(str(self.key), str(key)).replace(f"-p {self.lab.sshd.port} ", f"-p {port} ")
                self.without("BatchMode")
                seen, status = self.on_terminal([*self.settings["certgrinderd"].split(), "ping"], asks)
                self.assertIn(asks, seen, "or else this shows nothing")
                self.assertIsNone(status)
                before = self.files()
                seen, status = self.on_terminal([str(BIN / "certmill"), "--config-file", str(self.config), "get", "certificate"], asks)
                self.assertEqual(status, 1, seen)
                self.assertNotIn(asks, seen)
                self.assertRegex(seen, r"www.example.org ecdsa[^\n]*Permission denied")
                self.assertIn("nobody is there to type a password", seen)
                self.assertIn("under a pass phrase", seen)
                self.assertEqual(self.files(), before)
                self.fails("Permission denied", "authorized_keys")

    def test_host_key(self) -> None:
        known = self.run_dir / "known"
        self.ssh = self.ssh.replace("/dev/null", str(known))
        self.without("BatchMode", "StrictHostKeyChecking")
        self.fails("host key is not known", "by hand")
        public = (self.lab.sshd.folder / "unknown_host")
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", public], check=True)
        line = public.with_suffix(".pub").read_text()
        known.write_text(f"[127.0.0.1]:{self.lab.sshd.port} {line}")
        self.fails("host key is not the one in known_hosts", "ssh-keygen -R")

    def test_away(self) -> None:
        self.settings["certgrinderd"] = self.ssh.replace(str(self.lab.sshd.port), str(self.lab.take_port()))
        self.write()
        self.fails("ssh did not reach the server", "Connection refused")

    def test_server_restarted(self) -> None:
        """certmilld restarted while the order is under way, at an upgrade for example: the run has its certificate all the same."""
        self.settings["domain-list"] = ["www.example.org,mail.example.org"]
        self.write()
        hold = self.lab.proxy.hold("/finalize-order/")
        client = subprocess.Popen([BIN / "certmill", "--config-file", self.config, "periodic", "--now"], env=clean_env(),
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        hold.wait_reached()
        orders = self.lab.more.counted()["orders"]
        self.assertEqual(self.lab.server.stop(), 0)
        hold.release()
        self.lab.server.start()
        said, _ = client.communicate(timeout=120)
        self.lab.server.wait_ready()
        self.assertEqual(client.returncode, 0, said)
        self.assertIn("the server was restarted meanwhile: asked again", said)
        self.assertEqual(self.lab.more.counted()["orders"], orders, "it is the same order")
        self.assertTrue(self.file("www.example.org", "chain.{}.crt", "ecdsa").exists())


if __name__ == "__main__":
    main()
