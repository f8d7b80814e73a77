"""Goal: what the packages install does the main job, loses no question and no order by an upgrade, and leaves nothing.

tools/package-test runs this in a fresh Debian with a network of its own: installed.py FOLDER, which has the packages,
those of the next version in FOLDER/next.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import signal
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
from manager import SERVICE, SOCKET, Manager, Systemd

NAMES = ["www.example.org", "mail.example.org"]
LATER = "host00.example.org"
CONFIG = Path("/etc/certmill/certmilld.yaml")
STATE = Path("/var/lib/certmill")
STAMP = Path("/var/lib/systemd/timers/stamp-certmill.timer")
RUNNING = Path("/run/systemd/system")
CA = CONFIG.with_name("lab-ca.pem")
MANAGER: Manager | Systemd = Systemd() if RUNNING.exists() else Manager(Path("/tmp/certmilld.log"))
PACKAGES = ("certmill", "certmill-server", "certmill-doc")
_PR_SET_CHILD_SUBREAPER = 36
_PAUSE = 0.004
"""Seconds between two questions of one asker."""
INTERRUPTED = 7
"""Exit status of certmill-shell: ask again (docs/protocol.md); certmill does."""
_SERVERS = ("libuv1", "libcurl", "libsqlite3", "libseccomp", "libpsl", "libjq", "libnghttp")
"""Libraries that the client does without."""
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
        raise SystemExit(f"FAILED: {what}\n{MANAGER.log()}")
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
        self._threads.append(threading.Thread(target=self._shell))
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

    def _shell(self) -> None:
        asked = lost = 0
        while not self._end.is_set():
            asked += 1
            done = subprocess.run([BIN / "certmill-shell", "ping"], env=clean_env(), stdin=subprocess.DEVNULL,
                                  capture_output=True, check=False, timeout=120)
            lost += done.stdout != b"pong\n" and done.returncode != INTERRUPTED
        self._add("certmill-shell", asked, lost)

    def stop(self) -> int:
        """Ends it; how many questions stayed without an answer."""
        self._end.set()
        for thread in self._threads:
            thread.join()
        for kind, (asked, lost) in sorted(self.counts.items()):
            print(f"    {kind}: {asked} questions, {lost} lost")
        print(f"    slowest answer over UDP: {self.slowest:.3f} s", flush=True)
        return sum(lost for _, lost in self.counts.values())


def owner(path: Path) -> tuple[str, str, int]:
    """User, group and mode."""
    entry = path.stat()
    return path.owner(), path.group(), entry.st_mode & 0o7777


def install(folder: Path) -> None:
    """The packages, as they come: nothing runs, and it is said what is missing."""
    apt("install", *folder.glob("certmill_*.deb"))
    check(not Path("/usr/sbin/certmilld").exists() and "certmill" in run("/usr/bin/certmill", "--version"),
          "the client works by itself")
    needed = run("dpkg-query", "-W", "-f", "${Depends}", "certmill")
    check(not [name for name in _SERVERS if name in needed], f"it needs few libraries: {needed}")
    said = apt("install", *sorted(folder.glob("*.deb")))
    check("certmilld is not started:" in said and "zones" in said, "installed; it says that zones are missing")
    check(MANAGER.run(["is-active", SERVICE])[0] and not dns.alive(53), "nothing was started")
    check(run("dpkg-query", "-W", "-f", "${Conffiles}", "certmill-server").split()[0] == str(CONFIG),
          "the configuration file is a conffile")
    check(run("dpkg", "-V", *PACKAGES) == "", "all files are as packed (dpkg -V)")
    check("certmill-signer" in run("getent", "passwd", "certmill", "certmill-dns", "certmill-signer"), "users are there")
    check(owner(STATE) == ("certmill", "certmill", 0o700), f"the state folder is certmill's: {owner(STATE)}")
    check(owner(CONFIG) == ("root", "root", 0o644) and owner(CONFIG.parent) == ("root", "root", 0o755),
          "the configuration is root's")


def configure(lab: Lab) -> None:
    """What an operator does."""
    config = {key: value for key, value in lab.server.config.items()
              if not key.endswith("user") and key not in ("dns-listen", "state-dir", "run-dir")}
    shutil.copy(config["acme-ca-file"], CA)  # /tmp is out of its sight
    CONFIG.write_text(to_yaml({**config, "acme-ca-file": str(CA), "dns-rate-allow": ["127.0.0.0/8", "::1/128"]}))
    lab.server.run_dir.symlink_to("/run/certmill")
    run(BIN / "certmilld", "--config", CONFIG, "--check-config")
    run("/usr/bin/systemctl", "enable", SOCKET, SERVICE, "certmill.timer")
    MANAGER.run(["start", "certmill.timer"])
    check(Path("/etc/systemd/system/sockets.target.wants", SOCKET).is_symlink(), "enabled")
    MANAGER.run(["start", SOCKET, SERVICE])
    check(dns.alive(53, ZONE), "configured, started, answers on port 53")
    status = Path(f"/proc/{MANAGER.pid}/status").read_text()
    check("CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status, "it has no capabilities")


def client_words(lab: Lab, name: str, names: list[str]) -> tuple[list[str | Path], Path]:
    """The installed client's command that gets a certificate for these names as client `name`, and its folder."""
    assert lab.sshd is not None
    files = lab.folder / f"files-{name}"
    files.mkdir()
    config = lab.folder / f"{name}.yaml"
    client = lab.sshd.add_client(name, ",".join(names))
    config.write_text(to_yaml({"certgrinderd": " ".join(lab.sshd.command(client)), "path": str(files),
                               "domain-list": [",".join(names)], "key-type-list": ["ecdsa"]}))
    return [BIN / "certmill", "--config-file", config, "periodic", "--now"], files


