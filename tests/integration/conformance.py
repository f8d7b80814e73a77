"""What the tests of RFCs share: a server by itself, one question by all tools, and messages made by hand."""

from __future__ import annotations

import struct
import unittest
from collections.abc import Iterable
from typing import Any

from lab import dns, dnsmsg, tools
from lab.dnsmsg import IN, TYPES, Edns, Message, from_text
from lab.solo import MINIMUM, RICH, Solo, owner_name
from lab.tools import Asked, Reply, records

HEADER = struct.Struct("!HHHHHH")
FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED, YXDOMAIN, BADVERS, BADCOOKIE = 1, 2, 3, 4, 5, 6, 16, 23
CH, HS, NONE, ANY_CLASS = 3, 4, 254, 255


def message(name: str, qtype: int | str = "SOA", *, edns: Edns | None = None, flags: int = 0, qclass: int = IN,
            counts: tuple[int, int, int, int] | None = None, behind: bytes = b"", ident: int = 0x1234) -> bytes:
    """A query by hand; behind: octets after the question (and before OPT)."""
    number = TYPES[qtype] if isinstance(qtype, str) else qtype
    question = dnsmsg.to_wire(from_text(name)) + struct.pack("!HH", number, qclass)
    numbers = counts or (1, 0, 0, 1 if edns else 0)
    return HEADER.pack(ident, flags, *numbers) + question + behind + (edns.record() if edns else b"")


def option(code: int, data: bytes = b"") -> bytes:
    """One EDNS option."""
    return struct.pack("!HH", code, len(data)) + data


class SoloCase(unittest.TestCase):
    """A test class with a server by itself, up for all its tests."""

    config: dict[str, Any] = {}
    zones: dict[str, str] = {}
    secret = ""
    solo: Solo

    @classmethod
    def setUpClass(cls) -> None:
        cls.solo = Solo(cls.config, cls.zones, cls.secret)
        cls.solo.start()
        cls.addClassCleanup(cls.solo.stop)

    @property
    def port(self) -> int:
        return self.solo.port

    # -- with the tools --

    def ask_all(self, name: str, qtype: str = "A", **how: Any) -> list[Reply]:
        """dig, kdig and drill, which have to agree, save for the order of records."""
        name = f"{name}.{RICH}" if name and not name.endswith(".") else name
        replies = tools.ask(self.port, Asked(name, qtype, **how))
        for reply in replies:
            self.assertTrue(reply.status, str(reply))
            self.assertEqual("qr" in reply.flags, True, str(reply))
        return replies

    def expect(self, name: str, qtype: str = "A", *, status: str = "NOERROR", aa: bool = True,
               answer: Iterable[str] = (), authority: Iterable[str] | None = None,
               additional: Iterable[str] | None = (), **how: Any) -> None:
        """All three tools are given exactly this; authority None: the zone's SOA (RFC 2308), if there is no answer."""
        wanted = {"answer": records(*answer)}
        if authority is not None:
            wanted["authority"] = records(*authority)
        if additional is not None:
            wanted["additional"] = records(*additional)
        for reply in self.ask_all(name, qtype, **how):
            with self.subTest(f"{name} {qtype}", tool=reply.tool):
                self.assertEqual(reply.status, status, str(reply))
                flags = {"qr"} | ({"aa"} if aa else set()) | ({"rd"} if how.get("rd") else set())
                self.assertEqual(reply.flags, flags, str(reply))
                for section, there in wanted.items():
                    self.assertEqual(getattr(reply, section), there, str(reply))
                if authority is None:
                    self.assert_soa(reply)

    def assert_soa(self, reply: Reply) -> None:
        """The authority section is the SOA alone, with a TTL for negative answers (RFC 2308 3)."""
        self.assertEqual(len(reply.authority), 1, str(reply))
        self.assertRegex(next(iter(reply.authority)), rf"^{RICH}\. {MINIMUM} IN SOA ", str(reply))

    # -- by hand --

    def udp(self, wire: bytes, rclass: int = IN) -> Message:
        """A message over UDP, which has to be answered."""
        answer = dns.ask_udp(wire, self.port)
        self.assertIsNotNone(answer, f"no answer to {wire.hex()}")
        return self.judge(wire, answer, rclass)

    def tcp(self, wire: bytes, rclass: int = IN) -> Message:
        """The same over TCP."""
        answer = dns.ask_tcp(wire, self.port)
        self.assertIsNotNone(answer, f"no answer to {wire.hex()} over TCP")
        return self.judge(wire, answer, rclass)

    def judge(self, wire: bytes, answer: bytes | None, rclass: int) -> Message:
        """Takes an answer apart: ID, QR, opcode and RD are the query's; RA, Z, AD and CD are 0 (RFC 1035 4.1.1)."""
        assert answer is not None
        found = dnsmsg.parse(answer, rclass)
        self.assertEqual(answer[:2], wire[:2], "ID")
        flags = struct.unpack_from("!H", wire, 2)[0]
        self.assertEqual(found.flags & 0xF900, 0x8000 | flags & 0x7900, "QR, opcode, RD")
        self.assertEqual(found.flags & 0x00F0, 0, "RA, Z, AD, CD")
        return found

    def assert_empty(self, found: Message, rcode: int) -> None:
        """An answer that is an RCODE and nothing else, and says nothing with authority."""
        self.assertEqual(dnsmsg.RCODES.get(found.rcode, found.rcode), dnsmsg.RCODES[rcode], str(found))
        self.assertFalse(found.aa or found.tc, str(found))
        self.assertEqual((found.answer, found.authority, found.additional), ([], [], []), str(found))


__all__ = ["ANY_CLASS", "BADCOOKIE", "BADVERS", "CH", "FORMERR", "HEADER", "HS", "NONE", "NOTIMP", "NXDOMAIN",
           "REFUSED", "RICH", "SERVFAIL", "YXDOMAIN", "Edns", "SoloCase", "message", "option", "owner_name", "records"]
