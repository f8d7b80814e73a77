"""What a process, or a set of running ones, costs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Usage:
    """Wall and processor time in seconds, peak resident size in MB."""

    wall: float
    cpu: float
    peak: float


class Stopwatch:
    """Seconds since it was made, until it was stopped."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self.seconds = 0.0

    def stop(self) -> None:
        self.seconds = time.monotonic() - self._start


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Measures a with block."""
    watch = Stopwatch()
    yield watch
    watch.stop()


def run(argv: Sequence[str | Path], env: Mapping[str, str], log: Path, stdin: Path | None = None) -> Usage:
    """Runs a program to its end, with what it waits for; raises when it fails."""
    with log.open("ab") as out, (stdin or Path(os.devnull)).open("rb") as data:
        start = time.monotonic()
        child = subprocess.Popen(list(map(str, argv)), env=env, stdin=data, stdout=out, stderr=out)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.monotonic() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{argv[0]} ended with {child.returncode}:\n" + log.read_text(errors="replace")[-3000:])
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def cpu_of(pids: Iterable[int]) -> float:
    """Processor time that running processes have used so far, in seconds, to the nanosecond."""
    total = 0
    for pid in pids:
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            total += int(path.read_text().split()[0])
    return total / 1e9


def pss_of(pids: Iterable[int]) -> float:
    """Proportional resident size of processes, in MB."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024
