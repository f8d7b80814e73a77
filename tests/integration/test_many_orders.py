"""Goal: 500 orders at once, one good nonce in five refused: each gets its certificate, and the issuer stays small."""

import os

from lab import CaOptions, LabOptions, MoreOptions, many, pki
from support import LabCase, main

COUNT = 500
MOST_MB = 64


class ManyOrders(LabCase):
    options = LabOptions(more=MoreOptions(), ca=CaOptions(bad_nonces=20, authz_reuse=0), hosts=COUNT, config={"log-level": "WARNING"})

    def test_500_at_once(self) -> None:
        names = [f"host{i:02}.example.org" for i in range(COUNT)]
        found = many.ask(self.lab, names, many.csrs(self.lab, names), COUNT)
        failed = [result for result in found.results if result["result"] != "ok"]
        self.assertEqual(failed, [])
        for number in range(0, COUNT, 100):
            self.lab.check_chain(found.chains[number], [names[number]], self.lab.key())
        stored = self.lab.server.ctl("certificates", "--limit", str(2 * COUNT))["certificates"]
        self.assertEqual(sorted(entry["names"][0] for entry in stored), sorted(names))
        self.assertEqual(len({pki.split_chain(chain)[0] for chain in found.chains}), COUNT)
        refused = sum(post.problem == "badNonce" for post in self.lab.more.sent("", 400))
        self.assertGreater(refused, COUNT / 2, "nonces were refused")
        self.assert_no_challenge(*names[::100])
        if not os.environ.get("CERTMILL_SANITIZE"):
            self.assertLess(found.peak, MOST_MB, "MB of the issuer at most")


if __name__ == "__main__":
    main()
