#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "suite.h"
#include "supervisor/lock.h"

static char folder[] = "/tmp/test_lockXXXXXX";

static void test_one_at_a_time(void)
{
    struct err err = {0};
    char pid[32];
    int fd = lock_take(folder, &err);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(lock_take(folder, &err), ERR_BUSY);
    snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, pid));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, folder));
    lock_release(fd);
    fd = lock_take(folder, &err);
    CU_ASSERT(fd >= 0);
    lock_release(fd);
    lock_release(-1);
}

/* A process that was killed leaves its file, but not its lock. */
static void test_left_over(void)
{
    struct err err = {0};
    pid_t child = fork();

    if (child == 0) {
        _exit(lock_take(folder, &err) < 0);
    }
    int status = -1;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_EQUAL(status, 0);
    int fd = lock_take(folder, &err);
    CU_ASSERT(fd >= 0);
    lock_release(fd);
}

static void test_no_folder(void)
{
    struct err err = {0};

    CU_ASSERT(lock_take("/no/such/folder", &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "/no/such/folder"));
}

int main(void)
{
    static const struct suite_case cases[] = {
        {"one process at a time", test_one_at_a_time},
        {"a file left over is no lock", test_left_over},
        {"a folder that is not there", test_no_folder},
    };
    if (mkdtemp(folder) == NULL) {
        return 2;
    }
    int ret = suite_run("lock", cases, SUITE_COUNT(cases));
    suite_remove(folder);
    return ret;
}
