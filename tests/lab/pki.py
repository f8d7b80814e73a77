"""Keys, CSRs and chains by the openssl program, and CSRs that openssl would not make."""

from __future__ import annotations

import base64
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\n.*?-----END CERTIFICATE-----\n", re.S)


def openssl(*words: str | Path, data: str | bytes = b"") -> bytes:
    """Runs openssl; its standard output. Raises with its complaint when it fails."""
    done = subprocess.run(["openssl", *map(str, words)], input=data.encode() if isinstance(data, str) else data,
                          capture_output=True, check=False, timeout=120)
    if done.returncode:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def key(path: Path, kind: str = "ecdsa") -> Path:
    """Makes a private key: ecdsa (P-256), p384, p521, rsa (2048) or rsaBITS."""
    if kind.startswith("rsa"):
        words = ["-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{kind[3:] or 2048}"]
    elif kind == "ed25519":
        words = ["-algorithm", "ED25519"]
    else:
        curve = {"ecdsa": "P-256", "p384": "P-384", "p521": "P-521"}[kind]
        words = ["-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}"]
    openssl("genpkey", "-quiet", *words, "-out", path)
    return path


def csr(private_key: Path, names: Sequence[str], *, cn: str | None = None, san: str | None = None,
        digest: str = "sha256") -> str:
    """A CSR in PEM for these names; cn: subject (none by default); san: raw text of the extension instead of names."""
    alt = san if san is not None else ",".join(f"DNS:{name}" for name in names)
    lines = ["[req]", "distinguished_name=dn", "prompt=no", "utf8=yes", "req_extensions=ext", "[dn]",
             f"CN={cn}" if cn else "", "[ext]", f"subjectAltName={alt}" if alt else "basicConstraints=CA:FALSE"]
    with tempfile.NamedTemporaryFile("w", suffix=".cnf") as config:
        config.write("\n".join(lines))
        config.flush()
        subject = [] if cn else ["-subj", "/"]
        return openssl("req", "-new", "-config", config.name, "-key", private_key, f"-{digest}", *subject).decode()


def der(tag: int, body: bytes) -> bytes:
    """One DER element."""
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 | len(octets)]) + octets + body


def _element(data: bytes, at: int) -> tuple[int, int]:
    """Start of the content and end of the element at an offset."""
    first = data[at + 1]
    if first < 128:
        return at + 2, at + 2 + first
    count = first & 127
    size = int.from_bytes(data[at + 2:at + 2 + count], "big")
    return at + 2 + count, at + 2 + count + size


def pem_to_der(pem: str) -> bytes:
    """Bytes of the first PEM block."""
    return base64.b64decode("".join(pem.split("-----")[2].split()))


def der_to_pem(data: bytes, label: str = "CERTIFICATE REQUEST") -> str:
    """A PEM block."""
    text = base64.b64encode(data).decode()
    lines = [text[i:i + 64] for i in range(0, len(text), 64)]
    return f"-----BEGIN {label}-----\n" + "\n".join(lines) + f"\n-----END {label}-----\n"


def forge(private_key: Path, pem: str, old: bytes, new: bytes, *, sign: bool = True) -> str:
    """The CSR with some bytes of its body replaced by as many others; signed anew, unless sign is False."""
    assert len(old) == len(new)
    data = pem_to_der(pem)
    start, _ = _element(data, 0)
    _, info_end = _element(data, start)
    _, algorithm_end = _element(data, info_end)
    info = data[start:info_end].replace(old, new)
    assert info != data[start:info_end]
    tail = data[info_end:]
    if sign:
        signature = openssl("dgst", "-sha256", "-sign", private_key, data=info)
        tail = data[info_end:algorithm_end] + der(3, b"\0" + signature)
    return der_to_pem(der(0x30, info + tail))


def split_chain(chain: str) -> list[str]:
    """The certificates of a chain, leaf first."""
    return CERTIFICATE.findall(chain)


def elements(data: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    """The DER elements between two offsets: tag, start and end of the content of each."""
    found = []
    while start < end:
        content, after = _element(data, start)
        found.append((data[start], content, after))
        start = after
    return found


_AKI = bytes.fromhex("0603551d23")


def certificate_id(pem: str) -> str:
    """What renewal information is asked for by (RFC 9773 4.1): base64url of the authority key identifier's
    keyIdentifier, a dot, and base64url of the content of the serial number's DER, both unpadded."""
    data = pem_to_der(pem)
    (_, start, end), = elements(data, 0, len(data))
    body = elements(data, *elements(data, start, end)[0][1:])
    serial = next(data[a:b] for tag, a, b in body if tag == 2)
    _, start, end = next(element for element in body if element[0] == 0xA3)
    _, start, end = elements(data, start, end)[0]
    for _, a, b in elements(data, start, end):
        if data[a:b].startswith(_AKI):
            value = elements(data, a, b)[-1]
            _, inner_start, inner_end = elements(data, *value[1:])[0]
            key_id = next(data[x:y] for tag, x, y in elements(data, inner_start, inner_end) if tag == 0x80)
            return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (key_id, serial))
    raise ValueError("a certificate without authority key identifier")


def field(certificate: str, *words: str) -> str:
    """What `openssl x509 -noout WORDS` says."""
    return openssl("x509", "-noout", *words, data=certificate).decode().strip()


def names_of(certificate: str) -> list[str]:
    """DNS names of a certificate, sorted."""
    return sorted(re.findall(r"DNS:([^,\s]+)", field(certificate, "-ext", "subjectAltName")))


def public_key(of: str | Path) -> str:
    """Public key of a certificate (text) or of a private key (path), in PEM."""
    if isinstance(of, Path):
        return openssl("pkey", "-in", of, "-pubout").decode().strip()
    return field(of, "-pubkey")


def verify(chain: str, root: str, folder: Path) -> None:
    """Raises unless the chain leads from its leaf, through its other certificates, to the root."""
    certificates = split_chain(chain)
    assert certificates and "".join(certificates) == chain, f"not a clean chain of certificates:\n{chain[:2000]}"
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        paths = {name: Path(scratch, name) for name in ("leaf", "issuers", "root")}
        paths["leaf"].write_text(certificates[0])
        paths["issuers"].write_text("".join(certificates[1:]))
        paths["root"].write_text(root)
        openssl("verify", "-no-CApath", "-no-CAstore", "-CAfile", paths["root"],
                "-untrusted", paths["issuers"], paths["leaf"])


def serving_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-made CA (NAME.ca.pem) and a certificate for localhost signed by it: paths of certificate and key."""
    ca_key, ca = key(folder / f"{name}.ca.key"), folder / f"{name}.ca.pem"
    openssl("req", "-x509", "-new", "-key", ca_key, "-subj", f"/CN=lab {name} CA", "-days", "2", "-out", ca)
    leaf_key, leaf = key(folder / f"{name}.key"), folder / f"{name}.pem"
    request = csr(leaf_key, [], cn="localhost", san="DNS:localhost,IP:127.0.0.1")
    openssl("x509", "-req", "-CA", ca, "-CAkey", ca_key, "-days", "2", "-copy_extensions", "copy",
            "-set_serial", "1", "-out", leaf, data=request)
    return leaf, leaf_key
