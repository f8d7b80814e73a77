"""Goal: names as RFC 1034 4.3.2 finds them: aliases (6672), wildcards (4592), cuts, what is not there (2308, 8020)."""

import unittest

from conformance import NXDOMAIN, RICH, YXDOMAIN, Edns, SoloCase, message
from lab.solo import TTL

WWW = [f"www.{RICH}. {TTL} IN A 192.0.2.80", f"www.{RICH}. {TTL} IN A 192.0.2.81"]


class Names(SoloCase):
    # -- CNAME --

    def test_rfc1034_cname_is_followed(self) -> None:
        """RFC 1034 3.6.2, 4.3.2 (3a): the alias, and what it leads to, in one answer."""
        alias = f"alias.{RICH}. {TTL} IN CNAME www.{RICH}."
        self.expect("alias", "A", answer=[alias, *WWW], authority=(), additional=None)
        self.expect("alias2", "A", answer=[f"alias2.{RICH}. {TTL} IN CNAME alias.{RICH}.", alias, *WWW], authority=(),
                    additional=None)

    def test_rfc1034_cname_itself(self) -> None:
        """RFC 1034 3.6.2: asked for by its type, it is not followed."""
        self.expect("alias2", "CNAME", answer=[f"alias2.{RICH}. {TTL} IN CNAME alias.{RICH}."], authority=(),
                    additional=None)

    def test_rfc1034_cname_out_of_zone(self) -> None:
        """RFC 1034 4.3.2 (3a): one that leads away ends the answer, NOERROR, and the resolver goes on."""
        self.expect("away", "A", answer=[f"away.{RICH}. {TTL} IN CNAME www.example.net."], authority=(),
                    additional=None)

    def test_rfc6604_cname_to_nothing(self) -> None:
        """RFC 6604 3, RFC 2308 2.1, 2.2: the RCODE is that of the chain's end, whose SOA is there, too."""
        self.expect("dangling", "A", status="NXDOMAIN", additional=None, authority=None,
                    answer=[f"dangling.{RICH}. {TTL} IN CNAME nothing.{RICH}."])
        self.expect("alias", "MX", additional=None, authority=None,
                    answer=[f"alias.{RICH}. {TTL} IN CNAME www.{RICH}."])

    def test_rfc1034_cname_circle(self) -> None:
        """RFC 1034 3.6.2, 5.2.2: a circle ends, and each of its records stands there once."""
        self.expect("loop", "A", answer=[f"loop.{RICH}. {TTL} IN CNAME loop2.{RICH}.",
                                         f"loop2.{RICH}. {TTL} IN CNAME loop.{RICH}."], authority=(), additional=None)

    # -- DNAME --

    def test_rfc6672_dname(self) -> None:
        """RFC 6672 2.2, 3.1: what is below is led on, with a CNAME made for it that has the DNAME's TTL."""
        dname = f"dname.{RICH}. {TTL} IN DNAME target.{RICH}."
        made = f"a.dname.{RICH}. {TTL} IN CNAME a.target.{RICH}."
        self.expect("a.dname", "A", answer=[dname, made, f"a.target.{RICH}. {TTL} IN A 192.0.2.99"], authority=(),
                    additional=None)
        self.expect("b.dname", "A", status="NXDOMAIN", authority=None, additional=None,
                    answer=[dname, f"b.dname.{RICH}. {TTL} IN CNAME b.target.{RICH}."])
        self.expect("a.dname", "CNAME", answer=[dname, made], authority=(), additional=None)

    def test_rfc6672_owner_is_not_led_on(self) -> None:
        """RFC 6672 2.3: the DNAME's own name keeps its own records."""
        self.expect("dname", "A", answer=[f"dname.{RICH}. {TTL} IN A 192.0.2.9"], authority=(), additional=None)
        self.expect("dname", "DNAME", answer=[f"dname.{RICH}. {TTL} IN DNAME target.{RICH}."], authority=(),
                    additional=None)
        self.expect("dname", "TXT", authority=None)

    def test_rfc6672_out_of_zone(self) -> None:
        """RFC 6672 3.1: one that leads away ends the answer."""
        self.expect("a.b.dname-away", "A", answer=[
            f"dname-away.{RICH}. {TTL} IN DNAME example.net.",
            f"a.b.dname-away.{RICH}. {TTL} IN CNAME a.b.example.net."], authority=(), additional=None)

    def test_rfc6672_too_long(self) -> None:
        """RFC 6672 2.2: where the new name would have more than 255 octets, YXDOMAIN and the DNAME."""
        long = ".".join(["l" * 63] * 3 + ["m" * 42])
        name = f"{long}.dname.{RICH}"
        self.assertEqual(len(name), 253)
        found = self.udp(message(name, "A", edns=Edns()))
        self.assertEqual((found.rcode, len(found.answer)), (YXDOMAIN, 1), str(found))
        fits = self.udp(message(f"{long[:-1]}.dname.{RICH}", "A", edns=Edns()))
        self.assertEqual((fits.rcode, len(fits.answer)), (NXDOMAIN, 2), str(fits))

    # -- wildcards --

    def test_rfc4592_wildcard(self) -> None:
        """RFC 4592 2.1, 3.3.1: it makes the records of names that are not there, however deep, under their own name."""
        for name in ("a.wild", "a.b.c.wild", "*.wild"):
            self.expect(name, "TXT", answer=[f'{name}.{RICH}. {TTL} IN TXT "wild"'], authority=(), additional=None)
        self.expect("b.*.wild", "TXT", status="NXDOMAIN", authority=None)

    def test_rfc4592_not_where_a_name_is(self) -> None:
        """RFC 4592 2.2.1, 3.3: not for names that are there, nor below them, nor for or below an empty non-terminal."""
        self.expect("there.wild", "TXT", authority=None)
        self.expect("x.there.wild", "TXT", status="NXDOMAIN", authority=None)
        self.expect("y.wild", "TXT", authority=None)
        self.expect("z.y.wild", "TXT", status="NXDOMAIN", authority=None)
        self.expect("wild", "TXT", authority=None)

    def test_rfc4592_nodata(self) -> None:
        """RFC 4592 2.2.1: types that the wildcard does not have are NODATA."""
        self.expect("a.wild", "A", authority=None)

    def test_rfc4592_cname(self) -> None:
        """RFC 4592 3.3.3: a wildcard CNAME is followed."""
        self.expect("any.cwild", "A", answer=[f"any.cwild.{RICH}. {TTL} IN CNAME www.{RICH}.", *WWW], authority=(),
                    additional=None)

    # -- delegations --

    def test_rfc1034_referral(self) -> None:
        """RFC 1034 4.3.2 (3b), RFC 2181 6.1, RFC 9471: NS without AA, glue, no SOA; what is below the cut is hidden."""
        servers = [f"sub.{RICH}. {TTL} IN NS ns.sub.{RICH}.", f"sub.{RICH}. {TTL} IN NS ns.elsewhere.example."]
        glue = [f"ns.sub.{RICH}. {TTL} IN A 192.0.2.54", f"ns.sub.{RICH}. {TTL} IN AAAA 2001:db8::54"]
        for name, qtype in (("sub", "A"), ("sub", "NS"), ("x.sub", "A"), ("a.b.sub", "TXT"), ("hidden.sub", "A"),
                            ("ns.sub", "A"), ("x.sub", "DS")):
            self.expect(name, qtype, aa=False, answer=(), authority=servers, additional=glue)

    def test_rfc4035_ds_at_a_cut(self) -> None:
        """RFC 4035 3.1.4.1: DS is the parent's: answered here, with authority."""
        self.expect("sub", "DS", answer=[f"sub.{RICH}. {TTL} IN DS 1234 13 2 {'0123456789abcdef' * 4}"], authority=(),
                    additional=None)

    # -- what is not there --

    def test_rfc2308_nodata(self) -> None:
        """RFC 2308 2.2, 3: NODATA is NOERROR with the SOA, whose TTL is the smaller of its own and MINIMUM."""
        for name in (f"{RICH}.", "www", "ns1", "unknown"):
            self.expect(name, "SRV", authority=None)
        self.expect("www", "TYPE4711", authority=None)

    def test_rfc2308_nxdomain(self) -> None:
        """RFC 2308 2.1, 3: NXDOMAIN, likewise."""
        for name in ("nothing", "a.b.nothing", "x.www", r"\000.www"):
            self.expect(name, "A", status="NXDOMAIN", authority=None)

    def test_rfc8020_empty_non_terminals(self) -> None:
        """RFC 8020 2, 3.1, RFC 4592 2.2.2: a name with something below it is there: NODATA, never NXDOMAIN."""
        for name in ("two.three", "three", "_tcp.www", "_tcp", "target", "y.wild"):
            self.expect(name, "A", authority=None)
        for name in ("x.two.three", "x.three", "x._tcp", "other.target"):
            self.expect(name, "A", status="NXDOMAIN", authority=None)


