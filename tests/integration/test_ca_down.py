"""Goal: a CA that is not there gives its own exit status and a reason; once it is back, orders work again."""

from lab import LabOptions
from support import LabCase, UNAVAILABLE, main


class CaDown(LabCase):
    options = LabOptions(proxy=True)

    def test_down_and_back(self) -> None:
        names = ["www.example.org"]
        self.lab.proxy.stop()
        answer = self.assert_status(self.lab.get(names), UNAVAILABLE)
        self.assertIn(f"localhost:{self.lab.proxy.port}", answer.stderr)
        self.assert_no_challenge()
        self.lab.proxy.start()
        self.assert_issued(self.lab.get(names), names)
        self.lab.proxy.stop()
        self.assert_status(self.lab.get(names), UNAVAILABLE)
        self.lab.proxy.start()
        self.assert_issued(self.lab.get(names), names)
        states = self.lab.server.ctl("status")["orders"]
        self.assertEqual((states["issued"], states["failed"]), (2, 2))


if __name__ == "__main__":
    main()
