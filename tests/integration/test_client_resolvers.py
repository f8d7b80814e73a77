"""Goal: whatever a resolver does, check tlsa ends, says in a sentence what is wrong, and believes nothing it should not."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from client_files import FilesCase
from lab.dns import wire_name
from lab.liar import TC, USUAL, ByTcp, ByUdp, Liar, answer, framed, kind_of, question_of, record
from lab.ports import Ports
from lab.server import BIN, clean_env, to_yaml
from support import main

A, CNAME, TLSA = 1, 5, 52
FOREIGN = bytes([3, 1, 1]) + b"\xab" * 32


def cut(query: bytes) -> list[bytes]:
    """Come again by TCP."""
    return [answer(query, flags=USUAL | TC)]


def other(query: bytes, at: int) -> bytes:
    """A question with an octet changed, counted from its beginning or its end."""
    changed = bytearray(question_of(query))
    changed[at] ^= 2
    return bytes(changed)


def ring(query: bytes) -> list[bytes]:
    """The name is its own alias, by way of another one."""
    return [answer(query, record("", CNAME, wire_name("ring.example.net")),
                   record("ring.example.net", CNAME, question_of(query)[:-4]))]


def away(query: bytes) -> list[bytes]:
    """An alias to a new name each time."""
    return [answer(query, record("", CNAME, b"\1x" + question_of(query)[:-4]))]


def full(query: bytes) -> bytes:
    """As many TLSA records as 64 KiB hold."""
    records = [record("", TLSA, bytes([3, 1, 1]) + number.to_bytes(32, "big")) for number in range(1392)]
    return framed(answer(query, *records))


def swollen(query: bytes) -> bytes:
    """One of 64 KiB."""
    return framed(answer(query, record("", TLSA, bytes([3, 0, 0]) + b"x" * (65535 - 12 - len(question_of(query)) - 15))))


CASES: dict[str, tuple[ByUdp, ByTcp | None, str]] = {
    "silent": (lambda query: [], None, "could not be looked up: .*no answer from 127.0.0.1:"),
    "cut, and no TCP": (cut, None, "cannot be asked over TCP, after a truncated answer over UDP: Connection refused"),
    "cut, and TCP closes": (cut, lambda query: b"", "cannot be asked over TCP, after a truncated answer"),
    "cut, and half a length": (cut, lambda query: b"\1", "cannot be asked over TCP, after a truncated answer"),
    "cut, and half a message": (cut, lambda query: framed(answer(query))[:20], "cannot be asked over TCP, after a truncated"),
    "cut, and TCP is silent": (cut, lambda query: None, "no answer from .* over TCP, after a truncated answer over UDP in time"),
    "cut, and another answer": (cut, lambda query: framed(answer(query, question=other(query, 1))), "answered another question"),
    "other ID": (lambda query: [answer(query, ident=query[0] << 8 | query[1] ^ 1)], None, "was no answer to the question"),
    "other name": (lambda query: [answer(query, question=other(query, 1))], None, "was no answer to the question"),
    "other type": (lambda query: [answer(query, question=other(query, -3))], None, "was no answer to the question"),
    "other class": (lambda query: [answer(query, question=other(query, -1))], None, "was no answer to the question"),
    "a question": (lambda query: [query], None, "was no answer to the question"),
    "other owner": (lambda query: [answer(query, record("example.net", kind_of(query), FOREIGN))], None, "not all records"),
    "class CH": (lambda query: [answer(query, record("", kind_of(query), FOREIGN, rrclass=3))], None, "not all records"),
    "noise": (lambda query: [query[:2] + b"\x81\x80" + b"\xff" * 400], None, "sent what is no DNS message|was no answer"),
    "10,000 promised": (lambda query: [answer(query, record("", TLSA, FOREIGN), count=10000)], None, "sent what is no DNS message"),
    "round": (ring, None, "aliases \\(CNAME\\) go round in a circle"),
    "further and further": (away, None, "more aliases \\(CNAME\\) follow each other than anybody follows"),
    "64 KiB": (cut, full, "has more than \\d+ records"),
    "one record of 64 KiB": (cut, swollen, "clients cannot use 3 0 0"),
    "broken": (lambda query: [answer(query, flags=USUAL | 2)], None, "answered SERVFAIL"),
    "refused": (lambda query: [answer(query, flags=USUAL | 5)], None, "answered REFUSED"),
}


class Resolvers(FilesCase):
    """One key, without records that anybody could publish by chance."""

    def setUp(self) -> None:
        super().setUp()
        self.settings["domain-list"] = ["www.example.org"]
        self.write_files()
        (self.folder / "certmill.yaml").write_text(to_yaml(self.settings))
        self.ports = Ports()
        self.addCleanup(self.ports.release)

    def check(self, liar: Liar, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BIN / "certmill", "--config-file", self.folder / "certmill.yaml", "--name-server", liar.address,
                               *words, "check", "tlsa", "443", "tcp"], capture_output=True, text=True, env=clean_env(),
                              check=False, timeout=240)

    def test_each(self) -> None:
        """RFC 5452 3, 9.1; RFC 7766 5; RFC 1034 3.6.2."""
        with ExitStack() as stack:
            liars = [stack.enter_context(Liar(self.ports.take(), udp, tcp)) for udp, tcp, _ in CASES.values()]
            with ThreadPoolExecutor(len(liars)) as pool:
                results = list(pool.map(self.check, liars))
        for (what, (_, _, says)), done in zip(CASES.items(), results, strict=True):
            with self.subTest(what):
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stderr, says)
                self.assertIn("www.example.org", done.stderr, "it says of which name")
                self.assertNotRegex(done.stdout, ", secure$")
                self.assertLess(len(done.stdout) + len(done.stderr), 200_000)


if __name__ == "__main__":
    main()
