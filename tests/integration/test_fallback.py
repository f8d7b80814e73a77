"""Goal: where a CA cannot issue for reasons of its own, the next one does, and the client hears of it; where the reason
is a name's, no other CA is asked."""

import json

from lab import Fault, LabOptions
from support import CA, LATER, LabCase, OK, POLICY, UNAVAILABLE, main

NAMES = ["www.example.org"]
OUT_OF_ORDER = {"status": 500, "content_type": "application/problem+json", "body": json.dumps(
    {"type": "urn:ietf:params:acme:error:serverInternal", "detail": "no more disks", "status": 500}).encode()}


def problem(kind: str, detail: str) -> dict[str, object]:
    """A refusal (RFC 8555 6.7)."""
    return {"status": 403, "content_type": "application/problem+json", "body": json.dumps(
        {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail, "status": 403}).encode()}


class Fallback(LabCase):
    options = LabOptions(proxy=True, second_ca=True)

    def issued_by(self, answer, ca) -> None:
        self.assert_status(answer, 0)
        self.lab.check_chain(answer.stdout, NAMES, self.lab.key("ecdsa"), ca)

    def test_first_is_preferred(self) -> None:
        before = len(self.lab.proxy2.seen)
        self.issued_by(self.lab.get(NAMES), self.lab.ca)
        self.assertEqual(len(self.lab.proxy2.seen), before)

    def test_first_is_not_there(self) -> None:
        self.lab.proxy.stop()
        try:
            answer = self.lab.get(NAMES)
        finally:
            self.lab.proxy.start()
        self.issued_by(answer, self.lab.ca2)
        self.assertRegex(answer.stderr, "WARNING first does not issue: .*; the order goes to second")
        orders = self.lab.server.orders()
        self.assertEqual([order["state"] for order in orders[:2]], ["issued", "failed"], "an order each")
        self.assertIn("the order goes to second", "\n".join(self.lab.server.events(orders[1]["id"])))
        self.assertIn("the order goes to second", self.lab.server.log_text())

    def test_failures_of_its_own(self) -> None:
        self.lab.proxy.add(Fault("/order-plz", **OUT_OF_ORDER))
        answer = self.lab.get(NAMES)
        self.issued_by(answer, self.lab.ca2)
        self.assertIn("the order goes to second", answer.stderr)

    def test_what_is_wrong_with_a_name_is_wrong_everywhere(self) -> None:
        before = len(self.lab.proxy2.seen)
        for kind in ("rejectedIdentifier", "caa", "unsupportedIdentifier"):
            with self.subTest(kind):
                self.lab.proxy.clear()
                self.lab.proxy.add(Fault("/order-plz", **problem(kind, "not this one")))
                self.assertIn("not this one", self.assert_status(self.lab.get(NAMES), CA).stderr)
        self.assertEqual(len(self.lab.proxy2.seen), before)

    def test_no_ca_is_there(self) -> None:
        for proxy in self.lab.proxies:
            proxy.stop()
        try:
            answer = self.lab.get(NAMES)
        finally:
            for proxy in self.lab.proxies:
                proxy.start()
        self.assert_status(answer, UNAVAILABLE)

    def test_asked_for_by_name(self) -> None:
        answer = self.lab.get(NAMES, words=["--authority", "second"])
        self.issued_by(answer, self.lab.ca2)
        answer = self.lab.get(NAMES, words=["--acme-server-url", self.lab.proxy2.url])
        self.issued_by(answer, self.lab.ca2)
        answer = self.assert_status(self.lab.get(NAMES, words=["--authority", "letsencrypt"]), POLICY)
        self.assertIn("first, second", answer.stderr)


class Limited(LabCase):
    """A lab of its own: what a CA says of limits is remembered."""

    options = LabOptions(proxy=True, second_ca=True)

    def test_rate_limit(self) -> None:
        limited = Fault("/order-plz", headers={"Retry-After": "3600"}, **problem("rateLimited", "too many"))
        self.lab.proxy.add(limited)
        answer = self.assert_status(self.lab.get(NAMES), OK)
        self.lab.check_chain(answer.stdout, NAMES, self.lab.key("ecdsa"), self.lab.ca2)
        self.assertIn("too many", answer.stderr)
        self.lab.proxy2.add(limited)
        answer = self.assert_status(self.lab.get(["mail.example.org"]), LATER)
        self.assertIn("too many", answer.stderr)


if __name__ == "__main__":
    main()
