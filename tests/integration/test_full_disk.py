"""Goal: a full disk costs a client an error and nothing else: DNS goes on, and the order goes on when there is room."""

from pathlib import Path

from lab import CaOptions, LabOptions, dns
from support import DiskCase, INTERNAL, OK, main

NAMES = ["www.example.org"]
# Each order that is to find the disk full has a name of its own: of a name that was validated before, Pebble uses the
# authorization again once in a hundred times even when told never to, and then there is no challenge.
FRESH = (f"host{i:02}.example.org" for i in range(64))


def fill(folder: Path) -> None:
    """Takes all the room there is."""
    with open(folder / "fill", "wb", buffering=0) as file:
        for size in (4096, 64, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


class FullDisk(DiskCase):
    options = LabOptions(proxy=True, serve=False, ca=CaOptions(authz_reuse=0))
    size = "4m"

    def setUp(self) -> None:
        self.assert_issued(self.lab.get(NAMES), NAMES)

    def make_room(self) -> None:
        (self.disk / "fill").unlink()

    def order_that_finds_it_full(self, path: str, kill: bool = False):  # type: ignore[no-untyped-def]
        hold = self.lab.proxy.hold(path)
        names = [next(FRESH)]
        client = self.lab.spawn(["--force", "get", "certificate"], names[0], self.lab.csr(names))
        hold.wait_reached()
        order = self.lab.server.orders()[0]["id"]
        fill(self.disk)
        if kill:
            self.lab.server.wait_role("issuer", self.lab.server.kill("issuer"))
        hold.release()
        return order, names, self.lab.collect(client)

    def test_new_orders(self) -> None:
        fill(self.disk)
        answer = self.assert_status(self.lab.get(NAMES), INTERNAL)
        self.assertIn("the disk is full; make room", answer.stderr)
        self.assertTrue(dns.alive(self.lab.server.port, "acme.example.com"))
        self.make_room()
        self.assertEqual(self.lab.get(NAMES).status, OK)

    def test_orders_under_way_go_on(self) -> None:
        for path in ("/order-plz", "/authZ/", "/chalZ/", "/finalize-order/"):
            with self.subTest(path):
                order, names, answer = self.order_that_finds_it_full(path)
                self.assert_status(answer, INTERNAL)
                self.assertIn("the disk is full; make room; the order goes on", answer.stderr)
                self.make_room()
                self.wait_order(order, "issued")
                self.assertIn(order, [entry["order"] for entry in self.lab.server.ctl("certificates")["certificates"]])
                self.assert_no_challenge(*names)

    def test_certificate_is_handed_out_and_stored_later(self) -> None:
        order, names, answer = self.order_that_finds_it_full("/certZ/")
        self.assert_issued(answer, names)
        self.assertNotEqual(self.lab.server.orders()[0]["state"], "issued")
        self.make_room()
        self.wait_order(order, "issued")

    def test_killed_while_full(self) -> None:
        order, _, answer = self.order_that_finds_it_full("/finalize-order/", kill=True)
        self.assertNotEqual(answer.status, OK)
        self.assertTrue(dns.alive(self.lab.server.port, "acme.example.com"))
        self.make_room()
        self.wait_order(order, "issued")
        self.assertIn("resumed after a restart", self.lab.server.events(order))


if __name__ == "__main__":
    main()
