"""Goal: random questions about random zones get from us what NSD and Knot DNS answer, save where there is a reason.

By hand, for as long as one likes; test_answers.py does it with seeds that are always the same.
CERTMILL_ANSWERS_SECONDS (15): how long to ask. CERTMILL_ANSWERS_SEED: the first seed; each failure names its own.
Class CH and transfers are left out: NSD and Knot have other settings for them. So are the options of the others'
answers: which are given is theirs to choose; ours are judged by themselves.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
import unittest
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from lab import dnsmsg, peers, zonegen
from lab.dnsmsg import TYPES, Message, Name, Query, Record, lower, wire_len, within
from lab.ports import Ports
from lab.process import adopt_orphans
from lab.server import Server

SECONDS = float(os.environ.get("CERTMILL_ANSWERS_SECONDS", "15"))
SEED = int(os.environ.get("CERTMILL_ANSWERS_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
ZONES, QUESTIONS, CHAIN = 24, 4000, 8
_NS, _CNAME, _SOA, _DNAME, _DS, _ANY = (TYPES[name] for name in ("NS", "CNAME", "SOA", "DNAME", "DS", "ANY"))

_NOBODYS = 65399
_NOTIMP, _REFUSED, _YXDOMAIN, _BADVERS = 4, 5, 6, 16
_NSID, _COOKIE, _KEEPALIVE, _EDE = 3, 10, 11, 15
NSID = "ns1 of the lab"

# Where another server's answer may differ from ours, and why ours is right. compare() uses no other excuse, and the
# test says at its end how often each was needed.
DIFFERENCES = {
    "serial": "SOA serial: ours counts publications, as challenges change the zone and not its file",
    "apex NS": "NS of the zone in the authority section of positive answers (NSD): optional (RFC 1034 3.7), and octets "
               "that nobody asked for",
    "addresses": "addresses of MX and SRV targets and the like in the additional section: optional (RFC 2181 9, "
                 "RFC 2782); resolvers ask for them anyway",
    "wildcard addresses": "addresses of nameservers that only a wildcard has: not glue, so optional (RFC 9471 2.1); "
                          "Knot now and then gives them under the wildcard's own name",
    "any": "ANY: one RRset is enough (RFC 8482 4.1), and everybody takes another; ours is compared with what the "
           "other has for that type",
    "links": "a CNAME chain of many links: each server stops where it likes, and the resolver asks on (RFC 1034 "
             "3.6.2); what it then gets is put together and compared",
    "long chain": "the same, where it is ours that stops, after 8 links: what is there has to be theirs",
    "DS of a link": "DS where a CNAME leads to a zone's apex: it is the parent's, which is here (RFC 4035 3.1.4.1); "
                    "Knot says what the child has, and the parent's when asked for the end of the chain",
    "DS beyond a cut": "DS of a zone here whose parent is delegated elsewhere by a zone here: that one cannot say and "
                       "refers (RFC 1034 4.3.2); NSD denies it with authority",
    "signature types": "RRSIG and NSEC: Knot does not follow a CNAME for them, as a signed zone has them beside it "
                       "(RFC 4035 2.5); ours is not signed and follows (RFC 1034 4.3.2); Knot is asked for another type",
    "one tree": "NSD has one tree of names for all zones, so that what a parent has below a cut makes names in the "
                "child's zone, too (RFC 1034 4.2.1: it is no part of that); Knot alone judges there",
    "overlong": "where a DNAME would make too long a name, the answer ends (RFC 6672 2.2); Knot goes on from the "
                "DNAME's bare target; NSD judges, and the length is calculated",
}


class Excuses:
    """Counts which differences were met."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()

    def use(self, key: str) -> None:
        """One difference met; it must stand in the table."""
        assert key in DIFFERENCES, key
        self.count[key] += 1


Ask = Callable[[Query], Message]


