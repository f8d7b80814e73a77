"""Goal: the test list of RFC 8906 section 8, all of it, as it stands there: dig's words, and what to expect."""

import unittest

from conformance import RICH, SoloCase
from lab import dns, tools
from lab.tools import Reply

NOEDNS = ("+noedns", "+noad", "+norec")
EDNS = ("+nocookie", "+edns=0", "+noad", "+norec")
NONEG = ("+nocookie", "+edns=1", "+noednsneg", "+noad", "+norec")


class TestList(SoloCase):
    """8.1: basic DNS."""

    config = {"dns-nsid": "ns1"}

    def dig(self, *words: str) -> Reply:
        """dig with these words and no others that would change the query."""
        reply = tools.run(["dig", f"-p{self.port}", "+tries=1", "+time=5", "+qr", "+ignore", *words, "@127.0.0.1"])
        self.assertNotIn("no servers could be reached", reply.text)
        asked, _, got = reply.text.rpartition(";; Got answer:")
        self.assertIn("Sending:", asked)
        reply = tools.parse("dig", got)
        self.assertIn("->>HEADER<<-", got, asked)
        return reply

    def assert_soa_answer(self, reply: Reply, flags: set[str], edns: bool) -> None:
        """NOERROR, the SOA in the answer section, AA, no other flags; OPT of version 0 or none."""
        self.assertEqual(reply.status, "NOERROR", str(reply))
        self.assertRegex(" ".join(reply.answer), rf"^{RICH}\. \d+ IN SOA ", str(reply))
        self.assertEqual(reply.flags, {"qr", "aa"} | flags, str(reply))
        self.assertNotIn("MBZ", reply.text.split("QUESTION")[0])
        self.assert_opt(reply, edns)

    def assert_opt(self, reply: Reply, edns: bool) -> None:
        """OPT, of version 0, if and only if it is expected."""
        if edns:
            self.assertIn("EDNS: version: 0,", reply.text)
        else:
            self.assertNotIn("OPT PSEUDOSECTION", reply.text)

    def assert_badvers(self, reply: Reply) -> None:
        """BADVERS, version 0, no SOA in the answer."""
        self.assertEqual((reply.status, reply.answer), ("BADVERS", frozenset()), str(reply))
        self.assert_opt(reply, True)
        self.assertNotIn("aa", reply.flags)

    def test_rfc8906_8_1_1_configured_for_the_zone(self) -> None:
        """8.1.1: is the server configured for the zone?"""
        self.assert_soa_answer(self.dig(*NOEDNS, "soa", RICH), set(), False)

    def test_rfc8906_8_1_2_unknown_types(self) -> None:
        """8.1.2: an unknown type is NODATA."""
        reply = self.dig(*NOEDNS, "type1000", RICH)
        self.assertEqual((reply.status, reply.answer, reply.flags), ("NOERROR", frozenset(), {"qr", "aa"}), str(reply))
        self.assert_opt(reply, False)
        self.assert_soa(reply)

    def test_rfc8906_8_1_3_1_cd(self) -> None:
        """8.1.3.1: CD=1."""
        self.assert_soa_answer(self.dig(*NOEDNS, "+cd", "soa", RICH), set(), False)

    def test_rfc8906_8_1_3_2_ad(self) -> None:
        """8.1.3.2: AD=1; we know of no DNSSEC, so it is not in the answer."""
        self.assert_soa_answer(self.dig("+noedns", "+norec", "+ad", "soa", RICH), set(), False)

    def test_rfc8906_8_1_3_3_reserved_bit(self) -> None:
        """8.1.3.3: the last reserved bit."""
        self.assert_soa_answer(self.dig(*NOEDNS, "+zflag", "soa", RICH), set(), False)

    def test_rfc8906_8_1_3_4_recursive(self) -> None:
        """8.1.3.4: RD=1."""
        self.assert_soa_answer(self.dig("+noedns", "+noad", "+rec", "soa", RICH), {"rd"}, False)

    def test_rfc8906_8_1_4_unknown_opcodes(self) -> None:
        """8.1.4: an unknown opcode is NOTIMP, of that opcode, and empty."""
        for opcode in (15, 7):
            reply = self.dig(*NOEDNS, f"+opcode={opcode}", "+header-only")
            self.assertEqual((reply.status, reply.flags), ("NOTIMP", {"qr"}), str(reply))
            self.assertRegex(reply.text, rf"opcode: (RESERVED{opcode}|{opcode})\b")
            self.assertRegex(reply.text, "QUERY: 0, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 0")

    def test_rfc8906_8_1_5_tcp(self) -> None:
        """8.1.5: over TCP."""
        self.assert_soa_answer(self.dig(*NOEDNS, "+tcp", "soa", RICH), set(), False)

    # 8.2: EDNS

    def test_rfc8906_8_2_1_minimal(self) -> None:
        """8.2.1: minimal EDNS."""
        self.assert_soa_answer(self.dig(*EDNS, "soa", RICH), set(), True)

    def test_rfc8906_8_2_2_version(self) -> None:
        """8.2.2: version negotiation."""
        self.assert_badvers(self.dig(*NONEG, "soa", RICH))

    def test_rfc8906_8_2_3_unknown_option(self) -> None:
        """8.2.3: an unknown option is ignored and not there in the answer."""
        reply = self.dig(*EDNS, "+ednsopt=100", "soa", RICH)
        self.assert_soa_answer(reply, set(), True)
        self.assertNotIn("OPT=100", reply.text)

    def test_rfc8906_8_2_4_unknown_flags(self) -> None:
        """8.2.4: an unknown EDNS flag is ignored and cleared."""
        reply = self.dig(*EDNS, "+ednsflags=0x40", "soa", RICH)
        self.assert_soa_answer(reply, set(), True)
        self.assertNotIn("MBZ", reply.text)

    def test_rfc8906_8_2_5_version_and_flags(self) -> None:
        """8.2.5: version negotiation with unknown flags."""
        reply = self.dig(*NONEG, "+ednsflags=0x40", "soa", RICH)
        self.assert_badvers(reply)
        self.assertNotIn("MBZ", reply.text)

    def test_rfc8906_8_2_6_version_and_options(self) -> None:
        """8.2.6: version negotiation with an unknown option."""
        reply = self.dig(*NONEG, "+ednsopt=100", "soa", RICH)
        self.assert_badvers(reply)
        self.assertNotIn("OPT=100", reply.text)

    def test_rfc8906_8_2_7_truncated(self) -> None:
        """8.2.7: a truncated answer has OPT; here the zone has no DNSKEY that large, but a TXT that is."""
        reply = self.dig("+norec", "+dnssec", "+bufsize=512", "+ignore", "txt", f"big.{RICH}")
        self.assertEqual((reply.status, reply.flags), ("NOERROR", {"qr", "aa", "tc"}), str(reply))
        self.assert_opt(reply, True)
        self.assertIn("MSG SIZE", reply.text)
        self.assertEqual(self.dig("+norec", "+dnssec", "+bufsize=512", "+ignore", "dnskey", RICH).status, "NOERROR")

    def test_rfc8906_8_2_8_do(self) -> None:
        """8.2.8: DO=1."""
        reply = self.dig(*EDNS, "+dnssec", "soa", RICH)
        self.assert_soa_answer(reply, set(), True)
        self.assertIn("flags: do;", reply.text)

    def test_rfc8906_8_2_9_version_and_do(self) -> None:
        """8.2.9: version negotiation with DO=1."""
        self.assert_badvers(self.dig(*NONEG, "+dnssec", "soa", RICH))

    def test_rfc8906_8_2_10_several_options(self) -> None:
        """8.2.10: several options that are defined: those that we have are answered, the others ignored."""
        reply = self.dig("+edns=0", "+noad", "+norec", "+cookie", "+nsid", "+expire", "+subnet=0.0.0.0/0", "soa", RICH)
        self.assert_soa_answer(reply, set(), True)
        self.assertIn('("ns1")', reply.text)
        self.assertIn("(good)", reply.text)
        self.assertNotIn("EXPIRE", reply.text)
        self.assertNotIn("CLIENT-SUBNET", reply.text)

    def test_rfc8906_3_never_silent(self) -> None:
        """RFC 8906 2, 3: no query of the list goes unanswered, by either transport, in our zones or others."""
        for name in (RICH, "example.net"):
            for flags in (0x0100, 0x0110, 0x0120, 0x0140, *(opcode << 11 for opcode in range(1, 16))):
                wire = dns.query(name, "SOA", flags=flags, edns=1232)
                for ask in (dns.ask_udp, dns.ask_tcp):
                    self.assertIsNotNone(ask(wire, self.port), f"{name} {flags:04x}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
