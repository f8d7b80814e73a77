#!/usr/bin/env python3
"""try_guide.py PACKAGES: does what pages of docs/guide say (PAGES), word for word, with the packages of that folder. As root.

The host is this one, seen through an overlay that is thrown away: with the packages installed by apt, certmilld on port 53, sshd on
port 22. The internet is a network namespace: nameservers of example.com and example.org (NSD), a resolver (Unbound), and two CAs
(Pebble) under the names of Let's Encrypt's. Blocks of the page go where the text before them says; each command has to succeed and
to print the lines that the page shows below it, where … stands for anything. There is no systemd: `systemctl` is a small script
that starts certmilld as the unit does, as the user certmill.
"""

import http.client
import os
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PARENT, ORGANISATION, RESOLVER, CAS = "192.0.2.1", "192.0.2.2", "192.0.2.8", ("192.0.2.9", "192.0.2.10")
CA_NAMES = ("acme-v02.api.letsencrypt.org", "acme-staging-v02.api.letsencrypt.org")
# What cannot be tried here, and why.
SKIPPED = {
    "nft add rule": "the firewall is the host's own",
    "dig +short _acme-challenge.www.example.org TXT": "there is a value for as long as an order takes",
    "certmill --starttls smtp check service": "no mail server runs here",
    "certmill check service": "no web server runs here",
    "certmill --config-file /etc/certgrinder.yml check service": "no web server runs here",
}
# Which pages, and of which which sections; those of other pages need what is not here (a signed zone, certgrinder's server).
PAGES = {
    "first-server.md": None,
    "security.md": ("Who is trusted with what", "What to back up", "Three users"),
    "from-certgrinder.md": ("Clients", "A client back to certgrinder"),
}
SYSTEMCTL = """\
#!/bin/sh
config=/etc/certmill/certmilld.yaml
start() {
    install -d /run/certmill
    if [ -e /etc/systemd/system/certmilld.service.d/three-users.conf ]; then
        setsid certmilld --config $config >>/var/log/certmilld.log 2>&1 &
    else
        chown certmill: /run/certmill
        setsid setpriv --reuid certmill --regid certmill --init-groups --inh-caps +net_bind_service \\
            --ambient-caps +net_bind_service certmilld --config $config >>/var/log/certmilld.log 2>&1 &
    fi
    for try in $(seq 200); do certmillctl ping >/dev/null 2>&1 && return; sleep 0.1; done
    exit 1
}
stop() {
    kill "$(cat /var/lib/certmill/certmilld.pid)" || exit 1
    for try in $(seq 200); do certmillctl ping >/dev/null 2>&1 || return 0; sleep 0.1; done
    exit 1
}
case "$*" in
"enable --now certmilld.socket certmilld.service" | "start certmilld.service") start ;;
"stop certmilld.service") stop ;;
*"reload"*) for name in $*; do case $name in
    ssh) kill -HUP "$(cat /run/sshd.pid)" && sleep 1 ;;
    certmilld) certmillctl reload ;;
    esac; done ;;
esac
"""
UNBOUND = """\
server:
  interface: {resolver}
  access-control: 0.0.0.0/0 allow
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  do-daemonize: no
  module-config: "iterator"
  cache-max-ttl: 0
  cache-max-negative-ttl: 0
  local-zone: "org." transparent
  local-data: "org. TXT x"
  local-zone: "com." transparent
  local-data: "com. TXT x"
{data}stub-zone:
  name: example.com
  stub-addr: {parent}
stub-zone:
  name: example.org
  stub-addr: {organisation}
remote-control:
  control-enable: no
"""
NSD = """\
server:
  ip-address: {address}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/{zone}.pid"
  database: ""
  zonelistfile: "{folder}/{zone}.list"
  xfrdfile: "{folder}/{zone}.xfrd"
remote-control:
  control-enable: no
zone:
  name: {zone}
  zonefile: {zone}.zone
"""
PEBBLE = """\
{{"pebble": {{"listenAddress": "127.0.0.1:{port}", "managementListenAddress": "127.0.0.1:{management}", "certificate": "{cert}",
"privateKey": "{key}", "httpPort": 5002, "tlsPort": 5001, "ocspResponderURL": "", "externalAccountBindingRequired": false}}}}
"""


def run(*argv: object) -> None:
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{argv}: status {done.returncode}\n{done.stderr}")