class Judge:
    """Knows the zones' apexes, and says what is wrong with an answer of ours beside another server's."""

    def __init__(self, zones: list[zonegen.Zone], excuses: Excuses, payload: int = 1232):
        self.excuses, self.payload = excuses, payload
        self.apexes = [zone.apex for zone in zones]
        self.blended = {apex for apex in self.apexes if any(
            name != apex and within(name, apex) for zone in zones if zone.apex != apex and within(apex, zone.apex)
            for name in zone.data)}
        """Apexes below which other zones have names, too."""
        self.names = {name for zone in zones for name in zone.data}
        self.own = {name for zone in zones for name in zone.data if self.zone_of(name) == zone.apex}
        """Names without those that only a zone above has, as glue."""

    def zone_of(self, name: Name) -> Name | None:
        """The most specific zone that has a name."""
        return max((apex for apex in self.apexes if within(name, apex)), key=len, default=None)

    # -- our answer by itself --

    def limit(self, query: Query) -> int:
        """Octets that an answer may have."""
        if query.tcp:
            return 65535
        return min(max(query.edns.payload, 512), self.payload) if query.edns else 512

    @staticmethod
    def options(query: Query, ours: Message) -> Iterator[str]:
        """What is wrong with the options of an answer: those that were asked for and no others, save errors."""
        if query.edns is None or ours.opt is None:
            return
        asked = set(query.edns.codes()) if ours.rcode != _BADVERS else set()
        wanted = asked & ({_NSID, _COOKIE, _KEEPALIVE} if query.tcp else {_NSID, _COOKIE})
        here = [code for code, _ in ours.opt.options]
        if sorted(here) != sorted(wanted | ({_EDE} if ours.rcode in (_NOTIMP, _REFUSED) else set())):
            yield f"options {here}, asked for {asked}"
        if _NSID in wanted and ours.opt.option(_NSID) != NSID.encode():
            yield "NSID (RFC 5001)"
        if _COOKIE in wanted and len(ours.opt.option(_COOKIE) or b"") != 24:
            yield "cookie (RFC 9018)"

    @staticmethod
    def required(message: Message) -> int:
        """Octets of what an answer over UDP cannot do without, taken from one over TCP: all but addresses other than
        glue below the cut (RFC 9471), and how long the connection may stay (RFC 7828)."""
        cuts = [record.owner for record in message.authority if record.type == _NS]
        keepalive = 6 if message.opt and message.opt.option(_KEEPALIVE) is not None else 0
        return message.size - keepalive - sum(size for record, size in message.sizes.items()
                                  if not any(within(record.owner, cut) for cut in cuts))

    def alone(self, query: Query, ours: Message, whole: Message) -> Iterator[str]:
        """What is wrong with our answer whoever else there is; whole: the same over TCP."""
        for section in (ours.answer, ours.authority, ours.additional):
            yield from (f"twice in a section: {record}" for record in dnsmsg.duplicates(section))
            ttls: dict[tuple[Name, int], int] = {}
            yield from (f"an RRset with two TTLs: {record}" for record in section
                        if ttls.setdefault((record.owner, record.type), record.ttl) != record.ttl)
        if (whole.rcode == _YXDOMAIN) != self.overlong(query, whole) and links(query, whole) < CHAIN:
            yield "YXDOMAIN if and only if a name would be too long (RFC 6672 2.2)"
        if ours.flags & 0x00F0:
            yield "RA, Z, AD or CD is set"
        if (ours.opt is None) != (query.edns is None):
            yield "OPT if and only if the query had one (RFC 6891 6.1.1)"
        if ours.opt and query.edns and (ours.opt.version or ours.opt.dnssec_ok != query.edns.dnssec_ok):
            yield "version or DO of OPT (RFC 6891 6.1.3, RFC 3225 3)"
        yield from self.options(query, ours)
        if ours.size > self.limit(query):
            yield f"{ours.size} octets where {self.limit(query)} may be"
        if ours.tc != (self.required(whole) > self.limit(query)):
            yield f"TC, though {self.required(whole)} octets are needed and {self.limit(query)} may be"
        for name in ("answer", "authority", "additional"):
            here, there = set(getattr(ours, name)), set(getattr(whole, name))
            if not (here <= there if ours.tc or name == "additional" else here == there):
                yield f"{name} section over UDP and over TCP"

    @staticmethod
    def overlong(query: Query, message: Message) -> bool:
        """Whether a DNAME of the answer would make too long a name of where its chain ends."""
        end = chain_end(query, message) or lower(query.name)
        return any(record.type == _DNAME and within(end, record.owner) and wire_len(end) - wire_len(
            record.owner) + wire_len(record.target()) > 255 for record in message.answer)

    # -- beside another --

    def can_judge(self, peer: str, query: Query, ours: Message) -> bool:
        """Whether a server's idea of zones allows to compare this answer."""
        passed = {lower(query.name)} | {record.target() for record in ours.answer if record.type == _CNAME}
        if peer == "nsd" and any(self.zone_of(name) in self.blended for name in passed):
            self.excuses.use("one tree")
            return False
        if peer == "nsd" and query.type == _DS and not ours.aa and lower(query.name) in self.apexes:
            self.excuses.use("DS beyond a cut")
            return False
        if peer == "knotd" and ours.rcode == _YXDOMAIN:
            self.excuses.use("overlong")
            return False
        return True

    def resolve(self, query: Query, ask: Ask, peer: str) -> Message:
        """Another server's whole answer, and where its chain ends within the zones, what it says to the end of that."""
        if peer == "knotd" and query.type in (TYPES["RRSIG"], TYPES["NSEC"]):
            self.excuses.use("signature types")
            query = replace(query, type=_NOBODYS)
        whole = ask(replace(query, tcp=True))
        self.drop_apex_ns(query, whole)
        passed = {lower(query.name)}
        while (end := chain_end(query, whole)) is not None and self.asks_on(query, whole, end) and end not in passed:
            passed.add(end)
            more = ask(replace(query, name=end, tcp=True))
            self.drop_apex_ns(query, more)
            whole.answer += [record for record in more.answer if record not in whole.answer]
            whole.authority, whole.additional, whole.rcode = more.authority, more.additional, more.rcode
        return whole

    def asks_on(self, query: Query, whole: Message, end: Name) -> bool:
        """Whether a server has left it to the resolver to ask for the end of a chain, though it has the zone."""
        if whole.rcode or not self.zone_of(end) or any(record.owner == end for record in whole.answer):
            return False
        if query.type == _DS and end in self.apexes and whole.authority:
            self.excuses.use("DS of a link")
            return True
        if not whole.authority:
            self.excuses.use("links")
        return not whole.authority

    def drop_apex_ns(self, query: Query, message: Message) -> None:
        """Takes out what NSD adds to positive answers, and referrals to zones that are here, or above one that is here
        and that a CNAME leads into: the nearest answers (RFC 1034 4.3.2, back to step 1); Knot stays in its own."""
        end = chain_end(query, message)
        nearest = self.zone_of(end) if end is not None and query.type != _DS else None
        kept = [record for record in message.authority if record.type != _NS or not (
            record.owner in self.apexes or nearest is not None and within(nearest, record.owner))]
        if message.answer and kept != message.authority:
            self.excuses.use("apex NS")
            message.authority = kept

    def compare(self, query: Query, ours: Message, theirs: Message, other: peers.Asker) -> Iterator[str]:
        """What is wrong with our whole answer beside another server's."""
        if query.type == _ANY and ours.answer and not ours.rcode:
            kind = next((record.type for record in ours.answer if record.type != _DNAME), _DNAME)
            self.excuses.use("any")
            theirs = self.resolve(replace(query, type=kind), other.ask, other.name)
        end = chain_end(query, ours)
        if links(query, ours) == CHAIN and end not in {record.owner for record in ours.answer} and not ours.authority:
            self.excuses.use("long chain")
            yield from (f"a long chain has {record}" for record in set(ours.answer) - set(theirs.answer))
            return
        if ours.rcode != theirs.rcode:
            yield f"RCODE {ours.rcode}, not {theirs.rcode}"
        if ours.aa != theirs.aa:
            yield "AA"
        if (ours.opt is None) != (theirs.opt is None):
            yield "OPT"
        referral = any(record.type == _NS for record in ours.authority)
        for section in ("answer", "authority", "additional"):
            here, there = (self.plain(getattr(message, section)) for message in (ours, theirs))
            if section == "additional":
                there = self.without_courtesies(there, here, ours, referral or query.type == _NS)
            yield from (f"{section} lacks {record}" for record in sorted(there - here))
            yield from (f"{section} has {record}" for record in sorted(here - there))

    def without_courtesies(self, theirs: set[Record], ours: set[Record], message: Message,
                           servers: bool) -> set[Record]:
        """The additional records that our message has to have; servers: those are of nameservers."""
        if not servers and theirs - ours:
            self.excuses.use("addresses")
            return theirs & ours
        targets = {record.target() for record in message.answer + message.authority if record.type == _NS}
        there = self.own if message.aa else self.names
        made = {record for record in theirs - ours if record.owner not in there & targets}
        if made:
            self.excuses.use("wildcard addresses")
        return theirs - made

    def plain(self, records: list[Record]) -> set[Record]:
        """As a set, without serials."""
        found = set()
        for record in records:
            if record.type == _SOA:
                self.excuses.use("serial")
                record = record._replace(rdata=record.rdata[:-20] + record.rdata[-16:])
            found.add(record)
        return found


