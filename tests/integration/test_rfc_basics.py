"""Goal: what all authoritative servers owe (RFC 1034, 1035, 2181, 3597, 4343): flags, RCODEs, types, classes, case."""

import struct
import unittest

from conformance import (ANY_CLASS, FORMERR, HEADER, HS, NONE, NOTIMP, REFUSED, RICH, Edns, SoloCase, message,
                         owner_name, records)
from lab import dns, tools
from lab.dnsmsg import TYPES, to_wire, from_text
from lab.solo import RECORDS, TTL

_HIDDEN = {"ns.sub", "hidden.sub"}  # below a cut


class Basics(SoloCase):
    def test_rfc1035_every_type_of_the_zone_file(self) -> None:
        """RFC 1035 3.3, RFC 3597 5: each RRset of the zone file, known type or not, whole and with its TTL."""
        for owner, texts in RECORDS.items():
            types = {text.split()[0] for text in texts}
            for rtype in types - {"CNAME"} if owner not in _HIDDEN | {"sub"} else types & {"DS"}:
                lines = [f"{owner_name(owner)} {TTL} IN {text}" for text in texts if text.split()[0] == rtype]
                size = {"tcp": True} if owner == "big" else {}
                with self.subTest(owner, type=rtype):
                    self.expect(owner if owner != "@" else f"{RICH}.", rtype, answer=lines, authority=(),
                                additional=None, **size)

    def test_rfc1034_soa(self) -> None:
        """RFC 1034 4.3.4: the SOA, asked for, has its own TTL; so do all records, and AA is set."""
        for reply in self.ask_all(f"{RICH}.", "SOA"):
            self.assertEqual((reply.status, reply.flags), ("NOERROR", {"qr", "aa"}), str(reply))
            self.assertRegex(" ".join(reply.answer), rf"^{RICH}\. 7200 IN SOA ns1\.rich\.example\.hostmaster\.")

    def test_rfc1035_recursion_desired_is_copied(self) -> None:
        """RFC 1035 4.1.1: RD comes back as it was sent, RA is 0."""
        for rd in (False, True):
            self.expect("ptr", "PTR", answer=["ptr.rich.example. 3600 IN PTR www.rich.example."], authority=(),
                        additional=None, rd=rd)

    def test_rfc1035_other_flags_are_not_echoed(self) -> None:
        """RFC 1035 4.1.1, RFC 4035 3.1.6, 3.2.2: AA, TC, RA, Z, AD and CD of a query mean nothing to us."""
        for flags in (0x0400, 0x0200, 0x0080, 0x0040, 0x0020, 0x0010, 0x000F, 0x06FF):
            with self.subTest(f"{flags:04x}"):
                found = self.udp(message(f"www.{RICH}", "A", flags=flags))
                self.assertEqual((found.rcode, found.aa, found.tc, len(found.answer)), (0, True, False, 2))

    def test_rfc1035_the_question_is_copied(self) -> None:
        """RFC 1035 4.1: the question comes back as it was."""
        for wire in (message(f"www.{RICH}", "A"), message(f"nothing.{RICH}", 4242), message("example.net", "A")):
            self.assertEqual(self.udp(wire).question, wire[12:])

    def test_rfc4343_case(self) -> None:
        """RFC 4343 3, 4.1: matched whatever the case, which is kept in the question."""
        for spelled in ("WWW.RICH.EXAMPLE.", "wWw.RiCh.ExAmPlE."):
            for reply in self.ask_all(spelled, "A"):
                with self.subTest(spelled, tool=reply.tool):
                    self.assertEqual(reply.question, spelled)
                    self.assertEqual(reply.answer, records("www.rich.example. 3600 IN A 192.0.2.80",
                                                           "www.rich.example. 3600 IN A 192.0.2.81"), str(reply))
                    self.assertEqual(reply.flags, {"qr", "aa"})

    def test_rfc4343_only_letters_have_case(self) -> None:
        """RFC 4343 3: octets that differ by 0x20 but are no ASCII letters are different names."""
        wire = HEADER.pack(7, 0, 1, 0, 0, 0)
        for label in (b"\x57\x57\x57", b"www"):
            self.assertEqual(self.udp(wire + to_wire((label, *from_text(RICH))) + struct.pack("!HH", 1, 1)).rcode, 0)
        for label in (b"\x17www", b"\xd7ww", b"ww\x57\x00"):
            self.assertEqual(self.udp(wire + to_wire((label, *from_text(RICH))) + struct.pack("!HH", 1, 1)).rcode, 3)
        unlike = (b"_443" .replace(b"_", b"\x7f"), b"_tcp", b"www", *from_text(RICH))  # 0x5F and 0x7F
        self.assertEqual(self.udp(wire + to_wire(unlike) + struct.pack("!HH", TYPES["TLSA"], 1)).rcode, 3)

    def test_rfc2181_one_ttl_and_no_record_twice(self) -> None:
        """RFC 2181 5, 5.2: an RRset comes whole, each record once, under one TTL."""
        for reply in self.ask_all("big", "TXT", tcp=True):
            self.assertEqual(len(reply.answer), 100, reply.tool)
            self.assertEqual({line.split()[1] for line in reply.answer}, {str(TTL)}, reply.tool)

    def test_rfc1034_refused_out_of_zone(self) -> None:
        """RFC 1035 4.1.1 (RCODE 5): names that are not ours, an ancestor and a near miss among them."""
        for name in (".", "example.", "example.net.", "xrich.example.", "rich.example.example.", "www.richexample."):
            self.expect(name, "A", status="REFUSED", aa=False, authority=())

    def test_rfc1035_classes(self) -> None:
        """RFC 1035 3.2.4, RFC 6895 3.2: class IN alone; CH has its own test; NONE, ANY and all others are refused."""
        for qclass in (0, 2, HS, NONE, ANY_CLASS, 65535):
            with self.subTest(qclass):
                self.assert_empty(self.udp(message(f"www.{RICH}", "A", qclass=qclass)), REFUSED)
        for tool in (tools.dig, tools.kdig):
            self.assertEqual(tool(self.port, "-c", "CLASS4", f"www.{RICH}").status, "REFUSED")

    def test_rfc1035_opcodes(self) -> None:
        """RFC 1035 4.1.1 (RCODE 4), RFC 6895 2.2: opcodes that we do not have: NOTIMP, with or without a question."""
        for opcode in (1, 2, 3, 6, 7, 15):
            for wire in (message(RICH, flags=opcode << 11), HEADER.pack(9, opcode << 11, 0, 0, 0, 0)):
                with self.subTest(opcode, length=len(wire)):
                    self.assert_empty(self.udp(wire), NOTIMP)

    def test_rfc1996_notify(self) -> None:
        """RFC 1996 3: no secondary of anybody: NOTIFY is not implemented."""
        self.assert_empty(self.udp(message(RICH, flags=4 << 11 | 0x0400)), NOTIMP)

    def test_rfc2136_update(self) -> None:
        """RFC 2136 2.2: UPDATE is not implemented, whatever it brings, and changes nothing."""
        record = to_wire(from_text(f"new.{RICH}")) + struct.pack("!HHIH", 1, 1, 60, 4) + b"\xc0\0\2\1"
        wire = message(RICH, flags=5 << 11, counts=(1, 0, 1, 0), behind=record)
        for ask in (self.udp, self.tcp):
            self.assert_empty(ask(wire), NOTIMP)
        self.assertEqual(self.udp(message(f"new.{RICH}", "A")).rcode, 3)

    def test_rfc5936_axfr(self) -> None:
        """RFC 5936 2.2.1, 4.2: transfers are REFUSED, over TCP, and over UDP, for our zones and for others."""
        for tcp in (False, True):
            for name in (RICH, "example.net"):
                found = (self.tcp if tcp else self.udp)(message(name, 252))
                self.assert_empty(found, REFUSED)
        for reply in tools.ask(self.port, tools.Asked(f"{RICH}.", "AXFR")):
            self.assertNotIn("IN\tSOA\tns1", reply.text)
        self.assertIn("Transfer failed", tools.dig(self.port, f"{RICH}.", "AXFR").text)
        self.assertIn("REFUSED", tools.kdig(self.port, f"{RICH}.", "AXFR").text)

    def test_rfc1995_ixfr(self) -> None:
        """RFC 1995 2, 3: IXFR is REFUSED, its SOA in the authority section well-formed or not there."""
        soa = to_wire(from_text(RICH)) + struct.pack("!HHIH", 6, 1, 0, 22) + b"\0\0" + struct.pack("!5I", 1, 1, 1, 1, 1)
        for ask in (self.udp, self.tcp):
            self.assert_empty(ask(message(RICH, 251, counts=(1, 0, 1, 0), behind=soa)), REFUSED)
            self.assert_empty(ask(message(RICH, 251)), REFUSED)

    def test_rfc1035_mailb_maila(self) -> None:
        """RFC 1035 3.2.3: MAILB and MAILA have been obsolete for long."""
        for qtype in (253, 254):
            self.assert_empty(self.udp(message(RICH, qtype)), NOTIMP)

    def test_rfc6895_meta_types_are_no_questions(self) -> None:
        """RFC 6895 3.1, RFC 6891 6.1.1: OPT, TKEY and TSIG stand in no question of ours."""
        for qtype in (41, 249, 250):
            self.assert_empty(self.udp(message(RICH, qtype)), FORMERR)

    def test_rfc9619_one_question(self) -> None:
        """RFC 9619 4: QDCOUNT other than 1 is FORMERR; so is a count that does not fit what is there."""
        question = to_wire(from_text(RICH)) + struct.pack("!HH", 6, 1)
        wires = {"none": HEADER.pack(1, 0, 0, 0, 0, 0), "none, but there": message(RICH, counts=(0, 0, 0, 0)),
                 "two": message(RICH, counts=(2, 0, 0, 0), behind=question),
                 "two, one there": message(RICH, counts=(2, 0, 0, 0)),
                 "65535": message(RICH, counts=(65535, 0, 0, 0))}
        for what, wire in wires.items():
            for ask in (self.udp, self.tcp):
                with self.subTest(what):
                    self.assert_empty(ask(wire), FORMERR)

    def test_rfc1035_malformed(self) -> None:
        """RFC 1035 4.1.1 (RCODE 1): what does not parse is FORMERR, never silence, down to a bare header."""
        good = message(RICH)
        bad = {"half a name": good[:16], "no class": good[:-2], "octets behind": good + b"\0",
               "a pointer in the question": good[:12] + b"\xc0\x0c" + good[-4:],
               "a label of 64": good[:12] + b"\x40" + b"a" * 64 + b"\0" + good[-4:],
               "a name of 256": good[:12] + (b"\x3f" + b"a" * 63) * 4 + b"\0" + good[-4:],
               "records that are not there": message(RICH, counts=(1, 1, 0, 0)),
               "rdata that is not there": message(RICH, counts=(1, 1, 0, 0), behind=b"\0" + struct.pack(
                   "!HHIH", 1, 1, 0, 4))}
        for what, wire in bad.items():
            for ask in (self.udp, self.tcp):
                with self.subTest(what):
                    self.assert_empty(ask(wire), FORMERR)

    def test_rfc1035_no_answer_to_answers(self) -> None:
        """RFC 1035 4.1.1: a response is never answered, nor what is no header; the next query is."""
        for wire in (message(RICH, flags=0x8000), message(RICH, flags=0x8400, edns=Edns()), b"", b"\0" * 11):
            self.assertIsNone(dns.ask_udp(wire, self.port, limit=0.3))
            self.assertEqual(self.udp(message(RICH)).rcode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
