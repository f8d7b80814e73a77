"""Goal: an RSA and an ECDSA order for the same names at once do not take each other's challenge values away."""

from lab import CaOptions, LabOptions
from support import LabCase, main


class RsaAndEcdsa(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))

    def test_same_name_at_once(self) -> None:
        names = ["example.org", "*.example.org"]
        kinds = ["rsa", "ecdsa"]  # four values; Pebble reads no more than fit in 512 octets
        for answer, kind in zip(self.lab.get_many([(names, kind) for kind in kinds]), kinds):
            self.assert_issued(answer, names, kind)
        self.assert_no_challenge("example.org")

    def test_key_sizes(self) -> None:
        names = ["mail.example.org"]
        for kind in ("rsa3072", "rsa4096", "p384"):
            with self.subTest(kind):
                self.assert_issued(self.lab.get(names, key=kind), names, kind)


if __name__ == "__main__":
    main()
