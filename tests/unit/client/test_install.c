/*
 * The files change all at once: a run is ended at every step it takes, and what a reader finds
 * must be all old or all new.
 */
#include "client/install.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/common/folder.h"

static char base[] = "/tmp/certmill-install-XXXXXX";
static char path[64];
static struct files files = {.path = path,
                             .name = "*.a.example",
                             .type = KEY_ECDSA,
                             .owner = {.uid = (uid_t)-1, .gid = (gid_t)-1}};
static struct err err;

/* A new empty folder. */
static void fresh(void)
{
    if (files.folder > 0) {
        close(files.folder);
    }
    folder_remove(path);
    snprintf(path, sizeof(path), "%s/path", base);
    if (mkdir(path, 0750) < 0 || (files.folder = open(path, O_RDONLY | O_DIRECTORY)) < 0) {
        abort();
    }
}

static unsigned keep_old = 1;
static bool with_key; /* whether commits bring a key of their own */
static bool in_place; /* what the last commit said of itself */

/* The contents of a set are "WHICH kind" for each file. */
static void contents_of(struct install_contents *contents, const char *which)
{
    static char texts[FILE_KINDS][64];
    contents->keep_old = keep_old;
    for (int kind = 0; kind < FILE_KINDS; kind++) {
        snprintf(texts[kind], sizeof(texts[kind]), "%s %s", which,
                 file_kind_name((enum file_kind)kind));
        contents->files[kind].data = texts[kind];
        contents->files[kind].len = strlen(texts[kind]);
    }
    if (!with_key) {
        contents->files[FILE_KEYPAIR].data = NULL;
    }
}

static int commit(const char *which, const struct install_hook *hook)
{
    struct install_contents contents;
    contents_of(&contents, which);
    err = (struct err){0};
    in_place = false;
    int ret = install_prepare(&files, hook, &err);
    return ret < 0 ? ret : install_commit(&files, &contents, hook, &in_place, &err);
}

