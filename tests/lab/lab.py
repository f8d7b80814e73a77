"""The whole lab: CA -> resolver -> the organisation's nameserver -> CNAME -> our zone, and sshd in front."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from . import pki
from .ca import Ca, CaOptions
from .ca_more import CaMore, MoreOptions
from .nameserver import Nameserver, challenge_cname
from .ports import Ports
from .process import STOP_SECONDS, LabError, PortTaken, Process, adopt_orphans, command_of, descendants_of, is_alive, wait_until
from .proxy import Proxy
from .resolver import Resolver
from .server import BIN, Server, clean_env
from .sshd import Sshd

ZONE = "acme.example.com"
ORG = "example.org"
BARE = "example.net"
"""A zone of the organisation without any CNAME for challenges."""


_TOPS = ("org", "net")
"""Without anything but themselves: who climbs the tree for CAA records (RFC 8659 3) gets an answer there."""
_TRIES = 4
"""Of a start: another program may take a port between choice and bind."""
FIRST, SECOND = "first", "second"
"""Names of the two CAs in the configuration."""


def long_name(zone: str = ZONE) -> str:
    """A domain whose record would not fit below the zone under its own name, though its challenge name exists."""
    room = 253 - len("_acme-challenge.") - len(ORG) - 1
    labels = []
    while room > 63:
        labels.append("l" * 61)
        room -= 62
    name = ".".join([*labels, "l" * room, ORG])
    assert len(name) + 1 + len(zone) > 253
    return name


def target_of(domain: str, zone: str = ZONE) -> str:
    """Name in our zone that a domain's challenges are answered at."""
    plain = domain.removeprefix("*.")
    if len(plain) + 1 + len(zone) <= 253:
        return f"{plain}.{zone}"
    return base64.b32encode(hashlib.sha256(plain.encode()).digest()).decode()[:32].lower() + f".{zone}"


@dataclass
class LabOptions:
    """What a lab is made of."""

    ca: CaOptions = field(default_factory=CaOptions)
    second_ca: CaOptions | bool = False
    """One more CA, that has nothing in common with the first but the resolver. certmilld's configuration then has
    `authorities`, FIRST and SECOND."""
    proxy: bool = False
    """Put the fault-making proxy between certmilld and each CA."""
    more: MoreOptions | bool = False
    """Make that proxy one which adds to the CA what Pebble lacks (ca_more.py)."""
    sshd: bool = False
    serve: bool = True
    """Start certmilld, too; without, tests start it themselves."""
    config: dict[str, object] = field(default_factory=dict)
    """More configuration for certmilld."""
    hosts: int = 64
    """host00.example.org and so on, besides the usual names."""
    zones: dict[str, Iterable[str]] = field(default_factory=dict)
    """More zones for the organisation's nameserver: apex -> record lines."""
    expired: Iterable[str] = ()
    """Of these, the ones that are signed, with signatures of long ago, and that the resolver validates."""
    stubs: dict[str, int] = field(default_factory=dict)
    """More zones for the resolver: apex -> port of a server on 127.0.0.1."""


@dataclass
class Answer:
    """What a client got: the chain on stdout, log lines on stderr, exit status."""

    status: int
    stdout: str
    stderr: str


