#include "common/self.h"

#include <errno.h>
#include <linux/capability.h>
#include <malloc.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void self_name(const char *name)
{
    prctl(PR_SET_NAME, name);
}

size_t self_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (size_t)CPU_COUNT(&set) : 1;
}

void self_one_heap(void)
{
#ifdef M_ARENA_MAX /* glibc */
    (void)mallopt(M_ARENA_MAX, 1);
#endif
}

int self_set_death_signal(int signal)
{
    return prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0) < 0 ? -errno : 0;
}

int self_death_signal(void)
{
    int signal = 0;

    prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0);
    return signal;
}

int self_set_dumpable(bool dumpable)
{
    return prctl(PR_SET_DUMPABLE, dumpable ? 1 : 0, 0, 0, 0) < 0 ? -errno : 0;
}

int self_no_new_privs(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

/* systemd's AmbientCapabilities, for example. Who has none is spared the call, which a unit's
 * SystemCallFilter may refuse. */
int self_drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct has[2] = {0};
    const struct __user_cap_data_struct none[2] = {0};

    if (syscall(SYS_capget, &header, has) == 0 && memcmp(has, none, sizeof(none)) == 0) {
        return 0;
    }
    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

/* musl has no wrapper. */
int self_close_from(unsigned first)
{
    return syscall(SYS_close_range, first, ~0u, 0u) < 0 ? -errno : 0;
}

void self_execute(char *const *argv, char *const *envp)
{
    execve("/proc/self/exe", argv, envp);
}
