/* Single files: who they belong to, and that what fails leaves nothing behind. */
#include "client/install_file.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/common/folder.h"

#define NOBODY ((uid_t)65534)

static char base[] = "/tmp/certmill-file-XXXXXX";
static int dir;
static const struct install_access ours = {.uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0640};
static struct file_owner anyone = {.uid = (uid_t)-1, .gid = (gid_t)-1};
static struct stat st;

static bool there(const char *name)
{
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int put(const char *name, const struct install_access *access)
{
    unlinkat(dir, name, 0);
    return install_write(dir, name, "text", 4, access);
}

static void test_write(void)
{
    static char long_text[100000];
    char text[8] = "";
    umask(077);
    CU_ASSERT_EQUAL(install_write(dir, "a", "text", 4, &ours), 0);
    CU_ASSERT_TRUE(there("a"));
    CU_ASSERT_EQUAL(st.st_mode, S_IFREG | 0640);
    int fd = openat(dir, "a", O_RDONLY);
    CU_ASSERT_EQUAL(read(fd, text, sizeof(text)), 4);
    close(fd);
    CU_ASSERT_STRING_EQUAL(text, "text");
    CU_ASSERT_EQUAL(install_write(dir, "a", "more", 4, &ours), -EEXIST);
    CU_ASSERT_EQUAL(symlinkat("nowhere", dir, "link"), 0);
    CU_ASSERT_EQUAL(install_write(dir, "link", "more", 4, &ours), -EEXIST);
    CU_ASSERT_EQUAL(install_write(dir, "none/b", "more", 4, &ours), -ENOENT);
    CU_ASSERT_EQUAL(install_write(dir, "long", long_text, sizeof(long_text), &ours), 0);
    CU_ASSERT_EQUAL(install_write(dir, "empty", "", 0, &ours), 0);
}

/* As where the disk is full. */
static void test_no_room(void)
{
    static char text[100000];
    struct rlimit before, little;
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &before), 0);
    little = (struct rlimit){.rlim_cur = 50000, .rlim_max = before.rlim_max};
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &little), 0);
    CU_ASSERT_EQUAL(install_write(dir, "much", text, sizeof(text), &ours), -EFBIG);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &before), 0);
    CU_ASSERT_FALSE(there("much"));
}

static void test_like_the_old(void)
{
    CU_ASSERT_EQUAL(put("old", &ours), 0);
    struct install_access access = install_access(&anyone, dir, "old");
    CU_ASSERT_EQUAL(access.uid, geteuid());
    CU_ASSERT_FALSE(access.wanted);
    access = install_access(&anyone, dir, "none");
    CU_ASSERT_EQUAL(access.uid, (uid_t)-1);
    CU_ASSERT_EQUAL(access.gid, (gid_t)-1);
    const struct file_owner owner = {.uid = 1234, .gid = (gid_t)-1};
    CU_ASSERT_EQUAL(put("old", &ours), 0);
    access = install_access(&owner, dir, "old");
    CU_ASSERT_EQUAL(access.uid, 1234);
    CU_ASSERT_EQUAL(access.gid, st.st_gid);
    CU_ASSERT_TRUE(access.wanted);
}

/* Only root may give files away. */
static void test_cannot_give(void)
{
    struct install_access access = {.uid = 1, .gid = (gid_t)-1, .mode = 0600, .wanted = true};
    bool root = geteuid() == 0;
    if (root && (fchown(dir, NOBODY, (gid_t)-1) < 0 || seteuid(NOBODY) < 0)) {
        CU_FAIL("root cannot be somebody else");
        return;
    }
    CU_ASSERT_EQUAL(install_write(dir, "given", "text", 4, &access), -EPERM);
    CU_ASSERT_FALSE(there("given"));
    access.wanted = false; /* only as the old one was */
    CU_ASSERT_EQUAL(install_write(dir, "given", "text", 4, &access), 0);
    CU_ASSERT_TRUE(there("given"));
    CU_ASSERT_EQUAL(st.st_uid, geteuid());
    CU_ASSERT_EQUAL(st.st_mode, S_IFREG | 0600);
    if (root && seteuid(0) < 0) {
        abort();
    }
}

