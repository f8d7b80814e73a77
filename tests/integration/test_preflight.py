"""Goal: what a CA would find wrong is told before a CA is asked, with the record that mends it; and by the commands
`certmillctl check` and `certmill-shell check` alone."""

from __future__ import annotations

import json

from lab import CaOptions, LabOptions, target_of
from support import OK, POLICY, USAGE, LabCase, main

ZONE = "check.org"


def cname(label: str, target: str | None = None) -> str:
    """The challenge record of a label of the zone."""
    return f"_acme-challenge.{label}.{ZONE}. 60 IN CNAME {target or target_of(f'{label}.{ZONE}')}."


ROWS = [
    cname("good"),
    cname("far", f"step.{ZONE}"),
    f"step.{ZONE}. CNAME {target_of(f'far.{ZONE}')}.",
    f"*.wild.{ZONE}. CNAME web.{ZONE}.",
    f"web.{ZONE}. A 192.0.2.1",
    cname("loop", f"loop1.{ZONE}"),
    f"loop1.{ZONE}. CNAME loop2.{ZONE}.",
    f"loop2.{ZONE}. CNAME loop1.{ZONE}.",
    cname("gone", f"nothing.{ZONE}"),
    cname("typo", target_of(f"tpyo.{ZONE}")),
    cname("other", target_of("somebody.example.net")),
    f'_acme-challenge.txt.{ZONE}. TXT "left behind"',
    cname("permits"),
    f'permits.{ZONE}. CAA 0 issue "pebble.example; validationmethods=dns-01"',
    cname("forbids"),
    f'forbids.{ZONE}. CAA 0 issue "ca.invalid"',
    cname("deep.forbids"),
    cname("account"),
    f'account.{ZONE}. CAA 0 issue "pebble.example; accounturi=https://ca.invalid/acct/1"',
    cname("method"),
    f'method.{ZONE}. CAA 0 issue "pebble.example; validationmethods=http-01"',
    cname("critical"),
    f"critical.{ZONE}. CAA 128 tbs unknown",
]

BROKEN = "broken.org"
EXPIRED = [f"_acme-challenge.{BROKEN}. CNAME {target_of(BROKEN)}."]


