"""Goal: a configuration that cannot be right ends the start with status 2, the place, and the cure."""

import os
import unittest
from pathlib import Path

from lab import LabOptions
from support import LabCase, main


class BadConfig(LabCase):
    options = LabOptions(serve=False)

    def refused(self, text: str | None, *said: str, words: tuple[str, ...] = ()) -> None:
        self.lab.server.write_config(text)
        done = self.lab.server.run_to_end(*words)
        self.assertEqual(done.returncode, 2, done.stderr)
        for word in said:
            self.assertRegex(done.stderr, word)

    def config(self) -> str:
        self.lab.server.write_config()
        return self.lab.server.config_file.read_text()

    def test_unknown_key(self) -> None:
        good = self.config()
        line = good.count("\n") + 1
        self.refused(good + "acme-mail: x\n", rf"certmilld\.yaml:{line}:1", "acme-mail", "acme-email")
        self.refused(good + "log_levle: INFO\n", rf":{line}:1", "log-level")

    def test_wrong_type(self) -> None:
        good = self.config()
        line = good.count("\n") + 1
        for text, said in (("staging: perhaps", "staging"), ("syslog-facility: [a, b]", "syslog-facility"),
                           ("preferred-chain: {a: b}", "preferred-chain")):
            with self.subTest(text):
                self.refused(f"{good}{text}\n", rf"certmilld\.yaml:{line}:\d+", said)
        self.refused(good.replace("dns-threads: 2", "dns-threads: many"), r":\d+:14", "dns-threads")
        self.refused(good.replace("dns-threads: 2", "dns-threads: -1"), r":\d+:14", "dns-threads")
        self.refused(good.replace('log-level: "DEBUG"', "log-level: LOUD"), r":\d+:\d+", "DEBUG")
        self.refused(good.replace("dns-threads: 2", "zones: yes"), r":\d+:\d+", "zones")

    def test_tab(self) -> None:
        self.refused(self.config() + "staging:\ttrue\n", r"certmilld\.yaml:\d+:\d+", "(?i)tab")
        self.refused("zones:\n\t- name: a.example\n", r"certmilld\.yaml:2:\d+", "(?i)tab")

    def test_broken_yaml(self) -> None:
        self.refused('dns-listen: ["127.0.0.1:53"\nx', r"certmilld\.yaml:\d+:\d+")
        self.refused("- a\n- b\n", r"certmilld\.yaml:1:1")
        self.refused("staging: true\nstaging: false\n", r"certmilld\.yaml:2:1", "staging")
        self.refused(os.urandom(64).hex() + ": {{{{\n", r"certmilld\.yaml:1:\d+")

    def test_missing_file(self) -> None:
        server = self.lab.server
        server.config_file.unlink(missing_ok=True)
        done = server.run_to_end()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(str(server.config_file), done.stderr)

    def test_unreadable_file(self) -> None:
        server = self.lab.server
        server.config_file.unlink(missing_ok=True)
        server.config_file.mkdir()
        self.addCleanup(server.config_file.rmdir)
        done = server.run_to_end()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(str(server.config_file), done.stderr)

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_file_without_permission(self) -> None:
        server = self.lab.server
        server.write_config()
        server.config_file.chmod(0)
        self.addCleanup(server.config_file.chmod, 0o600)
        done = server.run_to_end()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(str(server.config_file), done.stderr)

    def test_zone_that_is_not_a_name(self) -> None:
        good = self.config()
        for name in ("not a name", "a..b", "x" * 64 + ".example", ".", "-"):
            with self.subTest(name):
                self.refused(good.replace("acme.example.com", name, 1), r"certmilld\.yaml:\d+:\d+|zones", "name")

    def test_no_zone(self) -> None:
        self.refused("dns-listen: 127.0.0.1:5399\n", "zone")

    def test_addresses(self) -> None:
        good = self.config()
        for address in ("127.0.0.1", "127.0.0.1:99999", "[::1:53", "example.org:53", ":::"):
            with self.subTest(address):
                self.refused(good.replace("127.0.0.1:", f"{address}#", 1).replace(f'{address}#{self.lab.server.port}',
                             address, 1), r"certmilld\.yaml:1:\d+", "dns-listen")

    def test_server_url(self) -> None:
        good = self.config()
        for url in ("localhost:14000", "ftp://localhost/", "http://localhost/dir", "https://"):
            with self.subTest(url):
                self.refused(good.replace(self.lab.ca.url, url), r"certmilld\.yaml:\d+:\d+", "acme-server-url")

    def test_environment_and_option(self) -> None:
        server = self.lab.server
        self.refused(None, "--dns-threads", words=("--dns-threads", "none"))
        self.refused(None, "--dns-thread", "dns-threads", words=("--dns-thread", "1"))
        server.env = {"CERTMILLD_DNS_THREADS": "none"}
        self.addCleanup(server.env.clear)
        self.refused(None, "CERTMILLD_DNS_THREADS")

    def test_order_of_precedence(self) -> None:
        server = self.lab.server
        server.config["log-format"] = "text"
        server.env = {"CERTMILLD_LOG_FORMAT": "json"}
        self.addCleanup(lambda: server.config.pop("log-format"))
        server.start()
        server.wait_ready()
        server.stop()
        self.assertIn('"level"', server.log_text().splitlines()[-1], "the environment wins over the file")
        server.argv = ["--log-format", "text"]
        server.start()
        server.wait_ready()
        server.stop()
        server.env.clear()
        server.argv = []
        self.assertRegex(server.log_text().splitlines()[-1], r"^\d{4}-", "the option wins over both")

    def test_users_are_apart(self) -> None:
        good = self.config()
        for line in ('user: "daemon"', 'dns-user: "nobody"', 'signer-user: "bin"'):
            good = good.replace(f"\n{line}\n", "\n")
        self.refused(good + "dns-user: bin\nsigner-user: bin\n", r"certmilld\.yaml: dns-user and signer-user are both bin")

    @unittest.skipUnless(os.geteuid() == 0, "users are changed as root only")
    def test_users_that_cannot_be(self) -> None:
        good = self.config()
        for user, said in (("root", "dns-user is root, who is root: name an ordinary user"),
                           ("nobody-knows-me", "the user nobody-knows-me does not exist.*adduser")):
            with self.subTest(user):
                self.refused(good.replace('dns-user: "nobody"', f'dns-user: "{user}"'), said)

    def test_key_that_others_can_read(self) -> None:
        server = self.lab.server
        server.config["acme-email"] = "hostmaster@example.org"
        server.start()
        server.wait_ready()
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])
        server.stop()
        keys = [path for path in Path(server.state_dir).rglob("*")
                if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
        self.assertTrue(keys)
        for path in keys:
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
            path.chmod(0o644)
        server.start()
        server.wait_ready()
        answer = self.lab.get(["www.example.org"])
        self.assertEqual((answer.status, answer.stdout), (1, ""), answer.stderr)
        self.assertIn(keys[0].name, server.log_text())
        server.stop()
        for path in keys:
            path.chmod(0o600)


if __name__ == "__main__":
    main()