class Front(BaseHTTPRequestHandler):
    """Before Pebble, whose directory is not where Let's Encrypt's is."""

    protocol_version = "HTTP/1.1"
    port = 0

    def _pass(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        ca = http.client.HTTPSConnection("127.0.0.1", self.port, context=ssl._create_unverified_context())
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        ca.request(self.command, self.path.replace("/directory", "/dir"), self.rfile.read(length), headers)
        answer = ca.getresponse()
        body = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = _pass

    def log_message(self, *_: object) -> None:
        pass


def front(address: str, port: str, folder: str) -> None:
    Front.port = int(port)
    server = ThreadingHTTPServer((address, 443), Front)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(folder, "ca.pem"), Path(folder, "ca.key"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


class World:
    """The internet, as far as the guide needs it; all ends with the namespace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: dict[str, list[str]] = {"example.com": ["ns A " + PARENT],
                                              "example.org": ["ns A " + ORGANISATION, "www A 192.0.2.60", "mail A 192.0.2.60"]}
        self._net = subprocess.Popen(["unshare", "-n", "sleep", "infinity"])
        time.sleep(0.5)
        self._enter = ["nsenter", "-t", str(self._net.pid), "-n"]
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "host", "type", "veth", "peer", "name", "inet")
        run("ip", "link", "set", "inet", "netns", self._net.pid)
        for address in ("192.0.2.53/24", "192.0.2.60/24", "2001:db8::53/64"):
            run("ip", "addr", "add", address, "dev", "host", *(["nodad"] if ":" in address else []))
        run("ip", "link", "set", "host", "up")
        for device, addresses in (("lo", ()), ("inet", (PARENT, ORGANISATION, RESOLVER, *CAS))):
            for address in addresses:
                run(*self._enter, "ip", "addr", "add", address + "/24", "dev", device)
            run(*self._enter, "ip", "link", "set", device, "up")
        self._cas()
        self._nameservers()

    def _start(self, *argv: object, **env: str) -> None:
        with (self.folder / "log").open("ab") as log:
            subprocess.Popen([*self._enter, *(str(word) for word in argv)], env={**os.environ, **env}, stdout=log, stderr=log)

    def _cas(self) -> None:
        cert, key = self.folder / "ca.pem", self.folder / "ca.key"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=CA",
            "-keyout", key, "-out", cert, "-addext", "subjectAltName=" + ",".join("DNS:" + name for name in CA_NAMES))
        Path("/usr/local/share/ca-certificates/try-guide.crt").write_text(cert.read_text())
        run("update-ca-certificates")
        for number, address in enumerate(CAS):
            port = 14001 + number
            config = self.folder / f"pebble{number}.json"
            config.write_text(PEBBLE.format(port=port, management=port + 1000, cert=cert, key=key))
            self._start("pebble", "-config", config, "-dnsserver", RESOLVER + ":53", PEBBLE_VA_NOSLEEP="1")
            self._start(sys.executable, __file__, "--front", address, port, self.folder)

    def _nameservers(self) -> None:
        data = "".join(f'  local-data: "{name}. A {address}"\n' for name, address in zip(CA_NAMES, CAS, strict=True))
        (self.folder / "unbound.conf").write_text(UNBOUND.format(folder=self.folder, resolver=RESOLVER, parent=PARENT,
                                                                 organisation=ORGANISATION, data=data))
        for zone, address in zip(self.records, (PARENT, ORGANISATION), strict=True):
            self._write(zone)
            (self.folder / f"{zone}.conf").write_text(NSD.format(folder=self.folder, zone=zone, address=address))
            self._start("nsd", "-d", "-c", self.folder / f"{zone}.conf")
        self._start("unbound", "-d", "-c", self.folder / "unbound.conf")
        time.sleep(2)

    def _write(self, zone: str) -> None:
        text = f"$ORIGIN {zone}.\n$TTL 3600\n@ SOA ns h {time.time_ns() // 10**8 % 2**32} 3600 600 604800 5\n@ NS ns\n"
        (self.folder / f"{zone}.zone").write_text(text + "\n".join(self.records[zone]) + "\n")

    def publish(self, zone: str, lines: list[str]) -> None:
        self.records[zone] += lines
        self._write(zone)
        os.kill(int((self.folder / f"{zone}.pid").read_text()), signal.SIGHUP)
        time.sleep(1.5)


class Reader:
    """Goes through a page as somebody who has never seen it."""

    def __init__(self, world: World) -> None:
        self.world, self.tried, self.failed = world, 0, 0

    def read(self, page: Path, sections: tuple[str, ...] | None) -> None:
        print(f"== {page.name}", flush=True)
        parts = re.split(r"^##+ (.*)$", "## \n" + page.read_text(), flags=re.M)
        texts = dict(zip(parts[1::2], parts[2::2], strict=True))
        for title in sections or texts:
            self._section(texts[title])

    def _section(self, text: str) -> None:
        before = ""
        for part in re.split(r"(^```.*?^```$|(?:^ {4,}[^\n]*\n)+)", text, flags=re.M | re.S):
            if part.startswith("```sh"):
                self._try(part.split("\n", 1)[1].rsplit("```", 1)[0], [])
            elif part.startswith("```"):
                self._block(before, part.split("\n", 1)[1].rsplit("```", 1)[0])
            elif part.startswith("    "):
                self._commands(part)
            else:
                before = part

    def _block(self, before: str, text: str) -> None:
        records = re.findall(r"^(\S+\.\s+(?:A|AAAA|NS|CNAME)\s+\S+)$", text, flags=re.M)
        if records:
            self.world.publish("example.org" if "example.org" in records[0] else "example.com", records)
            return
        paths = re.findall(r"`(/etc/[^`]*)`", before)
        if not paths:
            return  # an example
        path = Path(paths[-1])
        key = Path("/etc/certmill/ssh-key.pub")
        text = re.sub(r"ssh-ed25519 AAAA\S* web1", lambda _: " ".join(key.read_text().split()[:2]) + " web1", text)
        if "in place of the line" in before:
            was = re.sub(r"^    AuthorizedKeysFile .*\n", "", path.read_text(), flags=re.M)
            path.write_text(was + text)
        elif text.startswith("post-renew-hooks"):
            path.write_text(path.read_text() + text.replace("systemctl reload nginx", "systemctl reload ssh"))
        else:
            with path.open("a") as file:
                file.write(text)
        print(f"      in {path}", flush=True)

    def _commands(self, text: str) -> None:
        command, shown = "", []
        for line in [*text.splitlines(), "    $ "]:
            match = re.match(r"\s*(?:server#|client#|\$) ?(.*)$", line)
            if not match:
                shown.append(line.strip())
                continue
            if command:
                self._try(command, shown)
            command, shown = match.group(1), []

    def _try(self, command: str, shown: list[str]) -> None:
        reason = next((SKIPPED[words] for words in SKIPPED if command.startswith(words)), None)
        if reason:
            print(f"skip  {command}    ({reason})", flush=True)
            return
        done = subprocess.run(["bash", "-c", command], cwd="/root", capture_output=True, text=True, timeout=60)
        said = [" ".join(line.split()) for line in (done.stdout + done.stderr).splitlines()]
        missing = [line for line in shown if not any(re.fullmatch(pattern(line), one) for one in said)]
        good = done.returncode == 0 and not missing
        self.tried += 1
        self.failed += not good
        print(f"{'good ' if good else 'WRONG'} {command.strip()}", flush=True)
        if not good:
            print(f"      status {done.returncode}; not printed: {missing}\n      " + "\n      ".join(said[-20:]), flush=True)


def pattern(line: str) -> str:
    """A line of the page, where … stands for anything, also for no line, and large numbers for others."""
    text = re.escape(" ".join(line.split())).replace("…", ".*").replace("\\ ", " ")
    text = re.sub(r"^issuer=.*$", "issuer=.*", text)
    return re.sub(r"\d{7,}", r"\\d+", text)


def certgrinder() -> None:
    """What a host of certgrinder's has: the same server, a file and a folder of its own."""
    folder = Path("/etc/certgrinder/certificates")
    folder.mkdir(0o750, parents=True)
    server = re.findall(r"^certgrinderd: .*$", Path("/etc/certmill/certmill.yaml").read_text(), flags=re.M)[0]
    Path("/etc/certgrinder.yml").write_text(f"{server}\npath: {folder}\nkey-type-list: [ecdsa]\ndomain-list:\n  - www.example.org\n")
    run("certmill", "--config-file", "/etc/certgrinder.yml", "get", "certificate")


def inside(packages: Path, folder: Path) -> int:
    """In namespaces of its own."""
    run("mount", "-t", "tmpfs", "tmpfs", folder)
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    top = folder / "root"
    run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={folder}/upper,workdir={folder}/work", top)
    for name in ("dev", "sys"):
        run("mount", "--rbind", "/" + name, top / name)
    run("mount", "-t", "proc", "proc", top / "proc")
    run("mount", "-t", "tmpfs", "tmpfs", top / "run")
    for source, target in ((ROOT, top / ROOT.relative_to("/")), (packages, top / "media")):
        target.mkdir(parents=True, exist_ok=True)
        run("mount", "--bind", source, target)
    os.chroot(top)
    os.chdir("/root")
    os.environ.update(HOME="/root", PATH="/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", DEBIAN_FRONTEND="noninteractive")
    for package in Path("/media").glob("*.deb"):
        Path("/root", package.name).write_bytes(package.read_bytes())
    Path("/etc/apt/apt.conf.d/zz-try-guide").write_text('APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\n')
    Path("/usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
    Path("/usr/local/sbin/systemctl").write_text(SYSTEMCTL)
    for path in ("/usr/sbin/policy-rc.d", "/usr/local/sbin/systemctl"):
        Path(path).chmod(0o755)
    Path("/etc/resolv.conf").write_text(f"nameserver {RESOLVER}\n")
    Path("/run/sshd").mkdir()
    Path("/tmp/world").mkdir()
    run("ssh-keygen", "-A")
    reader = Reader(World(Path("/tmp/world")))
    run("/usr/sbin/sshd")
    for page, sections in PAGES.items():
        if page == "from-certgrinder.md":
            certgrinder()
        reader.read(ROOT / "docs/guide" / page, sections)
    print(f"{reader.tried} commands tried, {reader.failed} wrong")
    return 1 if reader.failed or not reader.tried else 0


def main() -> int:
    if sys.argv[1:2] == ["--front"]:
        front(*sys.argv[2:])
        return 0
    if sys.argv[1:2] == ["--inside"]:
        return inside(Path(sys.argv[2]), Path(sys.argv[3]))
    if len(sys.argv) != 2 or os.geteuid() != 0:
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        argv = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child",
                sys.executable, __file__, "--inside", str(Path(sys.argv[1]).resolve()), folder]
        return subprocess.run(argv, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
