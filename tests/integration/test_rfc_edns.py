"""Goal: EDNS as RFC 6891 has it, the options that we know (NSID, errors, keep-alive), ANY, truncation, and class CH."""

import os
import signal
import struct
import unittest

from conformance import BADVERS, CH, FORMERR, NOTIMP, REFUSED, RICH, SERVFAIL, Edns, SoloCase, message, option
from lab import tools, wait_until
from lab.dnsmsg import Message
from lab.solo import RECORDS

NSID, SUBNET, EXPIRE, KEEPALIVE, PADDING, CHAIN, KEY_TAG, EDE, COOKIE = 3, 8, 9, 11, 12, 13, 14, 15, 10
NOT_READY, PROHIBITED, NOT_AUTHORITATIVE, NOT_SUPPORTED = 14, 18, 20, 21


def codes(found: Message) -> list[int]:
    """Options of an answer."""
    assert found.opt is not None, found
    return [code for code, _ in found.opt.options]


class EdnsCase(SoloCase):
    def assert_error(self, wire: bytes, rcode: int, error: int) -> None:
        """An RCODE with an extended error, where EDNS was spoken."""
        found = self.udp(wire)
        self.assert_empty(found, rcode)
        data = found.opt.option(EDE) if found.opt else None
        self.assertEqual(data and struct.unpack("!H", data[:2])[0], error, str(found))


