"""Goal: a backup made while orders run is whole, comes back by restore, and what it lacks is what came after it."""

import os
import sqlite3
import stat
from pathlib import Path

from lab import CaOptions, LabOptions, dns
from support import LabCase, main

NAMES = ["www.example.org"]


class Backup(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0, bad_nonces=0))

    def ctl(self, *words: str) -> str:
        done = self.lab.server.ctl_text(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, *words: str, status: int = 1) -> str:
        done = self.lab.server.ctl_text(*words)
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stderr

    def serials(self) -> set[str]:
        return {entry["serial"] for entry in self.lab.server.ctl("certificates")["certificates"]}

    @property
    def store(self) -> Path:
        return self.lab.server.state_dir / "store" / "certmill.db"

    def test_while_orders_run(self) -> None:
        file = self.lab.folder / "backup"
        names = [f"host{i:02}.example.org" for i in range(20)]
        self.assert_issued(self.lab.get(NAMES), NAMES)
        before = self.serials()
        hold = self.lab.proxy.hold("/finalize-order/")
        clients = [self.lab.spawn(["get", "certificate"], name, self.lab.csr([name])) for name in names]
        hold.wait_reached()
        for i in range(10):
            text = self.ctl("backup", str(file))
            self.assertIn(f"back up {self.lab.server.state_dir}/keys", text)
            if i == 3:
                hold.release()
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        self.assertEqual(sorted(path.name for path in file.parent.glob("backup*")), ["backup"])
        self.assertEqual([path.name for path in self.store.parent.iterdir() if path.name.startswith("backup")], [])
        for name, client in zip(names, clients):
            self.assert_issued(self.lab.collect(client), [name])
        self.assertIn("whole, schema", self.ctl("check-store", str(file)))
        self.ctl("backup", str(file))
        with sqlite3.connect(file) as db:
            self.assertEqual({row[0] for row in db.execute("SELECT serial FROM certificates")}, self.serials())
            self.assertEqual(db.execute("SELECT count(*) FROM orders WHERE state = 'issued'").fetchone()[0],
                             self.lab.server.ctl("status")["orders"]["issued"])
        db.close()
        self.assertLess(before, self.serials())

    def test_restore(self) -> None:
        file = self.lab.folder / "kept"
        self.assert_issued(self.lab.get(NAMES), NAMES)
        kept = self.serials()
        self.ctl("backup", str(file))
        self.assert_issued(self.lab.get(["mail.example.org"]), ["mail.example.org"])
        after = self.serials()
        state = str(self.lab.server.state_dir)
        self.assertIn("certmilld runs on", self.refused("restore", str(file), state))
        self.assertEqual(self.serials(), after)
        self.lab.server.stop()
        owner = self.store.stat().st_uid
        self.assertIn("restored", self.ctl("restore", str(file), state))
        self.assertEqual(self.store.stat().st_uid, owner)
        self.assertEqual(stat.S_IMODE(self.store.stat().st_mode), 0o600)
        self.assertIn("whole", self.ctl("check-store", str(self.store)))
        self.assertIn("whole", self.ctl("check-store", f"{self.store}.old"))
        self.lab.server.start()
        self.lab.server.wait_ready()
        self.assertEqual(self.serials(), kept)
        self.assertEqual(len(self.lab.server.ctl("accounts")["accounts"]), 1)
        self.assert_issued(self.lab.get(NAMES), NAMES)
        self.assertTrue(dns.alive(self.lab.server.port, "acme.example.com"))

    def test_an_order_of_the_backup_goes_on(self) -> None:
        """What the CA knew when the backup was made is asked for again, and found."""
        file = self.lab.folder / "open"
        hold = self.lab.proxy.hold("/chalZ/", early=True)
        client = self.lab.spawn(["get", "certificate"], "host30.example.org", self.lab.csr(["host30.example.org"]))
        hold.wait_reached()
        order = self.lab.server.orders()[0]["id"]
        self.ctl("backup", str(file))
        hold.release()
        self.assert_issued(self.lab.collect(client), ["host30.example.org"])
        self.lab.server.stop()
        self.ctl("restore", str(file), str(self.lab.server.state_dir))
        self.lab.server.start()
        self.lab.server.wait_ready()
        self.assertEqual(self.wait_order(order, "issued", "failed")["state"], "issued")

    def test_restore_over_a_damaged_store(self) -> None:
        file = self.lab.folder / "mend"
        self.assert_issued(self.lab.get(NAMES), NAMES)
        self.ctl("backup", str(file))
        kept = self.serials()
        self.lab.server.stop()
        self.store.write_bytes(b"garbage" * 5000)
        self.assertIn("damaged or no store", self.refused("check-store", str(self.store)))
        self.ctl("restore", str(file), str(self.lab.server.state_dir))
        self.lab.server.start()
        self.lab.server.wait_ready()
        self.assertEqual(self.serials(), kept)

    def test_what_is_no_backup(self) -> None:
        bad, state = self.lab.folder / "bad", str(self.lab.server.state_dir)
        self.ctl("backup", str(bad))
        data = bytearray(bad.read_bytes())
        self.lab.server.stop()
        before = self.store.read_bytes()
        try:
            for what, content, words in (("garbage", b"garbage" * 5000, "damaged or no store"), ("empty", b"", "empty"),
                                         ("cut", bytes(data[:len(data) // 2]), "damaged")):
                with self.subTest(what):
                    bad.write_bytes(content)
                    self.assertIn(words, self.refused("check-store", str(bad)))
                    self.assertIn(words, self.refused("restore", str(bad), state))
                    self.assertEqual(self.store.read_bytes(), before)
            bad.write_bytes(data)
            with sqlite3.connect(bad) as db:
                db.execute("PRAGMA user_version = 99")
            db.close()
            self.assertIn("newer certmill", self.refused("restore", str(bad), state))
            self.assertIn("nowhere", self.refused("restore", "/nowhere/file", state))
            self.assertIn("nowhere", self.refused("restore", str(bad), "/nowhere"))
            self.assertEqual([path for path in self.store.parent.iterdir() if ".db." in path.name
                              and ".old" not in path.name], [])
        finally:
            self.lab.server.start()
            self.lab.server.wait_ready()

    def test_what_cannot_be_written(self) -> None:
        self.assertIn("nowhere", self.refused("backup", "/nowhere/file"))
        self.assertIn("held by another process", self.refused("check-store", str(self.store)))
        for words in (("backup",), ("backup", "a", "b"), ("restore",), ("restore", "a", "b", "c"),
                      ("check-store", "a", "b"), ("backup", "x", "--limit", "3")):
            with self.subTest(words):
                self.refused(*words, status=2)

    def test_stopped(self) -> None:
        self.lab.server.stop()
        try:
            self.refused("backup", str(self.lab.folder / "none"), status=8)
            self.assertFalse(os.path.exists(self.lab.folder / "none"))
        finally:
            self.lab.server.start()
            self.lab.server.wait_ready()


if __name__ == "__main__":
    main()
