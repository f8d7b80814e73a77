"""Goal: the lab itself: it starts with other ports where its own were taken, and says of a CA that hangs that it does."""

import os
import signal
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

from lab import HANGS, Lab, LabOptions
from lab.ports import Ports
from lab.process import Process, adopt_orphans, descendants_of, is_alive
from support import main

PARTS = {"certmilld": 0, "nsd": 1, "unbound": 2, "pebble": 3, "the proxy": 5, "sshd": 6}
"""Which of the lab's ports is whose."""


class TheLab(unittest.TestCase):
    def test_port_taken(self) -> None:
        """By somebody who does not know of the lab's locks, between the choice of the port and its use."""
        real = Ports.take
        for name, number in PARTS.items():
            with self.subTest(name), socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                given: list[int] = []

                def take(ports: Ports) -> int:
                    given.append(real(ports))
                    if len(given) == number + 1:
                        tcp.bind(("127.0.0.1", given[-1]))
                        udp.bind(("127.0.0.1", given[-1]))
                    return given[-1]
                with mock.patch.object(Ports, "take", take), Lab(LabOptions(proxy=True, sshd=True, hosts=1)) as lab:
                    self.assertEqual(lab.get(["www.example.org"]).status, 0)
                    self.assertEqual(len(given), 2 * (max(PARTS.values()) + 1), "it began once more")

    def test_ca_that_hangs(self) -> None:
        with Lab(LabOptions(proxy=True, serve=False, hosts=1)) as lab:
            self.assertFalse(lab.ca.hangs())
            self.assertEqual(lab.proxy.ca_state(), "")
            os.kill(lab.ca.process.pid, signal.SIGSTOP)
            with mock.patch("lab.ca.ANSWER_SECONDS", 1):
                self.assertTrue(lab.ca.hangs())
                self.assertIn(HANGS, lab.proxy.ca_state())
            os.kill(lab.ca.process.pid, signal.SIGCONT)

    def test_processes_that_go(self) -> None:
        """Looked at in just that moment they are gone, and no error."""
        for _ in range(200):
            child = subprocess.Popen(["true"])
            waiter = threading.Thread(target=child.wait)
            waiter.start()
            while is_alive(child.pid):
                descendants_of(child.pid)
            waiter.join()

    def test_forked_at_the_end(self) -> None:
        """What a daemon starts when it is told to end is ended as well."""
        adopt_orphans()
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log"
            daemon = Process("a daemon", ["sh", "-c", "trap 'sleep 1000 & echo $!; exit 0' TERM; echo up; "
                                          "while :; do sleep 0.01; done"], log)
            daemon.start()
            daemon.wait_ready(lambda: "up" in log.read_text())
            daemon.stop()
            self.assertFalse(is_alive(int(log.read_text().split()[1])))


if __name__ == "__main__":
    main()
