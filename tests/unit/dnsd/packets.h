/*
 * Queries as bytes, and answers as text: parsed by ldns, so that it is not our own
 * idea of the format that is tested.
 */
#ifndef CERTMILL_TESTS_DNSD_PACKETS_H
#define CERTMILL_TESTS_DNSD_PACKETS_H

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "zones/name.h"

struct packet {
    uint8_t bytes[4096];
    size_t len;
};

static inline void packet_add(struct packet *p, const void *bytes, size_t len)
{
    if (len > sizeof(p->bytes) - p->len) {
        abort();
    }
    memcpy(p->bytes + p->len, bytes, len);
    p->len += len;
}

static inline void packet_add_u16(struct packet *p, uint16_t v)
{
    uint8_t b[2];

    wire_write_u16(b, v);
    packet_add(p, b, sizeof(b));
}

static inline void packet_count(struct packet *p, size_t at)
{
    wire_write_u16(p->bytes + at, (uint16_t)(wire_read_u16(p->bytes + at) + 1));
}

/* Id 0x1234, RD set. */
static inline void packet_begin(struct packet *p)
{
    const uint8_t header[12] = {0x12, 0x34, 0x01};

    p->len = 0;
    packet_add(p, header, sizeof(header));
}

static inline void packet_question(struct packet *p, const char *name, uint16_t type,
                                   uint16_t class)
{
    uint8_t wire[LIMIT_NAME_WIRE];
    int len = name_from_text(wire, name);

    if (len < 0) {
        abort();
    }
    packet_add(p, wire, (size_t)len);
    packet_add_u16(p, type);
    packet_add_u16(p, class);
    packet_count(p, 4);
}

static inline void packet_opt(struct packet *p, uint16_t payload, uint8_t version, bool dnssec_ok)
{
    const uint8_t ttl[] = {0, version, dnssec_ok ? 0x80 : 0, 0, 0, 0};

    packet_add(p, "\0\0\x29", 3);
    packet_add_u16(p, payload);
    packet_add(p, ttl, sizeof(ttl));
    packet_count(p, 10);
}

/* An option for the OPT that ends the message; rdlength_at: where its RDLENGTH stands. */
static inline void packet_option_at(struct packet *p, size_t rdlength_at, uint16_t code,
                                    const void *data, size_t len)
{
    packet_add_u16(p, code);
    packet_add_u16(p, (uint16_t)len);
    packet_add(p, data, len);
    wire_write_u16(p->bytes + rdlength_at, (uint16_t)(p->len - rdlength_at - 2));
}

static inline void packet_query(struct packet *p, const char *name, uint16_t type)
{
    packet_begin(p);
    packet_question(p, name, type, 1);
}

static inline int packet_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The records of a section, a line each, sorted, single spaces, without class. Into dst. */
static inline void packet_section(char *dst, size_t cap, const ldns_rr_list *list)
{
    size_t count = ldns_rr_list_rr_count(list);
    char **lines = calloc(count + 1, sizeof(*lines));

    for (size_t i = 0; i < count; i++) {
        lines[i] = ldns_rr2str(ldns_rr_list_rr(list, i));
        for (char *c = lines[i]; *c != '\0'; c++) {
            *c = *c == '\t' ? ' ' : *c;
        }
        lines[i][strlen(lines[i]) - 1] = '\0';
    }
    qsort(lines, count, sizeof(*lines), packet_compare);
    dst[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(dst);

        snprintf(dst + used, cap - used, "%s%s", used > 0 ? "\n" : "", lines[i]);
        free(lines[i]);
    }
    free(lines);
}

#endif
