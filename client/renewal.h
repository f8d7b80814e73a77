/*
 * What the CA says about the renewal of a certificate (RFC 9773), as the server passes it on
 * (docs/protocol.md, get renewal-info) and as it is kept beside the files, in
 * .certmill/NAME.TYPE/renewal.json, until it is to be asked again.
 */
#ifndef CERTMILL_CLIENT_RENEWAL_H
#define CERTMILL_CLIENT_RENEWAL_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/command.h"
#include "client/due.h"

#define RENEWAL_FILE_MAX (8u << 10) /* octets: a URL of 2,048, whose octets may take two each */
#define RENEWAL_DIGEST   65         /* SHA-256 of a certificate in hexadecimal, and a NUL */

struct renewal {
    char certificate[RENEWAL_DIGEST]; /* whose; "" in a server's answer */
    bool window;                      /* the CA suggests one: start to end, seconds since 1970 */
    int64_t start, end;
    int64_t next;                    /* not to be asked before */
    char explanation[LIMIT_URL + 1]; /* https URL, or "" */
};

/* Reads a server's answer or what is kept. ERR_MALFORMED: no JSON object, a time that is none, an
 * end before its start. next is brought to between a minute and a day from now (RFC 9773
 * 4.3.2), which also mends a clock that was wrong when it was written. */
int renewal_parse(struct renewal *out, const char *text, size_t len, int64_t now, struct err *err);

/* The digest by which what is kept is told apart from what was said of an earlier certificate. */
void renewal_digest(char dst[static RENEWAL_DIGEST], const uint8_t digest[static 32]);

/* What is kept of that certificate; false where nothing (usable) is. */
bool renewal_load(struct renewal *out, const struct files *files, const char *certificate,
                  int64_t now);
int renewal_store(const struct renewal *renewal, const struct files *files, struct err *err);

/* Puts what is kept of the certificate leaf into *wish; nothing where that has a threshold of days,
 * which goes before the CA's word. *ask: what is kept is outdated. False: the CA's word counts, and
 * nothing is kept of it. */
bool renewal_hear(struct due_wish *wish, bool *ask, const struct files *files, const X509 *leaf,
                  int64_t now);

/* Whether the files of a set are of certmill's making, so that its server may know more. */
bool renewal_is_ours(const struct files *files);

/* Asks the server and keeps what it says; what it does not know (no such command, no such
 * certificate, no renewal information) is kept for a day as no window. leaf is what is asked
 * about. A failure to ask leaves what was known in place for another hour; it is a matter for
 * the debug log, and of no other consequence. */
void renewal_ask(struct client *client, struct report_line *report, const struct files *files,
                 X509 *leaf);

#endif
