"""Just enough DNS to ask the lab's servers by hand, well-formed or not, and a wrapper of dig."""

from __future__ import annotations

import secrets
import socket
import struct
import subprocess
from dataclasses import dataclass

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "TXT": 16, "AAAA": 28, "OPT": 41, "CAA": 257, "ANY": 255}
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 2, 3, 4, 5


class Flags:
    """What the flags of a header say."""

    flags: int

    @property
    def qr(self) -> bool:
        return bool(self.flags & 0x8000)

    @property
    def aa(self) -> bool:
        return bool(self.flags & 0x0400)

    @property
    def tc(self) -> bool:
        return bool(self.flags & 0x0200)


@dataclass
class Header(Flags):
    """The first twelve octets of a message, taken apart."""

    id: int
    flags: int
    counts: tuple[int, int, int, int]

    @property
    def rcode(self) -> int:
        return self.flags & 15


def wire_name(name: str) -> bytes:
    """A name in wire form; no escapes."""
    labels = [label for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def question(name: str, qtype: str = "TXT", qclass: int = 1) -> bytes:
    """One entry of a question section."""
    return wire_name(name) + struct.pack("!HH", TYPES[qtype], qclass)


def query(name: str, qtype: str = "TXT", *, flags: int = 0x0100, edns: int = 0) -> bytes:
    """A whole query; edns: UDP payload size of an OPT record, 0 for none."""
    opt = b"\0" + struct.pack("!HHIH", TYPES["OPT"], edns, 0, 0) if edns else b""
    head = struct.pack("!HHHHHH", secrets.randbelow(65536), flags, 1, 0, 0, 1 if edns else 0)
    return head + question(name, qtype) + opt


def header(message: bytes) -> Header:
    """Takes a message's header apart."""
    ident, flags, *counts = struct.unpack("!HHHHHH", message[:12])
    return Header(ident, flags, (counts[0], counts[1], counts[2], counts[3]))


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def ask_udp(message: bytes, port: int, address: str = "127.0.0.1", limit: float = 30.0) -> bytes | None:
    """Sends a datagram; the answer, or None when there is none within limit seconds."""
    with socket.socket(_family(address), socket.SOCK_DGRAM) as sock:
        sock.settimeout(limit)
        sock.connect((address, port))
        try:
            sock.send(message)
            return sock.recv(65535)
        except (TimeoutError, ConnectionRefusedError):
            return None


def ask_tcp(message: bytes, port: int, address: str = "127.0.0.1", limit: float = 30.0) -> bytes | None:
    """The same over TCP; None when the server closes without an answer."""
    try:
        with socket.create_connection((address, port), limit) as sock:
            sock.sendall(struct.pack("!H", len(message)) + message)
            with sock.makefile("rb") as stream:
                length = stream.read(2)
                return stream.read(struct.unpack("!H", length)[0]) if len(length) == 2 else None
    except (TimeoutError, ConnectionError):
        return None


def alive(port: int, name: str = "example.", qtype: str = "SOA") -> bool:
    """Whether a nameserver answers anything at all; asked more than once, since a full queue loses datagrams."""
    for limit in (0.2, 1.0, 5.0):
        answer = ask_udp(query(name, qtype), port, limit=limit)
        if answer is not None:
            return len(answer) >= 12
    return False


def dig(*words: str, port: int, address: str = "127.0.0.1") -> str:
    """Output of dig with these words."""
    done = subprocess.run(["dig", f"@{address}", "-p", str(port), "+tries=3", "+time=10", *words], check=False,
                          capture_output=True, text=True, timeout=60)
    return done.stdout


def txt(name: str, port: int) -> list[str]:
    """TXT values behind a name, by way of its CNAMEs, sorted."""
    lines = dig("+short", name, "TXT", port=port).splitlines()
    return sorted(line.strip('"') for line in lines if line.startswith('"'))
