"""Goal: a port that is taken ends the start with the address and the process that holds it."""

import os
import socket

from lab import LabOptions
from support import LabCase, main


class PortTaken(LabCase):
    options = LabOptions(serve=False)

    def taken(self, kind: socket.SocketKind, family: socket.AddressFamily, address: str) -> None:
        self.lab.server.write_config()
        with socket.socket(family, kind) as holder:
            if family == socket.AF_INET6:
                holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            holder.bind((address, self.lab.server.port))
            if kind == socket.SOCK_STREAM:
                holder.listen()
            done = self.lab.server.run_to_end()
        self.assertEqual(done.returncode, 2, done.stderr)
        shown = f"[{address}]" if ":" in address else address
        self.assertIn(f"{shown}:{self.lab.server.port}", done.stderr)
        self.assertRegex(done.stderr, rf"\b{os.getpid()}\b")

    def test_tcp(self) -> None:
        self.taken(socket.SOCK_STREAM, socket.AF_INET, "127.0.0.1")

    def test_udp(self) -> None:
        self.taken(socket.SOCK_DGRAM, socket.AF_INET, "127.0.0.1")

    def test_ipv6(self) -> None:
        if len(self.lab.server.config["dns-listen"]) > 1:
            self.taken(socket.SOCK_DGRAM, socket.AF_INET6, "::1")

    def test_free_again(self) -> None:
        self.lab.server.start()
        self.lab.server.wait_ready()
        self.assertEqual(self.lab.server.stop(), 0)


if __name__ == "__main__":
    main()
