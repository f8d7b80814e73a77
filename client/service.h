/*
 * A service that uses certificates: what is asked of it, what was found.
 */
#ifndef CERTMILL_CLIENT_SERVICE_H
#define CERTMILL_CLIENT_SERVICE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/starttls.h"
#include "common/err.h"

struct service {
    char host[LIMIT_DOMAIN_TEXT + 1]; /* a name in normal form, or an address */
    bool address;                     /* the latter */
    uint16_t port;
    char name[LIMIT_DOMAIN_TEXT + 1]; /* that its certificate has to have, normal form */
    enum starttls_protocol starttls;
};

/* Reads HOST:PORT ([V6]:PORT); name: what the certificate has to be for where that is not HOST,
 * and needed where HOST is an address; NULL: HOST. starttls: word of settings.starttls, or
 * NULL for what is usual on the port. ERR_MALFORMED, ERR_RANGE (port), ERR_NOT_FOUND (an
 * address and no name). */
int service_parse(struct service *out, const char *where, const char *name, const char *starttls,
                  struct err *err);

/* -- what was found -- */

enum service_grade { SERVICE_GOOD, SERVICE_WARNING, SERVICE_PROBLEM };

#define SERVICE_FINDINGS 48 /* of one connection some 15 at most */

struct service_finding {
    enum service_grade grade;
    const char *check; /* "name", "dates" ...; static */
    char text[400];    /* a sentence; foreign characters in it are escaped */
};

struct service_findings {
    struct service_finding items[SERVICE_FINDINGS];
    size_t count;
};

/* One more. Past SERVICE_FINDINGS the last one becomes a problem that says so. */
void service_say(struct service_findings *findings, enum service_grade grade, const char *check,
                 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

const char *service_grade_name(enum service_grade grade);

/* The worst. */
enum service_grade service_grade(const struct service_findings *findings);

/* -- what was served -- */

struct service_served {
    X509 *certs[LIMIT_SERVICE_CHAIN]; /* in the order sent, leaf first */
    size_t count;
    bool cut; /* there were more */
};

/* "rsa", "ecdsa", or "other": the type of a certificate's key. */
const char *service_key_type(const X509 *cert);

/* How a connection's certificate is judged. */
struct service_judge {
    const struct service_served *served;
    const char *name, *also; /* that it has to be for: one of them; also may be NULL */
    int64_t now;             /* seconds since 1970 */
    X509_STORE *store;       /* CAs that are trusted here */
    bool dane;               /* DANE has matched: what others see of it is worth a warning only */
    bool dane_ee;            /* by usage 3, to which names and dates mean nothing (RFC 7671 5.1) */
};

/* RFC 9525: names, never the subject's CN; wildcards as a whole first label. */
void service_judge_name(struct service_findings *findings, const struct service_judge *judge);
/* Of all that is served; of the leaf as well when it ends before long: in the last sixth of its
 * life, half of the third in which it is renewed. */
void service_judge_dates(struct service_findings *findings, const struct service_judge *judge);
/* Order, links and leftovers (RFC 8446 4.4.2). */
void service_judge_chain(struct service_findings *findings, const struct service_judge *judge);
/* Whether it leads to a CA of the store (RFC 5280 6), dates aside. */
void service_judge_trust(struct service_findings *findings, const struct service_judge *judge);

#endif
