"""Unbound: the resolver that the CA asks, without a cache worth the name."""

from __future__ import annotations

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
  module-config: "iterator"
  do-not-query-localhost: no
  qname-minimisation: yes
  use-caps-for-id: yes
  cache-max-ttl: 0
  cache-max-negative-ttl: 0
  infra-host-ttl: 1
  infra-keep-probing: yes
  outgoing-range: 512
  num-queries-per-thread: 512
  local-zone: "example." transparent
  domain-insecure: "."
remote-control:
  control-enable: no
{stubs}"""


class Resolver:
    """An Unbound that knows where each of the lab's zones is, and asks nobody else."""

    def __init__(self, folder: Path, port: int, zones: dict[str, int]):
        self.port = port
        config = folder / "unbound.conf"
        # What no stub covers ends at the organisation's nameserver, which refuses: nothing leaves the machine.
        stubs = "".join(f'stub-zone:\n  name: "{zone}"\n  stub-addr: 127.0.0.1@{at}\n  stub-prime: no\n'
                        f"  stub-no-cache: yes\n" for zone, at in zones.items())
        config.write_text(_CONFIG.format(port=port, folder=folder, stubs=stubs))
        self.process = Process("unbound", ["unbound", "-d", "-c", config], folder / "unbound.log")

    def ready(self) -> bool:
        """Whether it answers."""
        return dns.alive(self.port, "localhost", "A")
