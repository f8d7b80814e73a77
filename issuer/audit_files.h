/*
 * The files of the audit log: audit-N.jsonl in one folder, N growing. Nobody but audit*.c includes
 * this.
 */
#ifndef CERTMILL_ISSUER_AUDIT_FILES_H
#define CERTMILL_ISSUER_AUDIT_FILES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define AUDIT_HASH 65 /* SHA-256 as hexadecimal digits, and a NUL */
#define AUDIT_NAME 32 /* octets of a file's name, with its NUL */

/* "prev" of the very first line. */
#define AUDIT_NONE "0000000000000000000000000000000000000000000000000000000000000000"

void audit_files_name(char dst[static AUDIT_NAME], uint64_t number);

/* The numbers of the files in a folder, ascending; malloc'd. -errno, ERR_LIMIT. */
int audit_files_list(const char *folder, uint64_t **numbers, size_t *count, struct err *err);

/* Hash of a line without its LF. Negative: no memory. */
int audit_hash(char dst[static AUDIT_HASH], const char *line, size_t len);

/* What holds a line in its place. json is the caller's (json_decref); prev points into it. */
struct audit_line {
    json_t *json;
    uint64_t seq;
    const char *prev;
};
/* ERR_MALFORMED: no line of an audit log. */
int audit_line_parse(struct audit_line *out, const char *line, size_t len);

#endif
