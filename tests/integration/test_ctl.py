"""Goal: certmillctl shows what is going on, as aligned text and as JSON, with the documented statuses."""

import re
import subprocess
from pathlib import Path

from lab import CaOptions, LabOptions, target_of
from lab.server import BIN
from pages import page_items
from support import CA, LabCase, main


def members_of(answer: dict[str, object]) -> set[str]:
    """Names of the answer's members, and of those of its lists' rows."""
    found = set(answer)
    for value in answer.values():
        if isinstance(value, list):
            found.update(key for row in value if isinstance(row, dict) for key in row)
    return found


def manual_members() -> dict[str, set[str]]:
    """What certmillctl(8) says that the answer to each command has."""
    said = {}
    for item, text in page_items("certmillctl.8", "JSON OUTPUT").items():
        text = re.sub(r"\([^)]*\)|^\.Po each$|^each with$|^and$|^\.\w+", "", text, flags=re.M)
        said[item.removeprefix("Cm ")] = set(re.findall(r"[a-z_]+", text))
    return said


class Ctl(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0), config={"preflight": "off"})

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        assert cls.lab.get(["www.example.org"]).status == 0
        assert cls.lab.get(["mail.example.org", "*.example.org"]).status == 0
        assert cls.lab.get(["www.example.net"]).status == CA

    def text(self, *words: str) -> str:
        done = self.lab.server.ctl_text(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.endswith("\n"))
        return done.stdout

    def test_ping(self) -> None:
        self.assertTrue(self.lab.server.ctl("ping")["pong"])
        self.assertIn("pong", self.text("ping"))

    def test_status(self) -> None:
        status = self.lab.server.ctl("status")
        roles = {entry["role"] for entry in status["processes"]}
        self.assertEqual(roles, {"certmilld", "dnsd", "issuer", "signer"})
        for entry in status["processes"]:
            self.assertEqual((entry["state"], entry["restarts"]), ("running", 0))
        states = [order["state"] for order in self.lab.server.orders()]
        for state in ("issued", "failed"):
            self.assertEqual(status["orders"][state], states.count(state))
        self.assertEqual((status["live_challenges"], status["zones"]), (0, ["acme.example.com"]))
        self.assertGreater(status["generation"], 0)
        self.assertGreater(status["dns"]["queries"], 0)
        protocol = (Path(__file__).resolve().parents[2] / "docs" / "protocol.md").read_text()
        self.assertEqual([key for key in status["dns"] if f"`{key}`" not in protocol], [], "documented")
        self.assertGreaterEqual(status["uptime"], 0)
        self.assertEqual(status["directory"], self.lab.proxy.url)
        text = self.text("status")
        self.assertNotIn("dns other", text, "certmillctl knows every counter")
        for word in ("dns queries", "dnsd", "issuer", "signer", "generation", "issued", "acme.example.com"):
            self.assertIn(word, text)

    def test_orders(self) -> None:
        orders = self.lab.server.orders()
        orders = [order for order in orders if order["id"] <= 3]
        self.assertEqual([order["state"] for order in orders], ["failed", "issued", "issued"])
        self.assertEqual(len(self.lab.server.ctl("orders", "--limit", "1")["orders"]), 1)
        lines = self.text("orders").splitlines()
        self.assertGreaterEqual(len(lines), 4)
        column = lines[0].lower().index("state")
        for line in lines[1:4]:
            self.assertRegex(line[column:], r"^(issued|failed)\b", "columns are aligned")
        one = self.text("orders", str(orders[1]["id"]))
        self.assertIn("mail.example.org", one)
        self.assertRegex(one, r"(?i)published at generation \d+")
        self.assertRegex(one, r"(?i)asked by \d+ resolver")

    def test_no_such_order(self) -> None:
        done = self.lab.server.ctl_text("orders", "999999")
        self.assertEqual(done.returncode, 1)
        self.assertIn("999999", done.stderr)

    def test_records(self) -> None:
        self.assertEqual(self.lab.server.ctl("records"), {"records": []})
        hold = self.lab.proxy.hold("/chalZ/", early=True)
        client = self.lab.spawn(["--force", "get", "certificate"], "host01.example.org", self.lab.csr(["host01.example.org"]))
        hold.wait_reached()
        record, = self.lab.server.ctl("records")["records"]
        self.assertEqual(manual_members()["records"], {"records", *record})
        self.assertEqual(record["zone"], "acme.example.com")
        self.assertEqual(record["name"].rstrip("."), target_of("host01.example.org"))
        self.assertEqual(len(record["value"]), 43)
        text = self.text("records")
        self.assertIn(record["value"], text)
        self.assertEqual(self.lab.server.ctl("status")["live_challenges"], 1)
        hold.release()
        self.assert_issued(self.lab.collect(client), ["host01.example.org"])

    def test_certificates(self) -> None:
        found = self.lab.server.ctl("certificates", "www.example.org")["certificates"]
        self.assertEqual([entry["names"] for entry in found], [["www.example.org"]])
        self.assertIn("Pebble", found[0]["issuer"])
        self.assertLess(found[0]["not_before"], found[0]["not_after"])
        self.assertIn("www.example.org", self.text("certificates"))

    def test_accounts(self) -> None:
        account, = self.lab.server.ctl("accounts")["accounts"]
        self.assertEqual(account["directory"], self.lab.proxy.url)
        self.assertIn("/my-account/", account["url"])
        self.assertRegex(account["thumbprint"], r"^[A-Za-z0-9_-]{43}$")
        self.assertIn(account["url"], self.text("accounts"))

    def test_manual(self) -> None:
        """certmillctl(8) names each member, and none else."""
        said = manual_members()
        order = str(self.lab.server.orders()[-1]["id"])
        for item, words in (("ping", ["ping"]), ("status", ["status"]), ("orders", ["orders"]), ("orders Ar id", ["orders", order]),
                            ("certificates", ["certificates"]), ("accounts", ["accounts"]), ("limits", ["limits", "www.example.net"]),
                            ("check", ["check", "www.example.org"]), ("persist", ["persist", "www.example.org"]),
                            ("reload", ["reload"])):
            with self.subTest(words):
                answer = self.lab.server.ctl(*words)
                self.assertEqual(said[item], members_of(answer))

    def test_wrong_usage(self) -> None:
        for words in ((), ("nonsense",), ("orders", "x"), ("ping", "more"), ("--nonsense", "ping"),
                      ("orders", "1", "2")):
            with self.subTest(words):
                done = self.lab.server.ctl_text(*words)
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertTrue(done.stderr)

    def test_nobody_there(self) -> None:
        done = subprocess.run([BIN / "certmillctl", "--socket", str(self.lab.folder / "none.sock"), "ping"],
                              capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(done.returncode, 8)
        self.assertIn("none.sock", done.stderr)

    def test_help_and_version(self) -> None:
        for words in (["--help"], ["help"], ["--version"]):
            done = subprocess.run([BIN / "certmillctl", *words], capture_output=True, text=True, check=False,
                                  timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("certmill", done.stdout)


if __name__ == "__main__":
    main()
