"""A host of certgrinder's, with both halves, as certgrinder_parts.py plays them; and that client as a program:

original.py --config-file FILE check connection|get certificate
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import certgrinder_parts

if TYPE_CHECKING:
    from try_guide import Reader

CONFIG = Path("/etc/certgrinder.yml")
FILES = Path("/etc/certgrinder/certificates")
KEYS = Path("/home/certgrinderd/.ssh/authorized_keys")
SETTINGS = """\
certgrinderd: "ssh -T certgrinderd@certgrinder.example.com --"
path: /etc/certgrinder/certificates
key-type-list: [ecdsa]
domain-list:
  - www.example.org
post-renew-hooks:
  - systemctl reload nginx
"""
LINE = ('from="192.0.2.53,192.0.2.60,2001:db8::53",environment="CERTGRINDERD_DOMAINSETS=www.example.org;mail.example.org",'
        'command="/usr/local/bin/certgrinderd $SSH_ORIGINAL_COMMAND",restrict ')
ZONE = "acme.example.com. 60 SOA ns1.example.com. h.example.com. 1 3600 600 604800 60\nacme.example.com. 60 NS certgrinder.example.com.\n"
NSD = """\
server:
  ip-address: 192.0.2.60
  username: ""
  chroot: ""
  zonesdir: "/etc/nsd"
  database: ""
  pidfile: ""
remote-control:
  control-enable: no
zone:
  name: acme.example.com
  zonefile: acme.zone
