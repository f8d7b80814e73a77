"""Goal: certificates of other programs' making are found in a folder and renewed where they are, by the rules of
periodic (certmill renew --scan); what cannot be renewed is left as it is, and said why."""

from __future__ import annotations

import subprocess
from pathlib import Path

from client_support import ClientCase
from lab import pki
from lab.server import BIN, clean_env
from support import main

ALWAYS = {"cert-renew-threshold-days": 3650}
"""Pebble's certificates have five years at most, so that each is due."""


class Scan(ClientCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = self.path / "ssl"
        self.folder.mkdir()
        self.settings = {"certgrinderd": self.ssh, "scan": str(self.folder)}
        self.write()

    def issue(self, *names: str, kind: str = "ecdsa") -> tuple[str, list[str]]:
        """A key and the chain for it, as another program had them."""
        key = pki.key(self.path / f"{names[0]}-{kind}.key", kind)
        answer = self.lab.ssh(self.key, "get", "certificate", data=pki.csr(key, list(names)))
        self.assertEqual(answer.status, 0, answer.stderr)
        return key.read_text(), pki.split_chain(answer.stdout)

    def put(self, name: str, *parts: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(part.rstrip("\n") + "\n" for part in parts))
        return path

    def renew(self, status: int = 0, **more: object) -> str:
        self.settings.update({key.replace("_", "-"): value for key, value in more.items()})
        self.write()
        done = self.certmill("renew")
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stderr

    def texts(self) -> dict[str, str]:
        return {str(path.relative_to(self.folder)): path.read_text() for path in sorted(self.folder.rglob("*"))
                if path.is_file() and ".certmill" not in path.parts}

    def test_renewed_in_place(self) -> None:
        """certbot's files, a combined one, and a service that is told."""
        key, chain = self.issue("www.example.org", "mail.example.org")
        seen = self.path / "seen"
        hook = self.put("../hook", "#!/bin/sh", f'printf "%s|%s\\n" "$CERTMILL_NAMES" "$CERTMILL_PATHS" >> {seen}')
        hook.chmod(0o755)
        self.put("www/privkey.pem", key).chmod(0o600)
        self.put("www/cert.pem", chain[0])
        self.put("www/chain.pem", *chain[1:])
        self.put("www/fullchain.pem", *chain)
        combined = self.put("haproxy.pem", *chain, key)
        combined.chmod(0o640)
        before = self.texts()
        self.assertIn("1 fine, 0 renewed", self.renew(post_renew_hooks=[str(hook)]))
        self.assertEqual(self.texts(), before)
        self.assertFalse(seen.exists())
        self.assertIn("0 fine, 1 renewed, 0 left alone, 0 failed", self.renew(**ALWAYS))
        after = self.texts()
        full = after["www/fullchain.pem"]
        pki.verify(full, self.lab.ca.root(), self.path)
        parts = pki.split_chain(full)
        self.assertNotEqual(parts[0], chain[0])
        self.assertEqual(pki.names_of(parts[0]), ["mail.example.org", "www.example.org"])
        self.assertEqual(pki.split_chain(after["www/cert.pem"]), parts[:1])
        self.assertEqual(pki.split_chain(after["www/chain.pem"]), parts[1:])
        self.assertEqual(pki.split_chain(after["haproxy.pem"]), parts)
        self.assertIn(key.strip(), after["haproxy.pem"])
        self.assertEqual(after["www/privkey.pem"], before["www/privkey.pem"])
        self.assertEqual(after["haproxy.pem.old"], before["haproxy.pem"])
        self.assertEqual(combined.stat().st_mode & 0o777, 0o640)
        self.assertEqual(seen.read_text(), f"www.example.org|{combined}\n", "once")

    def test_two_types(self) -> None:
        for kind in ("rsa", "ecdsa"):
            key, chain = self.issue("www.example.org", kind=kind)
            self.put(f"{kind}.key", key)
            self.put(f"{kind}.crt", *chain)
        self.assertIn("2 renewed", self.renew(**ALWAYS))

    def test_two_keys_for_one_name(self) -> None:
        """They share a lock, and each has its turn."""
        for folder in ("a", "b"):
            key, chain = self.issue("www.example.org", *(["mail.example.org"] if folder == "a" else []))
            self.put(f"{folder}/all.pem", key, *chain)
        before = self.texts()
        self.assertIn("0 fine, 2 renewed", self.renew(**ALWAYS))
        after = self.texts()
        for name in before:
            self.assertNotEqual(before[name], after[name])

    def test_two_runs_order_once(self) -> None:
        key, chain = self.issue("www.example.org")
        self.put("all.pem", key, *chain)
        self.settings.update(ALWAYS)
        self.write()
        before = self.lab.more.counted()["orders"]
        hold = self.lab.proxy.hold("/chalZ/")
        try:
            first = self.spawn()
            hold.wait_reached()
            second = self.spawn()
            said = ""
            while second.stderr and "waiting for another run" not in said:
                line = second.stderr.readline()
                self.assertTrue(line, said)
                said += line
        finally:
            self.lab.proxy.clear()
        ends = [first.communicate(timeout=120)[1], second.communicate(timeout=120)[1]]
        self.assertEqual((first.returncode, second.returncode), (0, 0), ends)
        self.assertIn("0 fine, 1 renewed", ends[0])
        self.assertIn("somebody else has replaced its files just now", ends[1])
        self.assertIn("1 fine, 0 renewed", ends[1])
        self.assertEqual(self.lab.more.counted()["orders"] - before, 1)

    def spawn(self) -> subprocess.Popen[str]:
        return subprocess.Popen([BIN / "certmill", "--config-file", self.config, "renew"], stdin=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True, env=clean_env())

    def test_files_that_disagree(self) -> None:
        """As a crash leaves them: brought to one certificate, though it is not due."""
        key, chain = self.issue("www.example.org")
        self.put("key.pem", key)
        self.put("full.pem", *chain)
        answer = self.lab.ssh(self.key, "--force", "get", "certificate",
                              data=pki.csr(self.path / "www.example.org-ecdsa.key", ["www.example.org"]))
        self.put("cert.pem", pki.split_chain(answer.stdout)[0])
        self.assertIn("hold different certificates", self.renew())
        texts = self.texts()
        self.assertEqual(pki.split_chain(texts["full.pem"])[:1], pki.split_chain(texts["cert.pem"]))
        self.assertIn("1 fine", self.renew())

    def test_not_ours(self) -> None:
        key = pki.key(self.folder / "self.key", "ecdsa")
        subprocess.run(["openssl", "req", "-x509", "-key", key, "-subj", "/CN=x", "-out", self.folder / "self.crt",
                        "-addext", "subjectAltName=DNS:www.example.org"], check=True, capture_output=True, timeout=60)
        before = self.texts()
        log = self.renew(**ALWAYS)
        self.assertIn("self.crt", log)
        self.assertIn("it is signed by itself", log)
        self.assertIn("0 renewed, 1 left alone, 0 failed", log)
        subprocess.run(["openssl", "pkcs8", "-topk8", "-in", key, "-passout", "pass:x", "-out", self.folder / "locked.key"],
                       check=True, capture_output=True, timeout=60)
        log = self.renew(1)
        self.assertIn("pass phrase", log)
        self.assertEqual({name: text for name, text in self.texts().items() if name in before}, before)

    def test_refused_name_leaves_all(self) -> None:
        """The server does not permit it (any more): its sentence, and files as they were."""
        key, chain = self.issue("www.example.org")
        self.put("a.pem", key, *chain)
        before = self.texts()
        other = self.lab.sshd.add_client(f"{self._testMethodName}-other", "mail.example.org")
        self.settings["certgrinderd"] = " ".join(self.lab.sshd.command(other))
        self.assertIn("www.example.org", self.renew(1, **ALWAYS))
        self.assertEqual(self.texts(), before)

    def test_certbots_folder(self) -> None:
        """Links within the folder are followed, and stay; those that lead out are not."""
        key, chain = self.issue("www.example.org")
        self.put("archive/key1.pem", key)
        self.put("archive/fullchain1.pem", *chain)
        (self.folder / "live").mkdir()
        for name in ("key", "fullchain"):
            (self.folder / "live" / f"{name}.pem").symlink_to(f"../archive/{name}1.pem")
        self.renew(**ALWAYS)
        self.assertTrue((self.folder / "live" / "fullchain.pem").is_symlink())
        now = pki.split_chain((self.folder / "live" / "fullchain.pem").read_text())
        self.assertNotEqual(now[0], chain[0])
        self.settings["scan"] = str(self.folder / "live")
        log = self.renew(1)
        self.assertIn("fullchain.pem is a link out of the folder", log)
        self.assertIn("0 renewed, 0 left alone, 1 failed", log)
        self.assertEqual(pki.split_chain((self.folder / "live" / "fullchain.pem").read_text()), now)

    def test_usage(self) -> None:
        del self.settings["scan"]
        self.write()
        done = self.certmill("renew")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--scan", done.stderr)
        done = self.certmill("renew", "--scan", "/nonexistent")
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nonexistent", done.stderr)
        self.assertIn("0 fine, 0 renewed", self.renew(scan=str(self.folder)))


if __name__ == "__main__":
    main()
