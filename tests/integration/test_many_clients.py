"""Goal: 64 clients at once all get their certificate, and none waits for another."""

import threading

from lab import CaOptions, LabOptions, MoreOptions, dns, wait_until
from support import LabCase, main

COUNT = 64


class AtOnce(LabCase):
    options = LabOptions(more=MoreOptions(), ca=CaOptions(authz_reuse=0))

    def test_64_at_once(self) -> None:
        self.lab.key()
        wanted = [[f"host{i:02}.example.org"] for i in range(COUNT)]
        for answer, names in zip(self.lab.get_many([(names, "ecdsa") for names in wanted]), wanted):
            self.assert_issued(answer, names)
        self.assert_no_challenge(*(names[0] for names in wanted))
        self.assertEqual(self.lab.server.ctl("status")["orders"]["issued"], COUNT)


class Held(LabCase):
    options = LabOptions(more=MoreOptions(), ca=CaOptions(authz_reuse=0))

    def collect(self, clients: list) -> list:
        answers: list = []
        readers = [threading.Thread(target=lambda p=p: answers.append(self.lab.collect(p))) for p in clients]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        return answers

    def test_none_waits_for_another(self) -> None:
        held = [self.lab.proxy.hold("/order-plz", early=True) for _ in range(COUNT - 1)]
        names = [f"host{i:02}.example.org" for i in range(COUNT - 1)]
        slow = [self.lab.spawn(["--force", "get", "certificate"], name, self.lab.csr([name])) for name in names]
        wait_until(lambda: all(fault.reached.is_set() for fault in held), "63 orders held back by the CA", 90)
        self.assert_issued(self.lab.get(["mail.example.org"]), ["mail.example.org"])
        for fault in held:
            fault.release()
        answers = self.collect(slow)
        self.assertEqual([answer.status for answer in answers], [0] * len(held), answers[0].stderr)

    def test_one_name_has_many_values(self) -> None:
        """All are served, by TCP; Pebble reads no more than fit in 512 octets, so how the orders end is its affair."""
        held = [self.lab.proxy.hold("/chalZ/", early=True) for _ in range(40)]
        csr = self.lab.csr(["www.example.org"])
        clients = [self.lab.spawn(["--force", "get", "certificate"], "www.example.org", csr) for _ in held]
        wait_until(lambda: all(fault.reached.is_set() for fault in held), "40 orders before their validation", 90)
        values = dns.txt("_acme-challenge.www.example.org", self.lab.resolver.port)
        self.assertEqual(len(set(values)), 40)
        for fault in held:
            fault.release()
        self.collect(clients)
        self.assert_no_challenge("www.example.org")


if __name__ == "__main__":
    main()
