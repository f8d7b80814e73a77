"""Services that use certificates: openssl s_server, Postfix, Dovecot, Prosody, slapd; and a CA for them.

Each one has a folder and ports of its own and runs in the foreground. Pairs are of key and chain file; one or two of
them, RSA and ECDSA.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from . import pki
from .process import Process

ROOT = os.geteuid() == 0

_CA = """\
[ca]
default_ca = d
[d]
database = {folder}/index.txt
new_certs_dir = {folder}
serial = {folder}/serial
default_md = sha256
policy = p
unique_subject = no
[p]
commonName = optional
[ext]
basicConstraints = CA:FALSE
keyUsage = digitalSignature,keyEncipherment
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


@dataclass
class Pair:
    """A key and the chain for it, as files."""

    key: Path
    chain: Path
    kind: str

    @property
    def certificates(self) -> list[str]:
        """PEM of each, leaf first."""
        return pki.split_chain(self.chain.read_text())

    def digest(self, number: int = 0) -> str:
        """SHA-256 of a certificate's public key: what TLSA records x 1 1 have."""
        public = pki.openssl("pkey", "-pubin", "-outform", "DER", data=pki.public_key(self.certificates[number]))
        return hashlib.sha256(public).hexdigest()


class Authority:
    """A root, an intermediate below it, and certificates by that one."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir()
        self.root_key, self.root = pki.key(folder / "root.key"), folder / "root.pem"
        pki.openssl("req", "-x509", "-new", "-key", self.root_key, "-subj", "/CN=Service Root", "-days", "30", "-out",
                    self.root, "-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self.issuer_key, self.issuer = pki.key(folder / "issuer.key"), folder / "issuer.pem"
        self._count = 0
        extensions = folder / "issuer.cnf"
        extensions.write_text("basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n"
                              "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        request = pki.csr(self.issuer_key, [], cn="Service Intermediate", san="DNS:ca.invalid")
        pki.openssl("x509", "-req", "-CA", self.root, "-CAkey", self.root_key, "-days", "30", "-set_serial", "2",
                    "-extfile", extensions, "-out", self.issuer, data=request)

    def issue(self, names: Sequence[str], kind: str = "ecdsa", *, key: Path | None = None, days: int = 20,
              age: int = 2) -> Pair:
        """A certificate with the intermediate behind it; for a new key unless there is one.

        days: how long it has yet; negative: it has expired. age: hours since it is valid.
        """
        self._count += 1
        base = self.folder / f"{self._count}"
        key = key or pki.key(base.with_suffix(".key"), kind)
        config, request, leaf, chain = (base.with_suffix(f".{suffix}") for suffix in ("cnf", "csr", "leaf", "chain"))
        config.write_text(_CA.format(folder=self.folder, names=",".join(f"DNS:{name}" for name in names)))
        request.write_text(pki.csr(key, names))
        (self.folder / "index.txt").touch()
        end = datetime.now(timezone.utc) + timedelta(days=days)
        start = min(datetime.now(timezone.utc), end) - timedelta(hours=age)
        pki.openssl("ca", "-batch", "-notext", "-config", config, "-extensions", "ext", "-cert", self.issuer, "-keyfile",
                    self.issuer_key, "-startdate", f"{start:%Y%m%d%H%M%SZ}", "-enddate", f"{end:%Y%m%d%H%M%SZ}", "-in",
                    request, "-out", leaf, "-subj", "/CN=service", "-rand_serial")
        chain.write_text(leaf.read_text() + self.issuer.read_text())
        return Pair(key, chain, "rsa" if kind.startswith("rsa") else "ecdsa")


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody takes connections."""
    try:
        socket.create_connection((host, port), 10).close()
    except OSError:
        return False
    return True


@contextmanager
def running(process: Process, *ports: int, host: str = "127.0.0.1") -> Iterator[Process]:
    """Started, until all ports take connections; and stopped."""
    process.start()
    try:
        process.wait_ready(lambda: all(answers(port, host) for port in ports))
        yield process
    finally:
        process.stop()


