"""Goal: a program and a mail tell the operator what became of a certificate, as a user of their own, within bounds; none of
them holds an order up, whatever it does."""

import email
import email.policy
import json
import os
import sqlite3
import time
from pathlib import Path
from typing import Any

from lab import CaOptions, LabOptions, wait_until
from lab.process import command_of, descendants_of, is_alive
from support import CA, LabCase, POLICY, main

NAMES = ["www.example.org", "mail.example.org"]
RECORD = """#!/bin/sh
# what it was run with, then what it read
{ id -un; id -G | wc -w; pwd; env | sort; echo "=="; for word in "$@"; do echo "$word"; done; echo "=="; cat; } > FOLDER/.$$
mv FOLDER/.$$ FOLDER/$$.$(date +%s%N)
"""


class Notify(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0, bad_nonces=0), config={"preflight": "off"})

    def setUp(self) -> None:
        self.folder = self.lab.folder / "told"
        self.folder.mkdir(mode=0o777, exist_ok=True)
        self.folder.chmod(0o777)
        for path in self.folder.iterdir():
            path.unlink()

    def script(self, name: str, text: str) -> str:
        path = self.lab.folder / name
        path.write_text(text.replace("FOLDER", str(self.folder)))
        path.chmod(0o755)
        return str(path)

    def configure(self, **config: Any) -> None:
        for key in ("program", "email", "from", "events", "per-hour", "sendmail"):
            self.lab.server.config.pop(f"notify-{key}", None)
        self.lab.server.config.update({f"notify-{key.replace('_', '-')}": value for key, value in config.items()})
        self.lab.server.write_config()
        self.lab.server.ctl("reload")

    def told(self, count: int) -> list[tuple[list[str], list[str], str]]:
        """What the recording program was run with: user, groups, folder, environment; words; input."""
        def files() -> list[Path]:
            return sorted(self.folder.glob("[0-9]*"), key=lambda path: path.name.partition(".")[2])
        wait_until(lambda: len(files()) >= count, f"{count} notifications, there are {len(files())}")
        self.assertEqual(len(files()), count)
        parts = [path.read_text().split("==\n", 2) for path in files()]
        return [(before.splitlines(), words.splitlines(), text) for before, words, text in parts]

    def test_program(self) -> None:
        self.configure(program=self.script("record", RECORD), events=["issued", "failed", "refused"])
        self.assert_issued(self.lab.get(NAMES), NAMES)
        (before, words, text), = self.told(1)
        event = json.loads(text)
        self.assertEqual((event["event"], sorted(event["names"])), ("issued", sorted(NAMES)))
        self.assertEqual(event["order"], self.lab.server.orders()[0]["id"])
        self.assertEqual(words, [])
        if os.geteuid() == 0:
            self.assertEqual(before[0], self.lab.server.config["notify-user"])
            self.assertEqual(before[1].strip(), "1", "no group but its own")
        self.assertEqual(before[2], "/")
        names = {line.partition("=")[0] for line in before[3:]}
        self.assertEqual(names - {"PWD", "OLDPWD", "SHLVL", "_"}, {"PATH", "HOME", "LANG"})
        self.assertEqual(self.lab.get(["www.example.net"]).status, CA)
        self.assertEqual(json.loads(self.told(2)[1][2])["event"], "failed")
        self.assertEqual(self.lab.get(NAMES, "mail.example.org").status, POLICY)
        refused = json.loads(self.told(3)[2][2])
        self.assertEqual(refused["event"], "refused")
        self.assertIn("www.example.org", refused["outcome"])

    def test_only_the_events_that_are_wanted(self) -> None:
        self.configure(program=self.script("record", RECORD), events=["failed"])
        self.assert_issued(self.lab.get(NAMES), NAMES)
        self.assertEqual(self.lab.get(["www.example.net"]).status, CA)
        self.assertEqual(json.loads(self.told(1)[0][2])["event"], "failed")

    def test_mail(self) -> None:
        to = ["root@example.org", "hostmaster@example.org"]
        self.configure(email=to, events=["issued"], sendmail=self.script("sendmail", RECORD),
                       **{"from": "certmill@example.org"})
        self.assert_issued(self.lab.get(NAMES), NAMES)
        (_, words, text), = self.told(1)
        self.assertEqual(words, ["-i", "-f", "certmill@example.org", "--", *to])
        mail = email.message_from_string(text, policy=email.policy.strict)
        self.assertEqual(mail["From"], "certmill@example.org")
        self.assertEqual(mail["To"], ", ".join(to))
        self.assertEqual(mail["Subject"], f"certmill: issued: {sorted(NAMES)[0]} and 1 more")
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertIn(f"order: {self.lab.server.orders()[0]['id']}\n", mail.get_payload())

    def test_programs_that_fail(self) -> None:
        """One that hangs, one that floods its output, one that fails, one that is not there: orders go on."""
        for name, text, said in (("fail", "#!/bin/sh\nexit 3\n", "run to notify, ended with status 3"),
                                 ("kill", "#!/bin/sh\nkill -9 $$\n", "run to notify, was killed by signal 9"),
                                 ("gone", "", "could not be run to notify"), ("flood", "#!/bin/sh\nexec yes\n", ""),
                                 ("hang", "#!/bin/sh\nexec sleep 600\n", "")):
            with self.subTest(name):
                path = self.script(name, text)
                self.configure(program=path, events=["issued"])
                if not text:
                    os.unlink(path)
                for _ in range(4):  # more than run at once
                    self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])
                self.assertTrue(self.lab.server.ctl("ping")["pong"])
                wait_until(lambda: said in self.lab.server.log_text(), said)
                if name in ("flood", "hang"):
                    wait_until(lambda: bool(self.running()), "a program that does not end")
        running = self.running()
        self.lab.server.restart()
        self.assertEqual([pid for pid in running if is_alive(pid)], [], "what hangs ends with certmilld")

    def running(self) -> list[int]:
        """What certmilld has started: its notifications."""
        below = descendants_of(self.lab.server.process.pid)
        return [pid for pid in below if command_of(pid) in ("sleep 600", "yes")]

    def test_expiring(self) -> None:
        """A certificate that nobody renewed, of a client that has gone; one with a successor is not told of."""
        for name in ("host01.example.org", "host02.example.org", "host02.example.org"):
            self.assert_issued(self.lab.get([name]), [name])
        self.configure(program=self.script("record", RECORD), events=["expiring"])
        self.lab.server.stop()
        now = int(time.time())
        with sqlite3.connect(self.lab.server.state_dir / "store" / "certmill.db") as db:
            db.execute("UPDATE certificates SET not_before = ?, not_after = ? WHERE names = 'host01.example.org' OR id ="
                       " (SELECT min(id) FROM certificates WHERE names = 'host02.example.org')",
                       (now - 80 * 86400, now + 10 * 86400))
        db.close()
        self.lab.server.start()
        self.lab.server.wait_ready()
        event = json.loads(self.told(1)[0][2])
        self.assertEqual((event["event"], event["names"]), ("expiring", ["host01.example.org"]))
        self.lab.server.restart()
        self.assertTrue(self.lab.server.ctl_text("audit", "verify", str(self.lab.server.state_dir / "audit")).stdout)
        self.told(1)

    def test_bounded(self) -> None:
        self.configure(program=self.script("record", RECORD), events=["refused"], per_hour=2)
        self.lab.server.restart()
        for _ in range(5):
            self.assertEqual(self.lab.get(NAMES, "mail.example.org").status, POLICY)
        self.told(2)
        self.assertIn("more than 2 notifications in an hour", self.lab.server.log_text())


if __name__ == "__main__":
    main()