def spoiled(message: Message) -> Iterator[tuple[str, Message]]:
    """An answer, wrong in one way after the other."""
    yield "RCODE", replace(message, rcode=message.rcode ^ 3)
    yield "AA", replace(message, flags=message.flags ^ 0x0400)
    yield "OPT", replace(message, opt=None if message.opt else dnsmsg.Opt(1232, 0, False))
    for section in ("answer", "authority"):
        records: list[Record] = getattr(message, section)
        for i, record in enumerate(records):
            rest = records[:i] + records[i + 1:]
            yield f"without {record}", replace(message, **{section: rest})
            yield f"TTL of {record}", replace(message, **{section: [*rest, record._replace(ttl=record.ttl ^ 1)]})
            other = record._replace(owner=(b"other", *record.owner))
            yield f"owner of {record}", replace(message, **{section: [*rest, other]})
            if record.type not in (_CNAME, _NS, _SOA, _DNAME) and record.rdata:
                other = record._replace(rdata=record.rdata[:-1] + bytes([record.rdata[-1] ^ 1]))
                yield f"data of {record}", replace(message, **{section: [*rest, other]})
        yield f"more in {section}", replace(message, **{section: [*records, Record((b"x",), 1, 0, b"\1\2\3\4")]})
    cuts = [record.owner for record in message.authority if record.type == _NS]
    for record in message.additional:
        if any(within(record.owner, cut) for cut in cuts):
            yield f"without glue {record}", replace(message, additional=[
                other for other in message.additional if other != record])


