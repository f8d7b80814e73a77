"""Goal: what the CA has issued is in the store, even if the issuer was killed between finalize and download."""

from lab import CaOptions, LabOptions
from support import LabCase, main


class NoCertificateLost(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))

    def interrupted_at(self, path: str, name: str) -> None:
        hold = self.lab.proxy.hold(path)
        client = self.lab.spawn(["--force", "get", "certificate"], name, self.lab.csr([name]))
        hold.wait_reached()
        order = self.lab.server.orders()[0]["id"]
        pid = self.lab.server.kill("issuer")
        self.lab.collect(client)
        hold.release()
        self.lab.server.wait_role("issuer", pid)
        self.wait_order(order, "issued")
        stored = [entry for entry in self.lab.server.ctl("certificates")["certificates"] if entry["order"] == order]
        self.assertEqual([entry["names"] for entry in stored], [[name]])
        issued = [line for line in self.lab.ca.log_lines() if "Issued certificate serial" in line]
        self.assertTrue(any(stored[0]["serial"].lstrip("0") in line for line in issued), (stored, issued))

    def test_finalized_but_not_told(self) -> None:
        self.interrupted_at("/finalize-order/", "host20.example.org")

    def test_issued_but_not_downloaded(self) -> None:
        self.interrupted_at("/certZ/", "host21.example.org")

    def test_every_certificate_of_the_ca_is_stored(self) -> None:
        for i in range(30, 34):
            self.interrupted_at("/certZ/", f"host{i}.example.org")
        issued = sum("Issued certificate serial" in line for line in self.lab.ca.log_lines())
        stored = self.lab.server.ctl("certificates")["certificates"]
        self.assertEqual(len({entry["serial"] for entry in stored}), issued)


if __name__ == "__main__":
    main()
