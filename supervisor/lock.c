#include "supervisor/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static int refuse(int fd, const char *state_dir, struct err *err)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof(pid) - 1, 0);

    pid[n > 0 ? n : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    return err_set(
        err, ERR_BUSY,
        "another certmilld (pid %s) runs on the state folder %s: stop it, or set another "
        "state-dir",
        pid[0] != '\0' ? pid : "unknown", state_dir);
}

static int write_pid(int fd, const char *path, struct err *err)
{
    char pid[24];
    int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());

    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)len, 0) != len) {
        return err_set(err, -errno, "cannot write %s: %s", path, err_string(-errno));
    }
    return 0;
}

int lock_take(const char *state_dir, struct err *err)
{
    char path[LIMIT_PATH + 16];
    int how = LOCK_EX, ret = 0;

    snprintf(path, sizeof(path), "%s/certmilld.pid", state_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0 && errno == EROFS) {
        /* DNS is served from a disk that takes nothing; who could write it is kept out all the same
         */
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        how = LOCK_SH;
    }
    if (fd < 0) {
        return err_set(err, -errno, "cannot open %s: %s", path, err_string(-errno));
    }
    if (flock(fd, how | LOCK_NB) < 0) {
        ret = errno == EWOULDBLOCK
                  ? refuse(fd, state_dir, err)
                  : err_set(err, -errno, "cannot lock %s: %s", path, err_string(-errno));
        goto err0;
    }
    if (how == LOCK_EX && (ret = write_pid(fd, path, err)) < 0) {
        goto err0;
    }
    return fd;
err0:
    close(fd);
    return ret;
}

void lock_release(int fd)
{
    if (fd >= 0) {
        if (ftruncate(fd, 0) < 0) {
            /* the lock alone decides */
        }
        close(fd);
    }
}
