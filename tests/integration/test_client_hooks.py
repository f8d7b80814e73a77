"""Goal: hooks run once, in their order, with the names of what is new, and one that fails or hangs shows in the exit status;
copies are what other programs take."""

import signal
import ssl
import stat
from pathlib import Path

from lab import pki
from client_support import SETS, SUFFIXES, PeriodicCase
from support import main

FIRST = "www.example.org"
FORMS = ("combined", "pkcs12", "der", "chain", "certificate", "key")


class ClientHooks(PeriodicCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.lab.folder, f"{self._testMethodName}.more")
        self.folder.mkdir()

    def test_folder_and_names(self) -> None:
        """All of them once, in their order, told what is new; one that fails keeps none of the others from it."""
        trace, hooks = self.folder / "trace", self.folder / "hooks"
        hooks.mkdir()
        for name, text in (("20-b", f'echo "b $CERTMILL_NAMES" >>{trace}'), ("15-fails", "echo no such service; exit 3"),
                           ("10-a", f'echo "a $CERTMILL_DOMAINS" >>{trace}; echo "$CERTMILL_PATHS" >>{trace}'),
                           ("10-a~", f"echo wrong >>{trace}")):
            (hooks / name).write_text(text)
        self.set(**{"key-type-list": ["rsa", "ecdsa"], "domain-list": SETS, "post-renew-hooks-dir": str(hooks),
                    "post-renew-hooks": [f"sh -c 'echo first $CERTMILL_NAMES >>{trace}'"],
                    "post-renew-hooks-dir-runner": "/bin/sh -u"})
        said = self.periodic("0 fine, 4 renewed, 0 failed; a post-renew hook failed", status=1)
        self.assertIn("15-fails failed, exit status 3: no such service", said)
        sets = [FIRST, "xn--plse-gra.example.org"]
        paths = [f"{self.path}/{name}-chain.{kind}.crt" for name in sets for kind in ("rsa", "ecdsa")]
        self.assertEqual(trace.read_text().splitlines(), [f"first {' '.join(sets)}", f"a {';'.join([SETS[0], sets[1]])}",
                                                          *paths, f"b {' '.join(sets)}"])
        trace.write_text("")
        (hooks / "15-fails").unlink()
        self.file(FIRST, SUFFIXES[3], "rsa").unlink()
        self.periodic("3 fine, 1 renewed, 0 failed")
        self.assertEqual(trace.read_text().splitlines(), [f"first {FIRST}", f"a {SETS[0]}", paths[0], f"b {FIRST}"])
        self.periodic("4 fine, 0 renewed, 0 failed")
        self.assertEqual(len(trace.read_text().splitlines()), 4, "nothing is new")

    def test_ended_before_its_hooks(self) -> None:
        """Files that are in place, of which nobody has been told: the next run does so, once, though it renews nothing."""
        trace = self.folder / "trace"
        self.set(**{"post-renew-hooks": ["sh -c 'kill -9 $PPID'"]})
        done = self.certmill("periodic", "--now")
        self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
        self.set(**{"post-renew-hooks": [f"sh -c 'echo $CERTMILL_NAMES >>{trace}'"]})
        said = self.periodic("1 fine, 0 renewed, 0 failed")
        self.assertIn("was ended before it had told services", said)
        self.assertEqual(trace.read_text().split(), [FIRST])
        self.assertNotIn("was ended", self.periodic("1 fine, 0 renewed, 0 failed"))
        self.assertEqual(trace.read_text().split(), [FIRST])

    def test_takes_too_long(self) -> None:
        self.set(**{"post-renew-hooks": ["sh -c 'echo going; sleep 3600'"], "hook-timeout": 2})
        said = self.periodic("0 fine, 1 renewed, 0 failed; a post-renew hook failed", status=1)
        self.assertIn("hook sh took longer than hook-timeout, 2 s", said)
        self.ok("check", "certificate")

    def test_copies(self) -> None:
        """Each is what openssl, or who uses its library, reads; they follow the renewal."""
        secret = self.folder / "password"
        secret.write_text("a pass phrase\n")
        secret.chmod(0o600)
        paths = {form: self.folder / f"{FIRST}.ecdsa.{form}" for form in FORMS}
        rows = [{"form": form, "path": f"{self.folder}/{{name}}.{{type}}.{form}", "mode": "0600"} for form in paths]
        rows[1]["password-file"] = str(secret)
        self.set(copies=rows)
        key, before = self.file(FIRST, SUFFIXES[0], "ecdsa"), ""
        for _ in range(2):
            self.ok("get", "certificate")
            chain = self.chain()
            self.assertNotEqual(chain, before)
            before = chain
            leaf = pki.split_chain(chain)[0]
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(paths["combined"])  # which takes no key that does not fit
            self.assertEqual(paths["combined"].read_text(), self.file(FIRST, SUFFIXES[5], "ecdsa").read_text())
            found = pki.openssl("pkcs12", "-in", paths["pkcs12"], "-passin", f"file:{secret}", "-nodes").decode()
            self.assertEqual(sorted(pki.split_chain(found)), sorted(pki.split_chain(chain)))
            self.assertEqual(pki.openssl("pkey", "-pubout", data=found), pki.openssl("pkey", "-pubout", "-in", key))
            with self.assertRaises(RuntimeError):
                pki.openssl("pkcs12", "-in", paths["pkcs12"], "-passin", "pass:another", "-nodes")
            self.assertEqual(pki.openssl("x509", "-inform", "DER", "-in", paths["der"]).decode(), leaf)
            self.assertEqual(paths["chain"].read_text(), chain)
            self.assertEqual(paths["certificate"].read_text(), leaf)
            self.assertEqual(paths["key"].read_text(), key.read_text())
            self.assertEqual({stat.S_IMODE(path.stat().st_mode) for path in paths.values()}, {0o600})
        self.periodic("1 fine, 0 renewed, 0 failed", orders=0)


if __name__ == "__main__":
    main()
