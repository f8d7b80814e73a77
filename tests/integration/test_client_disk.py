"""Goal: a disk that is full at any point, or can only be read, costs the client an error that says which set, what is wrong
and what to do; what was in place stays in place, and once there is room the next run goes through."""

import os
import subprocess
from collections.abc import Callable

from lab.server import BIN, clean_env
from client_files import FilesCase
from support import main

PAGE = os.sysconf("SC_PAGE_SIZE")
SERVER = """\
#!/bin/sh
# A CA, as far as the client can see: signs whatever it is sent.
echo "2026-11-21 12:00:00 +0000 certmilld INFO issued" >&2
openssl x509 -req -in /dev/stdin -CA {ca}/ca.crt -CAkey {ca}/ca.key -days 60 -extfile {ca}/ext 2>/dev/null
cat {ca}/ca.crt
"""
LOCK = "the lock {}/.certmill/www.example.org.ecdsa.lock cannot be made: No space left on device: make space"


class DiskCase(FilesCase):
    """self.path is a disk of its own, of so many pages and files; get() renews the set in it."""

    pages, files = 64, 64

    def setUp(self) -> None:
        super().setUp()
        options = f"size={self.pages * PAGE},nr_inodes={self.files},mode=755"
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.path], check=False, capture_output=True)
        if done.returncode:
            self.skipTest("may not mount")
        self.addCleanup(subprocess.run, ["umount", self.path], check=True)
        (self.folder / "ext").write_text("subjectAltName=DNS:www.example.org,DNS:example.org")
        server = self.folder / "server"
        server.write_text(SERVER.format(ca=self.folder))
        server.chmod(0o755)
        self.settings.update({"certgrinderd": str(server), "cert-renew-threshold-days": 1,
                              "post-renew-hooks": [f"sh -c 'echo x >> {self.folder}/hook'"]})

    def remount(self, how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", self.path], check=True)

    def fill(self, pages: int) -> None:
        """All but so many pages are taken."""
        self.make_room()
        room = os.statvfs(self.path).f_bavail - pages
        (self.path / ".fill").write_bytes(b"x" * PAGE * room)
        self.assertEqual(os.statvfs(self.path).f_bavail, pages)

    def fill_files(self, files: int) -> None:
        """All but so many files are there."""
        self.make_room()
        (self.path / ".files").mkdir()
        for i in range(os.statvfs(self.path).f_favail - files):
            (self.path / ".files" / str(i)).touch()
        self.assertEqual(os.statvfs(self.path).f_favail, files)

    def make_room(self) -> None:
        (self.path / ".fill").unlink(missing_ok=True)
        for file in self.path.glob(".files/*"):
            file.unlink()
        if (self.path / ".files").exists():
            (self.path / ".files").rmdir()

    def contents(self) -> dict[str, bytes]:
        """What a reader finds; a link that leads nowhere is no file."""
        return {path.name: path.read_bytes() for path in self.path.glob("[!.]*") if path.exists()}

    def hooks(self) -> int:
        """How often they ran."""
        hook = self.folder / "hook"
        return len(hook.read_text()) // 2 if hook.exists() else 0

    def get(self) -> tuple[bool, str]:
        """A new certificate; whether it came to that, and if not what was said. Nothing but all or nothing passes."""
        before, hooks = self.contents(), self.hooks()
        done = self.certmill("get", "certificate")
        after = self.contents()
        if done.returncode == 0:
            self.assertNotEqual(before, after)
            self.assertEqual(self.hooks(), hooks + 1)
            self.whole()
            return True, ""
        self.assertEqual(done.returncode, 1, done.stderr)
        # A key may be new where there was none; it is made once, and the next run takes it.
        self.assertEqual({name: text for name, text in after.items() if name in before}, before, done.stderr)
        self.assertTrue(after.keys() <= before.keys() | {"www.example.org-keypair.ecdsa.key"}, after.keys())
        self.assertEqual(self.hooks(), hooks)
        lines = [line for line in done.stderr.splitlines() if " ERROR [www.example.org ecdsa] " in line]
        self.assertEqual(len(lines), 1, done.stderr)
        return False, lines[0]

    def whole(self) -> None:
        """All files are of one certificate."""
        key, leaf, chain, issuer, concat = (self.file(what).read_text() for what in
                                            ("keypair", "certificate", "chain", "issuer", "concat"))
        self.assertEqual((chain, concat), (leaf + issuer, key + leaf + issuer))
        done = self.certmill("check", "certificate")
        self.assertEqual(done.returncode, 0, done.stdout)


class Full(DiskCase):
    def try_all(self, most: int, fill: Callable[[int], None], first: str, *said: str) -> None:
        """With ever more room, until it is enough."""
        for room in range(most):
            with self.subTest(room=room):
                fill(room)
                good, why = self.get()
                if good:
                    break
                self.assertIn(str(self.path), why)
                self.assertTrue(any(words in why for words in said), why)
                if room == 0:
                    self.assertIn(first, why)
        else:
            self.fail(f"room for {most} is not enough")
        self.assertGreater(room, 3, "the disk was full in several places")
        self.make_room()
        self.assertTrue(self.get()[0])

    def test_room(self) -> None:
        """From the first key on, and again with files in place."""
        make_room = "No space left on device; make room there. What was in place stays in place"
        for what in ("new", "there"):
            with self.subTest(what):
                self.try_all(30, self.fill, make_room, make_room)

    def test_files(self) -> None:
        """The same where the disk takes no more files: the lock is one."""
        make_room = "No space left on device; make room there. What was in place stays in place"
        lock = LOCK.format(self.path)
        folder = f"{self.path}/.certmill cannot be made: No space left on device"
        self.try_all(30, self.fill_files, folder, make_room, lock, folder)
        self.try_all(30, self.fill_files, make_room, make_room, lock)

    def test_room_for_the_lock(self) -> None:
        self.assertTrue(self.get()[0])
        (self.path / ".certmill/www.example.org.ecdsa.lock").unlink()
        self.fill_files(0)
        good, why = self.get()
        self.assertFalse(good)
        self.assertIn(LOCK.format(self.path), why)


class ReadOnly(DiskCase):
    def refused(self, words: str) -> None:
        good, why = self.get()
        self.assertFalse(good)
        self.assertIn(str(self.path), why)
        self.assertIn(words, why)

    def test_empty(self) -> None:
        self.remount("ro")
        self.refused("Read-only file system")
        self.assertEqual(self.contents(), {})

    def test_files_there(self) -> None:
        self.assertTrue(self.get()[0])
        self.remount("ro")
        self.refused("Read-only file system")
        done = self.certmill("check", "certificate")
        self.assertEqual(done.returncode, 0, "reading is all it takes")
        self.settings["pid-dir"] = str(self.folder)
        self.refused("Read-only file system; the file system can only be read")
        self.remount("rw")
        self.assertTrue(self.get()[0])

    def test_folder_of_another_user(self) -> None:
        """Root may write everywhere; another user may not."""
        self.assertTrue(self.get()[0])
        before = self.contents()
        self.folder.chmod(0o755)
        for file in self.path.rglob("*"):
            os.chown(file, 0, 65534, follow_symlinks=False)  # who may read all of it
        done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", BIN / "certmill",
                               "--config-file", self.folder / "certmill.yaml", "get", "certificate"], capture_output=True,
                              text=True, env=clean_env(), cwd="/", check=False, timeout=120)
        self.assertEqual(done.returncode, 1)
        self.assertIn("ERROR [www.example.org ecdsa] ", done.stderr)
        self.assertIn(f"{self.path}/.certmill", done.stderr)
        self.assertIn("Permission denied", done.stderr)
        self.assertEqual(self.contents(), before)


if __name__ == "__main__":
    main()
