"""Goal: kill -9 of any process at any point of an order: it ends well or with a reason, DNS goes on, nothing hangs."""

import os
import signal

from lab import CaOptions, LabOptions, dns, wait_until
from lab.process import is_alive
from support import INTERRUPTED, LabCase, NO_SERVER, OK, main

# Where the CA holds its answer back (or does not see the request yet) while a process is killed.
POINTS = [("/order-plz", True), ("/order-plz", False), ("/authZ/", False), ("/chalZ/", True), ("/chalZ/", False),
          ("/finalize-order/", True), ("/finalize-order/", False), ("/certZ/", False)]
# Each order has names of its own: of one that was validated before, Pebble uses the authorization again once in a
# hundred times even when told never to, and then there is no challenge.
FRESH = (f"host{i:02}.example.org" for i in range(3, 64))


class Kill(LabCase):
    options = LabOptions(more=True, ca=CaOptions(authz_reuse=0))

    def setUp(self) -> None:
        for role in ("dnsd", "signer", "issuer"):
            self.lab.server.wait_role(role)
        self.assert_issued(self.lab.get(["host01.example.org"]), ["host01.example.org"])  # the account is there

    def held_order(self, path: str, early: bool, names: list[str] | None = None):
        """A client whose order has come to a point, and the hold there."""
        self.names = names or [next(FRESH), next(FRESH)]
        hold = self.lab.proxy.hold(path, early)
        client = self.lab.spawn(["--force", "get", "certificate"], ",".join(self.names), self.lab.csr(self.names))
        hold.wait_reached()
        return client, hold

    def newest(self) -> int:
        return self.lab.server.orders()[0]["id"]

    def test_dnsd(self) -> None:
        for path, early in POINTS:
            with self.subTest(path, early=early):
                client, hold = self.held_order(path, early)
                pid = self.lab.server.kill("dnsd")
                self.lab.server.wait_role("dnsd", pid)
                hold.release()
                self.assert_issued(self.lab.collect(client), self.names)
                self.assert_no_challenge(*self.names)

    def test_dnsd_has_the_live_value_again(self) -> None:
        names = ["host02.example.org"]
        client, hold = self.held_order("/chalZ/", True, names)
        before = dns.txt("_acme-challenge.host02.example.org", self.lab.resolver.port)
        self.assertEqual(len(before), 1)
        pid = self.lab.server.kill("dnsd")
        self.lab.server.wait_role("dnsd", pid)
        wait_until(lambda: dns.txt("_acme-challenge.host02.example.org", self.lab.resolver.port) == before,
                   "the value is served again")
        hold.release()
        self.assert_issued(self.lab.collect(client), names)

    def test_signer(self) -> None:
        before = self.lab.more.counted()
        for path, early in POINTS:
            with self.subTest(path, early=early):
                client, hold = self.held_order(path, early)
                pid = self.lab.server.kill("signer")
                self.lab.server.wait_role("signer", pid)
                hold.release()
                self.assert_issued(self.lab.collect(client), self.names)
        self.assertEqual(len(self.lab.server.ctl("accounts")["accounts"]), 1, "the account key is the same")
        now = self.lab.more.counted()
        self.assertEqual({key: now[key] - before[key] for key in now},
                         {"accounts": 0, "orders": len(POINTS), "finalized": len(POINTS)}, "nothing was asked twice")

    def test_issuer(self) -> None:
        for path, early in POINTS:
            with self.subTest(path, early=early):
                client, hold = self.held_order(path, early)
                order = self.newest()
                pid = self.lab.server.kill("issuer")
                answer = self.lab.collect(client)
                self.assertIn(answer.status, (INTERRUPTED, NO_SERVER), answer.stderr)
                self.assertTrue(answer.stderr, "the client is told")
                self.assertTrue(dns.alive(self.lab.server.port, "acme.example.com"), "dnsd serves on alone")
                hold.release()
                self.lab.server.wait_role("issuer", pid)
                ended = self.wait_order(order, "issued", "failed")
                if ended["state"] == "failed":
                    self.assertTrue(ended["failure"], "the reason is on record")
                self.assert_no_challenge(*self.names)
                self.assertEqual(self.lab.get(self.names).status, OK, "asking again works")

    def test_supervisor(self) -> None:
        for path, early in (("/chalZ/", True), ("/finalize-order/", False)):
            with self.subTest(path, early=early):
                client, hold = self.held_order(path, early)
                order = self.newest()
                pids = [self.lab.server.pid_of(role) for role in ("dnsd", "issuer", "signer")]
                os.kill(self.lab.server.process.pid, signal.SIGKILL)
                self.lab.server.process.wait()
                self.assertIn(self.lab.collect(client).status, (INTERRUPTED, NO_SERVER))
                wait_until(lambda: not any(map(is_alive, pids)), "its children end, too")
                hold.release()
                self.lab.server.start()
                self.lab.server.wait_ready()
                self.wait_order(order, "issued", "failed")
                self.assert_no_challenge(*self.names)

    def test_restarts_are_counted(self) -> None:
        def restarts() -> dict[str, int]:
            return {entry["role"]: entry["restarts"] for entry in self.lab.server.ctl("status")["processes"]}
        before = restarts()
        pid = self.lab.server.kill("dnsd")
        self.lab.server.wait_role("dnsd", pid)
        self.assertEqual(restarts()["dnsd"], before["dnsd"] + 1)


if __name__ == "__main__":
    main()
