/*
 * Landlock by system call: glibc has no wrappers, and the headers that we are built
 * with may be older than the kernel that we run on. So the ABI's numbers stand here
 * (linux/landlock.h, kernel documentation userspace-api/landlock), and what the
 * running kernel does not know yet is left out of the request.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/sandbox.h"
#include "common/sandbox_impl.h"

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH      1

#define FS_EXECUTE     (1ull << 0)
#define FS_WRITE_FILE  (1ull << 1)
#define FS_READ_FILE   (1ull << 2)
#define FS_READ_DIR    (1ull << 3)
#define FS_REMOVE_DIR  (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR    (1ull << 7)
#define FS_MAKE_REG    (1ull << 8)
#define FS_ABI_1       ((1ull << 13) - 1)
#define FS_REFER       (1ull << 13) /* ABI 2 */
#define FS_TRUNCATE    (1ull << 14) /* ABI 3 */
#define FS_IOCTL_DEV   (1ull << 15) /* ABI 5 */

#define NET_BIND_TCP    (1ull << 0) /* ABI 4 */
#define NET_CONNECT_TCP (1ull << 1)

#define SCOPE_ABSTRACT_UNIX (1ull << 0) /* ABI 6 */
#define SCOPE_SIGNAL        (1ull << 1)

#define FS_READ (FS_READ_FILE | FS_READ_DIR)
#define FS_WRITE                                                                                   \
    (FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | FS_MAKE_REG | FS_TRUNCATE)
/* What the kernel takes in a rule for something that is not a folder. */
#define FS_FILE (FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

struct path_beneath_attr {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

static struct ruleset_attr wanted(long abi, bool tcp_connect, size_t *size)
{
    struct ruleset_attr attr = {.handled_access_fs = FS_ABI_1};

    *size = sizeof(attr.handled_access_fs);
    if (abi >= 2) {
        attr.handled_access_fs |= FS_REFER;
    }
    if (abi >= 3) {
        attr.handled_access_fs |= FS_TRUNCATE;
    }
    if (abi >= 4) {
        attr.handled_access_net = NET_BIND_TCP | (tcp_connect ? 0 : NET_CONNECT_TCP);
        *size = offsetof(struct ruleset_attr, scoped);
    }
    if (abi >= 5) {
        attr.handled_access_fs |= FS_IOCTL_DEV;
    }
    if (abi >= 6) {
        attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
        *size = sizeof(attr);
    }
    return attr;
}

static int permit(int ruleset, const struct sandbox_path *path, uint64_t handled, struct err *err)
{
    struct path_beneath_attr rule = {.allowed_access = FS_READ | (path->write ? FS_WRITE : 0)};
    struct stat st;
    int ret = 0;

    rule.parent_fd = open(path->path, O_PATH | O_CLOEXEC);
    if (rule.parent_fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES
                   ? 0
                   : err_set(err, -errno, "cannot look at %s: %s", path->path, err_string(-errno));
    }
    if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode)) {
        rule.allowed_access &= FS_FILE;
    }
    rule.allowed_access &= handled;
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0) {
        ret = err_set(err, -errno, "cannot permit %s in the sandbox: %s", path->path,
                      err_string(-errno));
    }
    close(rule.parent_fd);
    return ret;
}

int sandbox_files(const struct sandbox_path *paths, size_t count, bool tcp_connect, bool *active,
                  struct err *err)
{
    /* jansson and SQLite seed themselves from the first, libuv keeps the second in reserve */
    const struct sandbox_path devices[] = {{"/dev/urandom", false}, {"/dev/null", false}};
    const struct sandbox_path proc = {"/proc", false};
    size_t size;
    int ret = 0;

    *active = false;
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    if (abi < 1 || SANDBOX_COVERAGE) {
        return 0; /* not built in, or not enabled at boot */
    }
    struct ruleset_attr attr = wanted(abi, tcp_connect, &size);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (ruleset < 0) {
        return err_set(err, -errno, "cannot make a Landlock ruleset: %s", err_string(-errno));
    }
    for (size_t i = 0; ret == 0 && i < count; i++) {
        ret = permit(ruleset, &paths[i], attr.handled_access_fs, err);
    }
    for (size_t i = 0; ret == 0 && count > 0 && i < sizeof(devices) / sizeof(devices[0]); i++) {
        ret = permit(ruleset, &devices[i], attr.handled_access_fs, err);
    }
    if (ret == 0 && SANDBOX_SANITIZED) {
        ret = permit(ruleset, &proc, attr.handled_access_fs, err);
    }
    if (ret == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) < 0) {
        ret = err_set(err, -errno, "cannot enter the Landlock sandbox: %s", err_string(-errno));
    }
    close(ruleset);
    *active = ret == 0;
    return ret;
}
