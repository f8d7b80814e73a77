"""What a process, or a set of running ones, costs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.process import command_of, descendants_of


@dataclass
class Usage:
    """Wall and processor time in seconds."""

    wall: float
    cpu: float


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
    return Usage(wall, used.ru_utime + used.ru_stime)


def peak_of(argv: Sequence[str | Path], env: Mapping[str, str], log: Path, stdin: Path | None = None) -> float:
    """Runs a program to its end and gives the peak resident size of its largest process, in MB.

    Looked up often while it runs, so in a run that is not timed: getrusage() would give the size that the process had
    before exec, which is this interpreter's.
    """
    peak = 0
    with log.open("ab") as out, (stdin or Path(os.devnull)).open("rb") as data:
        child = subprocess.Popen(list(map(str, argv)), env=env, stdin=data, stdout=out, stderr=out)
        while child.poll() is None:
            for pid in (child.pid, *descendants_of(child.pid)):
                peak = max(peak, _high_water(pid))
            time.sleep(0.001)
    return peak / 1024


def _high_water(pid: int) -> int:
    try:
        if os.readlink(f"/proc/{pid}/exe") == os.readlink("/proc/self/exe") and "certbot" not in command_of(pid):
            return 0  # not yet the program
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


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
