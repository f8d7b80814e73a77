"""Goal: a store that cannot be used ends the start with status 2, the file and the cure; the file stays as it was."""

import sqlite3
from pathlib import Path

from lab import LabOptions
from support import LabCase, main


class BadStore(LabCase):
    options = LabOptions(serve=False)

    def setUp(self) -> None:
        self.lab.server.start()
        self.lab.server.wait_ready()
        self.lab.server.stop()
        self.path = Path(self.lab.server.state_dir, "store", "certmill.db")
        self.good = self.path.read_bytes()

    def tearDown(self) -> None:
        self.path.chmod(0o600)
        self.path.write_bytes(self.good)

    def refused(self, *words: str) -> None:
        before = self.path.read_bytes()
        done = self.lab.server.run_to_end()
        self.assertEqual(done.returncode, 2, done.stderr)
        for word in (str(self.path), *words):
            self.assertIn(word, done.stderr)
        self.assertEqual(self.path.read_bytes(), before)

    def test_newer(self) -> None:
        with sqlite3.connect(self.path) as db:
            db.execute("PRAGMA user_version = 99")
        db.close()
        self.refused("written by a newer certmill", "install that one again")

    def test_garbage(self) -> None:
        self.path.write_bytes(b"garbage" * 5000)
        self.refused("damaged or no store", "put a backup in its place")

    def test_truncated(self) -> None:
        self.path.write_bytes(self.good[:len(self.good) // 2])
        self.refused("damaged or no store")

    def test_of_another_program(self) -> None:
        with sqlite3.connect(self.path) as db:
            db.execute("PRAGMA application_id = 7")
        db.close()
        self.refused("not a store of certmill")

    def test_may_not_be_written(self) -> None:
        self.path.chmod(0o444)
        self.refused("it may not be written", "must belong to the user")


if __name__ == "__main__":
    main()
