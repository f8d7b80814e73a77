"""Clients that ask without a pause: one that notes how it is answered, one that sends junk. Programs of bench/."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Sequence

from .server import BIN


class _Program:
    """A program that runs until it is told to stop, and then prints what it found as JSON."""

    def __init__(self, name: str, words: Sequence[str]):
        self._popen = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", BIN / name, *words],
                                       stdout=subprocess.PIPE, text=True)

    def stop(self) -> dict[str, float]:
        """Ends it; what it printed."""
        self._popen.send_signal(signal.SIGTERM)
        text, _ = self._popen.communicate(timeout=120)
        return json.loads(text)


class Probe(_Program):
    """Asks for a TXT record (or another type's number) every so many microseconds; the answer has to hold `expect`.

    Prints how many were asked, answered, lost and wrong, the times of answers and the longest time without one.
    """

    def __init__(self, target: str, name: str, *, expect: str = "", every: int = 1000, qtype: int = 16):
        words = [target, name, "--every", str(every), "--type", str(qtype)]
        super().__init__("bench_probe", words + (["--expect", expect] if expect else []))


class Junk(_Program):
    """Sends queries of a kind, all that one core makes or `rate` a second."""

    def __init__(self, target: str, zone: str, words: Sequence[str], *, cpu: int = -1, rate: int = 0):
        super().__init__("bench_junk", [words[0], target, "--zone", zone, *words[1:], "--rate", str(rate),
                                        *(["--cpu", str(cpu)] if cpu >= 0 else [])])
