"""Goal: periodic, run twice at once, interrupted, killed: nothing is ordered twice, nothing is left half done."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.proxy import Fault
from lab.server import BIN, clean_env
from client_support import SETS, PeriodicCase
from support import main

FIRST = "www.example.org"


class AtOnce(PeriodicCase):
    @contextmanager
    def held(self, path: str = "/chalZ/") -> Iterator[Fault]:
        """The CA does not see the next request of that kind before release(), or the end."""
        try:
            yield self.lab.proxy.hold(path)
        finally:
            self.lab.proxy.clear()

    def spawn(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen([BIN / "certmill", "--config-file", self.config, *words], stdin=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True, env=clean_env())

    def test_two_runs_order_once(self) -> None:
        self.set(**{"domain-list": SETS})
        before = self.orders()
        with self.held("/finalize-order/") as hold:
            runs = [self.spawn("periodic", "--now") for _ in range(2)]
            hold.wait_reached()
            hold.release()
        said = [run.communicate(timeout=120)[1] for run in runs]
        self.assertEqual([run.returncode for run in runs], [0, 0], said)
        self.assertEqual(self.orders() - before, 2, said)
        counts = [[int(n) for n in re.findall(r"(\d+) (?:fine|renewed)", text.splitlines()[-1])] for text in said]
        self.assertEqual([sum(pair) for pair in counts], [2, 2], said)
        self.assertEqual(counts[0][1] + counts[1][1], 2, said)

    def test_interrupted(self) -> None:
        """The server finishes what the CA was asked for, and hands it out to the next run."""
        for number, names in zip((signal.SIGTERM, signal.SIGINT), SETS, strict=True):
            self.set(**{"domain-list": [names]})
            with self.subTest(number.name), self.held() as hold:
                run = self.spawn("periodic", "--now")
                hold.wait_reached()
                run.send_signal(number)
                said = run.communicate(timeout=60)[1]
                self.assertEqual(run.returncode, 1, said)
                self.assertIn("interrupted", said)
                self.assertIn("0 fine, 0 renewed, 1 failed", said.splitlines()[-1])
                self.assertEqual(list(self.path.glob("*.crt")), [])
        self.set(**{"domain-list": SETS})
        self.periodic("0 fine, 2 renewed, 0 failed", orders=0)

    def test_killed(self) -> None:
        with self.held() as hold:
            run = self.spawn("periodic", "--now")
            hold.wait_reached()
            run.kill()
            run.communicate(timeout=60)
        self.periodic("0 fine, 1 renewed, 0 failed")
        self.ok("check", "certificate")

    def test_interrupted_while_it_waits(self) -> None:
        run = self.spawn("--periodic-sleep-minutes", "1440", "periodic")
        line = run.stderr.readline() if run.stderr else ""
        self.assertIn("waiting", line)
        run.terminate()
        said = run.communicate(timeout=60)[1]
        self.assertEqual(run.returncode, 1)
        self.assertIn("interrupted", said)

    def test_lock_that_cannot_be_made(self) -> None:
        self.set(**{"pid-dir": str(self.path / "missing")})
        said = self.periodic("0 fine, 0 renewed, 1 failed", status=1, orders=0)
        self.assertIn(f"pid-dir: {self.path}/missing", said)
        Path(self.path, "missing").mkdir()
        self.periodic("0 fine, 1 renewed, 0 failed")
        self.assertEqual([path.name for path in Path(self.path, "missing").iterdir()], [f"{FIRST}.ecdsa.lock"])


if __name__ == "__main__":
    main()
