/*
 * Whose the files are, and what others may do with them: as the configuration says, else as those
 * that they take the place of. Another owner is for root alone to give; without root that is what
 * is tested.
 */
#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/install.h"
#include "tests/unit/common/folder.h"

/* No need for these to be known to the system. */
#define SERVICE 12001
#define READERS 12002
#define ANOTHER 12003

static const uid_t no_user = (uid_t)-1;
static const gid_t no_group = (gid_t)-1;

static char base[] = "/tmp/certmill-owner-XXXXXX";
static char path[64];
static struct files files = {.path = path, .name = "a.example", .type = KEY_ECDSA};
static struct err err;

static void fresh(mode_t mode, uid_t uid, gid_t gid, mode_t folder_mode)
{
    if (files.folder > 0) {
        close(files.folder);
    }
    folder_remove(path);
    snprintf(path, sizeof(path), "%s/path", base);
    if (mkdir(path, 0700) < 0 || chmod(path, folder_mode) < 0 ||
        (files.folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
        abort();
    }
    files.owner = (struct file_owner){.uid = uid, .gid = gid, .mode = mode};
    err = (struct err){0};
}

static int commit(bool with_key)
{
    struct install_contents contents = {.keep_old = 1};
    bool in_place;
    for (int kind = 0; kind < FILE_KINDS; kind++) {
        if (kind != FILE_KEYPAIR || with_key) {
            contents.files[kind].data = "text";
            contents.files[kind].len = 4;
        }
    }
    int ret = install_prepare(&files, NULL, &err);
    if (ret == 0) {
        ret = install_commit(&files, &contents, NULL, &in_place, &err);
        CU_ASSERT_EQUAL(in_place, ret == 0);
    }
    return ret;
}

static int put_key(void)
{
    int ret = install_prepare(&files, NULL, &err);
    return ret < 0 ? ret : install_key(&files, "key", 3, NULL, &err);
}

/* A file as some other program left it. */
static void put_plain(enum file_kind kind, uid_t uid, gid_t gid, mode_t mode)
{
    char name[256];
    files_name(name, &files, kind);
    int fd = openat(files.folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "old", 3) != 3 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0) {
        abort();
    }
    close(fd);
}

static void check(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
    struct stat st = {0};
    CU_ASSERT_EQUAL_FATAL(fstatat(files.folder, name, &st, 0), 0);
    CU_ASSERT_EQUAL(st.st_uid, uid);
    CU_ASSERT_EQUAL(st.st_gid, gid);
    CU_ASSERT_EQUAL(st.st_mode & 07777, mode);
}

static void check_from(enum file_kind first, uid_t uid, gid_t gid, mode_t mode)
{
    for (int kind = (int)first; kind < FILE_KINDS; kind++) {
        char name[256];
        files_name(name, &files, (enum file_kind)kind);
        check(name, uid, gid, mode);
    }
}

/* -- the words of the configuration -- */

