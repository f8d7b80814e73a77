"""Goal: certmill rolls a key over beside its TLSA records: staged, published, waited for, activated, the old one removed."""

import re
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from client_support import ClientCase
from lab import pki
from lab.dnssec import DnsSec, Zone
from lab.process import wait_until
from support import main
from tlsa_support import FOREIGN, lines_of, rdata, spki


class RollOver(ClientCase):
    """With a real certificate for each key."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.net = DnsSec(Path(cls.lab.folder), zones={".": Zone(), "example.org": Zone()})
        cls.net.start()
        cls.addClassCleanup(cls.net.stop)

    def setUp(self) -> None:
        super().setUp()
        self.hook = Path(self.lab.folder, f"hook-{self._testMethodName}")

    def begin(self, name: str, ttl: int) -> str:
        """A certificate, and its record in DNS."""
        self.name, self.owner = name, f"_443._tcp.{name}"
        self.settings.update({"domain-list": [name], "key-type-list": ["ecdsa"], "tlsa-type-list": ["311"],
                              "name-server": self.net.resolver, "tlsa-port": 443, "tlsa-protocol": "tcp"})
        self.write()
        self.ok("get", "certificate")
        self.settings["post-renew-hooks"] = [f"/bin/sh -c 'echo \"$CERTMILL_NAMES\" >> {self.hook}'"]
        self.write()
        record = rdata(spki(self.key_file), "311")
        self.publish(ttl, record)
        self.assertEqual(lines_of(self.ok("check", "tlsa")), [])
        return record

    @property
    def key_file(self) -> Path:
        return self.path / f"{self.name}-keypair.ecdsa.key"

    @property
    def inner(self) -> Path:
        return self.path / ".certmill" / f"{self.name}.ecdsa"

    def publish(self, ttl: int, *records: str) -> None:
        self.net.remove(self.owner, "TLSA")
        for record in records:
            self.net.add(self.owner, ttl, "TLSA", record)
        self.net.publish()

    def stage(self) -> str:
        """The record of the new key."""
        lines = lines_of(self.ok("key", "stage"))
        self.assertEqual(len(lines), 1, lines)
        return lines[0].split(" TLSA ")[1]

    def status(self) -> dict[str, Any]:
        return self.json("key", "status")["items"][0]

    def belongs(self) -> dict[str, str]:
        item = self.json("check", "tlsa")["items"][0]
        return {record["record"].split(" TLSA ")[1]: record["belongs"] for record in item["published"]}

    def test_whole(self) -> None:
        """RFC 7671 8.1: publish, wait, swap, remove."""
        old = self.begin("www.example.org", 1)
        key = self.key_file.read_text()
        new = self.stage()
        self.assertEqual(self.stage(), new, "staging twice shows the same")
        self.assertEqual((self.inner / "staged.key").stat().st_mode & 0o777, 0o600)
        self.assertEqual(set(line.split(" TLSA ")[1] for line in lines_of(self.ok("show", "tlsa"))), {old, new})
        done = self.certmill("key", "activate")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not all of the staged key's", done.stderr)
        self.ok("periodic", "--now")
        self.assertEqual(self.key_file.read_text(), key, "nobody but key activate changes a key")
        self.publish(1, old, new)
        self.assertEqual(self.belongs(), {old: "current", new: "staged"})
        owner = self.status()["owners"][0]
        self.assertEqual((owner["seen"], owner["ttl"]), ("there", 1))
        wait_until(lambda: self.status()["ready"], "two TTLs are over", 60)
        self.assertFalse(self.hook.exists())
        out = self.ok("key", "activate")
        self.assertIn(f"{self.owner}. IN TLSA {old}", out, "the old record is named for removal")
        self.assertEqual(self.hook.read_text(), "www.example.org\n", "hooks run once")
        self.assertEqual(rdata(spki(self.key_file), "311"), new)
        self.lab.check_chain((self.path / f"{self.name}-chain.ecdsa.crt").read_text(), [self.name], self.key_file)
        self.assertFalse((self.inner / "staged.key").exists())
        self.assertFalse((self.inner / "rollover").exists())
        self.assertEqual(self.belongs(), {old: "stale", new: "current"})
        self.assertIn(f"; to be removed: {self.owner}. IN TLSA {old}", self.ok("check", "tlsa"))
        self.publish(1, new)
        self.assertEqual(self.belongs(), {new: "current"})
        self.ok("check", "certificate")

    def test_old_ttl_is_waited_for(self) -> None:
        old = self.begin("mail.example.org", 3600)
        key = self.key_file.read_text()
        new = self.stage()
        self.publish(3600, old, new)
        item = self.status()
        self.assertFalse(item["ready"])
        self.assertGreater(item["possible"], item["owners"][0]["old_ttl_over"])
        self.assertGreater(item["owners"][0]["old_ttl_over"], item["owners"][0]["since"])
        done = self.certmill("key", "activate")
        self.assertEqual(done.returncode, 1)
        when = re.search(r"from (\d+-\d+-\d+ \d+:\d+:\d+ [+-]\d{4}) on", done.stderr)
        self.assertIsNotNone(when, done.stderr)
        self.assertEqual(datetime.strptime(when[1], "%Y-%m-%d %H:%M:%S %z"), datetime.fromisoformat(item["possible"]))
        self.assertEqual(self.key_file.read_text(), key)
        self.assertFalse(self.hook.exists())
        # As if it were two hours later.
        state = self.inner / "rollover"
        state.write_text(re.sub(r"there (\d+) ", lambda m: f"there {int(m[1]) - 7200} ", state.read_text()))
        self.ok("key", "activate")
        self.assertEqual(rdata(spki(self.key_file), "311"), new)

    def test_no_certificate_no_change(self) -> None:
        old = self.begin("mail.example.org", 1)
        key = self.key_file.read_text()
        new = self.stage()
        self.publish(1, old, new)
        wait_until(lambda: self.status()["ready"], "two TTLs are over", 60)
        self.lab.proxy.stop()
        done = self.certmill("key", "activate")
        self.lab.proxy.start()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual((self.key_file.read_text(), self.stage()), (key, new), "all as before")
        self.assertFalse(self.hook.exists())
        self.ok("key", "activate")
        self.assertEqual(rdata(spki(self.key_file), "311"), new)

    def test_abort(self) -> None:
        old = self.begin("www.example.org", 1)
        new = self.stage()
        self.publish(1, old, new)
        self.assertIn(new, self.ok("key", "abort"))
        self.assertFalse((self.inner / "staged.key").exists())
        self.assertEqual(self.belongs(), {old: "current", new: "stale"})
        self.assertFalse(self.status()["staged"])
        for words in ("abort", "activate"):
            self.assertEqual(self.certmill("key", words).returncode, 1)
        self.assertNotEqual(self.stage(), new, "the next one is a new key")

    def test_killed_between_swap_and_cleaning(self) -> None:
        """The staged key is in use already: it is no staged one, and services are told of it."""
        old = self.begin("www.example.org", 1)
        self.stage()
        shutil.copyfile(self.key_file, self.inner / "staged.key")
        self.assertEqual(self.belongs(), {old: "current"})
        self.assertFalse(self.status()["staged"])
        self.assertFalse(self.hook.exists())
        self.assertIn("the staged key is in use", self.ok("key", "activate"))
        self.assertEqual(self.hook.read_text(), "www.example.org\n")
        self.assertFalse((self.inner / "staged.key").exists())
        self.assertEqual(self.certmill("key", "activate").returncode, 1, "nothing is left to be done")

    def test_old_certificate(self) -> None:
        """A 3 0 1 record of the certificate before is known as long as that is kept; so is one before that."""
        record = self.begin("mail.example.org", 1)
        self.settings["keep-old"] = 2
        self.write()
        leaves = []
        for _ in range(3):
            self.ok("get", "certificate")
            leaf = pki.openssl("x509", "-in", self.path / f"{self.name}-certificate.ecdsa.crt", "-outform", "DER")
            leaves.append(rdata(leaf, "301"))
        self.publish(1, record, *leaves, FOREIGN)
        self.assertEqual(self.belongs(), {record: "current", leaves[2]: "current", leaves[0]: "stale", leaves[1]: "stale",
                                          FOREIGN: "foreign"})
        out = self.ok("check", "tlsa")
        self.assertEqual(out.count("stale, of an ecdsa certificate that was replaced: remove it"), 2)
        self.assertIn(f"; to be removed: {self.owner}. IN TLSA {leaves[0]}", out)


if __name__ == "__main__":
    main()
