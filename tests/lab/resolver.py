"""Unbound: the resolver that the CA asks, without a cache worth the name; and one as CAs run it, with a cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from . import dns
from .process import Process

_CONFIG = """\
server:
  interface: 127.0.0.1
  port: {port}
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  do-not-query-localhost: no
  infra-keep-probing: yes
  outgoing-port-avoid: 0-32767
  outgoing-range: 512
  num-queries-per-thread: 512
{more}remote-control:
{control}{stubs}"""

_NO_CONTROL = "  control-enable: no\n"
_CONTROL = """\
  control-enable: yes
  control-interface: "{socket}"
  control-use-cert: no
"""


def unbound_config(folder: Path, port: int, zones: Mapping[str, int], more: str, *, control: Path | None = None,
                   stub: str = "") -> str:
    """Unbound's configuration: everything in one folder, and a stub for each zone, since delegations say port 53.

    It asks from ports above those of ports.py, lest it takes one that a daemon is about to bind.
    zones: apex -> port of the nameserver that has it; more: lines for the server clause; control: where its control
    socket is to be, if any; stub: lines for each zone.
    """
    stubs = "".join(f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{at}\n  stub-prime: no\n{stub}'
                    for zone, at in zones.items())
    return _CONFIG.format(port=port, folder=folder, more=more, stubs=stubs,
                          control=_CONTROL.format(socket=control) if control else _NO_CONTROL)


_MANNERS = """\
  qname-minimisation: yes
  use-caps-for-id: yes
  infra-host-ttl: 1
  local-zone: "example." transparent
  domain-insecure: "."
"""

_FORGETFUL = """\
  module-config: "iterator"
  cache-max-ttl: 0
  cache-max-negative-ttl: 0
"""

# What CAs set: everything that makes a forged or a careless answer show, and caches that work.
_STRICT = """\
  module-config: "validator iterator"
  qname-minimisation-strict: yes
  harden-below-nxdomain: yes
  harden-dnssec-stripped: yes
  harden-glue: yes
  harden-large-queries: yes
  harden-referral-path: yes
  harden-short-bufsize: yes
  aggressive-nsec: yes
  edns-buffer-size: 1232
  cache-max-ttl: 60
"""


def _trust(anchors: Sequence[str]) -> str:
    modules = '  module-config: "validator iterator"\n' if anchors else ""
    return modules + "".join(f"  trust-anchor: '{anchor}'\n" for anchor in anchors)


class Resolver:
    """An Unbound that knows where each of the lab's zones is, and asks nobody else.

    strict: with a cache, and with every check that CAs' resolvers make. anchors: keys of the zones that it validates.
    """

    def __init__(self, folder: Path, port: int, zones: Mapping[str, int], strict: bool = False,
                 anchors: Sequence[str] = ()):
        self.port = port
        config = folder / "unbound.conf"
        # What no stub covers ends at the organisation's nameserver, which refuses: nothing leaves the machine.
        config.write_text(unbound_config(folder, port, zones, _MANNERS + (_STRICT if strict else _FORGETFUL) + _trust(anchors),
                                         stub=f"  stub-no-cache: {'no' if strict else 'yes'}\n"))
        self.process = Process("unbound", ["unbound", "-d", "-c", config], folder / "unbound.log")

    def ready(self) -> bool:
        """Whether it answers."""
        return dns.alive(self.port, "localhost", "A")
