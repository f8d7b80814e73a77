/*
 * Every bound on foreign or growing data, with the arithmetic that gave it.
 */
#ifndef CERTMILL_COMMON_LIMITS_H
#define CERTMILL_COMMON_LIMITS_H

#include <stdint.h>

/* -- people -- */
#define LIMIT_ERROR_TEXT 1024 /* one sentence, a path (256) and a name (253) with room */
#define LIMIT_LOG_LINE   4096 /* PIPE_BUF: a line to a pipe stays whole */

/* What a log line is about: a name of 253 octets. */
#define LIMIT_LOG_SUBJECT 256

/* -- DNS (RFC 1035 2.3.4, RFC 6891 6.2.5) -- */
#define LIMIT_NAME_WIRE   255   /* octets of a wire-format name */
#define LIMIT_NAME_TEXT   1024  /* 253 octets, each as \DDD, with room for NUL */
#define LIMIT_LABEL       63    /* octets */
#define LIMIT_NAME_LABELS 128   /* 255 octets / 2, with the root */
#define LIMIT_DNS_MESSAGE 65535 /* a TCP message: 16-bit length */
/* Octets of one RRset, so that it comes whole over TCP: a message without header (12), the longest
 * question (255 + 4) and OPT with all options (183). 1,161 values of a dns-01 challenge. */
#define LIMIT_RRSET          (LIMIT_DNS_MESSAGE - 12 - 259 - 183)
#define LIMIT_EDNS_PAYLOAD   4096 /* dns-udp-payload at most; 1232 by default, IPv6 MTU 1280 - 48 */
#define LIMIT_QUERY_RECORDS  16   /* behind the question of a query: OPT, TSIG, an SOA; with room */
#define LIMIT_NSID           128 /* octets; an answer of 512 still holds question, cookie and SOA */
#define LIMIT_CHAOS_TEXT     255 /* one character-string, RFC 1035 3.3 */
#define LIMIT_COOKIE_SECRETS 3   /* in use, about to be, and no more (RFC 9018 5) */
#define LIMIT_COOKIE_FILE                                                                          \
    4096                     /* bytes of dns-cookie-secret-file: 3 lines of 32 digits, comments    \
                              */
#define LIMIT_RATE_ALLOW  64 /* address blocks in dns-rate-allow */
#define LIMIT_DNS_ZONES   64 /* zones a server owns */
#define LIMIT_DNS_LISTEN  16 /* addresses in dns-listen */
#define LIMIT_DNS_THREADS 64 /* workers */
/* Read for the children: a file a zone, cookie secrets, two files a CA, acme-ca-file. */
#define LIMIT_BOOT_FILES      98
#define LIMIT_CHALLENGE_TXT   255     /* one character-string; a dns-01 value has 43 */
#define LIMIT_VALUES_PER_NAME 1000    /* TXT values of one owner: ten times what 100 orders need */
#define LIMIT_CHALLENGES      1000000 /* live values in all */
#define LIMIT_ZONE_FILE       (16u << 20) /* bytes of one zone file */
#if SIZE_MAX <= UINT32_MAX
/* Bytes: one being made beside one in use, in 3 GiB of addresses; no object passes PTRDIFF_MAX. */
#define LIMIT_IMAGE (1u << 29)
#else
#define LIMIT_IMAGE (1u << 31) /* bytes; offsets in an image are 32 bits */
#endif
#define LIMIT_TCP_CLIENTS 65536 /* dns-tcp-clients at most: some 40 MB of structures */
#define LIMIT_UDP_BATCH   64    /* messages a recvmmsg */
#define LIMIT_UDP_BATCHES 8     /* recvmmsg calls a wake-up, so that TCP is served too */
/* SO_RCVBUF of a UDP socket, octets. The kernel doubles it, and counts 768 to 2,304 a small query:
 * 900 to 2,700 wait at each socket. That is what comes in 20 ms, a restart of dnsd, at 50,000 a
 * second. A longer queue loses no fewer in a flood, but makes the others wait: four times as long,
 * it made 100 ms of 20 at the 99th percentile under one core's worth of junk. */
#define LIMIT_UDP_QUEUE (1 << 20)
/* For so long after its queue was found half full a socket's errors and NXDOMAIN are not sent. Long
 * beside the 2 ms in which a flood fills the other half, short beside a resolver's first retry.
 */
