"""Nameservers beside ours, with the same zone files: NSD and Knot DNS. And one way to ask any of the three."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from pathlib import Path

from . import dns, dnsmsg
from .nameserver import nsd_config
from .process import LabError, Process

_KNOT = """\
server:
  rundir: "{folder}"
  listen: 127.0.0.1@{port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
control:
  listen: "{folder}/knot.sock"
log:
  - target: stderr
    any: notice
database:
  storage: "{folder}"
{more}template:
  - id: default
    storage: "{folder}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
{each}zone:
"""


class Peer:
    """One of them; process and port are there for the lab's ways with daemons."""

    def __init__(self, name: str, folder: Path, port: int, config: str, argv: list[str], zones: Mapping[str, Path]):
        folder.mkdir()
        self.name, self.port, self.zones = name, port, list(zones)
        path = folder / f"{name}.conf"
        path.write_text(config)
        self.process = Process(name, [*argv, path], folder / f"{name}.log")

    def ready(self) -> bool:
        """Whether it answers for all of its zones."""
        for zone in self.zones:
            answer = dns.ask_udp(dns.query(zone, "SOA"), self.port, limit=2.0)
            if answer is None or dns.header(answer).rcode or not dns.header(answer).aa:
                return False
        return True


def nsd(folder: Path, port: int, zones: Mapping[str, Path], more: str = "") -> Peer:
    """NSD with some zone files; each is apex -> file. more: lines for its server clause."""
    return Peer("nsd", folder, port, nsd_config(folder, port, zones, more), ["nsd", "-d", "-c"], zones)


def knot(folder: Path, port: int, zones: Mapping[str, Path], more: str = "", each: str = "") -> Peer:
    """Knot DNS, the same. more: sections of modules; each: lines of the template for zones."""
    rows = "".join(f'  - domain: "{zone}"\n    file: "{path}"\n' for zone, path in zones.items())
    config = _KNOT.format(port=port, folder=folder, more=more, each=each) + rows
    return Peer("knotd", folder, port, config, ["knotd", "-c"], zones)


class Asker:
    """Asks one server many questions: one UDP socket, and one TCP connection for as long as the server keeps it."""

    def __init__(self, name: str, port: int, limit: float = 30.0):
        self.name, self._port, self._limit = name, port, limit
        self._ident = 0
        self._tcp: socket.socket | None = None
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.settimeout(limit)
        self._udp.connect(("127.0.0.1", port))

    def close(self) -> None:
        """Closes both."""
        self._udp.close()
        if self._tcp:
            self._tcp.close()
            self._tcp = None

    def _ask_udp(self, wire: bytes) -> bytes:
        self._udp.send(wire)
        try:
            while (answer := self._udp.recv(65535))[:2] != wire[:2]:
                pass
        except (TimeoutError, ConnectionRefusedError):
            raise LabError(f"{self.name} does not answer {wire.hex()}") from None
        return answer

    def _read(self, n: int) -> bytes:
        assert self._tcp is not None
        data = b""
        while len(data) < n:
            more = self._tcp.recv(n - len(data))
            if not more:
                raise ConnectionResetError
            data += more
        return data

    def _ask_tcp(self, wire: bytes) -> bytes:
        for _ in range(3):  # a server may close a connection at any time between answers
            try:
                if self._tcp is None:
                    self._tcp = socket.create_connection(("127.0.0.1", self._port), self._limit)
                    self._tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._tcp.sendall(struct.pack("!H", len(wire)) + wire)
                return self._read(struct.unpack("!H", self._read(2))[0])
            except (ConnectionError, TimeoutError):
                if self._tcp:
                    self._tcp.close()
                    self._tcp = None
        raise LabError(f"{self.name} does not answer {wire.hex()} over TCP")

    def ask(self, query: dnsmsg.Query) -> dnsmsg.Message:
        """The answer, whose header and question are the query's."""
        self._ident = (self._ident + 1) % 65536
        wire = query.wire(self._ident)
        message = dnsmsg.parse(self._ask_tcp(wire) if query.tcp else self._ask_udp(wire))
        if message.id != self._ident or message.question != query.question() or message.flags & 0xF900 != 0x8000 | (
                0x0100 if query.rd else 0):
            raise dnsmsg.Malformed(f"{self.name}: not the answer to the question: {message}")
        return message
