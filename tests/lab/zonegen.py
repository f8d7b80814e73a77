"""Random zones, as mean as the RFCs allow, and random questions about them; the same seed gives the same."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from .dnsmsg import TYPES, Edns, Name, Query, from_text, lower, to_text, within

# Few, so that names meet; the odd ones are there to hurt.
_LABELS = [b"a", b"b", b"c", b"d", b"www", b"ns", b"mail", b"_acme-challenge", b"xn--plse-gra"]
_ODD = [b"*", b"**", b"dot.ted", b"sp ace", b"\0nul", b"\xff\xfe", b"l" * 63, b"A-z", b"a@b", b'q"uote', b"back\\slash"]
_QTYPES = ["A", "AAAA", "TXT", "MX", "SRV", "NS", "SOA", "CNAME", "DNAME", "DS", "ANY", "CAA", "TLSA", "PTR", "HINFO",
           "RRSIG", "NSEC", "SVCB", "HTTPS", "NAPTR", "LOC"]
# More types, as text with a name and a number. RFC 9460 does not say that the case of its names counts for nothing, and
# NSD changes it.
_OTHERS = {"HINFO": '"cpu {n}" "os"', "RP": "{name} {name}", "AFSDB": "{n} {name}", "KX": "{n} {name}",
           "NAPTR": '{n} 10 "u" "E2U+sip" "!^.*$!sip:x@y!" .', "LOC": "52 {n} 23.000 N 4 53 32.000 E 2m 1m 10000m 10m",
           "SSHFP": "4 2 " + "0123456789abcdef" * 3 + "0123456789abcd{n:02}", "OPENPGPKEY": "AQIDBAUGBwg=",
           "SVCB": "{n} {low} port={n}", "HTTPS": "{n} {low} alpn=h2", "URI": '{n} 1 "https://www.example/{n}"'}
# NSID, client cookie, one with a server's part of nobody's, keep-alive, padding, subnet 0/0, one of private use.
_OPTIONS = [bytes.fromhex(text) for text in (
    "00030000", "000a00082464c4abcf10c957", "000a00182464c4abcf10c957" + "5a" * 16, "000b0000", "000c000400000000",
    "0008000400010000", "fde90003616263")]
_PRIVATE = [65280, 65300, 731]


@dataclass
class Zone:
    """A zone's records, as text of their rdata."""

    apex: Name
    ttl: int
    data: dict[Name, dict[int, tuple[int, list[str]]]] = field(default_factory=dict)
    """By owner in lower case, then by type: TTL and rdata."""
    spelling: dict[Name, Name] = field(default_factory=dict)
    """Owners in the case that the file has."""
    targets: list[Name] = field(default_factory=list)
    """Names that rdata speaks of."""

    @property
    def name(self) -> str:
        return to_text(self.apex).rstrip(".")

    def has(self, owner: Name, *types: str) -> bool:
        """Whether a name owns one of these types."""
        return any(TYPES[name] in self.data.get(owner, {}) for name in types)

    def is_cut(self, owner: Name) -> bool:
        """Whether a name is delegated."""
        return owner != self.apex and self.has(owner, "NS")

    def text(self) -> str:
        """The zone file."""
        lines = []
        for owner, types in self.data.items():
            for rtype, (ttl, rdatas) in types.items():
                name = {number: name for name, number in TYPES.items()}.get(rtype, f"TYPE{rtype}")
                lines += [f"{to_text(self.spelling[owner])} {ttl} IN {name} {rdata}" for rdata in rdatas]
        return "\n".join(sorted(lines, key=lambda line: " SOA " not in line)) + "\n"


