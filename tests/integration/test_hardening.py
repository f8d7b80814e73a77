"""Goal: the programs are built as hard to exploit as the compiler can make them, and load no library they do not need."""

import json
import os
import platform
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from lab.server import BIN
from support import main

# What each program may load. certmill-shell starts for each request, and faces the clients: next to nothing.
LIBRARIES = {
    "certmilld": {"libuv.so.1", "libldns.so.3", "libcurl.so.4", "libsqlite3.so.0", "libssl.so.3", "libcrypto.so.3",
                  "libjansson.so.4", "libyaml-0.so.2", "libidn2.so.0", "libpsl.so.5", "libseccomp.so.2", "libc.so.6"},
    "certmill": {"libssl.so.3", "libcrypto.so.3", "libldns.so.3", "libjansson.so.4", "libyaml-0.so.2", "libidn2.so.0",
                 "libc.so.6"},
    "certmillctl": {"libcrypto.so.3", "libjansson.so.4", "libsqlite3.so.0", "libc.so.6"},
    "certmill-shell": {"libjansson.so.4", "libc.so.6"},
}
SANITIZED = os.environ.get("CERTMILL_SANITIZE", "")
# Not of our making: the C runtime's, and those of the linker.
RUNTIME = {"_start", "_init", "_fini"}
UNBOUNDED = {"strcpy", "strcat", "sprintf", "vsprintf", "gets", "system", "popen", "tmpnam", "mktemp", "alloca"}


def tool(*words: object) -> str:
    """What a program prints."""
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout


class Program:
    """The tests of one program."""

    def setUp(self) -> None:
        if SANITIZED:
            self.skipTest(f"built with {SANITIZED}: its runtime replaces what is looked at here")  # type: ignore
        self.path = BIN / type(self).__name__.lower().replace("_", "-")

    def test_position_independent(self) -> None:
        self.assertRegex(tool("readelf", "-hW", self.path), r"Type: +DYN \(Position-Independent Executable")

    def test_relocations_are_read_only(self) -> None:
        self.assertIn("GNU_RELRO", tool("readelf", "-lW", self.path))
        dynamic = tool("readelf", "-dW", self.path)
        self.assertIn("BIND_NOW", dynamic)
        self.assertRegex(dynamic, r"FLAGS_1\).*\bNOW\b")
        self.assertNotIn("TEXTREL", dynamic)

    def test_no_segment_is_writable_code(self) -> None:
        segments = re.findall(r"^ +(\w+) +(?:0x\w+ +){5}([R ][W ][E ])", tool("readelf", "-lW", self.path), re.M)
        self.assertIn(("GNU_STACK", "RW "), segments)
        self.assertEqual([kind for kind, flags in segments if "W" in flags and "E" in flags], [])

    def test_data_is_no_code(self) -> None:
        """Constants and headers stand in no segment that can be executed."""
        listing = tool("readelf", "-lW", self.path)
        flags = re.findall(r"^ +(\w+) +(?:0x\w+ +){5}([R ][W ][E ])", listing, re.M)
        sections = re.findall(r"^ {3}\d\d +(.*)$", listing.split("Section to Segment mapping")[1], re.M)
        code = {word for (_, mode), words in zip(flags, sections) if "E" in mode for word in words.split()}
        self.assertIn(".text", code)
        self.assertEqual(code - {".text", ".init", ".fini", ".plt", ".plt.got", ".plt.sec"}, set())

    def test_no_search_path(self) -> None:
        self.assertNotRegex(tool("readelf", "-dW", self.path), r"\((RPATH|RUNPATH)\)")

    def test_libraries(self) -> None:
        found = set(re.findall(r"\(NEEDED\).*\[(.*)\]", tool("readelf", "-dW", self.path)))
        self.assertEqual(found - {"ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}, LIBRARIES[self.path.name])

    def test_stack_protector(self) -> None:
        self.assertIn("__stack_chk_fail", tool("nm", "-D", "--undefined-only", self.path))

    def test_fortified(self) -> None:
        """Level 3 is not to be seen in a program, so the compiler's words are read; that it took effect is."""
        commands = BIN.parent / "compile_commands.json"
        if not commands.exists():
            self.skipTest(f"no {commands.name} beside the programs: installed, not built here")
        ours = [row for row in json.loads(commands.read_text()) if "/tests/" not in row["file"]]
        self.assertGreater(len(ours), 100)
        if all(" -O" not in row["command"] for row in ours):
            self.skipTest("a debug build: the C library's checks need the optimiser")
        for row in ours:
            self.assertIn("-D_FORTIFY_SOURCE=3", row["command"], row["file"])
            self.assertIn("-fstack-protector-strong", row["command"], row["file"])
            self.assertIn("-fstack-clash-protection", row["command"], row["file"])
        self.assertRegex(tool("nm", "-D", "--undefined-only", self.path), r"__\w+_chk@")

    def test_no_unbounded_calls(self) -> None:
        words = re.findall(r" U (\w+)", tool("nm", "-D", "--undefined-only", self.path))
        self.assertEqual(UNBOUNDED & set(words), set())

    @unittest.skipUnless(platform.machine() == "x86_64", "shadow stacks and ENDBR64 are x86's")
    def test_control_flow(self) -> None:
        """A mark for shadow stacks; and every function that others can call starts with ENDBR64."""
        self.assertRegex(tool("readelf", "-nW", self.path), r"x86 feature: .*SHSTK")
        text = re.search(r" \.text +PROGBITS +(\w+) (\w+) (\w+)", tool("readelf", "-SW", self.path))
        assert text is not None
        start, offset, size = (int(word, 16) for word in text.groups())
        code = self.path.read_bytes()[offset:offset + size]
        symbols = re.findall(r"(\w+) +\d+ FUNC +GLOBAL +\w+ +\d+ (\w+)", tool("readelf", "-sW", self.path))
        functions = [(name, int(value, 16) - start) for value, name in symbols if name not in RUNTIME]
        if not functions:
            self.skipTest(f"{self.path.name} is stripped: no functions to be looked at")
        bad = [name for name, at in functions if code[at:at + 4] != b"\xf3\x0f\x1e\xfa"]
        self.assertEqual(bad, [])


class Certmilld(Program, unittest.TestCase):
    pass


class Certmill(Program, unittest.TestCase):
    def test_size(self) -> None:
        """It goes on every host: under 1 MB without symbols."""
        with tempfile.TemporaryDirectory() as folder:
            stripped = Path(folder, "certmill")
            tool("strip", "-s", "-o", stripped, self.path)
            self.assertLess(stripped.stat().st_size, 1_000_000)


class Certmillctl(Program, unittest.TestCase):
    pass


class Certmill_Shell(Program, unittest.TestCase):
    pass


if __name__ == "__main__":
    main()
