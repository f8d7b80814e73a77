"""Goal: where the CNAME is missing, the client is told so and which record to publish, before the CA hears of it;
and where preflight is off, after the CA has looked."""

from lab import CaOptions, LabOptions, target_of
from support import CA, POLICY, LabCase, main

NAME = "www.example.net"
RECORD = f"_acme-challenge.{NAME}. CNAME {target_of(NAME)}."


class NoCname(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))

    def test_told_what_to_do(self) -> None:
        asked = len(self.lab.proxy.seen)
        answer = self.assert_status(self.lab.get([NAME]), POLICY)
        self.assertIn(f"_acme-challenge.{NAME} has no CNAME", answer.stderr)
        self.assertIn(RECORD, answer.stderr)
        self.assertEqual(len(self.lab.proxy.seen), asked, "the CA hears nothing of it")
        self.assert_no_challenge()
        self.assertEqual(self.lab.server.orders(), [])

    def test_one_of_two(self) -> None:
        answer = self.assert_status(self.lab.get(["www.example.org", NAME]), POLICY)
        self.assertIn(RECORD, answer.stderr)
        self.assertNotIn("_acme-challenge.www.example.org. CNAME", answer.stderr)


class PreflightOff(LabCase):
    options = LabOptions(ca=CaOptions(authz_reuse=0), config={"preflight": "off"})

    def test_told_what_to_do(self) -> None:
        answer = self.assert_status(self.lab.get([NAME]), CA)
        self.assertRegex(answer.stderr, r"(?i)nobody\b.*\basked|never asked|asked by nobody")
        self.assertIn("CNAME", answer.stderr)
        self.assertIn(f"_acme-challenge.{NAME}", answer.stderr)
        self.assertIn(target_of(NAME), answer.stderr)
        self.assert_no_challenge()
        order = self.lab.server.orders()[0]
        self.assertEqual(order["state"], "failed")
        self.assertTrue(order["failure"])

    def test_one_of_two(self) -> None:
        answer = self.assert_status(self.lab.get(["www.example.org", NAME]), CA)
        self.assertIn(f"_acme-challenge.{NAME}", answer.stderr)
        self.assertNotIn("_acme-challenge.www.example.org CNAME", answer.stderr)
        self.assert_no_challenge("www.example.org")


class PreflightWarns(LabCase):
    options = LabOptions(ca=CaOptions(authz_reuse=0), config={"preflight": "warn"})

    def test_both(self) -> None:
        """The client reads the finding as a warning, and the CA is asked all the same."""
        answer = self.assert_status(self.lab.get([NAME]), CA)
        self.assertRegex(answer.stderr, f"WARNING _acme-challenge.{NAME} has no CNAME")
        self.assertIn(RECORD, answer.stderr)


if __name__ == "__main__":
    main()
