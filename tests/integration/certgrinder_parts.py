"""certgrinder's two halves as their documentation describes them: a server for certmill, and a client for certmill-shell.

Written by what that text says of words, streams and statuses: argparse reads the words (what it does not know: usage on
stderr, status 2), stdout has what was asked for and nothing else, stderr has log lines."""

import argparse
import logging
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

BEGIN = "-----BEGIN CERTIFICATE-----"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


# -- the server: python3 certgrinder_parts.py FOLDER WORDS... --

def log(level: str, message: str) -> None:
    """A line as Python's logging module makes it there."""
    print(time.strftime("%Y-%m-%d %H:%M:%S +0000", time.gmtime()), "certgrinderd", level, message, file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """All of the options and commands of 0.18, and show acmeaccount, which came later."""
    made = argparse.ArgumentParser("certgrinderd", description="certgrinderd version 0.18.0. See the manpage for more info.")
    for words in (("--acme-email",), ("--acme-server-url",), ("-z", "--acme-zone"), ("-A", "--auth-hook"),
                  ("--certbot-command",), ("--certbot-config-dir",), ("--certbot-logs-dir",), ("--certbot-work-dir",),
                  ("-C", "--cleanup-hook"), ("-c", "--config-file"), ("--certificate-file",), ("--csr-file",),
                  ("-p", "--pid-dir"), ("--preferred-chain",), ("--syslog-facility",), ("--syslog-socket",),
                  ("-t", "--temp-dir"), ("-w", "--web-root")):
        made.add_argument(*words)
    made.add_argument("-l", "--log-level", choices=LEVELS, default="INFO")
    for words in (("-d", "--debug"), ("--skip-acme-server-cert-verify",), ("-s", "--staging")):
        made.add_argument(*words, action="store_true")
    commands = made.add_subparsers(dest="first", required=True)
    for first, seconds in (("get", ("certificate", "ocsp")), ("show", ("acmeaccount", "certificate", "configuration", "csr"))):
        below = commands.add_parser(first).add_subparsers(dest="second", required=True)
        for second in seconds:
            below.add_parser(second)
    for first in ("help", "ping"):
        commands.add_parser(first).set_defaults(second="")
    return made


def fail(message: str) -> NoReturn:
    """An error that ends it."""
    log("ERROR", message)
    sys.exit(1)


def openssl(*words: str | Path, data: str = "") -> bytes:
    """Without this tree's own modules, which the server's host lacks."""
    done = subprocess.run(["openssl", *map(str, words)], input=data.encode(), capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else fail(f"openssl: {done.stderr.decode()}")


def sign(folder: Path, chosen: argparse.Namespace) -> None:
    """The chain for the CSR on standard input. Where the CA refuses it is quiet, and its status 0, as the original's is."""
    csr = sys.stdin.read()
    text = openssl("req", "-noout", "-text", data=csr).decode()
    names = next(line.strip() for line in text.splitlines() if "DNS:" in line)
    if "refused.example.org" in names:
        log("ERROR", "certbot returned non-zero exit code, there is no certificate")
        return
    name = "staging" if chosen.staging else chosen.preferred_chain or "ca"
    with tempfile.NamedTemporaryFile("w") as extensions:
        extensions.write(f"subjectAltName={names}\n")
        extensions.flush()
        leaf = openssl("x509", "-req", "-CA", folder / f"{name}.crt", "-CAkey", folder / f"{name}.key", "-days", "90",
                       "-set_serial", str(secrets.randbits(64)), "-extfile", extensions.name, data=csr).decode()
    log("INFO", "Success, got a new certificate")
    print(leaf, end="")
    print((folder / f"{name}.crt").read_text(), end="")


def ocsp(folder: Path) -> None:
    """What the responder says of the chain on standard input, which is the certificate and its issuers."""
    chain = sys.stdin.read()
    if chain.count(BEGIN) < 2:
        fail("the chain has no issuer")
    serial = openssl("x509", "-noout", "-serial", data=chain).decode().strip().removeprefix("serial=")
    issuer = folder / "ca.crt"
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        (here / "chain").write_text(chain)
        (here / "index").write_text(f"V\t350101000000Z\t\t{serial}\tunknown\t/CN=x\n")
        openssl("ocsp", "-issuer", issuer, "-cert", here / "chain", "-reqout", here / "request")
        openssl("ocsp", "-index", here / "index", "-CA", issuer, "-rsigner", issuer, "-rkey", folder / "ca.key", "-ndays", "7",
                "-reqin", here / "request", "-respout", here / "response")
        sys.stdout.buffer.write((here / "response").read_bytes())


def serve(folder: Path, words: list[str]) -> None:
    """One run of it; what it was asked goes into FOLDER/asked."""
    with open(folder / "asked", "a", encoding="utf-8") as file:
        file.write(f"{shlex.join(words)}\n")
    chosen = parser().parse_args(words)
    log("INFO", "certgrinderd 0.18.0 running")
    match chosen.first, chosen.second:
        case "ping", _:
            print("pong")
        case "help", _:
            parser().print_help()
        case "get", "certificate":
            sign(folder, chosen)
        case "get", "ocsp":
            ocsp(folder)
        case "show", "acmeaccount":
            print("Account details for server https://acme-v02.api.letsencrypt.org/directory:\n"
                  "  Account URL: https://acme-v02.api.letsencrypt.org/acme/acct/17\n"
                  "  Account Thumbprint: bUrzVRTwLZMzj8n5YzVqcbBJsp2fXgdYkqVs4t7FPU8\n  Email contact: none")
        case "show", "configuration":
            print("acme-server-url: https://acme-v02.api.letsencrypt.org/directory\nacme-zone: acme.example.com\n"
                  "log-level: INFO\nstaging: false")
        case _:
            fail("not described")


# -- the client --

@dataclass
class Client:
    """The original client's half of a connection."""

    certgrinderd: str
    log_level: str = "INFO"
    acme_server_url: str = ""
    preferred_chain: str = ""
    staging: bool = False
    logged: list[tuple[str, str]] = field(default_factory=list)
    """Level and message of each log line of the server's."""

    def run(self, *words: str, data: str = "") -> bytes | None:
        """Standard output, or None where the server's status is another than 0."""
        argv = shlex.split(self.certgrinderd) + ["--log-level", self.log_level]
        if self.acme_server_url:
            argv += ["--acme-server-url", self.acme_server_url]
        if self.preferred_chain:
            argv += ["--preferred-chain", self.preferred_chain.replace(" ", "_")]
        argv += ["--staging"] * self.staging
        done = subprocess.run([*argv, *words], input=data.encode(), capture_output=True, check=False, timeout=120)
        for line in done.stderr.decode().strip().splitlines():
            level = line.split(" ")[4]  # it does not look whether there is one
            logging.getLevelNamesMapping()[level]
            self.logged.append((level, " ".join(line.split(" ")[5:])))
        return done.stdout if done.returncode == 0 else None

    def ping(self) -> bool:
        """check connection."""
        answer = self.run("ping")
        return answer is not None and answer.decode().strip() == "pong"

    def get_certificate(self, csr: str, length: int) -> list[str]:
        """The chain's certificates; they have to be this many, and all of standard output."""
        answer = self.run("get", "certificate", data=csr)
        if answer is None:
            return []
        before, *rest = answer.decode("ascii").split(BEGIN)
        if before or len(rest) != length:
            raise ValueError(f"{len(rest)} certificates behind {before!r}")
        return [BEGIN + part for part in rest]

    def account(self) -> str:
        """What show caa makes its records of."""
        lines = (self.run("show", "acmeaccount") or b"").decode().splitlines()
        return next(line.removeprefix("  Account URL: ") for line in lines if line.startswith("  Account URL: "))


def command(folder: Path) -> str:
    """For `certgrinderd` in a configuration: the server, with its CA and what it was asked in this folder."""
    return shlex.join([sys.executable, str(Path(__file__).resolve()), str(folder)])


def asked(folder: Path) -> list[list[str]]:
    """The words that it was run with, the newest last."""
    file = folder / "asked"
    return [shlex.split(line) for line in file.read_text().splitlines()] if file.exists() else []


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2:])
