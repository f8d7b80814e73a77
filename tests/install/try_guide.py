"""try_guide.py first|certgrinder: does what pages of docs/guide say, word for word, as somebody who has never seen certmill.

tools/package-test runs this as root in a fresh Debian, with a network and a process tree of its own. The hosts of the guide are one;
internet.py is the rest of the world, host.py what systemctl talks to. A page's blocks go where the text before them says: records into
their zone, the rest into the file. Each command has to succeed and to print the lines that the page shows below it and no others,
where … stands for anything, or for any lines; where it shows none, nothing that is a warning. What the page says in words alone is done
by the functions of AFTER.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import links
import original
from host import Host
from internet import RESOLVER, Internet, run

DOCS = Path("/usr/share/doc/certmill")
GUIDE = DOCS / "docs/guide"
ETC = Path("/etc/certmill")
CONFIG = ETC / "certmilld.yaml"
PAGES = {"first": ["first-server.md", "mail-dane.md", "troubleshooting.md", "security.md", "operating.md"],
         "certgrinder": ["from-certgrinder.md"]}
# What cannot be tried here, and why.
SKIPPED = {
    "dig +short _acme-challenge.www.example.org TXT": "there is a value for as long as an order takes",
    "journalctl": "there is no journal",
}
_RETRY_SECONDS = 60


def printed(line: str) -> str:
    """A line of the page as a pattern: … stands for anything (after four digits of a digest for all of it), large numbers for
    others, and the CA for ours."""
    text = re.escape(re.sub(r"\b[0-9A-F]{4}…", "…", " ".join(line.split()))).replace("…", ".*").replace("\\ ", " ")
    text = re.sub(r"^issuer=.*$", "issuer=.*", text)
    return re.sub(r"\d{7,}", r"\\d+", text)


class Reader:
    """Goes through pages."""

    world: Internet
    host: Host

    def __init__(self) -> None:
        self.tried = self.failed = 0
        self.page = self.command = ""

    def meet(self, world: Internet, host: Host) -> None:
        """Where they are."""
        self.world, self.host = world, host

    def read(self, page: str) -> None:
        """All of it, in its order."""
        print(f"== {page}", flush=True)
        self.page, before = page, ""
        for part in re.split(r"(^```.*?^```$|^ +```.*?^ +```$|(?:^ {4,}[^\n]*\n)+)", (GUIDE / page).read_text(), flags=re.M | re.S):
            if part.startswith("    "):
                self._commands(part)
            elif part.strip().startswith("```"):
                words, text = part.strip().split("\n", 1)
                text = re.sub(r"^ {3}", "", text, flags=re.M) if part.startswith(" ") else text
                self._block(before, words[3:], text.rsplit("```", 1)[0])
            else:
                before = part
                for heading in re.findall(r"^##+ (.*)$", part, flags=re.M):
                    if heading in AT:
                        AT[heading](self)

    def _block(self, before: str, kind: str, text: str) -> None:
        records = re.findall(r"^(\S+\.\s+(?:A|AAAA|NS|CNAME|CAA)\s+\S.*)$", text, flags=re.M)
        edited = re.fullmatch(r"systemctl edit (\S+)", self.command)
        if kind == "sh":
            self._try(text, [])
        elif edited and kind == "ini":
            self._write(Path("/etc/systemd/system", f"{edited[1]}.d", "override.conf"), text)
        elif records:
            self.world.publish(records)
            print(f"      published: {len(records)} records", flush=True)
        elif paths := re.findall(r"`(/etc/[^`]*)`", before):
            path = Path(paths[-1])
            if "in place of the line" in before:
                path.write_text(re.sub(r"^    AuthorizedKeysFile .*\n", "", path.read_text(), flags=re.M))
            self._write(path, text)
        else:
            print(f"      an example: {text.splitlines()[0][:60]}", flush=True)

    def _write(self, path: Path, text: str) -> None:
        """What the page has as an example of a key is the client's."""
        own = ETC / "ssh-key.pub"
        if own.exists():
            text = re.sub(r"ssh-ed25519 AAAA\S* web1", lambda _: " ".join(own.read_text().split()[:2]) + " web1", text)
        path.parent.mkdir(parents=True, exist_ok=True)
        was = path.read_text() if path.exists() else ""
        if path.suffix == ".yaml":  # what the file has already is changed, not said twice
            for key in re.findall(r"^([a-z][\w-]*):", text, flags=re.M):
                was = re.sub(rf"^{key}:.*\n(?:[ -].*\n)*", "", was, flags=re.M)
        path.write_text(was + text)
        print(f"      in {path}", flush=True)

    def _commands(self, text: str) -> None:
        command, shown = "", []
        for line in [*re.sub(r"\\\n\s*", "", text).splitlines(), "    $ "]:
            match = re.match(r"\s*(?:server#|client#|\$) ?(.*)$", line)
            if not match:
                shown.append(line.strip())
                continue
            if command:
                self._try(command, [one for one in shown if one])
            command, shown = match.group(1), []

    def _said(self, command: str) -> tuple[int, list[str]]:
        done = subprocess.run(["bash", "-c", command], cwd="/root", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                              check=False)
        return done.returncode, (done.stdout + done.stderr).splitlines()

    def _good(self, command: str, shown: list[str], status: int, said: list[str]) -> bool:
        if not shown:
            return status == 0 and (command.startswith("apt ") or not re.search(r"\b(WARNING|ERROR|CRITICAL)\b|[Ww]arning:", "\n".join(said)))
        lines = "".join("(?:.*\n)*?" if line == "…" else printed(line) + "\n" for line in shown)
        return status == 0 and re.fullmatch(lines, "".join(" ".join(line.split()) + "\n" for line in said)) is not None

    def step(self, command: str) -> None:
        """One that a page has by naming another page's."""
        self._try(command, [])

    def _try(self, command: str, shown: list[str]) -> None:
        self.command = command
        reason = next((SKIPPED[words] for words in SKIPPED if command.startswith(words)), None)
        if reason:
            print(f"skip  {command}    ({reason})", flush=True)
            return
        if "SERIAL" in command:
            found = json.loads(run("certmillctl", "certificates", "--json", "--limit", "2"))
            command = command.replace("SERIAL", found["certificates"][1]["serial"])
        if (self.page, command) in BEFORE:
            BEFORE[self.page, command](self)
        begun = time.monotonic()
        status, said = self._said(command)
        good = self._good(command, shown, status, said)
        while not good and command in RETRIED and time.monotonic() < begun + _RETRY_SECONDS:
            time.sleep(0.3)
            status, said = self._said(command)
            good = self._good(command, shown, status, said)
        self.tried += 1
        self.failed += not good
        print(f"{'good ' if good else 'WRONG'} {time.monotonic() - begun:4.1f} s  {command.strip()}", flush=True)
        if not good:
            print(f"      status {status}; the page shows: {shown}")
        print("".join(f"      {line}\n" for line in said[-30:]), end="", flush=True)
        if command in AFTER and good:
            AFTER[command](self, said)


