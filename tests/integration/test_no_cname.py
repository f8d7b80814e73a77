"""Goal: where the CNAME is missing, the client is told that nobody asked and which record to publish."""

from lab import CaOptions, LabOptions, target_of
from support import CA, LabCase, main


class NoCname(LabCase):
    options = LabOptions(ca=CaOptions(authz_reuse=0))

    def test_told_what_to_do(self) -> None:
        answer = self.assert_status(self.lab.get(["www.example.net"]), CA)
        self.assertRegex(answer.stderr, r"(?i)nobody\b.*\basked|never asked|asked by nobody")
        self.assertIn("CNAME", answer.stderr)
        self.assertIn("_acme-challenge.www.example.net", answer.stderr)
        self.assertIn(target_of("www.example.net"), answer.stderr)
        self.assert_no_challenge()
        order = self.lab.server.orders()[0]
        self.assertEqual(order["state"], "failed")
        self.assertTrue(order["failure"])

    def test_one_of_two(self) -> None:
        answer = self.assert_status(self.lab.get(["www.example.org", "www.example.net"]), CA)
        self.assertIn("_acme-challenge.www.example.net", answer.stderr)
        self.assertNotIn("_acme-challenge.www.example.org CNAME", answer.stderr)
        self.assert_no_challenge("www.example.org")


if __name__ == "__main__":
    main()
