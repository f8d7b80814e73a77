"""Goal: DNS cookies of every length (RFC 7873), and beside other makes of server with the same secret (RFC 9018)."""

import secrets
import struct
import unittest

from conformance import BADCOOKIE, FORMERR, HEADER, RICH, Edns, SoloCase, message, option
from lab import dns, dnsmsg, peers, tools
from lab.dnsmsg import Message

COOKIE = 10
CLIENT = bytes.fromhex("2464c4abcf10c957")


def cookie_of(found: Message) -> bytes | None:
    """The cookie of an answer."""
    return found.opt.option(COOKIE) if found.opt else None


class CookieCase(SoloCase):
    secret = secrets.token_hex(16)

    def ask(self, cookie: bytes, tcp: bool = False, name: str = RICH) -> Message:
        """A question with an option of these octets."""
        return (self.tcp if tcp else self.udp)(message(name, edns=Edns(options=option(COOKIE, cookie))))


class On(CookieCase):
    config = {"dns-cookies": "on"}

    def test_rfc7873_a_cookie_for_a_cookie(self) -> None:
        """RFC 7873 5.2.3, RFC 9018 4: to a client's cookie an answer and ours: version 1, reserved 0, 16 octets."""
        for tcp in (False, True):
            found = self.ask(CLIENT, tcp)
            cookie = cookie_of(found) or b""
            self.assertEqual((found.rcode, len(found.answer), len(cookie)), (0, 1, 24), str(found))
            self.assertEqual((cookie[:8], cookie[8:12]), (CLIENT, b"\1\0\0\0"))

    def test_rfc7873_valid(self) -> None:
        """RFC 7873 5.2.5: our own, sent back while fresh, stays."""
        cookie = cookie_of(self.ask(CLIENT)) or b""
        self.assertEqual(cookie_of(self.ask(cookie)), cookie)
        self.assertIn("(good)", tools.dig(self.port, "+cookie", RICH, "SOA").text)

    def test_rfc7873_invalid(self) -> None:
        """RFC 7873 5.2.4: one that is not ours is answered all the same here, with a good one beside."""
        for wrong in (CLIENT + b"\0" * 8, CLIENT + b"\1" * 32, CLIENT + secrets.token_bytes(16)):
            found = self.ask(wrong)
            cookie = cookie_of(found) or b""
            self.assertEqual((found.rcode, len(found.answer), cookie[:8], len(cookie)), (0, 1, CLIENT, 24))
            self.assertNotEqual(cookie, wrong)

    def test_rfc7873_lengths(self) -> None:
        """RFC 7873 5.2.2: 8, or 16 to 40 octets; any other length is FORMERR."""
        for length in (*range(0, 8), *range(9, 16), 41, 100):
            self.assertEqual(self.ask(b"x" * length).rcode, FORMERR, length)
        for length in (8, *range(16, 41)):
            self.assertEqual(self.ask(b"x" * length).rcode, 0, length)

    def test_rfc7873_no_cookie_unasked(self) -> None:
        """RFC 7873 5.2.1: without the option none is sent, with OPT or without."""
        self.assertIsNone(cookie_of(self.udp(message(RICH, edns=Edns()))))

    def test_rfc7873_a_question_about_the_cookie(self) -> None:
        """RFC 7873 5.4: no question but a cookie: NOERROR and ours."""
        wire = HEADER.pack(1, 0, 0, 0, 0, 1) + Edns(options=option(COOKIE, CLIENT)).record()
        found = self.udp(wire)
        self.assertEqual((found.rcode, found.question, len(cookie_of(found) or b"")), (0, b"", 24))

    def test_rfc7873_in_errors(self) -> None:
        """RFC 7873 5.2: whatever the answer, the cookie is there."""
        for name, rcode in (("example.net", 5), (f"nothing.{RICH}", 3), (f"x.sub.{RICH}", 0)):
            found = self.ask(CLIENT, name=name)
            self.assertEqual((found.rcode, len(cookie_of(found) or b"")), (rcode, 24))

    def test_rfc9018_bound_to_the_address(self) -> None:
        """RFC 9018 4.4: the client's address is part of it."""
        cookie = cookie_of(self.ask(CLIENT)) or b""
        answer = dns.ask_udp(message(RICH, edns=Edns(options=option(COOKIE, cookie))), self.port, "::1")
        if answer is not None:  # a host without IPv6 has but one address here
            self.assertNotEqual(cookie_of(dnsmsg.parse(answer)), cookie)


