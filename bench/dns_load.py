"""Load for bench/dns: its query file, dnsperf on the other core, and what a server used meanwhile."""

from __future__ import annotations

import json
import random
import re
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dns_servers import APEX, LOAD_CORE, Server, host

QUERIES = 100_000  # lines of a query file
OUTSTANDING = "200"  # questions at once: what the smallest queue of these servers holds (Linux: 208 KiB)


def write_queries(path: Path, names: int) -> Path:
    """80 % existing TXT, 15 % NXDOMAIN, 5 % SOA, in one order for all servers."""
    dice = random.Random(names)
    lines = [f"{host(dice.randrange(names))}.{APEX} TXT" for _ in range(QUERIES * 80 // 100)]
    lines += [f"none{dice.randrange(names)}.example.org.{APEX} TXT" for _ in range(QUERIES * 15 // 100)]
    lines += [f"{APEX} SOA"] * (QUERIES * 5 // 100)
    dice.shuffle(lines)
    path.write_text("\n".join(lines) + "\n")
    return path


@dataclass
class Load:
    """One window of load."""

    rate: float  # answers a second
    cpu: float  # us an answer
    lost: int


def dnsperf(server: Server, queries: Path, seconds: float, *options: str) -> Load:
    """Asks for some seconds, and reads the server's processor time before and after."""
    before = server.cpu()
    out = subprocess.run(["taskset", "-c", LOAD_CORE, "dnsperf", "-s", "127.0.0.1", "-p", str(server.port), "-d",
                          str(queries), "-l", str(seconds), "-q", OUTSTANDING, "-t", "1", "-b", "2000", *options], check=True,
                         capture_output=True, text=True).stdout
    used = server.cpu() - before
    completed = int(_field(out, "Queries completed"))
    return Load(float(_field(out, "Queries per second")), used * 1e6 / completed, int(_field(out, "Queries lost")))


def _field(text: str, name: str) -> str:
    found = re.search(rf"{name}:\s+([\d.]+)", text)
    assert found, text
    return found[1]


class Rounds:
    """What one server did in each round; figures are medians."""

    def __init__(self) -> None:
        self.loads: list[Load] = []

    @property
    def rate(self) -> float:
        return statistics.median(load.rate for load in self.loads)

    @property
    def cpu(self) -> float:
        return statistics.median(load.cpu for load in self.loads)


def ratio(ours: Rounds, theirs: Rounds) -> float:
    """Of processor time an answer: the median of the rounds' ratios, as a round's share the machine's mood."""
    return statistics.median(a.cpu / b.cpu for a, b in zip(ours.loads, theirs.loads))


def interleaved(servers: list[Server], queries: Path, rounds: int, seconds: float) -> dict[str, Rounds]:
    """Each server in each round, in turn."""
    found = {server.name: Rounds() for server in servers}
    for number in range(rounds):
        for i in range(len(servers)):
            server = servers[(i + number) % len(servers)]
            found[server.name].loads.append(dnsperf(server, queries, seconds))
    return found


def drain(programs: Path, server: Server, ports: list[int], queries: Path, count: int, rounds: int) -> dict:
    """Queues filled while the server stands still, then drained: no generator runs meanwhile."""
    argv = [programs / "bench_drain", str(server.pid), ",".join(map(str, ports)), str(count), queries, str(rounds)]
    return json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
