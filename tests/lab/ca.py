"""Pebble: a real ACME CA, with its nastiness settable. What Debian's lacks is added by ca_more.py."""

from __future__ import annotations

import json
import os
import signal
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from . import pki
from .process import Process


ANSWER_SECONDS = 20
HANGS = "Pebble hangs: it waits for its own locks (tests/lab/proxy.py says how it comes to that)"


@dataclass
class CaOptions:
    """How the CA behaves; the defaults are as hostile as every test can bear."""

    bad_nonces: int = 5
    """Share of good nonces that are refused, in percent."""
    authz_reuse: int = 50
    """Share of orders that find an authorization already valid, in percent; with 0 Pebble does it 1 time in 100."""
    sleep: int = 0
    """Upper bound in seconds of the wait before it validates; 0 is none."""
    chain_length: int = 1
    """Number of intermediate certificates."""
    alternate_roots: int = 0
    """Number of further chains that it offers."""
    eab_keys: dict[str, str] = field(default_factory=dict)
    """External account binding: key identifier -> MAC key in base64url. Where there is one, no account without it."""
    ocsp_url: str = ""
    """OCSP responder that its certificates name; none by default."""


class Ca:
    """A Pebble with an HTTPS certificate of its own."""

    def __init__(self, folder: Path, resolver_port: int, ports: tuple[int, int], options: CaOptions,
                 name: str = "pebble"):
        self.options = options
        self.port, self.management_port = ports
        self.certificate, self.key = pki.serving_pair(folder, name)
        self.ca_file = folder / f"{name}.ca.pem"
        self.url = f"https://localhost:{self.port}/dir"
        config = folder / f"{name}.json"
        config.write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management_port}",
            "certificate": str(self.certificate), "privateKey": str(self.key), "httpPort": 5002, "tlsPort": 5001,
            "ocspResponderURL": options.ocsp_url, "externalAccountBindingRequired": bool(options.eab_keys),
            "externalAccountMACKeys": options.eab_keys}}))
        env = {**os.environ, "PEBBLE_WFE_NONCEREJECT": str(options.bad_nonces),
               "PEBBLE_AUTHZREUSE": str(options.authz_reuse), "PEBBLE_CHAIN_LENGTH": str(options.chain_length),
               "PEBBLE_ALTERNATE_ROOTS": str(options.alternate_roots)}
        if options.sleep:
            env["PEBBLE_VA_SLEEPTIME"] = str(options.sleep)
        else:
            env["PEBBLE_VA_NOSLEEP"] = "1"
        argv = ["pebble", "-config", config, "-dnsserver", f"127.0.0.1:{resolver_port}"]
        self.process = Process(name, argv, folder / f"{name}.log", env)

    def restart(self) -> None:
        """kill -9, and a new one: all accounts, orders and certificates are forgotten, and it has other roots."""
        self.process.signal(signal.SIGKILL)
        self.process.wait()
        self.process.start()
        self.process.wait_ready(self.ready)

    def ready(self) -> bool:
        """Whether it serves its directory and its roots."""
        try:
            return b"newOrder" in self._get(self.url) and bool(self.root())
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def hangs(self) -> bool:
        """Whether it runs and does not answer what needs its locks."""
        if not self.process.running():
            return False
        try:
            self._get(f"https://localhost:{self.management_port}/cert-status-by-serial/1")
        except TimeoutError:
            return True
        except (urllib.error.URLError, ConnectionError) as error:
            return isinstance(getattr(error, "reason", None), TimeoutError)
        return False

    def _get(self, url: str) -> bytes:
        context = ssl.create_default_context(cafile=str(self.ca_file))
        with urllib.request.urlopen(url, context=context, timeout=ANSWER_SECONDS) as answer:
            return answer.read()

    def root(self, number: int = 0) -> str:
        """Root certificate of its chains, in PEM."""
        return self._get(f"https://localhost:{self.management_port}/roots/{number}").decode()

    def issuing_pair(self, folder: Path) -> tuple[Path, Path]:
        """Certificate and key of its intermediate, as files: for a responder that speaks in its name."""
        paths = []
        for what in ("intermediates", "intermediate-keys"):
            paths.append(folder / f"{self.process.name}.{what}.pem")
            paths[-1].write_bytes(self._get(f"https://localhost:{self.management_port}/{what}/0"))
        return paths[0], paths[1]

    def log_lines(self) -> list[str]:
        """What it logged so far."""
        return self.process.log.read_text(errors="replace").splitlines()
