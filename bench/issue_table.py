"""The table that bench/issue prints."""

from __future__ import annotations

import statistics

from measure import Usage


class Series:
    """Several measurements of one thing; each figure is their median."""

    def __init__(self) -> None:
        self._all: list[Usage] = []

    def add(self, usage: Usage) -> None:
        """One more."""
        self._all.append(usage)

    @property
    def wall(self) -> float:
        return statistics.median(usage.wall for usage in self._all)

    @property
    def cpu(self) -> float:
        return statistics.median(usage.cpu for usage in self._all)


def _rows(what: str, series: dict[str, Series]) -> list[str]:
    ours = series["certmill"]
    lines = []
    for who, used in series.items():
        ratio = f"1/{used.wall / ours.wall:<7.1f} 1/{used.cpu / ours.cpu:<7.1f}" if used is not ours else ""
        lines.append(f"{what:18} {who:18} {used.wall:9.3f} {used.cpu:9.3f}   {ratio}".rstrip())
    return lines


def table(one: dict[str, Series], row: dict[str, Series], once: dict[str, Series], count: int) -> str:
    """All series, with our share of each peer's wall and processor time."""
    head = f"{'':18} {'':18} {'wall s':>9} {'CPU s':>9}   ours: {'wall':7} CPU"
    lines = [head, *_rows("one", one), *_rows(f"{count} in a row", row), *_rows(f"{count} at once", once)]
    return "\n".join([*lines, ""])


def peaks(found: dict[str, float]) -> str:
    """Peak memory of each."""
    lines = [f"{'peak MB':18} {who:18} {size:9.1f}" for who, size in found.items()]
    note = "certmill: all its processes (PSS) and the shell; the others: their largest process"
    return "\n".join([*lines, f"{'':18} {note}", ""])
