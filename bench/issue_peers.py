"""uacme and certbot from Debian in the lab: BIND answers their challenges, by nsupdate from their hooks."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from lab import Lab, Process, dns, pki
from lab.nameserver import challenge_cname
from measure import Usage, peak_of, run

PEER_ZONE = "acme.peers.example"
PEER_ORG = "peers.example.org"

_NAMED = """\
options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no;
  pid-file none; session-keyfile none; lock-file none; dnssec-validation no; }};
controls {{ }};
zone "{zone}" {{ type primary; file "{zone}.db"; allow-update {{ 127.0.0.1; }}; }};
"""
_ZONE = """\
$ORIGIN {zone}.
$TTL 0
@ SOA ns hostmaster 1 3600 600 86400 0
@ NS ns
ns A 127.0.0.1
"""
_NSUPDATE = """\
printf 'server 127.0.0.1 {port}\\nzone {zone}\\nupdate %s %s.{zone} %s TXT %s\\nsend\\n' "$1" "$2" "$3" "$4" |
    exec nsupdate
"""
_UACME = '#!/bin/sh\n[ "$2" = dns-01 ] || exit 1\ncase $1 in begin) set -- add "$3" 0 "$5" ;; ' \
         '*) set -- delete "$3" "" "$5" ;; esac\n'
_CERTBOT = '#!/bin/sh\nset -- {what} "$CERTBOT_DOMAIN" "{ttl}" "$CERTBOT_VALIDATION"\n'


def cnames(count: int) -> list[str]:
    """Records of the organisation's zone for the peers' names."""
    return [challenge_cname(name, f"{name}.{PEER_ZONE}") for name in names(count)]


def names(count: int) -> list[str]:
    """Names that the peers get certificates for."""
    return [f"host{i:02}.{PEER_ORG}" for i in range(count)]


class Peers:
    """Both peers, with accounts made and a CSR for each name."""

    def __init__(self, lab: Lab, port: int, count: int):
        self.lab, self._port = lab, port
        self.folder = lab.folder / "peers"
        self.folder.mkdir()
        (self.folder / "named.conf").write_text(_NAMED.format(folder=self.folder, port=port, zone=PEER_ZONE))
        (self.folder / f"{PEER_ZONE}.db").write_text(_ZONE.format(zone=PEER_ZONE))
        named = Process("named", ["named", "-g", "-n", "1", "-c", self.folder / "named.conf"], lab.folder / "named.log")
        lab.add_process(named)
        named.wait_ready(lambda: dns.alive(port, PEER_ZONE))
        update = _NSUPDATE.format(port=port, zone=PEER_ZONE)
        self._uacme_hook = self._script("uacme-hook", _UACME + update)
        self._auth = self._script("certbot-auth", _CERTBOT.format(what="add", ttl=0) + update)
        self._cleanup = self._script("certbot-cleanup", _CERTBOT.format(what="delete", ttl="") + update)
        self._csrs = {}
        for name in names(count):
            self._csrs[name] = self.folder / f"{name}.csr"
            self._csrs[name].write_text(pki.csr(lab.key(), [name], cn=name))
        self._env = {**os.environ, "REQUESTS_CA_BUNDLE": str(lab.ca.ca_file)}
        self._must(["uacme", "-y", "-c", self.folder / "uacme", "-a", lab.ca.url, "new"])
        self._must([*self._certbot(), "register", "--agree-tos", "--register-unsafely-without-email"])

    def _script(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def _must(self, argv: Sequence[str | Path]) -> Usage:
        return run(argv, self._env, self.lab.folder / "peers.log")

    def peak(self, argv: Sequence[str | Path]) -> float:
        """Peak resident size of one of the peers, in MB."""
        return peak_of(argv, self._env, self.lab.folder / "peers.log")

    def _certbot(self) -> list[str | Path]:
        return ["certbot", "-n", "--server", self.lab.ca.url, "--config-dir", self.folder / "certbot", "--work-dir",
                self.folder / "certbot-work", "--logs-dir", self.folder / "certbot-logs"]

    def _uacme_command(self, what: str | Path) -> list[str | Path]:
        return ["uacme", "-y", "-f", "-c", self.folder / "uacme", "-a", self.lab.ca.url, "-h", self._uacme_hook,
                "issue", what]

    def uacme_command(self, name: str) -> list[str | Path]:
        """uacme as it comes, for a new name: it makes the key, too."""
        shutil.rmtree(self.folder / "uacme" / "private" / name, ignore_errors=True)
        return self._uacme_command(name)

    def uacme(self, name: str) -> Usage:
        """One certificate by uacme as it comes."""
        return self._must(self.uacme_command(name))

    def uacme_csr(self, name: str) -> Usage:
        """One certificate by uacme for a CSR, as we get one."""
        return self._must(self._uacme_command(self._csrs[name]))

    def certbot_command(self, name: str) -> list[str | Path]:
        """certbot for a CSR, as we get one."""
        out = self.folder / "out"
        for path in self.folder.glob("out.*"):
            path.unlink()
        return [*self._certbot(), "certonly", "--manual", "--preferred-challenges", "dns", "--csr", self._csrs[name],
                "--manual-auth-hook", self._auth, "--manual-cleanup-hook", self._cleanup, "--cert-path", f"{out}.cert",
                "--chain-path", f"{out}.chain", "--fullchain-path", f"{out}.full"]

    def certbot(self, name: str) -> Usage:
        """One certificate by certbot."""
        return self._must(self.certbot_command(name))
