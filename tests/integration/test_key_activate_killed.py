"""Goal: killed at any step of key activate, a host has the old key and certificate or the new ones, and the next run
finishes. Nobody but key activate changes a key."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import unittest
from pathlib import Path

from client_files import SUFFIXES, FilesCase
from lab import pki
from lab.dnssec import DnsSec, Zone
from lab.inject import ARCHITECTURE, FSYNC, KillAt
from lab.server import BIN, clean_env
from support import main

SANITIZED = os.environ.get("CERTMILL_SANITIZE")
NAME = "www.example.org"
OWNER = f"_443._tcp.{NAME}"
STEPS = (FSYNC, 82, 83, 86, 87, 88, 258, 263, 264, 265, 266, 316)
"""System calls that something on the disk hangs on: fsync; rename, mkdir, link, unlink, symlink and their relatives."""
STRIDE = 4
MOST = 300
"""More than an activation makes."""


@unittest.skipIf(SANITIZED, "the sanitizers' own calls would be counted, too")
@unittest.skipUnless(platform.machine() == ARCHITECTURE, f"numbers of {ARCHITECTURE}")
@unittest.skipUnless(os.geteuid() == 0, "as root only: others may not trace a process that is not dumpable")
class Killed(FilesCase):
    def setUp(self) -> None:
        """A key in use, as certgrinder left it, and a staged one, which may be activated."""
        super().setUp()
        self.write_files()
        self.old = {suffix: self.file_of(suffix).read_bytes() for suffix in SUFFIXES}
        self.hook = self.folder / "hook"
        script, extensions = self.folder / "server", self.folder / "extensions"
        extensions.write_text(f"subjectAltName=DNS:{NAME},DNS:example.org\n")
        script.write_text(f"openssl x509 -req -CA {self.issuer.cert} -CAkey {self.issuer.key} -days 60 -set_serial 815 "
                          f"-extfile {extensions} 2>/dev/null\ncat {self.issuer.cert}\n")
        net = DnsSec(self.folder, zones={".": Zone(), "example.org": Zone()})
        net.start()
        self.addCleanup(net.stop)
        self.settings.update({
            "certgrinderd": f"sh {script}", "name-server": net.resolver, "tlsa-port": 443, "tlsa-protocol": "tcp",
            "tlsa-type-list": ["311"], "cert-renew-threshold-days": 30,
            "post-renew-hooks": [f"/bin/sh -c 'echo \"$CERTMILL_NAMES\" >> {self.hook}'"]})
        leaf = pki.openssl("x509", "-in", self.file("certificate"), "-outform", "DER")
        self.records = {"key": self.record(), "certificate": f"3 0 1 {hashlib.sha256(leaf).hexdigest().upper()}"}
        self.inner = self.path / ".certmill" / f"{NAME}.ecdsa"
        self.records["new"] = self.ok("key", "stage").splitlines()[-1].split(" TLSA ")[1]
        for record in self.records.values():
            net.add(OWNER, 60, "TLSA", record)
            net.add("_443._tcp.example.org", 60, "TLSA", record)
        net.publish()
        self.ok("key", "status")
        state = self.inner / "rollover"  # as if it were an hour later
        state.write_text(re.sub(r"there (\d+) ", lambda m: f"there {int(m[1]) - 3600} ", state.read_text()))
        self.new_key = (self.inner / "staged.key").read_bytes()
        self.before = self.folder / "before"
        shutil.copytree(self.path, self.before, symlinks=True)

    def file_of(self, suffix: str) -> Path:
        return self.path / f"{NAME}-{suffix.format('ecdsa')}"

    def record(self) -> str:
        spki = pki.openssl("pkey", "-in", self.file("keypair"), "-pubout", "-outform", "DER")
        return f"3 1 1 {hashlib.sha256(spki).hexdigest().upper()}"

    def ok(self, *words: str) -> str:
        done = self.certmill(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def activate_until(self, nth: int) -> bool:
        """Runs it, up to its nth step; whether it came to that."""
        shutil.rmtree(self.path)
        shutil.copytree(self.before, self.path, symlinks=True)
        self.hook.unlink(missing_ok=True)
        with subprocess.Popen(["sh", "-c", 'read _; exec "$@"', "sh", BIN / "certmill", "--config-file",
                               self.folder / "certmill.yaml", "key", "activate"], stdin=subprocess.PIPE, text=True,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_env()) as process:
            assert process.stdin is not None
            killer = KillAt(process.pid, STEPS, nth, after=False).start()
            process.stdin.write("\n")
            process.stdin.flush()
            return killer.wait_end()

    def assert_whole(self) -> bool:
        """All files of the old set, or all of a new one; whether it is the new one."""
        now = {suffix: self.file_of(suffix).read_bytes() for suffix in SUFFIXES}
        if now == self.old:
            return False
        key, request, leaf, chain, issuers, everything = now.values()
        self.assertEqual(key, self.new_key)
        public = pki.openssl("pkey", "-in", self.file("keypair"), "-pubout")
        self.assertEqual(pki.openssl("x509", "-in", self.file("certificate"), "-noout", "-pubkey"), public)
        self.assertEqual(pki.openssl("req", "-in", self.file("request"), "-noout", "-pubkey"), public)
        self.assertNotEqual(request, self.old[SUFFIXES[1]])
        self.assertEqual((chain, everything), (leaf + issuers, key + leaf + issuers))
        return True

    def assert_finished(self) -> None:
        self.assertTrue(self.assert_whole())
        self.assertEqual(self.record(), self.records["new"])
        left = {path.name for path in self.inner.iterdir()}
        self.assertFalse(left & {"staged.key", "staged.new", "rollover"}, left)
        self.assertEqual(set(self.hook.read_text().split()), {NAME}, "services hear of it")

    def belongs(self) -> dict[str, str]:
        item = next(item for item in self.json("check", "tlsa")["items"] if item["name"] == NAME)
        return {record["record"].split(" TLSA ")[1]: record["belongs"] for record in item["published"]}

    def one_round(self, nth: int) -> tuple[bool, bool, bool] | None:
        """Killed at its nth step, and run again; whether key and certificate were new by then, the key still was marked as
        staged, and services had heard of it. None: it ended with fewer steps."""
        if not self.activate_until(nth):
            self.assert_finished()
            return None
        new, staged, told = self.assert_whole(), (self.inner / "staged.key").exists(), self.hook.exists()
        self.assertTrue(new or staged, "the next key is not lost")
        if nth % 16 == 1:
            self.ok("periodic", "--now")
            self.assertEqual(self.assert_whole(), new, "periodic changes no key")
        if staged:
            self.assertIn(f"to be removed once all services use the new key: {OWNER}. IN TLSA {self.records['key']}",
                          self.ok("key", "activate"))
        else:
            self.certmill("key", "activate")
        self.assert_finished()
        return new, staged, told

    def test_each_step(self) -> None:
        seen = {}
        for nth in range(1, MOST, STRIDE):
            with self.subTest(nth=nth):
                outcome = self.one_round(nth)
                if outcome is None:
                    break
                seen[nth] = outcome
        self.assertLess(nth, MOST - STRIDE)
        self.assertGreater(nth, 20, "an activation makes many steps")
        swapped = min(nth for nth, (new, _, _) in seen.items() if new)
        for nth in range(swapped - STRIDE + 1, swapped):  # each one about the swap
            with self.subTest(nth=nth):
                seen[nth] = self.one_round(nth)
        self.assertLessEqual({(False, True, False), (True, True, False)}, set(seen.values()), "before and after the swap")
        self.assertEqual(self.belongs(), {self.records["key"]: "stale", self.records["certificate"]: "stale",
                                          self.records["new"]: "current"})


if __name__ == "__main__":
    main()