/* What one file says, or its .old: its set, or "" where there is none. */
static const char *read_named(enum file_kind kind, const char *suffix)
{
    static char text[64];
    char base_name[256], name[256 + 4], *blank;
    files_name(base_name, &files, kind);
    snprintf(name, sizeof(name), "%s%s", base_name, suffix);
    int fd = openat(files.folder, name, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    if ((blank = strchr(text, ' ')) != NULL) {
        CU_ASSERT_STRING_EQUAL(blank + 1, file_kind_name(kind));
        *blank = '\0';
    }
    return text;
}

static const char *read_one(enum file_kind kind)
{
    return read_named(kind, "");
}

/* What a reader finds: the name of the set, "" for none, "MIXED". */
static const char *visible_from(enum file_kind first, const char *suffix)
{
    static char set[64];
    snprintf(set, sizeof(set), "%s", read_named(first, suffix));
    for (int kind = (int)first + 1; kind < FILE_KINDS; kind++) {
        if (strcmp(read_named((enum file_kind)kind, suffix), set) != 0) {
            return "MIXED";
        }
    }
    return set;
}

/* The key is one of them where it changes with them. */
static const char *visible(void)
{
    return visible_from(with_key ? FILE_KEYPAIR : FILE_REQUEST, "");
}

static void put_plain(enum file_kind kind, const char *which, mode_t mode)
{
    char name[256];
    files_name(name, &files, kind);
    unlinkat(files.folder, name, 0);
    int fd = openat(files.folder, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    dprintf(fd, "%s %s", which, file_kind_name(kind));
    fchmod(fd, mode);
    close(fd);
}

static void plain_set(const char *which)
{
    for (int kind = with_key ? FILE_KEYPAIR : FILE_REQUEST; kind < FILE_KINDS; kind++) {
        put_plain((enum file_kind)kind, which, 0644);
    }
}

struct countdown {
    int left;
    int error; /* 0: end the process */
};

static int count_down(void *arg, const char *what)
{
    struct countdown *c = arg;
    (void)what;
    if (c->left-- > 0) {
        return 0;
    }
    if (c->error == 0) {
        _exit(99);
    }
    c->left = 0; /* stays broken */
    return c->error;
}

/* Runs a commit of "new" that is killed at the given step. Returns whether it got that far. */
static int killed_at(int step)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct countdown c = {.left = step};
        struct install_hook hook = {.step = count_down, .arg = &c};
        _exit(commit("new", &hook) == 0 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    CU_ASSERT_TRUE(WIFEXITED(status));
    CU_ASSERT_NOT_EQUAL(WEXITSTATUS(status), 1);
    return WEXITSTATUS(status) == 99;
}

/* Kills at every step from what set_up made; old: what it shows. Then lets a run complete. */
static void kill_everywhere(void (*set_up)(void), const char *old)
{
    int step = 0, was_new = 0;
    for (int more = 1; more; step++) {
        fresh();
        set_up();
        CU_ASSERT_STRING_EQUAL(visible(), old);
        more = killed_at(step);
        const char *now = visible();
        CU_ASSERT_TRUE(strcmp(now, old) == 0 || strcmp(now, "new") == 0);
        was_new += strcmp(now, "new") == 0;
        CU_ASSERT_EQUAL(commit("newer", NULL), 0);
        CU_ASSERT_STRING_EQUAL(visible(), "newer");
    }
    CU_ASSERT_TRUE(step > 10);
    CU_ASSERT_TRUE(was_new >= 2);
}

static void nothing(void)
{
}

static void installed(void)
{
    CU_ASSERT_EQUAL(commit("old", NULL), 0);
}

static void plain(void)
{
    plain_set("old");
}

static void half_plain(void)
{
    CU_ASSERT_EQUAL(commit("older", NULL), 0);
    plain_set("old");
    CU_ASSERT_EQUAL(install_prepare(&files, NULL, &err), 0);
    put_plain(FILE_CHAIN, "old", 0600);
}

static void test_kill_first(void)
{
    kill_everywhere(nothing, "");
}

static void test_kill_renewal(void)
{
    kill_everywhere(installed, "old");
}

static void test_kill_take_over(void)
{
    kill_everywhere(plain, "old");
}

static void test_kill_mixture(void)
{
    kill_everywhere(half_plain, "old");
}

/* -- the key changes with the rest -- */

static void key_and_set(void)
{
    with_key = false;
    put_plain(FILE_KEYPAIR, "old", 0600);
    CU_ASSERT_EQUAL(commit("old", NULL), 0);
    with_key = true;
}

static void only_a_key(void)
{
    put_plain(FILE_KEYPAIR, "old", 0600);
}

static void activated(void)
{
    key_and_set();
    CU_ASSERT_EQUAL(commit("old", NULL), 0);
}

static void activated_and_replaced(void)
{
    activated();
    put_plain(FILE_KEYPAIR, "old", 0600);
}

/* As kill_everywhere; the key, where it is alone, is no set yet. */
static void kill_key_swap(void (*set_up)(void), const char *old)
{
    with_key = true;
    if (set_up == only_a_key) {
        for (int step = 0, more = 1; more; step++) {
            fresh();
            set_up();
            more = killed_at(step);
            const char *key = read_one(FILE_KEYPAIR);
            CU_ASSERT_TRUE(strcmp(key, "old") == 0 || strcmp(visible(), "new") == 0);
            CU_ASSERT_EQUAL(commit("newer", NULL), 0);
            CU_ASSERT_STRING_EQUAL(visible(), "newer");
        }
    } else {
        kill_everywhere(set_up, old);
    }
    with_key = false;
}

static void test_kill_key_swap(void)
{
    kill_key_swap(key_and_set, "old");
    kill_key_swap(only_a_key, "");
    kill_key_swap(nothing, "");
    kill_key_swap(plain, "old");
    kill_key_swap(activated, "old");
    kill_key_swap(activated_and_replaced, "old");
}

/* Once it has been changed, it goes along. */
static void test_key_goes_along(void)
{
    char name[256];
    fresh();
    key_and_set();
    files_name(name, &files, FILE_KEYPAIR);
    CU_ASSERT_EQUAL(commit("next", NULL), 0);
    with_key = false;
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(commit("new", NULL), 0);
        CU_ASSERT_STRING_EQUAL(read_one(FILE_KEYPAIR), "next");
        CU_ASSERT_STRING_EQUAL(visible(), "new");
    }
    CU_ASSERT_STRING_EQUAL(read_named(FILE_KEYPAIR, ".old"), "next");
    /* A copy in its place, of a backup for example, counts as the key that it is. */
    put_plain(FILE_KEYPAIR, "restored", 0600);
    CU_ASSERT_EQUAL(commit("new", NULL), 0);
    CU_ASSERT_STRING_EQUAL(read_one(FILE_KEYPAIR), "restored");
    CU_ASSERT_EQUAL(commit("new", NULL), 0);
    CU_ASSERT_STRING_EQUAL(read_one(FILE_KEYPAIR), "restored");
    CU_ASSERT_STRING_EQUAL(read_named(FILE_KEYPAIR, ".old"), "");
    /* Nor does another's link to a key matter, as long as it is not to be replaced. */
    CU_ASSERT_EQUAL(unlinkat(files.folder, name, 0), 0);
    CU_ASSERT_EQUAL(symlinkat("/nonexistent/key", files.folder, name), 0);
    CU_ASSERT_EQUAL(commit("new", NULL), 0);
}

/* A link that leads nowhere, as a crash leaves it, does not keep a key from being made. */
static void test_key_link_to_nothing(void)
{
    char name[256];
    fresh();
    files_name(name, &files, FILE_KEYPAIR);
    CU_ASSERT_EQUAL(
        symlinkat(".certmill/*.a.example.ecdsa/current/keypair.key", files.folder, name), 0);
    CU_ASSERT_EQUAL(install_prepare(&files, NULL, &err), 0);
    CU_ASSERT_EQUAL(install_key(&files, "one keypair", 11, NULL, &err), 0);
    CU_ASSERT_STRING_EQUAL(read_one(FILE_KEYPAIR), "one");
    CU_ASSERT_EQUAL(install_key(&files, "two keypair", 11, NULL, &err), ERR_EXISTS);
}

/* -- the set before -- */

static void test_old(void)
{
    char name[] = "*.a.example-chain.ecdsa.crt.old";
    fresh();
    CU_ASSERT_EQUAL(commit("one", NULL), 0);
    CU_ASSERT_STRING_EQUAL(visible_from(FILE_REQUEST, ".old"), "");
    CU_ASSERT_EQUAL(commit("two", NULL), 0);
    CU_ASSERT_STRING_EQUAL(visible_from(FILE_REQUEST, ".old"), "one");
    CU_ASSERT_EQUAL(commit("three", NULL), 0);
    CU_ASSERT_STRING_EQUAL(visible_from(FILE_REQUEST, ".old"), "two");
    CU_ASSERT_STRING_EQUAL(read_named(FILE_KEYPAIR, ".old"), ""); /* it has not changed */
    keep_old = 0;
    CU_ASSERT_EQUAL(commit("four", NULL), 0);
    CU_ASSERT_EQUAL(faccessat(files.folder, name, F_OK, AT_SYMLINK_NOFOLLOW), -1);
    keep_old = 1;
    int fd = openat(files.folder, name, O_WRONLY | O_CREAT, 0600); /* somebody's own */
    CU_ASSERT_TRUE(write(fd, "mine chain", 10) == 10 && close(fd) == 0);
    CU_ASSERT_EQUAL(commit("five", NULL), 0);
    CU_ASSERT_STRING_EQUAL(read_named(FILE_CHAIN, ".old"), "mine");
    CU_ASSERT_STRING_EQUAL(read_named(FILE_CONCAT, ".old"), "four");
}

/* At every step .old is a whole set that was in use. */
static void test_kill_old(void)
{
    for (int step = 0, more = 1; more; step++) {
        fresh();
        CU_ASSERT_EQUAL(commit("older", NULL), 0);
        CU_ASSERT_EQUAL(commit("old", NULL), 0);
        more = killed_at(step);
        const char *now = visible_from(FILE_REQUEST, ".old");
        CU_ASSERT_TRUE(strcmp(now, "older") == 0 || strcmp(now, "old") == 0);
        CU_ASSERT_EQUAL(commit("newer", NULL), 0);
        now = visible_from(FILE_REQUEST, ".old");
        CU_ASSERT_TRUE(strcmp(now, "old") == 0 || strcmp(now, "new") == 0);
    }
    for (int step = 0, ret = -1; ret != 0; step++) { /* nor does an error change it */
        struct countdown c = {.left = step, .error = -EIO};
        struct install_hook hook = {.step = count_down, .arg = &c};
        fresh();
        CU_ASSERT_EQUAL(commit("older", NULL), 0);
        CU_ASSERT_EQUAL(commit("old", NULL), 0);
        ret = commit("new", &hook);
        const char *before = strcmp(visible(), "new") == 0 ? "old" : "older";
        CU_ASSERT_STRING_EQUAL(visible_from(FILE_REQUEST, ".old"), before);
    }
}

/* A full disk and the like: an error at every step, and the old set stays. */
static void test_errors(void)
{
    int ret = -1, in_place_late = 0;
    for (int step = 0; ret != 0; step++) {
        struct countdown c = {.left = step, .error = -ENOSPC};
        struct install_hook hook = {.step = count_down, .arg = &c};
        fresh();
        plain_set("old");
        ret = commit("new", &hook);
        CU_ASSERT_TRUE(ret == 0 || ret == -ENOSPC);
        CU_ASSERT_STRING_EQUAL(visible(), in_place ? "new" : "old");
        if (ret < 0 && in_place) {
            in_place_late++;
            CU_ASSERT_TRUE(strstr(err.text, "new files are in place") != NULL ||
                           strstr(err.text, "clean up") != NULL);
        }
    }
    CU_ASSERT_EQUAL(in_place_late, 2); /* the sync after the switch, and the cleaning */
    CU_ASSERT_TRUE(in_place);
}

static int count_versions(void)
{
    char name[128];
    int n = 0;
    for (int i = 1; i < 100; i++) {
        snprintf(name, sizeof(name), ".certmill/*.a.example.ecdsa/%d", i);
        n += faccessat(files.folder, name, F_OK, 0) == 0;
    }
    return n;
}

static void test_versions_are_removed(void)
{
    fresh();
    for (int i = 0; i < 5; i++) {
        CU_ASSERT_EQUAL(commit("new", NULL), 0);
    }
    CU_ASSERT_EQUAL(count_versions(), 2);
    for (int step = 0; step < 12; step++) {
        killed_at(step);
    }
    CU_ASSERT_EQUAL(commit("new", NULL), 0);
    CU_ASSERT_EQUAL(count_versions(), 2);
}

static void test_keep_many(void)
{
    fresh();
    keep_old = 3;
    for (int i = 0; i < 8; i++) {
        CU_ASSERT_EQUAL(commit("new", NULL), 0);
    }
    CU_ASSERT_EQUAL(count_versions(), 4);
    keep_old = 0;
    CU_ASSERT_EQUAL(commit("new", NULL), 0);
    CU_ASSERT_EQUAL(count_versions(), 2); /* one is kept for who is just reading */
    keep_old = 1;
}

static mode_t mode_of(const char *name, int flags)
{
    struct stat st;
    return fstatat(files.folder, name, &st, flags) < 0 ? 0 : st.st_mode;
}

static void test_modes(void)
{
    char name[256];
    umask(077);
    fresh();
    plain_set("old");
    CU_ASSERT_EQUAL(install_prepare(&files, NULL, &err), 0);
    files_name(name, &files, FILE_CONCAT);
    CU_ASSERT_TRUE(S_ISLNK(mode_of(name, AT_SYMLINK_NOFOLLOW)));
    CU_ASSERT_EQUAL(mode_of(name, 0), S_IFREG | 0644); /* as it was */
    CU_ASSERT_EQUAL(commit("new", NULL), 0);
    CU_ASSERT_EQUAL(mode_of(name, 0), S_IFREG | 0640);
    CU_ASSERT_EQUAL(mode_of(".certmill", 0), mode_of(".", 0));
    CU_ASSERT_EQUAL(mode_of(".certmill/*.a.example.ecdsa/current", 0), mode_of(".", 0));
}

static void test_key(void)
{
    char name[256];
    fresh();
    files_name(name, &files, FILE_KEYPAIR);
    CU_ASSERT_STRING_EQUAL(name, "*.a.example-keypair.ecdsa.key");
    CU_ASSERT_EQUAL(install_prepare(&files, NULL, &err), 0);
    CU_ASSERT_EQUAL(install_key(&files, "one keypair", 11, NULL, &err), 0);
    CU_ASSERT_EQUAL(mode_of(name, AT_SYMLINK_NOFOLLOW), S_IFREG | 0640);
    CU_ASSERT_EQUAL(install_key(&files, "two keypair", 11, NULL, &err), ERR_EXISTS);
    CU_ASSERT_STRING_EQUAL(read_one(FILE_KEYPAIR), "one");
    CU_ASSERT_EQUAL(faccessat(files.folder, ".certmill/*.a.example.ecdsa/keypair.new", F_OK, 0),
                    -1);
    CU_ASSERT_EQUAL(commit("new", NULL), 0);
    CU_ASSERT_STRING_EQUAL(read_one(FILE_KEYPAIR), "one");
}

static void test_in_the_way(void)
{
    char name[256];
    fresh();
    files_name(name, &files, FILE_CHAIN);
    mkdirat(files.folder, name, 0700);
    CU_ASSERT_EQUAL(install_prepare(&files, NULL, &err), ERR_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "-chain.ecdsa.crt is neither a file"));
    fresh();
    CU_ASSERT_EQUAL(symlinkat("/etc/passwd", files.folder, name), 0);
    CU_ASSERT_EQUAL(commit("new", NULL), ERR_EXISTS);
    fresh();
    CU_ASSERT_EQUAL(symlinkat("/nonexistent", files.folder, ".certmill"), 0);
    CU_ASSERT_TRUE(install_prepare(&files, NULL, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, path));
}

