"""TLSA records made by openssl and hashlib, to compare ours with."""

import hashlib
from pathlib import Path

from lab import pki

TYPES = ("310", "311", "312")
FOREIGN = f"3 1 1 {'AB' * 32}"


def spki(path: Path) -> bytes:
    """SubjectPublicKeyInfo of a private key, DER, by openssl."""
    return pki.openssl("pkey", "-in", path, "-pubout", "-outform", "DER")


def rdata(octets: bytes, kind: str) -> str:
    """RFC 6698 2.1.3: all of it, or its SHA-256 or SHA-512 digest."""
    data = {"0": octets, "1": hashlib.sha256(octets).digest(), "2": hashlib.sha512(octets).digest()}[kind[2]]
    return f"{' '.join(kind)} {data.hex().upper()}"


def lines_of(text: str) -> list[str]:
    """What a nameserver would read: no comments."""
    return [line for line in text.splitlines() if not line.startswith(";")]
