/*
 * Inside zones/: cuts the text of a zone file into entries (RFC 1035 5.1).
 */
#ifndef CERTMILL_ZONES_ZONEFILE_H
#define CERTMILL_ZONES_ZONEFILE_H

#include <stddef.h>
#include <stdint.h>

struct zonefile {
    const char *pos, *end;
    uint32_t next_line;
    /* the entry: on one line, without comments and parentheses, terminated; the caller's
     * buffer of one octet more than the text */
    char *entry;
    uint32_t line; /* where it begins, from 1 */
};

void zonefile_init(struct zonefile *f, const char *text, size_t len, char *entry);

/* 1: f->entry is the next one, not empty; 0: there is none; ERR_MALFORMED: *what says why. */
int zonefile_next(struct zonefile *f, const char **what);

#endif
