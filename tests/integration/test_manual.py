"""Goal: manual pages and completions say what the programs say: each option, key and command, none else."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from lab.process import wait_until
from lab.server import BIN, clean_env
from support import main

MADE = BIN.parent / "packaging"
PAGES = ("certmilld.8", "certmilld.yaml.5", "certmill-shell.8", "certmillctl.8", "certmill.1", "certmill.yaml.5")
OPTION = re.compile(r"(?<![\w-])(--?[a-zA-Z][\w-]*)")


def help_of(program: str) -> str:
    words = ["help"] if program == "certmill-shell" else ["--help"]
    return subprocess.run([BIN / program, *words], env=clean_env(), check=True, capture_output=True, text=True).stdout


def options_of(program: str) -> set[str]:
    """From the lines of --help that begin with one; and what the line of --config says besides."""
    found: set[str] = set()
    for line in re.findall(r"^  (-.*)$", help_of(program), flags=re.M):
        part = line if "CONFIG in the environment" in line else re.split(r"  | [A-Z\[]", line)[0]
        found.update(OPTION.findall(part))
    return found


def commands_of(program: str) -> set[str]:
    """Lines with two blanks and words in small letters, above the options."""
    found = set()
    for line in re.findall(r"^  ([a-z].*)$", help_of(program), flags=re.M):
        words = re.match(r"[a-z][a-z-]*(?: [a-z][a-z-]*)?(?= [\[A-Z]|  |$)", line)
        if words and "certmill-shell" not in line and not line.endswith("(in the configuration file only)"):
            found.add(words[0])
    return {" ".join(word for word in command.split() if word != "verify") for command in found}


def keys_of(program: str) -> set[str]:
    """Keys of the file, rows of tables with them."""
    text = help_of(program)
    keys = set(re.findall(r"^  (?:-\w, )?--([\w-]+)", text, flags=re.M)) - {"help", "version", "check-config", "config"}
    return keys | set(re.findall(r"^ {2,12}([a-z][\w-]*):(?: \(|$)", text, flags=re.M))


def items_of(page: str, section: str = "") -> list[str]:
    """What stands in the .It lines of a page or a section of it."""
    text = (MADE / page).read_text()
    if section:
        text = re.search(rf"^\.Sh {section}$(.*?)(?=^\.Sh |\Z)", text, flags=re.M | re.S)[1]
    return [item.replace("\\-", "-") for item in re.findall(r"^\.It (.*)$", text, flags=re.M)]


def page_options(page: str, section: str) -> set[str]:
    text = (MADE / page).read_text()
    text = re.search(rf"^\.Sh {section}$(.*?)(?=^\.Sh |\Z)", text, flags=re.M | re.S)[1]
    text = "\n".join(line for line in text.splitlines() if line.startswith((".It Fl", ".Fl")))
    return {f"-{word}" for word in re.findall(r"Fl (\S+)", text.replace("\\-", "-"))}


def page_commands(page: str, section: str) -> set[str]:
    return {re.match(r"Cm ([a-z -]+?)(?= Ar |$)", item)[1] for item in items_of(page, section) if item.startswith("Cm ")}


class Manual(unittest.TestCase):
    def test_lint(self) -> None:
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *(MADE / page for page in PAGES)], check=False,
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_options(self) -> None:
        for program, page in (("certmilld", "certmilld.8"), ("certmillctl", "certmillctl.8"), ("certmill", "certmill.1")):
            with self.subTest(program):
                options = options_of(program)
                self.assertGreater(len(options), 8)
                self.assertEqual(options, page_options(page, "OPTIONS"))
        self.assertEqual(options_of("certmill-shell"),
                         page_options("certmill-shell.8", "REQUESTS") | page_options("certmill-shell.8", "DESCRIPTION"))

    def test_keys(self) -> None:
        for program, page in (("certmilld", "certmilld.yaml.5"), ("certmill", "certmill.yaml.5")):
            with self.subTest(program):
                keys = keys_of(program)
                self.assertGreater(len(keys), 30)
                self.assertEqual(keys, {re.match(r"Cm ([\w-]+)", item)[1] for item in items_of(page, "KEYS")})

    def test_commands(self) -> None:
        for program, page, section in (("certmillctl", "certmillctl.8", "COMMANDS"), ("certmill", "certmill.1", "COMMANDS"),
                                       ("certmill-shell", "certmill-shell.8", "REQUESTS")):
            with self.subTest(program):
                commands = commands_of(program)
                self.assertGreater(len(commands), 10)
                self.assertEqual(commands, page_commands(page, section))

    def test_options_are_taken(self) -> None:
        """Each option of a page is one that the program knows."""
        for program in ("certmilld", "certmill", "certmillctl"):
            for option in options_of(program) - {"--help", "-h", "--version", "-V"}:
                with self.subTest(program=program, option=option):
                    done = subprocess.run([BIN / program, option], env=clean_env(), check=False, capture_output=True, text=True,
                                          stdin=subprocess.DEVNULL, timeout=60)
                    self.assertNotIn("unknown", done.stderr)

    def test_files_and_others(self) -> None:
        """Pages refer to each other and to what is there."""
        for page in PAGES:
            text = (MADE / page).read_text()
            for name, section in re.findall(r"^\.Xr (certmill\S*) (\d)", text, flags=re.M):
                self.assertIn(f"{name}.{section}", PAGES)
            self.assertNotIn('\\" @', text, "each list was put in")


def seconds_of(program: str, first: str) -> set[str]:
    return {command.split()[1] for command in commands_of(program) if command.startswith(f"{first} ")}


# What stands on the line, and what a shell must offer then; besides it may offer nothing else, but for the options.
CASES = [
    ("certmill ", {command.split()[0] for command in commands_of("certmill")}),
    ("certmill check ", seconds_of("certmill", "check")),
    ("certmill --path /tmp ke", {"key"}),
    ("certmill key a", {"abort", "activate"}),
    ("certmill --json show sp", {"spki"}),
    ("certmill --json true show sp", {"spki"}),
    ("certmill --path=/tmp show sp", {"spki"}),
    ("certmill --starttls s", {"smtp"}),
    ("certmill --starttls=s", {"smtp"}),
    ("certmill --tlsa", {option for option in options_of("certmill") if option.startswith("--tlsa")}),
    ("certmill -", {option for option in options_of("certmill") if option.startswith("--")}),
    ("certmilld --dns-", {option for option in options_of("certmilld") if option.startswith("--dns-")}),
    ("certmilld --check", {"--check-config"}),
    ("certmilld --log-format ", {"text", "json"}),
    ("certmilld --staging=", {"true", "false"}),
    ("certmillctl ", commands_of("certmillctl")),
    ("certmillctl --run-dir /tmp re", {"records", "reload", "restore", "revoke"}),
    ("certmillctl accounts ", {"register", "roll-over", "agree", "deactivate"}),
    ("certmillctl audit ", {"verify"}),
    ("certmillctl --", {option for option in options_of("certmillctl") if option.startswith("--")}),
]

BASH = r"""
source "$1/certmill"; source "$1/certmilld"; source "$1/certmillctl"
shift
for line; do
    IFS=$'\n' read -rd '' -a COMP_WORDS < <(sed 's/=/\n=\n/g; s/ /\n/g' <<<"$line" | sed '/^$/d') || true
    case $line in *' ' ) COMP_WORDS+=('') ;; esac
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    "_${COMP_WORDS[0]}"
    echo "${COMPREPLY[*]}"
