/*
 * Writing the audit log. A line is one write(2) at the end of the newest file; what did not get
 * there whole is taken back, so that the file ends with a whole line always, but after a crash.
 * Nothing is synced line by line: what a killed issuer wrote is in the kernel's hands already, and
 * audit_sync sees to a power loss.
 */
#include "issuer/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/limits.h"
#include "issuer/audit_event.h"
#include "issuer/audit_files.h"
#include "issuer/line_json.h"

/* Until audit_configure. */
#define FILE_BYTES (64u << 20)
#define FILES      32

#define TAIL ((int64_t)2 * LIMIT_AUDIT_LINE) /* the last line is in it whole */

struct audit {
    char *folder;
    int dir, fd; /* fd -1: no file could be made yet */
    const struct clock *clock;
    struct log *log;
    uint64_t number; /* of the file */
    uint64_t size;   /* of its whole lines */
    uint64_t seq;    /* of the last line */
    char prev[AUDIT_HASH];
    uint64_t file_bytes;
    unsigned files;
    uint64_t lost, torn; /* lines that the disk did not take; octets of half a line */
    bool spilled;        /* part of a line that did not fit is to be taken back */
    bool unsynced;
    audit_fn *fn;
    void *arg;
};

/* -- files -- */

static int open_number(struct audit *audit, uint64_t number, int flags)
{
    char name[AUDIT_NAME];
    int fd;

    audit_files_name(name, number);
    fd = openat(audit->dir, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    return fd >= 0 ? fd : -errno;
}

static void remove_oldest(const struct audit *audit)
{
    uint64_t *numbers;
    size_t count;

    if (audit_files_list(audit->folder, &numbers, &count, NULL) < 0) {
        return;
    }
    for (size_t i = 0; count > audit->files && i < count - audit->files; i++) {
        char name[AUDIT_NAME];

        audit_files_name(name, numbers[i]);
        (void)unlinkat(audit->dir, name, 0);
    }
    free(numbers);
}

/* The next file; where there is none to be had, the one that is there goes on. */
static void begin_file(struct audit *audit)
{
    int fd = open_number(audit, audit->number + 1, O_CREAT | O_EXCL);

    if (fd < 0) {
        return;
    }
    if (audit->fd >= 0) {
        (void)fdatasync(audit->fd);
        (void)close(audit->fd);
    }
    (void)fsync(audit->dir);
    audit->fd = fd;
    audit->number++;
    audit->size = 0;
    audit->spilled = false;
    remove_oldest(audit);
}

/* -- where the log stands -- */

/* The last len octets before end into a buffer of the caller's. */
static int read_tail(const struct audit *audit, uint64_t end, char *buf, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = pread(audit->fd, buf + done, len - done, (off_t)(end - len + done));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -EIO;
        }
        done += (size_t)n;
    }
    return 0;
}

/* The last whole line in buf[len], which ends where the file ends: sets seq and prev, and how much
 * of half a line is behind it. ERR_CORRUPT where it is none of ours. */
static int find_last(struct audit *audit, const char *buf, size_t len, bool whole_file)
{
    const char *end = memrchr(buf, '\n', len), *start;
    struct audit_line line;
    int ret;

    audit->torn = len - (end != NULL ? (size_t)(end - buf) + 1 : 0);
    if (end == NULL) {
        return whole_file ? ERR_NOT_FOUND : ERR_CORRUPT;
    }
    start = memrchr(buf, '\n', (size_t)(end - buf));
    if (start == NULL && !whole_file) {
        return ERR_CORRUPT;
    }
    start = start != NULL ? start + 1 : buf;
    if (audit_line_parse(&line, start, (size_t)(end - start)) < 0) {
        return ERR_CORRUPT;
    }
    audit->seq = line.seq;
    ret = audit_hash(audit->prev, start, (size_t)(end - start));
    json_decref(line.json);
    return ret;
}

