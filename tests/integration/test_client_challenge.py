"""Goal: the client says which records a domain publishes for its challenges and its CA, and which of them are there:
by the server's preflight, and by itself."""

from __future__ import annotations

from client_support import ClientCase
from lab import CaOptions, LabOptions, MoreOptions, target_of
from lab.lab import long_name
from support import main

ZONE = "check.org"
BROKEN = "broken.org"
CA_NAME = "pebble.example"


def cname(label: str, target: str | None = None) -> str:
    """The challenge record of a label of the zone."""
    return f"_acme-challenge.{label}.{ZONE}. 60 IN CNAME {target or target_of(f'{label}.{ZONE}')}."


ROWS = [
    cname("good"),
    f"*.wild.{ZONE}. CNAME web.{ZONE}.",
    f"web.{ZONE}. A 192.0.2.1",
    cname("loop", f"loop1.{ZONE}"),
    f"loop1.{ZONE}. CNAME loop2.{ZONE}.",
    f"loop2.{ZONE}. CNAME loop1.{ZONE}.",
    cname("gone", f"nothing.{ZONE}"),
    f'_acme-challenge.txt.{ZONE}. TXT "left behind"',
    f'permits.{ZONE}. CAA 0 issue "{CA_NAME}; validationmethods=dns-01"',
    f"deep.permits.{ZONE}. A 192.0.2.1",
    f"alias.{ZONE}. CNAME forbids.{ZONE}.",
    f'forbids.{ZONE}. CAA 0 issue "ca.invalid"',
    f'nobody.{ZONE}. CAA 0 issue ";"',
    f'wildonly.{ZONE}. CAA 0 issue "{CA_NAME}"',
    f'wildonly.{ZONE}. CAA 0 issuewild ";"',
    f'account.{ZONE}. CAA 0 issue "{CA_NAME}; accounturi=https://ca.invalid/acct/1"',
    f'method.{ZONE}. CAA 0 issue "{CA_NAME}; validationmethods=http-01"',
    f"critical.{ZONE}. CAA 128 tbs unknown",
]
EXPIRED = [f"_acme-challenge.{BROKEN}. CNAME {target_of(BROKEN)}.", f'{BROKEN}. CAA 0 issue "{CA_NAME}"']


class Case(ClientCase):
    """Asks for check.org's names; the server knows its CA by a name."""

    options = LabOptions(sshd=True, more=MoreOptions(), ca=CaOptions(authz_reuse=0),
                         zones={ZONE: ROWS, BROKEN: EXPIRED}, expired=[BROKEN])

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        rows = cls.lab.authorities({"caa": [CA_NAME]})
        for key in ("acme-server-url", "acme-ca-file"):
            cls.lab.server.config.pop(key, None)
        cls.lab.server.config["authorities"] = rows
        cls.lab.server.restart()

    def use(self, *sets: str, **more: object) -> None:
        """These sets, which the server permits."""
        key = self.lab.sshd.add_client(f"{self._testMethodName}-{len(list(self.path.parent.iterdir()))}", ";".join(sets))
        self.settings.update({"domain-list": list(sets), "certgrinderd": " ".join(self.lab.sshd.command(key))})
        self.settings.update({name.replace("_", "-"): value for name, value in more.items()})
        self.write()

    def own(self) -> dict[str, object]:
        """Settings that have the client look by itself."""
        return {"name_server": f"127.0.0.1@{self.lab.resolver.port}"}


