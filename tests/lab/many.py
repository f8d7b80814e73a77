"""Hundreds of orders at once, by the submit socket itself: a shell for each would be most of what is measured."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .lab import Lab

_LINE = 1 << 21
"""Octets of the longest line that comes: a chain."""


def csrs(lab: Lab, names: Sequence[str]) -> list[str]:
    """A CSR for each name, all with one key."""
    lab.key()
    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda name: lab.csr([name]), names))


def peak_mb(pid: int) -> float:
    """The most memory that a process has had resident so far, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmHWM")


def cpu_seconds(pid: int) -> float:
    """Processor time of all threads of a process so far."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


@dataclass
class Found:
    """What came of some orders."""

    results: list[dict[str, Any]]
    """The last line of each, in the order of the names."""
    wall: float
    cpu: float
    """Seconds of the issuer."""
    peak: float
    """MB of the issuer, since it was started."""
    chains: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.chains = [result["output"] for result in self.results if result["result"] == "ok"]


async def _ask(lab: Lab, name: str, csr: str, connected: asyncio.Barrier) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(str(lab.server.submit), limit=_LINE)
    request = {"v": 1, "op": "get certificate", "domains": name, "input": csr, "client": "local"}
    await connected.wait()
    writer.write(json.dumps(request).encode() + b"\n")
    last: dict[str, Any] = {"result": "none"}
    async for line in reader:
        last = json.loads(line)
    writer.close()
    return last


def ask(lab: Lab, names: Sequence[str], requests: Sequence[str], at_once: int) -> Found:
    """An order for each name, so many of them at a time; each of these is connected before the first one asks."""
    async def all_of_them() -> list[dict[str, Any]]:
        results: list[dict[str, Any]] = []
        for start in range(0, len(names), at_once):
            part = list(zip(names, requests))[start:start + at_once]
            connected = asyncio.Barrier(len(part))
            results += await asyncio.gather(*(_ask(lab, name, csr, connected) for name, csr in part))
        return results
    pid = lab.server.pid_of("issuer")
    cpu, begin = cpu_seconds(pid), time.monotonic()
    results = asyncio.run(all_of_them())
    return Found(results, time.monotonic() - begin, cpu_seconds(pid) - cpu, peak_mb(pid))
