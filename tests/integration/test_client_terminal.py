"""Goal: on a terminal one live line a certificate, that ends in what became of it, in windows of all sizes; elsewhere log lines."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

from client_support import ClientCase
from lab.server import BIN, clean_env
from support import main

SEQUENCE = re.compile(r"\x1b\[(\d*)([A-Za-z])")
STATES = ("waiting", "ordering", "published", "seen by the CA", "validated", "issued")


class Screen:
    """A terminal's window: what it shows after what was written, as far as certmill's sequences go."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.lines = [[" "] * columns for _ in range(rows)]
        self.scrolled: list[str] = []
        self.row = self.column = 0
        self.colours: set[str] = set()
        self.states: set[str] = set()

    def resize(self, rows: int, columns: int) -> None:
        lines = [line[:columns] + [" "] * (columns - len(line)) for line in self.lines]
        gone = max(0, self.row - rows + 1)
        self.scrolled += ["".join(line).rstrip() for line in lines[:gone]]
        self.lines = (lines[gone:] + [[" "] * columns for _ in range(rows)])[:rows]
        self.rows, self.columns, self.row = rows, columns, self.row - gone

    def down(self) -> None:
        self.row += 1
        if self.row == self.rows:
            self.scrolled.append("".join(self.lines.pop(0)).rstrip())
            self.lines.append([" "] * self.columns)
            self.row -= 1

    def put(self, char: str) -> None:
        width = 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if self.column + width > self.columns:
            self.column = 0
            self.down()
        if width:
            self.lines[self.row][self.column] = char
            self.column += width

    def act(self, count: str, action: str) -> None:
        if action == "A":
            self.row = max(0, self.row - int(count or 1))
        elif action == "J":
            for row in range(self.row, self.rows):
                start = self.column if row == self.row else 0
                self.lines[row][start:] = [" "] * (self.columns - start)
        elif action == "m":
            self.colours.add(count)
        else:
            raise AssertionError(f"sequence {count}{action}")

    def write(self, text: str) -> None:
        at = 0
        while at < len(text):
            if found := SEQUENCE.match(text, at):
                self.act(*found.groups())
                at = found.end()
                continue
            if text[at] == "\r":
                self.column = 0
            elif text[at] == "\n":
                self.look()
                self.down()
            else:
                assert text[at] >= " ", repr(text[at:at + 20])
                self.put(text[at])
            at += 1

    def look(self) -> None:
        """Remembers the state that the line just written shows."""
        line = "".join(self.lines[self.row])
        self.states.update(state for state in STATES if f"  {state} " in line)

    def text(self) -> str:
        return "\n".join(self.scrolled + ["".join(line).rstrip() for line in self.lines]).rstrip()


