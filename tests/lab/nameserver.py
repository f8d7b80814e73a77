"""NSD: the organisation's own nameserver, with the CNAME records that were made once and never touched again."""

from __future__ import annotations

from collections.abc import Iterable
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
remote-control:
  control-enable: no
"""

_SOA = "{zone}. 60 IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 0\n{zone}. 60 IN NS ns.{zone}.\n" \
       "ns.{zone}. 60 IN A 127.0.0.1\n"


class Nameserver:
    """An NSD with some zones; each is apex -> record lines."""

    def __init__(self, folder: Path, port: int, zones: dict[str, Iterable[str]]):
        self.port = port
        self.zones = list(zones)
        text = _CONFIG.format(port=port, folder=folder)
        for zone, lines in zones.items():
            path = folder / f"{zone}.zone"
            path.write_text(_SOA.format(zone=zone) + "".join(f"{line}\n" for line in lines))
            text += f'zone:\n  name: "{zone}"\n  zonefile: "{path}"\n'
        config = folder / "nsd.conf"
        config.write_text(text)
        self.process = Process("nsd", ["nsd", "-d", "-c", config], folder / "nsd.log")

    def ready(self) -> bool:
        """Whether it answers for its first zone."""
        return dns.alive(self.port, self.zones[0])


def challenge_cname(domain: str, target: str) -> str:
    """The record that hands a domain's challenges over."""
    return f"_acme-challenge.{domain}. 60 IN CNAME {target}."
