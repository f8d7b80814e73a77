"""Goal: whatever a CA answers, the client learns it in words, and a passing fault does not fail the order."""

import json

from lab import CaOptions, Fault, LabOptions, wait_until
from support import CA, LabCase, UNAVAILABLE, main

NAMES = ["www.example.org"]
PROBLEM = "application/problem+json"


class CaErrors(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))

    def strike(self, **fault: object) -> Fault:
        return self.lab.proxy.add(Fault(**fault))  # type: ignore[arg-type]

    def test_500_for_ever(self) -> None:
        for path in ("/order-plz", "/authZ/", "/finalize-order/"):
            with self.subTest(path):
                self.lab.proxy.clear()
                self.strike(path=path, status=500, body=b"<html>out of order</html>", content_type="text/html")
                answer = self.assert_status(self.lab.get(NAMES), UNAVAILABLE)
                self.assertIn("500", answer.stderr)
                self.assert_no_challenge(*NAMES)

    def test_issued_but_500_for_long(self) -> None:
        """What the CA has issued is asked for again and again."""
        fault = self.strike(path="/certZ/", status=500, body=b"out of order")
        client = self.lab.spawn(["--force", "get", "certificate"], NAMES[0], self.lab.csr(NAMES))
        fault.wait_reached()
        wait_until(lambda: sum("/certZ/" in path for _, path in self.lab.proxy.seen) > 3, "asked several times", 60)
        self.assertEqual(self.lab.server.orders()[0]["state"], "downloading")
        self.lab.proxy.clear()
        self.assert_issued(self.lab.collect(client), NAMES)

    def test_500_once(self) -> None:
        for path in ("/nonce-plz", "/order-plz", "/authZ/", "/chalZ/", "/finalize-order/", "/certZ/"):
            with self.subTest(path):
                self.lab.proxy.clear()
                self.strike(path=path, status=503, times=1, body=b"later", headers={"Retry-After": "1"})
                self.assert_issued(self.lab.get(NAMES), NAMES)

    def test_connection_lost_once(self) -> None:
        for path in ("/authZ/", "/certZ/"):
            with self.subTest(path):
                self.lab.proxy.clear()
                self.strike(path=path, times=1, drop=True)
                self.assert_issued(self.lab.get(NAMES), NAMES)

    def test_problem_with_subproblems(self) -> None:
        body = json.dumps({
            "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "Not for you at all", "status": 403,
            "subproblems": [{"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "On the list of shame",
                             "identifier": {"type": "dns", "value": "www.example.org"}}]}).encode()
        self.strike(path="/order-plz", status=403, body=body, content_type=PROBLEM)
        answer = self.assert_status(self.lab.get(NAMES), CA)
        for words in ("rejectedIdentifier", "Not for you at all", "On the list of shame", "www.example.org"):
            self.assertIn(words, answer.stderr)

    def test_control_characters_are_shown_not_sent(self) -> None:
        body = json.dumps({"type": "urn:ietf:params:acme:error:malformed", "status": 400,
                           "detail": "red \x1b[31m alert\n2026-01-01 00:00:00 +0000 forged ERROR line"}).encode()
        self.strike(path="/order-plz", status=400, body=body, content_type=PROBLEM)
        answer = self.assert_status(self.lab.get(NAMES), CA)
        self.assertNotIn("\x1b", answer.stderr)
        self.assertNotRegex(answer.stderr, r"(?m)^2026-01-01 00:00:00")
        self.assertNotIn("\x1b", self.lab.server.log_text())

    def test_not_acme(self) -> None:
        for body in (b"", b"<html></html>", b"[]", b"null", b'{"status":', b'{"status":"pending"}',
                     b'{"status":7,"authorizations":"x"}', b'{"status":"pending","authorizations":[],"finalize":"x"}',
                     b'{"a":' * 5000, b"\xff\xfe\x00", b"x" * (2 << 20)):
            with self.subTest(body[:40]):
                self.lab.proxy.clear()
                self.strike(path="/order-plz", rewrite=lambda _, body=body: body)
                answer = self.lab.get(NAMES)
                self.assertIn(answer.status, (CA, UNAVAILABLE), answer.stderr)
                self.assertTrue(answer.stderr)
        self.lab.proxy.clear()
        self.assert_issued(self.lab.get(NAMES), NAMES)

    def test_token_of_foreign_letters(self) -> None:
        def spoil(body: bytes) -> bytes:
            answer = json.loads(body)
            for challenge in answer["challenges"]:
                challenge["token"] = "../../etc/passwd\n$(id)"
            return json.dumps(answer).encode()
        names = ["host01.example.org"]  # not validated before, so that there is a challenge for certain
        self.strike(path="/authZ/", rewrite=spoil)
        answer = self.lab.get(names)
        self.assertIn(answer.status, (CA, UNAVAILABLE), answer.stderr)
        self.assertIn("token", answer.stderr)
        self.assert_no_challenge(*names)

    def test_unknown_challenge_types_are_passed_over(self) -> None:
        def add(body: bytes) -> bytes:
            answer = json.loads(body)
            unknown = {"type": "dns-persist-99", "url": "https://localhost/x", "status": "pending"}
            answer["challenges"].insert(0, unknown)
            return json.dumps(answer).encode()
        self.strike(path="/authZ/", rewrite=add)
        self.assert_issued(self.lab.get(NAMES), NAMES)

    def test_certificate_for_another_key(self) -> None:
        other = self.lab.get(["mail.example.org"], key="p384").stdout
        self.strike(path="/certZ/", rewrite=lambda _: other.encode())
        answer = self.lab.get(NAMES)
        self.assertNotEqual(answer.status, 0, "a chain that does not fit the CSR is not handed out")
        self.assertEqual(answer.stdout, "")


if __name__ == "__main__":
    main()
