"""dnsd killed again and again while clients ask: what they get meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from . import dns
from .lab import ZONE, Lab, LabOptions, target_of
from .ca import CaOptions
from .probe import Junk, Probe

LIVE = "www.example.org"
STATIC = f"name000007.{ZONE}"
_HELD_SECONDS = 15
"""The proxy holds an order so long at most: the issuer gives a request up after 30."""


@dataclass
class Outcome:
    """What the clients found in all rounds, and the steps of each restart in milliseconds."""

    kills: int = 0
    live: list[dict[str, float]] = field(default_factory=list)
    static: list[dict[str, float]] = field(default_factory=list)
    steps: list[tuple[float, float]] = field(default_factory=list)
    """From the death that the supervisor saw to a dnsd that is ready, and on to answers from the image."""

    def most(self, what: str) -> float:
        """The worst figure of a kind."""
        return max(found[what] for found in self.live + self.static)

    def total(self, what: str) -> float:
        """The sum of all figures of a kind."""
        return sum(found[what] for found in self.live + self.static)


def zone_text(names: int) -> str:
    """A zone file with so many names of static TXT records."""
    lines = [f"$ORIGIN {ZONE}.", "$TTL 60", "@ SOA ns1.example.net. hostmaster.example.org. 1 7200 900 86400 60",
             "@ NS ns1.example.net."]
    return "\n".join(lines + [f'name{i:06} TXT "static-{i:06}"' for i in range(names)]) + "\n"


@contextmanager
def static_lab(names: int) -> Iterator[Lab]:
    """A lab whose zone has a file with so many names."""
    lab = Lab(LabOptions(proxy=True, ca=CaOptions(authz_reuse=0, bad_nonces=0), serve=False, hosts=1))
    with lab:
        path = lab.folder / "static.zone"
        path.write_text(zone_text(max(names, 8)))
        lab.server.config.update({"zones": [{"name": ZONE, "file": str(path)}], "log-format": "json",
                                  "dns-rate-allow": ["127.0.0.1/32"]})
        lab.server.start()
        lab.server.wait_ready()
        yield lab


def _round(lab: Lab, kills: int, every: float, load: int, outcome: Outcome) -> None:
    """Kills dnsd some times while one order's challenge is live."""
    hold = lab.proxy.hold("/chalZ/", early=True)
    client = lab.spawn(["--force", "get", "certificate"], LIVE, lab.csr([LIVE]))
    hold.wait_reached()
    target = f"127.0.0.1:{lab.server.port}"
    (value,) = dns.txt(target_of(LIVE), lab.server.port)
    junk = Junk(target, ZONE, ["apex"], rate=load)
    probes = [Probe(target, target_of(LIVE), expect=value), Probe(target, STATIC, expect="static-000007")]
    for _ in range(kills):
        lab.server.wait_role("dnsd", lab.server.kill("dnsd"))
        time.sleep(every)  # so long it lives: "killed every second" is what is tried
    outcome.live.append(probes[0].stop())
    outcome.static.append(probes[1].stop())
    junk.stop()
    outcome.kills += kills
    hold.release()
    answer = lab.collect(client)
    assert answer.status == 0, answer.stderr


def _steps(log: Path) -> Iterator[tuple[float, float]]:
    died = up = answering = 0.0
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        at, text = datetime.fromisoformat(entry["time"]).timestamp() * 1000, entry["message"]
        if text.startswith("dnsd (pid") and "killed by signal 9" in text:
            died, up, answering = at, 0.0, 0.0
        elif text.startswith("dnsd (pid") and text.endswith("is up"):
            up = at
        elif text.startswith("answering from generation"):
            answering = at
        if died and up and answering:  # which is logged by two processes, in either order
            yield up - died, max(0.0, answering - up)
            died = 0.0


def kill_dnsd(lab: Lab, kills: int, every: float, load: int) -> Outcome:
    """kill -9 of dnsd so many times, so many seconds apart, under a load of so many queries a second."""
    outcome = Outcome()
    most = max(1, int(_HELD_SECONDS / every))
    while outcome.kills < kills:
        _round(lab, min(most, kills - outcome.kills), every, load, outcome)
    outcome.steps = list(_steps(lab.server.log))
    return outcome