static void test_give(void)
{
    const struct install_access access = {.uid = 1, .gid = 2, .mode = 0440, .wanted = true};
    if (geteuid() != 0) {
        return; /* nobody else may */
    }
    CU_ASSERT_EQUAL(put("for another", &access), 0);
    CU_ASSERT_TRUE(there("for another"));
    CU_ASSERT_EQUAL(st.st_uid, 1);
    CU_ASSERT_EQUAL(st.st_gid, 2);
    CU_ASSERT_EQUAL(st.st_mode, S_IFREG | 0440);
}

static void test_link(void)
{
    ino_t inode;
    CU_ASSERT_EQUAL(put("from", &ours), 0);
    CU_ASSERT_TRUE(there("from"));
    inode = st.st_ino;
    CU_ASSERT_EQUAL(install_link(dir, "from", dir, "to"), 0);
    CU_ASSERT_TRUE(there("to"));
    CU_ASSERT_EQUAL(st.st_ino, inode);
    CU_ASSERT_EQUAL(install_link(dir, "from", dir, "to"), -EEXIST);
    CU_ASSERT_EQUAL(install_link(dir, "none", dir, "other"), -ENOENT);
    CU_ASSERT_EQUAL(mkdirat(dir, "folder", 0700), 0);
    CU_ASSERT_EQUAL(install_link(dir, "folder", dir, "other"), -EINVAL);
    CU_ASSERT_FALSE(there("other"));
}

/* Where no link is to be had: the file is copied. */
static void test_copy(void)
{
    char other[] = "/dev/shm/certmill-file-XXXXXX";
    struct stat here = {0}, away = {0};
    if (mkdtemp(other) == NULL) {
        return; /* no second file system */
    }
    int to = open(other, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_TRUE_FATAL(to >= 0 && fstat(dir, &here) == 0 && fstat(to, &away) == 0);
    CU_ASSERT_EQUAL(put("from", &ours), 0);
    CU_ASSERT_EQUAL(install_link(dir, "from", to, "copy"), 0);
    CU_ASSERT_EQUAL(fstatat(to, "copy", &st, AT_SYMLINK_NOFOLLOW), 0);
    CU_ASSERT_EQUAL(st.st_mode, S_IFREG | 0640);
    CU_ASSERT_EQUAL(st.st_size, 4);
    if (here.st_dev != away.st_dev) {
        char from[64];
        snprintf(from, sizeof(from), "%s/from", base);
        CU_ASSERT_EQUAL(truncate(from, 2 << 20), 0);
        CU_ASSERT_EQUAL(install_link(dir, "from", to, "large"), -EFBIG);
        CU_ASSERT_EQUAL(symlinkat("/etc/passwd", dir, "another's"), 0);
        CU_ASSERT_EQUAL(install_link(dir, "another's", to, "passwd"), -ELOOP);
    }
    unlinkat(to, "copy", 0);
    unlinkat(to, "large", 0);
    close(to);
    CU_ASSERT_EQUAL(rmdir(other), 0);
}

/* What failed where, and what to do. */
static void test_said(void)
{
    static const struct {
        int code;
        const char *text;
    } rows[] = {{-ENOSPC, "make room"},
                {-EDQUOT, "quota"},
                {-EROFS, "can only be read"},
                {-EACCES, "may write there"},
                {-EPERM, "only root may give"},
                {ERR_CORRUPT, "see to the disk"},
                {-ENOTDIR, "/etc/x/f: Not a directory"}};
    const struct files files = {.path = "/etc/x"};
    struct err err;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CU_ASSERT_EQUAL(install_fail(&files, "f", rows[i].code, &err), rows[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, rows[i].text));
    }
    install_fail(&files, "", -ENOSPC, &err);
    CU_ASSERT_EQUAL(strncmp(err.text, "/etc/x: ", 8), 0);
}

static int set_up(void)
{
    return mkdtemp(base) == NULL || (dir = open(base, O_RDONLY | O_DIRECTORY)) < 0 ? -1 : 0;
}

static int tear_down(void)
{
    close(dir);
    return folder_remove(base);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("install_file", set_up, tear_down);
    CU_add_test(suite, "write", test_write);
    CU_add_test(suite, "no room", test_no_room);
    CU_add_test(suite, "like the old", test_like_the_old);
    CU_add_test(suite, "give", test_give);
    CU_add_test(suite, "link", test_link);
    CU_add_test(suite, "copy", test_copy);
    CU_add_test(suite, "cannot give", test_cannot_give);
    CU_add_test(suite, "said", test_said);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
