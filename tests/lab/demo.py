"""The main job, step by step, one line each: `tools/demo` runs it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import dns, pki
from .ca import CaOptions
from .lab import ORG, Lab, LabOptions, target_of
from .process import command_of, descendants_of
from .sshd import Sshd

NAMES = [f"www.{ORG}", f"mail.{ORG}", f"*.{ORG}"]


class Teller:
    """Prints a line a step, with the time it took; what is under way is shown on a terminal only."""

    def __init__(self) -> None:
        self._terminal = sys.stdout.isatty()

    @contextmanager
    def step(self, what: str) -> Iterator[list[str]]:
        """One step; what is put into the list is shown below its line."""
        below: list[str] = []
        if self._terminal:
            print(f"   ...    {what}", end="\r", flush=True)
        start = time.monotonic()
        yield below
        print(f"{time.monotonic() - start:6.3f} s  {what}")
        for line in below:
            print(f"              {line}")
        sys.stdout.flush()


def ask(lab: Lab, sshd: Sshd, client: Path, key: Path) -> str:
    """What a client's machine does: CSR in by ssh, chain out."""
    answer = lab.ssh(client, "get", "certificate", data=pki.csr(key, NAMES, cn=NAMES[0]))
    if answer.status:
        raise SystemExit(f"ssh ended with status {answer.status}\n{answer.stderr}\n{lab.server.process.tail()}\n"
                         f"{sshd.process.tail(5)}")
    return answer.stdout


def show_live(lab: Lab, tell: Teller, name: str) -> None:
    """dig through the resolver, while the CA is held back from validating."""
    with tell.step(f"challenge is live: dig {name} TXT, by the CA's resolver") as below:
        answer = dns.dig("+noall", "+answer", name, "TXT", port=lab.resolver.port)
        below += [line for line in answer.splitlines() if line]
        if not any("TXT" in line for line in below):
            raise SystemExit(f"no TXT record is there\n{lab.server.process.tail()}")


def first(lab: Lab, tell: Teller, client: Path) -> str:
    """An ECDSA certificate, with a look at the challenge while it is up."""
    assert lab.proxy is not None and lab.sshd is not None
    key = lab.folder / "ecdsa.key"
    with tell.step("client: ECDSA key"):
        pki.key(key, "p384")
    hold = lab.proxy.hold("/chalZ/", early=True)
    request = pki.csr(key, NAMES, cn=NAMES[0])
    with tell.step(f"client: ssh, CSR for {', '.join(NAMES)}: ordered, values published, CA about to look"):
        session = lab.spawn_ssh(client, "get", "certificate", data=request)
        hold.wait_reached()
    show_live(lab, tell, f"_acme-challenge.{NAMES[0]}")
    with tell.step("CA looks, finds, signs: chain on the client's stdout"):
        hold.release()
        answer = lab.collect(session)
        if answer.status:
            raise SystemExit(answer.stderr)
    return answer.stdout


def second(lab: Lab, tell: Teller, client: Path) -> str:
    """An RSA certificate for the same names, in one go."""
    assert lab.sshd is not None
    key = lab.folder / "rsa.key"
    with tell.step("client: RSA key"):
        pki.key(key, "rsa2048")
    with tell.step("client: CSR, ssh, forced command, order, validation, chain"):
        return ask(lab, lab.sshd, client, key)


def show_gone(lab: Lab, tell: Teller) -> None:
    """The challenge values are gone again, everywhere."""
    with tell.step("challenges are gone: dig for each name") as below:
        for name in NAMES:
            challenge = f"_acme-challenge.{name.removeprefix('*.')}"
            if dns.txt(challenge, lab.resolver.port):
                raise SystemExit(f"{challenge} still has a value")
            status = "NXDOMAIN" if "NXDOMAIN" in dns.dig(target_of(name), "TXT", port=lab.server.port) else "?"
            below.append(f"{challenge}: no TXT; {target_of(name)}: {status}")


def show_chains(lab: Lab, tell: Teller, chains: dict[str, str]) -> None:
    """Subject, names, issuer and validity; each chain verified up to the CA's root."""
    for kind, chain in chains.items():
        with tell.step(f"{kind} certificate: chain verifies up to the CA's root") as below:
            leaf = lab.check_chain(chain, NAMES)
            subject, issuer, start, end = pki.field(leaf, "-subject", "-issuer", "-dates").splitlines()[:4]
            below += [f"subject   {subject.split('=', 1)[1]}", f"names     {', '.join(pki.names_of(leaf))}",
                      f"issuer    {issuer.split('=', 1)[1]}",
                      f"valid     {start.split('=', 1)[1]} to {end.split('=', 1)[1]}"]


def main() -> None:
    """Runs the demo."""
    tell, start = Teller(), time.monotonic()
    lab = Lab(LabOptions(sshd=True, proxy=True, ca=CaOptions(authz_reuse=0)))
    with tell.step("lab: Pebble (CA), Unbound (its resolver), NSD (example.org), sshd, certmilld (acme.example.com)"):
        lab.start()
    try:
        assert lab.sshd is not None
        with tell.step("client: ssh key, and its line in authorized_keys with the names that it may have"):
            client = lab.sshd.add_client("client", ",".join(NAMES))
        chains = {"ECDSA": first(lab, tell, client)}
        show_gone(lab, tell)
        chains["RSA"] = second(lab, tell, client)
        show_gone(lab, tell)
        show_chains(lab, tell, chains)
    finally:
        with tell.step("all stopped"):
            lab.stop()
    left = [command_of(pid) for pid in descendants_of(os.getpid())]
    if left:
        raise SystemExit(f"left running: {left}")
    print(f"{time.monotonic() - start:6.3f} s  in all; nothing left running")


if __name__ == "__main__":
    main()
