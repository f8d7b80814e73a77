"""Goal: the version stands in one place, and the source tarball of a release is the same whoever makes it."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import unittest
from pathlib import Path

from lab.server import BIN, clean_env
from support import main

ROOT = Path(__file__).resolve().parents[2]


def run(*argv: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, cwd=cwd, env=clean_env(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=120)


class Version(unittest.TestCase):
    def setUp(self) -> None:
        self.version = run("tools/release", "--version").stdout.strip()

    def test_programs_and_package(self) -> None:
        self.assertRegex(self.version, r"^\d+\.\d+\.\d+$", "CMakeLists.txt and debian/changelog agree")
        for name in ("certmill", "certmill-shell", "certmillctl", "certmilld"):
            word = "version" if name == "certmill-shell" else "--version"
            self.assertEqual(run(BIN / name, word).stdout, f"{name} {self.version}\n")


class Release(unittest.TestCase):
    """tools/release, in a small repository of its own and with a key that is thrown away."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="certmill-lab-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.clone, self.key = self.folder / "clone", self.folder / "key"
        self.env = {**clean_env(), "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1"}
        for name in ("SSH_AUTH_SOCK", "RELEASE_KEY"):
            self.env.pop(name, None)
        for name in ("CMakeLists.txt", "CHANGELOG.md", "packaging/debian/changelog", "tools/release"):
            (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.clone / name)
        self.ok("git", "init", "-q")
        self.ok("git", "config", "--global", "user.name", "test")
        self.ok("git", "config", "--global", "user.email", "test@example.org")
        self.ok("git", "add", ".")
        self.ok("git", "commit", "-q", "-m", "First")
        self.ok("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", self.key)
        self.version = self.ok("tools/release", "--version").strip()
        self.changelog = self.clone / "CHANGELOG.md"
        text = self.changelog.read_text().split("## [")[0]
        self.unreleased, self.entry = "## [Unreleased]\n", f"## [{self.version}] - 2026-11-21\n\n### Added\n- All.\n"
        self.write(f"{text}{self.unreleased}\n{self.entry}")

    def run_(self, *argv: str | Path) -> subprocess.CompletedProcess[str]:
        argv = (self.clone / argv[0] if str(argv[0]).startswith("tools/") else argv[0], *argv[1:])
        return subprocess.run(argv, cwd=self.clone, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False, timeout=120)

    def ok(self, *argv: str | Path) -> str:
        done = self.run_(*argv)
        self.assertEqual(done.returncode, 0, f"{argv}: {done.stderr}")
        return done.stdout

    def refused(self, why: str, *options: str) -> None:
        out = self.folder / "refused"
        done = self.run_("tools/release", *options, out)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(why, done.stderr)
        self.assertEqual(list(out.iterdir()) if out.exists() else [], [])

    def write(self, changelog: str) -> None:
        self.changelog.write_text(changelog)
        self.ok("git", "commit", "-q", "-a", "--allow-empty", "-m", "Release")

    def check_tarball(self, out: Path) -> bytes:
        name = f"certmill-{self.version}"
        octets = (out / f"{name}.tar.xz").read_bytes()
        self.assertEqual((out / "SHA256SUMS").read_text(), f"{hashlib.sha256(octets).hexdigest()}  {name}.tar.xz\n")
        with tarfile.open(out / f"{name}.tar.xz") as tar:
            self.assertTrue(all(member.split("/")[0] == name for member in tar.getnames()))
            self.assertIn(f"{name}/tools/release", tar.getnames())
        return octets

    def verify(self, out: Path) -> int:
        signers = self.folder / "signers"
        signers.write_text(f"maintainers@example.org {self.key.with_suffix('.pub').read_text()}")
        with (out / "SHA256SUMS").open() as sums:
            return subprocess.run(["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "maintainers@example.org", "-n", "file",
                                   "-s", out / "SHA256SUMS.sig"], stdin=sums, check=False, capture_output=True).returncode

    def test_signed(self) -> None:
        """Tarball, sum and tag are the key's; anywhere else and later, the same tarball."""
        self.env["RELEASE_KEY"] = str(self.key)
        out = self.folder / "out"
        self.ok("tools/release", out)
        octets = self.check_tarball(out)
        self.assertEqual(self.verify(out), 0)
        self.ok("git", "-c", f"gpg.ssh.allowedSignersFile={self.folder}/signers", "verify-tag", f"v{self.version}")
        self.ok("tools/release", out)  # once more, of the same commit
        first, self.clone = self.clone, self.folder / "elsewhere"
        shutil.copytree(first, self.clone)
        self.ok("tools/release", "--draft", self.folder / "draft")
        self.assertEqual(self.check_tarball(self.folder / "draft"), octets)
        self.assertFalse((self.folder / "draft/SHA256SUMS.sig").exists())
        with (out / "SHA256SUMS").open("a") as sums:
            sums.write("0\n")
        self.assertNotEqual(self.verify(out), 0)

    def test_refused(self) -> None:
        self.refused("RELEASE_KEY is not set")
        self.env["RELEASE_KEY"] = str(self.folder / "none")
        self.refused("no such key")
        self.env["RELEASE_KEY"] = str(self.changelog)
        self.refused("not signed")
        self.env["RELEASE_KEY"] = str(self.key)
        self.refused("only --draft", "--drafft")
        good = self.changelog.read_text()
        self.changelog.write_text(f"{good}\n")
        self.refused("not committed")
        self.write(good.replace(f"## [{self.version}]", "## [0.0.0]"))
        self.refused(f"no entry for {self.version}")
        self.write(good.replace(self.unreleased, f"{self.unreleased}\n### Added\n- More.\n"))
        self.refused("[Unreleased]")
        self.write(good)
        self.ok("git", "tag", f"v{self.version}", "HEAD~1")
        self.refused("a new release needs a new version")
        tagged = self.ok("git", "rev-parse", f"v{self.version}^{{commit}}")
        self.assertEqual(tagged, self.ok("git", "rev-parse", "HEAD~1"))

    def test_one_version(self) -> None:
        changelog = self.clone / "packaging/debian/changelog"
        changelog.write_text(changelog.read_text().replace(f"({self.version})", "(9.9.9)", 1))
        for option in ("--version", "--draft"):
            self.refused("says 9.9.9", option)


if __name__ == "__main__":
    main()
