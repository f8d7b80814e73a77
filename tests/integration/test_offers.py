"""Goal: what a CA offers is used as it says: profiles that it lists, and "replaces" where it has renewal information."""

import time

from lab import LabOptions, MoreOptions
from support import LabCase, OK, POLICY, main

NAMES = ["www.example.org", "mail.example.org"]


class Offers(LabCase):
    options = LabOptions(proxy=True, more=True)

    def ask(self, *words: str):
        return self.lab.shell(*words, "get", "certificate", domains=",".join(NAMES), data=self.lab.csr(NAMES))

    def order_payload(self) -> dict[str, object]:
        """What the newest order said to the CA."""
        return self.lab.more.sent("/order-plz")[-1].payload or {}

    def test_profiles(self) -> None:
        self.assert_issued(self.ask("--force"), NAMES)
        self.assertNotIn("profile", self.order_payload())
        self.assert_issued(self.ask("--profile", "shortlived"), NAMES)
        self.assertEqual(self.order_payload().get("profile"), "shortlived")
        count = len(self.lab.more.sent("/order-plz"))
        again = self.ask("--profile", "shortlived")
        self.assertIn("is given again", self.assert_status(again, OK).stderr)
        self.assertEqual(len(self.lab.more.sent("/order-plz")), count)

    def test_profile_that_it_has_not(self) -> None:
        count = len(self.lab.more.sent("/order-plz"))
        answer = self.assert_status(self.ask("--profile", "eternal"), POLICY)
        self.assertIn("has no profile eternal; it offers: classic, shortlived", answer.stderr)
        self.assertEqual(len(self.lab.more.sent("/order-plz")), count, "nothing was ordered")

    def test_replaces_what_is_due(self) -> None:
        """RFC 9773 4.2, 5: in its window the certificate is not given again, and the order names it."""
        first = self.ask("--force")
        self.assert_issued(first, NAMES)
        newest = self.ask("--force").stdout
        self.assertNotIn("replaces", self.order_payload(), "it is not due")
        name = self.lab.more.id_of(newest)
        now = time.time()
        self.lab.more.set_window(name, now - 7200, now - 3600)
        self.assert_status(self.lab.shell("get", "renewal-info", domains=",".join(NAMES), data=newest), OK)
        renewed = self.ask()
        self.assert_issued(renewed, NAMES)
        self.assertNotEqual(renewed.stdout, newest)
        self.assertEqual(self.order_payload().get("replaces"), name)
        self.assertEqual(self.ask().stdout, renewed.stdout, "the new one is good for a while")


class Plain(LabCase):
    """A CA without either."""

    options = LabOptions(proxy=True, more=MoreOptions(renewal_info=False, profiles={}))

    def test_no_profiles(self) -> None:
        answer = self.assert_status(self.lab.get(NAMES, words=["--profile", "classic"]), POLICY)
        self.assertIn("it offers: none", answer.stderr)


if __name__ == "__main__":
    main()
