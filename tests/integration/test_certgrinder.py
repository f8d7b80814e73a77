"""Goal: a host that ran certgrinder changes one word: its configuration file, key folder, commands, options and exit
statuses work as they are."""

import itertools
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab import pki
from lab.server import BIN, clean_env
from client_files import Issuer, write_files
from client_support import SETS, SUFFIXES, ClientCase
from support import main

# As certgrinder's users have it, read there by PyYAML: yes and no, values in quotes, empty ones, all of its keys.
CONFIG = """\
---
# certgrinder.yml
acme-server-url:
alternate-chain: no
caa-validation-methods: "dns-01"
cert-renew-threshold-days: 30
certgrinderd: '{ssh}'
debug: False
domain-list:
  - "www.example.org,mail.example.org"
  - "pølse.example.org"
expected-chain-length:
invalid-ca-cn-list:
  - "Fake LE Intermediate X1"
  - "Fake LE Intermediate X2"
key-type-list:
  - "rsa"
  - "ecdsa"
log-level: "INFO"
name-server: ""
now: off
path: {path}
periodic-sleep-minutes: "0"
pid-dir: {pid}
post-renew-hooks:
  - /bin/true
post-renew-hooks-dir: ""
post-renew-hooks-dir-runner: ""
preferred-chain: null
quiet: no
staging: False
syslog-facility:
syslog-socket: ~
tlsa-port: ""
tlsa-protocol: ""
tlsa-type-list:
  - 310
  - "311"
  - 312
"""
FILES = {"www.example.org": SETS[0].split(","), "xn--plse-gra.example.org": ["xn--plse-gra.example.org"]}
# Key types of each set; sizes that certgrinder makes, and others that its users brought.
KINDS = {("www.example.org", "rsa"): "rsa4096", ("www.example.org", "ecdsa"): "p384",
         ("xn--plse-gra.example.org", "rsa"): "rsa2048", ("xn--plse-gra.example.org", "ecdsa"): "ecdsa"}
# The original's modes: 0640; keys are found with others, too.
MODES = itertools.cycle((0o640, 0o600, 0o644))


