"""Goal: certificates are revoked by the operator and by who holds their key (RFC 8555 7.6), and by nobody else."""

import json
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

from lab import LabOptions, pki
from lab.server import BIN
from support import CA, INPUT, LabCase, OK, POLICY, main


def proof(chain: str, key: Path, reason: str, *, at: float | None = None, serial: str = "") -> str:
    """What docs/protocol.md has a client send."""
    serial = serial or pki.field(chain, "-serial").removeprefix("serial=")
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    statement = f"certmill revoke\nserial: {serial}\nreason: {reason}\ntime: {when}\n"
    signature = pki.openssl("dgst", "-sha256", "-sign", key, data=statement)
    return f"{statement}signature: {pki.openssl('base64', '-A', data=signature).decode()}\n{chain}"


class RevokeCase(LabCase):
    options = LabOptions()

    def at_ca(self, chain: str) -> dict[str, object]:
        """What Pebble says of a certificate."""
        serial = pki.field(chain, "-serial").removeprefix("serial=").lower()
        url = f"https://localhost:{self.lab.ca.management_port}/cert-status-by-serial/{serial}"
        context = ssl.create_default_context(cafile=str(self.lab.ca.ca_file))
        with urllib.request.urlopen(url, context=context, timeout=5) as answer:
            return json.loads(answer.read())

    def on_record(self, chain: str) -> dict[str, object]:
        serial = pki.field(chain, "-serial").removeprefix("serial=").lower()
        return next(row for row in self.lab.server.ctl("certificates")["certificates"] if row["serial"] == serial)

    def issue(self, *names: str, key: str = "ecdsa") -> str:
        answer = self.lab.get(list(names), key=key)
        self.assert_issued(answer, sorted(names), key)
        return answer.stdout

    def ask(self, data: str, domains: str, status: int) -> str:
        answer = self.lab.shell("revoke", "certificate", domains=domains, data=data)
        self.assert_status(answer, status)
        return answer.stderr if status else answer.stdout


