"""Goal: certmilld restarted while a challenge is live: the client is told, the order ends, no value stays behind."""

from lab import CaOptions, LabOptions, dns
from support import INTERRUPTED, LabCase, main

NAMES = ["www.example.org"]
HELD = ["host50.example.org"]


class Restart(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))

    def test_with_a_live_challenge(self) -> None:
        hold = self.lab.proxy.hold("/chalZ/", early=True)
        client = self.lab.spawn(["get", "certificate"], HELD[0], self.lab.csr(HELD))
        hold.wait_reached()
        self.assertEqual(len(dns.txt("_acme-challenge.host50.example.org", self.lab.resolver.port)), 1)
        generation = self.lab.server.ctl("status")["generation"]
        order = self.lab.server.orders()[0]["id"]
        self.assertEqual(self.lab.server.stop(), 0)
        answer = self.assert_status(self.lab.collect(client), INTERRUPTED)
        self.assertTrue(answer.stderr)
        hold.release()
        self.lab.server.start()
        self.lab.server.wait_ready()
        ended = self.wait_order(order, "issued", "failed")
        if ended["state"] == "failed":
            self.assertTrue(ended["failure"])
        self.assert_no_challenge(*HELD)
        self.assertGreater(self.lab.server.ctl("status")["generation"], generation, "generations only grow")
        self.assert_issued(self.lab.get(HELD), HELD)

    def test_what_was_is_still_there(self) -> None:
        self.assert_issued(self.lab.get(NAMES), NAMES)
        before = [self.lab.server.ctl(what)[what] for what in ("orders", "certificates", "accounts")]
        self.lab.server.restart()
        self.assertEqual([self.lab.server.ctl(what)[what] for what in ("orders", "certificates", "accounts")], before)
        accounts = sum("sign-me-up" in path for _, path in self.lab.proxy.seen)
        self.assert_issued(self.lab.get(NAMES), NAMES)
        self.assertEqual(self.lab.server.ctl("accounts")["accounts"], before[2])
        self.assertLessEqual(sum("sign-me-up" in path for _, path in self.lab.proxy.seen) - accounts, 1)


if __name__ == "__main__":
    main()