static void test_partly_there(void)
{
    fresh();
    put_plain(FILE_CHAIN, "old", 0640);
    CU_ASSERT_EQUAL(install_prepare(&files, NULL, &err), 0);
    CU_ASSERT_STRING_EQUAL(read_one(FILE_CHAIN), "old");
    CU_ASSERT_STRING_EQUAL(read_one(FILE_CONCAT), "");
    CU_ASSERT_EQUAL(commit("new", NULL), 0);
    CU_ASSERT_STRING_EQUAL(visible(), "new");
}

static void test_long_name(void)
{
    char name[FILES_NAME_MAX + 1], file[256];
    memset(name, 'n', FILES_NAME_MAX);
    name[FILES_NAME_MAX] = '\0';
    const char *before = files.name;
    files.name = name;
    fresh();
    CU_ASSERT_EQUAL(commit("old", NULL), 0);
    CU_ASSERT_EQUAL(commit("new", NULL), 0);
    CU_ASSERT_STRING_EQUAL(visible(), "new");
    files_name(file, &files, FILE_CERTIFICATE);
    CU_ASSERT_EQUAL(strlen(file), FILES_NAME_MAX + strlen("-certificate.ecdsa.crt"));
    files.name = before;
}

static int set_up(void)
{
    return mkdtemp(base) == NULL ? -1 : 0;
}

static int tear_down(void)
{
    close(files.folder);
    return folder_remove(base);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("install", set_up, tear_down);
    CU_add_test(suite, "killed in the first installation", test_kill_first);
    CU_add_test(suite, "killed in a renewal", test_kill_renewal);
    CU_add_test(suite, "killed while taking over", test_kill_take_over);
    CU_add_test(suite, "killed with a mixture", test_kill_mixture);
    CU_add_test(suite, "killed in a change of keys", test_kill_key_swap);
    CU_add_test(suite, "killed and .old", test_kill_old);
    CU_add_test(suite, "old", test_old);
    CU_add_test(suite, "keep many", test_keep_many);
    CU_add_test(suite, "key goes along", test_key_goes_along);
    CU_add_test(suite, "key link to nothing", test_key_link_to_nothing);
    CU_add_test(suite, "errors", test_errors);
    CU_add_test(suite, "versions are removed", test_versions_are_removed);
    CU_add_test(suite, "modes", test_modes);
    CU_add_test(suite, "key", test_key);
    CU_add_test(suite, "in the way", test_in_the_way);
    CU_add_test(suite, "partly there", test_partly_there);
    CU_add_test(suite, "long name", test_long_name);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
