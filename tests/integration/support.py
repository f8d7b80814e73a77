"""What the integration tests share: a lab for each class, statuses with their meaning, logs when something fails."""

from __future__ import annotations

import os
import subprocess
import unittest

from lab import HANGS, Answer, CaMore, Lab, LabOptions, dns, target_of, wait_until

# Exit statuses of certmill-shell (docs/protocol.md).
OK, INTERNAL, USAGE, INPUT, POLICY, CA, UNAVAILABLE, INTERRUPTED, NO_SERVER, LATER = range(10)


class LabCase(unittest.TestCase):
    """A test class with a lab of its own, up for all its tests."""

    options = LabOptions()
    lab: Lab

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = Lab(cls.options)
        cls.lab.start()
        cls.addClassCleanup(cls.lab.stop)

    def tearDown(self) -> None:
        for proxy in self.lab.proxies:
            proxy.clear()
            if isinstance(proxy, CaMore):
                self.assertEqual(proxy.violations, [], "the CA was sent what the standard forbids")

    def assert_status(self, answer: Answer, status: int) -> Answer:
        """The answer has this exit status, and a chain on stdout only with 0."""
        self.assertEqual(answer.status, status, f"stderr:\n{answer.stderr}\nstdout:\n{answer.stdout[:500]}")
        if status:
            self.assertEqual(answer.stdout, "", "stdout must stay empty when there is no chain")
        return answer

    def assert_issued(self, answer: Answer, names: list[str], key: str = "ecdsa") -> str:
        """The answer is a chain for these names and this key, up to the CA's root; gives the leaf."""
        self.assert_status(answer, OK)
        return self.lab.check_chain(answer.stdout, names, self.lab.key(key))

    def assert_no_challenge(self, *domains: str) -> None:
        """No challenge value is left: not in the zone's list, and not in what the resolver finds."""
        self.assertEqual(self.lab.server.ctl("records")["records"], [])
        for domain in domains:
            name = f"_acme-challenge.{domain.removeprefix('*.')}"
            self.assertEqual(dns.txt(name, self.lab.resolver.port), [])
            answer = dns.dig(target_of(domain), "TXT", port=self.lab.server.port)
            self.assertIn("NXDOMAIN", answer, "the name is gone with its last value")

    def wait_order(self, order: int, *states: str) -> dict[str, object]:
        """Waits until an order is in one of these states; the order."""
        found: dict[str, object] = {}

        def there() -> bool:
            found.update(self.lab.server.ctl("orders", str(order))["order"])
            return found["state"] in states
        wait_until(there, f"order {order} in {states}, now {found.get('state')}", 60)
        return found


class _Result(unittest.TextTestResult):
    """Shows the ends of the lab's logs with a failure."""

    def _show(self, test: unittest.TestCase) -> None:
        lab = getattr(test, "lab", None)
        if lab is not None and hasattr(lab, "server"):
            self.stream.writeln(lab.server.process.tail(60))
            self.stream.writeln(lab.ca.process.tail(8))
            for ca in filter(None, (lab.ca, lab.ca2)):
                if ca.hangs():
                    self.stream.writeln(HANGS)

    def addFailure(self, test, err):  # type: ignore[no-untyped-def]
        super().addFailure(test, err)
        self._show(test)

    def addError(self, test, err):  # type: ignore[no-untyped-def]
        super().addError(test, err)
        self._show(test)


@unittest.skipUnless(os.geteuid() == 0, "needs to mount a disk")
class DiskCase(LabCase):
    """A lab whose state-dir is a disk of its own, of size; the server runs."""

    size: str

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.disk = cls.lab.server.state_dir
        cls.disk.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={cls.size},mode=755", "tmpfs", cls.disk], check=False,
                              capture_output=True)
        if done.returncode:
            raise unittest.SkipTest("may not mount")
        cls.addClassCleanup(cls.give_back)
        cls.lab.server.start()
        cls.lab.server.wait_ready()

    @classmethod
    def give_back(cls) -> None:
        cls.lab.server.stop()
        subprocess.run(["umount", cls.disk], check=True)


def main() -> None:
    """Runs the tests of the file that was started."""
    unittest.main(testRunner=unittest.TextTestRunner(verbosity=2, resultclass=_Result), module="__main__")