class Lab:
    """Everything started, ready, and ended again when the with block is left, whatever happened in it."""

    def __init__(self, options: LabOptions | None = None):
        self.options = options or LabOptions()
        self._ports = Ports()
        self.folder = Path()
        self._others: list[Process] = []
        self._handlers: dict[int, object] = {}
        self._keys: dict[str, Path] = {}

    def __enter__(self) -> Lab:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Starts all parts at once and waits for each."""
        adopt_orphans()
        for tries in reversed(range(_TRIES)):
            self._catch_signals()
            self.folder = Path(tempfile.mkdtemp(prefix="certmill-lab-"))
            self.folder.chmod(0o755)
            try:
                self._make()
                self._start()
                return
            except BaseException as error:
                self.stop()
                if not isinstance(error, PortTaken) or tries == 0:
                    raise
                print(f"once more, with other ports: {error}", file=sys.stderr)

    def _catch_signals(self) -> None:
        if threading.current_thread() is threading.main_thread():
            def leave(number: int, frame: object) -> None:
                raise SystemExit(128 + number)
            for number in (signal.SIGTERM, signal.SIGHUP):
                self._handlers[number] = signal.signal(number, leave)

    def _make(self) -> None:
        folder, options = self.folder, self.options
        take = self._ports.take
        ours, org, resolver = take(), take(), take()
        hosts = [f"host{i:02}.{ORG}" for i in range(options.hosts)]
        names = [ORG, *(f"{label}.{ORG}" for label in ("www", "mail", "deep.a.b", "xn--plse-gra")), *hosts, long_name()]
        lines = [challenge_cname(name, target_of(name)) for name in names]
        self.nameserver = Nameserver(folder, org, {ORG: lines, BARE: [], **{top: [] for top in _TOPS}, **options.zones},
                                     options.expired)
        stubs = {ZONE: ours, "example": org, ".": org, **{zone: org for zone in self.nameserver.zones}, **options.stubs}
        self.resolver = Resolver(folder, resolver, stubs, anchors=self.nameserver.anchors)
        self.ca, self.proxy = self._make_ca(options.ca, "pebble")
        self.ca2, self.proxy2 = None, None
        if options.second_ca:
            second = options.second_ca if isinstance(options.second_ca, CaOptions) else CaOptions(authz_reuse=0)
            self.ca2, self.proxy2 = self._make_ca(second, "pebble2")
        self.server = Server(folder, ours, (self.proxy or self.ca).url, self.ca.ca_file, ZONE)
        self.server.config["resolver"] = [f"127.0.0.1:{resolver}"]
        if self.ca2 or options.ca.eab_keys:
            for key in ("acme-server-url", "acme-ca-file"):
                del self.server.config[key]
            self.server.config["authorities"] = self.authorities()
        self.server.config.update(options.config)
        command = f"{BIN / 'certmill-shell'} --socket {self.server.submit}"
        self.sshd = Sshd(folder, take(), command) if options.sshd else None

    def _make_ca(self, options: CaOptions, name: str) -> tuple[Ca, Proxy | None]:
        """A CA, and the proxy before it where this lab has one."""
        take, more = self._ports.take, self.options.more
        ca = Ca(self.folder, self.resolver.port, (take(), take()), options, name)
        if more:
            return ca, CaMore(take(), ca, more if isinstance(more, MoreOptions) else MoreOptions())
        return ca, Proxy(take(), ca) if self.options.proxy else None

    def authorities(self, first: dict[str, object] | None = None,
                    second: dict[str, object] | None = None) -> list[dict[str, object]]:
        """Rows of `authorities` for the CAs of this lab; first, second: more members of a row."""
        rows = [self._authority(FIRST, self.ca, self.proxy, first or {})]
        if self.ca2:
            rows.append(self._authority(SECOND, self.ca2, self.proxy2, second or {}))
        return rows

    def _authority(self, name: str, ca: Ca, proxy: Proxy | None, more: dict[str, object]) -> dict[str, object]:
        row: dict[str, object] = {"name": name, "directory": (proxy or ca).url, "ca-file": str(ca.ca_file)}
        for kid, key in list(ca.options.eab_keys.items())[:1]:
            path = self.folder / f"{name}.eab"
            path.write_text(f"{key}\n")
            path.chmod(0o600)
            row |= {"eab-kid": kid, "eab-key-file": str(path), "eab-algorithm": "HS256"}
        return row | more

    @property
    def proxies(self) -> list[Proxy]:
        """All of them, as far as this lab came."""
        return [proxy for name in ("proxy", "proxy2") if (proxy := getattr(self, name, None))]

    @property
    def more(self) -> CaMore:
        """The proxy that adds what Pebble lacks."""
        assert isinstance(self.proxy, CaMore)
        return self.proxy

    @property
    def more2(self) -> CaMore:
        """The same before the second CA."""
        assert isinstance(self.proxy2, CaMore)
        return self.proxy2

    def _start(self) -> None:
        parts = [self.ca, *([self.ca2] if self.ca2 else []), self.resolver, self.nameserver,
                 *([self.sshd] if self.sshd else [])]
        for part in parts:
            part.process.start()
        for proxy in self.proxies:
            proxy.start()
        if self.options.serve:
            self.server.start()
        for part in parts:
            part.process.wait_ready(part.ready)
        if self.options.serve:
            self.server.wait_ready()

    def stop(self) -> None:
        """Ends all parts and removes the folder (kept, and said so, where CERTMILL_LAB_KEEP is set)."""
        for proxy in self.proxies:
            proxy.clear()
            proxy.stop()
        for name in ("server", "sshd", "ca", "ca2", "resolver", "nameserver"):
            part = getattr(self, name, None)
            if part is not None:
                part.stop() if isinstance(part, Server) else part.process.stop()
        for process in self._others:
            process.stop()
        self._ports.release()
        self._reap()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._handlers.clear()
        if os.environ.get("CERTMILL_LAB_KEEP"):
            print(f"kept: {self.folder}", file=sys.stderr)
        elif self.folder != Path():
            shutil.rmtree(self.folder, ignore_errors=True)

    def _reap(self) -> None:
        """Ends what is still running below this process; a daemon that outlived its stop is a failure."""
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:  # adopted ones that have ended
                pass
        except ChildProcessError:
            pass
        known = ("pebble", "unbound", "nsd", "sshd", "certmilld")
        for pid in descendants_of(os.getpid()):
            words = command_of(pid)
            program = os.path.basename(words.split(" ")[0]).rstrip(":")
            if str(self.folder) not in words:
                continue
            if program == "certmill-shell":  # no daemon: it waits for a server that may be restarted, for 3 s
                wait_until(lambda pid=pid: not is_alive(pid), f"end of {words}", STOP_SECONDS)
            elif program in known and is_alive(pid):
                os.kill(pid, signal.SIGKILL)
                raise LabError(f"left running: {words}")

    def add_process(self, process: Process) -> Process:
        """Starts one more program that ends with the lab."""
        self._others.append(process)
        process.start()
        return process

    def take_port(self) -> int:
        """One more free port."""
        return self._ports.take()

    # -- what clients do --

    def key(self, kind: str = "ecdsa", name: str = "client") -> Path:
        """A private key, made once for each kind and name."""
        label = f"{name}.{kind}"
        if label not in self._keys:
            self._keys[label] = pki.key(self.folder / f"{label}.key", kind)
        return self._keys[label]

    def csr(self, names: Sequence[str], key: str = "ecdsa", cn: str | None = None) -> str:
        """A CSR for these names."""
        return pki.csr(self.key(key), names, cn=cn)

    def shell_env(self, domains: str | None, command: str | None = None) -> dict[str, str]:
        """Environment of certmill-shell as sshd would set it."""
        env = {**clean_env(), "CERTMILL_SOCKET": str(self.server.submit)}
        if domains is not None:
            env["CERTGRINDERD_DOMAINSETS"] = domains
        if command is not None:
            env["SSH_ORIGINAL_COMMAND"] = command
        return env

    def spawn(self, words: Sequence[str], domains: str | None, data: str = "") -> subprocess.Popen[str]:
        """Starts certmill-shell with arguments and input; collect() gets its answer."""
        return self._spawn([str(BIN / "certmill-shell"), *words], data, self.shell_env(domains))

    def spawn_ssh(self, key: Path, *words: str, data: str = "") -> subprocess.Popen[str]:
        """The same over ssh."""
        assert self.sshd is not None
        return self._spawn(self.sshd.command(key, words), data, None)

    @staticmethod
    def _spawn(argv: Sequence[str], data: str, env: dict[str, str] | None) -> subprocess.Popen[str]:
        process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=env)
        assert process.stdin is not None
        try:
            process.stdin.write(data)
            process.stdin.close()
        except BrokenPipeError:
            pass
        process.stdin = None
        return process

    @staticmethod
    def collect(process: subprocess.Popen[str], limit: float = 240.0) -> Answer:
        """Waits for a client and gives what it got."""
        try:
            stdout, stderr = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            stdout, stderr = process.communicate()
            raise LabError(f"certmill-shell not done within {limit:.0f} s\n{stderr}") from None
        return Answer(process.returncode, stdout, stderr)

    def shell(self, *words: str, domains: str | None = None, data: str | bytes = "",
              command: str | None = None) -> Answer:
        """Runs certmill-shell; command: as SSH_ORIGINAL_COMMAND."""
        done = subprocess.run([BIN / "certmill-shell", *words], input=data.encode() if isinstance(data, str) else data,
                              capture_output=True, env=self.shell_env(domains, command), check=False, timeout=240)
        return Answer(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def get(self, names: Sequence[str], domains: str | None = None, csr: str | None = None, key: str = "ecdsa",
            words: Sequence[str] = ()) -> Answer:
        """Asks for a new certificate through certmill-shell; domains: the names themselves unless given."""
        request = csr if csr is not None else self.csr(names, key)
        return self.shell("--force", *words, "get", "certificate", domains=domains or ",".join(names), data=request)

    def get_many(self, requests: Sequence[tuple[Sequence[str], str]]) -> list[Answer]:
        """Several of (names, key kind) at once."""
        texts = [self.csr(names, key) for names, key in requests]
        with ThreadPoolExecutor(len(requests)) as pool:
            return list(pool.map(lambda pair: self.get(pair[0][0], csr=pair[1]), zip(requests, texts)))

    def ssh(self, key: Path, *words: str, data: str = "") -> Answer:
        """The same the way a client does it: ssh, forced command."""
        assert self.sshd is not None
        done = subprocess.run(self.sshd.command(key, words), input=data, capture_output=True, text=True, check=False,
                              timeout=240)
        return Answer(done.returncode, done.stdout, done.stderr)

    def check_chain(self, chain: str, names: Sequence[str], key: Path | None = None, ca: Ca | None = None) -> str:
        """Verifies a chain up to the CA's root (the first CA's, unless given), its names and its key; gives the leaf."""
        pki.verify(chain, (ca or self.ca).root(), self.folder)
        leaf = pki.split_chain(chain)[0]
        assert pki.names_of(leaf) == sorted(names), f"{pki.names_of(leaf)} is not {sorted(names)}"
        if key is not None:
            assert pki.public_key(leaf) == pki.public_key(key), "the certificate is for another key"
        return leaf
