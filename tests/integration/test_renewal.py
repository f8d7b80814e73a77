"""Goal: a certificate is renewed with the same key, so that TLSA records stay right; the old one stays on record."""

from lab import pki
from support import LabCase, main


class Renewal(LabCase):
    def test_same_key(self) -> None:
        names = ["www.example.org"]
        leaves = [self.assert_issued(self.lab.get(names), names) for _ in range(3)]
        self.assertEqual(len({pki.field(leaf, "-serial") for leaf in leaves}), 3, "three certificates")
        self.assertEqual(len({pki.public_key(leaf) for leaf in leaves}), 1, "one key")
        stored = self.lab.server.ctl("certificates")["certificates"]
        self.assertEqual([entry["names"] for entry in stored], [names] * 3)
        self.assertEqual(len({entry["serial"] for entry in stored}), 3)
        self.assertEqual(len(self.lab.server.ctl("accounts")["accounts"]), 1, "one account for all")
        self.assert_no_challenge(*names)


if __name__ == "__main__":
    main()
