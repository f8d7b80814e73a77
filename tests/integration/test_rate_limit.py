"""Goal: floods are answered up to a rate; a CA's resolvers, clients with a cookie and TCP never notice."""

from __future__ import annotations

import re
import secrets
import socket
import struct
import time

from lab import ZONE, CaOptions, LabOptions, dns, target_of, wait_until
from support import LabCase, main

BURST = 200
"""What a block of addresses gets of each class at once from a worker (LIMIT_RATE_BURST)."""
WORKERS = 2
MANY = 1500


def with_cookie(name: str, cookie: str) -> bytes:
    """A query with an OPT record that has a cookie (RFC 7873 4)."""
    octets = bytes.fromhex(cookie)
    option = struct.pack("!HH", 10, len(octets)) + octets
    opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(option)) + option
    return struct.pack("!HHHHHH", secrets.randbelow(65536), 0, 1, 0, 0, 1) + dns.question(name) + opt


class Flooder:
    """One address on loopback that asks much."""

    def __init__(self, case: RateCase, address: str):
        self.case, self.port = case, case.lab.server.port
        self.address = address
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        case.addCleanup(self.sock.close)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)  # the answers to a whole round
        self.sock.bind((address, 0))
        self.sock.connect(("127.0.0.1", self.port))
        client = secrets.token_hex(8)
        self.cookie = self.ask_tcp(with_cookie(ZONE, client))[-24:].hex()
        case.assertTrue(self.cookie.startswith(client), "a cookie of the server's (RFC 7873 5.2.3)")

    def flood(self, name: str, qtype: str = "TXT", count: int = MANY, cookie: str = "", at_once: int = 50) -> Outcome:
        """Asks so often and says what became of it."""
        answers: list[bytes] = []
        for _ in range(0, count, at_once):
            for _ in range(at_once):
                self.sock.send(with_cookie(name, cookie) if cookie else dns.query(name, qtype, edns=1232))
            answers += self.settle()
        return Outcome(answers, count)

    def settle(self) -> list[bytes]:
        """The answers to all that was asked: with a valid cookie, a last question is always answered, and in turn."""
        last = with_cookie(f"last.{ZONE}", self.cookie)
        answers: list[bytes] = []
        self.sock.send(last)
        self.sock.settimeout(30)
        while (answer := self.sock.recv(4096))[12:18] != last[12:18]:
            answers.append(answer)
        return answers

    def ask_tcp(self, message: bytes) -> bytes:
        """The same address over TCP."""
        with socket.create_connection(("127.0.0.1", self.port), 30, (self.address, 0)) as sock:
            sock.sendall(struct.pack("!H", len(message)) + message)
            with sock.makefile("rb") as stream:
                return stream.read(struct.unpack("!H", stream.read(2))[0])

    def dig(self, *words: str) -> str:
        return dns.dig("-b", self.address, "+norec", "+tries=5", "+time=3", *words, port=self.port)


class Outcome:
    """Answers to a flood, by kind."""

    def __init__(self, answers: list[bytes], asked: int):
        self.slipped = [answer for answer in answers if dns.header(answer).tc]
        self.whole = [answer for answer in answers if not dns.header(answer).tc]
        self.dropped = asked - len(answers)


class RateCase(LabCase):
    def counters(self) -> dict[str, int]:
        return self.lab.server.ctl("status")["dns"]

    def assert_limited(self, outcome: Outcome, rate: int, began: float) -> None:
        """Not more than a burst and what the rate gives; the rest is dropped, every second one truncated instead."""
        seconds = int(time.monotonic() - began) + 1
        self.assertGreaterEqual(len(outcome.whole), BURST)
        self.assertLessEqual(len(outcome.whole), BURST + rate * seconds)
        self.assertGreater(outcome.dropped, 0)
        self.assertLessEqual(abs(len(outcome.slipped) - outcome.dropped), 1)


