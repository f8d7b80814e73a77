"""Goal: DNS cookies (RFC 7873, 9018): made, accepted, shared by servers with one secret, kept over a roll-over."""

import re
import secrets
from pathlib import Path

from lab import ZONE, LabOptions, dns, wait_until
from lab.server import Server
from support import LabCase, main


class Cookies(LabCase):
    options = LabOptions(serve=False)

    def setUp(self) -> None:
        self.file = Path(self.lab.folder, "cookie-secrets")
        self.secret = self.new_secret()
        self.write(self.secret)
        self.server = self.prepare(self.lab.server)
        self.server.start()
        self.server.wait_ready()
        self.addCleanup(self.server.stop)

    def prepare(self, server: Server) -> Server:
        server.config.update({"dns-cookies": "enforce", "dns-cookie-secret-file": str(self.file)})
        return server

    @staticmethod
    def new_secret() -> str:
        return secrets.token_hex(16)

    def write(self, *lines: str, mode: int = 0o640) -> None:
        self.file.write_text("# made for this test\n" + "".join(f"{line}\n" for line in lines))
        self.file.chmod(mode)

    def roll(self, *lines: str) -> None:
        """Takes over these secrets by SIGHUP."""
        self.write(*lines)
        mark = len(self.server.log_text())
        self.server.reload()
        wait_until(lambda: "is in use" in self.server.log_text()[mark:], "reloaded")

    def ask(self, cookie: str = "", server: Server | None = None) -> tuple[str, str]:
        """RCODE and cookie of an answer to a question with this cookie, or a client cookie alone."""
        word = f"+cookie={cookie}" if cookie else "+cookie"
        answer = dns.dig("+norec", "+nobadcookie", word, ZONE, "SOA", port=(server or self.server).port)
        rcode, found = re.search(r"status: (\w+)", answer), re.search(r"; COOKIE: ([0-9a-f]+)", answer)
        self.assertTrue(rcode and found, answer)
        return rcode[1], found[1]

    def get(self) -> str:
        """A whole cookie, client part and server part (RFC 9018 4: 8 and 16 octets)."""
        rcode, cookie = self.ask()
        self.assertEqual((rcode, len(cookie)), ("BADCOOKIE", 48))
        return cookie

    def accepted(self, cookie: str, server: Server | None = None) -> bool:
        rcode, _ = self.ask(cookie, server)
        self.assertIn(rcode, ("NOERROR", "BADCOOKIE"))
        return rcode == "NOERROR"

    def until_accepted(self, cookie: str) -> None:
        """dnsd has taken the secrets over once it accepts it: its workers do so one after the other."""
        for _ in range(20):
            wait_until(lambda: self.accepted(cookie), "the cookie is accepted")

    def until_refused(self, cookie: str) -> None:
        for _ in range(20):
            wait_until(lambda: not self.accepted(cookie), "the cookie is refused")

    def test_made_and_accepted(self) -> None:
        """RFC 7873 5.2, RFC 9018 4."""
        cookie = self.get()
        self.assertEqual(cookie[16:18], "01", "version 1")
        self.assertEqual(self.ask(cookie), ("NOERROR", cookie), "young enough to stay")
        self.assertFalse(self.accepted(cookie[:-1] + ("0" if cookie[-1] != "0" else "1")))
        self.assertTrue(self.get())
        answer = dns.dig("+norec", "+nocookie", ZONE, "SOA", port=self.server.port)
        self.assertIn("NOERROR", answer, "who knows nothing of cookies is answered")
        answer = dns.dig("+norec", "+tcp", "+cookie", ZONE, "SOA", port=self.server.port)
        self.assertIn("NOERROR", answer, "RFC 7873 5.2.3: over TCP the address is no forgery")

    def test_roll_over(self) -> None:
        """RFC 9018 5: the new secret is added, made the first, and the old one removed; no client notices."""
        new = self.new_secret()
        old_cookie = self.get()
        self.roll(new, self.secret)
        for _ in range(20):
            self.assertTrue(self.accepted(old_cookie), "at no time refused")
        found = self.ask(old_cookie)

        def renewed() -> bool:
            nonlocal found
            found = self.ask(old_cookie)
            return found[1] != old_cookie
        wait_until(renewed, "a cookie of the new secret in its place")
        rcode, new_cookie = found
        self.assertEqual((rcode, new_cookie[:16]), ("NOERROR", old_cookie[:16]))
        self.until_accepted(new_cookie)
        self.roll(new)
        self.until_refused(old_cookie)
        self.assertTrue(self.accepted(new_cookie))

    def test_dnsd_dies(self) -> None:
        """One that is started again has the secrets that are in force, not what the file says by then."""
        cookie = self.get()
        self.write(self.new_secret())
        self.server.wait_role("dnsd", self.server.kill("dnsd"))
        wait_until(lambda: "NOERROR" in dns.dig("+norec", "+nocookie", ZONE, "SOA", port=self.server.port), "an image")
        self.assertTrue(self.accepted(cookie))

    def test_two_servers(self) -> None:
        """RFC 9018 3: servers that share the secret accept each other's cookies; others do not."""
        folder = Path(self.lab.folder, "second")
        folder.mkdir()
        second = self.prepare(Server(folder, self.lab.take_port(), self.lab.ca.url, self.lab.ca.ca_file, ZONE))
        second.start()
        self.addCleanup(second.stop)
        second.wait_ready()
        cookie = self.get()
        self.assertTrue(self.accepted(cookie, second))
        self.assertTrue(self.accepted(self.ask(server=second)[1]))
        second.stop()
        second.config.pop("dns-cookie-secret-file")
        second.start()
        second.wait_ready()
        self.assertFalse(self.accepted(cookie, second), "a random one, where no file is named")

    def test_bad_file_at_reload(self) -> None:
        """All of the configuration is taken over or none, and the log never holds a secret."""
        cookie, new = self.get(), self.new_secret()
        server = self.server
        server.config["dns-nsid"] = "new"
        self.addCleanup(server.config.pop, "dns-nsid")
        server.write_config()
        for lines, mode, said in (((new[:-1],), 0o640, "line 2"), ((new,) * 4, 0o640, "more than 3"),
                                  ((), 0o640, "no secret"), ((new,), 0o644, "chmod o=")):
            with self.subTest(said):
                self.write(*lines, mode=mode)
                done = server.ctl_text("reload")
                self.assertEqual(done.returncode, 1)
                self.assertIn("dns-cookie-secret-file", done.stderr)
                self.assertIn(said, done.stderr)
                self.assertTrue(self.accepted(cookie))
                self.assertNotIn("NSID", dns.dig("+norec", "+nsid", "+nocookie", ZONE, "SOA", port=server.port))
        self.assertNotIn(new[:-1], server.log_text())
        self.write(self.secret)
        server.ctl("reload")
        wait_until(lambda: "NSID" in dns.dig("+norec", "+nsid", "+nocookie", ZONE, "SOA", port=server.port), "NSID told")

    def test_bad_file_at_start(self) -> None:
        self.write("this is no secret")
        done = self.server.run_to_end("--check-config")
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertRegex(done.stderr, "dns-cookie-secret-file: .*cookie-secrets: line 2: ")
        self.write(self.secret, mode=0o604)
        done = self.server.run_to_end("--check-config")
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertRegex(done.stderr, r"certmilld\.yaml:\d+:\d+: dns-cookie-secret-file: .*0604.*chmod o=")


if __name__ == "__main__":
    main()