static void test_words(void)
{
    struct file_owner owner;
    CU_ASSERT_EQUAL(file_owner_find(&owner, NULL, NULL, NULL, &err), 0);
    CU_ASSERT_TRUE(owner.uid == no_user && owner.gid == no_group);
    CU_ASSERT_EQUAL(owner.mode, 0640);
    CU_ASSERT_EQUAL(file_owner_find(&owner, "root", "root", "0600", &err), 0);
    CU_ASSERT_TRUE(owner.uid == 0 && owner.gid == 0);
    CU_ASSERT_EQUAL(owner.mode, 0600);
    CU_ASSERT_EQUAL(file_owner_find(&owner, "no such user", NULL, NULL, &err), ERR_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(err.text, "owner: there is no user no such user on this host");
    CU_ASSERT_EQUAL(file_owner_find(&owner, "root", "no such group", NULL, &err), ERR_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(err.text, "group: there is no group no such group on this host");
}

/* -- as root -- */

static void test_configured(void)
{
    fresh(0600, SERVICE, READERS, 0755);
    CU_ASSERT_EQUAL(put_key(), 0);
    CU_ASSERT_EQUAL(commit(false), 0);
    check_from(FILE_KEYPAIR, SERVICE, READERS, 0600);
    CU_ASSERT_EQUAL(commit(true), 0); /* the key goes along from here on */
    CU_ASSERT_EQUAL(commit(false), 0);
    check_from(FILE_KEYPAIR, SERVICE, READERS, 0600);
    /* The configuration was changed: the key, which stays, changes hands with the rest. */
    files.owner = (struct file_owner){.uid = ANOTHER, .gid = SERVICE, .mode = 0440};
    CU_ASSERT_EQUAL(commit(false), 0);
    check_from(FILE_KEYPAIR, ANOTHER, SERVICE, 0440);
}

static void test_key_alone_changes_hands(void)
{
    fresh(0640, no_user, no_group, 0755);
    CU_ASSERT_EQUAL(put_key(), 0);
    files.owner = (struct file_owner){.uid = no_user, .gid = READERS, .mode = 0640};
    CU_ASSERT_EQUAL(commit(false), 0);
    check_from(FILE_KEYPAIR, geteuid(), READERS, 0640);
}

/* Nobody asked for an owner: each file has the one that it had. */
static void test_as_before(void)
{
    fresh(0, no_user, no_group, 0755);
    for (int kind = FILE_KEYPAIR; kind < FILE_KINDS; kind++) {
        put_plain((enum file_kind)kind, (uid_t)(SERVICE + kind), READERS, 0604);
    }
    CU_ASSERT_EQUAL(install_prepare(&files, NULL, &err), 0);
    for (int kind = FILE_REQUEST; kind < FILE_KINDS; kind++) { /* nothing has changed yet */
        char name[256];
        files_name(name, &files, (enum file_kind)kind);
        check(name, (uid_t)(SERVICE + kind), READERS, 0604);
    }
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(commit(false), 0);
        for (int kind = FILE_REQUEST; kind < FILE_KINDS; kind++) {
            char name[256];
            files_name(name, &files, (enum file_kind)kind);
            check(name, (uid_t)(SERVICE + kind), READERS, 0640);
        }
    }
}

/* Who may read the files gets through to them, and nobody else. */
static void test_folders(void)
{
    static const char *const folders[] = {".certmill", ".certmill/a.example.ecdsa",
                                          ".certmill/a.example.ecdsa/current"};
    fresh(0640, no_user, READERS, 0700);
    CU_ASSERT_EQUAL(fchown(files.folder, SERVICE, SERVICE), 0);
    CU_ASSERT_EQUAL(commit(false), 0);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        check(folders[i], SERVICE, READERS, 0710);
    }
    fresh(0640, no_user, READERS, 0755);
    CU_ASSERT_EQUAL(commit(false), 0);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        check(folders[i], geteuid(), getegid(), 0755);
    }
}

/* -- without root -- */

static void try_to_give(void)
{
    if (geteuid() == 0 && (setgroups(0, NULL) < 0 || setgid(ANOTHER) < 0 || setuid(ANOTHER) < 0)) {
        abort();
    }
    fresh(0640, SERVICE, no_group, 0755);
    CU_ASSERT_EQUAL(put_key(), -EPERM);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "a.example-keypair.ecdsa.key"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "only root may give files to another owner"));
    files.owner.uid = no_user;
    CU_ASSERT_EQUAL(commit(true), 0);
    files.owner.gid = READERS;
    CU_ASSERT_EQUAL(commit(true), -EPERM);
    files.owner = (struct file_owner){.uid = geteuid(), .gid = getegid(), .mode = 0400};
    CU_ASSERT_EQUAL(commit(true), 0);
    check_from(FILE_KEYPAIR, geteuid(), getegid(), 0400);
}

/* In a process of its own: there is no way back to root. */
static void test_not_ours_to_give(void)
{
    int status;
    fresh(0640, no_user, no_group, 0755);
    CU_ASSERT_EQUAL(chmod(base, 0777), 0);
    folder_remove(path);
    fflush(stdout);
    unsigned before = CU_get_number_of_failure_records();
    pid_t child = fork();
    if (child == 0) {
        try_to_give();
        _exit(CU_get_number_of_failure_records() == before ? 0 : 1);
    }
    CU_ASSERT_TRUE(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

int main(void)
{
    bool root = geteuid() == 0;
    if (mkdtemp(base) == NULL) {
        return 1;
    }
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("owner", NULL, NULL);
    CU_add_test(suite, "words", test_words);
    if (root) {
        CU_add_test(suite, "configured", test_configured);
        CU_add_test(suite, "key alone changes hands", test_key_alone_changes_hands);
        CU_add_test(suite, "as before", test_as_before);
        CU_add_test(suite, "folders", test_folders);
    } else {
        puts("files cannot be given to other owners: only root may do that");
    }
    CU_add_test(suite, "not ours to give", test_not_ours_to_give);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    close(files.folder);
    folder_remove(base);
    return failures != 0;
}
