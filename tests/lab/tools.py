"""dig, kdig and drill: three makes of client that ask one question, their answers brought into one form."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

_SECTIONS = ("answer", "authority", "additional")


@dataclass
class Asked:
    """A question, and how it is asked; what all three can say."""

    name: str
    type: str = "A"
    cls: str = "IN"
    edns: bool = True
    size: int = 1232
    tcp: bool = False
    rd: bool = False
    dnssec: bool = False


@dataclass
class Reply:
    """What a tool says it got."""

    tool: str
    status: str = ""
    """RCODE by name; empty where there was no answer."""
    flags: frozenset[str] = frozenset()
    question: str = ""
    """The name, in the case that came back."""
    answer: frozenset[str] = frozenset()
    authority: frozenset[str] = frozenset()
    additional: frozenset[str] = frozenset()
    edns: int | None = None
    """UDP payload size of the OPT record; None without one."""
    text: str = field(default="", compare=False)
    """All of the tool's output."""

    def __str__(self) -> str:
        return f"--- {self.tool}\n{self.text}"


def record(line: str) -> str:
    """A record as presented by whatever tool: owner, TTL, class, type, rdata in a form that compares."""
    owner, ttl, rclass, rtype, *rdata = line.split(" ;{")[0].split(None, 4)
    data = rdata[0] if rdata else ""
    if rtype == "LOC":  # three ways to write one place
        data = " ".join(part if part.isalpha() else f"{float(part):g}" for part in re.findall(r"[-\d.]+|[NSEW]", data))
    else:
        data = re.sub(r'[\s"]', "", data).lower()
    return f"{owner.lower()} {ttl} {rclass} {rtype} {data}"


def records(*lines: str) -> frozenset[str]:
    """Several of them."""
    return frozenset(map(record, lines))


def parse(tool: str, text: str) -> Reply:
    """Takes a tool's output apart."""
    reply = Reply(tool, text=text)
    if found := re.search(r"->>HEADER<<-.*?(?:status|rcode): (\w+)", text):
        reply.status = found[1]
    if found := re.search(r"(?i)^;; flags: ?([\w ]*?) ?;", text, re.MULTILINE):
        reply.flags = frozenset(found[1].split())
    if found := re.search(r"(?im)^; ?edns:.*udp: (\d+)|^;; EDNS: .*udp: (\d+)|UDP size: (\d+) B", text):
        reply.edns = int(next(filter(None, found.groups())))
    if found := re.search(r"QUESTION SECTION:\n;+\s*(\S+)", text):
        reply.question = found[1]
    for section in _SECTIONS:
        if found := re.search(rf"^;; {section.upper()} SECTION:\n((?:[^;\n].*\n)*)", text, re.MULTILINE):
            setattr(reply, section, records(*found[1].splitlines()))
    return reply


def run(argv: Sequence[str]) -> Reply:
    """Runs a tool with words of its own."""
    done = subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)
    return parse(argv[0], done.stdout + done.stderr)


def dig(port: int, *words: str) -> Reply:
    """dig: whatever is asked, and nothing that was not; no second try over TCP or without EDNS."""
    return run(["dig", "@127.0.0.1", "-p", str(port), "+tries=2", "+time=15", "+norec", "+noad", "+nocookie", "+ignore",
                "+qid=4711", *words])


def kdig(port: int, *words: str) -> Reply:
    """kdig: the same."""
    return run(["kdig", "@127.0.0.1", "-p", str(port), "+retry=1", "+timeout=15", "+nordflag", "+noadflag", "+ignore",
                "+noidn", *words])


def _dig(port: int, asked: Asked) -> Reply:
    words = ["+edns=0", f"+bufsize={asked.size}"] if asked.edns else ["+noedns"]
    words += ["+tcp"] * asked.tcp + ["+rec"] * asked.rd + ["+dnssec"] * asked.dnssec
    return dig(port, *words, "-q", asked.name, "-t", asked.type, "-c", asked.cls)


def _kdig(port: int, asked: Asked) -> Reply:
    words = ["+edns=0", f"+bufsize={asked.size}"] if asked.edns else ["+noedns"]
    words += ["+tcp"] * asked.tcp + ["+rdflag"] * asked.rd + ["+dnssec"] * asked.dnssec
    return kdig(port, *words, "-q", asked.name, "-t", asked.type, "-c", asked.cls)


def _drill(port: int, asked: Asked) -> Reply:
    words = ["-b", str(asked.size)] if asked.edns else []
    words += ["-t"] * asked.tcp + ["-o", "RD" if asked.rd else "rd"] + ["-D"] * asked.dnssec
    return run(["drill", *words, "-p", str(port), asked.name, asked.type, asked.cls, "@127.0.0.1"])


def ask(port: int, asked: Asked) -> list[Reply]:
    """The same question by all three."""
    return [_dig(port, asked), _kdig(port, asked), _drill(port, asked)]
