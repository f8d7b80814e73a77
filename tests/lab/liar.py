"""A resolver that says what it is told to, by UDP and TCP: the one part that no real program plays."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Sequence
from types import TracebackType

from .dns import header, wire_name

QR, TC, RD, RA, AD = 0x8000, 0x0200, 0x0100, 0x0080, 0x0020
USUAL = QR | RD | RA

ByUdp = Callable[[bytes], Sequence[bytes]]
"""The datagrams for a query."""
ByTcp = Callable[[bytes], bytes | None]
"""The stream for a query, which ends with it; None: nothing comes, and it does not end."""


def record(owner: str, kind: int, rdata: bytes, *, rrclass: int = 1, ttl: int = 60) -> bytes:
    """A resource record; owner "": the question's name."""
    name = wire_name(owner) if owner else b"\xc0\x0c"
    return name + struct.pack("!HHIH", kind, rrclass, ttl, len(rdata)) + rdata


def question_of(query: bytes) -> bytes:
    """The question section of a query that has one question."""
    at = 12
    while query[at]:
        at += 1 + query[at]
    return query[12:at + 5]


def kind_of(query: bytes) -> int:
    """The type that is asked for."""
    return int(struct.unpack("!H", question_of(query)[-4:-2])[0])


def answer(query: bytes, *records: bytes, flags: int = USUAL, question: bytes | None = None, ident: int | None = None,
           count: int | None = None) -> bytes:
    """An answer to a query, with other parts where they are given."""
    head = struct.pack("!HHHHHH", header(query).id if ident is None else ident, flags, 1,
                       len(records) if count is None else count, 0, 0)
    return head + (question_of(query) if question is None else question) + b"".join(records)


def framed(message: bytes) -> bytes:
    """As it goes over TCP (RFC 1035 4.2.2)."""
    return struct.pack("!H", len(message)) + message


class Liar:
    """by_tcp None: nobody listens there. Each way has a thread of its own."""

    def __init__(self, port: int, by_udp: ByUdp, by_tcp: ByTcp | None = None):
        self.address = f"127.0.0.1@{port}"
        self._by_udp, self._by_tcp = by_udp, by_tcp
        self._open: list[socket.socket] = []
        self._ending = False
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", port))
        self._threads = [threading.Thread(target=self._datagrams, daemon=True)]
        if by_tcp is not None:
            self._tcp = socket.create_server(("127.0.0.1", port))
            self._threads.append(threading.Thread(target=self._streams, daemon=True))

    def _datagrams(self) -> None:
        while True:
            query, client = self._udp.recvfrom(4096)
            if len(query) < 12:
                return
            for message in self._by_udp(query):
                self._udp.sendto(message, client)

    def _streams(self) -> None:
        assert self._by_tcp is not None
        while True:
            stream, _ = self._tcp.accept()
            if self._ending:
                stream.close()
                return
            self._open.append(stream)
            try:
                size = stream.recv(2, socket.MSG_WAITALL)
                said = self._by_tcp(stream.recv(struct.unpack("!H", size)[0], socket.MSG_WAITALL)) if len(size) == 2 else b""
                if said is not None:
                    stream.sendall(said)
                    stream.close()
            except OSError:  # it went away
                continue

    def __enter__(self) -> Liar:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        # What is no question ends each thread.
        self._ending = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._udp.getsockname())
        if self._by_tcp is not None:
            socket.create_connection(self._tcp.getsockname()).close()
        for thread in self._threads:
            thread.join()
        for one in (self._udp, *self._open, *([self._tcp] if self._by_tcp is not None else [])):
            one.close()
