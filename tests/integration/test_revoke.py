"""Goal: certificates are revoked by the operator and by who holds their key (RFC 8555 7.6), and by nobody else."""

import json
import ssl
import subprocess
import time
import urllib.request
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path

from lab import CaOptions, LabOptions, pki
from lab.server import BIN
from support import CA, INPUT, LabCase, OK, POLICY, main


def proof(chain: str, key: Path, reason: str, *, at: float | None = None, serial: str = "") -> str:
    """What docs/protocol.md has a client send."""
    serial = serial or pki.field(chain, "-serial").removeprefix("serial=")
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    statement = f"certmill revoke\nserial: {serial}\nreason: {reason}\ntime: {when}\n"
    signature = pki.openssl("dgst", "-sha256", "-sign", key, data=statement)
    return f"{statement}signature: {pki.openssl('base64', '-A', data=signature).decode()}\n{chain}"


def encode(octets: bytes) -> str:
    """RFC 7515 2."""
    return urlsafe_b64encode(octets).decode().rstrip("=")


def decode(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def sign(to_sign: str, key: Path) -> dict[str, str]:
    """The flattened JWS (RFC 7515 7.2.2, RFC 7518 3) over what `revoke request` printed."""
    jws = json.loads(to_sign)
    alg = json.loads(decode(jws["protected"]))["alg"]
    signature = pki.openssl("dgst", f"-sha{alg[2:]}", "-sign", key, data=f"{jws['protected']}.{jws['payload']}")
    if alg.startswith("ES"):
        size = int(alg[2:]) // 8
        pos, raw = 2, b""
        for _ in range(2):
            length = signature[pos + 1]
            raw += int.from_bytes(signature[pos + 2:pos + 2 + length], "big").to_bytes(size, "big")
            pos += 2 + length
        signature = raw
    return {**jws, "signature": encode(signature)}


class RevokeCase(LabCase):
    options = LabOptions()

    def at_ca(self, chain: str) -> dict[str, object]:
        """What Pebble says of a certificate."""
        serial = pki.field(chain, "-serial").removeprefix("serial=").lower()
        url = f"https://localhost:{self.lab.ca.management_port}/cert-status-by-serial/{serial}"
        context = ssl.create_default_context(cafile=str(self.lab.ca.ca_file))
        with urllib.request.urlopen(url, context=context, timeout=60) as answer:
            return json.loads(answer.read())

    def on_record(self, chain: str) -> dict[str, object]:
        serial = pki.field(chain, "-serial").removeprefix("serial=").lower()
        return next(row for row in self.lab.server.ctl("certificates")["certificates"] if row["serial"] == serial)

    def issue(self, *names: str, key: str = "ecdsa") -> str:
        answer = self.lab.get(list(names), key=key)
        self.assert_issued(answer, sorted(names), key)
        return answer.stdout

    def follow(self, recipe: str, chain: str, key: Path, domains: str) -> None:
        """Runs commands of docs/protocol.md."""
        folder = self.lab.folder / f"manual-{pki.field(chain, '-serial').removeprefix('serial=')}"
        folder.mkdir()
        (folder / "cert.pem").write_text(chain)
        manual = (Path(__file__).parents[2] / "docs/protocol.md").read_text()
        script = manual.split(f"<!-- {recipe} -->\n```sh\n")[1].split("```")[0]
        script = script.replace("key.pem", str(key)).replace("ssh certmill@server", "certmill-shell")
        env = self.lab.shell_env(domains)
        env["PATH"] = f"{BIN}:{env['PATH']}"
        done = subprocess.run(["sh", "-eu"], input=script, cwd=folder, env=env, capture_output=True, text=True,
                              check=False, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)

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
        self.follow("revoke", chain, self.lab.key(), "host04.example.org")
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


class ByTheKeyAlone(RevokeCase):
    """RFC 8555 7.6: what the certificate's key has signed needs no account."""

    options = LabOptions(ca=CaOptions(bad_nonces=0))

    def to_sign(self, chain: str, domains: str, *words: str) -> str:
        answer = self.assert_status(self.lab.shell("revoke", "request", *words, domains=domains, data=chain), OK)
        return answer.stdout

    def send(self, jws: dict[str, str], domains: str, status: int) -> str:
        answer = self.assert_status(self.lab.shell("revoke", "signed", domains=domains, data=json.dumps(jws)), status)
        return answer.stderr if status else answer.stdout

    def test_revoked(self) -> None:
        for kind in ("ecdsa", "rsa", "p384"):
            with self.subTest(key=kind):
                chain = self.issue("host01.example.org", key=kind)
                request = self.to_sign(chain, "host01.example.org", "--reason", "keyCompromise")
                self.assertEqual(sorted(json.loads(request)), ["payload", "protected"])
                jws = sign(request, self.lab.key(kind))
                self.assertIn("keyCompromise", self.send(jws, "host01.example.org", OK))
                self.assertEqual((self.at_ca(chain)["Status"], self.at_ca(chain)["Reason"]), ("Revoked", 1))
                row = self.on_record(chain)
                self.assertEqual(row["reason"], "keyCompromise")
                self.assertIn(f"certificate {row['serial']} revoked (keyCompromise, signed by its key)",
                              self.lab.server.events(int(str(row["order"]))))
                self.assertIn("was revoked before", self.send(jws, "host01.example.org", OK))

    def test_account_lost(self) -> None:
        chain = self.issue("host02.example.org")
        name = self.lab.server.ctl("accounts")["accounts"][0]["name"]
        done = self.lab.server.ctl_text("accounts", "deactivate", name)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.ask(proof(chain, self.lab.key(), "superseded"), "host02.example.org", CA)
        self.assertEqual(self.at_ca(chain)["Status"], "Valid")
        jws = sign(self.to_sign(chain, "host02.example.org"), self.lab.key())
        self.assertIn("unspecified", self.send(jws, "host02.example.org", OK))
        self.assertEqual(self.at_ca(chain)["Status"], "Revoked")
        done = self.lab.server.ctl_text("accounts", "register", name)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_refused(self) -> None:
        names, key, other = ["host03.example.org", "host04.example.org"], self.lab.key(), self.lab.key("ecdsa", "other")
        chain, domains = self.issue(*names), ",".join(names)
        second = self.issue("host05.example.org")
        self.assertIn(names[1], self.assert_status(
            self.lab.shell("revoke", "request", domains=names[0], data=chain), POLICY).stderr)
        self.assertIn("taken are", self.assert_status(
            self.lab.shell("revoke", "request", "--reason", "boredom", domains=domains, data=chain), INPUT).stderr)
        request = self.to_sign(chain, domains, "--reason", "4")
        jws = sign(request, key)
        payload = json.loads(decode(jws["payload"]))
        head = json.loads(decode(jws["protected"]))

        def changed(part: str, members: dict[str, object], signer: Path | None = key) -> dict[str, str]:
            text = encode(json.dumps({**json.loads(decode(jws[part])), **members}).encode())
            return sign(json.dumps({**json.loads(request), part: text}), signer) if signer else {**jws, part: text}

        foreign = pki.openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=x", "-days", "2", "-outform", "DER",
                              "-addext", "subjectAltName=DNS:host03.example.org")
        der = json.loads(decode(json.loads(self.to_sign(second, "host05.example.org"))["payload"]))["certificate"]
        for data, sets, status, text in (
                (jws, names[0], POLICY, names[1]),
                (changed("payload", {"reason": 1}, None), domains, POLICY, "not signed"),
                (changed("payload", {"certificate": der}, None), domains, POLICY, "not signed"),
                (changed("payload", {"certificate": der}), domains, POLICY, "host05.example.org"),
                (changed("payload", {"certificate": encode(foreign)}), domains, INPUT, "not issued by way of"),
                (changed("payload", {"reason": 9}), domains, INPUT, "taken are"),
                (changed("payload", {"x": 1}), domains, INPUT, "payload"),
                (changed("protected", {"kid": "x"}), domains, INPUT, "protected header"),
                (changed("protected", {"url": head["url"] + "/other"}), domains, INPUT, "signed for"),
                (sign(request, other), domains, POLICY, "not signed"),
                (json.loads(request), domains, INPUT, "signature"),
                ({**jws, "header": "x"}, domains, INPUT, "members"),
                (changed("protected", {"nonce": "bm90aGluZw"}), domains, CA, "begin anew")):
            with self.subTest(text=text):
                self.assertIn(text, self.send(data, sets, status))
        self.assertEqual(payload["reason"], 4)
        self.assertEqual((self.at_ca(chain)["Status"], self.at_ca(second)["Status"]), ("Valid", "Valid"))
        self.assertIsNone(self.on_record(chain)["revoked"])
        self.send(jws, domains, OK)
        self.assertEqual(self.at_ca(chain)["Status"], "Revoked")

    def test_as_the_manual_says(self) -> None:
        """The commands of docs/protocol.md."""
        for kind in ("ecdsa", "rsa"):
            with self.subTest(key=kind):
                chain = self.issue("host06.example.org", key=kind)
                self.follow("revoke signed", chain, self.lab.key(kind), "host06.example.org")
                self.assertEqual(self.at_ca(chain)["Status"], "Revoked")


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
