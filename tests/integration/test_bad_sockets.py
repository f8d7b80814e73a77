"""Goal: what is no request on the submit or control socket gets an error line and is closed in time; others go on."""

import json
import os
import socket
from pathlib import Path

from lab import LabOptions
from support import LabCase, OK, main

SUBMIT_LIMIT, CONTROL_LIMIT = 1 << 20, 64 << 10


class BadSockets(LabCase):
    options = LabOptions(proxy=True)

    def paths(self) -> tuple[Path, Path]:
        return self.lab.server.submit, self.lab.server.control

    def connect(self, path: Path) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(30)
        sock.connect(str(path))
        return sock

    def say(self, path: Path, data: bytes, shut: bool = False) -> list[dict]:
        """Sends data; the lines of the answer, once the server has closed."""
        with self.connect(path) as sock:
            try:
                sock.sendall(data)
                if shut:
                    sock.shutdown(socket.SHUT_WR)
            except (BrokenPipeError, ConnectionResetError):
                pass
            text = b""
            try:
                while more := sock.recv(65536):
                    text += more
            except ConnectionResetError:
                pass
        return [json.loads(line) for line in text.splitlines()]

    def refused(self, path: Path, data: bytes, shut: bool = False) -> None:
        with self.subTest(path.name, data=data[:60]):
            lines = self.say(path, data, shut)
            self.assertTrue(lines, "an error line")
            self.assertEqual((lines[-1]["result"], lines[-1]["kind"]), ("error", "input"), lines)
            self.assertTrue(lines[-1]["message"])

    def tearDown(self) -> None:
        self.assertEqual(self.lab.shell("ping", domains="a.example.org").status, OK)
        self.assertTrue(self.lab.server.ctl("ping")["pong"])
        super().tearDown()

    def test_not_json(self) -> None:
        for path in self.paths():
            for data in (b"\n", b"hello\n", b"{\n", b"[]\n", b"1\n", b'"ping"\n', b"null\n", b"{'v':1}\n", b"\0\n",
                         os.urandom(200).replace(b"\n", b"") + b"\n", b'{"v":1,"op":"ping"} x\n',
                         b'{"v":1,"op":"ping","op":"ping"}\n', b'{"v":1,"op":"\xff\xfe"}\n',
                         b"[" * 10000 + b"\n", b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n"):
                self.refused(path, data)

    def test_wrong_members(self) -> None:
        for path in self.paths():
            for request in ({}, {"op": "ping"}, {"v": 1}, {"v": 2, "op": "ping"}, {"v": "1", "op": "ping"},
                            {"v": 1, "op": 7}, {"v": 1, "op": "reboot"}, {"v": 1, "op": "ping", "more": True},
                            {"v": 1, "op": None}, {"v": 1.5, "op": "ping"}, {"v": 10**30, "op": "ping"}):
                self.refused(path, json.dumps(request).encode() + b"\n")
        submit, control = self.paths()
        for more in ({"domains": 7}, {"domains": ["a.example"]}, {"input": 1}, {"client": {}}, {"staging": "yes"}):
            self.refused(submit, json.dumps({"v": 1, "op": "get certificate", **more}).encode() + b"\n")
        for more in ({"id": "1"}, {"id": -1}, {"limit": "all"}, {"limit": -5}, {"id": 1.5}):
            self.refused(control, json.dumps({"v": 1, "op": "orders", **more}).encode() + b"\n")

    def test_over_the_limit(self) -> None:
        submit, control = self.paths()
        self.refused(submit, b'{"v":1,"op":"ping","input":"' + b"x" * SUBMIT_LIMIT + b'"}\n')
        self.refused(submit, b"x" * (SUBMIT_LIMIT + 100_000))
        self.refused(control, b'{"v":1,"op":"' + b"x" * CONTROL_LIMIT + b'"}\n')

    def test_half_sent_and_shut(self) -> None:
        for path in self.paths():
            self.refused(path, b'{"v":1,"op":', shut=True)

    def test_half_sent_and_left_open(self) -> None:
        """Closed in time, with an error line; meanwhile others are served."""
        open_ones = []
        for path in self.paths():
            for data in (b"", b'{"v":1,"op":"pi'):
                sock = self.connect(path)
                sock.sendall(data)
                open_ones.append((path, data, sock))
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])
        for path, data, sock in open_ones:
            with self.subTest(path.name, data=data), sock, sock.makefile("rb") as stream:
                lines = [json.loads(line) for line in stream.read().splitlines()]
                self.assertEqual([(line["result"], line["kind"]) for line in lines], [("error", "input")])

    def test_many_that_say_nothing(self) -> None:
        for path in self.paths():
            idle = [self.connect(path) for _ in range(50)]
            self.assertEqual(self.lab.shell("ping", domains="a.example.org").stdout, "pong\n")
            self.assertTrue(self.lab.server.ctl("ping")["pong"])
            for sock in idle:
                sock.close()

    def test_gone_before_the_answer(self) -> None:
        for _ in range(50):
            for path in self.paths():
                with self.connect(path) as sock:
                    sock.sendall(b'{"v":1,"op":"ping"}\n')

    def test_modes(self) -> None:
        submit, control = self.paths()
        self.assertEqual(submit.stat().st_mode & 0o777, 0o660)
        self.assertEqual(control.stat().st_mode & 0o777, 0o600)

    def test_protocol_by_hand(self) -> None:
        submit, control = self.paths()
        self.assertEqual(self.say(submit, b'{"v":1,"op":"ping"}\n')[-1], {"result": "ok", "output": "pong\n"})
        answer = self.say(control, b'{"v":1,"op":"ping"}\n')
        self.assertEqual((len(answer), answer[0]["result"], answer[0]["data"]["pong"]), (1, "ok", True))


if __name__ == "__main__":
    main()
