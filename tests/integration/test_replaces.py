"""Goal: a certificate that the CA wants renewed is, and the new order names the one that it replaces (RFC 9773 5)."""

import json
import time

from lab import CaOptions, LabOptions, MoreOptions, pki
from support import INPUT, LabCase, OK, main

DAY = 86400


class Replaces(LabCase):
    options = LabOptions(more=MoreOptions(), ca=CaOptions(authz_reuse=0))

    def issued(self, name: str) -> tuple[str, str, str]:
        """A certificate: its request, its chain, and its identifier."""
        csr = self.lab.csr([name])
        answer = self.lab.get([name], csr=csr)
        self.assert_issued(answer, [name])
        return csr, answer.stdout, self.lab.more.id_of(answer.stdout)

    def info(self, chain: str) -> dict:
        answer = self.lab.shell("get", "renewal-info", domains=pki.names_of(pki.split_chain(chain)[0])[0], data=chain)
        self.assertEqual(answer.status, OK, answer.stderr)
        return json.loads(answer.stdout)

    def replacing(self, name: str) -> list[str | None]:
        """`replaces` of all orders for a name that the CA has heard of, in their order."""
        return [(post.payload or {}).get("replaces") for post in self.lab.more.sent("/order-plz")
                if {"type": "dns", "value": name} in (post.payload or {})["identifiers"] and post.problem != "badNonce"]

    def test_renewed_in_its_window(self) -> None:
        """RFC 9773 5: the same request, once the window is there, is a new order that names what it replaces."""
        name = "host01.example.org"
        csr, chain, found = self.issued(name)
        self.lab.more.set_window(found, time.time() - 2 * DAY, time.time() - DAY)
        self.info(chain)
        answer = self.lab.get([name], csr=csr)
        self.assert_issued(answer, [name])
        self.assertNotEqual(pki.split_chain(answer.stdout)[0], pki.split_chain(chain)[0])
        self.assertEqual(self.replacing(name), [None, found])
        self.assertTrue((self.lab.more.issued[found].replaced_by or "").startswith("https://"))

    def test_already_replaced(self) -> None:
        """RFC 9773 5: alreadyReplaced has the order made again, without `replaces`."""
        name = "host02.example.org"
        csr, chain, found = self.issued(name)
        self.lab.more.set_window(found, time.time() - 2 * DAY, time.time() - DAY)
        self.info(chain)
        self.lab.more.issued[found].replaced_by = "another order"
        self.assert_issued(self.lab.get([name], csr=csr), [name])
        self.assertEqual(self.replacing(name), [None, found, None])

    def test_forgotten(self) -> None:
        """A CA that does not know the certificate any more (404), and so would refuse `replaces`, still issues."""
        name = "host03.example.org"
        csr, chain, found = self.issued(name)
        self.lab.more.set_window(found, time.time() - 2 * DAY, time.time() - DAY)
        self.info(chain)
        self.lab.more.forget()
        self.assert_issued(self.lab.get([name], csr=csr), [name])
        self.assertEqual(self.replacing(name), [None, found, None])

    def test_not_offered_any_more(self) -> None:
        """RFC 9773 5: no `replaces` where the directory has no renewalInfo; `get renewal-info` says so."""
        name = "host04.example.org"
        csr, chain, found = self.issued(name)
        self.lab.more.set_window(found, time.time() - 2 * DAY, time.time() - DAY)
        self.info(chain)
        other = self.assert_status(self.lab.get(["host05.example.org"]), OK).stdout
        self.lab.more.options.renewal_info = False
        self.addCleanup(self.lab.server.restart)  # second, with what the CA offers again
        self.addCleanup(setattr, self.lab.more.options, "renewal_info", True)
        self.lab.server.restart()  # the directory is read anew
        answer = self.lab.shell("get", "renewal-info", domains="host05.example.org", data=other)
        self.assertIn("no renewal information", self.assert_status(answer, INPUT).stderr)
        self.assert_issued(self.lab.get([name], csr=csr), [name])
        self.assertEqual(self.replacing(name), [None, None])


if __name__ == "__main__":
    main()
