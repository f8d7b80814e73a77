"""A small internet of signed zones: NSD serves a root of its own and all below it, Unbound validates from that root down.

    with DnsSec(folder) as net:
        net.add("_25._tcp.mail.signed.test", 300, "TLSA", "3 1 1 " + digest)
        net.publish()
        settings = {"name-server": net.resolver}                                 # a resolver that validates
        settings = {"name-server": net.blind, "validate": True,                  # one that does not: we do
                    "trust-anchor": str(net.trust_anchor)}

Keys and signatures are made by ldns-keygen and ldns-signzone. Each zone of ZONES has `www` and `mail` (A), `alias`
(CNAME to www), `*.wild` (TXT), `a.ent` (TXT below an empty non-terminal), and what EXTRA adds.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal

from . import dns
from .nameserver import nsd_config
from .ports import Ports
from .process import Process, wait_until
from .resolver import unbound_config

DsKind = Literal["right", "none", "wrong", "unknown"]


@dataclass
class Zone:
    """How a zone is signed, and what its parent says of it."""

    algorithm: str = "ECDSAP256SHA256"
    second: str = ""
    """One more algorithm that signs everything."""
    nsec3: list[str] = field(default_factory=list)
    """Options of ldns-signzone for NSEC3; empty: NSEC."""
    ds: DsKind = "right"
    dates: tuple[str, str] = ("20260101", "20351231")
    signed: bool = True
    digest: str = "-2"
    """Of the DS: ldns-key2ds's option."""


ZONES = {
    ".": Zone(algorithm="RSASHA256"),
    "test": Zone(nsec3=["-n", "-p", "-t", "0"]),  # opt-out, as most TLDs
    "example.org": Zone(),
    "signed.test": Zone(),
    "nsec3.test": Zone("ED25519", nsec3=["-n", "-t", "5", "-s", "aabbcc"]),
    "optout.test": Zone("ECDSAP384SHA384", nsec3=["-n", "-p", "-t", "0"], digest="-4"),
    "costly.test": Zone(nsec3=["-n", "-t", "200", "-s", "ab"]),
    "two.test": Zone("RSASHA512", second="ECDSAP256SHA256"),
    "sub.signed.test": Zone(),
    "insecure.test": Zone(ds="none", signed=False),
    "island.insecure.test": Zone(ds="none"),
    "plain.signed.test": Zone(ds="none", signed=False),
    "plain.nsec3.test": Zone(ds="none", signed=False),
    "plain.optout.test": Zone(ds="none", signed=False),
    "unknown.test": Zone(ds="unknown"),
    "expired.test": Zone(dates=("20200101", "20200201")),
    "future.test": Zone(dates=("20340101", "20350101")),
    "wrongds.test": Zone(ds="wrong"),
    "nokeys.test": Zone(signed=False),
    "altered.test": Zone(),
}
"""Served by NSD. BOGUS names those of which nothing may be believed."""

BOGUS = ("expired.test", "future.test", "wrongds.test", "nokeys.test")
INSECURE = ("insecure.test", "island.insecure.test", "plain.signed.test", "plain.nsec3.test", "plain.optout.test",
            "unknown.test")

EXTRA = """
to-insecure.signed.test. 300 IN CNAME www.insecure.test.
to-nsec3.signed.test. 300 IN CNAME www.nsec3.test.
to-expired.signed.test. 300 IN CNAME www.expired.test.
gone.signed.test. 300 IN CNAME nowhere.signed.test.
bare.signed.test. 300 IN CNAME mail.nsec3.test.
round.signed.test. 300 IN CNAME trip.signed.test.
trip.signed.test. 300 IN CNAME round.signed.test.
old.signed.test. 300 IN DNAME nsec3.test.
*.cname.signed.test. 300 IN CNAME www.nsec3.test.
*.cname.nsec3.test. 300 IN CNAME www.signed.test.
signed.test. 300 IN MX 10 mail.signed.test.
to-signed.insecure.test. 300 IN CNAME www.signed.test.
forged.altered.test. 300 IN A 192.0.2.66
stripped.altered.test. 300 IN A 192.0.2.67
*.wild.altered.test. 300 IN A 192.0.2.68
"""

_UNBOUND = """\
  val-log-level: 2
  log-servfail: yes
  ede: yes
  module-config: "{modules}"
  local-zone: "test." nodefault
  local-zone: "example." nodefault
{anchor}"""


def fqdn(name: str) -> str:
    """With the last dot."""
    return name if name.endswith(".") else f"{name}."


