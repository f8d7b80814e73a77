"""Goal: manual pages and completions say what the programs say: each option, key and command, none else."""

from __future__ import annotations

import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from lab.process import wait_until
from lab.server import BIN, clean_env
from pages import MADE, PAGES, keys_of, page_examples, page_items, page_text
from support import main

ROOT = Path(__file__).resolve().parents[2]
OPTION = re.compile(r"(?<![\w-])(--?[a-zA-Z][\w-]*)")
# Each program, its page, and where in it options and commands stand.
PROGRAMS = {
    "certmilld": ("certmilld.8", ("OPTIONS",), ""),
    "certmillctl": ("certmillctl.8", ("OPTIONS",), "COMMANDS"),
    "certmill": ("certmill.1", ("OPTIONS",), "COMMANDS"),
    "certmill-shell": ("certmill-shell.8", ("DESCRIPTION", "REQUESTS"), "REQUESTS"),
}


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BIN / program, *words], env=clean_env(), check=False, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60)


def help_of(program: str) -> str:
    return run(program, "--help").stdout


def options_of(program: str) -> set[str]:
    """From the lines of --help that begin with one."""
    found: set[str] = set()
    for line in re.findall(r"^  (-.*)$", help_of(program), flags=re.M):
        found.update(OPTION.findall(re.split(r"  | [A-Z\[]", line)[0]))
    return found


def usage_of(program: str) -> set[str]:
    """Lines of two blanks and words in small letters: commands with what they take."""
    found = set()
    for line in re.findall(r"^  ([a-z].*)$", help_of(program), flags=re.M):
        if not line.startswith("certmill-shell") and not line.endswith("(in the configuration file only)"):
            found.add(re.split(r" {2,}", line)[0])
    return found


def commands_of(program: str) -> set[str]:
    """Their own words."""
    found = {re.match(r"[a-z][a-z-]*(?: [a-z][a-z-]*)?(?= [\[A-Z]|$)", usage) for usage in usage_of(program)}
    return {" ".join(word for word in match[0].split() if word != "verify") for match in found if match}


def page_options(page: str, section: str) -> set[str]:
    lines = [line for line in page_items(page, section) if line.startswith("Fl")]
    return {f"-{word}" for word in re.findall(r"Fl (\S+)", "\n".join(lines))}


def words_of(usage: str) -> list[str]:
    """A usage line, of --help or a page, as one list of signs and words."""
    usage = re.sub(r" Op (.*)$", r" [ \1 ]", usage).replace(" Oo", " [").replace(" Oc", " ]").replace("Fl -", "--")
    words = re.findall(r"[\[\]|]|\.\.\.|[\w:-]+", usage.replace("---", "--"))
    return [word.lower() for word in words if word not in ("Cm", "Ar")]


