"""Goal: whatever is wrong with the client's configuration, its words or its folder, a sentence says where and what to do,
no file is touched, and the exit status is that of wrong usage."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab.server import BIN, clean_env
from support import main

LABEL = "a" * 60
LONG = ".".join([LABEL, LABEL, LABEL])


def sets(*texts: str) -> str:
    return f"domain-list: {json.dumps(texts)}\n"


# What is wrong: the file's text (behind path), words, and what is said.
SETS = {
    "no set": ("", "domain-list is not set: give at least one set of names"),
    "an empty list": ("domain-list: []\n", "domain-list is not set"),
    "an empty set": (sets(""), "c.yaml:2:15: domain-list: an entry of the list is empty; give it a value or remove it"),
    "a comma alone": (sets(","), "the set ',...': there is no name in it"),
    "nothing between commas": (sets("a.example,,b.example"), "the set 'a.example,...': there is no name between two commas"),
    "nothing behind a comma": (sets("a.example,"), "the set 'a.example,...': there is no name between two commas, or behind"),
    "the same set in another order": (sets("a.example,b.example", "A.example,b.example,a.example."),
                                      "the set that begins with a.example stands there twice: remove one"),
    "the same first name": (sets("a.example", "a.example,b.example"),
                            "two sets begin with a.example, and so would have the same files: put another name first"),
    "the same last 230 octets": (sets(f"x.{LONG}.{LABEL[:45]}.a", f"y.{LONG}.{LABEL[:45]}.a"),
                                 "would have the same files, for only the last 230 octets"),
    "not a name": (sets("a.example,not a name"), "the set 'a.example,...': 'not a name' is not a domain name: a character"),
    "blanks between names": (sets("a.example b.example"), "the names of a set are divided by commas, and each set is an entry"),
    "semicolons between sets": (sets("a.example;b.example"), "the names of a set are divided by commas, and each set is an entry"),
    "an asterisk without quotes": ("domain-list:\n  - *.a.example\n", "a value that begins with * has to stand in quotes"),
    "an underscore": (sets("_a.example"), "'_a.example' is not a domain name"),
    "a URL": (sets("https://a.example/"), "is not a domain name"),
    "an address": (sets("192.0.2.1"), "'192.0.2.1' is not a domain name: it is an address"),
    "an asterisk in the middle": (sets("a.*.example"), "an asterisk may stand only alone as the first label"),
    "an asterisk in a label": (sets("w*.example"), "an asterisk may stand only alone as the first label"),
    "101 names": (sets(",".join(f"n{i}.example" for i in range(101))),
                  "the set 'n0.example,...': it has more than 100 names, which is what a certificate has at most: make two"),
    "a long label": (sets(f"{LABEL}aaaaa.example"), "a label is longer than 63 octets"),
    "a long name": (sets(f"{LONG}.{LABEL}.{LABEL}.example"), "is not a domain name"),
    "no IDNA": (sets("a\u2028b.example"), "is not a domain name"),
    "a mapping": ("domain-list: {a: b}\n", "domain-list: found a mapping (key: value); give a list of values"),
}
KEYS = {
    "a key misspelt": ("domian-list: a.example\n", "c.yaml:2:1: unknown key 'domian-list'; did you mean 'domain-list'?"),
    "a key twice": ("jobs: 1\njobs: 2\n", "c.yaml:3:1: the key 'jobs' stands here a second time; remove one of the two"),
    "a list for one value": ("log-level: [a, b]\n", "c.yaml:2:12: log-level: found a list; give one value"),
    "a word for a number": ("jobs: many\n", "jobs: 'many' is not a whole number; give one from 1 to 64"),
    "a number out of range": ("jobs: 0\n", "jobs: '0' is out of range; give a number from 1 to 64"),
    "no boolean": ("staging: maybe\n", "staging: 'maybe'"),
    "an unknown word": ("ecdsa-curve: P-521\n", "'P-521' is not known; use one of P-256, P-384"),
    "an odd length": ("rsa-bits: 1024\n", "'1024' is not known; use one of 2048, 3072, 4096"),
    "ed25519": ("key-type-list: [ed25519]\n", "no public CA issues for ed25519 keys"),
    "an unknown type": ("key-type-list: [dsa]\n", "'dsa' is no type of key: rsa and ecdsa are"),
    "no type": (sets("a.example") + "key-type-list: []\n", "key-type-list is empty: rsa, ecdsa or both"),
    "two names of one key": ("server: a\ncertgrinderd: b\n", "certgrinderd and server are two names of one key"),
    "an open quote": ("certgrinderd: 'ssh \"a'\n", "a quote (\") in the command is not closed"),
    "an open mode": ("mode: '0644'\n", "mode 0644 lets others at private keys: its last digit has to be 0"),
    "a mode that is none": ("mode: '9'\n", "'9' is no mode for files that hold keys"),
    "no such user": (sets("a.example") + "owner: no-such-user-here\n", "owner: there is no user no-such-user-here"),
    "no such group": (sets("a.example") + "group: no-such-group-here\n", "group: there is no group no-such-group-here"),
    "a copy without a path": ("copies: [{form: der}]\n", "a row of copies needs a path"),
    "a copy's odd form": ("copies: [{form: jks, path: /x}]\n", "form: 'jks' is not known; use one of combined"),
    "no TLSA type": ("tlsa-type-list: [312, 999]\n", "'999' is no type of TLSA record that is made here"),
    "no YAML": ("domain-list: [\n", "not YAML"),
}
WORDS = {
    "no command": ([], "no command: certmill help lists them"),
    "a command misspelt": (["gte", "certificate"], "'gte certificate' is no command; did you mean 'get certificate'?"),
    "a command cut short": (["get", "cert"], "'get cert' is no command; did you mean 'get certificate'?"),
    "words in the other order": (["tlsa", "show", "443", "tcp"], "'tlsa show' is no command; did you mean 'show tlsa'?"),
    "half a command": (["show"], "show needs a second word, one of certificate, "),
    "another second word": (["show", "of-the-world"], "'of-the-world' is not taken after show, but certificate, "),
    "a word too many": (["get", "certificate", "now"], "'now' is one word too many"),
    "an option misspelt": (["--jsno", "show", "paths"], "unknown option '--jsno'; did you mean --json?"),
    "an option with underscores": (["--key_type_list=rsa", "help"], "'--key_type_list=rsa'; did you mean --key-type-list?"),
    "a question misspelt": (["--hlep"], "unknown option '--hlep'; did you mean --help?"),
    "a name behind the command": (["get", "certificate", "a.example"],
                                  "'a.example' is one word too many: names stand in domain-list (-D)"),
    "an option without value": (["show", "paths", "--path"], "option --path needs a value"),
}


class BadConfig(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.path = self.folder / "path"
        self.path.mkdir()

    def certmill(self, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BIN / "certmill", *words], capture_output=True, text=True, env={**clean_env(), **(env or {})},
                              cwd=self.folder, check=False, timeout=60)

    def refused(self, text: str, said: str, *words: str, status: int = 2) -> None:
        (self.folder / "c.yaml").write_text(f"path: {self.path}\n{text}", encoding="utf-8")
        done = self.certmill("--config-file", "c.yaml", *words)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertIn(said, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, "one sentence")
        self.assertEqual(list(self.path.iterdir()), [])

    def test_sets(self) -> None:
        for name, (text, said) in SETS.items():
            with self.subTest(name):
                self.refused(text, said, "get", "certificate")

    def test_keys(self) -> None:
        for name, (text, said) in KEYS.items():
            with self.subTest(name):
                self.refused(text, said, "show", "paths")

    def test_words(self) -> None:
        for name, (words, said) in WORDS.items():
            with self.subTest(name):
                self.refused(sets("a.example"), said, *words)

    def test_first_names_that_are_long(self) -> None:
        """The last 230 octets name the files, and differ."""
        text = sets(f"x.{LONG}.{LABEL[:45]}.a", f"x.{LONG}.{LABEL[:45]}.b")
        (self.folder / "c.yaml").write_text(f"path: {self.path}\n{text}", encoding="utf-8")
        done = self.certmill("--config-file", "c.yaml", "--json", "show", "paths")
        self.assertEqual(done.returncode, 0, done.stderr)
        names = {Path(path).name for item in json.loads(done.stdout)["items"] for path in item["files"].values()}
        self.assertEqual(len(names), 2 * 2 * 6)
        for name in names:
            (self.path / name).touch()

    def test_idn(self) -> None:
        done = self.certmill("--path", str(self.path), "-D", "PØLSE.example,*.pølse.example", "show", "paths")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"{self.path}/xn--plse-gra.example-keypair.rsa.key", done.stdout)

    def test_folder(self) -> None:
        file = self.folder / "file"
        file.touch()
        for path, said in ((self.folder / "missing", "missing: No such file or directory; make it with mkdir -m 750"),
                           (file, "file: Not a directory; it has to be a folder"),
                           (Path("~/keys"), "path: ~/keys: No such file or directory; ~ means nothing here")):
            with self.subTest(path.name):
                done = self.certmill("--path", str(path), "-D", "a.example", "show", "paths")
                self.assertEqual(done.returncode, 2)
                self.assertIn(said, done.stderr)
        done = self.certmill("-D", "a.example", "show", "paths")
        self.assertEqual(done.returncode, 2)
        self.assertIn("path is not set: give the folder", done.stderr)

    def as_nobody(self, *words: str) -> subprocess.CompletedProcess[str]:
        if os.geteuid() != 0:
            return self.certmill(*words)
        for path in (self.folder, *self.folder.iterdir()):
            path.chmod(path.stat().st_mode | 0o055 if path.is_dir() else path.stat().st_mode)
        return subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", BIN / "certmill", *words],
                              capture_output=True, text=True, env=clean_env(), cwd="/", check=False, timeout=60)

    def test_folder_not_ours_to_write(self) -> None:
        self.path.chmod(0o555)
        done = self.as_nobody("--path", str(self.path), "-D", "a.example", "--certgrinderd", "false", "get", "certificate")
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(self.path), done.stderr)
        self.assertIn("Permission denied", done.stderr)
        self.assertEqual(list(self.path.iterdir()), [])

    def test_configuration_not_ours_to_read(self) -> None:
        file = self.folder / "c.yaml"
        file.write_text("path: /x\n")
        file.chmod(0)
        done = self.as_nobody("--config-file", str(file), "show", "paths")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"cannot open {file}: Permission denied", done.stderr)

    def test_no_configuration(self) -> None:
        done = self.certmill("--config-file", "missing.yaml", "show", "paths")
        self.assertEqual(done.returncode, 2)
        self.assertIn("missing.yaml: No such file or directory", done.stderr)
        for words, said in ((["get", "certificate"], "domain-list is not set"), (["-D", "a.example", "show", "paths"], "path is not set")):
            done = self.certmill(*words)
            self.assertEqual(done.returncode, 2)
            self.assertIn(said, done.stderr)
            self.assertRegex(done.stderr, "; no configuration file was read: name it by --config-file, or put it at /etc/certmill/")
        done = self.certmill("show", "paths", env={"CERTMILL_DOMIAN_LIST": "x"})
        self.assertEqual(done.returncode, 2)
        self.assertIn("did you mean CERTMILL_DOMAIN_LIST?", done.stderr)

    def test_default_configuration(self) -> None:
        """/etc/certmill/certmill.yaml is read where it is there and no other is named; seen in a /etc of its own."""
        own = ("mount -t tmpfs none /etc && mkdir -m 755 /etc/certmill && "
               "echo 'jobs: 7' >/etc/certmill/certmill.yaml && exec \"$0\" \"$@\"")
        namespace = ["unshare", "--mount", "sh", "-c", own]
        if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode:
            self.skipTest("no mount namespace of our own")
        other = self.folder / "c.yaml"
        other.write_text("jobs: 9\n")
        for words, jobs in (([], 7), (["--config-file", other], 9), (["--jobs", "8"], 8)):
            done = subprocess.run([*namespace, BIN / "certmill", *words, "show", "configuration"], capture_output=True,
                                  text=True, env=clean_env(), check=False, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"\njobs: {jobs}\n", done.stdout)


if __name__ == "__main__":
    main()