class _Maker:
    def __init__(self, rng: random.Random, apexes: list[Name]):
        self.rng, self.apexes = rng, apexes

    def case(self, name: Name) -> Name:
        """The name in another case, mostly."""
        rng = self.rng
        if rng.random() < 0.3:
            return name
        return tuple(bytes(c ^ 0x20 if chr(c).isalpha() and c < 128 and rng.random() < 0.5 else c for c in label)
                     for label in name)

    def label(self) -> bytes:
        rng = self.rng
        roll = rng.random()
        return b"*" if roll < 0.15 else rng.choice(_ODD) if roll < 0.3 else rng.choice(_LABELS)

    def below(self, name: Name, deepest: int = 4) -> Name:
        """A name below another, by its first labels."""
        longer = (*(self.label() for _ in range(self.rng.randint(1, deepest))), *name)
        return longer if fits(longer) else name

    def target(self, zone: Zone) -> Name:
        """A name to point at: of this zone, of another, of nobody's."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.5 and len(zone.data) > 3:
            name = rng.choice(list(zone.data))
            name = self.below(name, 2) if rng.random() < 0.25 else name
        elif roll < 0.75:
            name = self.below(zone.apex)
        elif roll < 0.9:
            name = rng.choice(self.apexes)
            name = self.below(name) if rng.random() < 0.8 else name
        else:
            name = rng.choice([from_text("host.example.org"), from_text("example"), (), from_text("a.b.c.invalid")])
        zone.targets.append(name)
        return self.case(name)

    def ttl(self) -> int:
        return self.rng.choice([0, 1, 60, 300, 3600, 86400, 2147483647])

    def put(self, zone: Zone, owner: Name, rtype: int, rdatas: list[str], ttl: int | None = None) -> None:
        zone.spelling.setdefault(lower(owner), self.case(owner))
        zone.data.setdefault(lower(owner), {})[rtype] = (self.ttl() if ttl is None else ttl, sorted(set(rdatas)))

    def rdata(self, zone: Zone, rtype: str) -> list[str]:
        rng = self.rng

        def some(make: Callable[[], str], most: int) -> list[str]:
            return [make() for _ in range(rng.randint(1, most))]

        def address(six: bool) -> str:
            return f"2001:db8::{rng.randrange(65536):x}" if six else f"192.0.2.{rng.randrange(256)}"

        def name() -> str:
            return to_text(self.target(zone))
        if rtype in ("A", "AAAA"):
            return some(lambda: address(rtype == "AAAA"), 4)
        if rtype == "TXT":
            size, most = rng.choice([(5, 3), (43, 8), (200, 4), (255, 3), (120, 40)])
            return some(lambda: " ".join(
                f'"{rng.randrange(10**9):0{size}}"' for _ in range(rng.choice([1, 1, 2]))), most)
        if rtype == "MX":
            return some(lambda: f"{rng.randrange(100)} {name()}", 4)
        if rtype == "SRV":
            return some(lambda: f"{rng.randrange(10)} {rng.randrange(10)} {rng.randrange(65536)} {name()}", 4)
        if rtype == "NS":
            return some(name, rng.choice([2, 4, 4, 13]))
        if rtype == "DS":
            return some(lambda: f"{rng.randrange(65536)} 13 2 {rng.randbytes(32).hex()}", 2)
        if rtype == "CAA":
            return some(lambda: f'0 issue "ca{rng.randrange(100)}.example"', 2)
        if rtype == "TLSA":
            return some(lambda: f"3 1 1 {rng.randbytes(32).hex()}", 2)
        if rtype in _OTHERS:
            return some(lambda: _OTHERS[rtype].format(name=name(), low=to_text(lower(self.target(zone))),
                                                      n=rng.randrange(1, 60)), 3)
        return [name()]  # PTR, CNAME, DNAME

    def unknown(self) -> list[str]:
        """Rdata of no known form (RFC 3597 5)."""
        rng = self.rng
        sizes = [rng.choice([0, 1, 4, 40, 300]) for _ in range(rng.randint(1, 2))]
        return [f"\\# {size} {rng.randbytes(size).hex()}".rstrip() for size in sizes]

    def plain(self, zone: Zone, owner: Name) -> None:
        """Some RRsets that lead nowhere else."""
        rng = self.rng
        kinds = ["A", "AAAA", "TXT", "TXT", "MX", "SRV", "PTR", "CAA", "TLSA", *_OTHERS]
        for rtype in rng.sample(kinds, rng.randint(1, 3)):
            self.put(zone, owner, TYPES[rtype], self.rdata(zone, rtype))
        if rng.random() < 0.2:
            self.put(zone, owner, rng.choice(_PRIVATE), self.unknown())
        if rng.random() < 0.05:
            self.put(zone, owner, TYPES["A"], ["\\# 4 7f000001"])

    def delegate(self, zone: Zone, owner: Name) -> None:
        """A cut: NS, perhaps DS, perhaps glue and names that the cut hides."""
        rng = self.rng
        servers = self.rdata(zone, "NS") if rng.random() < 0.5 else []
        for _ in range(rng.choice([0, 1, 2, 2, 6, 14])):
            glue = self.below(owner, 2) if rng.random() < 0.9 else owner
            servers.append(to_text(self.case(glue)))
            zone.targets.append(glue)
            for rtype in ("A", "AAAA"):
                if rng.random() < 0.7:
                    self.put(zone, glue, TYPES[rtype], self.rdata(zone, rtype))
        self.put(zone, owner, TYPES["NS"], servers or [to_text(from_text("ns.example.org"))])
        if rng.random() < 0.5:
            self.put(zone, owner, TYPES["DS"], self.rdata(zone, "DS"))
        if rng.random() < 0.5:
            self.plain(zone, self.below(owner, 2))
        if rng.random() < 0.2:
            self.plain(zone, owner)

    def fill(self, zone: Zone, owner: Name) -> None:
        """One owner name of a random kind."""
        rng = self.rng
        roll = rng.random()
        wildcard = owner[0] == b"*"
        if roll < 0.3:
            self.put(zone, owner, TYPES["CNAME"], self.rdata(zone, "CNAME"))
        elif roll < 0.42 and not wildcard:
            self.delegate(zone, owner)
        elif roll < 0.5 and not wildcard:
            self.put(zone, owner, TYPES["DNAME"], self.rdata(zone, "DNAME"))
            if rng.random() < 0.3:
                self.plain(zone, owner)
        else:
            self.plain(zone, owner)

    def chain(self, zone: Zone) -> None:
        """CNAME records that lead from one to the next; now and then in a circle."""
        rng = self.rng
        names = [self.below(zone.apex, 2) for _ in range(rng.randint(2, 12))]
        for name, following in zip(names, names[1:] + [names[0] if rng.random() < 0.3 else self.target(zone)]):
            if name[0] != b"*" or rng.random() < 0.3:
                self.put(zone, name, TYPES["CNAME"], [to_text(self.case(following))])

    def apex(self, zone: Zone) -> None:
        """SOA, NS and what else."""
        rng = self.rng
        names = " ".join(to_text(self.case(self.below(zone.apex, 2))) for _ in range(2))
        self.put(zone, zone.apex, TYPES["SOA"], [f"{names} 1 3600 600 86400 {self.ttl()}"], zone.ttl)
        self.put(zone, zone.apex, TYPES["NS"], self.rdata(zone, "NS"))
        for target in list(zone.targets):
            if within(lower(target), zone.apex):
                for rtype in ("A", "AAAA"):
                    if rng.random() < 0.5:
                        self.put(zone, target, TYPES[rtype], self.rdata(zone, rtype))
        if rng.random() < 0.5:
            self.plain(zone, zone.apex)


    def zone(self, apex: Name, children: list[Name]) -> Zone:
        """A whole zone; children: zones of their own below it, all delegated."""
        rng = self.rng
        zone = Zone(apex, self.ttl())
        self.apex(zone)
        for _ in range(rng.choice([0, 3, 10, 25])):
            above = rng.choice(list(zone.data)) if rng.random() < 0.4 else apex
            self.fill(zone, self.below(above, 3) if len(above) < 12 else (self.label(), *apex))
        for _ in range(rng.choice([0, 0, 1, 2])):
            self.chain(zone)
        for child in children:
            self.delegate(zone, child)
        if rng.random() < 0.05 and not children:
            self.put(zone, apex, TYPES["DNAME"], self.rdata(zone, "DNAME"))
        _tidy(zone, children)
        return zone


def _tidy(zone: Zone, children: list[Name]) -> None:
    """Takes out what the RFCs forbid, so that every server loads the zone."""
    for owner, types in zone.data.items():
        if any(within(child, owner) for child in children):
            types.pop(TYPES["DNAME"], None)
        if owner[0] == b"*":  # RFC 4592 4.2, 4.4
            types.pop(TYPES["NS"], None)
            types.pop(TYPES["DNAME"], None)
        if TYPES["CNAME"] in types and len(types) > 1:  # RFC 2181 10.1
            types.pop(TYPES["CNAME"])
        if owner != zone.apex and TYPES["NS"] in types:  # RFC 6672 2.3
            types.pop(TYPES["DNAME"], None)
        if TYPES["NS"] not in types or owner == zone.apex:
            types.pop(TYPES["DS"], None)
    dnames = [owner for owner in zone.data if zone.has(owner, "DNAME")]
    for owner in list(zone.data):
        hidden = any(owner != dname and within(owner, dname) for dname in dnames)  # RFC 6672 2.4
        if hidden or not zone.data[owner]:
            del zone.data[owner]


def make_zones(rng: random.Random, count: int) -> list[Zone]:
    """Zones for one server; some lie within others."""
    apexes = [from_text(f"z{i}.example") for i in range(count)]
    inner: dict[Name, list[Name]] = {}
    for i in range(0, count - 1, 6):
        labels = [b"c", b"www"][:rng.randint(1, 2)]
        apexes[i + 1] = (*labels, *apexes[i])
        inner.setdefault(apexes[i], []).append(apexes[i + 1])
    maker = _Maker(rng, apexes)
    zones = [maker.zone(apex, inner.get(apex, [])) for apex in apexes]
    for zone in zones:
        _part(zone, [other for other in zones if other is not zone])
    return zones


def _part(zone: Zone, others: list[Zone]) -> None:
    """Takes out DNAME records above other zones' names: NSD has one tree for all zones, and refuses them."""
    names = {owner for other in others for owner in other.data}
    for owner in list(zone.data):
        if zone.has(owner, "DNAME") and any(name != owner and within(name, owner) for name in names):
            zone.data[owner].pop(TYPES["DNAME"])
            if not zone.data[owner]:
                del zone.data[owner]


