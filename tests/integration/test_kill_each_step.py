"""Goal: killed at any step of an order, nothing is lost, and nothing that the CA counts is done twice.

The issuer is killed before and after each write to the disk that an order makes; the CA, at each thing it is asked,
and forgets everything."""

import os
import platform
import time
import unittest

from lab import CaOptions, LabOptions, MoreOptions, wait_until
from lab.inject import ARCHITECTURE, FDATASYNC, FSYNC, KillAt
from support import CA, INTERRUPTED, LabCase, NO_SERVER, OK, UNAVAILABLE, main

SANITIZED = os.environ.get("CERTMILL_SANITIZE")
MOST = 30
"""An order writes less often than this."""
SETTLED = 0.55
"""Seconds."""
POINTS = [("/order-plz", True), ("/order-plz", False), ("/authZ/", False), ("/chalZ/", True), ("/chalZ/", False),
          ("/finalize-order/", True), ("/finalize-order/", False), ("/certZ/", True), ("/certZ/", False)]


def quiet() -> LabOptions:
    """A CA that counts, and does nothing by chance."""
    return LabOptions(more=MoreOptions(), ca=CaOptions(authz_reuse=0, bad_nonces=0))


class Counted(LabCase):
    """Looks at what the CA has counted for a name."""

    options = quiet()

    def orders_of(self, name: str) -> list[str]:
        """URLs of the orders that the CA took for a name."""
        return [post.location or "" for post in self.lab.more.sent("/order-plz", 201)
                if {"type": "dns", "value": name} in (post.payload or {})["identifiers"]]

    def finalized(self, order: str) -> int:
        """How often an order of the CA was finalized; its URL ends in the same word as the order's."""
        return len(self.lab.more.sent(f"/finalize-order/{order.rsplit('/', 1)[1]}", 200))


@unittest.skipIf(SANITIZED, "the sanitizers' own calls would be counted, too")
@unittest.skipUnless(platform.machine() == ARCHITECTURE, f"registers of {ARCHITECTURE}")
@unittest.skipUnless(os.geteuid() == 0, "as root only: others may not trace a process that is not dumpable")
class Issuer(Counted):
    def one_round(self, name: str, nth: int, after: bool) -> bool:
        """An order with the issuer killed at its nth write; False when it ended with fewer."""
        server = self.lab.server
        killer = KillAt(server.pid_of("issuer"), (FSYNC, FDATASYNC), nth, after).start()
        answer = self.lab.get([name])
        if not killer.release():
            self.assert_issued(answer, [name])
            return False
        server.wait_role("issuer", killer.tid)
        up = time.monotonic()
        self.assertIn(answer.status, (OK, INTERRUPTED, NO_SERVER), answer.stderr)
        self.assert_outcome(name, answer.status)
        # One that dies sooner counts as one that cannot live (supervisor/backoff.c), and is made to wait.
        wait_until(lambda: time.monotonic() > up + SETTLED, "it has lived for a while")
        return True

    def assert_outcome(self, name: str, status: int) -> None:
        """What is on record of a killed issuer's only order for a name is what the CA counted."""
        taken = self.orders_of(name)
        rows = [row for row in self.lab.server.orders() if row["names"] == [name]]
        self.assertLessEqual(len(rows), 1, "one order on record")
        if not rows or rows[0]["url"] is None:
            self.assertLessEqual(len(taken), 1, "ordered once at most")
            self.assertEqual([self.finalized(url) for url in taken], [0] * len(taken), "nothing is issued in secret")
            self.assertNotEqual(status, OK)
            if rows:
                self.assertTrue(self.wait_order(rows[0]["id"], "failed")["failure"], "the reason is on record")
            return
        row = self.wait_order(rows[0]["id"], "issued", "failed")
        self.assertEqual((row["state"], row["failure"]), ("issued", None), "what the CA has taken is finished")
        self.assertEqual(taken, [row["url"]], "ordered once")
        self.assertEqual(self.finalized(taken[0]), 1, "finalized once")
        self.assertEqual(len(self.lab.server.ctl("certificates", name)["certificates"]), 1, "and stored once")

    def test_each_write(self) -> None:
        names = (f"host{i:02}.example.org" for i in range(64))
        for what, after, most in (("with the account", False, 4), ("before", False, MOST), ("after", True, MOST)):
            for nth in range(1, most):
                with self.subTest(what, nth=nth):
                    if not self.one_round(next(names), nth, after):
                        break
            self.assertGreater(nth, 3 if most == MOST else 2, "an order writes several times")
        self.assertEqual(self.lab.more.counted()["accounts"], 1, "one account, whenever it was killed")
        self.assert_no_challenge()


class Ca(Counted):
    def test_each_request(self) -> None:
        """It has forgotten account, order and roots. The client hears why, unless a second order gave it what it
        wanted; the next request makes account and order anew."""
        for number, (path, early) in enumerate(POINTS):
            with self.subTest(path, early=early):
                names = [f"host{number:02}.example.org"]
                hold = self.lab.proxy.hold(path, early)
                client = self.lab.spawn(["--force", "get", "certificate"], names[0], self.lab.csr(names))
                hold.wait_reached()
                self.lab.ca.restart()
                self.lab.more.forget()
                hold.release()
                answer = self.lab.collect(client)
                if (path, early) == ("/certZ/", False):  # it has the chain already, of a CA that is gone
                    self.assert_status(answer, OK)
                elif answer.status == OK:  # ordered once more
                    self.assert_issued(answer, names)
                else:
                    self.assertIn(answer.status, (CA, UNAVAILABLE), answer.stderr)
                    self.assertTrue(self.wait_order(self.lab.server.orders()[0]["id"], "failed")["failure"])
                self.assert_no_challenge(*names)
                self.assert_issued(self.lab.get(names), names)


if __name__ == "__main__":
    main()
