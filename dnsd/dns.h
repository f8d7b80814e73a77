/*
 * The numbers of the DNS that dnsd needs (RFC 1035 4.1.1, 6895).
 */
#ifndef CERTMILL_DNSD_DNS_H
#define CERTMILL_DNSD_DNS_H

#define DNS_HEADER   12 /* octets */
#define DNS_RR_FIXED 10 /* type, class, TTL and RDLENGTH, behind the owner name */

enum dns_flag {
    DNS_FLAG_QR = 0x80, /* third octet of the header */
    DNS_FLAG_OPCODE = 0x78,
    DNS_FLAG_AA = 0x04,
    DNS_FLAG_TC = 0x02,
    DNS_FLAG_RD = 0x01,
};

enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
    DNS_YXDOMAIN = 6,
    DNS_BADVERS = 16, /* the upper eight bits stand in the OPT record */
    DNS_BADCOOKIE = 23,
};

enum dns_class {
    DNS_CLASS_IN = 1,
    DNS_CLASS_CH = 3,
};

enum dns_option {
    DNS_OPTION_NSID = 3,
    DNS_OPTION_COOKIE = 10,
    DNS_OPTION_KEEPALIVE = 11,
    DNS_OPTION_EDE = 15,
};

/* Extended errors, RFC 8914 4. */
enum dns_ede {
    DNS_EDE_NONE = -1,
    DNS_EDE_NOT_READY = 14,
    DNS_EDE_PROHIBITED = 18,
    DNS_EDE_NOT_AUTHORITATIVE = 20,
    DNS_EDE_NOT_SUPPORTED = 21,
};

enum dns_type {
    DNS_TYPE_A = 1,
    DNS_TYPE_NS = 2,
    DNS_TYPE_CNAME = 5,
    DNS_TYPE_SOA = 6,
    DNS_TYPE_TXT = 16,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_DNAME = 39,
    DNS_TYPE_OPT = 41,
    DNS_TYPE_DS = 43,
    DNS_TYPE_TKEY = 249,
    DNS_TYPE_TSIG = 250,
    DNS_TYPE_IXFR = 251,
    DNS_TYPE_AXFR = 252,
    DNS_TYPE_MAILB = 253,
    DNS_TYPE_MAILA = 254,
    DNS_TYPE_ANY = 255,
};

#endif
