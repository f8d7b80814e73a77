"""What bench/dns counts rather than times: system calls, instructions, allocations; and the time of a start."""

from __future__ import annotations

import json
import re
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from dns_demands import Demands
from dns_load import dnsperf
from dns_servers import APEX, Ours
from lab import dns
from lab.ports import Ports

GOOD = ("txt", "txt-edns", "nxdomain", "soa", "refused")
BAD = ("cut-header", "response", "no-question", "cut-name", "bad-label", "trailing", "two-opt")
USERS = {"user": "daemon", "dns-user": "nobody", "signer-user": "bin"}


def _first_answer(port: int, start: float, limit: float = 10.0) -> float:
    """Milliseconds from start until the server answers for the zone."""
    query = dns.query(APEX, "SOA")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.0005)
        sock.connect(("127.0.0.1", port))
        while time.monotonic() - start < limit:
            try:
                sock.send(query)
                answer = sock.recv(4096)
            except OSError:
                continue
            if dns.header(answer).rcode == 0:
                return (time.monotonic() - start) * 1e3
    raise RuntimeError("no answer")


def start_all(programs: Path, folder: Path, ports: Ports, runs: int) -> float:
    """Median of certmilld whole: supervisor, signer, issuer with its store, dnsd."""
    times = []
    port = ports.take()
    for number in range(runs + 1):
        place = Path(tempfile.mkdtemp(dir=folder))
        place.chmod(0o755)
        settings = {"acme-zone": APEX, "dns-listen": f"127.0.0.1:{port}", "state-dir": place / "state",
                    "run-dir": place / "run", "acme-server-url": "https://127.0.0.1:1/dir", "log-level": "ERROR", **USERS}
        argv = [programs / "certmilld", *(f"--{key}={value}" for key, value in settings.items())]
        start = time.monotonic()
        process = subprocess.Popen(argv)
        taken = _first_answer(port, start)
        process.terminate()
        process.wait()
        if number > 0:  # the first one reads the programs from disk
            times.append(taken)
    print(f"\nexec of certmilld to the first answer: median {statistics.median(times):.1f} ms, "
          f"from {min(times):.1f} to {max(times):.1f}")
    return statistics.median(times)


def start_dnsd(programs: Path, ports: Ports, runs: int) -> float:
    """Median of dnsd alone: the role's exec, its image, acknowledged by both workers."""
    times = []
    for _ in range(runs):
        ours = Ours(programs, ports.take(), 0, cpus="0,1", options=("--workers=2",))
        times.append(ours.started["start_ms"])
        ours.stop()
    print(f"exec of dnsd to its first image served: median {statistics.median(times):.1f} ms, "
          f"from {min(times):.1f} to {max(times):.1f}")
    return statistics.median(times)


def calls(programs: Path, ports: Ports, queries: Path) -> None:
    """strace -c over a window of load."""
    ours = Ours(programs, ports.take(), 10_000)
    dnsperf(ours, queries, 0.3)
    before = ours.command("stats")
    trace = subprocess.Popen(["strace", "-f", "-c", "-p", str(ours.pid)], stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)
    dnsperf(ours, queries, 60, "-n", "1")
    trace.send_signal(2)
    text = trace.communicate()[1]
    after = ours.command("stats")
    ours.stop()
    print(f"\nsystem calls while {after['queries'] - before['queries']:,} queries were answered (strace -f -c)")
    for line in text.splitlines():
        found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(\d+\s+)?(\w+)$", line)
        if found and found[3] != "total":
            print(f"{found[3]:16} {int(found[1]):8,}")


def instructions(programs: Path, demands: Demands, quick: bool) -> None:
    """callgrind over one kind of message after the other, and nanoseconds without it."""
    times = json.loads(subprocess.run([programs / "bench_query_loop"], check=True, capture_output=True, text=True).stdout)
    print("\na message, between recvmmsg and sendmmsg   instructions   ns")
    counts = {}
    for kind in ("txt", "two-opt") if quick else GOOD + BAD:
        err = subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=answer_one*",
                              "--callgrind-out-file=/dev/null", programs / "bench_query_loop", kind, "1024"], check=True,
                             capture_output=True, text=True).stderr
        found = re.search(r"Collected : (\d+)", err)
        assert found, err
        counts[kind] = int(found[1]) / 1024
        print(f"{kind:42} {counts[kind]:12.0f} {times[kind]:6.0f}")
    worst = max((kind for kind in counts if kind in BAD), key=lambda kind: counts[kind])
    demands.at_most(f"the dearest malformed message ({worst}), of a TXT answer", counts[worst] / counts["txt"], 1.0)
    demands.at_most("calls of malloc in 3.6 million messages", times["mallocs"], 0)