class Enforced(CookieCase):
    config = {"dns-cookies": "enforce"}

    def peer_cookie(self, port: int, cookie: bytes = CLIENT) -> Message:
        """What another server says to a cookie."""
        answer = dns.ask_udp(message(RICH, edns=Edns(options=option(COOKIE, cookie))), port)
        self.assertIsNotNone(answer)
        return dnsmsg.parse(answer or b"")

    def test_rfc9018_nsd_and_knot(self) -> None:
        """RFC 9018 3, 4: NSD and Knot with the same secret take our cookies for theirs, and we theirs for ours."""
        files = {RICH: self.solo.folder / f"{RICH}.zone"}
        knot_module = f"mod-cookies:\n  - id: shared\n    secret: 0x{self.secret}\n    badcookie-slip: 1\n"
        made = [peers.nsd(self.solo.folder / "nsd", self.solo.take_port(), files,
                          f'  answer-cookie: yes\n  cookie-secret: "{self.secret}"\n'
                          f'  cookie-secret-file: "{self.solo.folder}/none"\n'),
                peers.knot(self.solo.folder / "knot", self.solo.take_port(), files,
                           knot_module, "    global-module: mod-cookies/shared\n")]
        for peer in made:
            peer.process.start()
            self.addCleanup(peer.process.stop)
        for peer in made:
            peer.process.wait_ready(peer.ready)
            with self.subTest(peer.name):
                theirs = cookie_of(self.peer_cookie(peer.port)) or b""
                self.assertEqual((len(theirs), theirs[:12]), (24, CLIENT + b"\1\0\0\0"))
                found = self.ask(theirs)
                self.assertEqual((found.rcode, len(found.answer), cookie_of(found)), (0, 1, theirs))
                ours = cookie_of(self.ask(CLIENT)) or b""
                found = self.peer_cookie(peer.port, ours)
                self.assertEqual((found.rcode, len(found.answer)), (0, 1), str(found))
                if peer.name == "nsd":  # it judges by keeping the cookie; Knot by BADCOOKIE
                    self.assertEqual(cookie_of(found), ours)

    def test_rfc7873_badcookie(self) -> None:
        """RFC 7873 5.2.3, 5.2.4: where enforced, BADCOOKIE over UDP until ours comes back, and no answer beside it."""
        for sent in (CLIENT, CLIENT + secrets.token_bytes(16)):
            found = self.ask(sent)
            self.assert_empty(found, BADCOOKIE)
            good = cookie_of(found) or b""
            self.assertEqual((self.ask(good).rcode, len(good)), (0, 24))
            self.assertEqual(self.ask(sent, tcp=True).rcode, 0, "over TCP the address is proven")
        for tool in (tools.dig, tools.kdig):
            self.assertEqual(tool(self.port, "+cookie=2464c4abcf10c957", "+nobadcookie", RICH, "SOA").status,
                             "BADCOOKIE")
            again = tool(self.port, "+cookie=2464c4abcf10c957", "+badcookie", RICH, "SOA")
            self.assertIn("status: NOERROR", again.text)

    def test_rfc7873_clients_without_cookies(self) -> None:
        """RFC 7873 5.2.1: who knows nothing of cookies is answered as ever."""
        self.expect("ptr", "PTR", answer=[f"ptr.{RICH}. 3600 IN PTR www.{RICH}."], authority=(), additional=None)


class Off(SoloCase):
    config = {"dns-cookies": "off"}

    def test_rfc7873_off(self) -> None:
        """RFC 7873 5.2: off, the option is one like others that we do not know: of any length, and not echoed."""
        for length in (0, 7, 8, 24, 41):
            found = self.udp(message(RICH, edns=Edns(options=option(COOKIE, b"x" * length))))
            self.assertEqual((found.rcode, len(found.answer), cookie_of(found)), (0, 1, None))


if __name__ == "__main__":
    unittest.main(verbosity=2)
