/*
 * A new certificate in files that other programs keep: replaced so that each is whole whenever a
 * run ends, with whose it is and who may read it.
 */
#include "client/scan_write.h"

#include <sys/wait.h>
#include <sys/xattr.h>

#include "tests/unit/client/scan_world.h"

static void test_rewrite(void)
{
    const struct chain chain = {.certs = {fresh_leaf, new_sub}, .count = 2};
    char *text = ca_pem(ca_pem(strdup("# old words\n"), leaf), sub), *k = key_text(key), *out;
    char *expected = NULL, *parameters = strdup("-----BEGIN DH PARAMETERS-----\nAA==\n"
                                                "-----END DH PARAMETERS-----\n");
    size_t len;
    text = realloc(text, strlen(text) + strlen(k) + strlen(parameters) + 1);
    strcat(strcat(text, parameters), k);
    CU_ASSERT_EQUAL_FATAL(scan_pem_rewrite(&out, &len, text, strlen(text), &chain, SCAN_ALL, &err),
                          0);
    expected = ca_pem(ca_pem(NULL, fresh_leaf), new_sub);
    expected = realloc(expected, strlen(expected) + strlen(k) + strlen(parameters) + 1);
    strcat(strcat(expected, parameters), k);
    CU_ASSERT_STRING_EQUAL(out, expected);
    CU_ASSERT_EQUAL(len, strlen(expected));
    free(out);
    const struct chain alone = {.certs = {fresh_leaf}, .count = 1};
    CU_ASSERT_EQUAL(scan_pem_rewrite(&out, &len, text, strlen(text), &alone, SCAN_ISSUERS, &err),
                    ERR_NOT_FOUND);
    free(expected);
    free(parameters);
    free(k);
    free(text);
}

static int steps, stop_at;
static bool dies, in_place;

static int on_step(void *arg, const char *what)
{
    (void)arg;
    (void)what;
    if (++steps != stop_at) {
        return 0;
    }
    if (dies) {
        _exit(0);
    }
    return -EIO;
}

static const char *const names[] = {"a/fullchain.pem", "combined", "a/chain.pem", "a/cert.pem"};

static void put_set(void)
{
    fresh();
    make_folder("a");
    put("a/privkey.pem", key, NULL, NULL);
    put("a/fullchain.pem", NULL, leaf, sub);
    put("a/chain.pem", NULL, sub, NULL);
    put("a/cert.pem", NULL, leaf, NULL);
    put("combined", key, leaf, sub);
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
}

static int write_new(unsigned keep_old)
{
    static const struct install_hook hook = {.step = on_step};
    const struct chain chain = {.certs = {fresh_leaf, new_sub}, .count = 2};
    const struct scan_write write = {
        .scan = &scan, .pair = 0, .chain = &chain, .keep_old = keep_old, .hook = &hook};
    steps = 0;
    return scan_write(&write, &in_place, &err);
}

static char *expected_of(size_t i, bool new)
{
    X509 *a = new ? fresh_leaf : leaf, *b = new ? new_sub : sub;
    char *text = i == 1 ? key_text(key) : NULL;
    text = i == 2 ? text : ca_pem(text, a);
    return i == 3 ? text : ca_pem(text, b);
}

/* How many files are new; each is whole, and in its turn. */
static size_t count_new(void)
{
    size_t count = 0;
    for (size_t i = 0; i < 4; i++) {
        char *old = expected_of(i, false), *new = expected_of(i, true);
        const char *now = get(names[i]);
        bool is_new = strcmp(now, new) == 0;
        CU_ASSERT_TRUE(is_new || strcmp(now, old) == 0);
        CU_ASSERT_TRUE(!is_new || count == i);
        count += is_new;
        free(old);
        free(new);
    }
    return count;
}

