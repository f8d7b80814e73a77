"""Goal: live challenges in the DNS: names above them (RFC 8020), TTL (2181), case (4343), SOA serials (1982)."""

from __future__ import annotations

import subprocess
import unittest

from lab import ZONE, CaOptions, Fault, LabOptions, dns, target_of, tools, wait_until
from support import LabCase, main

# Each order whose challenge is looked at has a name of its own: of a name that was validated before, Pebble uses the
# authorization again once in a hundred times even when told never to, and then there is no challenge.
DEEP, SIBLING = "deep.a.b.example.org", "www.example.org"
FRESH = (f"host{i:02}.example.org" for i in range(64))


class ChallengeCase(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))

    @property
    def port(self) -> int:
        return self.lab.server.port

    def go_live(self, *names: str) -> tuple[Fault, subprocess.Popen[str]]:
        """Orders a certificate and stops when its challenges are live; release() goes on."""
        hold = self.lab.proxy.hold("/chalZ/", early=True)
        client = self.lab.spawn(["--force", "get", "certificate"], ",".join(names), self.lab.csr(names))
        hold.wait_reached()
        return hold, client

    def finish(self, hold: Fault, client: subprocess.Popen[str], *names: str) -> None:
        """Lets the order end, and waits until its values are withdrawn."""
        hold.release()
        self.assert_issued(self.lab.collect(client), list(names))
        wait_until(lambda: not any(name in str(self.lab.server.ctl("records")) for name in map(target_of, names)),
                   "the values are withdrawn")

    def statuses(self, name: str, qtype: str = "A") -> set[tuple[str, bool, int, int]]:
        """What dig, kdig and drill say: status, AA, records in the answer and in the authority section."""
        return {(reply.status, "aa" in reply.flags, len(reply.answer), len(reply.authority))
                for reply in tools.ask(self.port, tools.Asked(name, qtype))}

    def serial(self) -> int:
        """The zone's SOA serial."""
        found = tools.dig(self.port, ZONE, "SOA")
        return int(found.text.split("SOA\t")[-1].split()[2])


NODATA, NXDOMAIN = {("NOERROR", True, 0, 1)}, {("NXDOMAIN", True, 0, 1)}


class Live(ChallengeCase):
    def test_rfc8020_empty_non_terminals_as_long_as_they_live(self) -> None:
        """RFC 8020 2, RFC 2308 2, 3: names above a live challenge are NODATA while it lives, and as soon as it goes
        NXDOMAIN, save those that another one needs."""
        above = [f"{name}.{ZONE}" for name in ("a.b.example.org", "b.example.org", "example.org", "org")]
        for name in (target_of(DEEP), *above):
            self.assertEqual(self.statuses(name), NXDOMAIN, f"{name} before")
        deep, sibling = self.go_live(DEEP), self.go_live(SIBLING)
        self.assertEqual(self.statuses(target_of(DEEP), "TXT"), {("NOERROR", True, 1, 0)})
        for name in (target_of(DEEP), *above):
            for qtype in ("A", "CAA", "NS"):
                self.assertEqual(self.statuses(name, qtype), NODATA, f"{name} {qtype} live")
        for name in above:
            self.assertEqual(self.statuses(name, "TXT"), NODATA, f"{name} TXT live")
            self.assertEqual(self.statuses(f"x.{name}", "TXT"), NXDOMAIN, f"beside, below {name}")
        self.assertEqual(self.statuses(f"x.{target_of(DEEP)}", "TXT"), NXDOMAIN)
        self.finish(*deep, DEEP)
        for name in (target_of(DEEP), *above[:2]):
            self.assertEqual(self.statuses(name), NXDOMAIN, f"{name} after")
        for name in above[2:]:
            self.assertEqual(self.statuses(name), NODATA, f"{name}: {SIBLING} is live")
        self.finish(*sibling, SIBLING)
        for name in above:
            self.assertEqual(self.statuses(name), NXDOMAIN, f"{name} at the end")

    def test_rfc4343_case(self) -> None:
        """RFC 4343 3: a live challenge is found in whatever case, which comes back."""
        name = next(FRESH)
        live = self.go_live(name)
        spelled = target_of(name).swapcase() + "."
        for reply in tools.ask(self.port, tools.Asked(spelled, "TXT")):
            self.assertEqual((reply.status, len(reply.answer), reply.question), ("NOERROR", 1, spelled), str(reply))
        self.finish(*live, name)

    def test_rfc8482_any(self) -> None:
        """RFC 8482 4.1: ANY at a live challenge is its TXT RRset."""
        name = next(FRESH)
        live = self.go_live(name)
        values = dns.txt(target_of(name), self.port)
        reply = tools.dig(self.port, "+tcp", target_of(name), "ANY")
        self.assertEqual(reply.answer, tools.records(f'{target_of(name)}. 0 IN TXT "{values[0]}"'))
        self.finish(*live, name)

    def test_rfc1982_serial(self) -> None:
        """RFC 1982 3.2, RFC 1034 4.3.5: the serial grows with each publication, and over a restart."""
        serials, name = [self.serial()], next(FRESH)
        live = self.go_live(name)
        serials.append(self.serial())
        self.finish(*live, name)
        serials.append(self.serial())
        self.lab.server.restart()
        serials.append(self.serial())
        self.lab.server.wait_role("dnsd", self.lab.server.kill("dnsd"))
        wait_until(lambda: tools.dig(self.port, ZONE, "SOA").status == "NOERROR", "dnsd is back")
        self.assertEqual(self.serial(), serials[-1], "no publication, though dnsd is another")
        for before, after in zip(serials, serials[1:]):
            self.assertTrue(0 < (after - before) % 2**32 < 2**31, serials)


class Ttl(ChallengeCase):
    options = LabOptions(proxy=True, serve=False, ca=CaOptions(authz_reuse=0))

    def test_rfc2181_ttl(self) -> None:
        """RFC 2181 5.2: a set of two values has one TTL: 0, or what the zone's configuration says."""
        server = self.lab.server
        for ttl in (None, 0, 30):
            name = next(FRESH)
            names = (name, f"*.{name}")
            with self.subTest(ttl):
                if ttl is not None:
                    server.config["zones"][0]["challenge-ttl"] = ttl
                server.start()
                server.wait_ready()
                live = self.go_live(*names)
                for reply in tools.ask(self.port, tools.Asked(target_of(names[0]), "TXT")):
                    self.assertEqual(len(reply.answer), 2, str(reply))
                    self.assertEqual({line.split()[1] for line in reply.answer}, {str(ttl or 0)}, str(reply))
                self.finish(*live, *names)
                server.stop()


if __name__ == "__main__":
    main()
