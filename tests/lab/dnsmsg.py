"""DNS messages taken apart strictly (RFC 1035 4): whatever is not exactly right raises Malformed.

Names are tuples of labels, so that a dot or a NUL in a label is nothing special. Records come in two forms at once:
what they mean (names without compression and in lower case, so that records are equal when DNS says so: RFC 4343)
and how many octets they took.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .dns import Flags

Name = tuple[bytes, ...]
"""Labels, the leftmost first; () is the root."""

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16, "AAAA": 28, "RP": 17,
         "AFSDB": 18, "LOC": 29, "SRV": 33, "NAPTR": 35, "KX": 36, "DNAME": 39, "OPT": 41, "DS": 43, "SSHFP": 44,
         "RRSIG": 46, "NSEC": 47, "TLSA": 52, "OPENPGPKEY": 61, "SVCB": 64, "HTTPS": 65, "URI": 256, "CAA": 257,
         "ANY": 255}
_TYPE_NAMES = {number: name for name, number in TYPES.items()}
IN = 1
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "YXDOMAIN",
          16: "BADVERS", 23: "BADCOOKIE"}

# Where names stand in rdata: octets before, how many names, octets behind.
_NAMES_IN = {2: (0, 1, 0), 5: (0, 1, 0), 6: (0, 2, 20), 12: (0, 1, 0), 15: (2, 1, 0), 17: (0, 2, 0),
             18: (2, 1, 0), 33: (6, 1, 0), 36: (2, 1, 0), 39: (0, 1, 0)}
# Those whose names may be compressed: the types of RFC 1035 (RFC 3597 4).
_COMPRESSED = {2, 5, 6, 12, 15}


class Malformed(Exception):
    """A message that RFC 1035 does not allow."""


def lower(name: Name) -> Name:
    """A name as it compares (RFC 4343 3)."""
    return tuple(label.lower() for label in name)


def within(name: Name, above: Name) -> bool:
    """Whether a name is another or below it; both in lower case."""
    return len(name) >= len(above) and name[len(name) - len(above):] == above


def wire_len(name: Name) -> int:
    """Octets of a name in wire form."""
    return sum(len(label) + 1 for label in name) + 1


def to_wire(name: Name) -> bytes:
    """A name in wire form."""
    return b"".join(bytes([len(label)]) + label for label in name) + b"\0"


def to_text(name: Name) -> str:
    """A name as a zone file has it (RFC 1035 5.1), with the dot at its end."""
    def text(octet: int) -> str:
        if octet in b'."\\;()@$':
            return "\\" + chr(octet)
        return chr(octet) if 0x21 <= octet <= 0x7E else f"\\{octet:03}"
    return "".join("".join(map(text, label)) + "." for label in name) or "."


def from_text(text: str) -> Name:
    """A name without escapes."""
    return tuple(label.encode() for label in text.rstrip(".").split(".") if label)


def type_name(number: int) -> str:
    """A type's name, or TYPEn (RFC 3597 5)."""
    return _TYPE_NAMES.get(number, f"TYPE{number}")


class Record(NamedTuple):
    """What a record means; equal ones are one and the same."""

    owner: Name
    type: int
    ttl: int
    rdata: bytes
    """Names in lower case and uncompressed, for the types in which names are known."""

    def __str__(self) -> str:
        return f"{to_text(self.owner)} {self.ttl} {type_name(self.type)} {self.rdata!r}"

    def target(self) -> Name:
        """The one name that is a CNAME's, DNAME's or NS's rdata."""
        return read_name(self.rdata, 0)[0]


@dataclass
class Opt:
    """The OPT record (RFC 6891 6.1)."""

    payload: int
    version: int
    dnssec_ok: bool
    options: list[tuple[int, bytes]] = field(default_factory=list)
    """Code and data of each."""
    flags: int = 0
    """Those that mean nothing yet."""

    def option(self, code: int) -> bytes | None:
        """The data of an option that stands there once; None where it is not."""
        found = [data for number, data in self.options if number == code]
        if len(found) > 1:
            raise Malformed(f"option {code} {len(found)} times")
        return found[0] if found else None


@dataclass
class Message(Flags):
    """A whole message."""

    id: int
    flags: int
    rcode: int
    """With the upper eight bits of an OPT record."""
    question: bytes
    """As it stands there, so in its own case; empty without one."""
    answer: list[Record] = field(default_factory=list)
    authority: list[Record] = field(default_factory=list)
    additional: list[Record] = field(default_factory=list)
    """Without the OPT record."""
    opt: Opt | None = None
    size: int = 0
    """Octets of the message."""
    sizes: dict[Record, int] = field(default_factory=dict)
    """Octets that each record of the additional section took."""

    def __str__(self) -> str:
        lines = [f"{RCODES.get(self.rcode, self.rcode)}{' aa' if self.aa else ''}{' tc' if self.tc else ''} "
                 f"flags {self.flags:04x}, {self.size} octets, {self.opt}"]
        for title in ("answer", "authority", "additional"):
            lines += [f"  {title}: {record}" for record in getattr(self, title)]
        return "\n".join(lines)


def read_name(message: bytes, pos: int, compressed: bool = False) -> tuple[Name, int]:
    """The name at pos and where it ends; pointers, where allowed, go back only (RFC 1035 4.1.4)."""
    labels: list[bytes] = []
    total, end, lowest = 1, -1, pos
    while True:
        if pos >= len(message):
            raise Malformed("a name leaves the message")
        length = message[pos]
        if length >= 0xC0:
            if not compressed:
                raise Malformed("a compressed name where none may be (RFC 3597 4)")
            if pos + 2 > len(message):
                raise Malformed("half a pointer")
            target = struct.unpack_from("!H", message, pos)[0] & 0x3FFF
            end = pos + 2 if end < 0 else end
            if target >= lowest:
                raise Malformed("a pointer that does not go back")
            pos = lowest = target
            continue
        if length > 63:
            raise Malformed("an unknown kind of label")
        pos += 1
        if length == 0:
            return tuple(labels), pos if end < 0 else end
        if length > len(message) - pos:
            raise Malformed("a label leaves the message")
        labels.append(message[pos:pos + length])
        pos += length
        total += 1 + length
        if total > 255:
            raise Malformed("a name of more than 255 octets")


