"""The internet as far as the operator's guide needs it, in a network namespace beside this host's.

A root, com and org, example.com and example.org, all signed (NSD); a resolver for the hosts and one for the CAs, which validate from that
root down (Unbound); and two CAs (Pebble) under the names of Let's Encrypt's, behind a front each. All of it ends with the process tree.

internet.py --front ADDRESS PORT FOLDER NUMBER: such a front.
"""

from __future__ import annotations

import http.client
import os
import re
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = ("192.0.2.53", "192.0.2.60", "2001:db8::53")
"""What this host has: ns1.example.com, and the web and mail server of example.org."""
ROOT_SERVER, PARENT, ORGANISATION, RESOLVER, CA_RESOLVER = (f"192.0.2.{number}" for number in (3, 1, 2, 8, 7))
CAS = {"acme-v02.api.letsencrypt.org": "192.0.2.9", "acme-staging-v02.api.letsencrypt.org": "192.0.2.10"}
SERVERS = {".": ROOT_SERVER, "com": ROOT_SERVER, "org": ROOT_SERVER, "example.com": PARENT, "example.org": ORGANISATION}
"""Zones, and who serves them."""
TTL = 3600
UNBOUND = """\
server:
  interface: {address}
  access-control: 0.0.0.0/0 allow
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  do-daemonize: no
  do-ip6: no
  module-config: "validator iterator"
  root-hints: "{folder}/root.hints"
  trust-anchor-file: "{folder}/root.key"
{more}remote-control:
  control-enable: yes
  control-interface: "{folder}/{name}.ctl"
  control-use-cert: no
"""
FORGETFUL = "  cache-max-ttl: 0\n  cache-max-negative-ttl: 0\n"
NSD = """\
server:
  server-count: 1
  ip-address: {address}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/{address}.pid"
  database: ""
  zonelistfile: "{folder}/{address}.list"
  xfrdfile: "{folder}/{address}.xfrd"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
PEBBLE = """\
{{"pebble": {{"listenAddress": "127.0.0.1:{port}", "managementListenAddress": "127.0.0.1:{management}", "certificate": "{folder}/ca.pem",
"privateKey": "{folder}/ca.key", "httpPort": 5002, "tlsPort": 5001, "ocspResponderURL": "", "externalAccountBindingRequired": false}}}}
"""


def run(*argv: object) -> str:
    """Output of a program, which has to succeed."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        raise SystemExit(f"{argv}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def wait_for(what: str, good: Callable[[], object], seconds: float = 60) -> None:
    """Until good() is true; the limit only keeps it from hanging."""
    end = time.monotonic() + seconds
    while not good():
        if time.monotonic() > end:
            raise RuntimeError(f"waited in vain for {what}")
        time.sleep(0.05)


