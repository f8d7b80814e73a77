#include "client/setlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/install_dir.h"
#include "client/interrupt.h"

#define SERVER_MORE_S 60  /* beyond server-timeout, which another run may use up under the lock */
#define STEP_MS       100 /* flock(2) has no time limit, so it is tried that often */

/* Where the lock is. */
struct place {
    int folder; /* of pid-dir or path */
    char name[320];
    char path[640]; /* for messages */
};

static int find_place(struct place *place, const struct setlock_wish *wish, struct err *err)
{
    const struct files *files = wish->files;
    const char *type = key_type_name(files->type);
    if (wish->pid_dir == NULL) {
        place->folder = files->folder;
        snprintf(place->name, sizeof(place->name), "%s/%.*s.%s.lock", INSTALL_FOLDER,
                 FILES_NAME_MAX, files->name, type);
        snprintf(place->path, sizeof(place->path), "%.200s/%s", files->path, place->name);
        return 0;
    }
    snprintf(place->name, sizeof(place->name), "%.*s.%s.lock", FILES_NAME_MAX, files->name, type);
    snprintf(place->path, sizeof(place->path), "%.200s/%s", wish->pid_dir, place->name);
    place->folder = open(wish->pid_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place->folder < 0) {
        int ret = -errno;
        return err_set(err, ret, "pid-dir: %s: %s: make that folder, or name another",
                       wish->pid_dir, strerror(-ret));
    }
    return 0;
}

/* Opens the lock's file; another program's link is not followed. */
static int open_lock(const struct place *place, struct err *err)
{
    int fd = openat(place->folder, place->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd >= 0) {
        return fd;
    }
    int ret = -errno;
    const char *advice = ret == -ENOSPC || ret == -EDQUOT ? "make space"
                         : ret == -EACCES || ret == -EROFS
                             ? "give this user the right to write there, or set pid-dir"
                             : "see to that, or set pid-dir";
    return err_set(err, ret, "the lock %s cannot be made: %s: %s", place->path, strerror(-ret),
                   advice);
}

/* With the rights of the folder that it is in: who may read the files may get through. */
static int make_folder(const struct files *files, struct err *err)
{
    struct stat like;
    if (mkdirat(files->folder, INSTALL_FOLDER, 0700) < 0) {
        int ret = -errno;
        return ret == -EEXIST
                   ? 0
                   : err_set(err, ret, "%s/%s cannot be made: %s: see to that, or set pid-dir",
                             files->path, INSTALL_FOLDER, strerror(-ret));
    }
    /* Else client/install does the same once more. */
    if (fstat(files->folder, &like) == 0 && fchownat(files->folder, INSTALL_FOLDER, like.st_uid,
                                                     like.st_gid, AT_SYMLINK_NOFOLLOW) == 0) {
        return fchmodat(files->folder, INSTALL_FOLDER, like.st_mode & 07777, 0) == 0 ? 0 : -errno;
    }
    return 0;
}

static int wait_for(struct setlock *lock, const struct place *place,
                    const struct setlock_wish *wish, struct err *err)
{
    char message[LIMIT_ERROR_TEXT];
    for (int left = wish->timeout_ms;; left -= STEP_MS) {
        if (flock(lock->fd, LOCK_EX | LOCK_NB) == 0) {
            return 0;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            int ret = -errno;
            return err_set(err, ret, "%s: %s", place->path, strerror(-ret));
        }
        if (left <= 0) {
            return err_set(err, ERR_TIMEOUT,
                           "another run of certmill has had %s for %d s: see what keeps it",
                           place->path, wish->timeout_ms / 1000);
        }
        if (!lock->waited && wish->busy != NULL) {
            snprintf(message, sizeof(message), "waiting for another run of certmill, which has %s",
                     place->path);
            wish->busy(wish->arg, message);
        }
        lock->waited = true;
        if (interrupt_wait(wish->stop, STEP_MS)) {
            return err_set(err, ERR_CANCELLED, "interrupted");
        }
    }
}

static void tell(void *arg, const char *message)
{
    report_step(arg, LOG_LEVEL_INFO, message);
}

struct setlock_wish setlock_wish_of(const struct client *client, const struct files *files,
                                    struct report_line *report)
{
    return (struct setlock_wish){.files = files,
                                 .pid_dir = client->settings.pid_dir,
                                 .timeout_ms =
                                     ((int)client->settings.server_timeout + SERVER_MORE_S) * 1000,
                                 .stop = client->stop,
                                 .busy = report != NULL ? tell : NULL,
                                 .arg = report};
}

int setlock_take(struct setlock *lock, const struct setlock_wish *wish, struct err *err)
{
    struct place place;
    *lock = (struct setlock){.fd = -1};
    int ret = wish->pid_dir == NULL ? make_folder(wish->files, err) : 0;
    if (ret < 0 || (ret = find_place(&place, wish, err)) < 0) {
        return ret;
    }
    if ((ret = lock->fd = open_lock(&place, err)) >= 0) {
        ret = wait_for(lock, &place, wish, err);
    }
    if (wish->pid_dir != NULL) {
        close(place.folder);
    }
    if (ret < 0) {
        setlock_release(lock);
    }
    return ret;
}

void setlock_release(struct setlock *lock)
{
    if (lock->fd >= 0) {
        close(lock->fd);
    }
    lock->fd = -1;
}