class Manual(unittest.TestCase):
    def test_lint(self) -> None:
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "style", *(MADE / page for page in PAGES)], check=False,
                              capture_output=True, text=True)
        said = [line for line in (done.stdout + done.stderr).splitlines()
                if "mandoc.db" not in line and "referenced manual not found" not in line]  # what this host has
        self.assertEqual(said, [])

    def test_sections(self) -> None:
        """What an operator looks for, in each page of its kind."""
        wanted = {"1": "NAME SYNOPSIS DESCRIPTION COMMANDS OPTIONS ENVIRONMENT FILES|EXIT STATUS|EXAMPLES|SEE ALSO|STANDARDS",
                  "8": "NAME SYNOPSIS DESCRIPTION ENVIRONMENT FILES|EXIT STATUS|EXAMPLES|SEE ALSO|SECURITY CONSIDERATIONS",
                  "5": "NAME DESCRIPTION KEYS FILES EXAMPLES|SEE ALSO|SECURITY CONSIDERATIONS"}
        for page in PAGES:
            with self.subTest(page):
                sections = set(re.findall(r"^\.Sh (.*)$", page_text(page), flags=re.M))
                first, *others = wanted[page[-1]].split("|")
                self.assertEqual({*first.split(), *others} - sections, set())

    def test_options(self) -> None:
        for program, (page, sections, _) in PROGRAMS.items():
            with self.subTest(program):
                options = options_of(program)
                self.assertGreater(len(options), 8)
                self.assertEqual(options - ({"--help", "--version", "-h", "-V"} if program == "certmill-shell" else set()),
                                 set().union(*(page_options(page, section) for section in sections)))

    def test_keys(self) -> None:
        """Each key; its bounds, words and default as --help has them."""
        for program, page in (("certmilld", "certmilld.yaml.5"), ("certmill", "certmill.yaml.5")):
            keys = keys_of(help_of(program))
            self.assertGreater(len(keys), 30)
            items: dict[str, str] = {}
            for item, text in page_items(page, "KEYS").items():
                key = item.split()[1]
                items[key] = items.get(key, "") + " ".join(text.split())
            self.assertEqual(set(keys), set(items))
            self.assertEqual([key for key, text in items.items() if not re.search(r"The default is|One of|\.Dl|these keys", text)
                              and not re.search(rf"^\.It Cm {key} : Ar .true | false.", page_text(page), flags=re.M)], [],
                             "each has a default, its words or an example")
            for key, text in keys.items():
                with self.subTest(page=page, key=key):
                    for bounds in re.findall(r"-?\d+ to \d+[\w ]*\.|One of [^.]*\.", text):
                        self.assertIn(bounds, items[key])
                    for default in re.findall(r"Default: (\S+)", text):
                        self.assertIn("The default is .Cm", items[key])
                        self.assertIn(default, items[key])

    def test_commands(self) -> None:
        """With what each of them takes."""
        for program, (page, _, section) in PROGRAMS.items():
            if section:
                with self.subTest(program):
                    usage = sorted(words_of(line) for line in usage_of(program))
                    self.assertGreater(len(usage), 10)
                    self.assertEqual(usage, sorted(words_of(item) for item in page_items(page, section) if item[:2] == "Cm"))

    def test_exit_status(self) -> None:
        """The numbers that --help lists."""
        for program, (page, _, _) in PROGRAMS.items():
            with self.subTest(program):
                said = re.search(r"^Exit status: (.*)", help_of(program), flags=re.M | re.S)
                assert said
                self.assertEqual(set(re.findall(r"(?:^|, |,\n)(\d)(?= )", said[1])), set(page_items(page, "EXIT STATUS")))

    def test_examples(self) -> None:
        """Configurations of the pages are good ones."""
        with tempfile.TemporaryDirectory(prefix="certmill-lab-") as folder:
            file = Path(folder) / "example.yaml"
            for page, words in (("certmilld.yaml.5", ["certmilld", "--check-config"]),
                                ("certmill.yaml.5", ["certmill", "show", "configuration"])):
                examples = page_examples(page)
                self.assertTrue(examples)
                for example in examples:
                    with self.subTest(page=page, example=example):
                        file.write_text(example)
                        done = run(*words, "--config", str(file))
                        self.assertEqual(done.returncode, 0, done.stderr)

    def test_options_are_taken(self) -> None:
        """Each option of a page is one that the program knows."""
        for program in ("certmilld", "certmill", "certmillctl"):
            for option in options_of(program) - {"--help", "-h", "--version", "-V"}:
                with self.subTest(program=program, option=option):
                    self.assertNotIn("unknown", run(program, option).stderr)

    def test_references(self) -> None:
        """Pages refer to each other, and all lists were put in."""
        for page in PAGES:
            text = page_text(page)
            for name, section in re.findall(r"^\.Xr (certmill\S*) (\d)", text, flags=re.M):
                self.assertIn(f"{name}.{section}", PAGES)
            self.assertNotIn('\\" @', text)
            for package, path in re.findall(r"/usr/share/doc/(certmill[\w-]*)/([\w./-]*[\w/])", text):
                with self.subTest(page=page, path=path):
                    if path.startswith("examples/"):
                        examples = (ROOT / f"packaging/debian/{package}.examples").read_text().split()
                        self.assertIn(Path(path).name, {Path(name).name for name in examples})
                    else:  # certmill-doc has the source's folders
                        self.assertEqual((package, (ROOT / path).exists()), ("certmill", True))


