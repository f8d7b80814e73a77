/* A resolver that answers out of a table. */
#ifndef CERTMILL_TESTS_UNIT_CLIENT_ROWS_H
#define CERTMILL_TESTS_UNIT_CLIENT_ROWS_H

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/asker.h"
#include "zones/name.h"

#define ROW_REASON "the resolver is silent"

/* In place of data: */
#define ROW_BOGUS     "!bogus"
#define ROW_FAILED    "!failed"
#define ROW_MALFORMED "!malformed" /* rdata that is no name */
#define ROW_ALIAS     "@"          /* followed by the name to which the resolver was led */

struct row {
    const char *owner;
    uint16_t type;
    const char *data; /* CNAME: its target; CAA: "FLAGS TAG VALUE" */
};

struct table {
    const struct row *rows;
    size_t count;
    unsigned asked;
};

static inline void rows_record(struct dns_answer *out, const uint8_t *data, size_t len)
{
    uint8_t *grown = realloc(out->held, (out->count + 1) * 512);
    struct dns_record *records =
        realloc(out->records, (out->count + 1) * sizeof(struct dns_record));
    if (grown == NULL || records == NULL || len > 512) {
        abort();
    }
    out->held = grown;
    out->records = records;
    memcpy(grown + out->count * 512, data, len);
    records[out->count] = (struct dns_record){.len = len, .ttl = 60};
    out->count++;
    for (size_t i = 0; i < out->count; i++) {
        records[i].rdata = grown + i * 512;
    }
}

static inline void rows_caa(struct dns_answer *out, const char *text)
{
    uint8_t octets[512];
    unsigned flags = 0;
    char tag[64] = "";
    int at = 0;
    if (sscanf(text, "%u %63s %n", &flags, tag, &at) != 2 || strlen(text) > 400) {
        abort();
    }
    octets[0] = (uint8_t)flags;
    octets[1] = (uint8_t)strlen(tag);
    memcpy(octets + 2, tag, strlen(tag));
    memcpy(octets + 2 + strlen(tag), text + at, strlen(text + at));
    rows_record(out, octets, 2 + strlen(tag) + strlen(text + at));
}

static inline void rows_take(struct dns_answer *out, const struct row *row)
{
    uint8_t wire[LIMIT_NAME_WIRE];
    out->outcome = DNS_FOUND;
    if (strcmp(row->data, ROW_BOGUS) == 0) {
        out->trust = DNS_BOGUS;
        out->outcome = DNS_FAILED;
    } else if (strcmp(row->data, ROW_FAILED) == 0) {
        out->outcome = DNS_FAILED;
    } else if (strcmp(row->data, ROW_MALFORMED) == 0) {
        rows_record(out, (const uint8_t *)"\x3fx", 2);
    } else if (row->data[0] == '@') {
        out->outcome = DNS_NODATA;
        out->names[out->name_count++] = strdup(row->data + 1);
    } else if (row->type == LDNS_RR_TYPE_CAA) {
        rows_caa(out, row->data);
    } else {
        int len = name_from_text(wire, row->data);
        rows_record(out, wire, len > 0 ? (size_t)len : 0);
    }
    if (out->outcome == DNS_FAILED) {
        snprintf(out->reason, sizeof(out->reason), "%s", ROW_REASON);
    }
}

static inline int rows_ask(void *arg, const char *owner, uint16_t type, struct dns_answer *out,
                           struct err *err)
{
    struct table *table = arg;
    (void)err;
    table->asked++;
    *out = (struct dns_answer){.outcome = DNS_NXDOMAIN, .trust = DNS_INSECURE};
    if ((out->names = calloc(4, sizeof(char *))) == NULL) {
        abort();
    }
    out->names[out->name_count++] = strdup(owner);
    for (size_t i = 0; i < table->count; i++) {
        const struct row *row = &table->rows[i];
        if (strcasecmp(row->owner, owner) != 0) {
            continue;
        }
        if (row->type == type) {
            rows_take(out, row);
        } else if (out->outcome == DNS_NXDOMAIN) {
            out->outcome = DNS_NODATA;
        }
    }
    return 0;
}

#endif
