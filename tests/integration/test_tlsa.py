"""Goal: certmill shows TLSA records, and compares them with signed, unsigned and forged zones."""

import hashlib
import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from typing import Any

from client_files import Issuer, write_files
from lab import pki
from lab.dnssec import DnsSec, Zone
from lab.server import BIN, clean_env, to_yaml
from support import main
from tlsa_support import FOREIGN, TYPES, lines_of, rdata, spki

ZONES = {".": Zone(), "test": Zone(), "signed.test": Zone(), "example.org": Zone(),
         "insecure.test": Zone(ds="none", signed=False), "expired.test": Zone(dates=("20200101", "20200201"))}


class Check(unittest.TestCase):
    """One key for many names, each with other records."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="certmill-lab-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.path = cls.folder / "path"
        cls.path.mkdir()
        cls.issuer = Issuer(cls.folder)
        cls.key = cls.folder / "key"
        pki.openssl("ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", cls.key)
        own = [rdata(spki(cls.key), kind) for kind in TYPES]
        records = {
            "good.signed.test": own,
            "part.signed.test": own[1:2],
            "foreign.signed.test": [*own, FOREIGN, f"0 0 1 {'CD' * 32}", f"1 0 2 {'EF' * 64}", f"2 1 1 {'12' * 32}"],
            "weak.signed.test": [own[1], f"3 1 2 {'AB' * 64}"],
            "unusable.signed.test": [*own, "3 1 1 ABCD", f"9 1 1 {'AB' * 32}", "3 1 0 ABCD"],
            "www.insecure.test": own,
            "www.expired.test": own,
            "target.signed.test": own,
            "own.signed.test": own,
            "lost.signed.test": own,
        }
        cls.net = DnsSec(cls.folder, zones=ZONES)
        cls.addClassCleanup(cls.net.stop)
        cls.net.start()
        for name, datas in records.items():
            for data in datas:
                cls.net.add(f"_443._tcp.{name}", 300, "TLSA", data)
        cls.net.add("target.signed.test", 300, "A", "192.0.2.3")
        cls.net.add("moved.signed.test", 300, "CNAME", "target.signed.test.")  # records at the target alone
        cls.net.add("own.signed.test", 300, "CNAME", "mail.signed.test.")  # at the name alone: as for others beside it
        cls.net.add("lost.signed.test", 300, "CNAME", "www.expired.test.")
        cls.net.add("_443._tcp.far.signed.test", 300, "CNAME", "_443._tcp.good.signed.test.")
        cls.net.publish()

    def run_on(self, name: str, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        if not (self.path / f"{name}-keypair.ecdsa.key").exists():
            write_files(self.path, self.issuer, [name], "ecdsa", self.key.read_text())
        settings = {"path": str(self.path), "domain-list": [name], "key-type-list": ["ecdsa"],
                    "name-server": self.net.resolver, **more}
        config = self.folder / "certmill.yaml"
        config.write_text(to_yaml(settings))
        return subprocess.run([BIN / "certmill", "--config-file", config, *words], capture_output=True, text=True,
                              env=clean_env(), check=False, timeout=120)

    def check(self, name: str, status: int, *words: str, **more: Any) -> tuple[dict[str, Any], str]:
        done = self.run_on(name, "--json", "check", "tlsa", "443", "tcp", *words, **more)
        self.assertEqual(done.returncode, status, done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(found["good"], status == 0)
        return found["items"][0], done.stderr

    # -- show --

    def test_records_as_openssl_and_ldns_make_them(self) -> None:
        """RFC 6698 2.1, 2.2."""
        name = "shown.signed.test"
        done = self.run_on(name, "show", "tlsa", "25", "tcp", **{"tlsa-type-list": [*TYPES, "301", "211"]})
        self.assertEqual(done.returncode, 0, done.stderr)
        leaf = pki.openssl("x509", "-in", self.path / f"{name}-certificate.ecdsa.crt", "-outform", "DER")
        issuer = subprocess.run(["openssl", "x509", "-in", self.issuer.cert, "-noout", "-pubkey"], capture_output=True,
                                check=True, timeout=60).stdout
        issuer = pki.openssl("pkey", "-pubin", "-outform", "DER", data=issuer.decode())
        want = [rdata(spki(self.key), kind) for kind in TYPES] + [rdata(leaf, "301"), rdata(issuer, "211")]
        self.assertEqual(done.stdout.splitlines(), [f"_25._tcp.{name}. IN TLSA {data}" for data in want])
        self.assertIn("changes at each renewal", done.stderr)
        self.assertIn("intermediate", done.stderr)
        for kind, data in zip([*TYPES, "301"], want):
            dane = subprocess.run(["ldns-dane", "-T", "-c", self.path / f"{name}-chain.ecdsa.crt", "create", name, "25",
                                   *kind], capture_output=True, text=True, check=False, timeout=60).stdout
            fields = dane.split()
            self.assertIn("TLSA", fields, (kind, dane))
            self.assertEqual(" ".join(fields[fields.index("TLSA") + 1:]).upper(), data)

    def test_pin(self) -> None:
        """RFC 7469 2.4."""
        done = self.run_on("shown.signed.test", "show", "spki")
        pin = pki.openssl("base64", "-A", data=hashlib.sha256(spki(self.key)).digest()).decode()
        self.assertTrue(done.stdout.startswith(f"pin-sha256='{pin}'"), done.stdout)
        item = json.loads(self.run_on("shown.signed.test", "--json", "show", "spki").stdout)["items"][0]
        self.assertEqual((item["pin-sha256"], item["state"]), (pin, "current"))

    def test_ds_is_not_ours(self) -> None:
        done = self.run_on("shown.signed.test", "show", "ds")
        self.assertEqual(done.returncode, 0)
        self.assertIn("ldns-key2ds", done.stdout)

    def test_wildcard(self) -> None:
        """RFC 6698 A.2.1.3: records are looked up under hosts' names."""
        names = ["good.signed.test", "*.good.signed.test"]
        folder = self.folder / "wild"
        folder.mkdir()
        write_files(folder, self.issuer, names, "ecdsa", self.key.read_text())
        more = {"path": str(folder), "domain-list": [",".join(names)]}
        done = self.run_on(names[0], "show", "tlsa", "443", "tcp", **more)
        self.assertEqual(len(lines_of(done.stdout)), 3)
        self.assertIn("; _443._tcp.HOST.good.signed.test. IN TLSA 3 1 1", done.stdout)
        done = self.run_on(names[0], "check", "tlsa", "443", "tcp", **more)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("*.good.signed.test is not looked up", done.stderr)

    def test_service_is_needed(self) -> None:
        for words in ([], ["443"], ["0", "tcp"], ["70000", "tcp"], ["443", "sstp"]):
            for command in (("show", "tlsa"), ("check", "tlsa"), ("key", "stage")):
                self.assertEqual(self.run_on("good.signed.test", *command, *words).returncode, 2, (command, words))
        more = {"tlsa-port": 443, "tlsa-protocol": "tcp"}
        self.assertEqual(self.run_on("good.signed.test", "check", "tlsa", **more).returncode, 0)

    # -- check --

    def test_good(self) -> None:
        item, log = self.check("good.signed.test", 0)
        self.assertEqual((item["outcome"], item["trust"]), ("found", "secure"))
        self.assertEqual([record["belongs"] for record in item["published"]], ["current"] * 3)
        self.assertTrue(all(needed["there"] for needed in item["needed"]))
        self.assertNotIn("WARNING", log)
        self.check("good.signed.test", 0, "-k", "ecdsa")

    def test_validated_here(self) -> None:
        """RFC 4033 5: through a resolver that does not validate."""
        more = {"name-server": self.net.blind, "validate": True, "trust-anchor": str(self.net.trust_anchor)}
        self.assertEqual(self.check("good.signed.test", 0, **more)[0]["trust"], "secure")
        self.assertEqual(self.check("www.insecure.test", 0, **more)[0]["trust"], "insecure")
        self.assertEqual(self.check("www.expired.test", 1, **more)[0]["trust"], "bogus")

    def test_missing(self) -> None:
        done = self.run_on("part.signed.test", "check", "tlsa", "443", "tcp")
        self.assertEqual(done.returncode, 1)
        want = [f"_443._tcp.part.signed.test. IN TLSA {rdata(spki(self.key), kind)}" for kind in ("310", "312")]
        self.assertEqual(lines_of(done.stdout), want, "and nothing else: a zone file to be added")
        done = self.run_on("none.signed.test", "check", "tlsa", "443", "tcp")
        self.assertEqual((done.returncode, len(lines_of(done.stdout))), (1, 3))
        item, _ = self.check("none.signed.test", 1)
        self.assertEqual((item["outcome"], item["trust"]), ("nxdomain", "secure"))

    def test_foreign(self) -> None:
        """Another host's records are told, and are no failure."""
        item, _ = self.check("foreign.signed.test", 0)
        foreign = {record["record"].split("TLSA ")[1][:8] for record in item["published"] if record["belongs"] == "foreign"}
        self.assertEqual(foreign, {"3 1 1 AB", "0 0 1 CD", "1 0 2 EF", "2 1 1 12"})
        self.assertIn("foreign", self.run_on("foreign.signed.test", "check", "tlsa", "443", "tcp").stdout)

    def test_stronger_digest_of_another(self) -> None:
        """RFC 7671 9: beside a SHA-512 record, clients pass over those of SHA-256."""
        item, log = self.check("weak.signed.test", 1, **{"tlsa-type-list": ["311"]})
        self.assertEqual(item["keys"], [{"key_type": "ecdsa", "complete": True, "accepted": False}])
        self.assertIn("RFC 7671 9", log)

    def test_unusable(self) -> None:
        """RFC 7671 4.1, RFC 6698 4.1: such records are as if not there."""
        item, log = self.check("unusable.signed.test", 0)
        self.assertEqual(sum(record["unusable"] is not None for record in item["published"]), 3)
        self.assertEqual(log.count("clients cannot use"), 3)

    def test_insecure(self) -> None:
        item, log = self.check("www.insecure.test", 0)
        self.assertEqual(item["trust"], "insecure")
        self.assertIn("protect nothing", log)

    def test_bogus(self) -> None:
        item, log = self.check("www.expired.test", 1)
        self.assertEqual(item["trust"], "bogus")
        self.assertIn("bogus", log)

    def test_no_resolver(self) -> None:
        item, log = self.check("good.signed.test", 1, **{"name-server": "127.0.0.1@1"})
        self.assertEqual(item["outcome"], "failed")
        self.assertIn("could not be looked up", log)

    def test_alias(self) -> None:
        """RFC 7671 7: the records of the target come first, else those of the name."""
        item, _ = self.check("moved.signed.test", 0)
        self.assertEqual((item["owner"], item["base"], item["alias"]),
                         ("_443._tcp.target.signed.test", "target.signed.test", True))
        item, _ = self.check("own.signed.test", 0)
        self.assertEqual((item["owner"], item["alias"]), ("_443._tcp.own.signed.test", False))
        item, _ = self.check("far.signed.test", 0)
        self.assertEqual(item["owner"], "_443._tcp.far.signed.test")
        item, _ = self.check("lost.signed.test", 1)
        self.assertEqual(item["trust"], "bogus", "nobody gets as far as asking for records")


if __name__ == "__main__":
    main()
