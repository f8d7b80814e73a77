"""NSD: the organisation's own nameserver, with the CNAME records that were made once and never touched again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from . import dns
from .process import Process

_CONFIG = """\
server:
  server-count: 1
  ip-address: 127.0.0.1@{port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: ""
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  xfrdir: "{folder}"
  verbosity: 1
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
{more}remote-control:
  control-enable: no
"""


def nsd_config(folder: Path, port: int, zones: Mapping[str, Path], more: str = "") -> str:
    """NSD's configuration: everything in one folder, no limit of rates (all questions come from one address).

    zones: apex -> zone file; more: lines for the server clause.
    """
    rows = "".join(f'zone:\n  name: "{zone}"\n  zonefile: "{path}"\n' for zone, path in zones.items())
    return _CONFIG.format(port=port, folder=folder, more=more) + rows


_SOA = "{zone}. 60 IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 0\n{zone}. 60 IN NS ns.{zone}.\n" \
       "ns.{zone}. 60 IN A 127.0.0.1\n"


class Nameserver:
    """An NSD with some zones; each is apex -> record lines. Those of `expired` carry signatures of long ago."""

    def __init__(self, folder: Path, port: int, zones: dict[str, Iterable[str]], expired: Iterable[str] = ()):
        self.port = port
        self.zones = list(zones)
        self.anchors: list[str] = []
        """The keys of signed zones, as zone file lines: what a resolver is to trust."""
        files = {zone: folder / f"{zone}.zone" for zone in zones}
        for zone, lines in zones.items():
            files[zone].write_text(_SOA.format(zone=zone) + "".join(f"{line}\n" for line in lines))
        for zone in expired:
            files[zone] = self._sign(folder, zone, files[zone])
        config = folder / "nsd.conf"
        config.write_text(nsd_config(folder, port, files))
        self.process = Process("nsd", ["nsd", "-d", "-c", config], folder / "nsd.log")

    def _sign(self, folder: Path, zone: str, path: Path) -> Path:
        make = ["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", "-r", "/dev/urandom", zone]
        name = subprocess.run(make, cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
        subprocess.run(["ldns-signzone", "-i", "20200101", "-e", "20200201", "-f", f"{path}.signed", path, name],
                       cwd=folder, capture_output=True, check=True, timeout=60)
        self.anchors.append((folder / f"{name}.key").read_text().split(";")[0].strip())
        return Path(f"{path}.signed")

    def ready(self) -> bool:
        """Whether it answers for its first zone."""
        return dns.alive(self.port, self.zones[0])


def challenge_cname(domain: str, target: str) -> str:
    """The record that hands a domain's challenges over."""
    return f"_acme-challenge.{domain}. 60 IN CNAME {target}."
