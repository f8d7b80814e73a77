"""Goal: certmilld restarted while a challenge is live: the client is told, the order ends, no value stays behind.

And the SOA serial grows by RFC 1982, whatever is restarted, killed or lost."""

import shutil
import signal
import time

from lab import ZONE, CaOptions, LabOptions, dns, wait_until
from lab.process import descendants_of, is_alive
from support import INTERRUPTED, LabCase, main

NAMES = ["www.example.org"]
HELD = ["host50.example.org"]


class Restart(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))

    def test_with_a_live_challenge(self) -> None:
        hold = self.lab.proxy.hold("/chalZ/", early=True)
        client = self.lab.spawn(["--force", "get", "certificate"], HELD[0], self.lab.csr(HELD))
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

    def serial(self) -> int:
        """The SOA serial that is served, once one is."""
        found = ""

        def there() -> bool:
            nonlocal found
            found = dns.dig("+short", "+norec", ZONE, "SOA", port=self.lab.server.port)
            return len(found.split()) == 7
        wait_until(there, "an SOA record")
        return int(found.split()[2])

    def assert_grown(self, before: int) -> int:
        """The serial is larger than before by RFC 1982 3.2; the new one."""
        now = self.serial()
        self.assertTrue(0 < (now - before) % 2**32 < 2**31, f"{before} -> {now}")
        return now

    def test_serial_grows(self) -> None:
        server = self.lab.server
        serial = self.serial()
        self.assert_issued(self.lab.get(NAMES), NAMES)
        serial = self.assert_grown(serial)
        with self.subTest("dnsd killed"):
            server.wait_role("dnsd", server.kill("dnsd"))
            self.assertEqual(self.serial(), serial, "it gets the same image again")
        with self.subTest("issuer killed"):
            server.wait_role("issuer", server.kill("issuer"))
            wait_until(lambda: self.serial() != serial, "a new image")
            serial = self.assert_grown(serial)
        with self.subTest("restart"):
            server.restart()
            serial = self.assert_grown(serial)
        with self.subTest("everything killed"):
            children = descendants_of(server.process.pid)
            server.process.signal(signal.SIGKILL)
            server.process.wait()
            wait_until(lambda: not any(map(is_alive, children)), "the end of its processes")
            server.start()
            server.wait_ready()
            serial = self.assert_grown(serial)
        with self.subTest("reload"):
            server.ctl("reload")
            wait_until(lambda: self.serial() != serial, "a new image")
            serial = self.assert_grown(serial)
        with self.subTest("store lost"):
            server.stop()
            shutil.rmtree(server.state_dir / "store")
            began = int(time.time())
            server.start()
            server.wait_ready()
            # The restarts above promised more generations than seconds went by, so only Unix time can be expected.
            self.assertGreaterEqual(self.serial(), began)


if __name__ == "__main__":
    main()
