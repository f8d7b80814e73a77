#include <errno.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/install_file.h"

/* musl has no wrapper. */
int install_rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
    return syscall(SYS_renameat2, from_dir, from, to_dir, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
}
