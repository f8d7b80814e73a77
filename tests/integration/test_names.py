"""Goal: U-labels and A-labels are the same name, and a name too long for our zone is answered below its hash."""

from lab import CaOptions, LabOptions, long_name
from support import LabCase, main


class Names(LabCase):
    options = LabOptions(ca=CaOptions(authz_reuse=0))

    def test_internationalised(self) -> None:
        names = ["xn--plse-gra.example.org"]
        for domains in ("pølse.example.org", "xn--plse-gra.example.org", "PØLSE.Example.org"):
            with self.subTest(domains):
                self.assert_issued(self.lab.get(names, domains=domains), names)

    def test_long(self) -> None:
        names = [long_name()]
        self.assert_issued(self.lab.get(names), names)
        self.assert_no_challenge(*names)

    def test_deep(self) -> None:
        names = ["deep.a.b.example.org"]
        self.assert_issued(self.lab.get(names), names)
        self.assert_no_challenge(*names)

    def test_a_hundred(self) -> None:
        names = [f"host{i:02}.example.org" for i in range(50)]
        names += [f"*.{name}" for name in names]
        self.assert_issued(self.lab.get(names), names)
        self.assert_no_challenge(names[0], names[49])


if __name__ == "__main__":
    main()
