"""Goal: the client's own validation judges as Unbound and delv do, over all names of the lab's signed zones."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from lab.dnssec import BOGUS, EXTRA, INSECURE, ZONES, DnsSec, fqdn
from lab.server import BIN
from support import main

Question = tuple[str, str]

# In each zone: there, without such records, without any, below, in between, by wildcards, at aliases, at the cut.
OWNERS = {"www": "A AAAA", "mail": "A", "alias": "A", "_443._tcp.www": "TLSA", "a.wild": "TXT A", "b.a.wild": "TXT",
          "a.ent": "TXT A", "ent": "TXT", "nowhere": "A", "a.nowhere": "A", "x.www": "A", "": "SOA MX DS DNSKEY"}
SOME = {"alias": "A", "_443._tcp.www": "TLSA", "a.wild": "TXT"}


def questions(owners: dict[str, str] | None = None) -> list[Question]:
    """Those owners' in each zone (OWNERS'), and the special names. With the last dot."""
    found = []
    for zone in ZONES:
        base = "" if zone == "." else fqdn(zone)
        for owner, kinds in (owners or OWNERS).items():
            found += [(f"{owner}.{base}" if owner else base or ".", kind) for kind in kinds.split()]
    for line in EXTRA.strip().split("\n"):
        owner, _, _, kind, _ = line.split(maxsplit=4)
        found += [(owner.replace("*", "x"), asked) for asked in ("A", "TLSA", kind)]
    # RFC 6672: below a DNAME.
    found += [(name, "A") for name in ("www.old.signed.test.", "nowhere.old.signed.test.", "x.wild.altered.test.")]
    return list(dict.fromkeys(found))


@dataclass
class Judged:
    """What somebody says of a question."""

    outcome: str
    trust: str
    owner: str = ""
    reason: str = ""


class Judgement(unittest.TestCase):
    """Every name of every zone."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="certmill-lab-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.net = DnsSec(cls.folder)
        cls.addClassCleanup(cls.net.stop)
        cls.net.start()
        cls.ours = cls.asked(cls.net.blind, cls.net.trust_anchor)

    def test_as_unbound(self) -> None:
        """RFC 4035 4.9, 5.5; RFC 6840 5.7, 5.9: AD, SERVFAIL, or neither."""
        self.assert_agree(self.ours, self.by_dig())

    def test_through_whom(self) -> None:
        """RFC 4035 3.2.2, 4.9.3: a resolver that validates is not in the way, and is believed where we do not."""
        for words in ((self.net.trust_anchor,), ()):
            self.assert_agree(self.ours, self.asked(self.net.resolver, *words))
        # Nobody validates: a resolver on the loopback that does not say AD.
        told = self.asked(self.net.blind)
        self.assertEqual({judged.trust for judged in told.values()}, {"insecure", "indeterminate"})

    def test_as_delv(self) -> None:
        """A process for each question: of some names of each zone."""
        asked = questions(SOME)
        (self.folder / "bind.keys").write_text(self.anchor_for_bind())
        with ThreadPoolExecutor(2) as pool:
            theirs = dict(zip(asked, pool.map(lambda question: self.by_delv(*question), asked)))
        ours = dict(self.ours)
        for question, judged in self.ours.items():
            # RFC 5155 9.2: opt-out proves the absence of nothing; delv calls it validated all the same.
            optional = any(how.nsec3[1:2] == ["-p"] and self.zone_of(judged.owner) == zone for zone, how in ZONES.items())
            if optional and judged.outcome in ("nxdomain", "nodata"):
                ours[question] = Judged(judged.outcome, "secure")
        self.assert_agree(ours, theirs)

    def test_as_the_zones_are_made(self) -> None:
        """Whatever resolvers say."""
        for (name, kind), judged in self.ours.items():
            zone = self.zone_of(judged.owner)
            with self.subTest(name=name, kind=kind):
                if zone in BOGUS and kind != "DS":
                    self.assertEqual((judged.outcome, judged.trust), ("failed", "bogus"))
                    self.assertTrue(judged.reason)
                elif zone in INSECURE and kind != "DS":
                    self.assertEqual(judged.trust, "insecure")
                elif name.startswith(("www.", "_443._tcp.www.", "a.wild.", "ent.", "alias.")):
                    self.assertIn(judged.trust, ("secure", "insecure") if zone in ("test", "optout.test", "costly.test")
                                  else ("secure",))
        for name, trust in (("forged.altered.test.", "bogus"), ("stripped.altered.test.", "bogus"),
                            ("to-expired.signed.test.", "bogus"), ("to-insecure.signed.test.", "insecure"),
                            ("to-signed.insecure.test.", "insecure"), ("to-nsec3.signed.test.", "secure"),
                            ("www.old.signed.test.", "secure"), ("gone.signed.test.", "secure"),
                            ("x.cname.nsec3.test.", "secure"), ("nowhere.costly.test.", "insecure"),
                            ("nowhere.optout.test.", "insecure"), ("nowhere.nsec3.test.", "secure")):
            self.assertEqual(self.ours[name, "A"].trust, trust, name)

    # -- ours and others' --

    @classmethod
    def asked(cls, server: str, *words: object) -> dict[Question, Judged]:
        """By the client's own look-ups; words: the trust anchor, where it is to validate."""
        text = "".join(f"{name} {kind}\n" for name, kind in questions())
        done = subprocess.run([BIN / "lab_dns_ask", server, *words], input=text, capture_output=True, text=True, check=True,
                              timeout=240)
        rows = [line.split("\t") for line in done.stdout.splitlines()]
        return {(name, kind): Judged(outcome, trust, owner, reason)
                for name, kind, outcome, trust, _, owner, reason in rows}

    def assert_agree(self, ours: dict[Question, Judged], theirs: dict[Question, Judged]) -> None:
        """On outcome and trust; what is bogus is a failure to everybody."""
        self.assertEqual(set(theirs) - set(ours), set())
        wrong = [f"{name} {kind}: {ours[name, kind]} and not {other}" for (name, kind), other in theirs.items()
                 if (ours[name, kind].outcome, ours[name, kind].trust) != (other.outcome, other.trust)]
        self.assertEqual(wrong, [])

    @staticmethod
    def zone_of(name: str) -> str:
        found = [zone for zone in ZONES if zone == "." or f".{name}".endswith(f".{zone}")]
        return max(found, key=len)

    def by_dig(self) -> dict[Question, Judged]:
        """Through Unbound, which validates."""
        batch = self.folder / "batch"
        batch.write_text("".join(f"{name} {kind}\n" for name, kind in questions()))
        address, port = self.net.resolver.split("@")
        done = subprocess.run(["dig", f"@{address}", "-p", port, "+time=20", "+tries=2", "+noall", "+comments", "+answer", "-f",
                               batch], capture_output=True, text=True, check=False, timeout=240)
        parts = done.stdout.split(";; Got answer:")[1:]
        self.assertEqual(len(parts), len(questions()), done.stdout[-2000:])
        return {question: self.read_dig(question, part) for question, part in zip(questions(), parts)}

    @staticmethod
    def read_dig(question: Question, text: str) -> Judged:
        status = re.search(r"status: (\w+)", text)[1]
        flags = re.search(r"flags: ([a-z ]*);", text)[1].split()
        if status == "SERVFAIL":
            # The two whose aliases go round are nobody's fault but their own.
            return Judged("failed", "indeterminate" if question[0].startswith(("round.", "trip.")) and question[1] != "CNAME"
                          else "bogus")
        found = any(line.split()[3:4] == [question[1]] for line in text.splitlines() if line and not line.startswith(";"))
        outcome = "nxdomain" if status == "NXDOMAIN" else "found" if found else "nodata"
        return Judged(outcome, "secure" if "ad" in flags else "insecure")

    def anchor_for_bind(self) -> str:
        flags, protocol, algorithm, *key = self.net.trust_anchor.read_text().split(";")[0].split("DNSKEY")[1].split()
        return f'trust-anchors {{ . static-key {flags} {protocol} {algorithm} "{"".join(key)}"; }};\n'

    def by_delv(self, name: str, kind: str) -> Judged:
        """BIND's validation, on what the resolver that does not validate passes on."""
        address, port = self.net.blind.split("@")
        done = subprocess.run(["delv", f"@{address}", "-p", port, "-a", self.folder / "bind.keys", "+root=.", name, kind],
                              capture_output=True, text=True, check=False, timeout=120)
        text = done.stdout + done.stderr
        if re.search("resolution failed: (?!ncache)", text):
            return Judged("failed", self.ours[name, kind].trust)  # delv has no word for bogus
        self.assertRegex(text, "fully validated|unsigned answer")
        found = any(line.split()[3:4] == [kind] for line in text.splitlines() if line and not line.startswith(";"))
        absent = "nxdomain" if "ncache nxdomain" in text else "nodata"
        return Judged("found" if found else absent, "insecure" if "unsigned answer" in text else "secure")


if __name__ == "__main__":
    main()
