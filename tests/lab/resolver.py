"""Unbound: the resolver that the CA asks, without a cache worth the name; and one as CAs run it, with a cache."""

from __future__ import annotations

from collections.abc import Sequence
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
  qname-minimisation: yes
  use-caps-for-id: yes
  infra-host-ttl: 1
  infra-keep-probing: yes
  outgoing-range: 512
  num-queries-per-thread: 512
  local-zone: "example." transparent
  domain-insecure: "."
{manners}remote-control:
  control-enable: no
{stubs}"""


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

    def __init__(self, folder: Path, port: int, zones: dict[str, int], strict: bool = False,
                 anchors: Sequence[str] = ()):
        self.port = port
        config = folder / "unbound.conf"
        # What no stub covers ends at the organisation's nameserver, which refuses: nothing leaves the machine.
        stubs = "".join(f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{at}\n  stub-prime: no\n'
                        f"  stub-no-cache: {'no' if strict else 'yes'}\n" for zone, at in zones.items())
        config.write_text(_CONFIG.format(port=port, folder=folder, stubs=stubs,
                                         manners=(_STRICT if strict else _FORGETFUL) + _trust(anchors)))
        self.process = Process("unbound", ["unbound", "-d", "-c", config], folder / "unbound.log")

    def ready(self) -> bool:
        """Whether it answers."""
        return dns.alive(self.port, "localhost", "A")