class Cname(Case):
    def test_show(self) -> None:
        self.use(f"good.{ZONE},*.good.{ZONE}", f"none.{ZONE},good.{ZONE}")
        wanted = "".join(f"_acme-challenge.{label}.{ZONE}. CNAME {label}.{ZONE}.acme.example.com.\n"
                         for label in ("good", "none"))
        self.assertEqual(self.ok("show", "cname"), wanted)
        self.settings.update({"acme-zone": "other.example", "certgrinderd": "false"})
        self.write()
        self.assertEqual(self.ok("show", "cname"), wanted.replace("acme.example.com", "other.example"))
        items = self.json("show", "cname")["items"]
        self.assertEqual(items[0], {"name": f"good.{ZONE}", "owner": f"_acme-challenge.good.{ZONE}",
                                    "target": f"good.{ZONE}.other.example"})

    def test_long_name(self) -> None:
        self.use(long_name())
        self.assertIn(f" CNAME {target_of(long_name())}.\n", self.ok("show", "cname"))
        self.assertIn("there", self.ok("check", "cname"))

    def test_server_does_not_know(self) -> None:
        self.use(f"good.{ZONE}", certgrinderd="sh -c 'echo usage >&2; exit 2' --")
        for words in (("show", "cname"), ("check", "cname")):
            done = self.certmill(*words)
            self.assertEqual(done.returncode, 1)
            self.assertIn("set acme-zone", done.stderr)

    def found(self, status: int = 1) -> dict[str, tuple[str, str | None, str]]:
        """What check cname says, by label."""
        items = self.json("check", "cname", status=status)["items"]
        return {item["name"].split(".")[0]: (item["state"], item["leads_to"], item["text"]) for item in items}

    def look(self) -> None:
        """The same whoever looks."""
        found = self.found()
        self.assertEqual({label: state for label, (state, _, _) in found.items()},
                         {"good": "there", "none": "missing", "www": "missing", "loop": "wrong", "gone": "wrong",
                          "txt": "missing", "broken": "wrong"})
        self.assertEqual(found["good"][1], target_of(f"good.{ZONE}"))
        self.assertEqual(found["gone"][1], f"nothing.{ZONE}")
        self.assertIn("a wildcard CNAME answers for it", found["www"][2])
        self.assertIn(f'publish "_acme-challenge.none.{ZONE}. CNAME {target_of(f"none.{ZONE}")}."', found["none"][2])
        self.assertIn("DNSSEC", found["broken"][2])

    def test_check(self) -> None:
        names = [f"{label}.{ZONE}" for label in ("good", "none", "www.wild", "loop", "gone", "txt")]
        self.use(",".join(names), f"*.good.{ZONE}", BROKEN)
        self.look()
        text = self.certmill("check", "cname").stdout
        self.assertRegex(text, rf"(?m)^missing  _acme-challenge\.none\.{ZONE} has no CNAME; publish")
        self.assertRegex(text, rf"(?m)^there    _acme-challenge\.good\.{ZONE} leads to")
        self.settings.update({key.replace("_", "-"): value for key, value in self.own().items()})
        self.write()
        self.look()

    def test_good(self) -> None:
        self.use(f"good.{ZONE}")
        self.assertEqual(self.found(0)["good"][0], "there")
        self.settings["quiet"] = True
        self.write()
        self.assertEqual(self.found(0)["good"][0], "there", "the server's words are read however quiet we are")

    def test_original_server(self) -> None:
        """It knows no check: the client looks by itself, where it knows the zone."""
        self.use(f"good.{ZONE}", certgrinderd="sh -c 'exit 2' --", acme_zone="acme.example.com", **self.own())
        self.assertEqual(self.found(0)["good"][0], "there")

    def test_not_permitted(self) -> None:
        self.use(f"good.{ZONE}")
        self.settings["domain-list"] = ["www.example.org"]
        self.write()
        done = self.certmill("check", "cname")
        self.assertEqual(done.returncode, 1)
        self.assertIn("www.example.org", done.stderr)

    def test_dead_resolver(self) -> None:
        sets = [f"n{i}.{ZONE}" for i in range(5)]
        self.use(*sets, name_server=f"127.0.0.1@{self.lab.take_port()}")
        done = self.certmill("check", "cname")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout.count("unknown"), 3)
        self.assertIn("the other 2 were not looked at", done.stderr)