static size_t leftovers(void)
{
    char command[200], line[32] = "";
    snprintf(command, sizeof(command), "find %s -name '*certmill-new' | wc -l", path);
    FILE *out = popen(command, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof(line), out));
    pclose(out);
    return strtoul(line, NULL, 10);
}

static void test_write(void)
{
    stop_at = 0;
    put_set();
    char full[256];
    struct stat st;
    snprintf(full, sizeof(full), "%s/combined", path);
    CU_ASSERT_EQUAL(chmod(full, 0600), 0);
    CU_ASSERT_EQUAL(write_new(1), 0);
    CU_ASSERT_EQUAL(count_new(), 4);
    CU_ASSERT_EQUAL(leftovers(), 0);
    CU_ASSERT_TRUE(stat(full, &st) == 0 && (st.st_mode & 0777) == 0600);
    char *old = expected_of(0, false);
    CU_ASSERT_STRING_EQUAL(get("a/fullchain.pem.old"), old);
    free(old);
    look();
    CU_ASSERT_FALSE(scan.pairs[0].lags);
    put_set();
    CU_ASSERT_EQUAL(write_new(0), 0);
    CU_ASSERT_STRING_EQUAL(get("a/fullchain.pem.old"), "");
}

#define STEPS 16 /* write 4 files, keep 4; replace one and sync its folder, 4 times */

static size_t new_after(int step)
{
    return step <= 9 ? 0 : (size_t)(step - 8) / 2;
}

static void hard_link(const char *from, const char *to)
{
    char a[256], b[256];
    snprintf(a, sizeof(a), "%s/%s", path, from);
    snprintf(b, sizeof(b), "%s/%s", path, to);
    CU_ASSERT_EQUAL_FATAL(link(a, b), 0);
}

/* Each of a file's names gets the new certificate. */
static void test_hard_links(void)
{
    put_set();
    hard_link("a/fullchain.pem", "also.pem");
    look();
    CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(file_of("also.pem"));
    CU_ASSERT_EQUAL(file_of("also.pem")->links, 2);
    CU_ASSERT_EQUAL(write_new(1), 0);
    CU_ASSERT_EQUAL(count_new(), 4);
    char *new = expected_of(0, true);
    CU_ASSERT_STRING_EQUAL(get("also.pem"), new);
    free(new);
}

/* acl(5) as the kernel has it, xattr(7): version 2, then tag, rights and id of each entry. */
static const uint8_t acl[] = {2,    0,    0,    0,    0x01, 0,    6,    0,    0xff, 0xff, 0xff,
                              0xff, 0x02, 0,    4,    0,    0x39, 0x30, 0,    0,    0x04, 0,
                              0,    0,    0xff, 0xff, 0xff, 0xff, 0x10, 0,    4,    0,    0xff,
                              0xff, 0xff, 0xff, 0x20, 0,    0,    0,    0xff, 0xff, 0xff, 0xff};

static void test_rights(void)
{
    char full[256], name[256];
    uint8_t now[256];
    struct stat st;
    put_set();
    snprintf(full, sizeof(full), "%s/combined", path);
    snprintf(name, sizeof(name), "%s/a/cert.pem", path);
    bool listed = setxattr(full, "system.posix_acl_access", acl, sizeof(acl), 0) == 0;
    CU_ASSERT_TRUE(listed || errno == ENOTSUP);
    bool given = chown(name, 12345, 54321) == 0;
    CU_ASSERT_TRUE(given || errno == EPERM);
    CU_ASSERT_EQUAL(write_new(1), 0);
    CU_ASSERT_EQUAL(count_new(), 4);
    CU_ASSERT_EQUAL_FATAL(stat(name, &st), 0);
    CU_ASSERT_TRUE(!given || (st.st_uid == 12345 && st.st_gid == 54321));
    ssize_t len = getxattr(full, "system.posix_acl_access", now, sizeof(now));
    CU_ASSERT_TRUE(!listed || (len == (ssize_t)sizeof(acl) && memcmp(now, acl, sizeof(acl)) == 0));
}