def main_job(lab: Lab) -> None:
    """A certificate by the forced command over ssh, and by the client that is installed."""
    assert lab.sshd is not None
    key = lab.key("p384")
    client = lab.sshd.add_client("web1", ",".join(NAMES))
    answer = lab.ssh(client, "get", "certificate", data=pki.csr(key, NAMES, cn=NAMES[0]))
    check(answer.status == 0, f"certificate over ssh {answer.stderr if answer.status else ''}")
    lab.check_chain(answer.stdout, NAMES, key)
    words, files = client_words(lab, "web2", NAMES)
    done = subprocess.run(words, capture_output=True, text=True, env=clean_env(), check=False, timeout=240)
    check(done.returncode == 0, f"certificate by certmill periodic {done.stderr if done.returncode else ''}")
    lab.check_chain((files / f"{NAMES[0]}-chain.ecdsa.crt").read_text(), NAMES)


def upgrade(folder: Path, lab: Lab) -> None:
    """The next version over the running server, with questions all the time and an order half done."""
    assert lab.proxy is not None
    hold = lab.proxy.hold("/finalize-order/")
    words, files = client_words(lab, "web3", [LATER])
    client = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=clean_env())
    hold.wait_reached()
    before, opened, config, asker = MANAGER.pid, MANAGER.opened, CONFIG.read_text(), Asker()
    try:
        time.sleep(1)
        apt("install", *sorted(folder.glob("*.deb")))
        check(run("dpkg-query", "-W", "-f", "${Version}", "certmill-server").endswith("+next"), "upgraded while it ran")
        check(MANAGER.pid not in (0, before), "it was started anew")
        check(os.path.samefile(f"/proc/{MANAGER.pid}/exe", "/usr/sbin/certmilld"), "what runs is the new program")
        hold.release()
        time.sleep(1)
    finally:
        lost = asker.stop()
    check(lost == 0, f"{sum(asked for asked, _ in asker.counts.values())} questions meanwhile, {lost} lost")
    check(MANAGER.opened == opened, "the sockets stayed open")
    check(CONFIG.read_text() == config and CONFIG.with_name("certmilld.yaml.dpkg-dist").exists(),
          "the operator's configuration is kept, the packages' new one put beside it")
    said, _ = client.communicate(timeout=240)
    check(client.returncode == 0, f"the client with an order half done has its certificate, by the same run {said if client.returncode else ''}")
    lab.check_chain((files / f"{LATER}-chain.ecdsa.crt").read_text(), [LATER])
    made = [order["state"] for order in lab.server.orders() if order["names"] == [LATER]]
    check(made == ["issued"], f"by the order of before the upgrade: {made}")