#define LIMIT_UDP_PRESSED_MS 250
#define LIMIT_CNAME_CHAIN    8 /* names looked up for one question; resolvers follow about as many */
#define LIMIT_TCP_ACCEPTS    16 /* connections accepted a wake-up, so that UDP is served too */
/* Connections looked at, the longest idle first, for one that may go: a few microseconds. */
#define LIMIT_TCP_LOOK     256
#define LIMIT_TCP_FASTOPEN 256  /* connections by RFC 7413 whose handshake is not complete */
#define LIMIT_TCP_LAST_MS  100  /* at the end, for questions of open connections; < LIMIT_STOP_MS */
#define LIMIT_TCP_READ     4096 /* octets read at once: some 60 queries */
#define LIMIT_TCP_BUFFERS                                                                          \
    (8u << 20) /* octets a worker keeps of half queries and unread answers                         \
                */
/* Descriptors of dnsd besides sockets and clients: those that come with one message (128), an
 * image for each generation under way, standard streams, channels, log, the main loop's. */
#define LIMIT_DNSD_FDS   192
#define LIMIT_WORKER_FDS 8   /* a loop's epoll, its wake-up and reserve; a client not yet refused */
#define LIMIT_SEEN       256 /* different askers a worker keeps until they are reported */
/* Sets of 4 buckets of a worker's rate limits: 1 MiB, room for 65,536 of (block, class). To push a
 * bucket out that gets R answers a second takes 4 newcomers to its set in between, so a flood from
 * 4 * 16,384 * R forged blocks a second: 13 million where R is 200. */
#define LIMIT_RATE_SETS 16384
/* Answers of a class that a block gets at once from a worker, however low the rate: what 5 places
 * of a CA, 8 resolvers in each, ask for one order, with 5 questions a resolver. */
#define LIMIT_RATE_BURST  200
#define LIMIT_RATE_LOG_MS 60000 /* between two lines in the log that say that limits hold */
/* dnsd without an image, after so long, answers SERVFAIL rather than nothing (RFC 8906 3). A
 * restart of dnsd alone takes some 10 ms, a first start with a large store this long and more. */
#define LIMIT_IMAGE_WAIT_MS 1000

/* -- CSRs and certificates -- */
#define LIMIT_CSR_PEM     (64u << 10) /* RSA 4096 with 100 names of 253 octets: about 38 KiB as PEM */
#define LIMIT_NAMES       100         /* names in one certificate; the CAs' own limit */
#define LIMIT_CHAIN_PEM   (256u << 10) /* 10 certificates of 64 names and more */
#define LIMIT_DOMAIN_TEXT 253          /* octets of a name in text, without the last dot */
#define LIMIT_DOMAINSETS  (256u << 10) /* bytes of CERTGRINDERD_DOMAINSETS: 1,000 names of 253 */
#define LIMIT_SETS        1024         /* sets a client may have */

/* Certificates of a chain; public CAs send 2 to 4. */
#define LIMIT_CHAIN       10
#define LIMIT_SERIAL_TEXT 92         /* hexadecimal digits: 46 octets; RFC 5280 4.1.2.2 wants 20 */
#define LIMIT_TRUST_FILE  (4u << 20) /* bytes of acme-ca-file; Debian's bundle has 220 KiB */

/* -- the signer -- */
#define LIMIT_KEYS    64 /* accounts in use: a few CAs, production and staging, rolled over */
#define LIMIT_KEY_PEM (16u << 10) /* bytes of a key file: RSA 4096 as PKCS#8 PEM has 3.3 KiB */

#define LIMIT_KEY_LIST 8    /* of one account: as many of the newest are tried for a lost one */
#define LIMIT_EAB_FILE 4096 /* bytes of eab-key-file, white space included */
#define LIMIT_EAB_KEY  1024 /* octets; CAs give 32 to 64 */
#define LIMIT_EAB_KID  512  /* octets of the key identifier; CAs give 22 to 40 */

/* A public key as JWK: RSA 4096 has 683 characters of modulus. */
#define LIMIT_JWK 1024

/* -- what a CA's directory says -- */
#define LIMIT_PROFILE_NAME   64   /* octets; they are words like "shortlived" */
#define LIMIT_PROFILE_TEXT   1024 /* octets of what a profile is: a sentence, or a URL */
#define LIMIT_CAA_IDENTITIES 16   /* of one CA; those that resell have three */