def s_server(folder: Path, port: int, pairs: Sequence[Pair], *options: str, chain: bool = True,
             host: str = "127.0.0.1") -> Process:
    """openssl s_server -www. chain: with issuers, else the leaf alone."""
    words: list[str | Path] = []
    for number, pair in enumerate(pairs):
        x = "d" if number else ""
        leaf, issuers = folder / f"{port}.{number}.pem", folder / f"{port}.{number}.issuers"
        leaf.write_text(pair.certificates[0])
        issuers.write_text("".join(pair.certificates[1:]))
        words += [f"-{x}cert", leaf, f"-{x}key", pair.key]
        words += [f"-{x}cert_chain", issuers] if chain else []
    return Process(f"s_server{port}", ["openssl", "s_server", "-accept", f"{host}:{port}", "-www", "-quiet", *words,
                                       *options], folder / f"s_server{port}.log")


def postfix(folder: Path, port: int, pairs: Sequence[Pair]) -> Process:
    """Postfix's smtpd with STARTTLS. Needs root: its master gives privileges away."""
    base = folder / f"postfix{port}"
    queue, data, owner = base / "queue", base / "data", pwd.getpwnam("postfix")
    for path in (base, queue, data, *(queue / name for name in (
            "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid", "private",
            "public", "saved", "trace"))):
        path.mkdir()
        if path not in (base, queue, queue / "pid"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    base.chmod(0o755)
    files = ", ".join(f"{pair.key}, {pair.chain}" for pair in pairs)
    (base / "main.cf").write_text(f"""\
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
shlib_directory = /usr/lib/postfix
maillog_file = {base}/maillog
maillog_file_prefixes = {base}
myhostname = mail.example.org
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.1
alias_maps =
smtpd_tls_chain_files = {files}
smtpd_tls_security_level = may
""")
    (base / "master.cf").write_text(f"""\
127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
""")
    return Process("postfix", ["/usr/lib/postfix/sbin/master", "-d", "-c", base], base / "log")


def dovecot(folder: Path, imap: int, pop3: int, pairs: Sequence[Pair]) -> Process:
    """Dovecot with STARTTLS in IMAP and POP3. Needs root."""
    base = folder / f"dovecot{imap}"
    base.mkdir()
    names = zip(("", "alt_"), pairs)
    tls = "".join(f"ssl_{alt}cert = <{pair.chain}\nssl_{alt}key = <{pair.key}\n" for alt, pair in names)
    (base / "dovecot.conf").write_text(f"""\
base_dir = {base}/run
state_dir = {base}/state
log_path = {base}/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
{tls}passdb {{
  driver = static
  args = password=none
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
""")
    return Process("dovecot", ["dovecot", "-F", "-c", base / "dovecot.conf"], base / "log")


def prosody(folder: Path, clients: int, servers: int, name: str, pair: Pair) -> Process:
    """Prosody with STARTTLS, towards clients and servers, for one domain."""
    base = folder / f"prosody{clients}"
    base.mkdir()
    (base / "prosody.cfg.lua").write_text(f"""\
run_as_root = true
pidfile = "{base}/pid"
data_path = "{base}"
interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {clients} }}
s2s_ports = {{ {servers} }}
modules_enabled = {{ "tls", "saslauth", "dialback" }}
modules_disabled = {{ "offline" }}
log = {{ {{ levels = {{ min = "info" }}, to = "console" }} }}
VirtualHost "{name}"
  ssl = {{ key = "{pair.key}", certificate = "{pair.chain}" }}
""")
    return Process("prosody", ["prosody", "-F", "--config", base / "prosody.cfg.lua"], base / "log")


def slapd(folder: Path, port: int, pair: Pair) -> Process:
    """slapd with StartTLS."""
    base = folder / f"slapd{port}"
    base.mkdir()
    shutil.copy(pair.chain, base / "chain.pem")
    (base / "slapd.conf").write_text(f"""\
pidfile {base}/slapd.pid
argsfile {base}/slapd.args
TLSCertificateFile {base}/chain.pem
TLSCertificateKeyFile {pair.key}
""")
    return Process("slapd", ["slapd", "-d", "0", "-h", f"ldap://127.0.0.1:{port}/", "-f", base / "slapd.conf"],
                   base / "log")