def links(query: Query, message: Message) -> int:
    """CNAME records in an answer."""
    return sum(record.type == _CNAME for record in message.answer) if query.type not in (_CNAME, _ANY) else 0


def chain_end(query: Query, message: Message) -> Name | None:
    """Where an answer's CNAME records lead; None where they do not, or in a circle."""
    steps = {record.owner: record.target() for record in message.answer if record.type == _CNAME}
    name = lower(query.name)
    if query.type in (_CNAME, _ANY) or name not in steps:
        return None
    while name in steps:
        name = steps.pop(name)
    return name


class Trio:
    """Our server, NSD and Knot DNS with the same zone files."""

    def __init__(self, folder: Path, zones: list[zonegen.Zone], stack: ExitStack, payload: int = 1232):
        ports = Ports()
        stack.callback(ports.release)
        files = {}
        for zone in zones:
            files[zone.name] = folder / f"{zone.name}.zone"
            files[zone.name].write_text(zone.text())
        self.server = Server(folder, ports.take(), "https://127.0.0.1:1/dir", folder / "none", zones[0].name)
        del self.server.config["acme-ca-file"]
        self.server.config.update({"dns-udp-payload": payload, "dns-nsid": NSID})
        self.server.config["dns-rate-allow"] = ["127.0.0.0/8", "::1"]
        self.server.config["zones"] = [{"name": name, "file": str(path)} for name, path in files.items()]
        self.peers = [peers.nsd(folder / "nsd", ports.take(), files), peers.knot(folder / "knot", ports.take(), files)]
        for peer in self.peers:
            stack.callback(peer.process.stop)
            peer.process.start()
        stack.callback(self.server.stop)
        self.server.start()
        self.server.wait_ready()
        for peer in self.peers:
            peer.process.wait_ready(peer.ready)
        self.ours, *self.others = [peers.Asker(name, port) for name, port in [
            ("certmilld", self.server.port), *((peer.name, peer.port) for peer in self.peers)]]
        for asker in (self.ours, *self.others):
            stack.callback(asker.close)


@contextmanager
def trio(seed: int, excuses: Excuses) -> Iterator[tuple[Trio, Judge, zonegen.Asking]]:
    """All three up with a seed's zones, who judges them, and the seed's questions."""
    rng = random.Random(seed)
    zones = zonegen.make_zones(rng, ZONES)
    payload = rng.choice([512, 1232, 1232, 1400, 4096])
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="certmill-lab-"))
        folder.chmod(0o755)
        if os.environ.get("CERTMILL_LAB_KEEP"):
            print(f"kept: {folder}", file=sys.stderr)
        else:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Trio(folder, zones, stack, payload), Judge(zones, excuses, payload), zonegen.Asking(rng, zones)


