/*
 * TLSA records of a key, printed in zone-file form or told as JSON.
 */
#ifndef CERTMILL_CLIENT_TLSA_PRINT_H
#define CERTMILL_CLIENT_TLSA_PRINT_H

#include "client/command.h"
#include "client/tlsa_keys.h"
#include "client/tlsa_service.h"

/* Whether clients look TLSA records of the name up: never of a wildcard (RFC 6698 A.2.1.3). */
bool tlsa_is_wildcard(const char *name);

enum tlsa_print {
    TLSA_PRINT_ALL,    /* every type */
    TLSA_PRINT_OF_KEY, /* those that are of keys: see tlsa_type_of_key */
    TLSA_PRINT_REMOVE, /* likewise, of a key that is gone: comments, or items that are stale */
};

/* The records of a key, for each name of its set and each type of tlsa-type-list: lines of a zone
 * file to client->out, or items. Wildcard names make comments; of records that there is no
 * certificate for, the log tells. 0, or negative with err. */
int tlsa_print(struct client *client, const struct tlsa_key *key,
               const struct tlsa_service *service, enum tlsa_print how, struct err *err);

/* Says what is to be said of the types in tlsa-type-list, to the log. */
void tlsa_print_cautions(struct client *client);

/* "3 1 1" as JSON members usage, selector, matching, data, with the line of the zone file. NULL:
 * out of memory. */
json_t *tlsa_record_json(const char *owner, const uint8_t *rdata, size_t len);

/* For programs, "2026-11-21T12:00:00Z"; for people, in their own zone, "2026-11-21 13:00:00 +0100"
 */
void tlsa_time_text(char dst[static 32], int64_t time);
void tlsa_time_local(char dst[static 32], int64_t time);

#endif
