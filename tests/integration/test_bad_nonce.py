"""Goal: a CA that refuses 30 % of good nonces still gives every certificate."""

from lab import CaOptions, LabOptions, MoreOptions
from support import LabCase, main


class BadNonce(LabCase):
    options = LabOptions(more=MoreOptions(), ca=CaOptions(bad_nonces=30, authz_reuse=0))

    def test_thirty_percent(self) -> None:
        wanted = [[f"host{i:02}.example.org", f"*.host{i:02}.example.org"] for i in range(16)]
        for answer, names in zip(self.lab.get_many([(names, "ecdsa") for names in wanted]), wanted):
            self.assert_issued(answer, names)
        self.assertTrue(any("badNonce" in line or "nonce" in line.lower() for line in self.lab.ca.log_lines()))


if __name__ == "__main__":
    main()
