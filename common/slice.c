#include "common/slice.h"

#include <linux/sched/types.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

void slice_request(unsigned us)
{
    struct sched_attr attr = {.size = sizeof(attr)};

    if (syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) == 0) {
        attr.sched_runtime = (uint64_t)us * 1000; /* ns */
        (void)syscall(SYS_sched_setattr, 0, &attr, 0);
    }
}

unsigned slice_requested(void)
{
    struct sched_attr attr = {.size = sizeof(attr)};

    return syscall(SYS_sched_getattr, 0, &attr, sizeof(attr), 0) == 0
               ? (unsigned)(attr.sched_runtime / 1000)
               : 0;
}
