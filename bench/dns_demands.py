"""Each demand beside what was measured."""

from __future__ import annotations


class Demands:
    """Collected while measuring, shown at the end."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, float, str, float, str, bool]] = []

    def at_most(self, what: str, value: float, limit: float, unit: str = "") -> None:
        """One that has an upper limit."""
        self._rows.append((what, value, "at most", limit, unit, value <= limit))

    def at_least(self, what: str, value: float, limit: float, unit: str = "") -> None:
        """One that has a lower limit."""
        self._rows.append((what, value, "at least", limit, unit, value >= limit))

    def show(self) -> None:
        """The table."""
        print()
        for what, value, bound, limit, unit, holds in self._rows:
            shown = f"{value:.2f} {unit}".strip()
            print(f"{what:66} {shown:>10}   {bound} {limit:g} {unit:2}   {'holds' if holds else 'DOES NOT HOLD'}")
