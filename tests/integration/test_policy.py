"""Goal: a client gets names of one of its own sets and no others; the CA never hears of a refused request."""

from lab import LabOptions
from support import INPUT, LabCase, POLICY, main


class Policy(LabCase):
    options = LabOptions(proxy=True)

    def refused(self, names: list[str], domains: str, *said: str) -> None:
        before = len(self.lab.proxy.seen)
        answer = self.assert_status(self.lab.get(names, domains=domains), POLICY)
        for word in said:
            self.assertIn(word, answer.stderr)
        self.assertEqual(self.lab.proxy.seen[before:], [], "the CA must not hear of it")

    def test_outside_the_set(self) -> None:
        self.refused(["www.example.org", "mail.example.org"], "www.example.org", "mail.example.org", "www.example.org")

    def test_across_two_sets(self) -> None:
        self.refused(["www.example.org", "mail.example.org"], "www.example.org;mail.example.org", "mail.example.org")

    def test_wildcard_not_named(self) -> None:
        self.refused(["*.example.org"], "example.org,www.example.org", "*.example.org")

    def test_wildcard_is_no_pattern(self) -> None:
        self.refused(["www.example.org"], "*.example.org", "www.example.org")

    def test_parent_and_suffix(self) -> None:
        self.refused(["example.org"], "www.example.org", "example.org")
        self.refused(["a.www.example.org"], "www.example.org", "a.www.example.org")
        self.refused(["evilwww.example.org"], "www.example.org", "evilwww.example.org")

    def test_common_name_outside(self) -> None:
        csr = self.lab.csr(["www.example.org"], cn="mail.example.org")
        before = len(self.lab.proxy.seen)
        answer = self.lab.get(["www.example.org"], domains="www.example.org", csr=csr)
        self.assertIn(answer.status, (POLICY, INPUT), answer.stderr)
        self.assertIn("mail.example.org", answer.stderr)
        self.assertEqual(self.lab.proxy.seen[before:], [])

    def test_no_sets_at_all(self) -> None:
        csr = self.lab.csr(["www.example.org"])
        for domains in (None, "", ";", ","):
            with self.subTest(domains):
                answer = self.lab.shell("get", "certificate", domains=domains, data=csr)
                self.assertNotEqual(answer.status, 0)
                self.assertEqual(answer.stdout, "")

    def test_case_order_and_part_of_a_set(self) -> None:
        names = ["WWW.Example.ORG"]
        domains = "mail.example.org;example.org,wWw.eXample.org"
        self.assert_status(self.lab.get(names, domains=domains), 0)

    def test_set_given_as_option(self) -> None:
        csr = self.lab.csr(["www.example.org"])
        answer = self.lab.shell("--domains", "www.example.org", "--force", "get", "certificate", data=csr)
        self.assert_issued(answer, ["www.example.org"])


if __name__ == "__main__":
    main()
