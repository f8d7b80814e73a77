"""Goal: the audit log says who got what, goes on over kills, and shows each line that was changed, taken out or put in."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from lab import CaOptions, LabOptions, wait_until
from support import CA, LabCase, POLICY, main

NAMES = ["www.example.org", "mail.example.org"]


class Audit(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0), config={"preflight": "off"})

    @property
    def folder(self) -> Path:
        return self.lab.server.state_dir / "audit"

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for path in sorted(self.folder.iterdir()) for line in path.read_text().splitlines()]

    def verify(self, folder: Path | None = None):  # type: ignore[no-untyped-def]
        return self.lab.server.ctl_text("audit", "verify", str(folder or self.folder))

    def assert_whole(self) -> None:
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("whole: lines 1 to ", done.stdout)

    def newest(self, event: str) -> dict[str, Any]:
        return [line for line in self.lines() if line["event"] == event][-1]

    def test_what_an_order_leaves(self) -> None:
        self.assert_issued(self.lab.get(NAMES), NAMES)
        line = self.newest("issued")
        certificate, = self.lab.server.ctl("certificates", "--limit", "1")["certificates"]
        order = self.lab.server.orders()[0]
        self.assertEqual(line["order"], order["id"])
        self.assertEqual(line["serial"], certificate["serial"])
        self.assertEqual(sorted(line["names"]), sorted(NAMES))
        self.assertEqual(line["ca"], self.lab.server.config["acme-server-url"])
        self.assertEqual(line["uid"], os.geteuid())
        self.assertRegex(line["spki"], "^[0-9a-f]{64}$")
        self.assertGreater(line["duration_ms"], 0)
        self.assertEqual(self.lab.get(["www.example.net"]).status, CA)
        line = self.newest("failed")
        self.assertEqual(line["names"], ["www.example.net"])
        self.assertIn("www.example.net", line["outcome"])
        self.assert_whole()

    def test_the_account(self) -> None:
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])
        account, = self.lab.server.ctl("accounts")["accounts"]
        self.assertIn(f"{account['url']} is valid", self.newest("account")["outcome"])

    def test_asked_again(self) -> None:
        """A certificate that is given again, and a request that is refused."""
        csr = self.lab.csr(["host05.example.org"])
        for _ in range(2):
            answer = self.lab.shell("get", "certificate", domains="host05.example.org", data=csr)
            self.assert_issued(answer, ["host05.example.org"])
        order = self.lab.server.orders()[0]["id"]
        self.assertEqual([line["event"] for line in self.lines() if line.get("order") == order], ["issued", "cached"])
        self.assertEqual(self.lab.get(NAMES, "host05.example.org").status, POLICY)
        line = self.newest("refused")
        self.assertEqual(sorted(line["names"]), sorted(NAMES))
        self.assertIn("is not permitted", line["outcome"])
        self.assert_whole()

    def test_the_server_itself(self) -> None:
        self.lab.server.ctl("reload")
        self.assertEqual(self.lines()[-1]["event"], "reloaded")
        self.lab.server.restart()
        self.assertEqual([line["event"] for line in self.lines()[-2:]], ["stopped", "started"])
        self.assert_whole()

    def test_only_the_issuer_reads_it(self) -> None:
        for path in [self.folder, *self.folder.iterdir()]:
            with self.subTest(path):
                self.assertEqual(path.stat().st_mode & 0o077, 0)

    def test_tampering(self) -> None:
        for name in NAMES:
            self.assert_issued(self.lab.get([name]), [name])
        copy = self.lab.folder / "copy"
        name = sorted(self.folder.iterdir())[-1].name
        lines = (self.folder / name).read_text().splitlines(keepends=True)
        at = len(lines) - 2
        changed = lines[at].replace("example.org", "example.com")
        for what, broken, line in (("changed", lines[:at] + [changed] + lines[at + 1:], at + 2),
                                   ("taken out", lines[:at] + lines[at + 1:], at + 1),
                                   ("put in", lines[:at] + [lines[at - 1]] + lines[at:], at + 1)):
            with self.subTest(what):
                shutil.copytree(self.folder, copy)
                (copy / name).write_text("".join(broken))
                done = self.verify(copy)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn(f"{copy}/{name}:{line}: ", done.stderr)
                shutil.rmtree(copy)
        self.assert_whole()

    def test_killed_again_and_again(self) -> None:
        for path in ("/order-plz", "/chalZ/", "/finalize-order/", "/certZ/"):
            with self.subTest(path):
                hold = self.lab.proxy.hold(path)
                client = self.lab.spawn(["--force", "get", "certificate"], ",".join(NAMES), self.lab.csr(NAMES))
                hold.wait_reached()
                order = self.lab.server.orders()[0]["id"]
                self.lab.server.wait_role("issuer", self.lab.server.kill("issuer"))
                hold.release()
                self.lab.collect(client)
                ended = self.wait_order(order, "issued", "failed")
                wait_until(lambda: any(line.get("order") == order for line in self.lines()), "a line for the order")
                self.assertEqual([line["event"] for line in self.lines() if line.get("order") == order],
                                 [ended["state"]])
                self.assert_whole()

    def test_no_log(self) -> None:
        done = self.verify(Path("/nonexistent"))
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent", done.stderr)
        self.assertEqual(self.lab.server.ctl_text("audit").returncode, 2)
        self.assertEqual(self.lab.server.ctl_text("audit", "verify", "a", "b").returncode, 2)


if __name__ == "__main__":
    main()
