"""Goal: a zone file that is wrong is refused at start with its line; a good one is served with the challenges."""

from pathlib import Path

from lab import ZONE, LabOptions, dns
from support import LabCase, main

SOA = f"{ZONE}. 60 IN SOA ns1.{ZONE}. hostmaster.example.org. 1 3600 600 86400 5\n"
NS = f"{ZONE}. 60 IN NS ns1.{ZONE}.\n"


class BadZoneFile(LabCase):
    options = LabOptions(serve=False)

    def setUp(self) -> None:
        self.file = Path(self.lab.folder, "our.zone")
        self.lab.server.config["zones"] = [{"name": ZONE, "file": str(self.file)}]
        self.lab.server.write_config()

    def refused(self, text: str | bytes, *said: str) -> None:
        self.file.write_bytes(text.encode() if isinstance(text, str) else text)
        done = self.lab.server.run_to_end()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("our.zone", done.stderr)
        for word in said:
            self.assertIn(word, done.stderr)

    def test_syntax(self) -> None:
        self.refused(SOA + NS + f"www.{ZONE}. 60 IN A 192.0.2.999\n", "our.zone:3")
        self.refused(SOA + "\n" + NS + f"www.{ZONE}. 60 IN NONSENSE x\n", "our.zone:4")
        self.refused(SOA + NS + f'www.{ZONE}. 60 IN TXT "open\n', "our.zone:3")

    def test_out_of_zone(self) -> None:
        self.refused(SOA + NS + "www.example.org. 60 IN A 192.0.2.1\n", "our.zone:3", "www.example.org")

    def test_nothing_to_stand_on(self) -> None:
        self.refused("", "SOA")
        self.refused(NS, "SOA")
        self.refused(SOA, "NS")

    def test_odd_files(self) -> None:
        self.refused(bytes(range(256)) * 8)
        self.refused(b"\0" * 4096)
        self.refused("$INCLUDE /etc/passwd\n" + SOA + NS, "our.zone:1")

    def test_missing(self) -> None:
        self.file.unlink(missing_ok=True)
        done = self.lab.server.run_to_end()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("our.zone", done.stderr)

    def test_good(self) -> None:
        self.file.write_text(SOA + NS + f'ns1.{ZONE}. 60 IN A 192.0.2.1\na.b.{ZONE}. 60 IN TXT "here"\n')
        self.lab.server.start()
        self.lab.server.wait_ready()
        self.assertEqual(dns.txt(f"a.b.{ZONE}", self.lab.server.port), ["here"])
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])
        self.assertEqual(dns.txt(f"a.b.{ZONE}", self.lab.server.port), ["here"])
        self.lab.server.stop()


if __name__ == "__main__":
    main()