class Comparison(unittest.TestCase):
    """Ours beside both."""

    def setUp(self) -> None:
        adopt_orphans()

    def compare_seed(self, seed: int, questions: int, excuses: Excuses, end: float = float("inf")) -> int:
        """A seed's zones and questions, until that time of the monotonic clock; how many were asked."""
        count = 0
        with trio(seed, excuses) as (three, judge, asking):
            while count < questions and time.monotonic() < end:
                self.ask(f"seed {seed}, question {count}", three, asking.next(), judge)
                count += 1
        return count

    def ask(self, where: str, three: Trio, query: Query, judge: Judge) -> None:
        """One question to all."""
        ours = three.ours.ask(query)
        whole = three.ours.ask(replace(query, tcp=True))
        wrong = [f"ours: {text}" for text in judge.alone(query, ours, whole)]
        shown = [f"ours {ours}", f"ours over TCP {whole}"]
        for other in three.others:
            if judge.can_judge(other.name, query, whole):
                theirs = judge.resolve(query, other.ask, other.name)
                wrong += [f"{other.name}: {text}" for text in judge.compare(query, whole, theirs, other)]
                shown.append(f"{other.name} {theirs}")
        self.assertFalse(wrong, "\n".join([f"{where}: {query}", *wrong, *shown]))

    def check_judge(self, seed: int, questions: int) -> None:
        """Each wrong answer is noticed: what the judge lets pass proves nothing otherwise."""
        count: Counter[str] = Counter()
        with trio(seed, Excuses()) as (three, judge, asking):
            for _ in range(questions):
                query = replace(asking.next(), tcp=True)
                ours = three.ours.ask(query)
                if query.type == _ANY or ours.rcode == _YXDOMAIN or links(query, ours) >= CHAIN:
                    continue
                for other in three.others:
                    if judge.can_judge(other.name, query, ours):
                        self.check_beside(judge, query, ours, other, count)
                self.check_alone(judge, query, ours)
        self.assertGreater(min(count[what] for what in ("RCODE", "AA", "OPT", "without", "TTL", "owner", "data")), 0)

    def check_beside(self, judge: Judge, query: Query, ours: Message, other: peers.Asker, count: Counter[str]) -> None:
        """An answer of ours, wrong in each way, beside another server's."""
        for what, bad in spoiled(ours):
            theirs = judge.resolve(query, other.ask, other.name)
            self.assertTrue(list(judge.compare(query, bad, theirs, other)),
                            f"{other.name}, {query}: not noticed: {what}\n{bad}")
            count[what.split()[0]] += 1

    def check_alone(self, judge: Judge, query: Query, ours: Message) -> None:
        """An answer of ours as it is, and wrong in itself."""
        self.assertEqual(list(judge.alone(query, ours, ours)), [])
        bad = [replace(ours, flags=ours.flags ^ 0x0200), replace(ours, flags=ours.flags | 0x0080),
               replace(ours, opt=None if ours.opt else dnsmsg.Opt(1232, 0, False)), replace(ours, size=65536)]
        if ours.opt:
            bad.append(replace(ours, opt=replace(ours.opt, options=[*ours.opt.options, (65001, b"")])))
        if ours.answer:
            bad.append(replace(ours, answer=[*ours.answer, ours.answer[0]]))
            bad.append(replace(ours, answer=ours.answer[1:]))
        for message in bad:
            self.assertTrue(list(judge.alone(query, message, ours)), f"not noticed: {message}")


def report(seeds: str, count: int, excuses: Excuses) -> None:
    """Says what was asked, and which differences were met."""
    print(f"\nseeds {seeds}: {count} questions, each to all three", file=sys.stderr)
    for key, text in DIFFERENCES.items():
        print(f"{excuses.count[key]:8} {key}: {text}", file=sys.stderr)


class RandomAnswers(Comparison):
    def test_random_zones(self) -> None:
        print(f"\nseed {SEED}", file=sys.stderr)
        end, seed, excuses, count = time.monotonic() + SECONDS, SEED, Excuses(), 0
        while time.monotonic() < end:
            count += self.compare_seed(seed, QUESTIONS, excuses, end)
            seed += 1
        report(f"{SEED} to {seed - 1}", count, excuses)
        self.assertGreater(count, 0)

    def test_judge(self) -> None:
        self.check_judge(SEED, 300)


if __name__ == "__main__":
    unittest.main(verbosity=2)
