"""Goal: certmill, the client, over ssh: keys made once, files named and placed as documented, never a mixed set."""

from lab import pki
from client_support import SETS, SUFFIXES, ClientCase
from support import main


class Client(ClientCase):
    def check_files(self, first: str, names: list[str]) -> None:
        for kind in ("rsa", "ecdsa"):
            files = [self.file(first, suffix, kind) for suffix in SUFFIXES]
            key, request, leaf, chain, issuers, concat = (path.read_text() for path in files)
            for path in files:
                self.assertEqual(path.stat().st_mode & 0o777, 0o640, path)
            self.lab.check_chain(chain, names, files[0])
            self.assertEqual((chain, concat), (leaf + issuers, key + leaf + issuers))
            self.assertIn("BEGIN CERTIFICATE REQUEST", request)
            bits = pki.openssl("pkey", "-in", files[0], "-noout", "-text").decode()
            self.assertIn("4096 bit" if kind == "rsa" else "384 bit", bits)

    def test_get_and_renew(self) -> None:
        self.ok("get", "certificate")
        self.check_files("www.example.org", ["www.example.org", "mail.example.org"])
        self.check_files("xn--plse-gra.example.org", ["xn--plse-gra.example.org"])
        self.assertEqual(len(self.visible()), 2 * 2 * len(SUFFIXES), "and no other file")
        keys = {path: path.read_text() for path in self.path.glob("*.key")}
        chains = {path: path.read_text() for path in self.path.glob("*-chain.*")}
        self.ok("get", "certificate")
        self.assertEqual({path: path.read_text() for path in keys}, keys, "keys are kept")
        for path, text in chains.items():
            self.assertNotEqual(path.read_text(), text, "certificates are new")
        self.check_files("www.example.org", ["www.example.org", "mail.example.org"])

    def test_one_key_type(self) -> None:
        self.settings.update({"key-type-list": ["ecdsa"], "domain-list": SETS[:1]})
        self.write()
        self.ok("get", "certificate")
        self.assertEqual(len(self.visible()), len(SUFFIXES))
        self.assertIn("www.example.org", self.ok("show", "certificate"))

    def test_failure_leaves_the_old_files(self) -> None:
        self.settings.update({"key-type-list": ["ecdsa"], "domain-list": SETS[:1], "certgrinderd": f"{self.ssh} --force"})
        self.write()
        self.ok("get", "certificate")
        before = {path.name: path.read_text() for path in self.visible()}
        self.lab.proxy.stop()
        done = self.certmill("get", "certificate")
        self.lab.proxy.start()
        self.assertEqual(done.returncode, 1)
        self.assertIn("localhost", done.stderr, "the server's words reach the client's user")
        self.assertEqual({path.name: path.read_text() for path in self.visible()}, before)

    def test_refused_name(self) -> None:
        self.settings["domain-list"] = ["host01.example.org"]
        self.write()
        done = self.certmill("get", "certificate")
        self.assertEqual(done.returncode, 1)
        self.assertIn("host01.example.org", done.stderr)
        self.assertEqual(list(self.path.glob("*.crt")), [])

    def test_check_connection(self) -> None:
        self.ok("check", "connection")
        self.settings["certgrinderd"] = "false"
        self.write()
        self.assertEqual(self.certmill("check", "connection").returncode, 1)
        self.settings["certgrinderd"] = "/no/such/program at all"
        self.write()
        done = self.certmill("check", "connection")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/no/such/program", done.stderr)
        self.settings["certgrinderd"] = r"printf 'hello\377'"
        self.write()
        item, = self.json("check", "connection", status=1)["items"]
        self.assertFalse(item["good"])
        self.assertIn("the server answers 'hello\N{REPLACEMENT CHARACTER}', not pong", item["error"])

    def test_show(self) -> None:
        paths = self.ok("show", "paths")
        for suffix in SUFFIXES:
            for kind in ("rsa", "ecdsa"):
                self.assertIn(str(self.file("www.example.org", suffix, kind)), paths)
        self.assertIn(str(self.path), self.ok("show", "configuration"))
        self.assertEqual(list(self.path.iterdir()), [], "show changes nothing")
        self.assertIn("get certificate", self.ok("help"))
        self.assertRegex(self.ok("version"), r"\d+\.\d+")

    def test_key_that_others_can_read_is_brought_in_order(self) -> None:
        self.settings.update({"key-type-list": ["ecdsa"], "domain-list": SETS[:1]})
        self.write()
        self.ok("get", "certificate")
        key = self.file("www.example.org", SUFFIXES[0], "ecdsa")
        key.chmod(0o666)
        self.ok("get", "certificate")
        self.assertEqual(key.stat().st_mode & 0o777, 0o640)

    def test_wrong_usage(self) -> None:
        for words in (("get",), ("get", "everything"), ("--nonsense", "get", "certificate"),
                      ("get", "certificate", "x")):
            with self.subTest(words):
                done = self.certmill(*words)
                self.assertNotEqual(done.returncode, 0)
                self.assertTrue(done.stderr)

    def test_key_in_path_that_is_no_folder(self) -> None:
        self.settings["path"] = str(self.path / "missing")
        self.write()
        done = self.certmill("get", "certificate")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(str(self.path / "missing"), done.stderr)


if __name__ == "__main__":
    main()