/* -- HTTP towards the CA -- */
#define LIMIT_HTTP_BODY   (1u << 20)  /* bytes: a directory, an order of 100 names, a chain */
#define LIMIT_HTTP_HEADER (64u << 10) /* bytes of all header fields of an answer */
#define LIMIT_HTTP_MS     30000       /* one exchange, connect to last byte */
#define LIMIT_URL         2048
#define LIMIT_NONCE       256 /* octets; Boulder's have 54 */
#define LIMIT_NONCE_POOL  128 /* 64 orders at once, twice */
#define LIMIT_BADNONCE    20  /* tries of one request; at 30 % bad, all fail in 10^-10 */
#define LIMIT_TOKEN       128 /* octets of a challenge token; RFC 8555 8.1 wants 128 bits */
#define LIMIT_SUBPROBLEMS 100 /* a problem document's, one a name */

#define LIMIT_CONNECTIONS    128 /* to one CA: 64 orders on HTTP/1.1, twice; HTTP/2 needs one */
#define LIMIT_REDIRECTS      3
#define LIMIT_ALTERNATES     8           /* chains offered; Let's Encrypt has offered 4 at most */
#define LIMIT_JSON_DEPTH     16          /* an order's problem with subproblems has 5 */
#define LIMIT_PROBLEM_DETAIL 1024        /* octets of one detail that are shown */
#define LIMIT_PROBLEM_TEXT   (32u << 10) /* all of it: 100 subproblems of 300 */

/* -- OCSP responders -- */
#define LIMIT_OCSP    (64u << 10) /* octets of a response; with its responder's chain about 6 KiB */
#define LIMIT_OCSP_MS 10000       /* one exchange */
#define LIMIT_OCSP_CACHE                                                                           \
    (4u << 20)                /* octets of all responses kept: 8,000 of Let's Encrypt's kind */
#define LIMIT_OCSP_SKEW   300 /* seconds by which a responder's clock and ours may differ */
#define LIMIT_OCSP_ASKING 256 /* responders asked at once */

/* -- revocation -- */
#define LIMIT_REVOKE_S 600 /* seconds by which the time of a signed request may be off */
#define LIMIT_REVOKE_JWS                                                                           \
    (64u << 10) /* a certificate of 100 names of 253 octets, 28 KiB, in base64url twice: 50 KiB;   \
                   header and signature 5 KiB */
#define LIMIT_REVOKING 256 /* certificates being revoked at once */

/* -- orders -- */
#define LIMIT_ORDERS      1024   /* running at once */
#define LIMIT_ORDER_MS    600000 /* an order that takes longer has failed */
#define LIMIT_POLLS       100    /* of one URL */
#define LIMIT_CHALLENGE_S 600    /* a value expires by itself */

#define LIMIT_FAILURE   (48u << 10) /* octets of the reason of a failure: 100 names with 400 each */
#define LIMIT_RESOLVERS 64 /* addresses told apart for "asked by N resolvers"; CAs have 5 to 20 */

/* Numbers of images, promised in the store at once: a write every 512 publications, and a restart
 * skips at most so many of 2^32 SOA serials. */
#define LIMIT_GENERATIONS 1024

#define LIMIT_AUTHORITIES 16 /* CAs in one configuration */
/* An identifier of renewal information: key identifier and serial, 46 octets each, in base64url. */
#define LIMIT_CERT_ID      128
#define LIMIT_RENEWALS     256 /* certificates that CAs are asked about at once */
#define LIMIT_RENEWAL_TIME 64  /* octets of a timestamp: 25 without its fraction */
#define LIMIT_PROFILES     32  /* that one CA offers; Let's Encrypt has three */

/* -- the ledger of limits -- */
/* Points in time that one bucket tells apart: all events of what CAs limit by the week (50, 5) and
 * the hour (5), and 300 orders in 3 hours to within 3 minutes. */
#define LIMIT_LEDGER_USES 64
#define LIMIT_LEDGER_TEXT 512 /* octets of a CA's or a failure's words that are kept */
/* A name, client or registered domain (253), or the first of several names, how many more (20) and
 * 32 digits of a digest of all. */
#define LIMIT_LEDGER_SUBJECT 320
/* Rows that wait for the store's next write: 100 names of 4 orders, a failure and a delay each.
 * Each has 1.8 KiB: 1.8 MiB where the disk is full. */
#define LIMIT_LEDGER_WAITING 1024

/* -- questions to resolvers (issuer/resolve.h) -- */
#define LIMIT_RESOLVE_SERVERS 8 /* asked in turn; resolv.conf(5) has three */
/* In flight at once, a socket each: the names of one certificate (100), or 30 orders of one name.
 */
