"""How long a TXT value takes from the issuer's decision to publish it until every worker of dnsd answers with it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from lab import Lab

PUBLISHING, PUBLISHED = "publishing", "published at generation"


def _lines(text: str) -> Iterator[tuple[str, float, str]]:
    """Subject, time in seconds and message of each line of a JSON log."""
    for line in text.splitlines():
        entry = json.loads(line)
        yield entry.get("subject", ""), datetime.fromisoformat(entry["time"]).timestamp(), entry["message"]


def publication_times(lab: Lab, names: Sequence[str], count: int, at_once: int) -> list[float]:
    """Seconds for each of count orders, at_once under way at any time, out of the issuer's own log."""
    server = lab.server
    server.stop()
    server.config.update({"log-level": "DEBUG", "log-format": "json"})
    server.log.write_text("")
    server.start()
    server.wait_ready()
    requests = {name: lab.csr([name]) for name in names}

    def order(number: int) -> None:
        name = names[number % len(names)]
        answer = lab.get([name], csr=requests[name])
        if answer.status:
            raise RuntimeError(f"order {number}: {answer.stderr}")
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(order, range(count + count // 10)))  # Pebble takes 1 authorization in 100 as valid already
    begun: dict[str, float] = {}
    times = []
    for subject, at, message in _lines(server.log_text()):
        if message.startswith(PUBLISHING):
            begun[subject] = at
        elif message.startswith(PUBLISHED) and subject in begun:
            times.append(at - begun.pop(subject))
    if len(times) < count:
        raise RuntimeError(f"only {len(times)} of {count} publications are in the log")
    return times[:count]
