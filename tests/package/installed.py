"""Goal: what the packages install does the main job, loses no question and no order by an upgrade, and leaves nothing.

tools/package-test runs this in a fresh Debian with a network of its own: installed.py FOLDER, which has the packages,
those of the next version in FOLDER/next.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

from lab import CaOptions, Lab, LabOptions, dns, pki, wait_until
from lab.lab import ZONE
from lab.ports import has_ipv6
from lab.server import BIN, clean_env, to_yaml
from manager import SERVICE, SOCKET, Manager

NAMES = ["www.example.org", "mail.example.org"]
LATER = "host00.example.org"
CONFIG = Path("/etc/certmill/certmilld.yaml")
LOG = Path("/tmp/certmilld.log")
_PAUSE = 0.004
"""Seconds between two questions of one asker."""
INTERRUPTED = 7
"""Exit status of certmill-shell (docs/protocol.md)."""
# What dpkg, apt and the C library keep for themselves; and the copies that useradd and userdel make before they write.
_THEIRS = ("/proc", "/sys", "/dev", "/tmp", "/packages", "/source", "/run/systemd", "/var/cache", "/var/log", "/var/lib/apt",
           "/var/lib/dpkg/status-old", "/var/lib/dpkg/available", "/var/lib/dpkg/triggers", "/etc/ld.so.cache", "/root",
           "/run/sshd", "/run/lock")
_COPIES = {f"/etc/{name}-" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")}
_LISTS = [Path("/etc", name) for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid")]


def run(*argv: str | Path, status: int | None = 0) -> str:
    """Output of a program, errors among it; it has to end with this status."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=600)
    if status is not None and done.returncode != status:
        raise SystemExit(f"{argv}: {done.returncode}\n{done.stdout}")
    return done.stdout


def check(good: object, what: str) -> None:
    """Says what holds; ends the test where it does not."""
    if not good:
        log = LOG.read_text()[-4000:] if LOG.exists() else ""
        raise SystemExit(f"FAILED: {what}\n{log}")
    print(f"ok: {what}", flush=True)


def apt(*words: str | Path) -> str:
    """apt-get, from what is in its cache: there is no network."""
    options = ("Dpkg::Options::=--force-confold", "Dpkg::Options::=--force-unsafe-io",
               f"DPkg::Path={os.environ['PATH']}")  # maintainer scripts shall find our systemctl
    return run("apt-get", "-q", "-y", "--no-install-recommends", *(word for one in options for word in ("-o", one)), *words)


def snapshot() -> tuple[set[str], dict[Path, str]]:
    """All files, and the lists of users and groups."""
    found = set()
    for folder, folders, files in os.walk("/"):
        here = [os.path.join(folder, name) for name in folders + files]
        found.update(path for path in here if not path.startswith(_THEIRS) and path not in _COPIES)
        folders[:] = [name for name in folders if not os.path.join(folder, name).startswith(_THEIRS)]
    return found, {path: path.read_text() for path in _LISTS if path.exists()}