class Internet:
    """folder: for all of its files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._serial = folder, 0
        self._records = {".": ["a.root. A " + ROOT_SERVER, *(f"{tld}. NS a.root." for tld in ("com", "org"))],
                         "com": [f"example.com. NS ns.example.com.\nns.example.com. A {PARENT}"],
                         "org": [f"example.org. NS ns.example.org.\nns.example.org. A {ORGANISATION}",
                                 *(f"{name}. A {address}" for name, address in CAS.items())],
                         "example.com": [f"ns.example.com. A {PARENT}"],
                         "example.org": [f"ns.example.org. A {ORGANISATION}", *(f"{name}.example.org. A {HOST[1]}" for name in ("www", "mail")),
                                         "example.org. MX 10 mail.example.org."]}
        self._net = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self._enter = ["nsenter", "-t", str(self._net.pid), "-n"]
        self._cables()
        self._zones()
        self._resolvers()
        self._cas()

    def _cables(self) -> None:
        mine = os.readlink("/proc/self/ns/net")
        wait_for("a namespace", lambda: os.readlink(f"/proc/{self._net.pid}/ns/net") != mine)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "host", "type", "veth", "peer", "name", "inet")
        run("ip", "link", "set", "inet", "netns", self._net.pid)
        for address in HOST:
            run("ip", "addr", "add", *([address + "/64", "nodad"] if ":" in address else [address + "/24"]), "dev", "host")
        run("ip", "link", "set", "host", "up")
        for address in {*SERVERS.values(), RESOLVER, CA_RESOLVER, *CAS.values()}:
            run(*self._enter, "ip", "addr", "add", address + "/24", "dev", "inet")
        for device in ("lo", "inet"):
            run(*self._enter, "ip", "link", "set", device, "up")

    def _start(self, name: str, *argv: object, **env: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            subprocess.Popen([*self._enter, *(str(word) for word in argv)], env={**os.environ, **env}, stdout=log, stderr=log)

    # -- zones --

    def _zones(self) -> None:
        self._keys = {zone: [self._key(zone, *flags) for flags in (("-k",), ())] for zone in SERVERS}
        for zone in SERVERS:
            if zone != ".":
                ds = run("ldns-key2ds", "-n", "-2", f"{self._keys[zone][0]}.key").split(";")[0]
                self._records[zone.partition(".")[2] or "."].append(ds)
        for zone in SERVERS:
            self._sign(zone)
        for address in {*SERVERS.values()}:
            rows = "".join(f'zone:\n  name: "{zone}"\n  zonefile: "{self._file(zone)}"\n' for zone, at in SERVERS.items() if at == address)
            (self.folder / f"{address}.conf").write_text(NSD.format(folder=self.folder, address=address) + rows)
            self._start("nsd", "nsd", "-d", "-c", self.folder / f"{address}.conf")
        (self.folder / "root.key").write_text(Path(f"{self._keys['.'][0]}.key").read_text())
        (self.folder / "root.hints").write_text(f". 3600000 NS a.root.\na.root. 3600000 A {ROOT_SERVER}\n")
        for zone in SERVERS:
            wait_for(f"{zone}, served", lambda zone=zone: self._served(zone))

    def _key(self, zone: str, *flags: str) -> Path:
        name = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", *flags, "-r", "/dev/urandom", zone], cwd=self.folder, check=True,
                              capture_output=True, text=True).stdout.strip()
        return self.folder / name

    def _file(self, zone: str) -> Path:
        return self.folder / f"{zone.strip('.') or 'root'}.zone"

    def _sign(self, zone: str) -> None:
        self._serial += 1
        apex, server = zone.strip(".") + ".", "a.root." if SERVERS[zone] == ROOT_SERVER else f"ns.{zone}."
        raw = self.folder / "raw"
        raw.write_text(f"$TTL {TTL}\n{apex} SOA {server} h.{server} {self._serial} 3600 600 604800 5\n{apex} NS {server}\n"
                       + "\n".join(self._records[zone]) + "\n")
        run("ldns-signzone", "-o", apex, "-f", self._file(zone), raw, *self._keys[zone])

    def _served(self, zone: str) -> bool:
        asked = subprocess.run([*self._enter, "dig", "+short", "+norecurse", "+time=1", "+tries=1", f"@{SERVERS[zone]}", zone, "SOA"],
                               capture_output=True, text=True, check=False)
        words = asked.stdout.split()
        return len(words) == 7 and int(words[2]) >= self._serial_of(zone)

    def _serial_of(self, zone: str) -> int:
        return int(re.findall(r"SOA\s+\S+\s+\S+\s+(\d+)", self._file(zone).read_text())[0])

    def _zone_of(self, line: str) -> str:
        name = line.split()[0].rstrip(".").lower()
        return next(zone for zone in ("example.org", "example.com") if name == zone or name.endswith("." + zone))

    def publish(self, lines: list[str], ttl: int = TTL) -> None:
        """More records (without TTL), each in its zone; all nameservers have them, and the resolver forgets what it knew."""
        for line in lines:
            name, rest = line.split(None, 1)
            self._records[self._zone_of(line)].append(f"{name} {ttl} {rest}")
        self._changed({self._zone_of(line) for line in lines})

    def withdraw(self, lines: list[str]) -> None:
        """Those records go; one that is not there is an error."""
        for line in lines:
            words = [word.lower() for word in line.split() if word != "IN"]
            records = self._records[self._zone_of(line)]
            found = [one for one in records if [word.lower() for word in one.split() if word != "IN" and not word.isdigit()][:1] == words[:1]
                     and one.lower().split()[-1] == words[-1]]
            if len(found) != 1:
                raise SystemExit(f"{line} is there {len(found)} times")
            records.remove(found[0])
        self._changed({self._zone_of(line) for line in lines})

    def _changed(self, zones: set[str]) -> None:
        for zone in zones:
            self._sign(zone)
            os.kill(int((self.folder / f"{SERVERS[zone]}.pid").read_text()), 1)
            wait_for(f"{zone}, with its new records", lambda zone=zone: self._served(zone))
        self.forget()

    # -- resolvers --

    def _resolvers(self) -> None:
        for name, address, more in (("resolver", RESOLVER, ""), ("ca-resolver", CA_RESOLVER, FORGETFUL)):
            (self.folder / f"{name}.conf").write_text(UNBOUND.format(folder=self.folder, name=name, address=address, more=more))
            self._start(name, "unbound", "-d", "-c", self.folder / f"{name}.conf")
            wait_for(name, lambda address=address: "ad" in self._flags(address))

    def _flags(self, address: str) -> list[str]:
        asked = subprocess.run([*self._enter, "dig", "+dnssec", "+time=1", "+tries=1", f"@{address}", "www.example.org", "A"],
                               capture_output=True, text=True, check=False)
        return (re.findall(r"flags: ([a-z ]*);", asked.stdout) or [""])[0].split()

    def forget(self) -> None:
        """The resolver's cache is empty: what has to be waited for elsewhere is over."""
        for words in (("flush_zone", "."), ("flush_infra", "all")):
            run("unbound-control", "-c", self.folder / "resolver.conf", *words)

    # -- CAs --

    def _cas(self) -> None:
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=CA",
            "-keyout", self.folder / "ca.key", "-out", self.folder / "ca.pem", "-addext",
            "subjectAltName=IP:127.0.0.1," + ",".join("DNS:" + name for name in CAS))
        trusted = Path("/usr/local/share/ca-certificates")
        (trusted / "front.crt").write_text((self.folder / "ca.pem").read_text())
        for number, address in enumerate(CAS.values()):
            port = 14001 + number
            config = self.folder / f"pebble{number}.json"
            config.write_text(PEBBLE.format(port=port, management=port + 1000, folder=self.folder))
            self._start(f"pebble{number}", "pebble", "-config", config, "-dnsserver", CA_RESOLVER + ":53", PEBBLE_VA_NOSLEEP="1",
                        PEBBLE_WFE_NONCEREJECT="5")
            self._start("front", sys.executable, __file__, "--front", address, port, self.folder, number)
        # Production's root is one that each system trusts; that of staging is not.
        for number, file in enumerate((trusted / "pebble.crt", self.folder / "staging.pem")):
            wait_for("a CA", lambda number=number, file=file: self._root(number, file))
        run("update-ca-certificates")

    def _root(self, number: int, file: Path) -> bool:
        got = subprocess.run([*self._enter, sys.executable, __file__, "--root", str(15001 + number)], capture_output=True, text=True, check=False)
        file.write_text(got.stdout)
        return got.returncode == 0


