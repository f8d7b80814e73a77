"""Goal: a profile is chosen by request, client or authority, and one that the CA does not offer never reaches it."""

from lab import CaOptions, LabOptions, MoreOptions
from support import INPUT, LabCase, OK, POLICY, main

NAMES = ["www.example.org"]


class Profiles(LabCase):
    """draft-ietf-acme-profiles 3, 4."""

    options = LabOptions(more=MoreOptions(), serve=False, second_ca=CaOptions(authz_reuse=0),
                         ca=CaOptions(authz_reuse=0))

    def setUp(self) -> None:
        server = self.lab.server
        if not server.process.running():
            server.config["authorities"] = self.lab.authorities(first={"profile": "shortlived"})
            server.config["clients"] = [
                {"name": "own", "names": NAMES, "profile": "classic"},
                {"name": "may", "names": NAMES, "profiles": ["classic", "shortlived", "gone"]},
                {"name": "none", "names": NAMES}]
            server.start()
            server.wait_ready()
        self.before = len(self.lab.more.sent("/order-plz"))

    def ask(self, *words: str, client: str | None = None, domains: str | None = ",".join(NAMES)):
        before = ["--client", client] if client else []
        return self.lab.shell(*before, *words, "get", "certificate", domains=None if client else domains,
                              data=self.lab.csr(NAMES))

    def profiles(self) -> list[str | None]:
        """Of the orders that the first CA has heard of in this test."""
        return [(post.payload or {}).get("profile") for post in self.lab.more.sent("/order-plz")[self.before:]
                if post.problem != "badNonce"]

    def test_authority(self) -> None:
        self.assert_issued(self.ask("--force"), NAMES)
        self.assertEqual(self.profiles(), ["shortlived"])

    def test_client(self) -> None:
        self.assert_issued(self.ask(client="own"), NAMES)
        self.assertEqual(self.profiles(), ["classic"])

    def test_request(self) -> None:
        self.assert_issued(self.ask("--force", "--profile", "classic", client="may"), NAMES)
        self.assertEqual(self.profiles(), ["classic"])

    def test_not_permitted(self) -> None:
        self.assert_status(self.ask("--force", "--profile", "classic", client="none"), POLICY)
        self.assertEqual(self.profiles(), [])

    def test_not_offered(self) -> None:
        answer = self.ask("--force", "--profile", "gone", client="may")
        self.assertIn(answer.status, (INPUT, POLICY), answer.stderr)
        self.assertIn("gone", answer.stderr)
        self.assertEqual(self.profiles(), [], "the CA never heard of it")
        self.assertEqual(self.lab.more2.sent("/order-plz"), [], "nor did the next one")

    def test_listed(self) -> None:
        self.assertEqual(self.ask("--force").status, OK)
        self.assertIn("shortlived", self.lab.server.ctl_text("accounts").stdout)


if __name__ == "__main__":
    main()
