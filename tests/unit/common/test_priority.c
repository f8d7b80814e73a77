#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "common/priority.h"
#include "run.h"

struct found {
    unsigned slice_us;
    int nice;
};

static bool has_slices(void)
{
    struct utsname host;
    unsigned major = 0, minor = 0;

    uname(&host);
    sscanf(host.release, "%u.%u", &major, &minor);
    return major > 6 || (major == 6 && minor >= 12);
}

static void *in_thread(void *arg)
{
    struct found *found = arg;

    priority_read(&found->slice_us, &found->nice);
    return NULL;
}

/* Whether a thread may take a higher priority here; tried by one that then ends. */
static void *try_nice(void *arg)
{
    *(bool *)arg = setpriority(PRIO_PROCESS, 0, PRIORITY_NICE) == 0;
    return NULL;
}

static void run_thread(void *(*run)(void *), void *arg)
{
    pthread_t thread;

    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run, arg), 0);
    pthread_join(thread, NULL);
}

static void test_raise(void)
{
    struct found before, after, made;
    bool allowed;

    run_thread(try_nice, &allowed);
    priority_read(&before.slice_us, &before.nice);
    priority_raise();
    priority_read(&after.slice_us, &after.nice);
    run_thread(in_thread, &made);
    CU_ASSERT_EQUAL(after.nice, allowed ? PRIORITY_NICE : before.nice);
    CU_ASSERT_EQUAL(made.nice, before.nice > 0 && !allowed ? before.nice : 0);
    if (!has_slices()) {
        printf("a kernel before 6.12 has no slices to ask for: only nice is looked at ");
        return;
    }
    CU_ASSERT_EQUAL(after.slice_us, PRIORITY_SLICE_US);
    CU_ASSERT_NOT_EQUAL(made.slice_us, PRIORITY_SLICE_US);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"sooner and shorter turns, for this thread alone", test_raise},
    };

    return RUN("priority", cases);
}
