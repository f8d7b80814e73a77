#include "client/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

/* What its three descriptors are. */
static int set_files(posix_spawn_file_actions_t *actions, const int fds[static 3])
{
    int ret = 0;
    for (int i = 0; ret == 0 && i < 3; i++) {
        ret = fds[i] < 0 ? posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0)
                         : posix_spawn_file_actions_adddup2(actions, fds[i], i);
    }
    return ret;
}

static int set_attributes(posix_spawnattr_t *attributes, bool group)
{
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t defaults, none;
    int ret;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    if ((ret = posix_spawnattr_setsigdefault(attributes, &defaults)) != 0 ||
        (ret = posix_spawnattr_setsigmask(attributes, &none)) != 0 ||
        (group && (ret = posix_spawnattr_setpgroup(attributes, 0)) != 0)) {
        return ret;
    }
    return posix_spawnattr_setflags(attributes,
                                    (short)(group ? flags | POSIX_SPAWN_SETPGROUP : flags));
}

int child_spawn(pid_t *pid, const struct child_wish *wish)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int ret;
    if ((ret = posix_spawn_file_actions_init(&actions)) != 0) {
        return -ret;
    }
    if ((ret = posix_spawnattr_init(&attributes)) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -ret;
    }
    if ((ret = set_files(&actions, wish->fds)) == 0 &&
        (ret = set_attributes(&attributes, wish->group)) == 0) {
        ret = posix_spawnp(pid, wish->argv[0], &actions, &attributes, wish->argv,
                           wish->envp != NULL ? wish->envp : environ);
    }
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -ret;
}

int child_pipe(int *ours, int *theirs, bool ours_writes)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        return -errno;
    }
    *ours = fds[ours_writes ? 1 : 0];
    *theirs = fds[ours_writes ? 0 : 1];
    return fcntl(*ours, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}
