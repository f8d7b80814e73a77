"""Goal: an apex and its wildcard, which share one challenge name, are validated in one order, both values served."""

import threading

from lab import CaOptions, LabOptions, dns
from support import LabCase, main


class ApexWildcard(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))
    names = ["example.org", "*.example.org"]

    def test_both_at_once(self) -> None:
        hold = self.lab.proxy.hold("/chalZ/", early=True)
        result = []
        client = threading.Thread(target=lambda: result.append(self.lab.get(self.names)))
        client.start()
        hold.wait_reached()
        values = dns.txt("_acme-challenge.example.org", self.lab.resolver.port)
        hold.release()
        client.join()
        self.assertEqual(len(set(values)), 2, f"one value for each identifier, not {values}")
        self.assert_issued(result[0], self.names)
        self.assert_no_challenge("example.org")

    def test_wildcard_alone(self) -> None:
        names = ["*.www.example.org"]
        self.assert_issued(self.lab.get(names), names)
        self.assert_no_challenge("www.example.org")


if __name__ == "__main__":
    main()