# -- what the pages say in words --

def _publish_printed(reader: Reader, said: list[str]) -> None:
    """The TLSA records that were printed, for a second: two TTLs are to be waited for."""
    reader.world.publish([line.replace(" IN ", " ") for line in said if line.startswith("_")], ttl=1)


def _remove_named(reader: Reader, said: list[str]) -> None:
    """What `check tlsa` calls for removal goes."""
    if lines := [line.split(": ", 1)[1] for line in said if line.startswith("; to be removed: ")]:
        reader.world.withdraw(lines)


def _remove_printed(reader: Reader, said: list[str]) -> None:
    reader.world.withdraw([line.removeprefix("; ") for line in said if line.startswith("; _")])


def _publish_caa(reader: Reader, said: list[str]) -> None:
    reader.world.publish([line for line in said if " CAA " in line])


AT: dict[str, Callable[[Reader], None]] = {"On another host": original.other_host, "In the old one's place": original.old_place}
"""At a heading."""
BEFORE: dict[tuple[str, str], Callable[[Reader], None]] = {
    ("from-certgrinder.md", "dig +short _acme-challenge.www.example.org CNAME"): original.change_cname,
    ("from-certgrinder.md", "systemctl start certmill.service"): original.lose_certificate,
}
AFTER: dict[str, Callable[[Reader, list[str]], None]] = {
    "certmill show tlsa 25 tcp": _publish_printed,
    "certmill key stage 25 tcp": _publish_printed,
    "certmill check tlsa 25 tcp": _remove_named,
    "certmill key abort": _remove_printed,
    "certmill show caa": _publish_caa,
}
RETRIED = {"certmill key status"}
"""What the page says to wait for."""


