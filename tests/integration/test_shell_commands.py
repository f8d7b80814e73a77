"""Goal: each command of certmill-shell does what it says, with its documented exit status."""

from lab import LabOptions, pki
from support import INPUT, LabCase, NO_SERVER, OK, main


class ShellCommands(LabCase):
    options = LabOptions(sshd=True)

    def run_ok(self, *words: str, data: str = "") -> str:
        return self.assert_status(self.lab.shell(*words, domains="www.example.org", data=data), OK).stdout

    def test_ping(self) -> None:
        self.assertEqual(self.run_ok("ping"), "pong\n")

    def test_help_and_version(self) -> None:
        for word in ("get certificate", "show csr", "ping", "--preferred-chain"):
            self.assertIn(word, self.run_ok("help"))
        self.assertRegex(self.run_ok("version"), r"\d+\.\d+")

    def test_show_csr(self) -> None:
        csr = self.lab.csr(["www.example.org", "a.b.example.net"], cn="www.example.org")
        text = self.run_ok("show", "csr", data=csr)
        for word in ("www.example.org", "a.b.example.net"):
            self.assertIn(word, text)
        self.assert_status(self.lab.shell("show", "csr", domains="x.example", data="nonsense"), INPUT)

    def test_show_certificate(self) -> None:
        chain = self.lab.get(["www.example.org"]).stdout
        text = self.run_ok("show", "certificate", data=chain)
        self.assertIn("www.example.org", text)
        self.assertIn("Pebble", text)
        self.assert_status(self.lab.shell("show", "certificate", domains="x.example", data="nonsense"), INPUT)

    def test_show_acmeaccount(self) -> None:
        self.lab.get(["www.example.org"])
        account = r"(?m)^  Account URL: https://localhost:\d+/my-account/\S+$"
        self.assertRegex(self.run_ok("show", "acmeaccount"), account)

    def test_show_configuration(self) -> None:
        text = self.run_ok("show", "configuration")
        self.assertIn("acme.example.com", text)
        self.assertNotIn("PRIVATE", text)

    def test_ocsp_where_there_is_none(self) -> None:
        chain = self.lab.get(["www.example.org"]).stdout
        answer = self.lab.shell("get", "ocsp", domains="www.example.org", data=chain)
        self.assertNotEqual(answer.status, OK, "Pebble has no responder")
        self.assertIn("OCSP", answer.stderr)
        self.assert_status(self.lab.shell("get", "ocsp", domains="www.example.org", data="nonsense"), INPUT)

    def test_no_server(self) -> None:
        answer = self.lab.shell("--socket", str(self.lab.folder / "none.sock"), "ping", domains="www.example.org")
        self.assert_status(answer, NO_SERVER)
        self.assertIn("none.sock", answer.stderr)

    def test_stdin_that_never_comes(self) -> None:
        answer = self.lab.shell("get", "certificate", domains="www.example.org")
        self.assert_status(answer, INPUT)

    def test_log_level(self) -> None:
        quiet = self.lab.shell("--log-level", "ERROR", "get", "certificate", domains="www.example.org",
                               data=self.lab.csr(["www.example.org"]))
        self.assert_issued(quiet, ["www.example.org"])
        self.assertEqual(quiet.stderr, "")

    def test_as_the_original_client_asks(self) -> None:
        client = self.lab.sshd.add_client("original", "www.example.org")
        answer = self.lab.ssh(client, "--log-level", "INFO", "--acme-server-url", self.lab.ca.url, "get", "certificate",
                              data=pki.csr(self.lab.key("rsa4096"), ["www.example.org"], cn="www.example.org"))
        self.assertEqual(answer.status, OK, answer.stderr)
        self.assertTrue(answer.stdout.startswith("-----BEGIN CERTIFICATE-----\n"))
        self.assertEqual(self.lab.ssh(client, "--log-level", "INFO", "ping").stdout, "pong\n")


if __name__ == "__main__":
    main()
