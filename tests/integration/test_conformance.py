"""Goal: docs/conformance.md and the tests of RFCs say the same: each test that it names exists, each RFC tested is in it."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOC = (ROOT / "docs" / "conformance.md").read_text()
TESTS = sorted((ROOT / "tests" / "integration").glob("test_*.py"))


class Conformance(unittest.TestCase):
    def test_named_tests_exist(self) -> None:
        text = "".join(path.read_text() for path in TESTS)
        there = set(re.findall(r"(?m)^    def (test_\w+)\(self", text))
        named = set(re.findall(r"`(test_\w+)`", DOC))
        self.assertGreater(len(named), 60)
        self.assertEqual(named - there, set(), "named in docs/conformance.md, but there is no such test")

    def test_named_files_exist(self) -> None:
        named = re.findall(r"`((?:tests/[\w/]*)?test_\w+\.(?:py|c))`", DOC)
        self.assertGreater(len(named), 5)
        for name in named:
            path = name if "/" in name else f"tests/integration/{name}"
            self.assertTrue((ROOT / path).is_file(), name)

    def test_each_rfc_that_is_tested_is_in_the_table(self) -> None:
        for path in TESTS:
            if path.name.startswith("test_rfc_"):
                for name in re.findall(r"def (test_\w+)\(self", path.read_text()):
                    found = re.match(r"test_rfc(\d+)_", name)
                    self.assertIsNotNone(found, f"{path.name}: {name} names no RFC")
                    self.assertRegex(DOC, rf"(?m)^\|[^|]*\b{found[1] if found else ''}\b", name)
                    if path.name != "test_rfc_8906.py":  # named as a whole
                        self.assertIn(f"`{name}`", DOC)


if __name__ == "__main__":
    unittest.main(verbosity=2)
