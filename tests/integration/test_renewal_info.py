"""Goal: get renewal-info says when the CA wants a certificate renewed (RFC 9773), and asks it no more than it wants."""

import json
import time

from lab import LabOptions, MoreOptions, pki, wait_until
from support import INPUT, LabCase, OK, POLICY, UNAVAILABLE, main

NAME = "www.example.org"


class RenewalCase(LabCase):
    def issue(self, name: str = NAME) -> str:
        answer = self.lab.get([name])
        self.assert_issued(answer, [name])
        return answer.stdout

    def ask(self, chain: str, domains: str = NAME) -> dict[str, object]:
        answer = self.lab.shell("get", "renewal-info", domains=domains, data=chain)
        return json.loads(self.assert_status(answer, OK).stdout)


class Renewal(RenewalCase):
    options = LabOptions(more=MoreOptions(retry_after=21600))

    def test_window(self) -> None:
        chain = self.issue()
        identifier, start = self.lab.more.id_of(chain), time.time() + 86400
        self.lab.more.set_window(identifier, start, start + 86400, "https://ca.example/why")
        asked = len(self.lab.more.asked)
        info = self.ask(chain)
        window = self.lab.more.issued[identifier].window
        self.assertEqual(info["suggestedWindow"], window["suggestedWindow"])
        self.assertEqual(info["explanationURL"], "https://ca.example/why")
        self.assertEqual(self.lab.more.asked[asked:], [f"/renewal-info/{identifier}"])
        with self.subTest("not asked again before Retry-After, nor by the next process"):
            self.assertEqual(self.ask(pki.split_chain(chain)[0]), info)
            self.lab.server.wait_role("issuer", self.lab.server.kill("issuer"))
            self.assertEqual(self.ask(chain), info)
            self.assertEqual(len(self.lab.more.asked), asked + 1)
        row = self.lab.server.ctl("certificates", NAME)["certificates"][0]["renewal"]
        self.assertEqual({"start": row["start"], "end": row["end"]}, info["suggestedWindow"])
        self.assertTrue(row["start"] <= row["moment"] <= row["end"])
        self.assertEqual(self.lab.more.violations, [])

    def test_asked_about_what_is_given_again(self) -> None:
        """Who sends the same request again has the CA asked, and gets another certificate once that is wanted."""
        name = "host02.example.org"
        words = {"domains": name, "data": self.lab.csr([name])}
        first = self.lab.shell("get", "certificate", **words).stdout
        identifier = self.lab.more.id_of(first)
        self.lab.more.set_window(identifier, time.time() - 7200, time.time() - 3600)
        self.assertEqual(self.lab.shell("get", "certificate", **words).stdout, first)
        wait_until(lambda: self.lab.server.ctl("certificates", name)["certificates"][0]["renewal"] is not None,
                   "the window is on record")
        second = self.assert_status(self.lab.shell("get", "certificate", **words), OK).stdout
        self.assertNotEqual(second, first)
        self.assertEqual(self.lab.more.issued[identifier].replaced_by is not None, True)

    def test_not_theirs(self) -> None:
        chain = self.issue("mail.example.org")
        answer = self.lab.shell("get", "renewal-info", domains=NAME, data=chain)
        self.assertIn("mail.example.org", self.assert_status(answer, POLICY).stderr)

    def test_not_ours(self) -> None:
        foreign = pki.openssl("req", "-x509", "-new", "-key", self.lab.key(), "-subj", "/CN=x", "-days", "2",
                              "-addext", f"subjectAltName=DNS:{NAME}").decode()
        asked = len(self.lab.more.asked)
        answer = self.lab.shell("get", "renewal-info", domains=NAME, data=foreign)
        self.assertIn("not issued by way of this server", self.assert_status(answer, INPUT).stderr)
        self.assert_status(self.lab.shell("get", "renewal-info", domains=NAME, data="nonsense"), INPUT)
        self.assertEqual(len(self.lab.more.asked), asked)

    def test_broken(self) -> None:
        """What is no answer is not taken, and the CA is left alone for a while (RFC 9773 4.2, 4.3.3)."""
        chain = self.issue("host01.example.org")
        start = time.time()
        self.lab.more.set_window(self.lab.more.id_of(chain), start + 60, start)
        asked = len(self.lab.more.asked)
        for text in ("ends before it starts", "asked again after"):
            answer = self.lab.shell("get", "renewal-info", domains="host01.example.org", data=chain)
            self.assertIn(text, self.assert_status(answer, UNAVAILABLE).stderr)
        self.assertEqual(len(self.lab.more.asked), asked + 1)


class Without(RenewalCase):
    options = LabOptions(more=MoreOptions(renewal_info=False))

    def test_none(self) -> None:
        answer = self.lab.shell("get", "renewal-info", domains=NAME, data=self.issue())
        self.assertIn("has no renewal information", self.assert_status(answer, INPUT).stderr)


if __name__ == "__main__":
    main()
