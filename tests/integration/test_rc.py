"""Goal: the rc script, for systems without systemd: start, stop, restart, reload, status, by start-stop-daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import unittest
from contextlib import suppress
from pathlib import Path

from lab import dns, wait_until
from lab.process import is_alive
from lab.server import BIN, clean_env, to_yaml
from lab.solo import RICH, Solo
from support import main

SCRIPT = Path(__file__).resolve().parents[2] / "packaging/rc/certmilld"


@unittest.skipUnless(os.geteuid() == 0, "an rc script is root's")
class Rc(unittest.TestCase):
    def setUp(self) -> None:
        self.daemon = 0
        self.solo = Solo()
        self.addCleanup(self.solo.stop)
        folder = self.solo.folder
        self.config = folder / "certmilld.yaml"
        self.config.write_text(to_yaml(self.solo.server.config))
        self.log, self.pid_file, daemon = folder / "log", folder / "pid", folder / "certmilld"
        shutil.copy(BIN / "certmilld", daemon)
        self.env = {**clean_env(), "DAEMON": str(daemon), "CONFIG": str(self.config), "LOG": str(self.log),
                    "PIDFILE": str(self.pid_file)}
        self.addCleanup(self.run_, "stop")

    def run_(self, word: str) -> subprocess.CompletedProcess[str]:
        with (self.solo.folder / "said").open("w+") as said:
            script = subprocess.Popen(["sh", SCRIPT, word], env=self.env, stdout=said, stderr=said, text=True)
            while script.poll() is None:
                self.reap()
                time.sleep(0.01)
            said.seek(0)
            return subprocess.CompletedProcess(word, script.returncode, said.read(), "")

    def reap(self) -> None:
        """Fetches the status of a daemon that ended, as init does: it is our child, being an orphan (lab.adopt_orphans)."""
        if self.pid_file.exists() and self.pid_file.read_text().strip():
            self.daemon = self.pid()
        with suppress(ChildProcessError):
            if self.daemon:
                os.waitpid(self.daemon, os.WNOHANG)

    def ok(self, word: str) -> str:
        done = self.run_(word)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def pid(self) -> int:
        return int(self.pid_file.read_text())

    def test_shellcheck(self) -> None:
        done = subprocess.run(["shellcheck", SCRIPT], check=False, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_life(self) -> None:
        self.assertEqual(self.run_("status").returncode, 3)
        self.ok("stop")  # nothing to do
        self.ok("start")
        first = self.pid()
        self.assertTrue(dns.alive(self.solo.port, RICH), "it is ready when start returns")
        self.assertIn("is running", self.ok("status"))
        self.ok("start")
        self.assertEqual(self.pid(), first)
        self.ok("reload")
        wait_until(lambda: "is in use" in self.log.read_text(), "the reload in the log")
        # As an upgrade does: another file at its place.
        daemon = Path(self.env["DAEMON"])
        daemon.rename(daemon.with_suffix(".old"))
        shutil.copy(BIN / "certmilld", daemon)
        self.assertIn("is running", self.ok("status"))
        self.ok("restart")
        self.assertNotEqual(self.pid(), first)
        self.assertFalse(is_alive(first))
        second = self.pid()
        # A configuration that is wrong ends nothing that runs.
        self.config.write_text("zonez: []\n")
        done = self.run_("restart")
        self.assertEqual(done.returncode, 6)
        self.assertIn("zonez", done.stdout)
        self.assertTrue(dns.alive(self.solo.port, RICH))
        self.ok("stop")
        self.assertFalse(is_alive(second))
        self.assertFalse(self.pid_file.exists())
        self.assertEqual(self.run_("status").returncode, 3)
        self.assertNotEqual(self.run_("reload").returncode, 0)
        self.assertEqual(self.run_("start").returncode, 6)

    def test_no_start(self) -> None:
        """What is wrong at the start alone is told."""
        (self.solo.folder / "run").write_text("in the way")
        done = self.run_("start")
        self.assertEqual(done.returncode, 1)
        self.assertIn("certmilld did not start", done.stdout)
        self.assertIn(str(self.solo.folder / "run"), done.stdout)

    def test_usage(self) -> None:
        for word in ("", "begin"):
            self.assertEqual(self.run_(word).returncode, 2)


if __name__ == "__main__":
    main()
