"""Goal: DNS over TCP (RFC 1035, 7766, 7828, 9210): whole answers, any segments, time-outs and limits as configured."""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import time
from pathlib import Path

from lab import ZONE, LabOptions, dns, wait_until
from support import LabCase, main

ZONE_FILE = f"""\
$ORIGIN {ZONE}.
$TTL 300
@ IN SOA ns1.{ZONE}. hostmaster.example.org. 1 3600 600 86400 5
@ IN NS ns1.{ZONE}.
ns1 IN A 192.0.2.1
alias IN CNAME many
""" + "".join(f'many IN TXT "{i:043}"\n' for i in range(100)) + "".join(f'some IN TXT "{i:043}"\n' for i in range(12))


class Stream:
    """A connection to the server; frames are RFC 1035 4.2.2's."""

    def __init__(self, port: int, source: str = "127.0.0.1"):
        self.sock = socket.create_connection(("127.0.0.1", port), 20, (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self, *, reset: bool = False) -> None:
        if reset:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def send(self, octets: bytes) -> None:
        self.sock.sendall(octets)

    def _read(self, count: int) -> bytes:
        octets = b""
        try:
            while len(octets) < count and (more := self.sock.recv(count - len(octets))):
                octets += more
        except ConnectionError:
            pass
        return octets

    def answer(self) -> bytes | None:
        """The next answer, or None at the end."""
        head = self._read(2)
        return self._read(struct.unpack("!H", head)[0]) if len(head) == 2 else None

    def closed(self) -> bool:
        """Waits until the server closes; False when it sends something instead."""
        return self._read(1) == b""

    def works(self) -> bool:
        """Whether a question is answered."""
        try:
            self.send(framed(dns.query(ZONE, "SOA")))
        except ConnectionError:
            return False
        answer = self.answer()
        return answer is not None and dns.header(answer).rcode == dns.NOERROR


def framed(message: bytes) -> bytes:
    """A message behind its length."""
    return struct.pack("!H", len(message)) + message


class Tcp(LabCase):
    options = LabOptions(serve=False)

    def setUp(self) -> None:
        zone = Path(self.lab.folder, "our.zone")
        zone.write_text(ZONE_FILE)
        self.server = self.lab.server
        self.server.config["zones"] = [{"name": ZONE, "file": str(zone)}]
        self.fixed = dict(self.server.config)
        self.addCleanup(self.restore)

    def restore(self) -> None:
        self.server.stop()
        self.server.config = self.fixed

    def serve(self, **config: int) -> None:
        """Starts the server with these settings beside the lab's."""
        self.server.config = {**self.fixed, **{key.replace("_", "-"): value for key, value in config.items()}}
        self.server.start()
        self.server.wait_ready()

    def change(self, **config: int) -> None:
        """Takes these settings over by SIGHUP."""
        self.server.config.update({key.replace("_", "-"): value for key, value in config.items()})
        self.server.write_config()
        mark = len(self.server.log_text())
        self.server.reload()
        wait_until(lambda: "is in use" in self.server.log_text()[mark:], "reloaded")

    def stream(self, source: str = "127.0.0.1") -> Stream:
        stream = Stream(self.server.port, source)
        self.addCleanup(stream.close)
        return stream

    def dig(self, *words: str) -> str:
        return dns.dig("+norec", *words, port=self.server.port)

    def run_tool(self, *words: str) -> str:
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout

    def statistic(self, name: str) -> int:
        return int(self.server.ctl("status")["dns"][name])

    # -- answers --

    def test_large_set(self) -> None:
        """RFC 2181 9, RFC 7766 5: over UDP whole RRsets or none and TC; over TCP all of it, by every client."""
        self.serve()
        many, port = f"many.{ZONE}", str(self.server.port)
        for size in ("512", "1232", "4096"):
            answer = self.dig("+notcp", "+ignore", f"+bufsize={size}", many, "TXT")
            self.assertRegex(answer, r"flags: qr aa tc;.* ANSWER: 0,")
        answer = self.dig("+ignore", f"alias.{ZONE}", "TXT")
        self.assertRegex(answer, r"flags: qr aa tc;.* ANSWER: 1,", "the CNAME is a whole RRset")
        answer = self.dig("+ignore", "+bufsize=1232", f"some.{ZONE}", "TXT")
        self.assertRegex(answer, r"flags: qr aa;.* ANSWER: 12,")
        answer = self.dig("+ignore", "+noedns", f"some.{ZONE}", "TXT")
        self.assertRegex(answer, r"flags: qr aa tc;.* ANSWER: 0,")
        self.assertRegex(self.dig("+tcp", many, "TXT"), r"flags: qr aa;.* ANSWER: 100,")
        self.assertRegex(self.dig("+tcp", "+noedns", f"alias.{ZONE}", "TXT"), r"flags: qr aa;.* ANSWER: 101,")
        self.assertRegex(self.dig(many, "TXT"), r"(?s)retrying in TCP mode.*flags: qr aa;.* ANSWER: 100,")
        answer = self.run_tool("kdig", "@127.0.0.1", "-p", port, "+tcp", many, "TXT")
        self.assertRegex(answer, r"Flags: qr aa( rd)?; QUERY: 1; ANSWER: 100;")
        answer = self.run_tool("drill", "-t", "-p", port, "@127.0.0.1", many, "TXT")
        self.assertRegex(answer, r"flags: qr aa( rd)? ; QUERY: 1, ANSWER: 100,")

    def test_many_queries_a_connection(self) -> None:
        """RFC 7766 6.2.1: a client may keep the connection open; dig and kdig do."""
        self.serve()
        words = ["-p", str(self.server.port), "+tcp", "+keepopen", "+short"]
        for tool in ("dig", "kdig"):
            with self.subTest(tool):
                before = self.statistic("tcp_opened")
                answer = self.run_tool(tool, "@127.0.0.1", *words, ZONE, "SOA", f"ns1.{ZONE}", "A", f"some.{ZONE}", "TXT")
                self.assertEqual(len(answer.splitlines()), 14, answer)
                self.assertEqual(self.statistic("tcp_opened"), before + 1)

    def test_pipelining(self) -> None:
        """RFC 7766 6.2.1.1: queries that follow each other at once; each answer has the id of its query."""
        self.serve()
        stream = self.stream()
        queries = [dns.query(*(("many." + ZONE, "TXT") if i % 9 == 0 else (ZONE, "SOA"))) for i in range(400)]
        stream.send(b"".join(framed(query) for query in queries))
        ids = []
        for _ in queries:
            answer = stream.answer()
            self.assertIsNotNone(answer)
            ids.append(answer[:2])
        self.assertCountEqual(ids, [query[:2] for query in queries])

    def test_segments(self) -> None:
        """RFC 7766 8: the length and the message may come in whatever pieces."""
        self.serve()
        stream, other = self.stream(), self.stream()
        query = framed(dns.query(ZONE, "SOA"))
        for octet in query * 2:
            stream.send(bytes([octet]))
        for _ in range(2):
            self.assertEqual(dns.header(stream.answer()).rcode, dns.NOERROR)
        for cut in (1, 2, 3, 13, len(query) - 1):
            stream.send(query + query[:cut])
            self.assertTrue(other.works())
            stream.send(query[cut:])
            self.assertIsNotNone(stream.answer())
            self.assertIsNotNone(stream.answer())

    def test_half_closed(self) -> None:
        """RFC 7766 6.2.3: who has said all still hears all."""
        self.serve()
        stream = self.stream()
        stream.send(framed(dns.query(f"many.{ZONE}")) * 50)
        stream.sock.shutdown(socket.SHUT_WR)
        for _ in range(50):
            self.assertEqual(dns.header(stream.answer()).counts[1], 100)
        self.assertTrue(stream.closed())

    def test_no_dns(self) -> None:
        """What is no query, by its length or its QR bit, ends its connection after the answers before it."""
        self.serve()
        query = framed(dns.query(ZONE, "SOA"))
        for nonsense in (b"\0\0", b"\0\x05hello", b"\0\x0b" + b"x" * 11, framed(dns.query(ZONE, "SOA", flags=0x8000))):
            with self.subTest(nonsense):
                stream = self.stream()
                stream.send(query + nonsense + query)
                self.assertEqual(dns.header(stream.answer()).rcode, dns.NOERROR)
                self.assertTrue(stream.closed())
        stream = self.stream()
        stream.send(framed(b"\xab" * 2 + b"\0" * 65533) + query)
        self.assertEqual(dns.header(stream.answer()).rcode, dns.FORMERR)
        self.assertEqual(dns.header(stream.answer()).rcode, dns.NOERROR)

    # -- time-outs and limits --

    def test_idle(self) -> None:
        """RFC 7766 6.2.3: who is silent goes, also in the middle of a query; who asks stays."""
        self.serve(dns_tcp_idle=5)
        silent, half, active = self.stream(), self.stream(), self.stream()
        half.send(b"\0\x40")
        asked = 0
        for stream in (silent, half):
            stream.sock.setblocking(False)
            while True:
                self.assertTrue(active.works())
                asked += 1
                try:
                    self.assertEqual(stream.sock.recv(1), b"")
                    break
                except BlockingIOError:
                    time.sleep(0.02)
        self.assertGreater(asked, 1)

    def test_lifetime(self) -> None:
        """RFC 7766 10: who never rests goes all the same."""
        self.serve(dns_tcp_lifetime=5)
        stream, asked = self.stream(), 0
        while stream.works():
            asked += 1
        self.assertGreater(asked, 10)
        self.assertTrue(self.stream().works())

    def test_oldest_idle_goes_first(self) -> None:
        """RFC 9210 4.2: with all connections in use the longest idle one makes room, an active one never."""
        self.serve(dns_threads=1, dns_tcp_clients=4, dns_tcp_idle=600)
        active, *idle = [self.stream() for _ in range(4)]
        for stream in (*idle, active):
            self.assertTrue(stream.works())
        for stream in idle:
            new = self.stream()
            self.assertTrue(new.works())
            self.assertTrue(stream.closed())
            self.assertTrue(active.works())
        for _ in range(50):
            self.assertTrue(self.stream().works())
            self.assertTrue(active.works())

    def test_per_address(self) -> None:
        """RFC 7766 6.2.2, RFC 9210 4.3: an address over its limit takes from itself, from nobody else."""
        self.serve(dns_threads=1, dns_tcp_clients_per_address=3, dns_tcp_idle=600)
        others = [self.stream("127.0.0.3") for _ in range(3)]
        first, *rest = [self.stream("127.0.0.2") for _ in range(3)]
        for stream in (*others, first, *rest):
            self.assertTrue(stream.works())
        rest.append(self.stream("127.0.0.2"))
        self.assertTrue(first.closed())
        for stream in (*others, *rest):
            self.assertTrue(stream.works())

    def test_per_address_over_all_workers(self) -> None:
        """However the kernel divides its connections, no address has more than its limit."""
        self.serve(dns_threads=2, dns_tcp_clients_per_address=3, dns_tcp_idle=600)
        streams = [self.stream("127.0.0.2") for _ in range(20)]
        for stream in streams:
            stream.works()  # the first may be answered before the last is accepted and takes its place
        alive = sum(stream.works() for stream in streams)
        self.assertIn(alive, (1, 2, 3))
        self.assertTrue(self.stream("127.0.0.3").works())

    def test_counted_off(self) -> None:
        """Connections that end, in whatever way, leave nothing behind that counts."""
        self.serve(dns_tcp_clients_per_address=3, dns_tcp_idle=600)
        for i in range(300):
            stream = Stream(self.server.port)
            if i % 3 == 1:
                stream.send(b"\0\x30half")
            elif i % 3 == 2:
                stream.send(framed(dns.query(f"many.{ZONE}")) * 5)
            stream.close(reset=i % 2 == 0)

        def three() -> bool:
            streams = [Stream(self.server.port) for _ in range(3)]
            try:
                return all([stream.works() for stream in streams] + [stream.works() for stream in streams])
            finally:
                for stream in streams:
                    stream.close()
        wait_until(three, "three connections at once again")

    def keepalive(self, *words: str) -> str | None:
        found = re.search(r"TCP.KEEPALIVE: ([0-9.]+) sec", self.dig("+keepalive", *words, ZONE, "SOA"))
        return found and found[1]

    def test_keepalive(self) -> None:
        """RFC 7828 3.2.1, 3.3.2: the idle time-out is told over TCP to whoever asks, never over UDP."""
        self.serve(dns_tcp_idle=37)
        self.assertEqual(self.keepalive("+tcp"), "37.0")
        self.assertIsNone(self.keepalive("+notcp"))
        self.assertNotIn("KEEPALIVE", self.dig("+tcp", ZONE, "SOA"))
        self.change(dns_tcp_idle=12)
        wait_until(lambda: self.keepalive("+tcp") == "12.0", "told anew")

    def test_lower_limits_by_sighup(self) -> None:
        """New limits hold for the connections that are there, the longest idle go first."""
        self.serve(dns_threads=1, dns_tcp_idle=600)
        streams = [self.stream() for _ in range(6)]
        for stream in streams:
            self.assertTrue(stream.works())
        self.change(dns_tcp_clients_per_address=2)
        for stream in streams[:4]:
            self.assertTrue(stream.closed())
        for stream in streams[4:]:
            self.assertTrue(stream.works())
        self.change(dns_tcp_idle=1)
        for stream in streams[4:]:
            self.assertTrue(stream.closed())
        self.change(dns_tcp_lifetime=1, dns_tcp_idle=600)
        stream = self.stream()
        while stream.works():
            pass
        self.change(dns_tcp_clients=7)
        self.assertIn("dns-tcp-clients has changed, which takes effect at the next start", self.server.log_text())


if __name__ == "__main__":
    main()
