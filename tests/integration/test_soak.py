"""Goal: thousands of publications under load: every acknowledged value is served, none that went; dnsd does not grow."""

import os
import subprocess
import unittest

from lab import BIN
from support import main

PUBLICATIONS = os.environ.get("CERTMILL_PUBLICATIONS", "2000")


class Soak(unittest.TestCase):
    def test_publications(self) -> None:
        done = subprocess.run([BIN / "bench_soak", "--publications", PUBLICATIONS, "--names", "500", "--load", "2000"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    main()
