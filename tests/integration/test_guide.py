"""Goal: the operator's guide says what the programs say: each message, each limit, each link."""

import re
import shlex
import subprocess
import tempfile
import unittest
from pathlib import Path

import links
from lab.server import BIN
from support import main

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"
UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "s": 1, "min": 60, "days": 1}
CASTS = re.compile(r"(?<=\d)[uUlL]+\b")


def limits() -> dict[str, int]:
    """The numbers of common/limits.h, those made of others as well."""
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "common/limits.h").read_text(), flags=re.S).replace("\\\n", " ")
    found: dict[str, int] = {}
    for name, value in re.findall(r"^#define (LIMIT_\w+)\s+(\S.*)$", text, flags=re.M):
        found[name] = eval(CASTS.sub("", value), {"__builtins__": {}}, found)  # our own header: numbers and names
    return found


class Guide(unittest.TestCase):
    def test_messages(self) -> None:
        """Every message of the programs is in docs/guide, and none that no program says."""
        done = subprocess.run([ROOT / "tools/messages", "--check"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_limits(self) -> None:
        known = limits()
        rows = re.findall(r"^\| .* \| ([\d,.]+)(?: (\w+))? \| `(LIMIT_\w+)` \|$", (GUIDE / "limits.md").read_text(), flags=re.M)
        self.assertGreater(len(rows), 50)
        for number, unit, name in rows:
            with self.subTest(name):
                scale = 1000 if name.endswith("_MS") else 1
                self.assertEqual(round(float(number.replace(",", "")) * UNITS[unit] * scale), known[name])
        self.assertEqual(len(rows), (GUIDE / "limits.md").read_text().count("`LIMIT_"), "each row was read")

    def test_limits_of_lets_encrypt(self) -> None:
        source = (ROOT / "issuer/authority.c").read_text()
        numbers = [re.findall(r"\.(?:orders|domain|exact|failures) = (\d+)", part)
                   for part in re.findall(r"letsencrypt(?:_staging)? = \{(.*?)\}", source, flags=re.S)]
        rows = re.findall(r"^\| .* \| ([\d,]+) \| ([\d,]+) \| `limit-", (GUIDE / "limits.md").read_text(), flags=re.M)
        self.assertEqual([[row[at].replace(",", "") for row in rows] for at in (0, 1)], numbers)

    def test_links(self) -> None:
        """Of all pages in docs: to files that are there, and to headings that they have."""
        for page in [*(ROOT / "docs").glob("**/*.md"), ROOT / "README.md", ROOT / "tests/README.md"]:
            with self.subTest(page=page.name):
                self.assertEqual(links.broken(page), [])

    def test_options(self) -> None:
        """Keys of configurations in YAML blocks are ones that the programs know."""
        known = set(re.findall(r'\.key = "([\w-]+)"', "".join(
            path.read_text() for folder in ("common", "client") for path in (ROOT / folder).glob("*.c"))))
        self.assertGreater(len(known), 80)
        for page in GUIDE.glob("*.md"):
            for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), flags=re.M | re.S):
                for key in re.findall(r"^[ -]*([a-z][\w-]*):(?: |$)", block, flags=re.M):
                    with self.subTest(page=page.name, key=key):
                        self.assertIn(key, known)

    def test_commands(self) -> None:
        """Commands of certmill and certmillctl that are to be typed are none that the programs take for wrong usage."""
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder, "certmill.yaml")
            config.write_text(f"certgrinderd: /bin/false\ndomain-list: [www.example.org]\npath: {folder}\n"
                              "key-type-list: [ecdsa]\nname-server: 127.0.0.1@9\n")
            env = {"PATH": "/usr/bin:/bin", "CERTMILL_CONFIG_FILE": str(config)}
            lines = {line for page in GUIDE.glob("*.md")
                     for line in re.findall(r"^ *(?:client#|server#|\$) (certmill(?:ctl)? .*)$", page.read_text(), flags=re.M)}
            self.assertGreater(len(lines), 20)
            for line in sorted(lines):
                words = shlex.split(line.partition(" | ")[0].replace("/etc/certgrinder.yml", str(config)).replace("/root/trial", folder))
                if words[1] == "restore":
                    continue  # who has a backup there would be surprised
                if words[0] == "certmillctl":
                    words[1:1] = ["--run-dir", folder]
                with self.subTest(line):
                    done = subprocess.run([BIN / words[0], *words[1:]], env=env, capture_output=True, text=True, timeout=120)
                    self.assertIn(done.returncode, (0, 1, 8), done.stderr)


if __name__ == "__main__":
    main()
