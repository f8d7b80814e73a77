"""Goal: dnsd answers as an authoritative server must: AA, SOA, NODATA or NXDOMAIN, its own zones only, UDP and TCP."""

import struct
import threading

from lab import ZONE, CaOptions, LabOptions, dns, target_of
from support import LabCase, main


class Answers(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0), config={"dns-rate-allow": ["127.0.0.0/8"]})

    def dig(self, *words: str) -> str:
        return dns.dig("+norec", *words, port=self.lab.server.port)

    def test_apex(self) -> None:
        answer = self.dig(ZONE, "SOA")
        self.assertRegex(answer, r"status: NOERROR.*\n;; flags: qr aa;.*ANSWER: 1")
        self.assertRegex(answer, rf"(?m)^{ZONE}\.\s+\d+\s+IN\s+SOA\s+ns1\.example\.net\. hostmaster\.example\.org\. ")
        answer = self.dig(ZONE, "NS", "+short")
        self.assertEqual(sorted(answer.split()), ["ns1.example.net.", "ns2.example.net."])

    def test_nodata_has_the_soa(self) -> None:
        answer = self.dig(ZONE, "CAA")
        self.assertRegex(answer, r"status: NOERROR.*\n;; flags: qr aa;.*ANSWER: 0, AUTHORITY: 1")
        self.assertRegex(answer, rf"(?m)^{ZONE}\.\s+\d+\s+IN\s+SOA\s")

    def test_nxdomain_has_the_soa(self) -> None:
        answer = self.dig(f"nothing.{ZONE}", "TXT")
        self.assertRegex(answer, r"status: NXDOMAIN.*\n;; flags: qr aa;.*ANSWER: 0, AUTHORITY: 1")
        self.assertRegex(answer, rf"(?m)^{ZONE}\.\s+\d+\s+IN\s+SOA\s")

    def test_refused_elsewhere(self) -> None:
        for name in ("example.org", "com", ".", f"not{ZONE}"):
            with self.subTest(name):
                self.assertRegex(self.dig(name, "A"), r"status: REFUSED.*\n;; flags: qr;.*ANSWER: 0, AUTHORITY: 0")

    def test_case_is_echoed(self) -> None:
        name = "aCmE.ExAmPlE.cOm"
        for ask in (dns.ask_udp, dns.ask_tcp):
            answer = ask(dns.query(name, "SOA"), self.lab.server.port)
            self.assertIsNotNone(answer)
            self.assertEqual(answer[12:12 + len(name) + 2], dns.wire_name(name))

    def test_opt_out_if_and_only_if_opt_in(self) -> None:
        self.assertNotIn("OPT PSEUDOSECTION", self.dig("+noedns", ZONE, "SOA"))
        self.assertIn("OPT PSEUDOSECTION", self.dig("+edns=0", ZONE, "SOA"))
        self.assertRegex(self.dig("+edns=7", "+noednsnegotiation", ZONE, "SOA"), "status: BADVERS")

    def test_every_address_and_transport(self) -> None:
        for listen in self.lab.server.config["dns-listen"]:
            address = listen.rsplit(":", 1)[0].strip("[]")
            for way in ("+notcp", "+tcp"):
                with self.subTest(listen, way=way):
                    answer = dns.dig(way, ZONE, "SOA", "+short", port=self.lab.server.port, address=address)
                    self.assertIn("hostmaster.example.org.", answer)

    def test_empty_non_terminals_of_a_live_challenge(self) -> None:
        hold = self.lab.proxy.hold("/chalZ/", early=True)
        name = "deep.a.b.example.org"
        client = self.lab.spawn(["get", "certificate"], name, self.lab.csr([name]))
        hold.wait_reached()
        target = target_of(name)
        while target != ZONE:
            with self.subTest(target):
                nodata = r"status: NOERROR.*\n;; flags: qr aa;.*ANSWER: 0, AUTHORITY: 1"
                for qtype in ("A", "CAA"):
                    self.assertRegex(self.dig(target, qtype), nodata)
            target = target.split(".", 1)[1]
        self.assertRegex(self.dig(f"x.{target_of(name)}", "TXT"), "status: NXDOMAIN")
        self.assertEqual(len(dns.txt(target_of(name), self.lab.server.port)), 1)
        self.assertRegex(self.dig(target_of(name), "ANY"), "status: NOERROR")
        hold.release()
        self.assert_issued(self.lab.collect(client), [name])

    def test_under_publications(self) -> None:
        """Answers stay right while images come and go."""
        stop, wrong = threading.Event(), []

        def ask() -> None:
            while not stop.is_set():
                answer = dns.ask_udp(dns.query(ZONE, "SOA"), self.lab.server.port)
                if answer is None or dns.header(answer).rcode or struct.unpack("!H", answer[6:8])[0] != 1:
                    wrong.append(answer)
        askers = [threading.Thread(target=ask) for _ in range(2)]
        for asker in askers:
            asker.start()
        wanted = [[f"host{i:02}.example.org"] for i in range(24)]
        answers = self.lab.get_many([(names, "ecdsa") for names in wanted])
        stop.set()
        for asker in askers:
            asker.join()
        self.assertEqual([answer.status for answer in answers], [0] * 24, answers[0].stderr)
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    main()