class Mistyped(unittest.TestCase):
    """What a new user gets wrong."""

    def test_version(self) -> None:
        """The same form everywhere."""
        versions = set()
        for program in PROGRAMS:
            for word in ("--version", "-V"):
                done = run(program, word)
                self.assertRegex(done.stdout, rf"^{program} \d+\.\d+\.\d+\S*\n$")
                versions.add(done.stdout.split()[1])
        self.assertEqual(len(versions), 1)

    def test_help(self) -> None:
        """To standard output, so that it can be paged; wherever it stands."""
        for program, word in (("certmilld", "--staging"), ("certmillctl", "orders"), ("certmill", "show"), ("certmill-shell", "get")):
            for words in (["--help"], ["-h"], [word, "--help"]):
                done = run(program, *words)
                self.assertEqual((done.returncode, done.stderr), (0, ""), (program, words))
                self.assertIn("xit status", done.stdout)

    def test_full_disk(self) -> None:
        """What could not be printed is no success."""
        for program in PROGRAMS:
            for word in ("--help", "--version"):
                with self.subTest(program=program, word=word), Path("/dev/full").open("w") as full:
                    done = subprocess.run([BIN / program, word], env=clean_env(), check=False, stdout=full, stderr=subprocess.PIPE, timeout=60)
                    self.assertEqual(done.returncode, 1)

    def test_what_was_meant(self) -> None:
        """Status 2, nothing on standard output, and a hint."""
        for program, words, hint in (
                ("certmill", "", "certmill help"), ("certmill", "renwe", "'renew'"), ("certmill", "show", "one of certificate"),
                ("certmill", "show tsla", "'show tlsa'"), ("certmill", "--jsno show paths", "--json"),
                ("certmill", "--jobs", "needs a value"), ("certmill", "--jobs 99 show paths", "from 1 to 64"),
                ("certmill", "--confg x show paths", "--config"),
                ("certmillctl", "", "certmillctl help"), ("certmillctl", "statsu", "'status'"),
                ("certmillctl", "--josn status", "--json"), ("certmillctl", "status --reason x", "status takes no --reason"),
                ("certmillctl", "status x", "takes no words"), ("certmillctl", "--socket", "needs a value"),
                ("certmillctl", "accounts registr ca", "register"), ("certmillctl", "--socket= status", "is empty"),
                ("certmill-shell", "", "taken are ping"), ("certmill-shell", "png", "'ping'"),
                ("certmill-shell", "get", "one of certificate"), ("certmill-shell", "get cert", "but certificate"),
                ("certmill-shell", "--stagin get certificate", "--staging"), ("certmill-shell", "--bogus", "--log-level LEVEL"),
                ("certmill-shell", "--socket", "needs a value"), ("certmilld", "--check-confg", "--check-config"),
                ("certmilld", "--stagin", "--staging"), ("certmilld", "server.yaml", "takes options only"),
                ("certmilld", "--config", "needs a value"), ("certmilld", "--config /nonexistent", "cannot open"),
                ("certmilld", "", "no zone is configured")):
            with self.subTest(program=program, words=words):
                done = run(program, *words.split())
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn(hint, done.stderr)


def seconds_of(program: str, first: str) -> set[str]:
    return {command.split()[1] for command in commands_of(program) if command.startswith(f"{first} ")}


def firsts_of(program: str) -> set[str]:
    return {command.split()[0] for command in commands_of(program)}


def long_options_of(program: str, prefix: str = "--") -> set[str]:
    return {option for option in options_of(program) if option.startswith(prefix)}