done
"""


class Bash(unittest.TestCase):
    def test_function(self) -> None:
        done = subprocess.run(["bash", "-euc", BASH, "bash", MADE / "bash", *(line for line, _ in CASES)], check=True,
                              capture_output=True, text=True)
        answers = done.stdout.splitlines()
        self.assertEqual(len(answers), len(CASES), done.stderr)
        for (line, expected), answer in zip(CASES, answers, strict=True):
            with self.subTest(line):
                self.assertEqual(set(answer.split()), expected)

    def test_files(self) -> None:
        """Where no word is known, it is a file's name."""
        self.assertIn("-o default", (MADE / "bash/certmillctl").read_text())


class Terminal:
    """A shell that believes to be used by a person."""

    def __init__(self, argv: list[str], env: dict[str, str], folder: Path):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(argv[0], argv, env)

    def until(self, pattern: str, limit: float = 60.0) -> str:
        """Reads until the pattern is there; all that was read."""
        text, end = "", time.monotonic() + limit
        while not re.search(pattern, text):
            if time.monotonic() > end or not select.select([self.fd], [], [], limit)[0]:
                raise AssertionError(f"no {pattern} in {text!r}")
            text += os.read(self.fd, 65536).decode(errors="replace")
        return text

    def drain(self) -> bool:
        """Reads what is there, so that the shell does not wait for us."""
        while select.select([self.fd], [], [], 0)[0]:
            os.read(self.fd, 65536)
        return True

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


