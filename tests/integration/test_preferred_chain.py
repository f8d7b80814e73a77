"""Goal: of the chains that a CA offers, a client gets the one that it prefers, else the CA's first."""

from lab import CaOptions, LabOptions, pki
from support import LabCase, main


class PreferredChain(LabCase):
    options = LabOptions(ca=CaOptions(alternate_roots=2, chain_length=2))
    names = ["www.example.org"]

    def top_issuer(self, chain: str) -> str:
        return pki.field(pki.split_chain(chain)[-1], "-issuer", "-nameopt", "multiline,-esc_msb").split("= ")[-1]

    def test_each_root(self) -> None:
        for number in range(3):
            root = self.lab.ca.root(number)
            common_name = pki.field(root, "-subject", "-nameopt", "multiline").split("= ")[-1]
            for spelled in (common_name, common_name.replace(" ", "_")):
                with self.subTest(spelled):
                    answer = self.lab.get(self.names, words=["--preferred-chain", spelled])
                    self.assertEqual(answer.status, 0, answer.stderr)
                    self.assertEqual(self.top_issuer(answer.stdout), common_name)
                    pki.verify(answer.stdout, root, self.lab.folder)

    def test_served_from_the_store(self) -> None:
        """Another wish for the same CSR is met by the chains that came with the certificate: no second order."""
        def ask(root: str, *words: str):
            answer = self.lab.shell(*words, "--preferred-chain", root, "get", "certificate", domains=self.names[0],
                                    data=self.lab.csr(self.names))
            self.assert_status(answer, 0)
            self.assertEqual(self.top_issuer(answer.stdout), root)

        roots = [pki.field(self.lab.ca.root(number), "-subject", "-nameopt", "multiline").split("= ")[-1].strip()
                 for number in range(3)]
        ask(roots[1], "--force")
        orders = len(self.lab.server.orders())
        for root in (*roots, roots[0]):
            ask(root)
        self.assertEqual(len(self.lab.server.orders()), orders)

    def test_unknown_gives_the_default(self) -> None:
        answer = self.lab.get(self.names, words=["--preferred-chain", "Nobody's Root"])
        self.assert_issued(answer, self.names)
        self.assertEqual(len(pki.split_chain(answer.stdout)), 3)


if __name__ == "__main__":
    main()
