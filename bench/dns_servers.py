"""The nameservers of bench/dns, all with the same names, each with one thread on one core."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab import dns, peers
from lab.process import Process, descendants_of
from measure import cpu_of, pss_of

APEX = "acme.example.com"
NO_LIMITS = ("--dns-rate-answers=0", "--dns-rate-nxdomain=0", "--dns-rate-errors=0", "--dns-refused-drop=0")
SERVER_CORE, LOAD_CORE = "0", "1"
QUEUE = 500_000_000  # octets of a socket's queue, where a queue is filled before it is drained

_GDNSD = """\
options => {{
  listen => [ 127.0.0.1:{port} ]
  udp_threads => 1
  tcp_threads => 1
  run_dir => {folder}/run
  state_dir => {folder}/state
}}
"""


def host(number: int) -> str:
    """The name of a host, as dnsd_serve makes it."""
    return f"host{number}.example.org"


def value(number: int) -> str:
    """Its TXT value."""
    return f"{number * 2654435761:043}"


def zone_text(names: int) -> str:
    """The zone file that the others are given: the same records as live challenges are."""
    rows = [f"$ORIGIN {APEX}.\n@ 3600 IN SOA ns1.example.net. hostmaster.{APEX}. 1 7200 900 86400 60",
            "@ 3600 IN NS ns1.example.net."]
    rows += [f'{host(number)} 0 IN TXT "{value(number)}"' for number in range(names)]
    return "\n".join(rows) + "\n"


class Server:
    """One that runs."""

    def __init__(self, name: str, port: int, pid: int):
        self.name, self.port, self.pid = name, port, pid

    @property
    def pids(self) -> list[int]:
        return [self.pid, *descendants_of(self.pid)]

    def cpu(self) -> float:
        """Processor seconds used so far, all processes."""
        return cpu_of(self.pids)

    def memory(self) -> float:
        """MB resident, in proportion where it is shared."""
        return pss_of(self.pids)

    def stop(self) -> None:
        """Ends it."""


class Daemon(Server):
    """One that the lab's way starts, on the server's core."""

    def __init__(self, name: str, port: int, process: Process):
        self.process = process
        process.argv = ["taskset", "-c", SERVER_CORE, *process.argv]
        process.start()
        super().__init__(name, port, process.pid)

    def wait(self) -> Daemon:
        """Until it answers for the zone."""
        def ready() -> bool:
            answer = dns.ask_udp(dns.query(APEX, "SOA"), self.port, limit=0.2)
            return answer is not None and dns.header(answer).rcode == 0
        self.process.wait_ready(ready, limit=120)
        return self

    def stop(self) -> None:
        self.process.stop()


def gdnsd(folder: Path, port: int, zone: Path) -> Daemon:
    """gdnsd, whose zone files are found by their names."""
    for part in ("zones", "run", "state"):
        (folder / "gdnsd" / part).mkdir(parents=True)
    (folder / "gdnsd/config").write_text(_GDNSD.format(port=port, folder=folder / "gdnsd"))
    (folder / "gdnsd/zones" / APEX).symlink_to(zone)
    return Daemon("gdnsd", port, Process("gdnsd", ["gdnsd", "-c", folder / "gdnsd", "start"], folder / "gdnsd.log"))


def nsd(folder: Path, port: int, zone: Path) -> Daemon:
    """NSD."""
    return Daemon("NSD", port, peers.nsd(folder / "nsd", port, {APEX: zone}).process)


def knot(folder: Path, port: int, zone: Path) -> Daemon:
    """Knot DNS."""
    return Daemon("Knot", port, peers.knot(folder / "knot", port, {APEX: zone}).process)


class Echo(Server):
    """What the kernel alone costs."""

    def __init__(self, programs: Path, port: int, queue: int = 0):
        self._popen = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "taskset", "-c", SERVER_CORE,
                                        programs / "bench_echo", str(port), str(queue)])
        super().__init__("echo", port, self._popen.pid)

    def stop(self) -> None:
        self._popen.kill()
        self._popen.wait()


class Ours(Server):
    """Our dnsd, with live challenges, under dnsd_serve as its supervisor and issuer."""

    def __init__(self, programs: Path, port: int, names: int, *, name: str = "certmill", cpus: str = SERVER_CORE,
                 options: Sequence[str] = (), settings: Sequence[str] = NO_LIMITS):
        argv = [str(programs / "bench_dnsd_serve"), f"--binary={programs / 'certmilld'}", f"--port={port}",
                f"--names={names}", f"--cpus={cpus}", *options, *settings]
        self._popen = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.started = self._line()
        super().__init__(name, port, self.started["pid"])

    def _line(self) -> dict:
        assert self._popen.stdout is not None
        line = self._popen.stdout.readline()
        if not line:
            raise RuntimeError("dnsd_serve has ended")
        return json.loads(line)

    def command(self, text: str) -> dict:
        """A command of dnsd_serve, and its answer."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(text + "\n")
        self._popen.stdin.flush()
        return self._line()

    def issuer_memory(self) -> float:
        """MB of dnsd_serve, which has the zone in its editable form as the issuer has."""
        return pss_of([self._popen.pid])

    def stop(self) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        self._popen.wait()
