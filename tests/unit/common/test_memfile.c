#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/memfile.h"
#include "run.h"

static const char text[] = "first second";

static void test_sealed(void)
{
    int fd = memfile_from("test", text, sizeof(text), true);

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
    CU_ASSERT(memfile_is_sealed(fd));
    CU_ASSERT(pwrite(fd, "x", 1, 0) < 0);
    CU_ASSERT(pwrite(fd, "x", 1, sizeof(text)) < 0);
    CU_ASSERT(ftruncate(fd, 1) < 0);
    CU_ASSERT(mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
    const char *map = memfile_map(fd, sizeof(text));
    CU_ASSERT_FATAL(map != MAP_FAILED);
    CU_ASSERT_STRING_EQUAL(map, text);
    munmap((void *)(uintptr_t)map, sizeof(text));
    close(fd);
}

static void test_unsealed(void)
{
    int ends[2], fd = memfile_from("test", text, sizeof(text), false);

    CU_ASSERT_FATAL(fd >= 0 && pipe(ends) == 0);
    CU_ASSERT(!memfile_is_sealed(fd));
    CU_ASSERT(!memfile_is_sealed(ends[0]));
    CU_ASSERT(!memfile_is_sealed(-1));
    CU_ASSERT_EQUAL(memfile_seal(ends[1]), -EINVAL);
    /* who can still write, by a mapping, keeps it from being sealed */
    void *map = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CU_ASSERT_FATAL(map != MAP_FAILED);
    CU_ASSERT_EQUAL(memfile_seal(fd), -EBUSY);
    munmap(map, 1);
    CU_ASSERT_EQUAL(memfile_seal(fd), 0);
    CU_ASSERT(memfile_is_sealed(fd));
    close(ends[0]);
    close(ends[1]);
    close(fd);
}

static void test_reopened(void)
{
    char found[sizeof(text)];
    int fd = memfile_from("test", text, sizeof(text), true), copy;

    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(read(fd, found, 5), 5);
    CU_ASSERT_FATAL((copy = memfile_reopen(fd)) >= 0);
    CU_ASSERT_EQUAL(fcntl(copy, F_GETFD), FD_CLOEXEC);
    CU_ASSERT_EQUAL(fcntl(copy, F_GETFL) & O_ACCMODE, O_RDONLY);
    CU_ASSERT(memfile_is_sealed(copy));
    CU_ASSERT_EQUAL(read(copy, found, sizeof(found)), (ssize_t)sizeof(text));
    CU_ASSERT_STRING_EQUAL(found, text);
    CU_ASSERT_EQUAL(lseek(fd, 0, SEEK_CUR), 5);
    close(copy);
    close(fd);
    CU_ASSERT_EQUAL(memfile_reopen(fd), -ENOENT);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"what is sealed does not change", test_sealed},
        {"what is not sealed", test_unsealed},
        {"another descriptor", test_reopened},
    };

    return RUN("memfile", cases);
}
