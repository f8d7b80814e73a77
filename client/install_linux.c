#include <errno.h>
#include <stdio.h>

#include "client/install_file.h"

int install_rename_new(int from_dir, const char *from, int to_dir, const char *to)
{
    return renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
}