class Typed(unittest.TestCase):
    """Real shells on a terminal: TAB is pressed."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="certmill-lab-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TERM": "dumb", "LC_ALL": "C", "PS1": "ready> "}

    def test_bash(self) -> None:
        rc = self.folder / "rc"
        rc.write_text(f"PS1='ready> '\nsource '{MADE}/bash/certmill'\nsource '{MADE}/bash/certmillctl'\n")
        terminal = Terminal(["bash", "--noprofile", "--rcfile", str(rc), "-i"], self.env, self.folder)
        self.addCleanup(terminal.close)
        terminal.until("ready> ")
        for typed, full in (("certmill key ac\t", "certmill key activate "), ("certmill --starttls=sm\t", "--starttls=smtp "),
                            ("certmillctl check-\t", "certmillctl check-store "), ("certmillctl backup rc\t", "backup rc ")):
            terminal.type(typed)
            terminal.until(re.escape(full))
            terminal.type("\x15")

    def test_zsh(self) -> None:
        """Each of the cases, as zsh lists it."""
        (self.folder / ".zshrc").write_text(
            f"fpath=('{MADE}/zsh' $fpath)\nautoload -Uz compinit\ncompinit -u -d '{self.folder}/dump'\n"
            "PROMPT='ready> '\nLISTMAX=1000\n"
            # What a completion offers is what it hands to compadd.
            "compadd () {\n"
            "  if [[ ${@[1,(i)(-|--)]} != *-[OAD]* ]]; then\n"
            "    local -a offered; builtin compadd -O offered \"$@\"; print -rl -- $offered >>$OFFERED\n"
            "  fi\n"
            "  builtin compadd \"$@\"\n}\n"
            "look () { zle list-choices; print ready >>$OFFERED; BUFFER=''; }\n"
            "zle -N look\nbindkey '^X' look\n")
        offered = self.folder / "offered"
        terminal = Terminal(["zsh", "-i"], {**self.env, "ZDOTDIR": str(self.folder), "OFFERED": str(offered)}, self.folder)
        self.addCleanup(terminal.close)
        terminal.until("ready> ")
        for line, expected in CASES:
            with self.subTest(line):
                offered.write_text("")
                terminal.type(line + "\x18")
                wait_until(lambda: terminal.drain() and offered.read_text().endswith("ready\n"), f"what zsh offers: {line}")
                words = {word.removesuffix("=") for word in offered.read_text().split()} - {"ready"}
                if line.endswith("-"):
                    words = {word for word in words if word.startswith("--")}
                self.assertEqual(words, expected)


if __name__ == "__main__":
    main()