class Revoke(RevokeCase):
    def test_by_the_operator(self) -> None:
        chain = self.issue("www.example.org")
        serial = pki.field(chain, "-serial").removeprefix("serial=")
        done = self.lab.server.ctl("revoke", serial, "--reason", "superseded")
        self.assertEqual((done["reason"], done["already"]), ("superseded", False))
        self.assertEqual((self.at_ca(chain)["Status"], self.at_ca(chain)["Reason"]), ("Revoked", 4))
        row = self.on_record(chain)
        self.assertEqual((row["revoked"], row["reason"]), (done["revoked"], "superseded"))
        self.assertTrue(self.lab.server.ctl("revoke", serial.lower())["already"])
        self.assertIn(f"certificate {row['serial']} revoked (superseded)",
                      self.lab.server.events(int(str(row["order"]))))
        lines = [json.loads(line) for path in sorted((self.lab.server.state_dir / "audit").iterdir())
                 for line in path.read_text().splitlines()]
        self.assertIn(("revoked", row["serial"]), [(line.get("event"), line.get("serial")) for line in lines])

    def test_without_a_reason(self) -> None:
        chain = self.issue("mail.example.org")
        serial = pki.field(chain, "-serial").removeprefix("serial=")
        text = self.lab.server.ctl_text("revoke", serial).stdout
        self.assertRegex(text, r"^certificate [0-9a-f]+ is revoked since .*: unspecified\n$")
        self.assertEqual(self.at_ca(chain)["Status"], "Revoked")

    def test_refused_to_the_operator(self) -> None:
        for words, text in ((("1234",), "1234"), (("xyz",), "no serial number"),
                            (("1234", "--reason", "cACompromise"), "superseded (4)")):
            done = self.lab.server.ctl_text("revoke", *words)
            self.assertEqual(done.returncode, 1)
            self.assertIn(text, done.stderr)
        self.assertEqual(self.lab.server.ctl_text("revoke").returncode, 2)

    def test_by_the_key(self) -> None:
        for kind in ("ecdsa", "rsa", "p384"):
            with self.subTest(key=kind):
                chain = self.issue("host01.example.org", key=kind)
                text = self.ask(proof(chain, self.lab.key(kind), "keyCompromise"), "host01.example.org", OK)
                self.assertIn("keyCompromise", text)
                self.assertEqual((self.at_ca(chain)["Status"], self.at_ca(chain)["Reason"]), ("Revoked", 1))
                self.assertIsNotNone(self.on_record(chain)["revoked"])

    def test_refused_to_a_client(self) -> None:
        names, other = ["host02.example.org", "host03.example.org"], self.lab.key("ecdsa", "other")
        chain, key, domains = self.issue(*names), self.lab.key(), ",".join(names)
        now = time.time()
        for data, sets, status, text in (
                (chain, domains, INPUT, "does not begin"),
                (self.lab.csr(names) + chain, domains, INPUT, "does not begin"),
                (proof(chain, other, "superseded"), domains, POLICY, "not signed"),
                (proof(chain, key, "superseded", at=now - 660), domains, INPUT, "sign it anew"),
                (proof(chain, key, "superseded", at=now + 660), domains, INPUT, "sign it anew"),
                (proof(chain, key, "superseded", serial="1234"), domains, INPUT, "another certificate"),
                (proof(chain, key, "privilegeWithdrawn"), domains, INPUT, "taken are"),
                (proof(chain, key, "superseded"), names[0], POLICY, names[1])):
            with self.subTest(text=text):
                self.assertIn(text, self.ask(data, sets, status))
        foreign = pki.openssl("req", "-x509", "-new", "-key", other, "-subj", "/CN=x", "-days", "2",
                              "-addext", "subjectAltName=DNS:host02.example.org").decode()
        self.assertIn("not issued by way of this server", self.ask(proof(foreign, other, "1"), names[0], INPUT))
        self.assertEqual(self.at_ca(chain)["Status"], "Valid")
        self.assertIsNone(self.on_record(chain)["revoked"])

    def test_as_the_manual_says(self) -> None:
        """The commands of docs/protocol.md."""
        chain = self.issue("host04.example.org")
        folder = self.lab.folder / "manual"
        folder.mkdir()
        (folder / "cert.pem").write_text(chain)
        manual = (Path(__file__).parents[2] / "docs/protocol.md").read_text()
        script = manual.split("<!-- revoke -->\n```sh\n")[1].split("```")[0]
        script = script.replace("key.pem", str(self.lab.key())).replace("ssh certmill@server", "certmill-shell")
        env = self.lab.shell_env("host04.example.org")
        env["PATH"] = f"{BIN}:{env['PATH']}"
        done = subprocess.run(["sh", "-eu"], input=script, cwd=folder, env=env, capture_output=True, text=True,
                              check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.at_ca(chain)["Status"], "Revoked")

    def test_not_given_again(self) -> None:
        """The same request gets another certificate, although the first would be good for long."""
        request = self.lab.csr(["host05.example.org"])
        words = {"domains": "host05.example.org", "data": request}
        first = self.lab.shell("get", "certificate", **words)
        self.assertEqual(self.lab.shell("get", "certificate", **words).stdout, first.stdout)
        self.lab.server.ctl("revoke", pki.field(first.stdout, "-serial").removeprefix("serial="))
        self.assertNotEqual(self.assert_status(self.lab.shell("get", "certificate", **words), OK).stdout, first.stdout)

    def test_known_after_a_kill(self) -> None:
        chain = self.issue("host06.example.org")
        self.lab.server.ctl("revoke", pki.field(chain, "-serial").removeprefix("serial="))
        self.lab.server.wait_role("issuer", self.lab.server.kill("issuer"))
        self.assertIsNotNone(self.on_record(chain)["revoked"])


class Forgotten(RevokeCase):
    """A CA that has forgotten the certificate says no; nothing is marked."""

    def test_forgotten(self) -> None:
        chain = self.issue("www.example.org")
        self.lab.ca.restart()
        data = proof(chain, self.lab.key(), "superseded")
        self.ask(data, "www.example.org", CA)
        self.assertIsNone(self.on_record(chain)["revoked"])


if __name__ == "__main__":
    main()
