"""Goal: the example configurations name every key with its default, and are good with all of them in use."""

import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab.server import BIN, clean_env
from pages import keys_of
from support import main

CONF = Path(__file__).resolve().parents[2] / "conf"
EXAMPLE = CONF / "certmilld.yaml"
CLIENT = CONF / "certmill.yaml"
SHOWN = re.compile(r"^#?(?:  - | {4}(?:# )?)?([a-z0-9-]+): *(.*)$", re.MULTILINE)


def defaults_of(help_text: str) -> dict[str, str]:
    """All keys, rows' among them, and their defaults ("" where there is none)."""
    return {key: text.rpartition("Default: ")[2] if "Default: " in text else "" for key, text in keys_of(help_text).items()}


class ExampleConfig(unittest.TestCase):
    @staticmethod
    def run_(program: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BIN / program, *words], capture_output=True, text=True, env=clean_env(), check=False,
                              timeout=30)

    @classmethod
    def certmilld(cls, *words: str) -> subprocess.CompletedProcess[str]:
        return cls.run_("certmilld", *words)

    def keys(self) -> dict[str, str]:
        return defaults_of(self.certmilld("--help").stdout)

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

    def test_every_key_of_the_client(self) -> None:
        text = CLIENT.read_text()
        shown = {key: value.split("  #")[0].strip() for key, value in SHOWN.findall(text)}
        for key in ("domain-list", "key-type-list", "post-renew-hooks"):
            rows = re.search(rf"^{key}:\n((?:  - .*\n)+)", text, re.MULTILINE)
            shown[key] = " ".join(re.findall(r"  - (.*)", rows[1] if rows else ""))
        keys = defaults_of(self.run_("certmill", "help").stdout)
        self.assertGreater(len(keys), 45)
        self.assertEqual(sorted(set(keys) - set(shown)), [])
        self.assertEqual(sorted(set(shown) - set(keys)), [], "and no key that is none")
        for key, default in keys.items():
            if default and key != "form":
                value = re.sub(r'[]["]', "", shown[key]).replace(", ", ",")
                self.assertEqual(value.replace(",", " "), default.replace(",", " "), key)

    def test_client_good_with_all_in_use(self) -> None:
        text = re.sub(r"^#(?=(?:  - | {4})?[a-z0-9-]+:)", "", CLIENT.read_text(), flags=re.MULTILINE)
        # Another name of a key that is there; a socket that not every host has.
        text = re.sub(r"^(server|syslog-[a-z]+): .*\n", "", text, flags=re.MULTILINE)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "certmill.yaml")
            for content in (text, CLIENT.read_text()):
                file.write_text(content)
                done = self.run_("certmill", "--config-file", file, "show", "configuration")
                self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    main()
