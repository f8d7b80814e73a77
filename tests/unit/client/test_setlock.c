/* One run at a time: the lock of a certificate, within a process and among several. */
#include "client/setlock.h"
#include "tests/unit/common/folder.h"
#include "tests/unit/common/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[] = "/tmp/certmill-setlock-XXXXXX";
static struct files files = {.path = base, .name = "a.example", .type = KEY_ECDSA};
static struct err err;
static int told;
static pid_t holder; /* is killed once somebody waits for it */

static void busy(void *arg, const char *message)
{
    CU_ASSERT_PTR_EQUAL(arg, &told);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "a.example.ecdsa.lock"));
    told++;
    if (holder > 0) {
        kill(holder, SIGKILL);
    }
}

static int take(struct setlock *lock, const char *pid_dir, int timeout_ms, int stop)
{
    struct setlock_wish wish = {.files = &files,
                                .pid_dir = pid_dir,
                                .timeout_ms = timeout_ms,
                                .stop = stop,
                                .busy = busy,
                                .arg = &told};
    err = (struct err){0};
    return setlock_take(lock, &wish, &err);
}

static void test_alone(void)
{
    struct setlock lock;
    struct stat st;
    CU_ASSERT_EQUAL_FATAL(take(&lock, NULL, 0, 0), 0);
    CU_ASSERT_FALSE(lock.waited);
    CU_ASSERT_EQUAL(fstatat(files.folder, ".certmill/a.example.ecdsa.lock", &st, 0), 0);
    setlock_release(&lock);
    setlock_release(&lock);
    CU_ASSERT_EQUAL(take(&lock, NULL, 0, 0), 0);
    setlock_release(&lock);
    CU_ASSERT_EQUAL(told, 0);
}

static void test_types_apart(void)
{
    struct setlock lock, other;
    CU_ASSERT_EQUAL_FATAL(take(&lock, NULL, 0, 0), 0);
    files.type = KEY_RSA;
    CU_ASSERT_EQUAL(take(&other, NULL, 0, 0), 0);
    setlock_release(&other);
    files.type = KEY_ECDSA;
    setlock_release(&lock);
}

static void test_held(void)
{
    struct setlock lock, other;
    int ends[2];
    CU_ASSERT_EQUAL_FATAL(take(&lock, NULL, 0, 0), 0);
    CU_ASSERT_EQUAL(take(&other, NULL, 150, 0), ERR_TIMEOUT);
    CU_ASSERT_EQUAL(told, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another run of certmill"));
    CU_ASSERT_EQUAL(pipe(ends), 0);
    CU_ASSERT_EQUAL(write(ends[1], "x", 1), 1);
    CU_ASSERT_EQUAL(take(&other, NULL, 600000, ends[0]), ERR_CANCELLED);
    close(ends[0]);
    close(ends[1]);
    setlock_release(&lock);
}

/* A process that is killed holds nothing. */
static void test_killed(void)
{
    struct setlock lock;
    int ready[2], status;
    char octet;
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        if (take(&lock, NULL, 0, 0) == 0 && write(ready[1], "x", 1) == 1) {
            pause();
        }
        _exit(1);
    }
    CU_ASSERT_EQUAL_FATAL(read(ready[0], &octet, 1), 1);
    CU_ASSERT_EQUAL(take(&lock, NULL, 0, 0), ERR_TIMEOUT);
    holder = child;
    CU_ASSERT_EQUAL(take(&lock, NULL, 60000, 0), 0);
    holder = 0;
    CU_ASSERT_TRUE(lock.waited);
    setlock_release(&lock);
    waitpid(child, &status, 0);
    close(ready[0]);
    close(ready[1]);
}

static void test_pid_dir(void)
{
    struct setlock lock;
    char dir[64], path[128];
    struct stat st;
    snprintf(dir, sizeof(dir), "%s/run", base);
    CU_ASSERT_EQUAL(take(&lock, dir, 0, 0), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "pid-dir"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "make that folder"));
    mkdir(dir, 0700);
    CU_ASSERT_EQUAL(take(&lock, dir, 0, 0), 0);
    setlock_release(&lock);
    snprintf(path, sizeof(path), "%s/a.example.ecdsa.lock", dir);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    /* Another one's link in a folder that others may write to leads nowhere. */
    unlink(path);
    CU_ASSERT_EQUAL(symlink("/tmp/elsewhere", path), 0);
    CU_ASSERT_EQUAL(take(&lock, dir, 0, 0), -ELOOP);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
}

static int set_up(void)
{
    return mkdtemp(base) == NULL || (files.folder = open(base, O_RDONLY | O_DIRECTORY)) < 0 ? -1
                                                                                            : 0;
}

static int tear_down(void)
{
    close(files.folder);
    return folder_remove(base);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"alone", test_alone},   {"types apart", test_types_apart}, {"held", test_held},
        {"killed", test_killed}, {"pid-dir", test_pid_dir},
    };
    return RUN_WITH("setlock", cases, set_up, tear_down);
}
