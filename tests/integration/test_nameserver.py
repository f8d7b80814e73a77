"""Goal: a zone without a file of its own, every address and transport, right answers while images come and go."""

import struct
import threading

from lab import ZONE, CaOptions, LabOptions, dns
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

    def test_every_address_and_transport(self) -> None:
        for listen in self.lab.server.config["dns-listen"]:
            address = listen.rsplit(":", 1)[0].strip("[]")
            for way in ("+notcp", "+tcp"):
                with self.subTest(listen, way=way):
                    answer = dns.dig(way, ZONE, "SOA", "+short", port=self.lab.server.port, address=address)
                    self.assertIn("hostmaster.example.org.", answer)

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