class Caa(Case):
    """RFC 8659, RFC 8657."""

    def account(self) -> str:
        answer = self.lab.shell("show", "acmeaccount")
        self.assertIn(f"  CAA identities: {CA_NAME}\n", answer.stdout)
        line, = (row for row in answer.stdout.splitlines() if row.startswith("  Account URL: "))
        return line.removeprefix("  Account URL: ")

    def found(self, status: int = 1) -> dict[str, tuple[str, str]]:
        """What check caa says, by name without the zone."""
        items = self.json("check", "caa", status=status)["items"]
        return {item["name"].removesuffix(f".{ZONE}"): (item["state"], item["text"]) for item in items}

    def test_show(self) -> None:
        self.use(f"good.{ZONE},*.good.{ZONE}")
        value = f"{CA_NAME}; validationmethods=dns-01; accounturi={self.account()}"
        self.assertEqual(self.ok("show", "caa"), f'good.{ZONE}. CAA 128 issue "{value}"\n'
                                                 f'good.{ZONE}. CAA 128 issuewild "{value}"\n')
        item = self.json("show", "caa")["items"][1]
        self.assertEqual(item, {"name": f"*.good.{ZONE}", "owner": f"good.{ZONE}", "flags": 128, "tag": "issuewild",
                                "value": value})

    def test_original_server(self) -> None:
        """It names its account alone: Let's Encrypt's is known by its URL, others are not guessed."""
        url = "https://acme-v02.api.letsencrypt.org/acme/acct/17"
        script = self.path / "certgrinderd"
        script.write_text(f"#!/bin/sh\necho 'Account details:'\necho '  Account URL: {url}'\n")
        script.chmod(0o755)
        self.use(f"good.{ZONE}", certgrinderd=str(script))
        self.assertEqual(self.ok("show", "caa"),
                         f'good.{ZONE}. CAA 128 issue "letsencrypt.org; validationmethods=dns-01; accounturi={url}"\n')
        script.write_text("#!/bin/sh\necho '  Account URL: https://ca.example/1'\n")
        done = self.certmill("show", "caa")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("by which name its CA goes in CAA records", done.stderr)

    def test_check(self) -> None:
        self.account()
        labels = ("none", "permits", "deep.permits", "forbids", "alias", "nobody", "wildonly", "account", "method", "critical")
        self.use(",".join(f"{label}.{ZONE}" for label in labels), f"*.wildonly.{ZONE}", BROKEN, **self.own())
        found = self.found()
        self.assertEqual({name: state for name, (state, _) in found.items()},
                         {"none": "none", "permits": "permits", "deep.permits": "permits", "forbids": "forbids",
                          "alias": "forbids", "nobody": "forbids", "wildonly": "permits", "*.wildonly": "forbids",
                          "account": "forbids", "method": "forbids", "critical": "forbids", BROKEN: "unknown"})
        for name, text in (("alias", f"the CAA records of forbids.{ZONE} do not permit it"), ("critical", "critical property"),
                           ("account", "for another account only"), ("method", "by another validation method only"),
                           (BROKEN, "the DNSSEC chain is broken")):
            self.assertIn(text, found[name][1])
        record = f'publish "forbids.{ZONE}. CAA 128 issue "{CA_NAME}; validationmethods=dns-01; accounturi={self.account()}""'
        self.assertIn(record, found["forbids"][1])
        self.assertIn(f'publish "wildonly.{ZONE}. CAA 128 issuewild', found["*.wildonly"][1])

    def test_good(self) -> None:
        self.use(f"permits.{ZONE},deep.permits.{ZONE}", f"none.{ZONE}", **self.own())
        text = self.ok("check", "caa")
        self.assertEqual(text.count(f'permits.{ZONE}. CAA 0 issue "{CA_NAME}; validationmethods=dns-01"'), 1,
                         "records are shown once")
        self.assertRegex(text, rf"(?m)^none     none\.{ZONE}: ")
        self.settings["caa-validation-methods"] = "dns-01,http-01"  # as certgrinder's files may have it
        self.write()
        self.assertEqual(self.found(0)["permits"][0], "permits")

    def test_show_is_what_check_wants(self) -> None:
        self.use(f"forbids.{ZONE}", **self.own())
        line = self.ok("show", "caa").strip()
        self.assertIn(f'publish "{line}"', self.certmill("check", "caa").stdout)

    def test_server_is_not_there(self) -> None:
        """What is published is shown nevertheless; what nobody may have is told."""
        self.use(f"permits.{ZONE}", f"nobody.{ZONE}", certgrinderd="false", **self.own())
        found = self.found()
        self.assertEqual({name: state for name, (state, _) in found.items()}, {"permits": "unknown", "nobody": "forbids"})
        self.assertIn("permit no CA at all", found["nobody"][1])
        self.use(f"none.{ZONE}", certgrinderd="false")
        self.assertEqual(self.found(0)["none"][0], "none")


if __name__ == "__main__":
    main()