"""
# Beside a host that has its port 53 the new one is another, with addresses of its own.
SOCKETS = "[Socket]\nListenDatagram=\nListenStream=\nListenDatagram=192.0.2.53:53\nListenStream=192.0.2.53:53\n"
DROP_IN = Path("/etc/systemd/system/certmilld.socket.d/other-host.conf")
SERVER = Path("/etc/certmill/certmilld.yaml")


def prepare(reader: Reader) -> None:
    """Set up long ago: server and client on this host, a certificate, and a web server that has it."""
    from internet import run
    reader.world.publish(["certgrinder.example.com. A 192.0.2.60", "acme.example.com. NS certgrinder.example.com.",
                          "_acme-challenge.www.example.org. CNAME www.example.org.acme.example.com."])
    Path("/etc/nsd/acme.conf").write_text(NSD)
    Path("/etc/nsd/acme.zone").write_text(ZONE)
    reader.host.others["nsd"] = ["nsd", "-d", "-c", "/etc/nsd/acme.conf"]
    reader.host.others["nginx"] = [word.replace("/etc/certmill/certificates", str(FILES)) for word in reader.host.others["nginx"]]
    run("useradd", "--create-home", "--shell", "/bin/sh", "certgrinderd")
    folder = Path("/home/certgrinderd/original")
    for path in (folder, KEYS.parent, FILES, Path("/root/.ssh")):
        path.mkdir(parents=True, exist_ok=True)
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9", "-subj", "/CN=CA",
        "-keyout", folder / "ca.key", "-out", folder / "ca.crt", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    shutil.copy(folder / "ca.crt", "/usr/local/share/ca-certificates/original.crt")
    run("update-ca-certificates")
    for name, words in (("certgrinderd", f"{certgrinder_parts.__file__} {folder}"), ("certgrinder", __file__)):
        program = Path("/usr/local/bin", name)
        program.write_text(f'#!/bin/sh\nPYTHONPATH={":".join(sys.path)} exec {sys.executable} {words} "$@"\n')
        program.chmod(0o755)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/root/.ssh/id_ed25519")
    KEYS.write_text(LINE + Path("/root/.ssh/id_ed25519.pub").read_text())
    run("chown", "-R", "certgrinderd:", "/home/certgrinderd")
    Path("/root/.ssh/known_hosts").write_text(run("ssh-keyscan", "-t", "ed25519", "certgrinder.example.com"))
    Path("/etc/ssh/sshd_config.d/certgrinder.conf").write_text("PermitUserEnvironment CERTGRINDERD_DOMAINSETS\n")
    CONFIG.write_text(SETTINGS)
    run("systemctl", "restart", "ssh", "nsd")
    run("certgrinder", "--config-file", CONFIG, "get", "certificate")
    run("systemctl", "start", "nginx")


def other_host(reader: Reader) -> None:
    """What the page says of a new host by naming steps of another page: 1 to 4, and 6 with the old lines."""
    DROP_IN.parent.mkdir(parents=True)
    DROP_IN.write_text(SOCKETS)
    reader.world.publish(["ns2.example.com. A 192.0.2.53", "acme2.example.com. NS ns2.example.com."])
    reader.step("apt install ./certmill-server_*.deb")
    SERVER.write_text("zones:\n  - name: acme2.example.com\n    nameservers: [ns2.example.com]\n    hostmaster: h@example.com\n")
    for command in ("nft insert rule inet filter input meta l4proto '{ tcp, udp }' th dport 53 accept",
                    "systemctl enable --now certmilld.socket certmilld.service",
                    "useradd --system --create-home --home-dir /var/lib/certmill-acme --shell /bin/sh --groups certmill acme"):
        reader.step(command)
    shutil.copy(KEYS, "/etc/certmill/authorized_keys")
    Path("/etc/ssh/sshd_config.d/certmill.conf").write_text("Match User acme\n    AuthorizedKeysFile /etc/certmill/authorized_keys\n")
    reader.step("sshd -t && systemctl reload ssh")


def lose_certificate(reader: Reader) -> None:
    """Something is to be done."""
    (FILES / "www.example.org-certificate.ecdsa.crt").resolve().unlink()
    reader.step("! certmill --config-file /etc/certgrinder.yml --quiet check certificate 2>/dev/null")


def change_cname(reader: Reader) -> None:
    """To the new zone, and its TTL is over."""
    reader.world.withdraw(["_acme-challenge.www.example.org. CNAME www.example.org.acme.example.com."])
    reader.world.publish(["_acme-challenge.www.example.org. CNAME www.example.org.acme2.example.com."])


def old_place(reader: Reader) -> None:
    """As if the other host had never been."""
    reader.step("systemctl disable --now certmilld.service certmilld.socket")
    reader.step("rm -r /var/lib/certmill/store /var/lib/certmill/keys")
    DROP_IN.unlink()
    SERVER.write_text("")
    CONFIG.write_text(SETTINGS)
    reader.world.withdraw(["_acme-challenge.www.example.org. CNAME www.example.org.acme2.example.com."])
    reader.world.publish(["_acme-challenge.www.example.org. CNAME www.example.org.acme.example.com."])


# -- the client --

def _files(names: str) -> dict[str, Path]:
    stem = FILES / names.split(",")[0]
    return {word: Path(f"{stem}-{word}.ecdsa.{end}") for word, end in
            (("keypair", "key"), ("request", "csr"), ("certificate", "crt"), ("chain", "crt"), ("issuer", "crt"), ("concat", "pem"))}


def _get(client: certgrinder_parts.Client, names: str) -> bool:
    files = _files(names)
    first = names.split(",")[0]
    if not files["keypair"].exists():
        subprocess.run(["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout", "-out", files["keypair"]], check=True)
        files["keypair"].chmod(0o640)
    subprocess.run(["openssl", "req", "-new", "-key", files["keypair"], "-subj", f"/CN={first}", "-addext", "subjectAltName=" +
                    ",".join(f"DNS:{name}" for name in names.split(",")), "-out", files["request"]], check=True)
    answer = client.run("get", "certificate", data=files["request"].read_text())
    if not answer:
        return False
    leaf, *issuers = re.findall(r"-----BEGIN.*?-----END CERTIFICATE-----\n", answer.decode(), flags=re.S)
    for word, text in (("certificate", leaf), ("chain", answer.decode()), ("issuer", "".join(issuers)),
                       ("concat", files["keypair"].read_text() + answer.decode())):
        files[word].write_text(text)  # through a link, where there is one
    return True


def main() -> int:
    """As certgrinder: status 0 where all went well."""
    text = Path(sys.argv[2]).read_text()
    client = certgrinder_parts.Client(re.findall(r'^certgrinderd: "(.*)"$', text, flags=re.M)[0])
    if sys.argv[3:] == ["check", "connection"]:
        return 0 if client.ping() else 1
    sets = re.findall(r"^  - (\S+)$", text.split("post-renew-hooks")[0], flags=re.M)
    if not all([_get(client, names) for names in sets]):
        return 1
    return os.system("systemctl reload nginx")


if __name__ == "__main__":
    sys.exit(main())
