"""Goal: 64 clients at once all get their certificate, and none waits for another."""

import threading

from lab import CaOptions, LabOptions, wait_until
from support import LabCase, main

COUNT = 64


class ManyClients(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))

    def test_64_at_once(self) -> None:
        self.lab.key()
        wanted = [[f"host{i:02}.example.org"] for i in range(COUNT)]
        for answer, names in zip(self.lab.get_many([(names, "ecdsa") for names in wanted]), wanted):
            self.assert_issued(answer, names)
        self.assert_no_challenge(*(names[0] for names in wanted))
        self.assertGreaterEqual(self.lab.server.ctl("status")["orders"]["issued"], COUNT)

    def test_none_waits_for_another(self) -> None:
        held = [self.lab.proxy.hold("/order-plz", early=True) for _ in range(COUNT - 1)]
        csr = self.lab.csr(["www.example.org"])
        slow = [self.lab.spawn(["get", "certificate"], "www.example.org", csr) for _ in held]
        wait_until(lambda: all(fault.reached.is_set() for fault in held), "63 orders held back by the CA", 90)
        names = ["mail.example.org"]
        self.assert_issued(self.lab.get(names), names)
        for fault in held:
            fault.release()
        answers: list = []
        readers = [threading.Thread(target=lambda p=p: answers.append(self.lab.collect(p))) for p in slow]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.assertEqual([answer.status for answer in answers], [0] * len(held), answers[0].stderr)


if __name__ == "__main__":
    main()
