#include "common/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sandbox_impl.h"
#include "common/self.h"

const char *sandbox_note(void)
{
    if (SANDBOX_COVERAGE) {
        return "built to count what runs: no sandbox";
    }
    return SANDBOX_SANITIZED ? "built with sanitizers: no seccomp and no chroot, Landlock leaves "
                               "/proc readable"
                             : NULL;
}

static int enter_root(const char *root, struct err *err)
{
    if (root == NULL || SANDBOX_SANITIZED) {
        return 0;
    }
    if (chroot(root) < 0 || chdir("/") < 0) {
        return err_set(err, -errno, "cannot make %s the root folder: %s", root, err_string(-errno));
    }
    return 0;
}

static int become(const char *user, const char *root, struct err *err)
{
    uid_t ruid, euid, suid;

    errno = 0;
    const struct passwd *pw = getpwnam(user);
    if (pw == NULL) {
        return err_set(
            err, ERR_NOT_FOUND,
            "the user %s does not exist: create it (adduser --system --group %s) or name "
            "another in the configuration",
            user, user);
    }
    if (pw->pw_uid == 0) {
        return err_set(err, ERR_POLICY, "%s is root: name an ordinary user in the configuration",
                       user);
    }
    uid_t uid = pw->pw_uid;
    gid_t gid = pw->pw_gid;
    int ret = enter_root(root, err);
    if (ret < 0) {
        return ret;
    }
    if (setgroups(1, &gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0) {
        return err_set(err, -errno, "cannot become the user %s: %s", user, err_string(-errno));
    }
    if (getresuid(&ruid, &euid, &suid) < 0 || ruid != uid || euid != uid || suid != uid ||
        setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0) {
        return err_set(err, ERR_INTERNAL, "became the user %s, but could go back to root", user);
    }
    return 0;
}

/* An ordinary user may have been started with some. */
static int drop_capabilities(struct err *err)
{
    int ret = self_drop_capabilities();

    return ret < 0 ? err_set(err, ret, "cannot give up capabilities: %s", err_string(ret)) : 0;
}

static int set_core(bool keep_core, struct err *err)
{
    int ret;

    if (keep_core || SANDBOX_SANITIZED) {
        /* The change of user has turned them off; a leak check needs it as well. */
        ret = self_set_dumpable(true);
        return ret < 0 ? err_set(err, ret, "cannot permit core dumps: %s", err_string(ret)) : 0;
    }
    if ((ret = self_set_dumpable(false)) == 0 &&
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) < 0) {
        ret = -errno;
    }
    return ret < 0 ? err_set(err, ret, "cannot turn off core dumps: %s", err_string(ret)) : 0;
}

int sandbox_drop_user(const char *user, const char *root, bool keep_core, struct err *err)
{
    int death = self_death_signal(); /* a change of user forgets it */
    int ret = 0;

    umask(077);
    if (geteuid() == 0) {
        ret = become(user, root, err);
    }
    if (ret == 0) {
        ret = drop_capabilities(err);
    }
    if (ret == 0) {
        ret = set_core(keep_core, err);
    }
    if (ret == 0 && ((ret = self_no_new_privs()) < 0 || (ret = self_set_death_signal(death)) < 0)) {
        err_set(err, ret, "cannot set no_new_privs: %s", err_string(ret));
    }
    return ret;
}
