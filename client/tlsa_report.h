/*
 * What check tlsa says of one name: comments and lines of a zone file, or an item.
 */
#ifndef CERTMILL_CLIENT_TLSA_REPORT_H
#define CERTMILL_CLIENT_TLSA_REPORT_H

#include <stdbool.h>

#include "client/command.h"
#include "client/tlsa_judge.h"
#include "client/tlsa_lookup.h"

struct tlsa_result {
    const char *name;
    const struct tlsa_found *found;
    const struct tlsa_keys *keys;
    const struct tlsa_judgement *judgement;
};

/* Prints to client->out, or adds an item; warnings go to the log. Returns whether all is well: keys
 * in use have all their records and are accepted with them, and the answer is not bogus. */
bool tlsa_report(struct client *client, const struct tlsa_result *result);

/* "current", "staged", "stale", "foreign" */
const char *tlsa_belongs(const struct tlsa_published *published);

#endif