class Preflight(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0), zones={ZONE: ROWS, BROKEN: EXPIRED},
                         expired=[BROKEN], hosts=100)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        config = cls.lab.server.config
        config["authorities"] = [{"name": "pebble", "directory": config.pop("acme-server-url"),
                                  "caa": ["pebble.example"]}]
        cls.lab.server.restart()

    def refused(self, label: str, *texts: str) -> None:
        """Refused, and said why, without a word to the CA."""
        name = f"{label}.{ZONE}" if label else BROKEN
        asked = len(self.lab.proxy.seen)
        answer = self.assert_status(self.lab.get([name]), POLICY)
        for text in texts:
            self.assertIn(text, answer.stderr)
        self.assertEqual(len(self.lab.proxy.seen), asked, "the CA hears nothing of it")
        self.assert_no_challenge()

    def mended_by_cname(self, label: str, text: str) -> None:
        name = f"{label}.{ZONE}"
        self.refused(label, text, f'publish "_acme-challenge.{name}. CNAME {target_of(name)}."')

    def test_issued(self) -> None:
        for label in ("good", "far", "permits"):
            with self.subTest(label):
                self.assert_issued(self.lab.get([f"{label}.{ZONE}"]), [f"{label}.{ZONE}"])
        self.assert_no_challenge()

    def test_cname(self) -> None:
        self.mended_by_cname("none", "has no CNAME")
        self.mended_by_cname("txt", "has TXT records of its own")
        self.mended_by_cname("www.wild", "a wildcard CNAME answers for it")
        self.mended_by_cname("loop", "in a loop of CNAMEs")
        self.mended_by_cname("gone", f"leads to nothing.{ZONE}, which does not exist")
        self.mended_by_cname("typo", "mistyped")
        self.mended_by_cname("other", "not the name of this domain's record")

    def test_caa(self) -> None:
        """RFC 8659 3 (climbing), 4.5 (critical); RFC 8657 3, 4."""
        url = self.lab.server.ctl("accounts")["accounts"]
        account = f"; accounturi={url[0]['url']}" if url else ""
        record = f'publish "forbids.{ZONE}. CAA 0 issue "pebble.example{account}""'
        self.refused("forbids", "pebble may not issue", record)
        self.refused("deep.forbids", record)
        self.refused("method", "by another validation method")
        self.refused("critical", "critical property")
        self.assert_issued(self.lab.get([f"good.{ZONE}"]), [f"good.{ZONE}"])  # so that there is an account
        self.refused("account", "for another account only")

    def test_dnssec(self) -> None:
        self.refused("", f"the DNSSEC chain of _acme-challenge.{BROKEN} is broken")

    def test_100_names(self) -> None:
        names = [f"host{i:02}.example.org" for i in range(100)]
        self.assert_issued(self.lab.get(names), names)
        self.assert_no_challenge()

    def test_ctl(self) -> None:
        done = self.lab.server.ctl_text("check", f"good.{ZONE}", f"*.good.{ZONE}")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("good     acme.example.com is delegated to this server", done.stdout)
        done = self.lab.server.ctl_text("check", f"good.{ZONE}", f"none.{ZONE}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("WRONG    _acme-challenge.none", done.stdout)
        self.assertIn("good     _acme-challenge.good", done.stdout)
        done = self.lab.server.ctl_text("--json", "check", f"forbids.{ZONE}")
        self.assertEqual(done.returncode, 1)
        data = json.loads(done.stdout)
        self.assertFalse(data["good"])
        finding, = (row for row in data["findings"] if row["severity"] != "good")
        self.assertEqual((finding["name"], finding["kind"], finding["severity"], finding["authority"]),
                         (f"forbids.{ZONE}", "caa", "definite", "pebble"))
        self.assertEqual(self.lab.server.ctl_text("check").returncode, 2)
        self.assertEqual(self.lab.server.ctl_text("check", "no name").returncode, 1)
        self.assert_no_challenge()

    def test_shell(self) -> None:
        permitted = f"good.{ZONE},none.{ZONE}"
        answer = self.lab.shell("check", f"good.{ZONE}", domains=permitted)
        self.assertEqual((answer.status, answer.stdout), (OK, "good\n"), answer.stderr)
        self.assertIn(f"leads to {target_of(f'good.{ZONE}')}", answer.stderr)
        answer = self.lab.shell(domains=permitted, command=f"check good.{ZONE} none.{ZONE}")
        self.assert_status(answer, POLICY)
        self.assertIn(f"ERROR _acme-challenge.none.{ZONE} has no CNAME", answer.stderr)
        answer = self.assert_status(self.lab.shell("check", f"far.{ZONE}", domains=permitted), POLICY)
        self.assertNotIn("_acme-challenge", answer.stderr, "a name that it may not have is not looked at")
        self.assert_status(self.lab.shell("check", domains=permitted), USAGE)


class Resolvers(LabCase):
    """What comes between us and the answers."""

    options = LabOptions(ca=CaOptions(authz_reuse=0))

    def reloaded(self, **config: object) -> None:
        self.lab.server.config.update({key.replace("_", "-"): value for key, value in config.items()})
        self.lab.server.write_config()
        self.lab.server.ctl("reload")

    def test_dead_resolver(self) -> None:
        """It may be back in a while: the client is warned, and the CA asked."""
        self.reloaded(resolver=[f"127.0.0.1:{self.lab.take_port()}"])
        answer = self.lab.get(["www.example.org"])
        self.assertIn("WARNING the resolver does not answer", answer.stderr)
        self.assert_issued(answer, ["www.example.org"])

    def test_second_resolver(self) -> None:
        self.reloaded(resolver=[f"127.0.0.1:{self.lab.take_port()}", f"127.0.0.1:{self.lab.resolver.port}"])
        answer = self.lab.get(["mail.example.org"])
        self.assertNotIn("WARNING", answer.stderr)
        self.assert_issued(answer, ["mail.example.org"])

    def test_not_delegated(self) -> None:
        """A resolver that finds another server for our zone: the organisation's own, which knows nothing of it."""
        self.reloaded(resolver=[f"127.0.0.1:{self.lab.nameserver.port}"])
        done = self.lab.server.ctl_text("check", "www.example.org")
        self.assertEqual(done.returncode, 1)
        self.assertIn("a record just published in acme.example.com is not found", done.stdout)
        self.assertIn("the resolver answers REFUSED", done.stdout)
        self.assertIn('"acme.example.com. NS ns1.example.net."', done.stdout)


class TwoCas(LabCase):
    """A CA that CAA forbids is not tried: the order goes to the next one."""

    options = LabOptions(proxy=True, second_ca=CaOptions(authz_reuse=0), ca=CaOptions(authz_reuse=0), zones={ZONE: ROWS})

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        first, second = cls.lab.server.config["authorities"]
        first["caa"], second["caa"] = ["first.invalid"], ["pebble.example"]
        cls.lab.server.restart()

    def test_next(self) -> None:
        asked = len(self.lab.proxy.seen)
        answer = self.assert_status(self.lab.get([f"permits.{ZONE}"]), OK)
        self.assertRegex(answer.stderr, "WARNING first does not issue: first may not issue for permits.*second")
        self.assertEqual(len(self.lab.proxy.seen), asked, "the first hears nothing of it")

    def test_none(self) -> None:
        answer = self.assert_status(self.lab.get([f"forbids.{ZONE}"]), POLICY)
        self.assertIn(f'"forbids.{ZONE}. CAA 0 issue "pebble.example', answer.stderr)
        self.assertEqual(self.lab.server.orders(), [row for row in self.lab.server.orders() if row["state"] == "issued"])


if __name__ == "__main__":
    main()