class Defaults(EdnsCase):
    """As configured by default."""

    def test_rfc6891_opt_if_and_only_if_opt(self) -> None:
        """RFC 6891 6.1.1, 7: an OPT record in the answer where one was in the query, whatever the RCODE, else none."""
        for name in ("www", "nothing", "example.net.", "x.sub", "alias"):
            for edns in (True, False):
                for reply in self.ask_all(name, "A", edns=edns):
                    with self.subTest(name, edns=edns, tool=reply.tool):
                        self.assertEqual(reply.edns, 1232 if edns else None, str(reply))

    def test_rfc6891_opt_in_errors(self) -> None:
        """RFC 6891 6.1.1, 7: NOTIMP and FORMERR have it, too, where the query's could be read."""
        for wire, rcode in ((message(RICH, flags=2 << 11, edns=Edns()), NOTIMP),
                            (message(RICH, 252, edns=Edns()), REFUSED), (message(RICH, 41, edns=Edns()), FORMERR)):
            found = self.udp(wire)
            self.assert_empty(found, rcode)
            self.assertIsNotNone(found.opt, str(found))

    def test_rfc6891_badvers(self) -> None:
        """RFC 6891 6.1.3: another version than 0 is BADVERS, with ours and no answer, even where all else is wrong."""
        for version in (1, 2, 255):
            for name in (RICH, f"nothing.{RICH}", "example.net"):
                found = self.udp(message(name, edns=Edns(version=version)))
                self.assert_empty(found, BADVERS)
                self.assertEqual((found.opt.version, found.opt.payload) if found.opt else None, (0, 1232))
        for tool in (tools.dig, tools.kdig):
            words = ["+edns=1", *["+noednsnegotiation"] * (tool is tools.dig)]
            self.assertEqual(tool(self.port, *words, RICH, "SOA").status, "BADVERS")

    def test_rfc6891_payload_size(self) -> None:
        """RFC 6891 6.2.3, 6.2.5: what the client says bounds the answer; less than 512 counts as 512; 1232 at most."""
        for size, most in ((0, 512), (100, 512), (512, 512), (700, 700), (1232, 1232), (4096, 1232), (65535, 1232)):
            for name in ("some", "big"):
                found = self.udp(message(f"{name}.{RICH}", "TXT", edns=Edns(size)))
                with self.subTest(size, name=name):
                    self.assertLessEqual(found.size, most)
                    whole = self.tcp(message(f"{name}.{RICH}", "TXT", edns=Edns(size)))
                    self.assertEqual(found.tc, whole.size > most)
                    self.assertFalse(whole.tc)

    def test_rfc6891_unknown_options(self) -> None:
        """RFC 6891 6.1.2: options that we do not know are ignored and not echoed, nor are those of no use here."""
        plain = self.udp(message(RICH, edns=Edns()))
        for code in (0, 1, 2, 4, 5, 6, 7, SUBNET, EXPIRE, PADDING, CHAIN, KEY_TAG, 16, 100, 65001, 65535):
            for data in (b"", b"\0\1\0\0", b"x" * 200):
                with self.subTest(code, length=len(data)):
                    found = self.udp(message(RICH, edns=Edns(options=option(code, data))))
                    self.assertEqual((found.rcode, found.answer, codes(found)), (0, plain.answer, []))

    def test_rfc6891_unknown_flags(self) -> None:
        """RFC 6891 6.1.4: flags that mean nothing are not sent; DO is copied (RFC 3225 3)."""
        for flags in (0, 1, 0x4000, 0x7FFF):
            for do in (0, 0x8000):
                wire = bytearray(message(RICH, edns=Edns()))
                wire[-4:-2] = struct.pack("!H", flags | do)
                found = self.udp(bytes(wire))
                self.assertEqual((found.rcode, found.opt.flags, found.opt.dnssec_ok) if found.opt else None,
                                 (0, 0, bool(do)))
        for reply in self.ask_all(f"{RICH}.", "SOA", dnssec=True):
            self.assertRegex(reply.text, r"(?i)flags:? do\b", reply.tool)

    def test_rfc6891_malformed_opt(self) -> None:
        """RFC 6891 6.1.1, 6.1.2: two OPT records, one misplaced or not at the root, half an option: FORMERR."""
        opt = Edns().record()
        half = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 5) + struct.pack("!HH", 3, 2) + b"x"
        bad = {"two": message(RICH, counts=(1, 0, 0, 2), behind=opt + opt),
               "in answer": message(RICH, counts=(1, 1, 0, 0), behind=opt),
               "in authority": message(RICH, counts=(1, 0, 1, 0), behind=opt),
               "not at the root": message(RICH, counts=(1, 0, 0, 1), behind=b"\1x" + opt),
               "half an option": message(RICH, counts=(1, 0, 0, 1), behind=half),
               "half a record": message(RICH, counts=(1, 0, 0, 1), behind=opt[:-1])}
        for what, wire in bad.items():
            for ask in (self.udp, self.tcp):
                with self.subTest(what):
                    self.assert_empty(ask(wire), FORMERR)

    def test_rfc6891_opt_among_others(self) -> None:
        """RFC 6891 6.1.1: it may stand anywhere in the additional section."""
        other = b"\1x\0" + struct.pack("!HHIH", 1, 1, 0, 4) + b"\0\0\0\0"
        for records in (other + Edns().record(), Edns().record() + other):
            found = self.udp(message(RICH, counts=(1, 0, 0, 2), behind=records))
            self.assertEqual((found.rcode, found.opt is not None), (0, True))

    def test_rfc5001_no_nsid_by_default(self) -> None:
        """RFC 5001 2.1: nothing is told that is not configured."""
        self.assertEqual(codes(self.udp(message(RICH, edns=Edns(options=option(NSID))))), [])

    def test_rfc8914_extended_errors(self) -> None:
        """RFC 8914 3, 4.15 to 4.22: why an answer was refused, to those who speak EDNS; and nothing in good answers."""
        self.assert_error(message("example.net", edns=Edns()), REFUSED, NOT_AUTHORITATIVE)
        self.assert_error(message(RICH, 252, edns=Edns()), REFUSED, PROHIBITED)
        self.assert_error(message(RICH, 251, edns=Edns()), REFUSED, PROHIBITED)
        self.assert_error(message(RICH, flags=4 << 11, edns=Edns()), NOTIMP, NOT_SUPPORTED)
        for name in (RICH, f"nothing.{RICH}", f"x.sub.{RICH}"):
            self.assertEqual(codes(self.udp(message(name, edns=Edns()))), [])
        self.assertIn("EDE: 20 (Not Authoritative)", tools.dig(self.port, "+edns=0", "example.net", "A").text)
        self.assertIn("Not Authoritative", tools.kdig(self.port, "+edns=0", "example.net", "A").text)

    def test_rfc7828_keepalive(self) -> None:
        """RFC 7828 3.2.1, 3.3.2: over TCP, when asked, the idle time-out in units of 100 ms; over UDP never."""
        wire = message(RICH, edns=Edns(options=option(KEEPALIVE)))
        found = self.tcp(wire)
        self.assertEqual(found.opt.option(KEEPALIVE) if found.opt else None, struct.pack("!H", 100))
        self.assertEqual(codes(self.tcp(message(RICH, edns=Edns()))), [])
        self.assertEqual(codes(self.udp(wire)), [])
        self.assertIn("TCP KEEPALIVE: 10.0 secs", tools.dig(self.port, "+tcp", "+keepalive", RICH, "SOA").text
                      .replace("TCP-KEEPALIVE", "TCP KEEPALIVE"))

    def test_rfc8482_any(self) -> None:
        """RFC 8482 4.1: ANY is answered by one whole RRset of the name; NODATA, NXDOMAIN, cuts and aliases as ever."""
        for owner in ("www", "ns1", "*.wild", "unknown"):
            for reply in self.ask_all(owner, "ANY", tcp=True):
                types = {line.split()[3] for line in reply.answer}
                self.assertEqual(len(types), 1, str(reply))
                there = [text for text in RECORDS[owner] if text.split()[0] in types]
                self.assertEqual(len(reply.answer), len(there), str(reply))
        self.expect("two.three", "ANY", authority=None, tcp=True)
        self.expect("nothing", "ANY", status="NXDOMAIN", authority=None, tcp=True)
        self.expect("alias", "ANY", answer=[f"alias.{RICH}. 3600 IN CNAME www.{RICH}."], authority=(), tcp=True)

    def test_rfc2181_truncation(self) -> None:
        """RFC 2181 9, RFC 1035 4.2.1: an RRset that does not fit is left out whole, TC set; over TCP it comes whole."""
        for name, whole in (("big", 100), ("some", 10)):
            found = self.udp(message(f"{name}.{RICH}", "TXT"))
            self.assertTrue(found.tc and found.aa and found.rcode == 0, str(found))
            self.assertEqual(found.answer, [])
            self.assertLessEqual(found.size, 512)
            self.assertEqual(len(self.tcp(message(f"{name}.{RICH}", "TXT")).answer), whole)
        for reply in self.ask_all("big", "TXT"):
            self.assertIn("tc", reply.flags, str(reply))
            self.assertEqual(reply.answer, frozenset(), str(reply))

    def test_rfc1035_a_hundred_values_over_tcp(self) -> None:
        """RFC 1035 4.2.2, RFC 7766 5: dig comes back over TCP by itself, and has all hundred values."""
        text = tools.run(["dig", "@127.0.0.1", "-p", str(self.port), "+norec", f"big.{RICH}", "TXT"])
        self.assertEqual(len(text.answer), len(RECORDS["big"]), str(text))

    def test_rfc4892_chaos_is_refused(self) -> None:
        """RFC 4892 3: who we are is told only where configured; the rest of class CH is not ours at all."""
        for name in ("version.bind", "version.server", "id.server", "hostname.bind", "authors.bind", RICH):
            self.assert_empty(self.udp(message(name, "TXT", qclass=CH), CH), REFUSED)
        self.assert_error(message("version.bind", "TXT", qclass=CH, edns=Edns()), REFUSED, PROHIBITED)
        self.assert_error(message("authors.bind", "TXT", qclass=CH, edns=Edns()), REFUSED, NOT_AUTHORITATIVE)