class Certgrinder(ClientCase):
    """self.path is a folder of certgrinder's, self.config its configuration."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.made = Path(cls.lab.folder, "made")
        cls.made.mkdir()
        cls.issuer = Issuer(cls.made)
        cls.original = cls.made / "original"
        cls.original.mkdir()
        cls.keys = {at: pki.key(cls.made / "key", kind).read_text() for at, kind in KINDS.items()}
        for (first, kind), key in cls.keys.items():
            write_files(cls.original, cls.issuer, FILES[first], kind, key)
            (cls.original / f"{first}-keypair.{kind}.key").chmod(next(MODES))

    def setUp(self) -> None:
        super().setUp()
        shutil.rmtree(self.path)
        shutil.copytree(self.original, self.path)
        self.pid = Path(tempfile.mkdtemp(dir=self.lab.folder))
        self.write()

    def write(self) -> None:
        if hasattr(self, "pid"):  # setUp() is done
            self.config.write_text(CONFIG.format(ssh=self.ssh, path=self.path, pid=self.pid), encoding="utf-8")

    def contents(self) -> dict[str, str]:
        return {path.name: path.read_text() for path in self.visible()}

    def status(self, *words: str) -> int:
        return self.certmill(*words).returncode

    def test_every_key_is_taken(self) -> None:
        shown = self.ok("show", "configuration")
        for key in re.findall(r"^([a-z-]+):", CONFIG, re.MULTILINE):
            with self.subTest(key):
                line = re.search(rf"^{key}:(.*)$", CONFIG, re.MULTILINE)
                value = line[1].strip().strip('"\'') if line else ""
                found = re.search(rf"^{key}:(.*)$", shown, re.MULTILINE)
                if value not in ("", "null", "~", "''"):
                    self.assertIsNotNone(found, shown)
                if value in ("no", "off", "False"):
                    self.assertEqual(found and found[1].strip(), "false")
        self.assertIn('- "310"', shown)
        self.assertIn("pølse.example.org", shown)
        self.assertIn("periodic-sleep-minutes: 0", shown)

    def test_commands_that_change_nothing(self) -> None:
        before = self.contents()
        for words, status in (("check connection", 0), ("check certificate", 0), ("periodic --now", 0), ("periodic", 0),
                              ("show certificate", 0), ("show paths", 0),
                              ("show configuration", 0), ("show spki", 0), ("show tlsa 853 tcp", 0),
                              (f"check tlsa 853 tcp -n 127.0.0.1@{self.lab.resolver.port}", 1), ("show ocsp", 0), ("check ocsp", 1), ("get ocsp", 1),
                              ("show caa", 1), (f"check caa -n 127.0.0.1@{self.lab.resolver.port}", 0), ("show cname", 0),
                              ("help", 0), ("version", 0)):
            with self.subTest(words):
                done = self.certmill(*words.split())
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertTrue(done.stdout or done.stderr)
                self.assertEqual(self.contents(), before)

    def test_problems_that_check_certificate_finds(self) -> None:
        """Client.md's list: there, issuer, days left, key, subject and names."""
        first, kind = "www.example.org", "ecdsa"
        key, leaf, chain = (self.file(first, SUFFIXES[i], kind) for i in (0, 2, 3))
        other = Path(tempfile.mkdtemp(dir=self.made))
        fake = Issuer(other, "Fake LE Intermediate X1")
        self_signed = pki.openssl("req", "-x509", "-key", self.original / key.name, "-subj", f"/CN={first}", "-days", "60",
                                  "-addext", "subjectAltName=DNS:www.example.org,DNS:mail.example.org").decode()
        another = pki.key(other / "key", "p384").read_text()

        def written(issuer: Issuer, names: list[str], days: int) -> None:
            write_files(self.path, issuer, names, kind, self.keys[first, kind], days)

        def put_self_signed() -> None:
            leaf.write_text(self_signed)
            chain.write_text(self_signed)

        for name, spoil, said in (
                ("none", leaf.unlink, "certificate"),
                ("self-signed", put_self_signed, "self"),
                ("an issuer of invalid-ca-cn-list", lambda: written(fake, FILES[first], 60), "Fake LE Intermediate X1"),
                ("29 days left", lambda: written(self.issuer, FILES[first], 29), "to be renewed since"),
                ("another key", lambda: key.write_text(another), "key"),
                ("other names", lambda: written(self.issuer, [first, "other.example.org"], 60), "other.example.org"),
                ("fewer names", lambda: written(self.issuer, [first], 60), "mail.example.org")):
            with self.subTest(name):
                shutil.rmtree(self.path)
                shutil.copytree(self.original, self.path)
                spoil()
                before = self.contents()
                done = self.certmill("check", "certificate")
                self.assertEqual(done.returncode, 1, done.stdout)
                line = next(line for line in done.stdout.splitlines() if line.startswith(f"{first} {kind}: PROBLEM"))
                self.assertIn(said, line)
                self.assertEqual(done.stdout.count("PROBLEM"), 1, "and nothing of the others")
                self.assertEqual(self.contents(), before)

    def test_periodic_renews_what_needs_it(self) -> None:
        kept, first, kind = self.contents(), "www.example.org", "rsa"
        write_files(self.path, self.issuer, FILES[first], kind, self.keys[first, kind], 29)
        self.ok("periodic", "--now")
        after = {name: text for name, text in self.contents().items() if not name.endswith(".old")}
        changed = {name for name, text in after.items() if text != kept[name]}
        self.assertEqual(changed, {self.file(first, suffix, kind).name for suffix in SUFFIXES[2:]},
                         "the same key makes the same request")
        self.lab.check_chain(after[self.file(first, SUFFIXES[3], kind).name], FILES[first], self.file(first, SUFFIXES[0], kind))

    def test_file_names(self) -> None:
        shown = self.ok("show", "paths").split()
        for path in sorted(self.original.iterdir()):
            with self.subTest(path.name):
                self.assertIn(str(self.path / path.name), shown)
        self.assertEqual(len(list(self.original.iterdir())), 2 * 2 * len(SUFFIXES))

    def test_renewal_keeps_keys_and_names(self) -> None:
        before = self.contents()
        self.ok("get", "certificate")
        after = self.contents()
        self.assertEqual(sorted(name for name in after if not name.endswith(".old")), sorted(before),
                         "the same names, and no other but those of the set before")
        for (first, kind), key in self.keys.items():
            with self.subTest(f"{first} {kind}"):
                files = [self.file(first, suffix, kind) for suffix in SUFFIXES]
                found, _, leaf, chain, issuers, concat = (path.read_text() for path in files)
                self.assertEqual(found, key)
                self.assertEqual((chain, concat), (leaf + issuers, key + leaf + issuers))
                self.lab.check_chain(chain, FILES[first], files[0])
                self.assertNotEqual(chain, before[files[3].name])
                for path in files:
                    self.assertTrue(path.is_file())
                    self.assertEqual(path.stat().st_mode & 0o777, 0o640, path.name)

    def test_copied_as_the_files_they_stand_for(self) -> None:
        self.ok("get", "certificate")
        for words in (["cp", "-L"], ["cp"], ["install", "-m", "600"]):
            with self.subTest(words):
                target = Path(tempfile.mkdtemp(dir=self.lab.folder))
                subprocess.run([*words, *self.visible(), target], check=True)
                self.assertEqual({path.name: path.read_text() for path in target.iterdir()}, self.contents())

    def test_short_options(self) -> None:
        for words, key, value in ((["-d"], "debug", "true"), (["-q"], "quiet", "true"), (["-s"], "staging", "true"),
                                  (["-l", "WARNING"], "log-level", '"WARNING"'), (["-n", "192.0.2.1"], "name-server", '"192.0.2.1"'),
                                  (["-p", "/tmp"], "pid-dir", '"/tmp"'), (["--now"], "now", "true"),
                                  (["--periodic-sleep-minutes", "5"], "periodic-sleep-minutes", "5"),
                                  (["-k", "rsa"], "key-type-list", '- "rsa"'),
                                  (["-D", "a.example,b.example", "-D", "c.example"], "domain-list",
                                   '- "a.example,b.example"\n  - "c.example"')):
            with self.subTest(words[0]):
                self.assertRegex(self.ok(*words, "show", "configuration"), rf"(?m)^{key}:\s+{re.escape(value)}$")
        for letter in ("-c", "-f", "--config-file", "--config"):
            with self.subTest(letter):
                done = subprocess.run([BIN / "certmill", letter, self.config, "show", "configuration"], check=True,
                                      capture_output=True, text=True, env=clean_env(), timeout=60)
                self.assertIn(str(self.path), done.stdout)

    def shown(self, key: str, env: dict[str, str], *words: str) -> str:
        done = subprocess.run([BIN / "certmill", "--config-file", self.config, *words, "show", "configuration"], check=True,
                              capture_output=True, text=True, env={**clean_env(), **env}, timeout=60)
        found = re.search(rf"^{key}:((?:\n? .*)*)", done.stdout, re.MULTILINE)
        return " ".join(found[1].replace('"', "").replace(" - ", " ").split()) if found else ""

    def test_which_source_wins(self) -> None:
        ours, theirs = {"CERTMILL_LOG_LEVEL": "WARNING"}, {"CERTGRINDER_LOG_LEVEL": "ERROR"}
        self.assertEqual(self.shown("log-level", {}), "INFO")
        self.assertEqual(self.shown("log-level", theirs), "ERROR")
        self.assertEqual(self.shown("log-level", {**ours, **theirs}), "WARNING")
        self.assertEqual(self.shown("log-level", ours, "--log-level", "DEBUG"), "DEBUG")
        self.assertEqual(self.shown("hook-timeout", {}), "300", "the default, where nobody says anything")
        self.assertEqual(self.shown("domain-list", {"CERTMILL_DOMAIN_LIST": "a.example,b.example;c.example"}),
                         "a.example,b.example c.example", "the environment's list takes the place of the file's")
        self.assertEqual(self.shown("domain-list", {"CERTMILL_DOMAIN_LIST": "a.example"}, "--domain-list", "b.example"),
                         "b.example")
        self.assertEqual(self.shown("key-type-list", {"CERTMILL_KEY_TYPE_LIST": "ecdsa"}), "ecdsa")
        self.assertEqual(self.shown("log-level", {"CERTGRINDER_NO_SUCH_KEY": "x"}), "INFO", "not ours to judge")

    def test_config_file_in_the_environment(self) -> None:
        for name in ("CERTMILL_CONFIG_FILE", "CERTMILL_CONFIG", "CERTGRINDER_CONFIG_FILE"):
            with self.subTest(name):
                done = subprocess.run([BIN / "certmill", "show", "paths"], check=True, capture_output=True, text=True,
                                      env={**clean_env(), name: str(self.config)}, timeout=60)
                self.assertIn(str(self.path), done.stdout)

    def test_command_in_quotes_on_the_command_line(self) -> None:
        script = Path(self.lab.folder, "a folder with blanks")
        script.mkdir(exist_ok=True)
        program = script / "reach"
        program.write_text(f'#!/bin/sh\n[ "$1" = "two words" ] || exit 99\nshift\nexec {self.ssh} "$@"\n')
        program.chmod(0o755)
        for option in ("--certgrinderd", "--server"):
            with self.subTest(option):
                config = Path(self.lab.folder, "bare.yaml")
                config.write_text("")
                done = subprocess.run([BIN / "certmill", "--config-file", config, option, f"'{program}' \"two words\"",
                                       "check", "connection"], capture_output=True, text=True, env=clean_env(),
                                      check=False, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    main()
