"""Goal: accounts at CAs (RFC 8555 7.3): bound, updated, rolled over, deactivated, found again, each with its own trust."""

import secrets
import subprocess
from base64 import urlsafe_b64encode

from lab import CaOptions, Fault, LabOptions
from lab.server import BIN
from support import CA, LabCase, main

NAMES = ["www.example.org"]


class Accounts(LabCase):
    """One CA, one account, which the tests change one after the other."""

    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0, bad_nonces=0))

    def account(self) -> dict[str, object]:
        """The one account, as certmillctl shows it."""
        account, = self.lab.server.ctl("accounts")["accounts"]
        return account

    def change(self, *words: str) -> None:
        """certmillctl accounts WORDS at the lab's CA, which has to work."""
        done = self.lab.server.ctl_text("accounts", words[0], str(self.account()["directory"]), *words[1:])
        self.assertEqual(done.returncode, 0, done.stderr)

    def setUp(self) -> None:
        self.lab.server.wait_role("issuer")
        self.lab.server.wait_role("signer")
        self.change("register")
        self.assert_issued(self.lab.get(NAMES), NAMES)

    def asked(self, path: str) -> int:
        """How often the CA was asked for paths that contain a word."""
        return sum(path in seen for _, seen in self.lab.proxy.seen)

    def test_shown(self) -> None:
        account = self.account()
        self.assertEqual((account["status"], account["pending_key"]), ("valid", None))
        self.assertEqual(account["contacts"], ["hostmaster@example.org"])
        self.assertEqual(account["terms_agreed"], account["ca"]["terms"])
        self.assertFalse(account["terms_changed"])
        text = self.lab.server.ctl_text("accounts").stdout
        for word in ("valid", str(account["url"]), str(account["thumbprint"]), "hostmaster@example.org"):
            self.assertIn(word, text)

    def test_contact_is_updated(self) -> None:
        """RFC 8555 7.3.2."""
        def set_email(address: str) -> None:
            self.lab.server.config["acme-email"] = address
            self.lab.server.write_config()
            self.lab.server.ctl("reload")
        url = self.account()["url"]
        set_email("new@example.org")
        self.addCleanup(set_email, "hostmaster@example.org")
        before = self.asked("my-account")
        self.assert_issued(self.lab.get(["host10.example.org"]), ["host10.example.org"])
        self.assertEqual((self.account()["contacts"], self.account()["url"]), (["new@example.org"], url))
        self.assert_issued(self.lab.get(["host11.example.org"]), ["host11.example.org"])
        self.assertEqual(self.asked("my-account") - before, 1, "told once")

    def test_roll_over(self) -> None:
        """RFC 8555 7.3.5."""
        before = self.account()
        self.change("roll-over", "--key-type", "ecdsa-p384")
        after = self.account()
        self.assertEqual(after["url"], before["url"])
        self.assertNotEqual(after["key"], before["key"])
        self.assertNotEqual(after["thumbprint"], before["thumbprint"])
        self.assertEqual(after["key_type"], "ecdsa-p384")
        self.assert_issued(self.lab.get(["host12.example.org"]), ["host12.example.org"])
        self.lab.server.restart()
        self.assert_issued(self.lab.get(["host13.example.org"]), ["host13.example.org"])
        self.assertEqual(self.account()["key"], after["key"])

    def test_roll_over_is_refused_while_orders_run(self) -> None:
        hold = self.lab.proxy.hold("/chalZ/", early=True)
        client = self.lab.spawn(["get", "certificate"], "host14.example.org", self.lab.csr(["host14.example.org"]))
        hold.wait_reached()
        key = self.account()["key"]
        done = self.lab.server.ctl_text("accounts", "roll-over", str(self.account()["directory"]))
        self.assertEqual(done.returncode, 1)
        self.assertIn("under way", done.stderr)
        hold.release()
        self.assert_issued(self.lab.collect(client), ["host14.example.org"])
        self.assertEqual(self.account()["key"], key)

    def test_roll_over_killed(self) -> None:
        """kill -9 of the issuer before the CA has heard of the new key, and after it has taken it."""
        for early in (True, False):
            with self.subTest(early=early):
                before = self.account()
                hold = self.lab.proxy.hold("/rollover-account-key", early)
                client = subprocess.Popen([BIN / "certmillctl", "--socket", self.lab.server.control, "accounts",
                                           "roll-over", str(before["directory"])],
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                hold.wait_reached()
                self.assertTrue(self.pending(), "on record before the CA hears of it")
                if early:
                    # the CA is not to get it at all
                    hold.drop = True
                pid = self.lab.server.kill("issuer")
                hold.release()
                client.wait(60)
                self.lab.server.wait_role("issuer", pid)
                self.assert_issued(self.lab.get(["host15.example.org"]), ["host15.example.org"])
                after = self.account()
                self.assertEqual(after["url"], before["url"])
                self.assertEqual(after["key"] == before["key"], early)
                self.assertIsNone(after["pending_key"])

    def pending(self) -> str | None:
        """The key that is on record as the next one, by what certmillctl shows."""
        return self.account()["pending_key"]

    def test_roll_over_whose_answer_is_lost(self) -> None:
        """The CA has taken the new key, but its answers never come: certmilld finds out whose the account is."""
        before = self.account()
        self.lab.proxy.add(Fault("/rollover-account-key", drop=True, after_ca=True))
        self.change("roll-over")
        self.assertNotEqual(self.account()["key"], before["key"])
        self.assert_issued(self.lab.get(["host16.example.org"]), ["host16.example.org"])

    def test_lost_store(self) -> None:
        """The store is rebuilt from the key files: onlyReturnExisting (RFC 8555 7.3.1)."""
        self.change("roll-over")  # the newest of several keys is the account's
        before = self.account()
        self.lab.server.stop()
        for file in (self.lab.server.state_dir / "store").iterdir():
            file.unlink()
        self.lab.server.start()
        self.lab.server.wait_ready()
        self.assert_issued(self.lab.get(["host17.example.org"]), ["host17.example.org"])
        after = self.account()
        self.assertEqual([after[member] for member in ("url", "key", "thumbprint", "status")],
                         [before[member] for member in ("url", "key", "thumbprint", "status")])

    def restored(self, *changes: str) -> tuple[dict[str, object], dict[str, object]]:
        """The account after changes, and after a store from before them was put back and an order was tried."""
        file = self.lab.folder / "before"
        done = self.lab.server.ctl_text("backup", str(file))
        self.assertEqual(done.returncode, 0, done.stderr)
        for change in changes:
            self.change(change)
        after = self.account()
        self.lab.server.stop()
        done = self.lab.server.ctl_text("restore", str(file), str(self.lab.server.state_dir))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.lab.server.start()
        self.lab.server.wait_ready()
        self.answer = self.lab.get(["host20.example.org"])
        return after, self.account()

    def assert_same(self, one: dict[str, object], other: dict[str, object]) -> None:
        """The same account, with the same key."""
        members = ("url", "key", "thumbprint", "status")
        self.assertEqual([one[member] for member in members], [other[member] for member in members])

    def test_store_older_than_a_roll_over(self) -> None:
        """RFC 8555 7.3.5: the CA does not take the old key any more; the account is found by the new one."""
        after, now = self.restored("roll-over", "roll-over")
        self.assert_issued(self.answer, ["host20.example.org"])
        self.assert_same(after, now)

    def test_store_older_than_a_new_account(self) -> None:
        """RFC 8555 7.3.6: the account on record is deactivated, and another one has been made since."""
        after, now = self.restored("deactivate", "register")
        self.assert_issued(self.answer, ["host20.example.org"])
        self.assert_same(after, now)

    def test_store_older_than_a_deactivation(self) -> None:
        """None of the keys has a valid account: no new one is made but by who asks for it."""
        before = self.account()
        self.restored("deactivate")
        self.assert_status(self.answer, CA)
        self.assertIn("accounts register", self.answer.stderr)
        self.change("register")
        self.assertNotIn(before["url"], (None, self.account()["url"]))
        self.assert_issued(self.lab.get(["host20.example.org"]), ["host20.example.org"])

    def test_ca_forgot_everything(self) -> None:
        self.lab.ca.restart()
        self.assert_issued(self.lab.get(["host18.example.org"]), ["host18.example.org"])

    def test_deactivated(self) -> None:
        """RFC 8555 7.3.6; and a new account in its place."""
        before = self.account()
        self.change("deactivate")
        self.assertEqual(self.account()["status"], "deactivated")
        answer = self.assert_status(self.lab.get(["host19.example.org"]), CA)
        self.assertIn("deactivated", answer.stderr)
        self.assertIn("accounts register", answer.stderr)
        self.lab.server.restart()
        self.assert_status(self.lab.get(["host19.example.org"]), CA)
        self.change("register")
        after = self.account()
        self.assertEqual(after["status"], "valid")
        self.assertNotEqual(after["url"], before["url"])
        self.assertNotEqual(after["key"], before["key"])
        self.assert_issued(self.lab.get(["host19.example.org"]), ["host19.example.org"])


KEY = urlsafe_b64encode(secrets.token_bytes(48)).decode().rstrip("=")


class Bound(LabCase):
    """External account binding (RFC 8555 7.3.4)."""

    options = LabOptions(ca=CaOptions(authz_reuse=0, eab_keys={"kid-1": KEY}), serve=False)

    def serve(self, **row: str) -> None:
        server = self.lab.server
        key_file = self.lab.folder / "eab.key"
        key_file.write_text(KEY + "\n")
        key_file.chmod(0o600)
        full = {"name": "bound", "directory": self.lab.ca.url, "ca-file": str(self.lab.ca.ca_file), **row}
        if "eab-kid" in row:
            full["eab-key-file"] = str(key_file)
        server.config["authorities"] = [full]
        server.config.pop("acme-server-url", None)
        server.start()
        server.wait_ready()
        self.addCleanup(server.stop)

    def test_bound(self) -> None:
        self.serve(**{"eab-kid": "kid-1"})
        self.assert_issued(self.lab.get(NAMES), NAMES)
        account, = self.lab.server.ctl("accounts")["accounts"]
        self.assertEqual((account["name"], account["eab_kid"]), ("bound", "kid-1"))
        self.assertTrue(account["ca"]["binding_required"])
        self.assertNotIn(KEY, self.lab.server.log.read_text(), "the key is in no log")

    def test_not_bound(self) -> None:
        self.serve()
        for file in (self.lab.server.state_dir / "keys").glob("*.pem"):
            file.unlink()
        self.lab.server.restart()
        answer = self.assert_status(self.lab.get(["host20.example.org"]), CA)
        self.assertIn("external account binding", answer.stderr)
        self.assertIn("eab-kid", answer.stderr)


class Trust(LabCase):
    """A private CA's file is trusted for that CA alone."""

    options = LabOptions(ca=CaOptions(authz_reuse=0), serve=False)

    def test_own_trust(self) -> None:
        server = self.lab.server
        ca_file = server.config.pop("acme-ca-file")
        server.config.pop("acme-server-url")
        localhost = self.lab.ca.url
        server.config["authorities"] = [
            {"name": "trusted", "directory": localhost, "ca-file": ca_file},
            {"name": "other", "directory": localhost.replace("localhost", "127.0.0.1")}]
        server.start()
        server.wait_ready()
        self.assert_issued(self.lab.get(NAMES), NAMES)
        done = server.ctl_text("accounts", "register", "other")
        self.assertEqual(done.returncode, 1)
        self.assertIn("certificate", done.stderr)
        # a file outside of what the issuer may read, named by a reload
        moved = self.lab.folder / "elsewhere.pem"
        moved.write_text(open(ca_file).read())
        server.config["authorities"][0]["ca-file"] = str(moved)
        server.write_config()
        server.ctl("reload")
        self.assert_issued(self.lab.get(["host21.example.org"]), ["host21.example.org"])
        moved.write_text("nonsense")
        refused = server.ctl_text("reload")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("elsewhere.pem", refused.stderr)


if __name__ == "__main__":
    main()