class Asking:
    """Random questions about some zones."""

    def __init__(self, rng: random.Random, zones: list[Zone]):
        self.rng, self.zones = rng, zones
        self._maker = _Maker(rng, [zone.apex for zone in zones])

    def _name(self) -> Name:
        rng = self.rng
        zone = rng.choice(self.zones)
        name: Name = rng.choice(list(zone.data))
        roll = rng.random()
        if roll < 0.35:
            pass
        elif roll < 0.6:
            name = self._maker.below(name)
        elif roll < 0.7:
            name = name[rng.randint(1, max(1, len(name) - 1)):]
        elif roll < 0.8:
            name = self._maker.below(name[1:], 2)
        elif roll < 0.87 and zone.targets:
            name = rng.choice(zone.targets)
        elif roll < 0.92:
            while fits(longer := (b"x" * rng.choice([1, 20, 63]), *name)):  # as long as they come
                name = longer
        elif roll < 0.95:
            name = (b"*", *name) if fits((b"*", *name)) else name
        elif roll < 0.965:
            name = zone.apex
        elif roll < 0.985:
            name = self._maker.below(zone.apex)
        else:
            name = rng.choice([(), from_text("example"), from_text("org"), self._maker.below(())])
        return self._maker.case(name)

    def _type(self, name: Name) -> int:
        rng = self.rng
        here = [rtype for zone in self.zones for rtype in zone.data.get(lower(name), {})]
        if lower(name) in self._maker.apexes and rng.random() < 0.3:
            return TYPES["DS"]  # which is the parent's
        if here and rng.random() < 0.4:
            return rng.choice(here)
        if rng.random() < 0.1:
            return rng.choice([*_PRIVATE, rng.randrange(256, 65536), rng.randrange(65, 128)])
        return TYPES[rng.choice(_QTYPES)]

    def next(self) -> Query:
        """One more question."""
        rng = self.rng
        name = self._name()
        edns = None
        if rng.random() < 0.7:
            payload = rng.choice([0, 511, 512, 513, 700, 1231, 1232, 1233, 4096, 65535, rng.randint(512, 4096)])
            options = b"".join(rng.sample(_OPTIONS, rng.randint(1, 3))) if rng.random() < 0.4 else b""
            edns = Edns(payload, 1 if rng.random() < 0.02 else 0, rng.random() < 0.3, options)
        return Query(name, self._type(name), edns, rng.random() < 0.15, rng.random() < 0.5)


def fits(name: Name) -> bool:
    """Whether a name has at most 255 octets."""
    return sum(len(label) + 1 for label in name) + 1 <= 255
