"""Goal: start, readiness, a second start, SIGTERM and the service manager's part in them."""

import json
import os
import platform
import signal
import socket
import subprocess
import unittest

from lab import LabOptions, dns, wait_until
from lab.inject import ARCHITECTURE, FDATASYNC, FSYNC, KillAt
from lab.process import children_of, descendants_of, is_alive
from lab.server import BIN, Server
from support import INTERRUPTED, LabCase, POLICY, main


class Lifecycle(LabCase):
    options = LabOptions(serve=False, proxy=True)

    def start(self) -> Server:
        server = self.lab.server
        server.start()
        server.wait_ready()
        self.addCleanup(server.stop)
        return server

    def test_notifies(self) -> None:
        server = self.start()
        self.assertTrue(dns.alive(server.port, "acme.example.com"), "READY=1 comes when DNS is answered")
        self.assertTrue(server.ctl("ping")["pong"], "and the sockets are served")
        server.reload()
        wait_until(lambda: sum("READY=1" in text for text in server.read_notifications()) >= 2, "READY=1 after reload")
        self.assertTrue(any("RELOADING=1" in text for text in server.notified), server.notified)
        server.process.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(), 0)
        self.assertTrue(any("STOPPING=1" in text for text in server.read_notifications()), server.notified)

    def test_second_start_names_the_first(self) -> None:
        server = self.start()
        second = self.lab.folder / "second.yaml"
        text = server.config_file.read_text().replace(str(server.run_dir), str(self.lab.folder / "run2"))
        second.write_text(text.replace(f":{server.port}", f":{self.lab.take_port()}"))
        done = subprocess.run([BIN / "certmilld", "--config", second], capture_output=True, text=True, timeout=60,
                              check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, rf"\b{server.process.pid}\b")
        self.assertIn(str(server.state_dir), done.stderr)
        self.assertTrue(server.ctl("ping")["pong"], "the first goes on")
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])

    def test_sigterm_with_orders_in_flight(self) -> None:
        # a name each: the second request would join the first one's order, which goes on at the start
        for number, name in ((signal.SIGTERM, "www.example.org"), (signal.SIGINT, "mail.example.org")):
            with self.subTest(number):
                server = self.start()
                hold = self.lab.proxy.hold("/finalize-order/")
                client = self.lab.spawn(["--force", "get", "certificate"], name, self.lab.csr([name]))
                hold.wait_reached()
                children = children_of(server.process.pid)
                self.assertEqual(len(children), 3)
                server.process.signal(number)
                self.assertEqual(server.process.wait(), 0)
                answer = self.assert_status(self.lab.collect(client), INTERRUPTED)
                self.assertTrue(answer.stderr)
                self.assertEqual([pid for pid in children if is_alive(pid)], [])
                hold.release()
                server.stop()

    @unittest.skipIf(os.environ.get("CERTMILL_SANITIZE"), "the sanitizers' own calls would be counted, too")
    @unittest.skipUnless(platform.machine() == ARCHITECTURE, f"registers of {ARCHITECTURE}")
    @unittest.skipUnless(os.geteuid() == 0, "as root only: others may not trace a process that is not dumpable")
    def test_sigterm_with_a_slow_disk(self) -> None:
        """Clients hear of it before anything waits for the disk: here the issuer gets no further than that."""
        server = self.start()
        hold = self.lab.proxy.hold("/finalize-order/")
        client = self.lab.spawn(["--force", "get", "certificate"], "www.example.org", self.lab.csr(["www.example.org"]))
        hold.wait_reached()
        killer = KillAt(server.pid_of("issuer"), (FSYNC, FDATASYNC), 1, after=False).start()
        server.process.signal(signal.SIGTERM)
        self.assertTrue(killer.wait_end(), "it wrote to the disk")
        self.assert_status(self.lab.collect(client), INTERRUPTED)
        hold.release()
        server.process.wait()
        server.stop()

    def test_sigterm_with_a_stuck_child(self) -> None:
        for role in ("dnsd", "issuer", "signer"):
            with self.subTest(role):
                server = self.start()
                os.kill(server.pid_of(role), signal.SIGSTOP)
                server.process.signal(signal.SIGTERM)
                server.process.wait()
                server.stop()

    def test_stale_sockets_are_no_obstacle(self) -> None:
        server = self.start()
        children = descendants_of(server.process.pid)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        wait_until(lambda: not any(map(is_alive, children)), "the end of its processes")
        self.assertTrue(server.submit.exists())
        server.start()
        server.wait_ready()
        self.assertTrue(server.ctl("ping")["pong"])

    def test_socket_activation(self) -> None:
        server = self.lab.server
        sockets = []
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            sock = socket.socket(socket.AF_INET, kind)
            if kind == socket.SOCK_STREAM:  # past what is left of the connections of other tests
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", server.port))
            if kind == socket.SOCK_STREAM:
                sock.listen()
            sockets.append(sock)
        # What the manager does: descriptors from 3 on, and the pid of the program that is to have them.
        script = 'exec 3<&"$1" 4<&"$2"; export LISTEN_FDS=2 LISTEN_PID=$$; shift 2; exec "$@"'
        plain = server._new_process
        self.addCleanup(setattr, server, "_new_process", plain)

        def activated():
            process = plain()
            at = process.argv.index("--") + 1
            fds = [str(sock.fileno()) for sock in sockets]
            process.argv[at:at] = ["bash", "-c", script, "activate", *fds]
            start = process.start
            process.start = lambda: start(pass_fds=[sock.fileno() for sock in sockets])
            return process
        server._new_process = activated
        server.start()
        self.addCleanup(server.stop)
        server.wait_ready()
        for sock in sockets:
            sock.close()
        self.assertTrue(dns.alive(server.port, "acme.example.com"))
        self.assertIsNotNone(dns.ask_tcp(dns.query("acme.example.com", "SOA"), server.port))
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])
        pid = server.kill("dnsd")
        server.wait_role("dnsd", pid)
        self.assertTrue(dns.alive(server.port, "acme.example.com"), "the sockets outlive a dnsd")

    def test_json_log(self) -> None:
        server = self.lab.server
        server.config["log-format"] = "json"
        self.addCleanup(server.config.pop, "log-format")
        server.log.write_text("")
        self.start()
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])
        server.stop()
        lines = [json.loads(line) for line in server.log_text().splitlines()]
        self.assertTrue(all({"time", "program", "level", "message"} <= set(line) for line in lines))
        self.assertTrue(any(str(line.get("subject", "")).startswith("order") for line in lines))

    def test_syslog(self) -> None:
        path = self.lab.folder / "syslog.sock"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
            daemon.bind(str(path))
            path.chmod(0o777)
            daemon.settimeout(30)
            for key, value in (("syslog-facility", "LOG_LOCAL3"), ("syslog-socket", str(path))):
                self.lab.server.config[key] = value
                self.addCleanup(self.lab.server.config.pop, key)
            self.start()
            seen = b""
            while b"issuer" not in seen:  # all processes write there
                seen = daemon.recv(8192)
                self.assertRegex(seen, rb"^<15[2-9]>", "facility 19, local3")

    def test_staging_that_the_server_does_not_have(self) -> None:
        self.start()
        answer = self.lab.shell("--staging", "get", "certificate", domains="www.example.org",
                                data=self.lab.csr(["www.example.org"]))
        self.assertIn("staging", answer.stderr)
        self.assert_status(answer, POLICY)

    def test_help_and_version(self) -> None:
        for word, said in (("--help", "dns-listen"), ("--version", "certmill")):
            done = subprocess.run([BIN / "certmilld", word], capture_output=True, text=True, check=False, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(said, done.stdout)


if __name__ == "__main__":
    main()