class Front(BaseHTTPRequestHandler):
    """Before Pebble, whose directory is not where Let's Encrypt's is. Nothing is ordered while a certificate is made, lest Debian's
    Pebble hang (tests/lab/proxy.py)."""

    protocol_version = "HTTP/1.1"
    port, log, turn = 0, Path(), threading.Lock()

    def _pass(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.path.startswith(("/order-plz", "/finalize-order/")):
            with self.turn:
                size = self.log.stat().st_size
                answer = self._ask(body)
                if answer[0] == 200 and self.path.startswith("/finalize-order/"):
                    mark = f"for order {self.path.rsplit('/', 1)[1]}\n"
                    wait_for("a certificate", lambda: mark in self.log.read_bytes()[size:].decode())
        else:
            answer = self._ask(body)
        status, headers, text = answer
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        ca = http.client.HTTPSConnection("127.0.0.1", self.port, context=ssl._create_unverified_context())
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        ca.request(self.command, self.path.replace("/directory", "/dir"), body, headers)
        answer = ca.getresponse()
        return answer.status, answer.getheaders(), answer.read()

    do_GET = do_HEAD = do_POST = _pass

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def front(address: str, port: str, folder: str, number: str) -> None:
    """Serves."""
    Front.port, Front.log = int(port), Path(folder, f"pebble{number}.log")
    server = ThreadingHTTPServer((address, 443), Front)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(folder, "ca.pem"), Path(folder, "ca.key"))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "--front":
        front(*sys.argv[2:])
    else:
        with urllib.request.urlopen(f"https://127.0.0.1:{sys.argv[2]}/roots/0", context=ssl._create_unverified_context()) as answered:
            print(answered.read().decode(), end="")