def downgrade(folder: Path) -> None:
    """Back to the version before, which refuses the configuration: the one that runs goes on."""
    before, config = MANAGER.pid, CONFIG.read_text()
    CONFIG.write_text("zonez: []\n")
    said = apt("install", "--allow-downgrades", *sorted(folder.glob("*.deb")))
    check("certmilld is not restarted" in said and "zonez" in said, "it says why it was not restarted")
    check(MANAGER.pid == before and dns.alive(53, ZONE), "with a configuration that is refused it goes on")
    CONFIG.write_text(config)
    apt("install", "--reinstall", *folder.glob("certmill-server_*.deb"))
    check(MANAGER.pid not in (0, before) and dns.alive(53, ZONE), "mended and installed anew, it is restarted")


def fails_and_comes_again() -> None:
    """What only systemd can show."""
    config, shorter = CONFIG.read_text(), RUNNING / f"{SERVICE}.d"
    CONFIG.write_text("zonez: []\n")
    check(MANAGER.run(["reload", SERVICE])[0] and "zonez" in MANAGER.log("-u", SERVICE) and dns.alive(53, ZONE),
          "systemctl reload fails where the configuration is refused, and says why")
    MANAGER.run(["restart", SERVICE])
    wait_until(lambda: int(MANAGER.show(SERVICE, "NRestarts")) > 6, "more starts than systemd has patience for by default", 120)
    check(not MANAGER.run(["is-active", SOCKET])[0], "a start that fails is tried on, with the port open")
    CONFIG.write_text(config)
    wait_until(lambda: not MANAGER.run(["is-active", SERVICE])[0] and dns.alive(53, ZONE), "the next start", 120)
    check(True, "mended, it is there again")
    shorter.mkdir()
    (shorter / "watchdog.conf").write_text("[Service]\nWatchdogSec=2\n")
    MANAGER.run(["daemon-reload"])
    MANAGER.run(["restart", SERVICE])
    asker = Asker()
    for number, text in ((signal.SIGKILL, "killed"), (signal.SIGSTOP, "stopped by a signal, found by the watchdog")):
        before = MANAGER.pid
        os.kill(before, number)
        wait_until(lambda before=before: MANAGER.pid not in (0, before), "the next certmilld", 120)
        wait_until(lambda: not MANAGER.run(["is-active", SERVICE])[0] and dns.alive(53, ZONE), "an answer", 120)
        check(True, f"{text}, it is there again")
    shutil.rmtree(shorter)
    MANAGER.run(["daemon-reload"])
    asker.stop()


def three_users() -> None:
    """By the drop-in, and back."""
    folder = Path(f"/etc/systemd/system/{SERVICE}.d")
    folder.mkdir()
    shutil.copy("/usr/share/doc/certmill-server/examples/three-users.conf", folder)
    for users in ({"root", "certmill", "certmill-dns", "certmill-signer"}, {"certmill"}):
        if len(users) == 1:
            shutil.rmtree(folder)
        MANAGER.run(["daemon-reload"])
        check(not MANAGER.run(["restart", SERVICE])[0] and dns.alive(53, ZONE), f"it runs as {', '.join(sorted(users))}")
        children = Path(f"/proc/{MANAGER.pid}/task/{MANAGER.pid}/children").read_text().split()
        found = {word.split()[1] for word in run("ps", "-o", "pid=,user:32=", "-p", ",".join([str(MANAGER.pid), *children]))
                 .strip().splitlines()}
        check(found == users, f"and as nobody else: {found}")
        check(owner(STATE / "keys")[0] == ("certmill-signer" if len(users) > 1 else "certmill"), "the keys follow")


def fail() -> None:
    """The client's unit, without what its configuration names."""
    shutil.copy("/usr/share/doc/certmill/examples/certmill.yaml", CONFIG.with_name("certmill.yaml"))
    check(MANAGER.run(["start", "certmill.service"])[0] and "certificates" in MANAGER.log("-u", "certmill"),
          "certmill.service fails where there is no folder, and says which")
    CONFIG.with_name("certmill.yaml").unlink()


