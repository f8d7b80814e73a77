/* Which new files services have not been told of yet: see the design note in install.c. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "client/install.h"
#include "client/install_dir.h"

#define SHARE_TRIES   100 /* who is alone only looks for marks */
#define SHARE_STEP_MS 10

int install_mark(int version)
{
    int fd = openat(version, INSTALL_UNTOLD, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return -errno;
    }
    close(fd);
    return 0;
}

static void path_of(char dst[static 320], const struct files *files)
{
    snprintf(dst, 320, INSTALL_FOLDER "/%s.%s/" INSTALL_CURRENT "/" INSTALL_UNTOLD, files->name,
             key_type_name(files->type));
}

bool install_untold(const struct files *files)
{
    char path[320];
    path_of(path, files);
    return faccessat(files->folder, path, F_OK, 0) == 0;
}

void install_told(const struct files *files)
{
    char path[320];
    path_of(path, files);
    unlinkat(files->folder, path, 0);
}

bool install_alone(int folder)
{
    return flock(folder, LOCK_EX | LOCK_NB) == 0;
}

/* Not for ever: a stranger may hold it. */
void install_share(int folder)
{
    for (int i = 0; i < SHARE_TRIES && flock(folder, LOCK_SH | LOCK_NB) < 0; i++) {
        poll(NULL, 0, SHARE_STEP_MS);
    }
}

void install_leave(int folder)
{
    flock(folder, LOCK_UN);
}