class NotReady(EdnsCase):
    def test_rfc8914_not_ready(self) -> None:
        """RFC 8914 4.15: a nameserver that has no zones yet says SERVFAIL, and why; when it has them, it answers."""
        issuer, dnsd = self.solo.server.pid_of("issuer"), self.solo.server.pid_of("dnsd")
        self.assertGreater(min(issuer, dnsd), 1)
        os.kill(issuer, signal.SIGSTOP)  # it would hand the image to the new dnsd
        try:
            os.kill(dnsd, signal.SIGKILL)
            found = self.udp(message(RICH, edns=Edns()))
        finally:
            os.kill(issuer, signal.SIGCONT)
        self.assert_empty(found, SERVFAIL)
        data = found.opt.option(EDE) if found.opt else None
        self.assertEqual((data or b"")[:2], struct.pack("!H", NOT_READY))
        wait_until(lambda: self.udp(message(RICH)).rcode == 0, "an answer")


class Configured(EdnsCase):
    config = {"dns-nsid": "ns1 of the lab", "dns-version": "certmill", "dns-id": "ns1", "dns-hostname": "host.example",
              "dns-udp-payload": 4096, "dns-tcp-idle": 3}

    def test_rfc6891_payload_is_settable(self) -> None:
        """RFC 6891 6.2.3, 6.2.4: dns-udp-payload is told and kept to."""
        for size, most in ((512, 512), (1232, 1232), (4000, 4000), (4096, 4096), (65535, 4096)):
            for name in ("some", "big"):
                found = self.udp(message(f"{name}.{RICH}", "TXT", edns=Edns(size)))
                whole = self.tcp(message(f"{name}.{RICH}", "TXT", edns=Edns(size)))
                self.assertEqual(found.opt.payload if found.opt else None, 4096)
                self.assertEqual(found.tc, whole.size > most)
        for reply in self.ask_all("www", "A"):
            self.assertEqual(reply.edns, 4096, str(reply))

    def test_rfc5001_nsid(self) -> None:
        """RFC 5001 2.1 to 2.3: the configured octets when asked, in every kind of answer, and only when asked."""
        asked = Edns(options=option(NSID))
        for name in (RICH, f"nothing.{RICH}", "example.net", f"x.sub.{RICH}", f"big.{RICH}"):
            for ask in (self.udp, self.tcp):
                found = ask(message(name, "TXT", edns=asked))
                self.assertEqual(found.opt.option(NSID) if found.opt else None, b"ns1 of the lab")
        self.assertEqual(codes(self.udp(message(RICH, edns=Edns()))), [])
        self.assertIn('("ns1 of the lab")', tools.dig(self.port, "+nsid", RICH, "SOA").text)
        self.assertIn('"ns1 of the lab"', tools.kdig(self.port, "+nsid", RICH, "SOA").text)

    def test_rfc7828_the_configured_time(self) -> None:
        """RFC 7828 3.1: dns-tcp-idle is what is told."""
        found = self.tcp(message(RICH, edns=Edns(options=option(KEEPALIVE))))
        self.assertEqual(found.opt.option(KEEPALIVE) if found.opt else None, struct.pack("!H", 30))

    def test_rfc4892_chaos(self) -> None:
        """RFC 4892 3: version.bind, version.server, id.server and hostname.bind, class CH, type TXT, in any case."""
        texts = {"version.bind": "certmill", "version.server": "certmill", "id.server": "ns1",
                 "hostname.bind": "host.example", "VERSION.Bind": "certmill"}
        for name, text in texts.items():
            for reply in self.ask_all(f"{name}.", "TXT", cls="CH"):
                self.assertEqual(reply.answer, tools.records(f'{name}. 0 CH TXT "{text}"'), str(reply))
                self.assertEqual((reply.status, reply.flags), ("NOERROR", {"qr", "aa"}), str(reply))
        self.assertEqual(self.udp(message("version.bind", "A", qclass=CH), CH).answer, [])
        self.assert_empty(self.udp(message("version.bind", "TXT")), REFUSED)  # of class IN


if __name__ == "__main__":
    unittest.main(verbosity=2)