class SmallTtl(SoloCase):
    zones = {"small.example": "@ 30 IN SOA ns.example.net. h.example.net. 1 3600 600 86400 900\n"
                              "@ 30 IN NS ns.example.net.\n",
             "child.rich.example": "@ 60 IN SOA ns h 1 3600 600 86400 60\n@ 60 IN NS ns\nns 60 IN A 192.0.2.1\n"}

    def test_rfc2308_the_soa_ttl_where_it_is_smaller(self) -> None:
        """RFC 2308 3, 5: the SOA's own TTL counts where MINIMUM is greater."""
        for reply in self.ask_all("nothing.small.example.", "A"):
            self.assertRegex(" ".join(reply.authority), r"^small\.example\. 30 IN SOA \S+900$", str(reply))

    def test_rfc1034_the_nearest_zone(self) -> None:
        """RFC 1034 4.3.2 (2): of two zones of ours, the nearest ancestor answers."""
        self.expect("ns.child", "A", answer=["ns.child.rich.example. 60 IN A 192.0.2.1"], authority=(),
                    additional=None)
        for reply in self.ask_all("x.child", "A"):
            self.assertRegex(" ".join(reply.authority), r"^child\.rich\.example\. 60 IN SOA", str(reply))


if __name__ == "__main__":
    unittest.main(verbosity=2)
