#include "ctl/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"

static int copy_all(int from, int to)
{
    char buf[65536];
    ssize_t n;

    while ((n = read(from, buf, sizeof(buf))) != 0) {
        int ret = n > 0 ? file_write_all(to, buf, (size_t)n) : -errno;

        if (ret < 0 && ret != -EINTR) {
            return ret;
        }
    }
    return 0;
}

/* As whoever the folder belongs to would have made it. */
static int give_to_owner(int folder, int fd)
{
    struct stat st;

    if (fstat(folder, &st) < 0) {
        return -errno;
    }
    return geteuid() != 0 || fchown(fd, st.st_uid, st.st_gid) == 0 ? 0 : -errno;
}

/* Writes what is in fd to the file aside; its name is template's from then on. */
static int fill_aside(int fd, int folder, char *template)
{
    int to = mkostemp(template, O_CLOEXEC), ret;

    if (to < 0) {
        return -errno;
    }
    if ((ret = copy_all(fd, to)) == 0 && (ret = give_to_owner(folder, to)) == 0 && fsync(to) < 0) {
        ret = -errno;
    }
    if (close(to) < 0 && ret == 0) {
        ret = -errno;
    }
    if (ret < 0) {
        unlink(template);
    }
    return ret;
}

static int open_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = slash == NULL   ? strdup(".")
                 : slash == path ? strdup("/")
                                 : strndup(path, (size_t)(slash - path));
    int fd = name != NULL ? open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int ret = name == NULL ? -ENOMEM : fd >= 0 ? fd : -errno;

    free(name);
    return ret;
}

int copy_file(int fd, const char *path, copy_check_fn *check, void *arg, struct err *err)
{
    char *aside = NULL;
    int folder = open_folder(path), ret = folder;

    if (folder >= 0 && asprintf(&aside, "%s.XXXXXX", path) < 0) {
        aside = NULL;
        ret = -ENOMEM;
    }
    if (ret < 0 || (ret = fill_aside(fd, folder, aside)) < 0) {
        err_set(err, ret, "cannot write %s: %s", path, err_string(ret));
        goto err0;
    }
    if (check != NULL && (ret = check(arg, aside, err)) < 0) {
        unlink(aside);
        goto err0;
    }
    if (rename(aside, path) < 0 || fsync(folder) < 0) {
        ret = err_set(err, -errno, "cannot write %s: %s", path, err_string(-errno));
        unlink(aside);
    }
err0:
    free(aside);
    if (folder >= 0) {
        close(folder);
    }
    return ret < 0 ? ret : 0;
}
