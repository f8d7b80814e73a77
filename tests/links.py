"""Links of Markdown pages: to files that are there, and to headings that they have."""

from __future__ import annotations

import re
from pathlib import Path


def anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken(page: Path) -> list[str]:
    """Those of a page that lead nowhere."""
    found = []
    for target in re.findall(r"\]\(([^()\s]+)\)", page.read_text()):
        path, _, part = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if "://" in target:
            continue
        if not file.exists() or (part and part not in [anchor(h) for h in re.findall(r"^#+ (.*)$", file.read_text(), flags=re.M)]):
            found.append(target)
    return found