#define LIMIT_RESOLVE_FLIGHT 128
/* Waiting for their turn, 600 octets each: 10 MB. Some 3,000 orders of one name. */
#define LIMIT_RESOLVE_WAITING 16384
#define LIMIT_RESOLVE_TRIES   3    /* of one question */
#define LIMIT_RESOLVE_TRY_MS  900  /* the first one's time, half as much again each: 4.3 s in all */
#define LIMIT_RESOLVE_PAYLOAD 1232 /* octets over UDP; DNS flag day 2020 */
#define LIMIT_RESOLV_CONF     (64u << 10) /* bytes of /etc/resolv.conf */

/* -- preflight -- */
#define LIMIT_PREFLIGHT_MS        8000 /* a check ends; two questions that nobody answers, and less */
#define LIMIT_PREFLIGHT_QUESTIONS 2000   /* of one check: 100 names, 20 each */
#define LIMIT_PREFLIGHT_CHECKS    1100   /* at once: LIMIT_ORDERS and some commands */
#define LIMIT_PREFLIGHT_TEXT      900    /* octets of one finding: three names and a record */
#define LIMIT_PREFLIGHT_GOOD_MS   300000 /* a delegation that was found good is not probed again */
#define LIMIT_PREFLIGHT_BAD_MS    5000 /* nor one that was not; short, somebody may be mending it */
#define LIMIT_PREFLIGHT_NS        8    /* nameservers of a delegation that are asked */

/* -- our own messages -- */
#define LIMIT_MESSAGE      (128u << 10) /* SOCK_SEQPACKET; under net.core.wmem_default (208 KiB) */
#define LIMIT_MESSAGE_FDS  128          /* SCM_MAX_FD is 253; zone files and sockets */
#define LIMIT_SUBMIT_LINE  (1u << 20)   /* a JSON line of submit.sock */
#define LIMIT_CONTROL_LINE (64u << 10)  /* a request line of control.sock */
#define LIMIT_CONTROL_ANSWER                                                                       \
    (64u << 20)                    /* a line from control.sock: 300,000 records of 200 octets */
#define LIMIT_SUBMIT_CLIENTS 2048  /* connections at once */
#define LIMIT_SUBMIT_MS      10000 /* from connect to a whole request */
#define LIMIT_STOP_MS        1500  /* SIGTERM to the last exit is promised within 2 s */
/* From a child's start to its IPC_READY: 64 zone files and a store to migrate take seconds; systemd
 * gives up after 90 s. */
#define LIMIT_START_MS 30000
/* From IPC_RELOAD to the issuer's word on it. As many zone files; less than
 * LIMIT_RELOAD_WAIT_MS. */
#define LIMIT_RELOAD_MS 15000

/* submit.sock: events that a client has not read yet, octets; then it is dropped, its order not. */
#define LIMIT_SUBMIT_QUEUE (256u << 10)
#define LIMIT_WORD         64         /* octets of a client's or profile's name */
#define LIMIT_CLIENT_TEXT  256        /* octets of "client": an address, or a word */
#define LIMIT_LINGER       (4u << 20) /* octets thrown away behind a request: four request lines */

#define LIMIT_LEARN_MS                                                                             \
    5000 /* certmillctl accounts waits so long for CAs that were not asked yet                     \
          */

/* control.sock: connections of operators and their scripts. */
#define LIMIT_CONTROL_CLIENTS 64
#define LIMIT_ROWS            10000 /* of one answer: about 5 MB */
#define LIMIT_RELOAD_WAIT_MS  20000 /* for a reload's outcome: LIMIT_RELOAD_MS and some more */
#define LIMIT_COUNTERS        128   /* of dnsd, which has some thirty */
#define LIMIT_STATS_WAITING   64    /* questions for them that wait at once */

/* -- the audit log -- */
#define LIMIT_AUDIT_TEXT 2048 /* octets of an outcome that are kept */
/* A line: 100 names of 253 octets, a text and a URL of 2,048 whose octets may take six each. */
#define LIMIT_AUDIT_LINE  (64 << 10)
#define LIMIT_AUDIT_FILES 4096 /* looked at in its folder; audit-files ends at 1,000 */

/* -- the store -- */
/* An order's timeline is kept so long: two lives of a certificate of today. Orders and certificates
 * stay: 100,000 of them are some 700 MB. */
#define LIMIT_EVENT_DAYS 90

/* -- notifications -- */
#define LIMIT_NOTIFY         (96 << 10) /* octets of one: an event has 64 KiB at most, a mail some more */
#define LIMIT_NOTIFY_QUEUE   64         /* that wait: 6 MiB */
#define LIMIT_NOTIFY_RUNNING 2          /* programs at once */
#define LIMIT_NOTIFY_MS      30000