static int read_last(struct audit *audit)
{
    struct stat st;
    char *buf;
    size_t len;
    int ret;

    if (fstat(audit->fd, &st) < 0) {
        return -errno;
    }
    len = st.st_size < TAIL ? (size_t)st.st_size : TAIL;
    if ((buf = malloc(len + 1)) == NULL) {
        return -ENOMEM;
    }
    if ((ret = read_tail(audit, (uint64_t)st.st_size, buf, len)) == 0) {
        ret = find_last(audit, buf, len, len == (size_t)st.st_size);
    }
    free(buf);
    audit->size = (uint64_t)st.st_size - audit->torn;
    return ret;
}

/* What a crash has left behind the last whole line says nothing that could be read. */
static void close_off(struct audit *audit)
{
    if (audit->torn > 0) {
        log_warning(audit->log, NULL,
                    "the audit log ended with half a line (%" PRIu64
                    " octets), from a crash or a full disk: it is taken out",
                    audit->torn);
        audit->spilled = ftruncate(audit->fd, (off_t)audit->size) < 0;
    }
}

static void damaged(struct audit *audit)
{
    char name[AUDIT_NAME];

    audit_files_name(name, audit->number);
    log_error(audit->log, NULL,
              "the audit log is damaged at its end (%s/%s): it goes on in a new file, from line 1",
              audit->folder, name);
    audit->seq = audit->torn = 0;
    (void)snprintf(audit->prev, sizeof audit->prev, "%s", AUDIT_NONE);
    begin_file(audit);
}

/* From the newest file back to the first that has a line. */
static int resume(struct audit *audit, const uint64_t *numbers, size_t count)
{
    int ret = ERR_NOT_FOUND;

    for (size_t i = count; ret == ERR_NOT_FOUND && i-- > 0;) {
        int fd = audit->fd;
        uint64_t size = audit->size, torn = audit->torn;

        if ((audit->fd = open_number(audit, numbers[i], 0)) < 0) {
            ret = audit->fd;
            audit->fd = fd;
            return ret;
        }
        ret = read_last(audit);
        if (fd < 0) {
            audit->number = numbers[i];
            close_off(audit);
            continue;
        }
        /* the newest file was empty: it goes on, behind the last line of this one */
        (void)close(audit->fd);
        audit->fd = fd;
        audit->size = size;
        audit->torn = torn;
    }
    if (ret == ERR_CORRUPT) {
        damaged(audit);
        return 0;
    }
    return ret == ERR_NOT_FOUND ? 0 : ret;
}

int audit_open(struct audit **out, const char *folder, const struct clock *clock, struct log *log,
               struct err *err)
{
    struct audit *audit = calloc(1, sizeof *audit);
    uint64_t *numbers = NULL;
    size_t count;
    int ret;

    if (audit == NULL || (audit->folder = strdup(folder)) == NULL) {
        free(audit);
        return err_set(err, -ENOMEM, "out of memory");
    }
    audit->fd = -1;
    audit->clock = clock;
    audit->log = log;
    audit->file_bytes = FILE_BYTES;
    audit->files = FILES;
    (void)snprintf(audit->prev, sizeof audit->prev, "%s", AUDIT_NONE);
    if ((audit->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        ret = err_set(err, -errno, "the audit log in %s cannot be opened: %s", folder,
                      err_string(-errno));
    } else if ((ret = audit_files_list(folder, &numbers, &count, err)) == 0 &&
               (ret = resume(audit, numbers, count)) < 0) {
        (void)err_set(err, ret, "the audit log in %s cannot be opened: %s", folder,
                      err_string(ret));
    }
    free(numbers);
    if (ret < 0) {
        audit_close(audit);
        return ret;
    }
    *out = audit;
    return 0;
}

int audit_open_lost(struct audit **out, const char *folder, const struct clock *clock,
                    struct log *log)
{
    struct audit *audit = calloc(1, sizeof *audit);