# What stands on the line (¦: the cursor, where it is not at the end), and what a shell must offer then; besides it may
# offer nothing else, but for the options.
CASES = [
    ("certmill ", firsts_of("certmill")),
    ("certmill check ", seconds_of("certmill", "check")),
    ("certmill --path /tmp ke", {"key"}),
    ("certmill key a", {"abort", "activate"}),
    ("certmill --json show sp", {"spki"}),
    ("certmill --json true show sp", {"spki"}),
    ("certmill -d true show sp", {"spki"}),
    ("certmill -d show sp", {"spki"}),
    ("certmill --path=/tmp show sp", {"spki"}),
    ("certmill --path true show sp", {"spki"}),
    ("certmill --starttls s", {"smtp"}),
    ("certmill --starttls=s", {"smtp"}),
    ("certmill --starttls smtp show sp", {"spki"}),
    ("certmill -l D", {"DEBUG"}),
    ("certmill --tlsa", long_options_of("certmill", "--tlsa")),
    ("certmill -", long_options_of("certmill")),
    ("certmill show sp --js", {"--json"}),
    ("certmill --jobs ", set()),
    ("certmill show paths ", set()),
    # bash divides words at these two
    ("certmill --syslog-socket log.example:514 show sp", {"spki"}),
    ("certmill --name-server ::1 show sp", {"spki"}),
    ("certmill --syslog-socket=log.example:514 show sp", {"spki"}),
    ("certmill check service mail.example:25 ", set()),
    ('certmill --certgrinderd "ssh -T a@b.example --" show sp', {"spki"}),
    ("certmill --certgrinderd 'a=b c' show sp", {"spki"}),
    # options have ended
    ("certmill -- show sp", {"spki"}),
    ("certmill show -- sp", {"spki"}),
    ("certmill -- --js", set()),
    # within the line
    ("certmill sh¦ --json", {"show"}),
    ("certmill --json show sp¦ --quiet", {"spki"}),
    ("certmill --starttls s¦ check service", {"smtp"}),
    ("certmill help ", firsts_of("certmill")),
    ("certmill help show sp", {"spki"}),
    ("certmilld --dns-", long_options_of("certmilld", "--dns-")),
    ("certmilld --check", {"--check-config"}),
    ("certmilld --log-format ", {"text", "json"}),
    ("certmilld --staging=", {"true", "false"}),
    ("certmilld --dns-listen 127.0.0.1:53 --check", {"--check-config"}),
    ("certmillctl ", commands_of("certmillctl")),
    ("certmillctl --run-dir /tmp re", {"records", "reload", "restore", "revoke"}),
    ("certmillctl accounts ", {"register", "roll-over", "agree", "deactivate"}),
    ("certmillctl audit ", {"verify"}),
    ("certmillctl --", long_options_of("certmillctl")),
    ("certmillctl revoke 1 --reason s", {"superseded"}),
    ("certmillctl accounts roll-over ca --key-type=rsa-2", {"rsa-2048"}),
    ("certmillctl check ", set()),
    ("certmillctl -- rel", {"reload"}),
]


def bash_words(line: str) -> list[str]:
    """The line's words as bash hands them to a completion: divided at = and : too."""
    words = re.findall(r"""(?:"[^"]*"|'[^']*'|[^\s=:"'])+|[=:]+""", line)
    return words + [""] if line.endswith(" ") else words


def bash_case(line: str) -> str:
    """A call of the completion's function with its variables."""
    before, after = line.split("¦") if "¦" in line else (line, "")
    words, all_words = bash_words(before), bash_words(before + after)
    return (f"COMP_WORDS=({' '.join(map(shlex.quote, all_words))}) COMP_CWORD={len(words) - 1}\n"
            f"COMP_LINE={shlex.quote(before + after)} COMP_POINT={len(before)}\n"
            f'_{words[0]}; echo "${{COMPREPLY[*]}}"\n')


