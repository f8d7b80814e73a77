/*
 * The audit log: who got or was refused what. Append-only JSON lines in state-dir/audit, one an
 * event, each with the hash of the line before, so that no line can be changed, taken out or put in
 * unnoticed but at the end. Files (audit-N.jsonl) are begun anew past audit-size and the oldest go
 * past audit-files; the first line of a file carries the hash of the last one of the file before.
 *
 * Members of a line: seq (1, 2, ...), time, event; where they mean something client, address, uid,
 * order, spki, names, ca, serial, outcome, duration_ms; lost (lines that the disk did not take
 * before this one), torn (octets of half a line that a crash had left, and that were taken out);
 * and last prev, the SHA-256 of the line before, without its LF.
 */
#ifndef CERTMILL_ISSUER_AUDIT_H
#define CERTMILL_ISSUER_AUDIT_H

#include <stdint.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/err.h"
#include "common/log.h"

struct audit;

/* folder exists. Goes on behind the last whole line that is there; half a line, from a crash or a
 * full disk, is closed off and said in the log. */
int audit_open(struct audit **out, const char *folder, const struct clock *clock, struct log *log,
               struct err *err);
/* One that takes no line, for when audit_open failed: who observes it hears of the events. */
int audit_open_lost(struct audit **out, const char *folder, const struct clock *clock,
                    struct log *log);
void audit_close(struct audit *audit);
void audit_configure(struct audit *audit, uint64_t file_bytes, unsigned files);

/* A copy of the file's descriptor where something waits for fdatasync(2), else -1. The caller syncs
 * it where that holds nobody up, and closes it. */
int audit_dup(struct audit *audit);

/* Strings are NULL, numbers 0 where they mean nothing for the event; all text is foreign. */
struct audit_event {
    const char
        *what; /* "issued", "refused", "failed", "cached", "revoked", "account", "started"... */
    const char *client, *address;
    int64_t peer_uid; /* -1: not known */
    uint64_t order;
    const char *spki_sha256, *names, *authority, *serial;
    const char *outcome; /* a sentence */
    int64_t duration_ms;
};

/* Hears of each event, whether its line is written or not. One at a time; NULL: none. */
typedef void audit_fn(void *arg, const struct audit_event *event);
void audit_observe(struct audit *audit, audit_fn *fn, void *arg);

/* Appends a line; audit may be NULL. A disk that takes none is said in the log once, and how many
 * were lost is the next line that it takes: nothing waits for the audit log. */
void audit_write(struct audit *audit, const struct audit_event *event);

/* Reads the files of folder from the oldest on; reports to out. 0, or ERR_CORRUPT: err names file
 * and line of the first one that does not follow from the one before. Half a line at the very end
 * is only said: it may be on its way. ERR_NOT_FOUND: no file there. */
int audit_verify(const char *folder, FILE *out, struct err *err);

#endif
