"""Goal: what a CA would refuse because of a limit is refused before it is asked, with the time when it will work, and
nothing of that is forgotten by a restart."""

import json
import re
import socket
import time
from datetime import datetime, timezone

from lab import Answer, CaOptions, FIRST, Lab, LabOptions, SECOND
from support import CA, LATER, LabCase, main

STAMP = re.compile(r"try again at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")
WEEK, HOUR = 7 * 86400, 3600


class LimitsCase(LabCase):
    """A lab whose CAs have limits."""

    first: dict[str, object] = {}
    second: dict[str, object] = {}
    config: dict[str, object] = {}
    began: float

    @classmethod
    def setUpClass(cls) -> None:
        cls.began = time.time()
        cls.lab = Lab(cls.options)
        cls.lab.options.serve = False
        cls.lab.start()
        cls.addClassCleanup(cls.lab.stop)
        config = cls.lab.server.config
        for key in ("acme-server-url", "acme-ca-file"):
            config.pop(key, None)
        config.update(cls.config, authorities=cls.lab.authorities(cls.first, cls.second))
        cls.lab.server.start()
        cls.lab.server.wait_ready()

    def assert_later(self, names: list[str], wait: float, *said: str) -> str:
        """Refused with a time about so many seconds away, and no CA has heard of it."""
        before = [len(proxy.seen) for proxy in self.lab.proxies]
        answer = self.assert_status(self.lab.get(names), LATER)
        found = STAMP.search(answer.stderr)
        self.assertIsNotNone(found, answer.stderr)
        assert found
        at = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc).timestamp()
        self.assertLess(self.began + wait - 120, at)  # counted from something that this class has done
        self.assertLess(at, time.time() + wait + 120)
        for word in said:
            self.assertIn(word, answer.stderr)
        self.assertEqual([len(proxy.seen) for proxy in self.lab.proxies], before, "no CA must hear of it")
        return answer.stderr

    def rows(self, what: str, *words: str) -> list[dict[str, object]]:
        return [row for row in self.lab.server.ctl("limits", *words)["limits"] if row["what"] == what]


