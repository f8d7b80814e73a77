#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "common/slice.h"
#include "run.h"

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
    *(unsigned *)arg = slice_requested();
    return NULL;
}

static void test_request(void)
{
    unsigned inherited = 0;
    pthread_t thread;

    CU_ASSERT_NOT_EQUAL(slice_requested(), SLICE_US);
    slice_request(SLICE_US);
    if (!has_slices()) {
        printf("a kernel before 6.12 has no slices to ask for: only that asking does no harm ");
        return;
    }
    CU_ASSERT_EQUAL(slice_requested(), SLICE_US);
    pthread_create(&thread, NULL, in_thread, &inherited);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(inherited, SLICE_US);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"short turns, for threads made later as well", test_request},
    };

    return RUN("slice", cases);
}
