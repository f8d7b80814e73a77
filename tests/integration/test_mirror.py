"""Goal: the fresh Debian that packages are tried in comes from where this host's apt gets its own."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from lab.server import clean_env
from support import main

TOOL = Path(__file__).resolve().parents[2] / "tools/debian-mirror"
RELEASE = "Origin: {0}\nLabel: {0}\nCodename: {1}\nComponents: main\nArchitectures: amd64\nDate: Sat, 21 Nov 2026 10:00:00 UTC\n"
DEB822 = "Types: deb\nURIs: {}\nSuites: bookworm\nComponents: main\nArchitectures: amd64\nTrusted: yes\n"


class Mirror(unittest.TestCase):
    """apt, with sources and lists of its own."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="certmill-lab-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.parts, self.lists = self.folder / "parts", self.folder / "lists"
        self.parts.mkdir()
        self.lists.mkdir()
        self.config = self.folder / "apt.conf"
        self.config.write_text(f'Dir::State::lists "{self.lists}";\nDir::Etc::sourcelist "{self.folder}/none";\n'
                               f'Dir::Etc::sourceparts "{self.parts}";\nAPT::Architecture "amd64";\n'
                               'Acquire::Retries "0";\nAcquire::http::Proxy "http://127.0.0.1:9";\n')  # nobody is asked

    def one_line(self, name: str, uri: str, suite: str = "bookworm") -> None:
        (self.parts / f"{name}.list").write_text(f"deb [arch=amd64 trusted=yes] {uri} {suite} main\n")

    def fetched(self, place: str, origin: str = "Debian", suite: str = "bookworm") -> None:
        """As apt-get update leaves it."""
        name = f"{place.rstrip('/').replace('_', '%5f').replace('/', '_')}_dists_{suite}"
        (self.lists / f"{name}_Release").write_text(RELEASE.format(origin, suite))
        (self.lists / f"{name}_main_binary-amd64_Packages").touch()

    def run_(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run([TOOL], env={**clean_env(), "APT_CONFIG": str(self.config), "LC_ALL": "C"}, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)

    def ok(self) -> str:
        done = self.run_()
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_others_are_left_out(self) -> None:
        self.one_line("a", "http://other.example/debian")
        self.fetched("other.example/debian", origin="Other")
        self.one_line("b", "http://old.example/debian", "bullseye")
        self.fetched("old.example/debian", suite="bullseye")
        self.one_line("c", "http://mirror.example/debian/")
        self.fetched("mirror.example/debian")
        self.assertEqual(self.ok(), "http://mirror.example/debian")

    def test_deb822(self) -> None:
        (self.parts / "debian.sources").write_text(DEB822.format("https://mirror.example/debian"))
        self.fetched("mirror.example/debian")
        self.assertEqual(self.ok(), "https://mirror.example/debian")

    def test_list_of_mirrors(self) -> None:
        """As Debian's images for clouds have it."""
        mirrors = self.folder / "mirrors"
        mirrors.write_text("# the nearest\nhttps://one.example/debian/\tpriority:1\nhttps://two.example/debian\n")
        (self.parts / "debian.sources").write_text(DEB822.format(f"mirror+file:{mirrors}"))
        self.fetched(str(mirrors))
        self.assertEqual(self.ok(), "https://one.example/debian")
        mirrors.unlink()
        self.assertIn("no Debian bookworm", self.run_().stderr)

    def test_none(self) -> None:
        self.one_line("a", "cdrom:[Debian]/")
        done = self.run_()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("no Debian bookworm", done.stderr)


if __name__ == "__main__":
    main()
