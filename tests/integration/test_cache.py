"""Goal: the same request gets the same certificate while it is good, and two at the same time become one order."""

from lab import LabOptions, pki, wait_until
from support import LabCase, main

NAMES = ["www.example.org", "mail.example.org"]
DOMAINS = ",".join(NAMES)


class Cache(LabCase):
    options = LabOptions(proxy=True)

    def ask(self, *words: str, csr: str | None = None, domains: str = DOMAINS):
        return self.lab.shell(*words, "get", "certificate", domains=domains, data=csr or self.lab.csr(NAMES))

    def orders(self) -> int:
        return len(self.lab.server.orders())

    def test_same_request_again(self) -> None:
        first = self.ask("--force")
        self.assert_issued(first, NAMES)
        before, seen = self.orders(), len(self.lab.proxy.seen)
        again = self.ask(csr=self.lab.csr(NAMES[::-1]), domains=f"other.example.org;host01.example.org,{DOMAINS}")
        self.assertEqual((again.status, again.stdout), (0, first.stdout))
        self.assertRegex(again.stderr, r"the certificate of order \d+, still good until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, "
                                       "is given again")
        self.assertEqual((self.orders(), len(self.lab.proxy.seen)), (before, seen), "the CA heard nothing")
        forced = self.ask("--force")
        self.assert_issued(forced, NAMES)
        self.assertNotEqual(forced.stdout, first.stdout)
        self.assertEqual(self.ask().stdout, forced.stdout, "the newest one")

    def test_other_requests(self) -> None:
        first = self.ask("--force")
        one = self.ask(csr=self.lab.csr(NAMES[:1]))
        self.assert_issued(one, NAMES[:1])
        other_key = self.ask(csr=self.lab.csr(NAMES, "rsa"))
        self.assertNotEqual(pki.public_key(pki.split_chain(other_key.stdout)[0]),
                            pki.public_key(pki.split_chain(first.stdout)[0]))
        other_chain = self.ask("--preferred-chain", "Nobody_s Root")
        self.assert_issued(other_chain, NAMES)
        self.assertNotEqual(other_chain.stdout, first.stdout)

    def test_not_for_who_may_not_have_it(self) -> None:
        self.assert_issued(self.ask("--force"), NAMES)
        answer = self.ask(domains=NAMES[0])
        self.assertEqual((answer.status, answer.stdout), (4, ""))

    def test_two_at_once_are_one_order(self) -> None:
        before = self.orders()
        held = self.lab.proxy.hold("/finalize-order/")
        csr = self.lab.csr(["host11.example.org"])
        clients = [self.lab.spawn(["get", "certificate"], "host11.example.org", csr) for _ in range(3)]
        held.wait_reached()
        clients.append(self.lab.spawn(["get", "certificate"], "host11.example.org", csr))
        wait_until(lambda: "joined" in "\n".join(self.lab.server.events(self.lab.server.orders()[0]["id"])), "joined")
        held.release()
        answers = [self.lab.collect(client) for client in clients]
        self.assertEqual({answer.status for answer in answers}, {0})
        self.assertEqual(len({answer.stdout for answer in answers}), 1, "the same chain for all")
        self.assertEqual(self.orders(), before + 1)

    def test_survives_a_restart(self) -> None:
        first = self.ask("--force")
        self.lab.server.restart()
        self.assertEqual(self.ask().stdout, first.stdout)


if __name__ == "__main__":
    main()