def loopback_up() -> None:
    """Brings lo up in this new network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8914, struct.pack("16sh14x", b"lo", 0x41))  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING


class Asker:
    """Asks on and on; every question has to be answered, however late, by the one time that it is asked."""

    def __init__(self) -> None:
        self.counts: dict[str, list[int]] = {}
        self._adding = threading.Lock()
        self.slowest = 0.0
        self._end = threading.Event()
        addresses = ["127.0.0.1"] + (["::1"] if has_ipv6() else [])
        self._threads = [threading.Thread(target=kind, args=(address,)) for address in addresses
                         for kind in (self._udp, *[self._tcp] * 4)]
        for thread in self._threads:
            thread.start()

    def _udp(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sent: dict[int, float] = {}
        asked = 0
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 53))
            sock.settimeout(_PAUSE)
            due = last = time.monotonic()
            while not self._end.is_set() or (sent and time.monotonic() < last + 30):
                if not self._end.is_set() and time.monotonic() >= due:
                    asked += 1
                    last = sent[asked & 0xffff] = time.monotonic()
                    due = last + _PAUSE
                    sock.send(struct.pack("!H", asked & 0xffff) + dns.query(ZONE, "SOA")[2:])
                try:
                    answer = sock.recv(4096)
                except (TimeoutError, ConnectionRefusedError):  # refused: nobody had the socket open
                    continue
                if dns.header(answer).rcode == dns.NOERROR and dns.header(answer).counts[1] == 1:
                    begun = sent.pop(dns.header(answer).id, time.monotonic())
                    self.slowest = max(self.slowest, time.monotonic() - begun)
        self._add(f"UDP {address}", asked, len(sent))

    def _add(self, kind: str, asked: int, lost: int) -> None:
        with self._adding:
            before = self.counts.get(kind, [0, 0])
            self.counts[kind] = [before[0] + asked, before[1] + lost]

    def _tcp(self, address: str) -> None:
        asked = lost = 0
        while not self._end.is_set():
            asked += 1
            answer = dns.ask_tcp(dns.query(ZONE, "SOA"), 53, address)
            lost += answer is None or dns.header(answer).rcode != dns.NOERROR
            time.sleep(_PAUSE)
        self._add(f"TCP {address}", asked, lost)

    def stop(self) -> int:
        """Ends it; how many questions stayed without an answer."""
        self._end.set()
        for thread in self._threads:
            thread.join()
        for kind, (asked, lost) in sorted(self.counts.items()):
            print(f"    {kind}: {asked} questions, {lost} lost")
        print(f"    slowest answer over UDP: {self.slowest:.3f} s", flush=True)
        return sum(lost for _, lost in self.counts.values())


def install(folder: Path, manager: Manager) -> None:
    """The packages, as they come: nothing runs, and it is said what is missing."""
    said = apt("install", *sorted(folder.glob("*.deb")))
    check("certmilld is not started:" in said and "zones" in said, "installed; it says that zones are missing")
    check(manager.run(["is-active", SERVICE])[0] and not dns.alive(53), "nothing was started")
    check(run("dpkg-query", "-W", "-f", "${Conffiles}", "certmill-server").split()[0] == str(CONFIG),
          "the configuration file is a conffile")
    check("certmill-signer" in run("getent", "passwd", "certmill", "certmill-dns", "certmill-signer"), "users are there")


def configure(lab: Lab, manager: Manager) -> None:
    """What an operator does."""
    server = lab.server
    config = {key: value for key, value in server.config.items()
              if not key.endswith("user") and key not in ("dns-listen", "state-dir", "run-dir")}
    CONFIG.write_text(to_yaml({**config, "dns-rate-allow": ["127.0.0.0/8", "::1/128"]}))
    server.run_dir.symlink_to("/run/certmill")
    run(BIN / "certmilld", "--config", CONFIG, "--check-config")
    manager.run(["start", SOCKET, SERVICE])
    check(dns.alive(53, ZONE), "configured, started, answers on port 53")
    status = Path(f"/proc/{manager.pid}/status").read_text()
    check("CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status, "it has no capabilities")


def main_job(lab: Lab) -> None:
    """A certificate by the forced command over ssh, and by the client that is installed."""
    assert lab.sshd is not None
    key = lab.key("p384")
    client = lab.sshd.add_client("web1", f"{','.join(NAMES)};{LATER}")
    answer = lab.ssh(client, "get", "certificate", data=pki.csr(key, NAMES, cn=NAMES[0]))
    check(answer.status == 0, f"certificate over ssh {answer.stderr if answer.status else ''}")
    lab.check_chain(answer.stdout, NAMES, key)
    files = lab.folder / "files"
    files.mkdir()
    config = lab.folder / "client.yaml"
    config.write_text(to_yaml({"certgrinderd": " ".join(lab.sshd.command(client)), "path": str(files),
                               "domain-list": [",".join(NAMES)], "key-type-list": ["ecdsa"]}))
    done = subprocess.run([BIN / "certmill", "--config-file", config, "periodic", "--now"], capture_output=True, text=True,
                          env=clean_env(), check=False, timeout=240)
    check(done.returncode == 0, f"certificate by certmill periodic {done.stderr if done.returncode else ''}")
    lab.check_chain((files / f"{NAMES[0]}-chain.ecdsa.crt").read_text(), NAMES)


def upgrade(folder: Path, lab: Lab, manager: Manager) -> None:
    """The next version over the running server, with questions all the time and an order half done."""
    assert lab.sshd is not None and lab.proxy is not None
    hold = lab.proxy.hold("/finalize-order/")
    client, key = lab.folder / "web1", lab.key("p384")
    request = pki.csr(key, [LATER], cn=LATER)
    session = lab.spawn_ssh(client, "get", "certificate", data=request)
    hold.wait_reached()
    before, asker = manager.pid, Asker()
    try:
        time.sleep(1)
        apt("install", *sorted(folder.glob("*.deb")))
        check(run("dpkg-query", "-W", "-f", "${Version}", "certmill-server").endswith("+next"), "upgraded while it ran")
        check(manager.pid not in (0, before), "it was started anew")
        program = os.readlink(f"/proc/{manager.pid}/exe")
        check(program == "/usr/sbin/certmilld", f"what runs is the new program: {program}")
        hold.release()
        time.sleep(1)
    finally:
        lost = asker.stop()
    check(lost == 0, f"{sum(asked for asked, _ in asker.counts.values())} questions meanwhile, {lost} lost")
    check(f"restart {SOCKET}" not in manager.asked and f"stop {SOCKET}" not in manager.asked, "the sockets stayed open")
    answer = lab.collect(session)
    check(answer.status in (0, INTERRUPTED), f"the client with an order half done: status {answer.status}")
    if answer.status:
        answer = lab.ssh(client, "get", "certificate", data=request)
    check(answer.status == 0, f"it has its certificate {answer.stderr if answer.status else ''}")
    lab.check_chain(answer.stdout, [LATER], key)
    made = [order["state"] for order in lab.server.orders() if order["names"] == [LATER]]
    check(made == ["issued"], f"by the order of before the upgrade: {made}")


def remove(manager: Manager) -> None:
    """Removed, it is stopped, and keeps what is the operator's; purged, nothing is left."""
    apt("remove", "certmill-server", "certmill", "certmill-doc")
    check(manager.run(["is-active", SOCKET])[0] and not manager.pid, "removed: stopped, sockets closed")
    check(manager.status == 0, f"it ended by itself, status {manager.status}")
    check(CONFIG.exists() and any(Path("/var/lib/certmill/keys").iterdir()), "configuration and account keys are kept")
    apt("purge", "--auto-remove", "certmill-server", "certmill", "certmill-doc")


def main() -> None:
    """All of it."""
    folder = Path(sys.argv[1])
    loopback_up()
    manager = Manager(LOG)
    manager.start()
    files, lists = snapshot()
    install(folder, manager)
    BIN.mkdir()
    for name in ("bin/certmill", "bin/certmill-shell", "sbin/certmilld", "sbin/certmillctl"):
        (BIN / Path(name).name).symlink_to(Path("/usr", name))
    with Lab(LabOptions(sshd=True, proxy=True, serve=False, ca=CaOptions(authz_reuse=0), stubs={ZONE: 53})) as lab:
        configure(lab, manager)
        main_job(lab)
        upgrade(folder / "next", lab, manager)
        remove(manager)
    shutil.rmtree(BIN)
    check(manager.unknown == [], f"nothing unknown was asked of the service manager: {manager.unknown}")
    after, lists_after = snapshot()
    manager.close()
    check(after == files, f"no file is left: more {sorted(after - files)[:20]}, less {sorted(files - after)[:20]}")
    check(lists == lists_after, "no user is left")
    wait_until(lambda: "certmilld" not in run("ps", "-e", "-o", "comm="), "the end of all its processes", 10)
    check(True, "no process is left")


if __name__ == "__main__":
    main()
