"""The manual pages and completions that the build made, as tests look at them."""

from __future__ import annotations

import re
from pathlib import Path

from lab.server import BIN

MADE = BIN.parent / "packaging"
PAGES = ("certmilld.8", "certmilld.yaml.5", "certmill-shell.8", "certmillctl.8", "certmill.1", "certmill.yaml.5")


def page_text(page: str, section: str = "") -> str:
    """A page as mdoc(7), or one of its sections, with plain hyphens."""
    text = (MADE / page).read_text().replace("\\-", "-")
    if section:
        found = re.search(rf"^\.Sh {section}$(.*?)(?=^\.Sh |\Z)", text, flags=re.M | re.S)
        assert found, f"{page} has no {section}"
        text = found[1]
    return text


def page_items(page: str, section: str = "") -> dict[str, str]:
    """Items of lists: what stands in the .It line, and all up to the next one."""
    return dict(re.findall(r"^\.It (.*)\n((?:(?!\.It |\.El).*\n)*)", page_text(page, section), flags=re.M))


def page_examples(page: str) -> list[str]:
    """The blocks that are shown as they are to be typed."""
    return [block.replace("\\e", "\\")
            for block in re.findall(r"^\.Bd -literal.*\n((?:(?!\.Ed).*\n)*)", page_text(page, "EXAMPLES"), flags=re.M)]


def keys_of(help_text: str) -> dict[str, str]:
    """All keys of the configuration, those of rows among them, and what --help says of each."""
    texts: dict[str, str] = {}
    key = ""
    for line in help_text.partition("--config-file FILE\n")[2].partition("\nEach key can")[0].splitlines():
        head = re.match(r"  (?:-[a-zA-Z], )?--([a-z0-9-]+) [A-Z[]|  (?:      )?([a-z-]+):(?: \(|$)", line)
        key = head[1] or head[2] if head else key
        texts[key] = texts.get(key, "") if head else f"{texts.get(key, '')} {line.strip()}"
    texts.pop("", None)
    return texts
