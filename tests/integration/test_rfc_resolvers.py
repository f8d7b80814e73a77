"""Goal: a resolver as CAs run it (RFC 9156, 8020, case mixed, all checks on) finds live challenges while others go."""

import random
import threading

from lab import CaOptions, LabOptions, dns, dnsmsg, target_of
from lab.dnsmsg import TYPES, Edns, Query, from_text
from lab.nameserver import challenge_cname
from lab.resolver import Resolver
from support import LabCase, main

DEEP = "example.info"
LIVE = f"h.a.b.c.d.{DEEP}"
OTHERS = [f"{label}.{DEEP}" for label in ("x.a.b.c.d", "y.b.c.d", "z.c.d", "d", "v.w.x.a.b.c.d")]
LOOKUPS = 500


class Resolvers(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0), zones={
        DEEP: [challenge_cname(name, target_of(name)) for name in (LIVE, *OTHERS)]})

    def setUp(self) -> None:
        self.random = random.Random(27)
        folder = self.lab.folder / "strict"
        folder.mkdir()
        stubs = {"acme.example.com": self.lab.server.port, ".": self.lab.nameserver.port,
                 **{zone: self.lab.nameserver.port for zone in self.lab.nameserver.zones}}
        self.resolver = Resolver(folder, self.lab.take_port(), stubs, strict=True)
        self.lab.add_process(self.resolver.process)
        self.resolver.process.wait_ready(self.resolver.ready)

    def ask(self, name: str, qtype: str) -> dnsmsg.Message:
        """One look-up, in random case."""
        spelled = "".join(self.random.choice((c.lower(), c.upper())) for c in name)
        wire = Query(from_text(spelled), TYPES[qtype], Edns(), rd=True).wire(self.random.randrange(65536))
        answer = dns.ask_udp(wire, self.resolver.port, limit=20)
        assert answer is not None, f"no answer for {name} {qtype}"
        return dnsmsg.parse(answer)

    def test_rfc9156_live_challenges_of_deep_names(self) -> None:
        """RFC 9156 2.3, RFC 8020 2: minimised and cached names above a live challenge never hide it: no SERVFAIL, and
        the value each time, in 500 look-ups, while siblings and cousins come and go."""
        hold = self.lab.proxy.hold("/chalZ/", early=True)
        client = self.lab.spawn(["--force", "get", "certificate"], LIVE, self.lab.csr([LIVE]))
        hold.wait_reached()
        stop, issued = threading.Event(), []

        def others() -> None:
            while not stop.is_set():
                issued.extend(answer.status for answer in self.lab.get_many([([name], "ecdsa") for name in OTHERS]))
        churn = threading.Thread(target=others)
        churn.start()
        try:
            self.look_up()
        finally:
            stop.set()
            churn.join()
            hold.release()
        self.assert_issued(self.lab.collect(client), [LIVE])
        self.assertEqual(set(issued), {0})
        self.assertGreaterEqual(len(issued), len(OTHERS))

    def look_up(self) -> None:
        """The live name and, between, all those around it, so that the cache is full of what is not there."""
        wanted = {record.rdata for record in self.ask(target_of(LIVE), "TXT").answer}
        self.assertEqual(len(wanted), 1)
        around = [target_of(name) for name in OTHERS] + [target_of(LIVE).split(".", i)[i] for i in range(1, 6)]
        for i in range(LOOKUPS):
            name = f"_acme-challenge.{LIVE}" if i % 2 else target_of(LIVE)
            found = self.ask(name, "TXT")
            self.assertEqual(found.rcode, 0, f"look-up {i}: {found}")
            self.assertEqual({record.rdata for record in found.answer if record.type == TYPES["TXT"]}, wanted)
            name, qtype = around[i % len(around)], ("A", "TXT", "CAA", "NS")[i // 7 % 4]
            self.assertIn(self.ask(name, qtype).rcode, (0, 3), f"look-up {i}: {name} {qtype}")


if __name__ == "__main__":
    main()
