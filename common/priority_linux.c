#include "common/priority.h"

#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

void priority_raise(void)
{
    struct sched_attr attr = {.size = sizeof(attr)};

    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) < 0) {
        return;
    }
    int32_t nice = attr.sched_nice;

    attr.sched_flags |= SCHED_FLAG_RESET_ON_FORK;
    attr.sched_runtime = PRIORITY_SLICE_US * 1000ULL; /* ns */
    attr.sched_nice = PRIORITY_NICE;
    if (syscall(SYS_sched_setattr, 0, &attr, 0) < 0) {
        attr.sched_nice = nice;
        (void)syscall(SYS_sched_setattr, 0, &attr, 0);
    }
}

void priority_read(unsigned *slice_us, int *nice)
{
    struct sched_attr attr = {.size = sizeof(attr)};

    (void)syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0);
    *slice_us = (unsigned)(attr.sched_runtime / 1000);
    *nice = attr.sched_nice;
}
