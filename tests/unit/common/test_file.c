#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/err.h"
#include "common/file.h"
#include "run.h"

static char folder[] = "/tmp/test-file-XXXXXX";
static int folder_fd;

/* Entries of the folder, to see that nothing is left aside. */
static int entries(void)
{
    DIR *dir = opendir(folder);
    int n = 0;

    while (dir != NULL && readdir(dir) != NULL) {
        n++;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n - 2;
}

static void check_content(const char *name, const char *wanted)
{
    char *data = NULL;
    size_t len = 0;

    CU_ASSERT_EQUAL(file_read(folder_fd, name, 1000, &data, &len, NULL), 0);
    CU_ASSERT_EQUAL(len, strlen(wanted));
    CU_ASSERT(data != NULL && strcmp(data, wanted) == 0);
    free(data);
}

static void test_write(void)
{
    struct stat st;
    mode_t mask = umask(077);
    struct err err = {0};

    CU_ASSERT_EQUAL(file_write_atomic(folder_fd, "a", "one", 3, 0640, &err), 0);
    check_content("a", "one");
    CU_ASSERT_EQUAL(fstatat(folder_fd, "a", &st, 0), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0640);
    CU_ASSERT_EQUAL(file_write_atomic(folder_fd, "a", "", 0, 0600, &err), 0);
    check_content("a", "");
    CU_ASSERT_EQUAL(entries(), 1);
    umask(mask);
}

static void test_write_fails(void)
{
    struct err err = {0};
    char path[512];

    CU_ASSERT_EQUAL(mkdirat(folder_fd, "sub", 0700), 0);
    CU_ASSERT_EQUAL(file_write_atomic(folder_fd, "sub", "x", 1, 0600, &err), -EISDIR);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "sub"));
    CU_ASSERT_EQUAL(file_write_atomic(folder_fd, "none/a", "x", 1, 0600, &err), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "none/a"));
    CU_ASSERT_EQUAL(file_write_atomic(folder_fd, "sub/b", "x", 1, 0600, &err), 0);
    check_content("sub/b", "x");
    snprintf(path, sizeof(path), "%s/%0250d", folder, 1); /* nearly as long as names can be */
    CU_ASSERT_EQUAL(file_write_atomic(AT_FDCWD, path, "x", 1, 0600, &err), 0);
    CU_ASSERT_EQUAL(unlink(path), 0);
    CU_ASSERT_EQUAL(unlinkat(folder_fd, "sub/b", 0), 0);
    CU_ASSERT_EQUAL(unlinkat(folder_fd, "sub", AT_REMOVEDIR), 0);
    CU_ASSERT_EQUAL(entries(), 1);
}

static void test_read_bounds(void)
{
    struct err err = {0};
    char *data = NULL;
    size_t len;

    CU_ASSERT_EQUAL(file_write_atomic(folder_fd, "a", "12345678", 8, 0600, NULL), 0);
    CU_ASSERT_EQUAL(file_read(folder_fd, "a", 7, &data, &len, &err), ERR_LIMIT);
    CU_ASSERT_PTR_NULL(data);
    CU_ASSERT_EQUAL(file_read(folder_fd, "a", 8, &data, &len, &err), 0);
    CU_ASSERT_EQUAL(len, 8);
    free(data);
    CU_ASSERT_EQUAL(file_read(folder_fd, "none", 8, &data, &len, &err), -ENOENT);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "none"));
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, folder, 8, &data, &len, &err), -EISDIR);
    CU_ASSERT_EQUAL(file_read(AT_FDCWD, "/dev/zero", 8, &data, &len, &err), -EINVAL);
    CU_ASSERT_EQUAL(mkfifoat(folder_fd, "fifo", 0600), 0);
    CU_ASSERT_EQUAL(file_read(folder_fd, "fifo", 8, &data, &len, &err), -EINVAL);
    CU_ASSERT_EQUAL(unlinkat(folder_fd, "fifo", 0), 0);
}

static void test_read_descriptor(void)
{
    int fd = openat(folder_fd, "big", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    static char big[20000];
    char *data = NULL;
    size_t len = 0;

    memset(big, 'b', sizeof(big));
    CU_ASSERT_EQUAL(write(fd, big, sizeof(big)), (ssize_t)sizeof(big));
    for (size_t max = sizeof(big) - 1; max <= sizeof(big) + 1; max++) {
        lseek(fd, 0, SEEK_SET);
        int ret = file_read_fd(fd, "big", max, &data, &len, NULL);
        CU_ASSERT_EQUAL(ret, max < sizeof(big) ? ERR_LIMIT : 0);
        if (ret == 0) {
            CU_ASSERT_EQUAL(len, sizeof(big));
            CU_ASSERT_EQUAL(memcmp(data, big, len), 0);
            CU_ASSERT_EQUAL(data[len], '\0');
            free(data);
        }
    }
    close(fd);
    CU_ASSERT_EQUAL(file_read_fd(-1, "nothing", 8, &data, &len, NULL), -EBADF);
    CU_ASSERT_EQUAL(unlinkat(folder_fd, "big", 0), 0);
}

static void test_make_folder(void)
{
    char path[256];
    struct stat st;
    mode_t mask = umask(077);
    struct err err = {0};

    snprintf(path, sizeof(path), "%s/x//y/z/", folder);
    CU_ASSERT_EQUAL(file_make_folder(path, 0755, &err), 0);
    CU_ASSERT_EQUAL(file_make_folder(path, 0700, &err), 0);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 07777, 0755);
    snprintf(path, sizeof(path), "%s/a/y", folder);
    CU_ASSERT_EQUAL(file_make_folder(path, 0755, &err), -ENOTDIR);
    CU_ASSERT_EQUAL(file_make_folder("", 0755, &err), -ENOENT);
    CU_ASSERT_EQUAL(unlinkat(folder_fd, "x/y/z", AT_REMOVEDIR), 0);
    CU_ASSERT_EQUAL(unlinkat(folder_fd, "x/y", AT_REMOVEDIR), 0);
    CU_ASSERT_EQUAL(unlinkat(folder_fd, "x", AT_REMOVEDIR), 0);
    umask(mask);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"written whole, with its mode", test_write},
        {"a failed write leaves nothing", test_write_fails},
        {"reading is bounded, and of files only", test_read_bounds},
        {"reading a descriptor", test_read_descriptor},
        {"folders on the way", test_make_folder},
    };
    int status;

    if (mkdtemp(folder) == NULL ||
        (folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        return 2;
    }
    status = RUN("file", cases);
    unlinkat(folder_fd, "a", 0);
    close(folder_fd);
    rmdir(folder);
    return status;
}