class Known(LimitsCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))
    first = {"limit-exact": 2, "limit-domain": 5, "limit-orders": 100, "limit-failures": 2}
    config = {"preflight": "off"}

    def test_exact(self) -> None:
        """Two certificates for these names in 7 days, and no third."""
        names = ["example.org", "www.example.org"]
        for _ in range(2):
            self.assert_issued(self.lab.get(names), names)
        self.assert_later(names, WEEK, FIRST, "2 certificates for exactly these names")
        self.assert_later(names[::-1], WEEK)
        self.lab.server.restart()
        self.assert_later(names, WEEK)
        self.lab.server.kill("issuer")
        self.lab.server.wait_role("issuer")
        self.assert_later(names, WEEK)
        row = self.rows("exact", "www.example.org")[0]
        self.assertEqual((row["authority"], row["subject"], row["used"], row["limit"]),
                         (FIRST, "example.org,www.example.org", 2, 2))
        self.assertRegex(str(row["next"]), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        text = self.lab.server.ctl_text("limits").stdout
        self.assertRegex(text, r"(?m)^first +certificates of these names in 7 d +example.org,www.example.org +2 +2 +\d{4}-")
        self.assertRegex(text, r"(?m)^first +orders in 3 h +- +\d+ +100 +now")
        self._domain()

    def _domain(self) -> None:
        """Other names of the domain: three more are left, one counts once however many names it has."""
        for host in range(3):
            names = [f"host{host:02}.example.org", f"host{host + 10:02}.example.org"]
            self.assert_issued(self.lab.get(names), names)
        self.assert_later(["mail.example.org"], WEEK, "names of example.org")
        row = self.rows("domain", "mail.example.org")[0]
        self.assertEqual((row["subject"], row["used"], row["limit"]), ("example.org", 5, 5))

    def test_failures(self) -> None:
        """A name that cannot be validated: after what the CA lets fail it is not asked; the delay can be cleared."""
        names = ["a.example.net"]
        for _ in range(2):
            self.assert_status(self.lab.get(names), CA)
        self.assert_later(names, HOUR, "2 authorizations of a.example.net")
        self.assertEqual(self.rows("failures", "a.example.net")[0]["used"], 2)
        delay = self.rows("delay", "a.example.net")[0]
        self.assertEqual((delay["authority"], delay["used"], delay["next"]), (None, 2, None))
        self.assertIn("a.example.net", str(delay["text"]))


class Delay(LimitsCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))
    config = {"preflight": "off"}

    def test_delay(self) -> None:
        """A name that fails again and again is asked for less often; an operator may clear that."""
        names = ["a.example.net"]
        for _ in range(3):
            self.assert_status(self.lab.get(names), CA)
        said = self.assert_later(names, 60, "a.example.net has failed 3 times", "certmillctl limits --forget")
        self.assertIn("Error retrieving TXT records", said)
        self.assert_later(["*.a.example.net"], 60)
        self.lab.server.restart()
        self.assert_later(names, 60)
        self.assert_issued(self.lab.get(["host30.example.org"]), ["host30.example.org"])
        done = self.lab.server.ctl_text("limits", "--forget", "A.example.net.")
        self.assertEqual((done.returncode, done.stdout), (0, "forgotten\n"))
        self.assert_status(self.lab.get(names), CA)
        self.assertEqual(self.rows("delay", "a.example.net")[0]["used"], 1)
        again = self.lab.server.ctl_text("limits", "--forget", "host30.example.org")
        self.assertEqual(again.returncode, 1)
        self.assertIn("nothing is held against host30.example.org", again.stderr)


class Orders(LimitsCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))
    first = {"limit-orders": 3}

    def test_many_at_once(self) -> None:
        """Eight requests in the same moment, three orders left: the CA sees three."""
        requests = [([f"host{host:02}.example.org"], "ecdsa") for host in range(8)]
        answers = self.lab.get_many(requests)
        self.assertEqual(sorted(answer.status for answer in answers), [0] * 3 + [LATER] * 5)
        orders = [path for method, path in self.lab.proxy.seen if method == "POST" and "/order-plz" in path]
        bad_nonces = len(orders) - 3
        self.assertEqual(len(self.lab.server.orders()), 3)
        self.assertLessEqual(bad_nonces, 3, "what Pebble refuses for its nonce is sent again, no more")
        self.assert_later(["mail.example.org"], 3 * HOUR, "3 new orders")
        self.lab.server.kill("issuer")
        self.lab.server.wait_role("issuer")
        self.assert_later(["mail.example.org"], 3 * HOUR, "3 new orders")
        self.assertEqual(self.rows("orders")[0]["used"], 3)


class Told(LimitsCase):
    options = LabOptions(more=True, ca=CaOptions(authz_reuse=0))

    def refused(self, names: list[str], detail: str, seconds: int | None = 3600) -> None:
        self.lab.more.limit(times=1, seconds=seconds, detail=detail)
        answer = self.assert_status(self.lab.get(names), LATER)
        self.assertIn("rateLimited", answer.stderr)
        self.lab.more.clear()

    def test_rate_limited(self) -> None:
        """RFC 8555 6.6: what the CA said is answered from memory until then: for whom it is about, and nobody else."""
        www, mail, deep = ["www.example.org"], ["mail.example.org"], ["deep.a.b.example.org"]
        self.refused(www, "slow down, please")
        self.assert_later(www, HOUR, "slow down, please")
        self.assert_issued(self.lab.get(mail), mail)
        self.refused(deep, 'too many failed authorizations (5) for "deep.a.b.example.org" in the last 1h0m0s', 1800)
        self.assert_later([*deep, *mail], 1800)
        self.assert_issued(self.lab.get(mail), mail)
        stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(time.time() + 2 * HOUR))
        self.refused(mail, f"too many new orders (300) from this account in the last 3h0m0s, retry after {stamp}", None)
        self.lab.server.restart()
        self.assert_later(["host20.example.org"], 2 * HOUR, "too many new orders")
        self.assert_later(www, 2 * HOUR)
        self.assertEqual({str(row["subject"]) for row in self.rows("told")},
                         {"www.example.org", "deep.a.b.example.org", "None"})