class DnsSec:
    """NSD with all of ZONES, signed, and two Unbounds: one that validates, and one that does not (blind).

    resolver, blind: for name-server. trust_anchor: a file with the root's DNSKEY. nameserver: NSD itself.
    """

    def __init__(self, folder: Path, ports: Ports | None = None, zones: dict[str, Zone] | None = None):
        self.folder = folder / "dnssec"
        self.folder.mkdir(parents=True)
        self.zones = ZONES if zones is None else zones
        self.trust_anchor = self.folder / "root.key"
        self._ports = Ports() if ports is None else ports
        self._own_ports = ports is None
        self._port, resolver, blind = (self._ports.take() for _ in range(3))
        self.nameserver = f"127.0.0.1@{self._port}"
        self.resolver = f"127.0.0.1@{resolver}"
        self.blind = f"127.0.0.1@{blind}"
        self._records = [] if zones else EXTRA.split("\n")[1:-1]
        for zone in self.zones:
            self._records += self._usual(zone)
        self._signed: dict[str, list[str]] = {}
        self._serial = 0
        self._keys = {zone: self._make_keys(zone, how) for zone, how in self.zones.items() if how.signed}
        self.trust_anchor.write_text(Path(f"{self._keys['.'][0]}.key").read_text())
        self._sign_all()
        self._parts = [self._nsd(), self._unbound("resolver", resolver), self._unbound("blind", blind)]

    # -- records --

    def add(self, owner: str, ttl: int, kind: str, rdata: str) -> None:
        """One more record, from the next publish() on. owner: in one of the zones; the last dot is optional."""
        if self._zone_of(owner) is None:
            raise ValueError(f"{owner} is in none of the zones")
        self._records.append(f"{fqdn(owner)} {ttl} IN {kind} {rdata}")

    def remove(self, owner: str, kind: str) -> None:
        """All records of that name and type go, with the next publish()."""
        self._records = [line for line in self._records
                         if (line.split()[0], line.split()[3]) != (fqdn(owner), kind)]

    def publish(self) -> None:
        """Signs the zones that changed, has NSD take them and the resolvers forget what they knew."""
        self._sign_all()
        self._parts[0].signal(1)
        wait_until(self._is_served, "NSD has the new zones")
        for name in ("resolver", "blind"):
            subprocess.run(["/usr/sbin/unbound-control", "-c", self.folder / f"{name}.conf", "reload"], check=True,
                           capture_output=True, timeout=60)
            self.wait_resolvers()

    # -- life --

    def start(self) -> None:
        """Starts all three and waits until they answer."""
        for part in self._parts:
            part.start()
        self._parts[0].wait_ready(self._is_served)
        self.wait_resolvers()

    def wait_resolvers(self) -> None:
        """Until both resolvers answer."""
        for part, at in zip(self._parts[1:], (self.resolver, self.blind), strict=True):
            part.wait_ready(lambda at=at: dns.alive(int(at.split("@")[1]), "localhost", "A"))

    def stop(self) -> None:
        """Stops all, and gives the ports back where they were not lent."""
        for part in reversed(self._parts):
            part.stop()
        if self._own_ports:
            self._ports.release()

    def __enter__(self) -> DnsSec:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    # -- zones --

    @staticmethod
    def _usual(zone: str) -> list[str]:
        base = "" if zone == "." else fqdn(zone)
        return [f"www.{base} 300 IN A 192.0.2.1", f"mail.{base} 300 IN A 192.0.2.2",
                f"alias.{base} 300 IN CNAME www.{base}", f'*.wild.{base} 300 IN TXT "wild"',
                f'a.ent.{base} 300 IN TXT "below"']

    def _zone_of(self, owner: str) -> str | None:
        """The zone that a name is in: the longest apex that it ends in."""
        name = fqdn(owner).lower()
        found = [zone for zone in self.zones if zone == "." or name == fqdn(zone) or name.endswith("." + fqdn(zone))]
        return max(found, key=len) if found else None

    def _make_keys(self, zone: str, how: Zone) -> list[Path]:
        """Base names of KSK and ZSK, for each algorithm."""
        keys = []
        for algorithm in filter(None, (how.algorithm, how.second)):
            for flags in (["-k"], []):
                bits = ["-b", "2048"] if algorithm.startswith("RSA") else []
                done = subprocess.run(["ldns-keygen", "-a", algorithm, *bits, *flags, "-r", "/dev/urandom", zone],
                                      cwd=self.folder, capture_output=True, text=True, check=True, timeout=60)
                keys.append(self.folder / done.stdout.strip())
        return keys

    def _ds(self, zone: str, how: Zone) -> Iterable[str]:
        """The DS that the parent has."""
        apex = fqdn(zone)
        if how.ds == "none" or zone == ".":
            return
        if how.ds == "unknown":  # RFC 4035 5.2: an algorithm that nobody has
            yield f"{apex} 300 IN DS 12345 240 2 {'ab' * 32}"
            return
        if not how.signed:
            yield f"{apex} 300 IN DS 12345 13 2 {'ab' * 32}"
            return
        for key in self._keys[zone][::2]:
            done = subprocess.run(["ldns-key2ds", "-n", how.digest, f"{key}.key"], capture_output=True, text=True,
                                  check=True, timeout=60)
            fields = done.stdout.split(";")[0].split()
            if how.ds == "wrong":  # the key's tag, and the digest of none
                fields[-1] = "ab" * (len(fields[-1]) // 2)
            yield f"{apex} 300 IN DS {' '.join(fields[-4:])}"

    def _lines(self, zone: str) -> list[str]:
        """All of a zone but its SOA."""
        apex, ns = fqdn(zone), "ns." if zone == "." else f"ns.{fqdn(zone)}"
        lines = [f"{apex} 300 IN NS {ns}", f"{ns} 300 IN A 127.0.0.1"]
        for child, how in self.zones.items():
            if child not in (zone, ".") and self._zone_of(child.partition(".")[2] or ".") == zone:
                lines += [f"{fqdn(child)} 300 IN NS ns.{fqdn(child)}", f"ns.{fqdn(child)} 300 IN A 127.0.0.1"]
                lines += self._ds(child, how)
        return lines + [line for line in self._records if self._zone_of(line.split()[0]) == zone]

    def _path(self, zone: str) -> Path:
        return self.folder / f"{zone.strip('.') or 'root'}.zone"

    def _sign_all(self) -> None:
        self._serial += 1
        for zone, how in self.zones.items():
            lines = self._lines(zone)
            if self._signed.get(zone) != lines or zone == ".":
                self._sign(zone, how, lines)
                self._signed[zone] = lines

    def _sign(self, zone: str, how: Zone, lines: list[str]) -> None:
        apex, path = fqdn(zone), self._path(zone)
        soa = f"{apex} 300 IN SOA ns.{apex.lstrip('.')} hostmaster.{apex.lstrip('.')} {self._serial} 3600 600 86400 60"
        raw = path.with_suffix(".raw")
        raw.write_text("\n".join([soa, *lines]) + "\n")
        if not how.signed:
            raw.rename(path)
            return
        both = ["-U"] if how.second else []
        subprocess.run(["ldns-signzone", "-o", apex, "-i", how.dates[0], "-e", how.dates[1], *how.nsec3, *both, "-f",
                        path, raw, *self._keys[zone]], cwd=self.folder, capture_output=True, check=True, timeout=60)
        if zone == "altered.test":
            text = path.read_text().replace("192.0.2.66", "192.0.2.99")
            path.write_text(re.sub(r"(?m)^stripped\S*\s.*RRSIG\tA .*\n", "", text))

    # -- programs --

    def _nsd(self) -> Process:
        config = self.folder / "nsd.conf"
        config.write_text(nsd_config(self.folder, self._port, {zone: self._path(zone) for zone in self.zones}))
        return Process("nsd", ["nsd", "-d", "-c", config], self.folder / "nsd.log")

    def _unbound(self, name: str, port: int) -> Process:
        # Its delegations say port 53, so each zone has a stub: its own port is asked.
        validating = name == "resolver"
        more = _UNBOUND.format(modules="validator iterator" if validating else "iterator",
                               anchor=f'  trust-anchor-file: "{self.trust_anchor}"\n' if validating else "")
        config = self.folder / f"{name}.conf"
        config.write_text(unbound_config(self.folder, port, dict.fromkeys(self.zones, self._port), more,
                                         control=self.folder / f"{name}.ctl"))
        return Process(name, ["unbound", "-d", "-c", config], self.folder / f"{name}.log")

    def _is_served(self) -> bool:
        done = subprocess.run(["dig", "+short", "+time=5", "+tries=1", "-p", str(self._port), "@127.0.0.1", ".", "SOA"],
                              capture_output=True, text=True, check=False, timeout=60)
        words = done.stdout.split()
        return len(words) == 7 and words[2] == str(self._serial)
