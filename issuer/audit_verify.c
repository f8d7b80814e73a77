/*
 * Reading the audit log as a whole: does each line follow from the one before?
 */
#include "issuer/audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "issuer/audit_files.h"

struct verify {
    const char *folder;
    FILE *out;
    char prev[AUDIT_HASH]; /* "": nothing was read yet */
    uint64_t seq;          /* of the last line */
    uint64_t lines, lost;
    char file[AUDIT_NAME];
    uint64_t number; /* of the line within its file */
    uint64_t file_number;
};

static int broken(const struct verify *v, struct err *err, const char *why)
{
    return err_set(err, ERR_CORRUPT, "%s/%s:%" PRIu64 ": %s", v->folder, v->file, v->number, why);
}

/* The line's place: where older files went, the first one that is left begins the chain. */
static int follows(struct verify *v, const struct audit_line *line, struct err *err)
{
    char why[160];

    if (v->prev[0] == '\0') {
        if (v->file_number == 1 && (line->seq != 1 || strcmp(line->prev, AUDIT_NONE) != 0)) {
            return broken(v, err, "the log does not begin here: lines before it are missing");
        }
        return 0;
    }
    if (strcmp(line->prev, v->prev) != 0) {
        return broken(v, err,
                      "the hash of the line before is another: that line was changed, or lines "
                      "between were taken out or put in");
    }
    if (line->seq != v->seq + 1) {
        (void)snprintf(why, sizeof why, "it is line %" PRIu64 " of the log, not %" PRIu64,
                       line->seq, v->seq + 1);
        return broken(v, err, why);
    }
    return 0;
}

static int take(struct verify *v, const char *text, size_t len, struct err *err)
{
    struct audit_line line;
    int ret;

    if (audit_line_parse(&line, text, len) < 0) {
        return broken(v, err, "no line of an audit log");
    }
    if ((ret = follows(v, &line, err)) == 0) {
        json_int_t lost = json_integer_value(json_object_get(line.json, "lost"));

        v->seq = line.seq;
        v->lines++;
        v->lost += lost > 0 ? (uint64_t)lost : 0;
        if ((ret = audit_hash(v->prev, text, len)) < 0) {
            (void)err_set(err, ret, "out of memory");
        }
    }
    json_decref(line.json);
    return ret;
}

/* last: a line without its end may be under way just now. */
static int read_lines(struct verify *v, FILE *in, bool last, struct err *err)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    int ret = 0;

    v->number = 0;
    while (ret == 0 && (len = getline(&line, &cap, in)) > 0) {
        v->number++;
        if (line[len - 1] == '\n') {
            ret = take(v, line, (size_t)len - 1, err);
        } else if (last) {
            fprintf(v->out, "%s: half a line at the end, %zd octets\n", v->file, len);
        } else {
            ret = broken(v, err, "half a line, and another file behind it");
        }
    }
    if (ret == 0 && ferror(in)) {
        ret = err_set(err, -EIO, "%s/%s cannot be read", v->folder, v->file);
    }
    free(line);
    return ret;
}

static int read_file(struct verify *v, uint64_t number, bool last, struct err *err)
{
    char path[LIMIT_PATH + AUDIT_NAME];
    uint64_t before = v->lines;
    FILE *in;
    int ret;

    audit_files_name(v->file, number);
    v->file_number = number;
    (void)snprintf(path, sizeof path, "%s/%s", v->folder, v->file);
    if ((in = fopen(path, "re")) == NULL) {
        return err_set(err, -errno, "%s cannot be read: %s", path, err_string(-errno));
    }
    ret = read_lines(v, in, last, err);
    (void)fclose(in);
    if (ret == 0) {
        fprintf(v->out, "%s: lines: %" PRIu64 "\n", v->file, v->lines - before);
    }
    return ret;
}

int audit_verify(const char *folder, FILE *out, struct err *err)
{
    struct verify v = {.folder = folder, .out = out};
    uint64_t *numbers;
    size_t count;
    int ret = audit_files_list(folder, &numbers, &count, err);

    if (ret == 0 && count == 0) {
        ret = err_set(err, ERR_NOT_FOUND, "there is no audit log in %s", folder);
    }
    for (size_t i = 0; ret == 0 && i < count; i++) {
        if (i > 0 && numbers[i] != numbers[i - 1] + 1) {
            ret = err_set(err, ERR_CORRUPT, "%s: files between %s and the next are missing", folder,
                          v.file);
        } else {
            ret = read_file(&v, numbers[i], i + 1 == count, err);
        }
    }
    free(numbers);
    if (ret == 0) {
        fprintf(out, "whole: lines %" PRIu64 " to %" PRIu64 ", sha256 of the last %s\n",
                v.seq + 1 - v.lines, v.seq, v.prev[0] != '\0' ? v.prev : AUDIT_NONE);
    }
    if (ret == 0 && v.lost > 0) {
        fprintf(out, "not written, because the disk took none: %" PRIu64 "\n", v.lost);
    }
    return ret;
}
