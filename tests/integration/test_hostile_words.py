"""Goal: no word in SSH_ORIGINAL_COMMAND makes certmill-shell do more than it should; each refused word is named."""

from pathlib import Path

from lab import LabOptions
from support import LabCase, OK, USAGE, main


class HostileWords(LabCase):
    options = LabOptions(sshd=True, proxy=True)

    def refused(self, command: str, named: str) -> None:
        with self.subTest(command):
            before = len(self.lab.proxy.seen)
            answer = self.assert_status(self.lab.shell(domains="www.example.org", command=command), USAGE)
            self.assertIn(named, answer.stderr)
            self.assertEqual(self.lab.proxy.seen[before:], [])

    def test_shell_metacharacters(self) -> None:
        target = Path(self.lab.folder, "broken-in")
        for command in (f"ping; touch {target}", f"ping && touch {target}", f"$(touch {target})", f"`touch {target}`",
                        f"ping | tee {target}", f"ping > {target}", f"get certificate\ntouch {target}",
                        f"--log-level $(touch {target}) ping"):
            with self.subTest(command):
                answer = self.lab.shell(domains="www.example.org", command=command)
                self.assertEqual(answer.status, USAGE, answer.stderr)
                self.assertEqual(answer.stdout, "")
                self.assertFalse(target.exists())

    def test_server_options(self) -> None:
        for word in ("--socket", "--domains", "--client", "--certbot-command", "--auth-hook", "--config", "--config-file",
                     "--state-dir", "--acme-ca-file", "--skip-acme-server-cert-verify", "-c", "--help-me", "--"):
            self.refused(f"{word} /tmp/x get certificate", word)
            self.refused(f"get certificate {word}", word)
            if word.startswith("--") and len(word) > 2:
                self.refused(f"{word}=x ping", word)

    def test_other_words(self) -> None:
        for command, named in (("bash -i", "-i"), ("bash", "bash"), ("get", "get"), ("get everything", "everything"),
                               ("ping ping", "ping"), ("show", "show"), ("get certificate please", "please"),
                               ("revoke", "revoke"), ("revoke everything", "everything"),
                               ("revoke signed twice", "twice"), ("revoke request --reason", "--reason"),
                               ("revoke request --key /tmp/x", "--key"), ("../../bin/sh", "../../bin/sh"), ("--log-level LOUD ping", "LOUD")):
            self.refused(command, named)

    def test_odd_bytes(self) -> None:
        for command in ("\x1b[31mping", "ping\x07", "p\ting\u202e", "x" * 100_000, "--" * 50_000, "'ping", '"', "\\"):
            with self.subTest(command[:20]):
                answer = self.assert_status(self.lab.shell(domains="a.example.org", command=command), USAGE)
                self.assertNotIn("\x1b", answer.stderr)
                self.assertNotIn("\x07", answer.stderr)
                self.assertLess(len(answer.stderr), 10_000)

    def test_arguments_do_not_add_to_the_original_command(self) -> None:
        answer = self.assert_status(self.lab.shell("show", "configuration", command="ping"), OK)
        self.assertEqual(answer.stdout.strip(), "pong")

    def test_over_ssh(self) -> None:
        client = self.lab.sshd.add_client("nosy", "www.example.org")
        answer = self.lab.ssh(client, "--socket", "/tmp/x", "ping")
        self.assertEqual((answer.status, answer.stdout), (USAGE, ""))
        self.assertIn("--socket", answer.stderr)
        answer = self.lab.ssh(client, "id;", "cat", "/etc/passwd")
        self.assertEqual((answer.status, answer.stdout), (USAGE, ""))
        self.assertEqual(self.lab.ssh(client, "ping").stdout, "pong\n")

    def test_server_url_that_is_not_configured(self) -> None:
        csr = self.lab.csr(["www.example.org"])
        for url in ("https://evil.example/dir", "file:///etc/passwd", "http://localhost/", "x"):
            with self.subTest(url):
                answer = self.lab.shell("--acme-server-url", url, "get", "certificate", domains="www.example.org",
                                        data=csr)
                self.assertNotEqual(answer.status, OK)
                self.assertEqual(answer.stdout, "")
                self.assertIn(url, answer.stderr)
        answer = self.lab.shell("--acme-server-url", self.lab.proxy.url, "get", "certificate",
                                domains="www.example.org", data=csr)
        self.assert_issued(answer, ["www.example.org"])

    def test_permitted_options(self) -> None:
        csr = self.lab.csr(["www.example.org"])
        for command in ("--log-level DEBUG get certificate",
                        "--log-level=ERROR --preferred-chain Some_Root get certificate",
                        f"--log-level INFO --acme-server-url {self.lab.proxy.url} get certificate"):
            with self.subTest(command):
                self.assert_issued(self.lab.shell(domains="www.example.org", command=command, data=csr),
                                   ["www.example.org"])


if __name__ == "__main__":
    main()