def _read_rdata(message: bytes, pos: int, length: int, rtype: int) -> bytes:
    end = pos + length
    if rtype not in _NAMES_IN:
        return message[pos:end]
    before, names, behind = _NAMES_IN[rtype]
    parts, pos = [message[pos:pos + before]], pos + before
    for _ in range(names):
        name, pos = read_name(message[:end], pos, rtype in _COMPRESSED)
        parts.append(to_wire(lower(name)))
    if end - pos != behind:
        raise Malformed(f"{type_name(rtype)} rdata of the wrong length")
    return b"".join([*parts, message[pos:end]])


class _Reader:
    def __init__(self, data: bytes, rclass: int):
        self.data, self.pos, self.rclass = data, 12, rclass
        if len(data) < 12:
            raise Malformed("no whole header")
        self.id, self.flags, *self.counts = struct.unpack_from("!HHHHHH", data)
        self.message = Message(self.id, self.flags, self.flags & 15, b"", size=len(data))

    def question(self) -> None:
        if self.counts[0] > 1:
            raise Malformed("more than one question")
        if self.counts[0]:
            start = self.pos
            _, self.pos = read_name(self.data, self.pos)
            if len(self.data) - self.pos < 4:
                raise Malformed("half a question")
            self.pos += 4
            self.message.question = self.data[start:self.pos]

    def _opt(self, owner: Name, payload: int, ttl: int, rdata: bytes, additional: bool) -> None:
        if not additional or owner or self.message.opt:
            raise Malformed("an OPT record where none may be")
        options = []
        while rdata:
            if len(rdata) < 4 or (length := struct.unpack_from("!H", rdata, 2)[0]) > len(rdata) - 4:
                raise Malformed("half an EDNS option")
            options.append((struct.unpack_from("!H", rdata)[0], rdata[4:4 + length]))
            rdata = rdata[4 + length:]
        self.message.opt = Opt(payload, ttl >> 16 & 255, bool(ttl & 0x8000), options, ttl & 0x7FFF)
        self.message.rcode |= ttl >> 24 << 4

    def section(self, count: int, additional: bool = False) -> Iterator[Record]:
        for _ in range(count):
            start = self.pos
            owner, self.pos = read_name(self.data, self.pos, True)
            if len(self.data) - self.pos < 10:
                raise Malformed("half a record")
            rtype, rclass, ttl, length = struct.unpack_from("!HHIH", self.data, self.pos)
            self.pos += 10
            if length > len(self.data) - self.pos:
                raise Malformed("rdata leaves the message")
            rdata = _read_rdata(self.data, self.pos, length, rtype)
            self.pos += length
            if rtype == TYPES["OPT"]:
                self._opt(owner, rclass, ttl, rdata, additional)
                continue
            if rclass != self.rclass:
                raise Malformed(f"a record of class {rclass}")
            record = Record(lower(owner), rtype, ttl, rdata)
            if additional:
                self.message.sizes[record] = self.pos - start
            yield record


def parse(data: bytes, rclass: int = IN) -> Message:
    """Takes a whole message apart, whose records are of one class; raises Malformed."""
    reader = _Reader(data, rclass)
    message = reader.message
    reader.question()
    message.answer = list(reader.section(reader.counts[1]))
    message.authority = list(reader.section(reader.counts[2]))
    message.additional = list(reader.section(reader.counts[3], True))
    if reader.pos != len(data):
        raise Malformed(f"{len(data) - reader.pos} octets behind the last record")
    return message


@dataclass(frozen=True)
class Edns:
    """What a query says by its OPT record."""

    payload: int = 1232
    version: int = 0
    dnssec_ok: bool = False
    options: bytes = b""

    def codes(self) -> list[int]:
        """Codes of the options."""
        found, rest = [], self.options
        while rest:
            code, length = struct.unpack_from("!HH", rest)
            found.append(code)
            rest = rest[4 + length:]
        return found

    def record(self) -> bytes:
        """The record."""
        flags = self.version << 16 | (0x8000 if self.dnssec_ok else 0)
        return b"\0" + struct.pack("!HHIH", TYPES["OPT"], self.payload, flags, len(self.options)) + self.options


@dataclass(frozen=True)
class Query:
    """One question, and how it is asked."""

    name: Name
    """In the case that is sent."""
    type: int
    edns: Edns | None = None
    tcp: bool = False
    rd: bool = False

    def question(self) -> bytes:
        """The question section."""
        return to_wire(self.name) + struct.pack("!HH", self.type, IN)

    def wire(self, ident: int) -> bytes:
        """The message to send."""
        head = struct.pack("!HHHHHH", ident, 0x0100 if self.rd else 0, 1, 0, 0, 1 if self.edns else 0)
        return head + self.question() + (self.edns.record() if self.edns else b"")

    def __str__(self) -> str:
        return f"{to_text(self.name)} {type_name(self.type)} {'TCP' if self.tcp else 'UDP'} {self.edns or 'no EDNS'}"


def duplicates(records: Iterable[Record]) -> list[Record]:
    """Records that stand there more than once, whatever their TTLs."""
    seen: set[Record] = set()
    found = []
    for record in records:
        bare = record._replace(ttl=0)
        if bare in seen:
            found.append(record)
        seen.add(bare)
    return found
