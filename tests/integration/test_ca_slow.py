"""Goal: a CA that takes its time, or hangs one request, costs patience and nothing else; other orders go on."""

from lab import CaOptions, Fault, LabOptions
from support import LabCase, main


class CaSlow(LabCase):
    options = LabOptions(proxy=True, ca=CaOptions(authz_reuse=0))

    def test_each_answer_late(self) -> None:
        self.lab.proxy.add(Fault("/", delay=0.3))
        names = ["www.example.org", "mail.example.org"]
        self.assert_issued(self.lab.get(names), names)
        self.assert_no_challenge(*names)

    def test_a_hanging_request_holds_nobody_else(self) -> None:
        hold = self.lab.proxy.hold("/finalize-order/")
        waiting = self.lab.spawn(["--force", "get", "certificate"], "www.example.org", self.lab.csr(["www.example.org"]))
        hold.wait_reached()
        names = ["mail.example.org"]
        self.assert_issued(self.lab.get(names), names)
        self.assertIsNone(waiting.poll(), "the held order is still under way")
        hold.release()
        self.assert_issued(self.lab.collect(waiting), ["www.example.org"])

    def test_slow_validation(self) -> None:
        states = {"/chalZ/": Fault("/chalZ/", delay=1.0, early=True), "/my-order/": Fault("/my-order/", delay=0.5)}
        for fault in states.values():
            self.lab.proxy.add(fault)
        names = ["host07.example.org"]
        self.assert_issued(self.lab.get(names), names)

    def test_a_client_that_leaves_does_not_end_its_order(self) -> None:
        hold = self.lab.proxy.hold("/finalize-order/")
        client = self.lab.spawn(["--force", "get", "certificate"], "host08.example.org", self.lab.csr(["host08.example.org"]))
        hold.wait_reached()
        client.kill()
        client.communicate()
        order = self.lab.server.orders()[0]
        hold.release()
        self.wait_order(order["id"], "issued")
        stored = self.lab.server.ctl("certificates")["certificates"][0]
        self.assertEqual((stored["order"], stored["names"]), (order["id"], ["host08.example.org"]))


if __name__ == "__main__":
    main()
