"""Goal: no DNS message, however odd, does more than get the answer that the RFCs give it, or none."""

import os
import random
import socket
import struct

from lab import ZONE, LabOptions, dns
from support import LabCase, main

HEAD = struct.Struct("!HHHHHH")


class BadDns(LabCase):
    options = LabOptions(config={"dns-rate-allow": ["127.0.0.0/8"]})

    def setUp(self) -> None:
        self.pid = self.lab.server.pid_of("dnsd")

    def tearDown(self) -> None:
        self.assertTrue(dns.alive(self.lab.server.port, ZONE), "still answering")
        self.assertEqual(self.lab.server.pid_of("dnsd"), self.pid, "the same dnsd")
        super().tearDown()

    def ask(self, message: bytes) -> bytes | None:
        """Five times at most: behind noise the socket's queue may be full."""
        for _ in range(5):
            answer = dns.ask_udp(message, self.lab.server.port, limit=1.0)
            if answer is not None:
                return answer
        return None

    def rcode(self, message: bytes, expected: int) -> bytes:
        """Over UDP and TCP alike, with our id and QR set."""
        answer = None
        for ask in (self.ask, lambda m: dns.ask_tcp(m, self.lab.server.port)):
            answer = ask(message)
            self.assertIsNotNone(answer)
            head = dns.header(answer)
            self.assertEqual((head.rcode, head.qr, head.id), (expected, True, HEAD.unpack(message[:12])[0]))
        return answer

    def test_short(self) -> None:
        for size in range(12):
            self.assertIsNone(dns.ask_udp(b"\x12" * size, self.lab.server.port, limit=0.1))

    def test_response(self) -> None:
        self.assertIsNone(dns.ask_udp(dns.query(ZONE, "SOA", flags=0x8400), self.lab.server.port, limit=0.3),
                          "no answer to an answer")

    def test_unknown_opcodes(self) -> None:
        for opcode in (1, 2, 3, 6, 15):
            self.rcode(dns.query(ZONE, "SOA", flags=opcode << 11), dns.NOTIMP)

    def test_no_question(self) -> None:
        self.rcode(HEAD.pack(7, 0, 0, 0, 0, 0), dns.FORMERR)

    def test_two_questions(self) -> None:
        question = dns.question(ZONE, "SOA")
        self.rcode(HEAD.pack(7, 0, 2, 0, 0, 0) + question * 2, dns.FORMERR)

    def test_question_cut_short(self) -> None:
        whole = dns.query(ZONE, "SOA")
        for size in range(12, len(whole)):
            self.rcode(whole[:size], dns.FORMERR)

    def test_compressed_question(self) -> None:
        head = HEAD.pack(7, 0, 1, 0, 0, 0)
        for name in (b"\xc0\x0c", b"\xc0\x00", b"\xc0\x0e\x00", b"\x03www\xc0\x0c", b"\xc0\xff", b"\xc0"):
            self.rcode(head + name + struct.pack("!HH", 16, 1), dns.FORMERR)

    def test_names_that_are_none(self) -> None:
        head = HEAD.pack(7, 0, 1, 0, 0, 0)
        for name in (b"\x40" + b"a" * 64 + b"\0", b"\x80abc\0", b"\x3f" + b"a" * 5, (b"\x3f" + b"a" * 63) * 4 + b"\0",
                     b"\x01a" * 127 + b"\x01a\0"):
            self.rcode(head + name + struct.pack("!HH", 16, 1), dns.FORMERR)

    def test_longest_name(self) -> None:
        name = "a." * (127 - ZONE.count(".") - 1 - 8) + ZONE
        answer = self.ask(dns.query(name))
        self.assertEqual(dns.header(answer).rcode, dns.NXDOMAIN)

    def test_odd_bytes_in_labels(self) -> None:
        label = bytes([0, 46, 255, 92])
        name = bytes([len(label)]) + label + dns.wire_name(ZONE)
        answer = self.rcode(HEAD.pack(7, 0, 1, 0, 0, 0) + name + struct.pack("!HH", 16, 1), dns.NXDOMAIN)
        self.assertEqual(answer[12:12 + len(name)], name)

    def test_opt_gone_wrong(self) -> None:
        question = dns.question(ZONE, "SOA")
        opt = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0)
        self.rcode(HEAD.pack(7, 0, 1, 0, 0, 2) + question + opt * 2, dns.FORMERR)
        self.rcode(HEAD.pack(7, 0, 1, 0, 0, 1) + question + b"\x01a\0" + opt[1:], dns.FORMERR)
        self.rcode(HEAD.pack(7, 0, 1, 0, 0, 1) + question + opt[:-2] + struct.pack("!H", 500), dns.FORMERR)

    def test_other_classes(self) -> None:
        for qclass in (3, 4, 0, 65280):
            message = HEAD.pack(7, 0, 1, 0, 0, 0) + dns.wire_name(ZONE) + struct.pack("!HH", 6, qclass)
            answer = self.ask(message)
            self.assertIn(dns.header(answer).rcode, (dns.REFUSED, dns.NOTIMP, dns.FORMERR))

    def test_noise(self) -> None:
        dice = random.Random(1)
        whole = dns.query(ZONE, "SOA", edns=1232)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.connect(("127.0.0.1", self.lab.server.port))
            for _ in range(3000):
                message = bytearray(whole)
                for _ in range(dice.randrange(1, 6)):
                    message[dice.randrange(len(message))] = dice.randrange(256)
                sock.send(message[:dice.randrange(len(message) + 1)] if dice.random() < 0.3 else message)
            for size in (0, 1, 511, 4096, 65507):
                sock.send(os.urandom(size))

    def test_tcp_odd_framing(self) -> None:
        address = ("127.0.0.1", self.lab.server.port)
        message = dns.query(ZONE, "SOA")
        framed = struct.pack("!H", len(message)) + message
        for text in (b"\0\0", b"\0", b"\0\x05abc", struct.pack("!H", 65535) + b"x" * 100, os.urandom(5000)):
            with socket.create_connection(address, 5) as sock:
                sock.sendall(text)
        with socket.create_connection(address, 5) as sock:  # one octet at a time, two queries
            for octet in framed * 2:
                sock.sendall(bytes([octet]))
            stream = sock.makefile("rb")
            for _ in range(2):
                size = struct.unpack("!H", stream.read(2))[0]
                self.assertEqual(dns.header(stream.read(size)).rcode, dns.NOERROR)

    def test_tcp_half_sent_does_not_block_others(self) -> None:
        address = ("127.0.0.1", self.lab.server.port)
        idle = [socket.create_connection(address, 5) for _ in range(50)]
        for sock in idle:
            sock.sendall(b"\x00\x30\x12")
        self.assertIsNotNone(dns.ask_tcp(dns.query(ZONE, "SOA"), self.lab.server.port))
        for sock in idle:
            sock.close()


if __name__ == "__main__":
    main()
