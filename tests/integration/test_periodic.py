"""Goal: periodic renews what is due and nothing else, and says how many were fine, renewed, failed."""

import json
import time
from pathlib import Path

from lab import pki
from client_support import SETS, SUFFIXES, PeriodicCase
from support import main

FIRST = "www.example.org"
CHAIN, KEY = SUFFIXES[3], SUFFIXES[0]


class Periodic(PeriodicCase):
    def test_days_left(self) -> None:
        """cert-renew-threshold-days wins: the CA is not asked, and the server gives no old one again."""
        self.set(**{"domain-list": SETS, "cert-renew-threshold-days": 1})
        self.periodic("0 fine, 2 renewed, 0 failed", orders=2)
        first = self.chain()
        self.periodic("2 fine, 0 renewed, 0 failed", orders=0)
        self.ok("check", "certificate")
        key = self.file(FIRST, KEY, "ecdsa").read_text()
        self.set(**{"cert-renew-threshold-days": 3650})
        self.assertIn("to be renewed since", self.certmill("check", "certificate").stdout)
        self.periodic("0 fine, 2 renewed, 0 failed", orders=2)
        self.assertNotEqual(self.chain(), first)
        self.assertEqual(self.file(FIRST, KEY, "ecdsa").read_text(), key, "the key is kept")
        self.lab.check_chain(self.chain(), SETS[0].split(","), self.file(FIRST, KEY, "ecdsa"))
        self.assertEqual(self.lab.more.violations, [])
        self.assertEqual(list(self.path.glob(".certmill/*/renewal.json")), [])

    def test_ca_wants_it(self) -> None:
        """RFC 9773 4.2: a window that has passed means now; its next one is kept, and not asked for again."""
        self.set(**{"cert-renew-threshold-days": 1})
        self.periodic("0 fine, 1 renewed, 0 failed")
        first = self.chain()
        self.lab.more.set_window(self.lab.more.id_of(first), time.time() - 7200, time.time() - 3600)
        self.set(**{"cert-renew-threshold-days": 0})
        asked = len(self.lab.more.asked)
        self.periodic("0 fine, 1 renewed, 0 failed", orders=1)
        self.assertNotEqual(self.chain(), first)
        self.assertEqual(len(self.lab.more.asked) - asked, 2, "the old one's, the new one's")
        window = self.lab.more.issued[self.lab.more.id_of(self.chain())].window["suggestedWindow"]
        kept = json.loads(next(self.path.glob(".certmill/*/renewal.json")).read_text())
        self.assertEqual(kept["suggestedWindow"], window)
        self.periodic("1 fine, 0 renewed, 0 failed", orders=0)
        self.assertEqual(len(self.lab.more.asked) - asked, 2)
        found = self.json("check", "certificate")["items"][0]
        self.assertEqual((found["good"], found["renew_by"]), (True, "ca"))
        self.assertTrue(window["start"] <= found["renew_at"] <= window["end"], found)

    def test_nothing_to_do_starts_nothing(self) -> None:
        mark = Path(self.lab.folder, f"{self._testMethodName}.mark")
        hook = Path(self.lab.folder, f"{self._testMethodName}.hook")
        self.set(**{"key-type-list": ["rsa", "ecdsa"], "post-renew-hooks": [f"touch {hook}"]})
        self.periodic("0 fine, 2 renewed, 0 failed")
        self.assertTrue(hook.exists())
        hook.unlink()
        self.set(certgrinderd=f"touch {mark}")
        self.periodic("2 fine, 0 renewed, 0 failed")
        self.assertFalse(mark.exists() or hook.exists())

    def test_changed_names(self) -> None:
        self.periodic("0 fine, 1 renewed, 0 failed")
        first = self.chain()
        self.set(**{"domain-list": [FIRST]})
        self.assertIn("mail.example.org", self.certmill("check", "certificate").stdout)
        self.periodic("0 fine, 1 renewed, 0 failed", orders=1)
        self.assertNotEqual(self.chain(), first)
        self.lab.check_chain(self.chain(), [FIRST], self.file(FIRST, KEY, "ecdsa"))
        self.periodic("1 fine, 0 renewed, 0 failed", orders=0)

    def test_damaged_files_are_mended_without_an_order(self) -> None:
        """The server has the certificate still, and gives it again."""
        self.periodic("0 fine, 1 renewed, 0 failed")
        first = self.chain()
        self.file(FIRST, CHAIN, "ecdsa").unlink()
        self.assertEqual(self.certmill("check", "certificate").returncode, 1)
        self.periodic("0 fine, 1 renewed, 0 failed", orders=0)
        self.assertEqual(self.chain(), first)

    def test_one_is_refused(self) -> None:
        hook = Path(self.lab.folder, f"{self._testMethodName}.hook")
        self.set(**{"post-renew-hooks": [f"/bin/sh -c 'echo $CERTMILL_NAMES >> {hook}'"]})
        self.periodic("0 fine, 1 renewed, 0 failed")
        self.set(**{"domain-list": ["host01.example.org", *SETS]})
        said = self.periodic("1 fine, 1 renewed, 1 failed", status=1)
        self.assertRegex(said, r"ERROR \[host01.example.org ecdsa\] .*host01.example.org")
        self.assertEqual(hook.read_text().split(), [FIRST, "xn--plse-gra.example.org"], "of those that are new alone")
        self.assertEqual(list(self.path.glob("host01*.crt")), [])

    def test_key_that_no_renewal_mends(self) -> None:
        self.periodic("0 fine, 1 renewed, 0 failed")
        first = self.chain()
        key = self.file(FIRST, KEY, "ecdsa")
        pki.openssl("pkcs8", "-topk8", "-in", key, "-out", f"{key}.new", "-passout", "pass:secret")
        Path(f"{key}.new").replace(key)
        said = self.periodic("0 fine, 0 renewed, 1 failed", status=1, orders=0)
        self.assertIn("pass phrase", said)
        self.assertEqual(self.chain(), first)

    def test_failed_hook(self) -> None:
        self.set(**{"post-renew-hooks": ["/bin/sh -c 'echo no such service >&2; exit 3'"]})
        said = self.periodic("0 fine, 1 renewed, 0 failed; a post-renew hook failed", status=1)
        self.assertIn("no such service", said)
        self.periodic("1 fine, 0 renewed, 0 failed")

    def test_check(self) -> None:
        self.set(**{"key-type-list": ["rsa", "ecdsa"]})
        found = self.json("check", "certificate", status=1)
        self.assertEqual([item["problems"] for item in found["items"]], [["no certificate", "no key"]] * 2)
        self.periodic("0 fine, 2 renewed, 0 failed")
        found = self.json("check", "certificate")
        self.assertTrue(found["good"])
        self.assertEqual({item["type"] for item in found["items"]}, {"rsa", "ecdsa"})
        self.assertEqual(self.ok("--quiet", "check", "certificate"), "")
        self.set(**{"invalid-ca-cn-list": [found["items"][0]["issuer"]]})
        self.assertIn("invalid-ca-cn-list", self.certmill("check", "certificate").stdout)
        self.periodic("0 fine, 0 renewed, 2 failed", status=1)


if __name__ == "__main__":
    main()
