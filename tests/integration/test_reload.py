"""Goal: SIGHUP and `certmillctl reload` take over good files whole, and refuse bad ones while the old stay in use."""

import re
import signal
from pathlib import Path

from lab import ZONE, LabOptions, dns, target_of, wait_until
from support import LabCase, main

GOOD = f"""\
$ORIGIN {ZONE}.
$TTL 300
@ IN SOA ns1.{ZONE}. hostmaster.example.org. 1 3600 600 86400 5
@ IN NS ns1.{ZONE}.
ns1 IN A 192.0.2.1
info IN TXT "first"
"""


class Reload(LabCase):
    options = LabOptions(serve=False, proxy=True)

    def setUp(self) -> None:
        server = self.lab.server
        self.file = Path(self.lab.folder, "our.zone")
        self.file.write_text(GOOD)
        server.config["zones"] = [{"name": ZONE, "file": str(self.file)}]
        server.start()
        server.wait_ready()
        self.addCleanup(server.stop)
        self.assertEqual(self.info(), ["first"])

    def info(self) -> list[str]:
        return dns.txt(f"info.{ZONE}", self.lab.server.port)

    def refuse(self, *said: str) -> None:
        """SIGHUP is refused with these words in the log, and certmillctl says so, too."""
        mark = len(self.lab.server.log_text())
        self.lab.server.reload()
        wait_until(lambda: all(word in self.lab.server.log_text()[mark:] for word in said), f"refused with {said}")
        done = self.lab.server.ctl_text("reload")
        self.assertEqual(done.returncode, 1, done.stdout)
        for word in said:
            self.assertIn(word, done.stdout + done.stderr)
        self.assertEqual(self.info(), ["first"], "the running zone stays")
        self.assertTrue(self.lab.server.process.running())
        self.assert_issued(self.lab.get(["www.example.org"]), ["www.example.org"])

    def test_good_zone(self) -> None:
        self.file.write_text(GOOD.replace("first", "second"))
        self.lab.server.process.signal(signal.SIGHUP)
        wait_until(lambda: self.info() == ["second"], "new record served")
        self.file.write_text(GOOD.replace("first", "third"))
        self.lab.server.ctl("reload")
        wait_until(lambda: self.info() == ["third"], "new record served")

    def test_syntax_error_in_zone(self) -> None:
        self.file.write_text(GOOD.replace('info IN TXT "first"', 'info IN A 192.0.2.999'))
        self.refuse("our.zone:6")

    def test_record_out_of_zone(self) -> None:
        self.file.write_text(GOOD.replace("first", "second") + "www.example.net. IN A 192.0.2.1\n")
        self.refuse("our.zone:7", "www.example.net")

    def test_no_ns(self) -> None:
        self.file.write_text(GOOD.replace(f"@ IN NS ns1.{ZONE}.\n", ""))
        self.refuse("NS")

    def test_zone_file_gone(self) -> None:
        self.file.unlink()
        self.refuse("our.zone")

    def test_unknown_key(self) -> None:
        server = self.lab.server
        server.write_config(server.config_file.read_text() + "acme-mail: x@example.org\n")
        self.refuse("certmilld.yaml:", "acme-mail", "acme-email")

    def test_all_or_nothing(self) -> None:
        """A good zone file beside a bad one is not taken either."""
        other = Path(self.lab.folder, "other.zone")
        other.write_text("this is no zone\n")
        self.file.write_text(GOOD.replace("first", "second"))
        server = self.lab.server
        server.config["zones"].append({"name": "acme2.example.com", "file": str(other)})
        server.write_config()
        self.refuse("other.zone")

    def test_what_needs_a_start(self) -> None:
        """Sizes that buffers were made for stay, and the log says so; the rest is taken over."""
        server = self.lab.server
        changed = {"dns-udp-payload": 1400, "dns-tcp-clients": 7, "dns-threads": 1, "dns-listen": ["127.0.0.1:1"],
                   "user": "games", "dns-nsid": "new"}
        before = dict(server.config)
        self.addCleanup(server.config.update, before)
        self.addCleanup(server.config.clear)
        server.config.update(changed)
        server.write_config()
        server.ctl("reload")
        wait_until(lambda: "NSID" in self.edns(), "NSID told")
        self.assertIn("udp: 1232", self.edns())
        warned = set(re.findall(r"WARNING ([a-z-]+) has changed, which takes effect at the next start", server.log_text()))
        self.assertEqual(warned, set(changed) - {"dns-nsid"})
        server.wait_role("dnsd", server.kill("dnsd"))
        wait_until(lambda: "NSID" in self.edns(), "an answer")
        self.assertIn("udp: 1232", self.edns(), "the next start is certmilld's, not dnsd's")

    def edns(self) -> str:
        return dns.dig("+norec", "+nsid", ZONE, "SOA", port=self.lab.server.port)

    def test_second_zone(self) -> None:
        server = self.lab.server
        server.config["zones"].append({"name": "acme2.example.com", "nameservers": ["ns1.example.net"],
                                       "hostmaster": "hostmaster@example.org"})
        server.write_config()
        server.reload()
        wait_until(lambda: "SOA" in dns.dig("acme2.example.com", "SOA", "+noall", "+answer", port=server.port),
                   "second zone served")
        self.assertEqual(sorted(server.ctl("status")["zones"]), [ZONE, "acme2.example.com"])

    def test_live_challenge_survives(self) -> None:
        hold = self.lab.proxy.hold("/chalZ/", early=True)
        client = self.lab.spawn(["--force", "get", "certificate"], "host40.example.org", self.lab.csr(["host40.example.org"]))
        hold.wait_reached()
        self.file.write_text(GOOD.replace("first", "second"))
        self.lab.server.reload()
        wait_until(lambda: self.info() == ["second"], "new record served")
        self.assertEqual(len(dns.txt("_acme-challenge.host40.example.org", self.lab.resolver.port)), 1)
        answer = dns.dig("+noall", "+answer", target_of("host40.example.org"), "TXT", port=self.lab.server.port)
        self.assertRegex(answer, r"\s0\s+IN\s+TXT\s", "nobody keeps a challenge value")
        hold.release()
        self.assert_issued(self.lab.collect(client), ["host40.example.org"])


if __name__ == "__main__":
    main()