/* An error at each step: before the first rename nothing has changed. */
static void test_errors(void)
{
    for (stop_at = 1; stop_at <= STEPS; stop_at++) {
        put_set();
        CU_ASSERT_EQUAL(write_new(1), -EIO);
        CU_ASSERT_EQUAL(count_new(), new_after(stop_at));
        CU_ASSERT_EQUAL(in_place, stop_at == STEPS);
        CU_ASSERT_EQUAL(leftovers(), 0);
    }
    put_set();
    CU_ASSERT_EQUAL(write_new(1), 0);
    CU_ASSERT_TRUE(in_place);
}

/* Killed at each step: every file is whole, and the next run brings all to the same. */
static void test_crashes(void)
{
    dies = true;
    for (stop_at = 1; stop_at <= STEPS; stop_at++) {
        int status;
        put_set();
        pid_t pid = fork();
        if (pid == 0) {
            write_new(1);
            _exit(1);
        }
        CU_ASSERT_TRUE(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
        size_t new = count_new();
        CU_ASSERT_EQUAL(new, new_after(stop_at));
        look();
        CU_ASSERT_EQUAL_FATAL(scan.pair_count, 1);
        CU_ASSERT_EQUAL(scan.pairs[0].lags, new > 0 && new < 4);
        int again = stop_at;
        stop_at = 0;
        CU_ASSERT_EQUAL(write_new(1), 0);
        CU_ASSERT_EQUAL(count_new(), 4);
        CU_ASSERT_EQUAL(leftovers(), 0);
        stop_at = again;
    }
    dies = false;
    stop_at = 0;
}

/* Leaf and issuers in files of their own: after a crash between them no file's content shows it. */
static void test_torn(void)
{
    put_set();
    CU_ASSERT_FALSE(scan.pairs[0].torn);
    put_text("a/.cert.pem.certmill-new", "x");
    look();
    CU_ASSERT_TRUE(scan.pairs[0].torn);
    CU_ASSERT_EQUAL(write_new(1), 0);
    look();
    CU_ASSERT_FALSE(scan.pairs[0].torn);
}

static void test_changed_meanwhile(void)
{
    put_set();
    put("a/cert.pem", NULL, fresh_leaf, NULL);
    CU_ASSERT_EQUAL(write_new(1), ERR_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "a/cert.pem has been changed"));
    char *old = expected_of(0, false);
    CU_ASSERT_STRING_EQUAL(get("a/fullchain.pem"), old);
    free(old);
    /* The key: what was signed for is another one's by now. */
    put_set();
    CU_ASSERT_PTR_NULL(scan_changed(&scan, 0));
    put("a/privkey.pem", other, NULL, NULL);
    CU_ASSERT_PTR_EQUAL(scan_changed(&scan, 0), file_of("a/privkey.pem"));
    CU_ASSERT_EQUAL(write_new(1), ERR_BUSY);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "a/privkey.pem has been changed"));
    CU_ASSERT_EQUAL(count_new(), 0);
    CU_ASSERT_EQUAL(leftovers(), 0);
    /* a link in the file's place, or its folder's, is not followed */
    put_set();
    char full[256], away[256];
    snprintf(full, sizeof(full), "%s/a", path);
    snprintf(away, sizeof(away), "%s/b", path);
    CU_ASSERT_EQUAL(rename(full, away), 0);
    make_link("b", "a");
    CU_ASSERT_TRUE(write_new(1) < 0);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"rewrite", test_rewrite},
        {"write", test_write},
        {"hard links", test_hard_links},
        {"rights", test_rights},
        {"errors", test_errors},
        {"crashes", test_crashes},
        {"torn", test_torn},
        {"changed", test_changed_meanwhile},
    };
    if (make_world() < 0) {
        return 2;
    }
    int status = RUN("scan_write", cases);
    end_world();
    return status;
}
