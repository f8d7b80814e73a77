#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/sock.h"
#include "supervisor/listen.h"

#define BACKLOG 512 /* clients that wait while the issuer is restarted */

/* Is somebody listening there? The file alone may be left over from a crash. */
static int check_free(const struct sockaddr_un *sun, struct err *err)
{
    struct sock_peer peer = {0};
    struct stat st;
    int ret = 0;

    if (lstat(sun->sun_path, &st) < 0) {
        return errno == ENOENT ? 0
                               : err_set(err, -errno, "cannot look at %s: %s", sun->sun_path,
                                         err_string(-errno));
    }
    if (!S_ISSOCK(st.st_mode)) {
        return err_set(err, -EEXIST, "%s is in the way and not a socket: remove it", sun->sun_path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_set(err, -errno, "cannot make a socket: %s", err_string(-errno));
    }
    if (connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0 || errno == EAGAIN) {
        (void)sock_peer(&peer, fd);
        ret = err_set(err, ERR_BUSY,
                      "another process (pid %d) listens at %s: stop it, or set another run-dir",
                      (int)peer.pid, sun->sun_path);
    } else if (errno != ECONNREFUSED && errno != ENOENT) {
        ret = err_set(err, -errno, "cannot tell whether %s is in use: %s", sun->sun_path,
                      err_string(-errno));
    } else if (unlink(sun->sun_path) < 0 && errno != ENOENT) {
        ret = err_set(err, -errno, "cannot replace %s: %s", sun->sun_path, err_string(-errno));
    }
    close(fd);
    return ret;
}

static int open_local(const struct sockaddr_un *sun, const struct listen_unix *local)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int ret = 0;

    if (fd < 0) {
        return -errno;
    }
    mode_t before = umask(0777); /* nobody connects before mode and group are right */
    if (bind(fd, (const struct sockaddr *)sun, sizeof(*sun)) < 0) {
        ret = -errno;
    }
    umask(before);
    if (ret == 0 && geteuid() == 0 && lchown(sun->sun_path, 0, local->group) < 0) {
        ret = -errno;
    }
    if (ret == 0 && (chmod(sun->sun_path, local->mode) < 0 || listen(fd, BACKLOG) < 0)) {
        ret = -errno;
    }
    if (ret < 0) {
        close(fd);
        return ret;
    }
    return fd;
}

int listen_local(struct listen_set *set, const struct listen_unix *local, struct err *err)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct boot_socket socket = {.kind = local->kind};

    if (strlen(local->path) >= sizeof(sun.sun_path)) {
        return err_set(err, ERR_LIMIT,
                       "the path %.200s is too long for a socket: set a shorter "
                       "run-dir",
                       local->path);
    }
    memcpy(sun.sun_path, local->path, strlen(local->path));
    int ret = check_free(&sun, err);
    if (ret < 0) {
        return ret;
    }
    socket.fd = open_local(&sun, local);
    if (socket.fd < 0) {
        return err_set(err, socket.fd, "cannot listen at %s: %s", local->path,
                       err_string(socket.fd));
    }
    snprintf(socket.address, sizeof(socket.address), "%s", local->path);
    ret = listen_add(set, &socket);
    return ret < 0 ? err_set(err, ret, "out of memory") : 0;
}