def prepare() -> tuple[Internet, Host]:
    """This host as it is before the first line of a page, and the world around it."""
    os.environ.update(HOME="/root", DEBIAN_FRONTEND="noninteractive")
    for name in ("CERTMILL_BIN", "PYTHONPATH"):
        os.environ.pop(name, None)
    for package in Path("/packages").glob("*.deb"):
        shutil.copy(package, "/root")
    Path("/etc/apt/apt.conf.d/zz-try-guide").write_text(
        'APT::Get::Assume-Yes "true";\nAPT::Install-Recommends "false";\nDpkg::Options {"--force-unsafe-io";};\nDPkg::Path "' +
        os.environ["PATH"] + '";\n')
    run("sh", "-c", "apt-get -q install /packages/certmill-doc_*.deb")
    for page in DOCS.glob("**/*.md"):
        if lost := links.broken(page):
            raise SystemExit(f"{page}: links that lead nowhere, as it is installed: {lost}")
    folder = Path("/tmp/world")
    folder.mkdir()
    world = Internet(folder)
    Path("/etc/resolv.conf").write_text(f"nameserver {RESOLVER}\n")
    for name in ("/usr/share/dns/root.key",):  # this world has a root of its own
        Path(name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "root.key", name)
    Path("/run/sshd").mkdir(exist_ok=True)
    host = Host(Path("/var/log/host.log"))
    host.start()
    run("postconf", "-e", "inet_interfaces=all", "inet_protocols=all", "maillog_file=/var/log/mail.log", "myhostname=mail.example.org")
    run("systemctl", "start", "ssh", "postfix")
    if subprocess.run(["nft", "list", "ruleset"], capture_output=True, check=False).returncode:
        SKIPPED["nft "] = "this kernel has no nftables"
        return world, host
    run("sh", "-c", "nft add table inet filter && nft add chain inet filter input '{ type filter hook input priority 0; policy drop; }' && "
        "nft add rule inet filter input ct state established,related accept && nft add rule inet filter input iif lo accept && "
        "nft add rule inet filter input meta l4proto { icmp, ipv6-icmp } accept")
    return world, host


def main() -> int:
    """Status 0: all held."""
    reader, whole = Reader(), False
    try:
        reader.meet(*prepare())
        if sys.argv[1] == "certgrinder":
            original.prepare(reader)
        for page in PAGES[sys.argv[1]]:
            reader.read(page)
        whole = True
    finally:
        if reader.failed or not whole:
            for log in (*Path("/tmp/world").glob("*.log"), Path("/var/log/mail.log"), Path("/var/log/host.log")):
                if log.exists():
                    print(f"-- {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-60:]))
    print(f"{'ok' if not reader.failed else 'FAILED'}: the guide: {', '.join(PAGES[sys.argv[1]])}: {reader.tried} commands, {reader.failed} wrong")
    return 1 if reader.failed or not reader.tried else 0


if __name__ == "__main__":
    sys.exit(main())
