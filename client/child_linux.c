#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/child.h"

/* glibc has a wrapper since 2.36, musl none. The descriptor is close-on-exec. */
int child_watch(pid_t pid, struct err *err)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    return fd < 0 ? err_set(err, -errno, "pidfd_open: %s", err_string(-errno)) : fd;
}
