/*
 * What the server says of itself, as far as records in DNS follow from it: its zone, its account at
 * the CA, the CA's names. Answers are foreign octets.
 */
#ifndef CERTMILL_CLIENT_FACTS_H
#define CERTMILL_CLIENT_FACTS_H

#include "client/command.h"

/* The apex of the zone that challenges are answered in, out of the answer to `show configuration`:
 * YAML whose `zones` has it first, or with `acme-zone`. ERR_NOT_FOUND, ERR_MALFORMED. */
int facts_zone_parse(char dst[static LIMIT_DOMAIN_TEXT + 1], const char *text, size_t len,
                     struct err *err);

struct facts_account {
    char url[LIMIT_URL + 1];
    /* The CA's issuer domain names (RFC 8659 4.2), the first the one to publish; 0: the server does
     * not say, and the URL is not Let's Encrypt's. */
    char issuers[LIMIT_CAA_IDENTITIES][LIMIT_DOMAIN_TEXT + 1];
    size_t issuer_count;
};

/* Out of the answer to `show acmeaccount`, ours or an original certgrinderd's. ERR_NOT_FOUND where
 * there is no account URL, ERR_MALFORMED. */
int facts_account_parse(struct facts_account *out, const char *text, struct err *err);

/* settings.acme_zone, else the server is asked. Errors as server_run, ERR_CANCELLED by a signal;
 * err says what to do. */
int facts_zone(struct client *client, char dst[static LIMIT_DOMAIN_TEXT + 1], struct err *err);
int facts_account(struct client *client, struct facts_account *out, struct err *err);

#endif