/* -- commands that are split into words -- */
#define LIMIT_COMMAND  8192 /* octets: a URL (2,048) and a chain's name with room */
#define LIMIT_WORDS    64
#define LIMIT_INPUT_MS 30000 /* certmill-shell waits that long for its input to be complete */

/* -- the client -- */
#define LIMIT_JOBS 64 /* certificates asked for at once; each is a thread and an ssh */

/* -- questions of the client (client/dns.h) -- */
/* Asked for one answer: 9 names of an alias chain, and for validation a DS for each of 8 labels of
 * one of them and a DNSKEY for each of 5 zones; the rest is kept from before. */
#define LIMIT_DNS_QUESTIONS 64
/* Of one of them, all tries; all of them get three times that. */
#define LIMIT_DNS_TIMEOUT_MS 10000
/* Signatures checked for one answer, a millisecond each at most: 64 replies of one RRset and three
 * NSEC3. Who signs a zone so that all keys have one tag (CVE-2023-50387) gets no further. */
#define LIMIT_DNS_CHECKS     256
#define LIMIT_DNS_SIGNATURES 8  /* looked at for one RRset: two algorithms, twice while rolling */
#define LIMIT_DNS_KEYS       4  /* tried for one signature: those with its tag and algorithm */
#define LIMIT_DNS_DS         16 /* of one zone that are compared with its keys */
#define LIMIT_DNS_DENIALS    16 /* NSEC or NSEC3 records of one answer; the standards need three */
/* RFC 9276 3.2: with more NSEC3 is not computed, and the zone counts as not signed. 130 labels of
 * one name are hashed in 20,000 steps then, 10 ms. */
#define LIMIT_DNS_ITERATIONS 150
#define LIMIT_DNS_ZONES_KEPT 4096 /* names whose place in the tree of zones is known in a run */
#define LIMIT_TRUST_ANCHOR   (64u << 10) /* bytes of its file */
#define LIMIT_TRUST_ANCHORS  16

/* -- check service -- */
/* Octets of a server before TLS begins: a greeting, 20 lines of EHLO's answer of 512 octets each
 * (RFC 5321 4.5.3.1.5), or the features of an XMPP stream, 1 to 2 KiB. */
#define LIMIT_STARTTLS          (16u << 10)
#define LIMIT_SERVICE_MS        20000 /* one connection, from connect to the end of the handshake */
#define LIMIT_SERVICE_ADDRESSES 8     /* of a host, tried in turn: 160 s if none answers */
#define LIMIT_SERVICE_TLSA      64    /* records at one name; a roll-over of two keys has 12 */
#define LIMIT_SERVICE_CHAIN     32 /* certificates served that are looked at; servers send 2 to 4 */

/* -- keys and TLSA records of the client -- */
/* Octets of a SubjectPublicKeyInfo: RSA 4096 has 550. */
#define LIMIT_SPKI 1024
/* Old keys of one certificate that are remembered: one a year for a working life. 70 KiB. */
#define LIMIT_KEY_HISTORY 32
/* Ports that one key's roll-over watches the TLSA records of; a mail host has 25, 465, 587, 993,
 * 995, 110, 143 and 443. With 100 names each: 1,600 owners. */
#define LIMIT_ROLLOVER_SERVICES 16
#define LIMIT_ROLLOVER_TTL      604800 /* seconds; no cache keeps more (RFC 8767 4 wants days) */
#define LIMIT_TLSA              100    /* records of one owner that are judged; two keys have six */

/* renew --scan: files looked at, of all folders; /etc/ssl/certs has some 300. */
#define LIMIT_SCAN_FILES 4096
/* Names in its folders, of whatever files: some 20 for each that is looked at. 4 MiB. */
#define LIMIT_SCAN_NAMES 65536
/* Octets of one of them: a chain and a key (64 KiB), with room. */
#define LIMIT_SCAN_FILE (LIMIT_CHAIN_PEM + (128u << 10))

/* -- configuration -- */
/* Bytes of YAML: 10,000 clients with an ssh key of RSA 4096 (750 octets) and 20 names each take 12
 * MiB. */
#define LIMIT_CONF_FILE  (16u << 20)
#define LIMIT_CONF_VALUE 65536 /* bytes of one scalar */
#define LIMIT_CONF_LIST  1024  /* entries of one list */
#define LIMIT_CONF_ROWS  16384 /* rows of one table: 10,000 clients with room */
/* On its way to a child, four times LIMIT_CONF_FILE; the worst is a list of single letters: 5
 * octets each for 2 of YAML. */
#define LIMIT_CONF_PACKED (64u << 20)
#define LIMIT_PATH        4096

#endif
