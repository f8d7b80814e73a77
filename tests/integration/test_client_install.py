"""Goal: whoever reads the files of a certificate finds all of the old or all of the new ones, at any moment and wherever the
client is killed; hooks run where the files are new, and only there."""

import errno
import os
import platform
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from lab import wait_until
from lab.inject import ARCHITECTURE, CHANGES, FSYNC, FailAt, KillAt
from lab.server import BIN, clean_env
from client_support import SETS, SUFFIXES, PeriodicCase
from support import main

FIRST = "www.example.org"
NAMES = SETS[0].split(",")
KEEP = 2
MOST = 80
"""A renewal changes the file system less often than this."""
TRACED = platform.machine() == ARCHITECTURE and os.geteuid() == 0 and not os.environ.get("CERTMILL_SANITIZE")
"""Whether system calls can be counted: sanitizers make some of their own."""
UNTRACED = 12
"""Without that: how many are killed, each so many milliseconds later than the one before."""
LATER = 4
SERVER = """\
#!/bin/sh
# Gives what the real server gave before, once the gate is opened.
cat >/dev/null
cat {folder}/gate
cat {folder}/next.pem
"""


class Readers:
    """Threads that read a set all the time, in the two ways that docs/client.md names."""

    def __init__(self, files: list[Path], current: Path):
        self.files, self.current = files, current
        self.key = files[0].read_text()
        self.wrong: list[str] = []
        self.seen: list[set[str]] = [set() for _ in SUFFIXES]
        self.found: dict[str, str] = {}
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(way,)) for way in (self.by_folder, self.by_names)]

    def __enter__(self) -> "Readers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(60)

    def wait(self, chain: str) -> None:
        """Returns once all have found that one. So none is ever as many renewals behind as are kept."""
        wait_until(lambda: bool(self.wrong) or list(self.found.values()) == [chain] * len(self._threads), "all have read it", 60)

    def _repeat(self, read: Callable[[], None]) -> None:
        while not self.wrong and not self._end.wait(0.001):  # others want the processor, too
            try:
                read()
            except OSError as error:
                self.wrong.append(f"{read.__name__}: {error}")

    def _judge(self, way: str, texts: list[str]) -> None:
        """All of them are of one certificate."""
        leaf, chain, issuers, concat = texts
        if (chain, concat) != (leaf + issuers, self.key + leaf + issuers):
            self.wrong.append(f"{way}: a mixture")
        self.found[way] = chain

    def by_folder(self) -> None:
        """The folder that `current` leads to is opened once, and read in."""
        fd = os.open(self.current, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._judge("folder", [Path(f"/proc/self/fd/{fd}/{suffix.replace('.{}', '')}").read_text() for suffix in SUFFIXES[2:]])
        finally:
            os.close(fd)

    def by_names(self) -> None:
        """Each is whole; they are of one certificate where `current` has not changed meanwhile. The key never does."""
        before = os.readlink(self.current)
        texts = [file.read_text() for file in self.files]
        for text, seen in zip(texts, self.seen, strict=True):
            seen.add(text)
        if before == os.readlink(self.current):
            self._judge("names", texts[2:])


class Install(PeriodicCase):
    """Chains of the real server for one key; `replay` hands them out again and again."""

    def setUp(self) -> None:
        super().setUp()
        self.set(**{"cert-renew-threshold-days": 1, "keep-old": KEEP})
        self.folder = Path(self.lab.folder, f"{self._testMethodName}.more")
        self.folder.mkdir()
        self.current = self.path / f".certmill/{FIRST}.ecdsa/current"
        self.chains: list[str] = []

    def order(self) -> str:
        """A chain from the lab's CA."""
        self.ok("get", "certificate")
        self.lab.check_chain(self.chain(), NAMES, self.file(FIRST, SUFFIXES[0], "ecdsa"))
        self.assertNotIn(self.chain(), self.chains)
        self.chains.append(self.chain())
        return self.chain()

    def replay(self) -> None:
        """From now on the server is one that gives these."""
        server = self.folder / "server"
        server.write_text(SERVER.format(folder=self.folder))
        server.chmod(0o755)
        self.set(certgrinderd=str(server))

    def begin(self) -> tuple[subprocess.Popen[str], int, int]:
        """A run whose server waits: its process, its id, and the gate. It is no child of ours, so that what traces it hears
        of its end, and the shell does then."""
        def stop() -> None:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.communicate(timeout=120)

        following = self.chains[(self.chains.index(self.chain()) + 1) % len(self.chains)]
        (self.folder / "next.pem").write_text(following)
        (self.folder / "gate").unlink(missing_ok=True)  # what a killed client has started may still be at the old one
        os.mkfifo(self.folder / "gate")
        run = subprocess.Popen(["sh", "-c", '"$@" & echo $!; wait $!', "sh", BIN / "certmill", "--config-file", self.config,
                                "get", "certificate"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=clean_env(), start_new_session=True)
        self.addCleanup(stop)
        pid = int(run.stdout.readline()) if run.stdout else 0
        gate = -1

        def open_gate() -> bool:
            nonlocal gate
            self.assertIsNone(run.poll(), "it has ended")
            try:
                gate = os.open(self.folder / "gate", os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                self.assertEqual(error.errno, errno.ENXIO)
            return gate >= 0
        wait_until(open_gate, "the server is asked", 60)
        return run, pid, gate

    def end(self, run: subprocess.Popen[str], gate: int) -> str:
        """Lets it go on to its end; what it said."""
        os.close(gate)
        return run.communicate(timeout=120)[1]

    def versions(self) -> int:
        """How many sets are kept, the one in use among them."""
        return len(list(self.current.parent.glob("[0-9]*")))

    def killed(self, nth: int) -> bool:
        """A run that is killed before its nth change, or a while after it has begun; False where it ends before that."""
        run, pid, gate = self.begin()
        if TRACED:
            killer = KillAt(pid, CHANGES, nth, after=False).start()
            self.end(run, gate)
            return killer.release()
        if nth == UNTRACED:
            self.end(run, gate)
            return False
        process = os.pidfd_open(pid)
        os.close(gate)
        time.sleep(nth * LATER / 1000)
        try:
            signal.pidfd_send_signal(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(process)
        run.communicate(timeout=120)
        return True

    def check_after(self, before: str) -> None:
        """After a run that went through."""
        self.assertNotEqual(self.chain(), before)
        self.assertIn(self.chain(), self.chains)
        texts = [Path(f"{self.file(FIRST, suffix, 'ecdsa')}.old").read_text() for suffix in SUFFIXES[2:]]
        key = self.file(FIRST, SUFFIXES[0], "ecdsa").read_text()
        leaf, chain, issuers, concat = texts
        self.assertEqual((chain, concat), (leaf + issuers, key + leaf + issuers), "one set")
        self.assertEqual(chain, before, "the one before")
        self.assertEqual(self.versions(), KEEP + 1)

    def check_seen(self, readers: Readers) -> None:
        self.assertEqual(readers.wrong, [])
        keys, _, leaves, chains, issuers, concats = readers.seen
        self.assertEqual(keys, {readers.key}, "whose certificates these all are")
        self.assertLessEqual(chains, set(self.chains))
        self.assertLessEqual(concats, {readers.key + chain for chain in self.chains})
        self.assertLessEqual({leaf + rest for leaf in leaves for rest in issuers}, set(self.chains), "one issuer")

    def test_readers(self) -> None:
        """While certificates are renewed, and the client is killed before each change that it makes to the file system."""
        self.order()
        files = [self.file(FIRST, suffix, "ecdsa") for suffix in SUFFIXES]
        with Readers(files, self.current) as readers:
            for _ in range(KEEP):
                readers.wait(self.order())
            self.replay()
            for nth in range(1, MOST):
                before = self.chain()
                if not self.killed(nth):
                    break
                self.assertIn(self.chain(), self.chains)
                before = self.chain()
                run, _, gate = self.begin()
                said = self.end(run, gate)
                self.assertEqual(run.returncode, 0, said)
                self.check_after(before)
                readers.wait(self.chain())
            else:
                self.fail(f"a renewal makes {MOST} changes")
            if TRACED:
                self.assertGreater(nth, 20, "there were many")
            self.check_after(before)
        self.check_seen(readers)
        self.ok("check", "certificate")

    def test_folder_that_cannot_be_synced(self) -> None:
        """Whatever else fails: hooks run where the files are new, and only there, and the exit status tells of it."""
        if not TRACED:
            self.skipTest("system calls of this process cannot be counted here")
        hook = self.folder / "hook"
        self.order()
        self.order()
        self.replay()
        self.set(**{"post-renew-hooks": [f"sh -c 'echo $CERTMILL_NAMES >> {hook}'"]})
        late = 0
        for nth in range(1, MOST):
            before = self.chain()
            hook.write_text("")
            run, pid, gate = self.begin()
            failer = FailAt(pid, (FSYNC,), nth, errno.EIO).start()
            said = self.end(run, gate)
            new = self.chain() != before
            self.assertEqual(hook.read_text(), f"{FIRST}\n" if new else "", said)
            if not failer.release():
                self.assertEqual((run.returncode, new), (0, True), said)
                break
            self.assertEqual(run.returncode, 1, said)
            self.assertIn(f"ERROR [{FIRST} ecdsa] ", said)
            self.assertIn("Input/output error", said)
            self.assertEqual("the new files are in place" in said, new, said)
            late += new
        self.assertGreater(nth, 8, "each file and folder is synced")
        self.assertEqual(late, 1, "the folder, after the switch")


if __name__ == "__main__":
    main()
