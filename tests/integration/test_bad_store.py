"""Goal: a store that cannot be used costs certificates and nothing else: DNS is served, everybody is told the file and the
cure, the file stays as it was, and once it is mended a reload is enough."""

import sqlite3
import subprocess
from pathlib import Path

from lab import LabOptions, dns, wait_until
from support import DiskCase, INTERNAL, LabCase, main

NAMES = ["www.example.org"]


class BadStore(LabCase):
    options = LabOptions(serve=False)

    def setUp(self) -> None:
        self.lab.server.start()
        self.lab.server.wait_ready()
        self.assert_issued(self.lab.get(NAMES), NAMES)
        self.lab.server.stop()
        self.path = Path(self.lab.server.state_dir, "store", "certmill.db")
        self.good = self.path.read_bytes()

    def tearDown(self) -> None:
        self.lab.server.stop()
        self.path.chmod(0o600)
        self.path.write_bytes(self.good)

    def serves(self) -> bool:
        return dns.alive(self.lab.server.port, "acme.example.com")

    def degraded(self, *words: str) -> None:
        """Starts with the store as it is; mends it; all is well again."""
        before = self.path.read_bytes()
        self.lab.server.start()
        self.lab.server.wait_ready()
        self.assertTrue(self.serves())
        answer = self.assert_status(self.lab.get(NAMES), INTERNAL)
        for word in (str(self.path), *words):
            self.assertIn(word, answer.stderr)
            self.assertIn(word, self.lab.server.ctl("status")["store"])
            self.assertIn(word, self.lab.server.ctl_text("status").stdout)
            self.assertIn(word, self.lab.server.ctl_text("certificates").stderr)
            self.assertIn(word, self.lab.server.log_text())
        self.assertEqual(self.lab.server.ctl("records")["records"], [])
        self.assertEqual(self.path.read_bytes(), before)
        self.path.chmod(0o600)
        self.path.write_bytes(self.good)
        issuer = self.lab.server.pid_of("issuer")
        self.lab.server.ctl("reload")
        self.lab.server.wait_role("issuer", issuer)
        self.assertIsNone(self.lab.server.ctl("status")["store"])
        self.assertEqual(len(self.lab.server.ctl("certificates")["certificates"]), self.count())
        self.assert_issued(self.lab.get(NAMES), NAMES)

    def count(self) -> int:
        copy = self.lab.folder / "copy.db"
        copy.write_bytes(self.good)
        with sqlite3.connect(copy) as db:
            found, = db.execute("SELECT count(*) FROM certificates").fetchone()
        db.close()
        return int(found)

    def test_newer(self) -> None:
        with sqlite3.connect(self.path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        self.degraded("written by a newer certmill", "install that one again")

    def test_garbage(self) -> None:
        self.path.write_bytes(b"garbage" * 5000)
        self.degraded("damaged or no store", "put a backup in its place")

    def test_truncated(self) -> None:
        self.path.write_bytes(self.good[:len(self.good) // 2])
        self.degraded("damaged or no store")

    def test_of_another_program(self) -> None:
        with sqlite3.connect(self.path) as db:
            db.execute("PRAGMA application_id = 7")
        db.close()
        self.degraded("not a store of certmill")

    def test_may_not_be_written(self) -> None:
        self.path.chmod(0o444)
        self.degraded("it may not be written", "must belong to the user")

    def test_damaged_inside(self) -> None:
        """What SQLite sees only when it reads a page: the table of orders."""
        with sqlite3.connect(self.path) as db:
            page, = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'orders'").fetchone()
            size, = db.execute("PRAGMA page_size").fetchone()
        db.close()
        data = bytearray(self.good)
        data[(page - 1) * size:page * size] = b"\xaa" * size
        self.path.write_bytes(data)
        self.lab.server.start()
        self.lab.server.wait_ready()
        self.assertTrue(self.serves())
        answer = self.assert_status(self.lab.get(NAMES), INTERNAL)
        self.assertIn("damaged or no store", answer.stderr)
        self.assertIn("damaged or no store", self.lab.server.ctl_text("orders").stderr)


class ReadOnlyDisk(DiskCase):
    options = LabOptions(proxy=True, serve=False)
    size = "16m"

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        assert cls.lab.get(NAMES).status == 0

    def remount(self, how: str) -> None:
        # what is open for writing keeps the disk from it: the issuer's files are
        subprocess.run(["mount", "-o", f"remount,{how}", self.disk], check=True)

    def test_at_start(self) -> None:
        self.lab.server.stop()
        self.remount("ro")
        try:
            self.lab.server.start()
            self.lab.server.wait_ready()
            self.assertTrue(dns.alive(self.lab.server.port, "acme.example.com"))
            answer = self.assert_status(self.lab.get(NAMES), INTERNAL)
            self.assertIn("it may not be written", answer.stderr)
        finally:
            self.remount("rw")
        issuer = self.lab.server.pid_of("issuer")
        self.lab.server.ctl("reload")
        self.lab.server.wait_role("issuer", issuer)
        self.assert_issued(self.lab.get(NAMES), NAMES)
        wait_until(lambda: self.lab.server.ctl("status")["store"] is None, "the store is back")


if __name__ == "__main__":
    main()
