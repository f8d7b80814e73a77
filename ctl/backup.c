/*
 * The store: a copy while certmilld runs, one put back while it does not, and a look at one.
 *
 * The issuer may write to its own folder only, so it makes the copy there, and we take it away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/copy.h"
#include "ctl/ctl.h"
#include "ctl/member.h"
#include "issuer/store.h"

#define STATE_DIR "/var/lib/certmill"
#define STORE     "store/certmill.db"

/* The account keys make certificates, and nobody but the signer reads them: they are not in it. */
static void say_keys(FILE *out, const char *state_dir)
{
    fprintf(out, "the account keys are not in it: back up %s/keys as well\n", state_dir);
}

static int usage(struct err *err, const char *text)
{
    err_set(err, ERR_UNKNOWN, "%s", text);
    return CTL_USAGE;
}

/* -- backup -- */

/* The copy, which goes as soon as we have it open. A path in an answer is taken for what it says
 * only where it looks like one: root reads it. */
static int take_away(const char *path, struct err *err)
{
    static const char name[] = "/store/backup.db";
    size_t len = strlen(path);
    struct stat st;
    int fd;

    if (len < sizeof(name) || strcmp(path + len - strlen(name), name) != 0) {
        return err_set(err, ERR_PROTOCOL, "certmilld's answer names no backup: %s", path);
    }
    if ((fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)) < 0) {
        return err_set(err, -errno, "cannot read %s: %s", path, err_string(-errno));
    }
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
        close(fd);
        return err_set(err, ERR_PROTOCOL, "%s is no file of its own", path);
    }
    unlink(path);
    return fd;
}

static int check(void *arg, const char *path, struct err *err)
{
    FILE *null = fopen("/dev/null", "we");
    int ret = null != NULL ? store_check(path, null, err) : err_set(err, -errno, "no /dev/null");

    (void)arg;
    if (null != NULL) {
        fclose(null);
    }
    return ret;
}

static int backup(const struct ctl_request *request, FILE *out, struct err *err)
{
    json_t *data = NULL;
    int status, fd, ret;

    if (request->count != 1) {
        return usage(err, "backup takes the name of the file to write");
    }
    if ((status = ctl_ask(request, &data, err)) != CTL_OK) {
        return status;
    }
    const char *path = member_string(data, "path");
    if (path == NULL) {
        ret = err_set(err, ERR_PROTOCOL, "certmilld's answer names no backup");
    } else if ((ret = fd = take_away(path, err)) >= 0) {
        ret = copy_file(fd, request->words[0], check, NULL, err);
        close(fd);
    }
    if (ret == 0) {
        fprintf(out, "%s: written and checked\n", request->words[0]);
        const char *state = member_string(data, "state_dir");
        say_keys(out, state != NULL ? state : "state-dir");
    }
    json_decref(data);
    return ret == 0 ? CTL_OK : CTL_REFUSED;
}

const struct ctl_command ctl_backup = {.name = "backup",
                                       .arguments = "FILE",
                                       .help = "copy the store to a file, while certmilld runs",
                                       .run = backup};

/* -- restore -- */

/* Held until we end: certmilld does not start meanwhile. */
static int lock_state(const char *state_dir, struct err *err)
{
    char path[LIMIT_PATH + 16];

    snprintf(path, sizeof(path), "%s/certmilld.pid", state_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) {
        return err_set(err, -errno, "cannot open %s: %s", path, err_string(-errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        close(fd);
        return err_set(err, ERR_BUSY, "certmilld runs on %s: stop it first", state_dir);
    }
    return fd;
}

/* What was there stays beside the new one. A journal of the old one would be taken for the new
 * one's, so it goes before. */
static int set_aside(const char *store, struct err *err)
{
    static const char *const ends[] = {"", "-wal"};
    char from[LIMIT_PATH + 32], to[LIMIT_PATH + 32];

    for (size_t i = 0; i < 2; i++) {
        snprintf(from, sizeof(from), "%s%s", store, ends[i]);
        snprintf(to, sizeof(to), "%s.old%s", store, ends[i]);
        unlink(to);
        if (link(from, to) < 0 && errno != ENOENT) {
            return err_set(err, -errno, "cannot keep %s as %s: %s", from, to, err_string(-errno));
        }
    }
    if (unlink(from) < 0 && errno != ENOENT) {
        return err_set(err, -errno, "cannot remove %s: %s", from, err_string(-errno));
    }
    return 0;
}

static int put_back(void *arg, const char *path, struct err *err)
{
    int ret = check(NULL, path, err);

    return ret == 0 ? set_aside(arg, err) : ret;
}

static int restore(const struct ctl_request *request, FILE *out, struct err *err)
{
    char store[LIMIT_PATH + 32];
    int lock, fd, ret;

    if (request->count < 1 || request->count > 2) {
        return usage(err, "restore takes the file, and where it is not " STATE_DIR
                          " the server's state-dir");
    }
    const char *state_dir = request->count == 2 ? request->words[1] : STATE_DIR;
    snprintf(store, sizeof(store), "%.*s/" STORE, LIMIT_PATH, state_dir);
    if ((lock = lock_state(state_dir, err)) < 0) {
        return CTL_REFUSED;
    }
    if ((fd = open(request->words[0], O_RDONLY | O_CLOEXEC)) < 0) {
        ret = err_set(err, -errno, "cannot read %s: %s", request->words[0], err_string(-errno));
    } else {
        ret = copy_file(fd, store, put_back, store, err);
        close(fd);
    }
    close(lock);
    if (ret < 0) {
        return CTL_REFUSED;
    }
    fprintf(out, "%s: restored; what was there is %s.old\n", store, store);
    say_keys(out, state_dir);
    return CTL_OK;
}

const struct ctl_command ctl_restore = {.name = "restore",
                                        .arguments = "FILE [STATE-DIR]",
                                        .help = "put such a copy back; certmilld must not run",
                                        .run = restore};

/* -- check-store -- */

static int check_store(const struct ctl_request *request, FILE *out, struct err *err)
{
    if (request->count > 1) {
        return usage(err, "check-store takes the name of one file");
    }
    int ret = store_check(request->count == 1 ? request->words[0] : STATE_DIR "/" STORE, out, err);
    return ret == 0 ? CTL_OK : CTL_REFUSED;
}

const struct ctl_command ctl_check_store = {.name = "check-store",
                                            .arguments = "[FILE]",
                                            .help =
                                                "look at a store or a copy that nobody has open",
                                            .run = check_store};
