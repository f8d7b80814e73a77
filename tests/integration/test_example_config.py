"""Goal: the example configuration names every key with its default, and is good with all of them in use."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab.server import BIN, clean_env
from support import main

EXAMPLE = Path(__file__).resolve().parents[2] / "conf" / "certmilld.yaml"
SHOWN = re.compile(r"^#?(?:  - | {4}(?:# )?)?([a-z0-9-]+): *(.*)$", re.MULTILINE)


class ExampleConfig(unittest.TestCase):
    @staticmethod
    def certmilld(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BIN / "certmilld", *words], capture_output=True, text=True, env=clean_env(),
                              check=False, timeout=30)

    def keys(self) -> dict[str, str]:
        """All keys and their defaults ("" where there is none), as --help tells them."""
        texts: dict[str, str] = {}
        key = ""
        for line in self.certmilld("--help").stdout.partition("--config FILE (")[2].splitlines()[1:]:
            head = re.match(r"  --([a-z0-9-]+) [A-Z[]|  (?:      )?([a-z-]+):(?: \(|$)", line)
            key = head[1] or head[2] if head else key
            texts[key] = "" if head else f"{texts.get(key, '')} {line.strip()}"
        texts.pop("", None)
        return {key: text.partition("Default: ")[2] for key, text in texts.items()}

    def test_every_key(self) -> None:
        shown = {key: value.split(" #")[0].strip() for key, value in SHOWN.findall(EXAMPLE.read_text())}
        keys = self.keys()
        self.assertGreater(len(keys), 40)
        self.assertEqual(sorted(set(keys) - set(shown)), [])
        for key, default in keys.items():
            if default and key != "staging":  # the example says what there is to switch on
                value = shown[key].replace('"', "").replace(",", "").strip("[]")
                self.assertEqual(value, default, key)

    def test_good_with_all_in_use(self) -> None:
        text = re.sub(r"^#(?=(?:  - | {4})?[a-z0-9-]+:)", "", EXAMPLE.read_text(), flags=re.MULTILINE)
        with tempfile.TemporaryDirectory() as folder:
            for key in ("acme-ca-file", "ca-file", "dns-cookie-secret-file", "eab-key-file", "notify-program"):
                path = Path(folder, key)
                path.write_text("00112233445566778899aabbccddeeff\n")
                path.chmod(0o600)
                text = re.sub(rf"^( *){key}: .*$", rf"\1{key}: {path}", text, flags=re.MULTILINE)
            file = Path(folder, "certmilld.yaml")
            file.write_text(text)
            done = self.certmilld("--config", str(file), "--check-config")
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    main()