class Bash(unittest.TestCase):
    def answers(self, setting: str = "") -> list[str]:
        script = "".join(f"source {shlex.quote(str(MADE / 'bash' / program))}\n" for program in ("certmill", "certmilld", "certmillctl"))
        script += setting + "".join(bash_case(line) for line, _ in CASES)
        done = subprocess.run(["bash", "-uc", script], check=True, capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.splitlines()

    def test_function(self) -> None:
        answers = self.answers()
        for (line, expected), answer in zip(CASES, answers, strict=True):
            with self.subTest(line):
                self.assertEqual(set(answer.split()), expected)

    def test_settings(self) -> None:
        """Whatever the user has set."""
        for setting in ("IFS=,\n", "shopt -s nullglob extglob\n", "set -f\n"):
            with self.subTest(setting):
                answers = self.answers(setting + "echo() { local IFS=' '; printf '%s\\n' \"$*\"; }\n")
                self.assertEqual([set(re.split("[ ,]", answer)) - {""} for answer in answers], [expected for _, expected in CASES])

    def test_without_equals(self) -> None:
        """Some take = out of what divides words: the whole word is completed then."""
        self.assertEqual(subprocess.run(
            ["bash", "-uc", f"source {shlex.quote(str(MADE / 'bash/certmill'))}\nCOMP_WORDBREAKS=' '\n"
             "COMP_WORDS=(certmill --starttls=s) COMP_CWORD=1 COMP_LINE='certmill --starttls=s' COMP_POINT=21\n"
             '_certmill; echo "${COMPREPLY[*]}"'], check=True, capture_output=True, text=True).stdout, "--starttls=smtp\n")

    @unittest.skipUnless(shutil.which("shellcheck"), "needs shellcheck")
    def test_shellcheck(self) -> None:
        done = subprocess.run(["shellcheck", "-s", "bash", *(MADE / "bash").iterdir()], check=False, capture_output=True, text=True)
        self.assertEqual(done.stdout + done.stderr, "")


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
        sources = "".join(f"source '{MADE}/bash/{program}'\n" for program in ("certmill", "certmilld", "certmillctl"))
        rc.write_text(f"PS1='ready> '\nbind 'set bell-style none'\n{sources}")
        terminal = Terminal(["bash", "--noprofile", "--rcfile", str(rc), "-i"], self.env, self.folder)
        self.addCleanup(terminal.close)
        terminal.until("ready> ")
        for typed, full in (
                ("certmill key ac\t", "certmill key activate "), ("certmill --starttls=sm\t", "--starttls=smtp "),
                ("certmill --syslog-socket a:514 show sp\t", "show spki "), ("certmillctl check-\t", "certmillctl check-store "),
                ("certmill --path=./r\t", "--path=./rc "), ("certmillctl backup r\t", "backup rc "),
                ("certmill show sp --json\x1bb\x1bb\x06\x06\t", "spki --json"),
                # no file where none is taken
                ("certmillctl check r\tX\t", "check rX"), ("certmill --jobs r\tX\t", "--jobs rX")):
            terminal.type(typed)
            said = terminal.until(re.escape(full))
            self.assertNotIn("bash:", said)
            terminal.type("\x05\x15")

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
            "zle -N look\nbindkey -e\nbindkey '^T' look\n")
        offered = self.folder / "offered"
        terminal = Terminal(["zsh", "-i"], {**self.env, "ZDOTDIR": str(self.folder), "OFFERED": str(offered)}, self.folder)
        self.addCleanup(terminal.close)
        terminal.until("ready> ")
        for line, expected in CASES:
            with self.subTest(line):
                offered.write_text("")
                before, after = line.split("¦") if "¦" in line else (line, "")
                terminal.type(before + after + "\x02" * len(after) + "\x14")
                wait_until(lambda: terminal.drain() and offered.read_text().endswith("ready\n"), f"what zsh offers: {line}")
                words = {word.removesuffix("=") for word in offered.read_text().split()} - {"ready"}
                if line.endswith(" -"):
                    words = {word for word in words if word.startswith("--")}
                self.assertEqual(words, expected)


if __name__ == "__main__":
    main()
