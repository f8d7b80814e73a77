"""Ports for the lab: free now, and promised to no other lab meanwhile.

A port that is found free by binding it is lost again between closing and the daemon's own bind. So each port is
locked for as long as the lab lives, by an abstract Unix socket named after it, which ends with this process however
that ends; and ports come from below the range that the kernel takes for outgoing connections.
"""

from __future__ import annotations

import random
import socket

LOW, HIGH = 10240, 32000


def has_ipv6() -> bool:
    """Whether ::1 can be bound here."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    families = [(socket.AF_INET, "127.0.0.1")]
    if has_ipv6():
        families.append((socket.AF_INET6, "::1"))
    for family, address in families:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                with socket.socket(family, kind) as probe:
                    probe.bind((address, port))
            except OSError:
                return False
    return True


class Ports:
    """The ports of one lab."""

    def __init__(self) -> None:
        self._locks: list[socket.socket] = []

    def take(self) -> int:
        """A port that is free for UDP and TCP, on IPv4 and IPv6."""
        for _ in range(1000):
            port = random.randrange(LOW, HIGH)
            lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                lock.bind(f"\0certmill-lab/{port}")
            except OSError:
                lock.close()
                continue
            if _is_free(port):
                self._locks.append(lock)
                return port
            lock.close()
        raise RuntimeError("no free port found")

    def release(self) -> None:
        """Gives all ports back."""
        for lock in self._locks:
            lock.close()
        self._locks.clear()