class ToldOfNonces(LimitsCase):
    options = LabOptions(more=True)

    def test_rate_limited(self) -> None:
        """RFC 8555 6.6: said of a nonce, it holds every order there up, and the CA is not asked again."""
        self.lab.more.limit("/nonce-plz", detail="slow down, please")
        self.assert_status(self.lab.get(["www.example.org"]), LATER)
        self.lab.more.clear()
        self.assert_later(["mail.example.org"], HOUR)
        self.assertEqual([row["subject"] for row in self.rows("told") if row["subject"] is None], [None])


class Requests(LimitsCase):
    options = LabOptions(proxy=True)
    config = {"clients": [{"name": "web", "patterns": ["*.example.org"], "requests-per-day": 2},
                          {"name": "mail", "patterns": ["*.example.org"]}]}

    def get(self, client: str, host: int, *words: str) -> Answer:
        csr = self.lab.csr([f"host{host:02}.example.org"])
        return self.lab.shell("--client", client, *words, "get", "certificate", data=csr)

    def test_requests_per_day(self) -> None:
        """A client's own limit: what is answered from the cache does not count, and another client is not held up."""
        self.assert_status(self.get("web", 1), 0)
        self.assert_status(self.get("web", 1), 0)
        self.assert_status(self.get("web", 2), 0)
        before = len(self.lab.proxy.seen)
        answer = self.assert_status(self.get("web", 3), LATER)
        self.assertIn("client web may make 2 requests a day", answer.stderr)
        self.assertEqual(len(self.lab.proxy.seen), before)
        self.assert_status(self.get("mail", 3), 0)
        self.assert_status(self.get("web", 1), 0)
        row = self.rows("requests")[0]
        self.assertEqual((row["subject"], row["used"], row["limit"]), ("web", 2, 2))
        self._line()

    def _line(self) -> None:
        """docs/protocol.md: kind and time, for programs."""
        request = {"v": 1, "op": "get certificate", "client_name": "web", "input": self.lab.csr(["host04.example.org"])}
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self.lab.server.submit))
            sock.sendall(json.dumps(request).encode() + b"\n")
            result = json.loads(sock.makefile().read().splitlines()[-1])
        self.assertEqual((result["result"], result["kind"]), ("error", "later"))
        at = datetime.strptime(result["retry_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()
        self.assertAlmostEqual(at - time.time(), 86400, delta=120)


class Another(LimitsCase):
    options = LabOptions(proxy=True, second_ca=True, ca=CaOptions(authz_reuse=0))
    first = {"limit-exact": 1}
    second = {"limit-exact": 1}

    def test_next_authority(self) -> None:
        """Where one CA's limit is reached the next takes the order; where all are, the earliest time is told."""
        names = ["www.example.org"]
        self.assert_issued(self.lab.get(names), names)
        before = len(self.lab.proxy.seen)
        answer = self.lab.get(names)
        self.assert_status(answer, 0)
        self.assertIn(f"the order goes to {SECOND}", answer.stderr)
        self.assertEqual(len(self.lab.proxy.seen), before, "the first CA must not hear of it")
        self.assert_later(names, WEEK)
        rows = self.rows("exact", names[0])
        self.assertEqual(sorted(str(row["authority"]) for row in rows), [FIRST, SECOND])


del LimitsCase

if __name__ == "__main__":
    main()