class Terminal(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.settings["key-type-list"] = ["ecdsa"]
        self.write()
        self.script = Path(self.lab.folder, f"{self._testMethodName}.sh")

    def run_on(self, screen: Screen, *words: str, env: dict[str, str] | None = None, status: int = 0,
               then: Callable[[Screen, int], None] | None = None, stream: str = "stderr") -> str:
        """certmill with standard error (or the other stream) on a terminal of that size; what the screen shows at the end.
        `then` is called after each piece of output."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", screen.rows, screen.columns, 0, 0))
        everything = {**clean_env(), "TERM": "xterm", **(env or {})}
        if not env:
            everything.pop("NO_COLOR", None)
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: theirs}
        with subprocess.Popen([BIN / "certmill", "--config-file", self.config, *words], stdin=subprocess.DEVNULL,
                              env=everything, **streams) as client:
            os.close(theirs)
            deadline, rest = time.monotonic() + 120, b""
            while time.monotonic() < deadline:
                if not select.select([ours], [], [], 1)[0]:
                    continue
                try:
                    rest += os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
                text = rest.decode(errors="ignore")
                cut = max(text.rfind("\n"), text.rfind("\r")) + 1
                screen.write(text[:cut])
                rest = text[cut:].encode()
                if then:
                    then(screen, ours)
            client.kill() if client.poll() is None and time.monotonic() >= deadline else None
            self.assertEqual(client.wait(60), status, screen.text())
        return screen.text()

    def serve(self, *lines: str) -> None:
        """A server that logs these lines, and fails at the end."""
        said = "".join(f"echo '2026-11-21 01:46:18 +0000 certmill-shell {line}' >&2\n" for line in lines)
        self.script.write_text(f"{said}exit 4\n")
        self.settings["certgrinderd"] = f"sh {self.script}"
        self.write()

    def test_real(self) -> None:
        """A real order: the states pass, nothing of them stays, and each set's end does."""
        screen = Screen(24, 100)
        shown = self.run_on(screen, "get", "certificate")
        lines = shown.splitlines()
        for name in ("www.example.org ecdsa", "xn--plse-gra.example.org ecdsa"):
            ends = [line for line in lines if line.startswith(name)]
            self.assertEqual(len(ends), 1, shown)
            self.assertRegex(ends[0], r"new certificate, valid until .* \(\d+\.\d s\)")
        self.assertEqual(screen.states, set(STATES))
        self.assertIn("32", screen.colours)

    def test_states(self) -> None:
        self.serve("INFO ordered for x", "INFO published at generation 3", "INFO hm", "WARNING careful")
        screen = Screen(24, 80)
        shown = self.run_on(screen, "get", "certificate", status=1)
        self.assertIn("WARNING: careful", shown)
        self.assertEqual(shown.count("FAILED: the server does not permit it"), 2, shown)
        self.assertLessEqual({"waiting", "ordering", "published"}, screen.states)
        self.assertLessEqual({"31", "33"}, screen.colours)

    def test_windows(self) -> None:
        """Tiny, narrow, and changing ones: every end is there to be read."""
        self.settings["domain-list"] = [f"host{i:02d}.example.org" for i in range(8)]
        self.serve("INFO ordered for x", "INFO " + "pølse 例 " * 40, "INFO published", "WARNING " + "w" * 200)
        for rows, columns in ((1, 80), (2, 10), (3, 20), (5, 1), (24, 80), (50, 200)):
            shown = self.run_on(Screen(rows, columns), "get", "certificate", status=1).replace("\n", "")
            for i in range(8):
                self.assertIn(f"host{i:02d}.example.org ecdsa  FAILED".replace(" ", ""), shown.replace(" ", ""))

        def change(screen: Screen, ours: int) -> None:
            sizes.append(sizes.pop(0))
            screen.resize(*sizes[0])
            fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", *sizes[0], 0, 0))
        sizes = [(24, 80), (10, 40), (3, 90), (40, 120)]
        self.run_on(Screen(*sizes[0]), "get", "certificate", status=1, then=change)

    def test_plain(self) -> None:
        """No colour with NO_COLOR; nothing drawn at all where the terminal is dumb, or none, or the level another."""
        self.serve("INFO ordered for x", "ERROR no")
        screen = Screen(24, 80)
        self.run_on(screen, "get", "certificate", status=1, env={"NO_COLOR": "1"})
        self.assertEqual(screen.colours, set())
        for words, env in (((), {"TERM": "dumb"}), ((), {"TERM": ""}), (("--log-level", "DEBUG"), {"A": "b"})):
            screen = Screen(24, 400)
            shown = self.run_on(screen, *words, "get", "certificate", status=1, env=env)
            self.assertEqual(screen.colours, set())
            self.assertIn("certmill INFO [www.example.org ecdsa] ordered for x", shown)
        done = self.certmill("get", "certificate")
        self.assertNotIn("\x1b", done.stderr)
        self.assertIn("certmill INFO [www.example.org ecdsa] ordered for x", done.stderr)
        self.assertIn("certmill ERROR [www.example.org ecdsa] the server does not permit it: no", done.stderr)

    def test_verdicts(self) -> None:
        """What checks find is coloured where standard output is a terminal: good ones green, bad ones red, and the words
        are the same as without. With NO_COLOR, or where the terminal is dumb, there is no sequence at all."""
        self.ok("get", "certificate")
        nobody = ("--name-server", f"127.0.0.1:{self.lab.take_port()}")
        service = ("check", "service", f"127.0.0.1:{self.lab.take_port()}", "www.example.org", *nobody)
        good = [("check", "certificate"), ("check", "cname")]
        bad = [("check", "certificate", "--cert-renew-threshold-days", "3650"), ("check", "ocsp"), service,
               ("check", "caa", *nobody), ("check", "tlsa", "443", "tcp", *nobody)]
        for words, status, colours in [*((words, 0, {"32"}) for words in good), *((words, 1, {"31", "33"}) for words in bad)]:
            screen, plain = Screen(200, 1000), self.certmill(*words)
            self.assertEqual(plain.returncode, status, plain.stderr)
            self.assertNotIn("\x1b", plain.stdout + plain.stderr)
            shown = self.run_on(screen, *words, status=status, stream="stdout")
            self.assertEqual(shown.split(), plain.stdout.split())
            self.assertTrue(screen.colours & colours, (words, screen.colours))
            for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
                screen = Screen(200, 1000)
                self.assertEqual(self.run_on(screen, *words, status=status, stream="stdout", env=env).split(),
                                 plain.stdout.split())
                self.assertEqual(screen.colours, set())


if __name__ == "__main__":
    main()