    if (audit == NULL || (audit->folder = strdup(folder)) == NULL) {
        free(audit);
        return -ENOMEM;
    }
    audit->dir = audit->fd = -1;
    audit->clock = clock;
    audit->log = log;
    *out = audit;
    return 0;
}

void audit_observe(struct audit *audit, audit_fn *fn, void *arg)
{
    audit->fn = fn;
    audit->arg = arg;
}

void audit_close(struct audit *audit)
{
    if (audit == NULL) {
        return;
    }
    if (audit->fd >= 0) {
        (void)fdatasync(audit->fd);
        (void)close(audit->fd);
    }
    if (audit->dir >= 0) {
        (void)close(audit->dir);
    }
    free(audit->folder);
    free(audit);
}

void audit_configure(struct audit *audit, uint64_t file_bytes, unsigned files)
{
    audit->file_bytes = file_bytes;
    audit->files = files;
}

int audit_dup(struct audit *audit)
{
    int fd = audit->unsynced ? fcntl(audit->fd, F_DUPFD_CLOEXEC, 3) : -1;

    audit->unsynced = audit->unsynced && fd < 0;
    return fd;
}

/* -- lines -- */

static void put_number(json_t *object, const char *name, uint64_t number)
{
    if (number != 0) {
        (void)json_object_set_new(object, name, json_integer((json_int_t)number));
    }
}

static json_t *object_of(const struct audit *audit, const struct audit_event *event)
{
    json_t *object = json_pack("{s:I, s:o, s:s}", "seq", (json_int_t)audit->seq + 1, "time",
                               line_json_time(clock_wall_us(audit->clock)), "event", event->what);

    audit_event_put(object, event);
    put_number(object, "lost", audit->lost);
    put_number(object, "torn", audit->torn);
    (void)json_object_set_new(object, "prev", json_string(audit->prev));
    return object;
}

/* The line of an event with its LF; malloc'd, or NULL. */
static char *compose(const struct audit *audit, const struct audit_event *event)
{
    json_t *object = object_of(audit, event);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL, *line = NULL;

    if (text != NULL && strlen(text) >= LIMIT_AUDIT_LINE) {
        free(text); /* names that are no names */
        (void)json_object_del(object, "names");
        text = json_dumps(object, JSON_COMPACT);
    }
    json_decref(object);
    if (text != NULL && asprintf(&line, "%s\n", text) < 0) {
        line = NULL;
    }
    free(text);
    return line;
}

static void lose(struct audit *audit, int error)
{
    if (audit->lost++ == 0) {
        log_error(audit->log, NULL,
                  "the audit log in %s cannot be written (%s): lines are lost until it can; make "
                  "room",
                  audit->folder, err_string(error));
    }
}

static int append(struct audit *audit, const char *line, size_t len)
{
    int ret;

    if (audit->fd < 0 || (audit->size > 0 && (audit->size > audit->file_bytes ||
                                              len > audit->file_bytes - audit->size))) {
        begin_file(audit);
    }
    if (audit->fd < 0) {
        return -ENOSPC;
    }
    if (audit->spilled && ftruncate(audit->fd, (off_t)audit->size) < 0) {
        return -errno;
    }
    if ((ret = file_write_all(audit->fd, line, len)) < 0) {
        audit->spilled = ftruncate(audit->fd, (off_t)audit->size) < 0;
    }
    return ret;
}

void audit_write(struct audit *audit, const struct audit_event *event)
{
    char hash[AUDIT_HASH], *line;
    size_t len;
    int ret = -ENOMEM;

    if (audit == NULL) {
        return;
    }
    if (audit->fn != NULL) {
        audit->fn(audit->arg, event);
    }
    if (audit->dir < 0) {
        audit->lost++;
        return;
    }
    line = compose(audit, event);
    len = line != NULL ? strlen(line) : 0;
    if (line != NULL && audit_hash(hash, line, len - 1) == 0) {
        ret = append(audit, line, len);
    }
    free(line);
    if (ret < 0) {
        lose(audit, ret);
        return;
    }
    if (audit->lost > 0) {
        log_info(audit->log, NULL, "the audit log can be written again; lines lost: %" PRIu64,
                 audit->lost);
    }
    memcpy(audit->prev, hash, sizeof audit->prev);
    audit->size += len;
    audit->seq++;
    audit->lost = audit->torn = 0;
    audit->unsynced = true;
}
