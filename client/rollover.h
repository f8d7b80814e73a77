/*
 * What is remembered of a staged key: which services its TLSA records are for, and since when they
 * have been seen. Its file is .certmill/NAME.TYPE/rollover, lines of text:
 *
 *   certmill roll-over 1
 *   key 0123...cdef                                  SHA-256 of SubjectPublicKeyInfo
 *   staged 1795225578
 *   service 443 tcp
 *   owner _443._tcp.www.example.org there 1795225600 3600 1
 *   end
 *
 * owner: what was seen last, since when, the longest TTL seen, whether there ever were records
 * without the staged key's. Times are seconds since 1970.
 *
 * When a key may be activated (RFC 7671 8.1): its records are there beside the others, and have
 * been for two TTLs of what was there before, so that no cache holds records without them: one TTL
 * for caches, one more for secondary nameservers that still had the old zone.
 */
#ifndef CERTMILL_CLIENT_ROLLOVER_H
#define CERTMILL_CLIENT_ROLLOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/files.h"
#include "client/sets.h"
#include "client/tlsa_service.h"
#include "common/err.h"

#define ROLLOVER_TTLS   2 /* how many of them are waited for */
#define ROLLOVER_DIGEST 64

/* What DNS has at an owner of TLSA records. */
enum rollover_sight {
    ROLLOVER_UNKNOWN, /* it could not be looked up, or the answer is bogus */
    ROLLOVER_NONE,    /* no TLSA records */
    ROLLOVER_OTHER,   /* some, but not all of the staged key's that there should be */
    ROLLOVER_THERE,   /* those of the staged key */
    ROLLOVER_SIGHTS,
};

struct rollover_owner {
    char name[LIMIT_DOMAIN_TEXT + 1]; /* _PORT._PROTOCOL.NAME */
    enum rollover_sight sight;
    int64_t since; /* when ROLLOVER_THERE or ROLLOVER_NONE began; 0: it has not */
    uint32_t ttl;  /* seconds: the longest seen, of records or (where there were none) of that */
    bool others;   /* there were records without the staged key's */
    bool looked;   /* at it, since the file was read */
};

struct rollover {
    char key[ROLLOVER_DIGEST + 1]; /* hexadecimal */
    int64_t staged;
    struct tlsa_service services[LIMIT_ROLLOVER_SERVICES];
    size_t service_count;
    struct rollover_owner *owners;
    size_t count;
};

/* A new one, for the staged key. ERR_CRYPTO. */
int rollover_begin(struct rollover *out, const uint8_t *spki, size_t len, int64_t now,
                   struct err *err);
/* Whether it is of that key. */
bool rollover_is_of(const struct rollover *rollover, const uint8_t *spki, size_t len);
void rollover_clear(struct rollover *rollover);

/* Reads the text. ERR_MALFORMED (with the line), ERR_LIMIT, ERR_VERSION, -ENOMEM. */
int rollover_parse(struct rollover *out, const char *text, size_t len, struct err *err);
/* The text, malloc'd; NULL: out of memory. */
char *rollover_text(const struct rollover *rollover, size_t *len);

/* The file of a set and type of key. rollover_read: -ENOENT where there is none. */
int rollover_read(struct rollover *out, const struct files *files, struct err *err);
int rollover_write(const struct rollover *rollover, const struct files *files, struct err *err);
/* Removes it, where it is. 0 or -errno. */
int rollover_remove(const struct files *files);

/* One more service to watch, unless it is watched already. ERR_LIMIT. */
int rollover_watch(struct rollover *rollover, const struct tlsa_service *service, struct err *err);

/* What has just been seen at an owner; ttl: the longest of the records, or of the denial. Of
 * ROLLOVER_UNKNOWN, nothing else is taken over. -ENOMEM. */
int rollover_saw(struct rollover *rollover, const char *owner, enum rollover_sight sight,
                 uint32_t ttl, int64_t now);
/* Forgets the owners that have not been looked at since the file was read: no name of the set is
 * behind them any more. */
void rollover_forget_others(struct rollover *rollover);
/* What was seen there last; NULL: nothing yet. */
const struct rollover_owner *rollover_find(const struct rollover *rollover, const char *owner);

/* When the old TTL of an owner has run out, once; and when two of them have: then a key may be
 * activated. 0: not known, since the records are not there. */
int64_t rollover_expired(const struct rollover_owner *owner);
int64_t rollover_possible(const struct rollover_owner *owner);

/* Whether the staged key may be activated for that set of names. 0; ERR_LATER where it may be at
 * *at; ERR_NOT_FOUND, ERR_UNAVAILABLE: that is not known yet. err says why. */
int rollover_ready(const struct rollover *rollover, const struct set *set, int64_t now, int64_t *at,
                   struct err *err);

const char *rollover_sight_name(enum rollover_sight sight);

#endif