class Limits(RateCase):
    RATE = 10
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0), config={
        "dns-rate-answers": RATE, "dns-rate-nxdomain": RATE, "dns-rate-errors": RATE, "dns-threads": WORKERS,
        "dns-rate-allow": ["127.6.0.0/16"]})

    def test_nxdomain(self) -> None:
        """A truncated answer says nothing but "come back over TCP", and there the whole one is."""
        flooder, began = Flooder(self, "127.7.0.1"), time.monotonic()
        name = f"nothing.{ZONE}"
        outcome = flooder.flood(name)
        self.assert_limited(outcome, self.RATE, began)
        for answer in outcome.slipped:
            self.assertEqual(struct.unpack("!HHHH", answer[4:12]), (1, 0, 0, 1))
            self.assertLessEqual(len(answer), len(dns.query(name, edns=1232)), "nothing is amplified")
        over_tcp = dns.header(flooder.ask_tcp(dns.query(name)))
        self.assertEqual((over_tcp.rcode, over_tcp.tc, over_tcp.counts), (dns.NXDOMAIN, False, (1, 0, 1, 0)))
        self.assertIn("status: NXDOMAIN", flooder.dig(name, "TXT"), "dig finds its way, by TCP if need be")
        block = [Flooder(self, f"127.7.0.{100 + i}").flood(f"none.{ZONE}", count=300) for i in range(8)]
        seconds = int(time.monotonic() - began) + 1
        self.assertLessEqual(sum(len(outcome.whole) for outcome in block), (BURST + self.RATE * seconds) * WORKERS,
                             "a block is one, whatever its addresses")
        self.assertEqual(len(Flooder(self, "127.7.1.1").flood(name, count=100).whole), 100, "another block")

    def test_refused(self) -> None:
        began = time.monotonic()
        outcome = Flooder(self, "127.7.2.1").flood("www.example.com", "A")
        self.assert_limited(outcome, self.RATE, began)
        self.assertEqual({dns.header(answer).rcode for answer in outcome.whole}, {dns.REFUSED})

    def test_answers(self) -> None:
        began = time.monotonic()
        self.assert_limited(Flooder(self, "127.7.3.1").flood(ZONE, "SOA"), self.RATE, began)

    def test_allowed(self) -> None:
        self.assertEqual(len(Flooder(self, "127.6.1.1").flood(f"nothing.{ZONE}").whole), MANY)

    def test_cookie(self) -> None:
        """Who has our cookie is no victim of a forger (RFC 7873 1)."""
        flooder = Flooder(self, "127.7.4.1")
        name = f"nothing.{ZONE}"
        found = re.search(r"; COOKIE: ([0-9a-f]{48})", flooder.dig("+tcp", "+cookie", name, "TXT"))
        assert found
        flooder.flood(name)
        self.assertEqual(len(flooder.flood(name, cookie=found[1]).whole), MANY)
        answer = flooder.dig("+tries=1", "+time=30", f"+cookie={found[1]}", name, "TXT")
        self.assertRegex(answer, r"status: NXDOMAIN[\s\S]*\(UDP\)")
        forged = found[1][:-2] + f"{int(found[1][-2:], 16) ^ 1:02x}"
        self.assertGreater(flooder.flood(name, cookie=forged).dropped, 0, "one that is not ours proves nothing")

    def test_live_challenge(self) -> None:
        """In the midst of a flood from the very same address all is answered that a validation asks for."""
        name = "deep.a.b.example.org"
        hold = self.lab.proxy.hold("/chalZ/", early=True)
        client = self.lab.spawn(["--force", "get", "certificate"], name, self.lab.csr([name]))
        hold.wait_reached()
        flooder = Flooder(self, "127.7.5.1")
        flooder.flood(f"nothing.{ZONE}")
        flooder.flood("example.com", "A")
        flooder.flood(ZONE, "SOA")
        target = target_of(name)
        asked = [(target, "TXT", 1), (target, "CAA", 0), (target.split(".", 1)[1], "A", 0)]
        before = self.counters()
        for i in range(300):
            for junk in (f"x{i}.{ZONE}", f"y{i}.{ZONE}", "example.net"):
                flooder.sock.send(dns.query(junk))
            qname, qtype, count = asked[i % len(asked)]
            message = dns.query(qname, qtype)
            flooder.sock.send(message)
            while (answer := flooder.sock.recv(4096))[12:len(message)] != message[12:]:
                pass
            head = dns.header(answer)
            self.assertEqual((head.rcode, head.tc, head.counts[1]), (dns.NOERROR, False, count))
        after = self.counters()
        self.assertGreater(after["rate_dropped"] - before["rate_dropped"], 300, "it was limited all the while")
        flooder.settle()
        lines = len(self.lab.server.log_text().splitlines())
        crowd = [Flooder(self, f"127.7.{100 + i}.1").flood(target, count=200) for i in range(20)]
        self.assertEqual([len(outcome.whole) for outcome in crowd], [200] * 20)
        self.assertLess(len(self.lab.server.log_text().splitlines()) - lines, 30, "dnsd and issuer, at DEBUG")
        hold.release()
        self.assert_issued(self.lab.collect(client), [name])

    def test_operator_sees_it(self) -> None:
        """Counters in the status; in the log no line a packet, even at DEBUG, but one that says what is going on."""
        flooder = Flooder(self, "127.7.6.1")
        said = "more is asked than the rate limits allow, for example "
        before = len(self.lab.server.log_text().splitlines())
        counted = self.counters()
        outcome = flooder.flood(f"nothing.{ZONE}")
        after = self.counters()
        self.assertEqual(after["rate_dropped"] - counted["rate_dropped"], outcome.dropped)
        self.assertEqual(after["rate_slipped"] - counted["rate_slipped"], len(outcome.slipped))
        wait_until(lambda: said in self.lab.server.log_text(), "said so")
        self.assertLess(len(self.lab.server.log_text().splitlines()) - before, 20)
        self.assertRegex(self.lab.server.log_text(), said + r"\S+ to 127\.\d+\.\d+\.0/24")
        status = self.lab.server.ctl_text("status").stdout
        self.assertRegex(status, r"(?m)^dns rate limit +dropped [1-9][0-9,]*, slipped [1-9]")

    def test_reload(self) -> None:
        """Questions outside of the zones get no answer at all beyond a rate, once that is configured."""
        server = self.lab.server
        flooder = Flooder(self, "127.7.7.1")
        server.config["dns-refused-drop"] = 1
        server.write_config()
        self.assertEqual(server.ctl_text("reload").returncode, 0)

        def none_slips() -> bool:
            nonlocal outcome
            outcome = flooder.flood("www.example.com", "A")
            return not outcome.slipped
        outcome = flooder.flood("www.example.com", "A")
        wait_until(none_slips, "the worker has taken it over, and answers nothing beyond the rate")
        self.assertGreater(outcome.dropped, MANY // 2)
        del server.config["dns-refused-drop"]
        server.write_config()
        self.assertEqual(server.ctl_text("reload").returncode, 0)


class Defaults(RateCase):
    def test_burst(self) -> None:
        """What a CA's resolvers ask at once: all is answered, even if all of it is of one kind and from one port."""
        flooder = Flooder(self, "127.8.0.1")
        for name, qtype in ((ZONE, "SOA"), (f"nothing.{ZONE}", "TXT"), ("example.com", "A")):
            self.assertEqual(len(flooder.flood(name, qtype, BURST).whole), BURST, name)
        counters = self.counters()
        self.assertEqual((counters["rate_dropped"], counters["rate_slipped"]), (0, 0))
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])

    def test_on_by_default(self) -> None:
        for i, (name, qtype) in enumerate(((ZONE, "SOA"), (f"nothing.{ZONE}", "TXT"), ("example.com", "A"))):
            before = self.counters()["rate_dropped"]
            # more at once than a burst: who asks and waits in turn may be too slow for the rates on a busy machine
            Flooder(self, f"127.8.{i + 1}.1").flood(name, qtype, 6000, at_once=250)
            self.assertGreater(self.counters()["rate_dropped"], before, name)


if __name__ == "__main__":
    main()
