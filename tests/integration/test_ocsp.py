"""Goal: get ocsp hands out what the certificate's responder (openssl ocsp) has signed, and nothing else (RFC 6960)."""

import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from lab import CaOptions, LabOptions, Process, pki
from lab.ports import Ports
from lab.server import BIN
from support import CA, INPUT, LabCase, OK, UNAVAILABLE, main

PORTS = Ports()
PORT = PORTS.take()


class Hostile(BaseHTTPRequestHandler):
    """A responder that answers what the test wants it to."""

    answers: list[tuple[int, dict[str, str], bytes]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        status, headers, body = self.answers.pop(0)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *words: object) -> None:
        pass


class Ocsp(LabCase):
    options = LabOptions(ca=CaOptions(ocsp_url=f"http://127.0.0.1:{PORT}/"))

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.issuer, cls.issuer_key = cls.lab.ca.issuing_pair(cls.lab.folder)

    def setUp(self) -> None:
        self.folder = self.lab.folder / self.id().rsplit(".", 1)[1]
        self.folder.mkdir()
        self.index = self.folder / "index"
        self.index.write_text("")
        self.responder: Process | None = None

    def tearDown(self) -> None:
        if self.responder:
            self.responder.stop()
        super().tearDown()

    def issue(self, name: str) -> str:
        answer = self.lab.get([name])
        self.assert_issued(answer, [name])
        return answer.stdout

    def mark(self, chain: str, revoked: str = "") -> None:
        """A line of the responder's database."""
        serial = pki.field(chain, "-serial").removeprefix("serial=")
        state = "R" if revoked else "V"
        with self.index.open("a") as index:
            index.write(f"{state}\t350101000000Z\t{revoked}\t{serial}\tunknown\t/CN=x\n")

    def respond(self, signer: Path | None = None, key: Path | None = None, *words: str) -> None:
        """Starts openssl ocsp; with a log of its own, for what an earlier one wrote says nothing of this one."""
        log = self.folder / f"ocsp{len(list(self.folder.glob('ocsp*.log')))}.log"
        argv = ["openssl", "ocsp", "-index", self.index, "-port", str(PORT), "-CA", self.issuer,
                "-rsigner", signer or self.issuer, "-rkey", key or self.issuer_key, *(words or ("-ndays", "7"))]
        self.responder = Process("ocsp", argv, log)
        self.responder.start()
        self.responder.wait_ready(lambda: "ACCEPT" in log.read_text(errors="replace"))

    def ask(self, chain: str) -> tuple[int, bytes, str]:
        done = subprocess.run([BIN / "certmill-shell", "get", "ocsp"], input=chain.encode(), capture_output=True,
                              env=self.lab.shell_env(None), check=False, timeout=60)
        return done.returncode, done.stdout, done.stderr.decode(errors="replace")

    def good(self, chain: str) -> bytes:
        status, der, stderr = self.ask(chain)
        self.assertEqual(status, OK, stderr)
        return der

    def refused(self, chain: str, status: int, text: str) -> None:
        got, der, stderr = self.ask(chain)
        self.assertEqual((got, der), (status, b""), stderr)
        self.assertIn(text, stderr)

    def says(self, chain: str, der: bytes) -> str:
        """What openssl takes the response for."""
        response, leaf = self.folder / "response.der", self.folder / "leaf.pem"
        response.write_bytes(der)
        leaf.write_text(pki.split_chain(chain)[0])
        return pki.openssl("ocsp", "-respin", response, "-issuer", self.issuer, "-cert", leaf, "-VAfile", self.issuer,
                           "-partial_chain", "-CAfile", self.issuer).decode()

    def test_good_and_kept(self) -> None:
        chain = self.issue("www.example.org")
        self.mark(chain)
        self.respond()
        der = self.good(chain)
        self.assertIn("leaf.pem: good", self.says(chain, der))
        self.assertEqual(self.good(pki.split_chain(chain)[0]), der)
        assert self.responder
        self.responder.stop()
        self.assertEqual(self.good(chain), der, "kept until half of its life")
        self.lab.server.wait_role("issuer", self.lab.server.kill("issuer"))
        self.refused(chain, UNAVAILABLE, f"http://127.0.0.1:{PORT}/")

    def test_revoked(self) -> None:
        chain = self.issue("mail.example.org")
        self.mark(chain, "261101120000Z,superseded")
        self.respond()
        self.assertIn("leaf.pem: revoked", self.says(chain, self.good(chain)))
        row = self.lab.server.ctl("certificates", "mail.example.org")["certificates"][0]
        self.assertEqual((row["revoked"], row["reason"]), ("2026-11-01T12:00:00Z", "superseded"))

    def test_unknown(self) -> None:
        chain = self.issue("host01.example.org")
        self.respond()
        self.refused(chain, CA, "does not know the certificate")

    def responder_pair(self, usage: str, ca: Path, ca_key: Path) -> tuple[Path, Path]:
        key = pki.key(self.folder / f"{usage}.key")
        request, certificate = self.folder / "request.pem", self.folder / f"{usage}.pem"
        extensions = self.folder / "extensions"
        extensions.write_text(f"extendedKeyUsage={usage}\nauthorityKeyIdentifier=keyid\n")
        pki.openssl("req", "-new", "-key", key, "-subj", "/CN=responder", "-out", request)
        pki.openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-days", "2", "-set_serial", "77",
                    "-extfile", extensions, "-out", certificate)
        return certificate, key

    def test_delegated(self) -> None:
        """RFC 6960 4.2.2.2: a responder that the issuer has appointed, and one that it has not."""
        chain = self.issue("host02.example.org")
        self.mark(chain)
        self.respond(*self.responder_pair("serverAuth", self.issuer, self.issuer_key))
        self.refused(chain, UNAVAILABLE, "not signed by the certificate's issuer")
        assert self.responder
        self.responder.stop()
        self.respond(*self.responder_pair("OCSPSigning", self.issuer, self.issuer_key))
        self.assertGreater(len(self.good(chain)), 500)

    def test_wrong_signer(self) -> None:
        chain = self.issue("host03.example.org")
        self.mark(chain)
        key, ca = pki.key(self.folder / "ca.key"), self.folder / "ca.pem"
        subject = pki.openssl("x509", "-in", self.issuer, "-noout", "-subject", "-nameopt", "compat").decode().strip()
        pki.openssl("req", "-x509", "-new", "-key", key, "-subj", subject.removeprefix("subject="), "-days", "2",
                    "-out", ca)
        self.respond(ca, key)
        self.refused(chain, UNAVAILABLE, "not signed by the certificate's issuer")

    def test_hostile(self) -> None:
        chain = self.issue("host05.example.org")
        taken = self.lab.take_port()
        cases: list[tuple[tuple[int, dict[str, str], bytes], str]] = [
            ((200, {}, b"<html>"), "not one OCSP response"),
            ((200, {}, b"0\x03\n\x01\x03"), "trylater"),
            ((200, {}, b"x" * 70000), "larger"),
            ((404, {}, b""), "HTTP status 404"),
            ((302, {"Location": f"http://127.0.0.1:{taken}/"}, b""), "HTTP status 302"),
            ((200, {"Content-Length": "5000"}, b"0"), "responder")]
        Hostile.answers = [answer for answer, _ in cases]
        server = HTTPServer(("127.0.0.1", PORT), Hostile)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            for _, text in cases:
                self.refused(chain, UNAVAILABLE, text)
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def test_not_asked(self) -> None:
        """Neither for a certificate that names no responder, nor for one that came from elsewhere."""
        key = self.lab.key()
        words = ["req", "-x509", "-new", "-key", key, "-subj", "/CN=x", "-days", "2"]
        self.refused(pki.openssl(*words).decode(), INPUT, "this CA has none")
        foreign = pki.openssl(*words, "-addext", f"authorityInfoAccess=OCSP;URI:http://127.0.0.1:{PORT}/").decode()
        self.refused(foreign, INPUT, "not issued by way of this server")

    def test_many_at_once(self) -> None:
        """Who asks while the responder is asked gets the same response."""
        chain = self.issue("host06.example.org")
        self.mark(chain)
        self.respond()
        clients = [self.lab.spawn(["get", "ocsp"], None, chain) for _ in range(20)]
        deadline = time.monotonic() + 60
        for client in clients:
            client.wait(max(0.1, deadline - time.monotonic()))
        self.assertEqual({client.returncode for client in clients}, {OK})
        for client in clients:
            for stream in (client.stdout, client.stderr, client.stdin):
                if stream:
                    stream.close()


if __name__ == "__main__":
    main()