def remove(folder: Path) -> None:
    """Removed, it is stopped, and keeps what is the operator's; installed again, it goes on from there; purged, nothing is left."""
    apt("remove", *PACKAGES)
    check(MANAGER.run(["is-active", SOCKET])[0] and not MANAGER.pid, "removed: stopped, sockets closed")
    check(MANAGER.status == 0, f"it ended by itself, status {MANAGER.status}")
    check(MANAGER.stopped("certmill.timer"), "the client's timer as well")
    left = MANAGER.run(["list-units", "--failed", "--plain", "--no-legend"])[1] if MANAGER.real else ""
    check("certmill" not in left, f"no unit is left as failed {left}")
    check(CONFIG.exists() and any((STATE / "keys").iterdir()), "configuration and account keys are kept")
    os.chown(STATE, 0, 0)  # as three users have it
    STATE.chmod(0o711)
    said = apt("install", *sorted(folder.glob("*.deb")))
    check("certmilld is configured and does not run" in said, "installed again, it says how to start it")
    check(owner(STATE) == ("root", "root", 0o711), f"the state folder is left as it was: {owner(STATE)}")
    MANAGER.run(["start", SOCKET, SERVICE])
    check(dns.alive(53, ZONE), "started, it answers")
    (STATE / "own").touch()
    own = CONFIG.with_name("authorized_keys")
    own.touch()
    STAMP.parent.mkdir(parents=True, exist_ok=True)
    STAMP.touch()  # by a timer that is persistent
    apt("purge", "--auto-remove", *PACKAGES)
    check(own.exists() and not CONFIG.exists(), "purged: files of the operator's own in /etc/certmill are kept")
    own.unlink()
    CA.unlink()
    own.parent.rmdir()
    check(not STAMP.exists(), "the timer's stamp is gone")


def without_systemd(folder: Path) -> None:
    """Where systemd is not, by the rc script."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)  # the first process reaps daemons
    said = apt("install", *folder.glob("certmill-server_*.deb"))
    check("/etc/init.d" in said, "without systemd: it says how to start it")
    script = Path("/etc/init.d/certmilld")
    shutil.copy("/usr/share/doc/certmill-server/examples/certmilld", script)
    CONFIG.write_text(to_yaml({"acme-zone": ZONE}))
    run(script, "start")
    check(dns.alive(53, ZONE), "started by the rc script, it answers")
    apt("remove", "certmill-server")
    check(not dns.alive(53), "removed: stopped")
    apt("purge", "--auto-remove", "certmill-server")
    check(not Path("/var/log/certmilld.log").exists(), "purged: its log is gone")
    script.unlink()


def main() -> None:
    """All of it."""
    folder = Path(sys.argv[1])
    loopback_up()
    print("systemd is the first process" if MANAGER.real else "systemd is not the first process, a stand-in does its work")
    MANAGER.start()
    files, lists = snapshot()
    install(folder)
    BIN.mkdir()
    for name in ("bin/certmill", "bin/certmill-shell", "sbin/certmilld", "sbin/certmillctl"):
        (BIN / Path(name).name).symlink_to(Path("/usr", name))
    with Lab(LabOptions(sshd=True, proxy=True, serve=False, ca=CaOptions(authz_reuse=0), stubs={ZONE: 53})) as lab:
        configure(lab)
        main_job(lab)
        upgrade(folder / "next", lab)
        downgrade(folder)
        if MANAGER.real:
            fails_and_comes_again()
            three_users()
            fail()
        remove(folder)
    shutil.rmtree(BIN)
    if str(STAMP.parent) not in files:
        STAMP.parent.rmdir()
    check(MANAGER.unknown == [], f"nothing unknown was asked of the service manager: {MANAGER.unknown}")
    for end in ("with", "without"):
        after, lists_after = snapshot()
        check(after == files, f"{end} systemd: no file is left: more {sorted(after - files)[:20]}, less {sorted(files - after)[:20]}")
        check(lists == lists_after, "no user is left")
        if end == "with":
            MANAGER.close()
            files -= {"/run/manager.sock", "/run/manager.notify"}
            without_systemd(folder)
    wait_until(lambda: "certmilld" not in run("ps", "-e", "-o", "comm="), "the end of all its processes", 10)
    check(True, "no process is left")


if __name__ == "__main__":
    main()
