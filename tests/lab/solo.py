"""certmilld by itself, for what needs no CA: zones out of files, and every record type that we serve in one of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .ports import Ports
from .process import adopt_orphans
from .server import Server

RICH = "rich.example"
_HASH = "0123456789abcdef" * 4

# Records by owner, relative to the zone: every kind, once or more. One table, so that a test can go through it.
RECORDS: dict[str, list[str]] = {
    "@": ["NS ns1.rich.example.", "NS ns2.example.net.", "MX 10 mail.rich.example.",
          'CAA 0 issue "ca.example; accounturi=https://ca.example/acct/1"'],
    "ns1": ["A 192.0.2.53", "AAAA 2001:db8::53"],
    "mail": ["A 192.0.2.25"],
    "www": ["A 192.0.2.80", "A 192.0.2.81", "AAAA 2001:db8::80", "HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.80"],
    "txt": ['TXT "one" "two with spaces"', 'TXT "three"'],
    "_443._tcp.www": [f"TLSA 3 1 1 {_HASH}"],
    "_sip._tcp": ["SRV 1 2 5060 mail.rich.example."],
    "ptr": ["PTR www.rich.example."],
    "hinfo": ['HINFO "CPU" "OS"'],
    "rp": ["RP hostmaster.rich.example. txt.rich.example."],
    "afsdb": ["AFSDB 1 www.rich.example."],
    "kx": ["KX 10 www.rich.example."],
    "naptr": ['NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:x@y!" .'],
    "sshfp": [f"SSHFP 1 1 {_HASH[:40]}"],
    "smimea": [f"SMIMEA 3 1 1 {_HASH}"],
    "openpgpkey": ["OPENPGPKEY AQIDBAUGBwg="],
    "uri": ['URI 10 1 "https://www.rich.example/"'],
    "loc": ["LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m"],
    "svcb": ["SVCB 1 www.rich.example. port=853"],
    "dnskey": ["DNSKEY 256 3 13 AQIDBAUGBwg="],
    "unknown": [r"TYPE65280 \# 5 0102030405", r"TYPE731 \# 0"],
    "alias": ["CNAME www.rich.example."],
    "alias2": ["CNAME alias.rich.example."],
    "away": ["CNAME www.example.net."],
    "dangling": ["CNAME nothing.rich.example."],
    "loop": ["CNAME loop2.rich.example."],
    "loop2": ["CNAME loop.rich.example."],
    "*.wild": ['TXT "wild"', "MX 5 mail.rich.example."],
    "there.wild": ["A 192.0.2.7"],
    "x.y.wild": ["A 192.0.2.8"],
    "*.cwild": ["CNAME www.rich.example."],
    "dname": ["DNAME target.rich.example.", "A 192.0.2.9"],
    "a.target": ["A 192.0.2.99"],
    "dname-away": ["DNAME example.net."],
    "sub": ["NS ns.sub.rich.example.", "NS ns.elsewhere.example.", f"DS 1234 13 2 {_HASH}"],
    "ns.sub": ["A 192.0.2.54", "AAAA 2001:db8::54"],
    "hidden.sub": ["A 192.0.2.55"],
    "one.two.three": ["A 192.0.2.1"],
    "big": [f'TXT "{i:03}-{"v" * 200}"' for i in range(100)],
    "some": [f'TXT "{i:03}-{"v" * 60}"' for i in range(10)],
}
TTL, SOA_TTL, MINIMUM = 3600, 7200, 60


def rich_zone() -> str:
    """The zone file."""
    lines = [f"@ {SOA_TTL} IN SOA ns1.{RICH}. hostmaster.{RICH}. 1 3600 600 604800 {MINIMUM}"]
    lines += [f"{owner} {TTL} IN {text}" for owner, texts in RECORDS.items() for text in texts]
    return "\n".join(lines) + "\n"


def owner_name(owner: str) -> str:
    """An owner of the table as a whole name."""
    return f"{RICH}." if owner == "@" else f"{owner}.{RICH}."


class Solo:
    """A server with this zone file and, where given, more of them (apex -> text); config: more of the configuration.

    secret: the one of its cookies, in the file `cookies` of its folder.
    """

    def __init__(self, config: Mapping[str, Any] | None = None, zones: Mapping[str, str] | None = None,
                 secret: str = ""):
        adopt_orphans()
        self._ports = Ports()
        self.folder = Path(tempfile.mkdtemp(prefix="certmill-lab-"))
        self.folder.chmod(0o755)
        self.server = Server(self.folder, self._ports.take(), "https://127.0.0.1:1/dir", self.folder / "none", RICH)
        self.port = self.server.port
        del self.server.config["acme-ca-file"]
        if secret:
            path = self.folder / "cookies"
            path.write_text(f"{secret}\n")
            path.chmod(0o600)
            self.server.config["dns-cookie-secret-file"] = str(path)
        rows = []
        for apex, text in {RICH: rich_zone(), **(zones or {})}.items():
            path = self.folder / f"{apex}.zone"
            path.write_text(text)
            rows.append({"name": apex, "file": str(path)})
        self.server.config.update({"zones": rows, "dns-rate-allow": ["127.0.0.0/8", "::1/128"],
                                   "preflight": "off", **(config or {})})

    def take_port(self) -> int:
        """One more free port."""
        return self._ports.take()

    def start(self) -> None:
        """Starts it and waits for it."""
        try:
            self.server.start()
            self.server.wait_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends it and removes its folder."""
        self.server.stop()
        self._ports.release()
        shutil.rmtree(self.folder, ignore_errors=True)
