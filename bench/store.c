/*
 * store [CERTIFICATES [FILE]]: what a store of so many certificates (default 100000) costs: opening
 * it, one look-up by name, serial, request and key (1,000 each), and memory
 * beside what an empty store takes. FILE is kept; without it a temporary one is made.
 */
#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench/numbers.h"
#include "issuer/store.h"

#define LOOKUPS   1000
#define PEM       5200 /* octets of a chain of two with P-256 leaf and RSA above */
#define CSR       500
#define A_BATCH   1000
#define EVENTS    6
#define DAY       86400
#define NOW       INT64_C(1795225578)
#define NAME_TEXT 64

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *text)
{
    fprintf(stderr, "store: %s\n", text);
    exit(1);
}

/* Memory of this process, KiB, without what is only kept for later. */
static long resident(void)
{
    long pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");

#ifdef M_TRIM_THRESHOLD /* glibc */
    malloc_trim(0);
#endif
    if (in == NULL || fscanf(in, "%*s %ld", &pages) != 1) {
        die("no /proc/self/statm");
    }
    fclose(in);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void hash_of(char dst[static 65], unsigned long n)
{
    /* scattered, as hashes are */
    snprintf(dst, 65, "%016" PRIx64 "%048lx", n * UINT64_C(0x9e3779b97f4a7c15), n);
}

static void add(struct store *store, unsigned long n, struct err *err)
{
    static uint8_t csr[CSR];
    static char pem[PEM + 1];
    char names[2 * NAME_TEXT], hash[65];
    const struct store_order order = {.client = "192.0.2.1",
                                      .directory_url = "https://ca.example/directory",
                                      .names = names,
                                      .csr = csr,
                                      .csr_len = CSR,
                                      .created = NOW * 1000000};
    const struct store_certificate cert = {.serial = hash,
                                           .names = names,
                                           .issuer = "CN=R11,O=Let's Encrypt,C=US",
                                           .pem = pem,
                                           .not_before = NOW - (int64_t)(n % 90) * DAY,
                                           .not_after = NOW + (int64_t)(90 - n % 90) * DAY,
                                           .created = NOW * 1000000,
                                           .csr_sha256 = hash,
                                           .spki_sha256 = hash};
    uint64_t id;

    memset(pem, 'x', PEM);
    hash_of(hash, n);
    snprintf(names, sizeof(names), "host%lu.example.org,www.host%lu.example.org", n, n);
    if (store_order_add(store, &order, &id, err) < 0 ||
        store_order_issue(store, id, &cert, err) < 0) {
        die(err->text);
    }
    for (int i = 0; i < EVENTS; i++) {
        store_event_add(store, id, NOW * 1000000, "published at generation 1795254622");
    }
}

static void fill(const char *path, unsigned long count)
{
    struct store *store;
    struct err err = {0};

    if (store_open(&store, path, &err) < 0) {
        die(err.text);
    }
    for (unsigned long n = 0; n < count; n++) {
        if (n % A_BATCH == 0 && store_batch_begin(store, &err) < 0) {
            die(err.text);
        }
        add(store, n, &err);
        if ((n % A_BATCH == A_BATCH - 1 || n + 1 == count) && store_batch_end(store, &err) < 0) {
            die(err.text);
        }
    }
    store_close(store);
}

static void count_row(void *arg, const struct store_certificate *cert)
{
    int *found = arg;

    (void)cert;
    ++*found;
}

/* The row that a start looks through. */
static void count_open(void *arg, const struct store_order *order)
{
    int *found = arg;

    (void)order;
    ++*found;
}

static int look_up(struct store *store, int how, unsigned long n, struct err *err)
{
    char text[NAME_TEXT], hash[65];
    int found = 0, ret;

    hash_of(hash, n);
    snprintf(text, sizeof(text), "www.host%lu.example.org", n);
    if (how == 0) {
        ret = store_certificate_each(store, text, 50, count_row, &found, err);
    } else {
        ret = store_certificate_find(store, (enum store_key)(how - 1), hash, 50, count_row, &found,
                                     err);
    }
    return ret < 0 ? ret : found;
}

static void measure_lookups(struct store *store, unsigned long count)
{
    static const char *const how[] = {"name", "serial", "request", "key"};
    double took[LOOKUPS];
    struct err err = {0};

    for (int h = 0; h < 4; h++) {
        for (unsigned long i = 0; i < LOOKUPS; i++) {
            double begin = now_ms();

            if (look_up(store, h, i * 2654435761UL % count, &err) != 1) {
                die(err.code != 0 ? err.text : "a look-up did not find its certificate");
            }
            took[i] = now_ms() - begin;
        }
        double median = numbers_median(took, LOOKUPS);
        printf("look-up by %-8s median %.3f ms, 99 in 100 below %.3f ms, longest %.3f ms\n", how[h],
               median, took[LOOKUPS * 99 / 100], took[LOOKUPS - 1]);
    }
}

/* Opening as a start does it, and the look for open orders; memory when all was looked up. */
static long measure(const char *path, unsigned long count)
{
    uint64_t generation;
    struct store *store;
    struct err err = {0};
    int open = 0;
    double begin = now_ms();

    if (store_open(&store, path, &err) < 0 || store_generation_get(store, &generation, &err) < 0 ||
        store_order_each_open(store, count_open, &open, &err) < 0) {
        die(err.text);
    }
    printf("%lu certificates: opened, and open orders looked for, in %.2f ms\n", count,
           now_ms() - begin);
    if (count > 0) {
        measure_lookups(store, count);
    }
    long memory = resident();
    store_close(store);
    return memory;
}

int main(int argc, char **argv)
{
    unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    char folder[] = "/tmp/certmill-store-XXXXXX", made[64], empty[64];
    const char *path = argc > 2 ? argv[2] : made;
    struct stat st;

    if (count == 0 || mkdtemp(folder) == NULL) {
        die("store [CERTIFICATES [FILE]]");
    }
    snprintf(made, sizeof(made), "%s/store.db", folder);
    snprintf(empty, sizeof(empty), "%s/empty.db", folder);
    fill(empty, 0);
    fill(path, count);
    long before = measure(empty, 0);
    long after = measure(path, count);
    if (stat(path, &st) == 0) {
        printf("memory: %ld KiB with none, %ld KiB with all; file: %.0f MiB\n", before, after,
               (double)st.st_size / 1048576);
    }
    unlink(made);
    unlink(empty);
    rmdir(folder);
    return 0;
}
