"""Goal: the whole main job once, over ssh, from CSR to chain, with nothing left behind and everything on record."""

import re

from lab import CaOptions, LabOptions
from lab import pki
from support import LabCase, main


class FirstCertificate(LabCase):
    options = LabOptions(sshd=True, ca=CaOptions(authz_reuse=0))

    def test_over_ssh(self) -> None:
        names = ["www.example.org", "mail.example.org"]
        client = self.lab.sshd.add_client("web1", "www.example.org,mail.example.org;example.org")
        key = self.lab.key("p384")
        answer = self.lab.ssh(client, "get", "certificate", data=pki.csr(key, names, cn=names[0]))
        self.assertEqual(answer.status, 0, answer.stderr)
        leaf = self.lab.check_chain(answer.stdout, names, key)
        self.assert_no_challenge(*names)
        self.check_stderr(answer.stderr)
        self.check_record(leaf, names)

    def check_stderr(self, stderr: str) -> None:
        form = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} \S+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) .+"
        self.assertTrue(stderr, "the client is told what happens")
        for line in stderr.splitlines():
            self.assertRegex(line, f"^{form}$")

    def check_record(self, leaf: str, names: list[str]) -> None:
        order = self.lab.server.orders()[0]
        self.assertEqual((order["state"], sorted(order["names"])), ("issued", sorted(names)))
        self.assertEqual(order["client"], "127.0.0.1")
        timeline = "\n".join(self.lab.server.events(order["id"]))
        for what in (r"ordered", r"published at generation \d+", r"asked by \d+ resolver", r"validated", r"issued"):
            self.assertRegex(timeline, f"(?i){what}")
        certificate = self.lab.server.ctl("certificates")["certificates"][0]
        self.assertEqual(certificate["order"], order["id"])
        self.assertEqual(sorted(certificate["names"]), sorted(names))
        self.assertEqual(certificate["serial"].lstrip("0"),
                         re.sub("^serial=0*", "", pki.field(leaf, "-serial")).lower())


if __name__ == "__main__":
    main()
