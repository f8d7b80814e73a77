"""Goal: certmill's client works towards an original certgrinderd, which knows nothing of what certmill added."""

import certgrinder_parts
from certgrinder_case import OriginalServerCase
from lab import pki
from support import main

ACCOUNT = "https://acme-v02.api.letsencrypt.org/acme/acct/17"


class OriginalServer(OriginalServerCase):
    def taken(self, first: str, second: str = "") -> list[list[str]]:
        """The options of each run for this command that the original could take."""
        command = [word for word in (first, second) if word]
        return [words[:-len(command)] for words in certgrinder_parts.asked(self.server)
                if words[-len(command):] == command and "--force" not in words]

    def issuer_of(self, kind: str = "ecdsa") -> str:
        return pki.field(self.file("chain", kind).read_text(), "-issuer").strip()

    def test_connection(self) -> None:
        said = self.ok("check", "connection")
        self.assertRegex(said, r"\[connection\] the server answers, after \d+ ms|the server answers, after \d+\.\d s")
        self.assertIn("certgrinderd 0.18.0 running", said, "its log lines are passed on")
        self.assertEqual(self.taken("ping"), [["--log-level", "INFO"]], "no option that it does not know")
        item, = self.json("check", "connection")["items"]
        self.assertEqual((item["server"], item["good"], item["error"]), (self.settings["certgrinderd"], True, None))
        self.assertGreater(item["milliseconds"], 0)

    def test_get_certificate(self) -> None:
        self.settings["key-type-list"] = ["rsa", "ecdsa"]
        self.settings["rsa-bits"] = 2048
        said = self.ok("get", "certificate")
        self.assertNotRegex(said, "usage|unrecognized|ERROR|WARNING", "that it has no --force is nobody's concern")
        self.assertEqual(said.count("Success, got a new certificate"), 2)
        for kind in ("rsa", "ecdsa"):
            key, request, leaf, chain, issuers, concat = (self.file(what, kind).read_text() for what in (
                "keypair", "request", "certificate", "chain", "issuer", "concat"))
            self.assertEqual((chain, concat, issuers), (leaf + issuers, key + chain, self.issuer.cert.read_text()))
            self.assertIn("BEGIN CERTIFICATE REQUEST", request)
            self.assertEqual(pki.names_of(leaf), ["example.org", "www.example.org"])
        self.ok("check", "certificate")
        before = self.contents()
        self.ok("get", "certificate")
        self.assertNotEqual(self.contents()["www.example.org-chain.ecdsa.crt"], before["www.example.org-chain.ecdsa.crt"])

    def test_periodic(self) -> None:
        """It has no renewal information (RFC 9773): a third of the lifetime then, or the days that are configured."""
        said = self.ok("periodic", "--now")
        self.assertIn("0 fine, 1 renewed, 0 failed", said.splitlines()[-1])
        self.assertNotRegex(said, "usage|invalid choice|ERROR|WARNING")
        self.assertEqual(len(self.taken("get", "certificate")), 1)
        asked = len(certgrinder_parts.asked(self.server))
        self.assertIn("1 fine, 0 renewed, 0 failed", self.ok("periodic", "--now"))
        self.assertEqual(len(certgrinder_parts.asked(self.server)), asked, "nothing to do, nobody is asked")
        item, = self.json("check", "certificate")["items"]
        self.assertEqual(item["renew_by"], "third")
        self.settings["cert-renew-threshold-days"] = 91
        self.assertIn("0 fine, 1 renewed, 0 failed", self.ok("periodic", "--now"))
        self.assertEqual(len(self.taken("get", "certificate")), 2)

    def test_refused(self) -> None:
        """It logs an error, prints nothing, and its status is 0; the other set is not concerned."""
        self.settings["domain-list"].append("refused.example.org")
        for words in (("get", "certificate"), ("periodic", "--now")):
            with self.subTest(words[0]):
                done = self.certmill(*words)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, r"ERROR \[refused.example.org ecdsa\] the server sent nothing: certbot returned non-zero exit code")
                self.assertEqual(len(list(self.path.glob("refused*.crt"))), 0)
                self.assertTrue(self.file("chain").exists())

    def test_options(self) -> None:
        """--staging, --acme-server-url and --preferred-chain are its own options; blanks are underscores there."""
        self.more_issuers("staging", "Other_Root")
        self.ok("--staging", "get", "certificate")
        self.assertIn("CN = staging", self.issuer_of())
        self.assertEqual(self.taken("get", "certificate")[-1], ["--log-level", "INFO", "--staging"])
        self.ok("--preferred-chain", "Other Root", "--log-level", "DEBUG", "get", "certificate")
        self.assertIn("CN = Other_Root", self.issuer_of())
        self.assertEqual(self.taken("get", "certificate")[-1],
                         ["--log-level", "DEBUG", "--preferred-chain", "Other_Root"])
        self.ok("--acme-server-url", "https://ca.example/dir", "get", "certificate")
        self.assertEqual(self.taken("get", "certificate")[-1],
                         ["--log-level", "INFO", "--acme-server-url", "https://ca.example/dir"])
        self.settings.update({"staging": True, "preferred-chain": "Other Root"})
        self.ok("check", "connection")
        self.assertEqual(self.taken("ping")[-1], ["--log-level", "INFO", "--preferred-chain", "Other_Root", "--staging"])

    def test_what_it_does_not_know(self) -> None:
        """An option or a command of certmill's that was asked for: refused there, and its own words say why."""
        done = self.certmill("--profile", "shortlived", "get", "certificate")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"ERROR \[www.example.org ecdsa\] the server does not take what it was asked: "
                                      r"certgrinderd: error: [^\n]*'shortlived'")
        self.assertNotIn("usage", done.stderr)
        self.assertEqual(list(self.path.glob("*.crt")), [])
        done = self.certmill("check", "cname")
        self.assertEqual((done.returncode, done.stdout.count("unknown")), (1, 2), "looked up here, and nobody answers")
        self.assertNotIn("usage", done.stderr)

    def test_ocsp(self) -> None:
        """RFC 6960: chain on stdin, DER on stdout."""
        ext = "authorityInfoAccess=OCSP;URI:http://127.0.0.1:9/"
        names = self.settings["domain-list"][0].split(",")
        self.write_files()
        leaf = pki.openssl("x509", "-req", "-CA", self.issuer.cert, "-CAkey", self.issuer.key, "-days", "60", "-set_serial", "17",
                           "-extfile", "/dev/stdin", "-in", self.file("request"),
                           data=f"{ext}\nsubjectAltName=" + ",".join(f"DNS:{name}" for name in names)).decode()
        issuers = self.issuer.cert.read_text()
        self.file("certificate").write_text(leaf)
        self.file("chain").write_text(leaf + issuers)
        self.file("concat").write_text(self.file("keypair").read_text() + leaf + issuers)
        self.assertEqual(self.certmill("check", "ocsp").returncode, 1, "none yet")
        self.ok("get", "ocsp")
        self.ok("check", "ocsp")
        self.assertEqual(self.json("show", "ocsp")["items"][0]["status"], "good")

    def test_facts(self) -> None:
        """show caa and show cname by what it says of itself."""
        done = self.certmill("show", "caa")
        self.assertEqual(done.returncode, 0, done.stderr)
        value = f"letsencrypt.org; validationmethods=dns-01; accounturi={ACCOUNT}"
        self.assertEqual(done.stdout, "".join(f'{name}. CAA 128 issue "{value}"\n' for name in ("www.example.org", "example.org")))
        done = self.certmill("show", "cname")
        self.assertEqual(done.stdout.splitlines()[0],
                         "_acme-challenge.www.example.org. CNAME www.example.org.acme.example.com.")


if __name__ == "__main__":
    main()
