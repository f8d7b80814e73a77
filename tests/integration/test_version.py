"""Goal: the version stands in one place, and the source tarball of a release is the same whoever makes it."""

import hashlib
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

    @unittest.skipUnless((ROOT / ".git").exists(), "a clone has history")
    def test_release(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            first, second = folder / "first", folder / "second"
            self.assertEqual(run("git", "clone", "-q", ROOT, first).returncode, 0)
            changelog = first / "CHANGELOG.md"
            text = changelog.read_text().replace(f"## [{self.version}]", "## [0.0.0]")
            changelog.write_text(text)
            self.commit(first)
            refused = run(first / "tools/release", cwd=first)
            self.assertEqual(refused.returncode, 1)
            self.assertIn(f"no entry for {self.version}", refused.stderr)
            changelog.write_text(text.replace("## [Unreleased]", f"## [Unreleased]\n\n## [{self.version}] - 2026-11-21", 1))
            refused = run(first / "tools/release", cwd=first)
            self.assertIn("not committed", refused.stderr)
            self.commit(first)
            self.assertEqual(run("git", "clone", "-q", first, second).returncode, 0)
            sums = [self.release(clone) for clone in (first, second)]
            self.assertEqual(sums[0], sums[1])

    def commit(self, clone: Path) -> None:
        done = run("git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-q", "-a",
                   "--allow-empty", "-m", "Release", cwd=clone)
        self.assertEqual(done.returncode, 0, done.stderr)

    def release(self, clone: Path) -> str:
        out = clone / "build-release"
        done = run(clone / "tools/release", out, cwd=clone)
        self.assertEqual(done.returncode, 0, done.stderr)
        tarball = out / f"certmill-{self.version}.tar.xz"
        digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
        self.assertEqual(Path(f"{tarball}.sha256").read_text(), f"{digest}  {tarball.name}\n")
        with tarfile.open(tarball) as tar:
            self.assertTrue(all(name.split("/")[0] == f"certmill-{self.version}" for name in tar.getnames()))
            self.assertIn(f"certmill-{self.version}/tools/package", tar.getnames())
        return digest


if __name__ == "__main__":
    main()
