"""Goal: dnsd killed each second under load is back each time with all it had; clients who ask again hardly notice."""

import os
import unittest

from lab.kills import kill_dnsd, static_lab
from support import main

KILLS = int(os.environ.get("CERTMILL_KILLS", "5"))
NAMES = 1000
LOAD = 5000


class KilledDnsd(unittest.TestCase):
    def test_each_second(self) -> None:
        with static_lab(NAMES) as lab:
            outcome = kill_dnsd(lab, KILLS, every=1.0, load=LOAD)
            restarts = {entry["role"]: entry["restarts"] for entry in lab.server.ctl("status")["processes"]}
            log = lab.server.log_text()
        print(f"longest time without an answer: {outcome.most('gap'):.1f} ms", flush=True)
        self.assertEqual(restarts["dnsd"], KILLS, "killed, and nothing else")
        self.assertEqual(restarts["issuer"], 0)
        self.assertEqual(outcome.total("wrong"), 0, "the live challenge and the static name, with what they hold")
        for found in outcome.live + outcome.static:
            self.assertGreater(found["answered"], 0)
        self.assertNotIn("started again in", log, "who lived for a second is started at once")
        self.assertEqual(len(outcome.steps), KILLS, "each one answered from the image")


if __name__ == "__main__":
    main()
