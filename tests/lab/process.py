"""A daemon of the lab: started, waited for, stopped with all its children."""

from __future__ import annotations

import ctypes
import glob
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
_PR_SET_CHILD_SUBREAPER = 36


_TAKEN = re.compile(r"(?i)address already in use|the port is taken")
"""What daemons say whose port another process has."""


class LabError(Exception):
    """Something of the lab itself did not work; the text carries the end of the log."""


class PortTaken(LabError):
    """A daemon did not start since another process took its port between choice and bind."""


def adopt_orphans() -> None:
    """Makes grandchildren whose parent died children of this process, so that none is lost sight of."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _of_threads(pid: int, name: str) -> Iterator[str]:
    """A file of each thread of a process, which may go at any moment: then there is no more of it."""
    for path in glob.iglob(f"/proc/{pid}/task/*/{name}"):  # pathlib's fails where the process goes meanwhile
        try:
            yield Path(path).read_text()
        except OSError:
            continue


def children_of(pid: int) -> list[int]:
    """Direct children of a process, of all its threads."""
    return [int(word) for text in _of_threads(pid, "children") for word in text.split()]


def descendants_of(pid: int) -> list[int]:
    """All processes below one, nearest first."""
    found, queue = [], [pid]
    while queue:
        below = children_of(queue.pop(0))
        found += below
        queue += below
    return found


def command_of(pid: int) -> str:
    """Command line of a process, or an empty string when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether a process exists and is more than an exit status nobody fetched: only then are its sockets closed.

    Its memory (/proc/PID/exe, cmdline) goes before them, and its first thread may go before the others.
    """
    return any(text.rsplit(")", 1)[1].split()[0] not in "ZX" for text in _of_threads(pid, "stat"))


def wait_until(condition: Callable[[], bool], what: str, limit: float = READY_SECONDS) -> None:
    """Returns when condition() is true; raises LabError after limit seconds (a safety net, not a measure)."""
    end = time.monotonic() + limit
    pause = 0.002
    while not condition():
        if time.monotonic() > end:
            raise LabError(f"not within {limit:.0f} s: {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


class Process:
    """One program in a process group of its own, its output in a log file.

    The kernel kills it should this process die without having stopped it.
    """

    def __init__(self, name: str, argv: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None):
        self.name = name
        self.argv = ["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)]
        self.log = log
        self.env = dict(os.environ if env is None else env)
        self.env["PATH"] = self.env.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"  # where Debian has daemons
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id; the process must have been started."""
        assert self._popen is not None
        return self._popen.pid

    def start(self, pass_fds: Sequence[int] = ()) -> None:
        """Starts it; call wait_ready() before use."""
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
                                           start_new_session=True, pass_fds=pass_fds)

    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._popen is not None and self._popen.poll() is None

    def wait(self, limit: float = STOP_SECONDS) -> int:
        """Waits for its end; gives the exit status."""
        assert self._popen is not None
        try:
            return self._popen.wait(limit)
        except subprocess.TimeoutExpired:
            raise LabError(f"{self.name} has not ended within {limit:.0f} s\n{self.tail()}") from None

    def wait_ready(self, probe: Callable[[], bool], limit: float = READY_SECONDS) -> None:
        """Waits until probe() is true; raises when the program ends or time is up."""
        def ready() -> bool:
            if not self.running():
                raise LabError(f"{self.name} ended at start, status {self.wait()}")
            return probe()
        try:
            wait_until(ready, f"{self.name} ready", limit)
        except LabError as error:
            taken = not self.running() and _TAKEN.search(self.tail())
            raise (PortTaken if taken else LabError)(f"{error}\n{self.tail()}") from None

    def signal(self, number: int) -> None:
        """Sends a signal to the program alone."""
        assert self._popen is not None
        self._popen.send_signal(number)

    def stop(self) -> int | None:
        """Ends it, by SIGTERM and if need be by SIGKILL, and whatever is left of its children; exit status or None."""
        if self._popen is None:
            return None
        below = descendants_of(self.pid)
        if self.running():
            self.signal(signal.SIGTERM)
            try:
                self._popen.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
        status = self._popen.wait()
        for pid in {*below, *self._forked_late()}:
            if is_alive(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                wait_until(lambda pid=pid: not is_alive(pid), f"end of {self.name}'s child {pid}", STOP_SECONDS)
        self._popen = None
        return status

    def _forked_late(self) -> list[int]:
        """What it started between a look at what is below it and its end; this process has adopted it by now."""
        late = []
        for pid in descendants_of(os.getpid()):
            try:
                if os.getsid(pid) == self.pid:
                    late.append(pid)
            except ProcessLookupError:
                continue
        return late

    def tail(self, lines: int = 30) -> str:
        """The last lines of its log."""
        try:
            text = self.log.read_text(errors="replace")
        except OSError:
            return ""
        return f"--- {self.log.name}\n" + "\n".join(text.splitlines()[-lines:])
