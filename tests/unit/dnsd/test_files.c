/*
 * The process as a whole, where the host or the operator gives it less than it wants: few
 * descriptors, a file of cookie secrets that is none.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "tests/unit/dnsd/talk.h"

#define CLASS_CH 3
#define FIT      3  /* clients a worker that there is room for */
#define CLIENTS  20 /* more than fit, on all workers */

/* What dnsd logs, from before its start on: in a file. */
static int catch_log(int *saved)
{
    char path[] = "/tmp/dnsd-log-XXXXXX";
    int fd = mkstemp(path);

    unlink(path);
    fflush(stderr);
    *saved = dup(STDERR_FILENO);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_APPEND);
    dup2(fd, STDERR_FILENO);
    return fd;
}

static void release_log(int saved)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
}

/* How often the log has these words by now. */
static int said(int log, const char *words)
{
    static char text[65536];
    ssize_t len = pread(log, text, sizeof(text) - 1, 0);
    int count = 0;

    text[len > 0 ? len : 0] = '\0';
    for (const char *c = text; (c = strstr(c, words)) != NULL; c++) {
        count++;
    }
    return count;
}

static bool works(int fd)
{
    uint8_t answer[512];
    struct packet query, framed = {.len = 0};

    packet_query(&query, "nothing.acme.example", DNS_TYPE_A);
    packet_add_u16(&framed, (uint16_t)query.len);
    packet_add(&framed, query.bytes, query.len);
    return send(fd, framed.bytes, framed.len, MSG_NOSIGNAL) == (ssize_t)framed.len &&
           read_full(fd, answer, 2) == 2 &&
           read_full(fd, answer + 2, wire_read_u16(answer)) == wire_read_u16(answer);
}

/* Few descriptors: said once, with what to do; as many clients as fit, the longest idle go. */
static void test_few_files(void)
{
    struct rlimit old, few;
    struct process p;
    int fds[CLIENTS], saved, alive = 0;

    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    few.rlim_cur = few.rlim_max =
        LIMIT_DNSD_FDS + 2 * PROCESS_WORKERS + 3 + PROCESS_WORKERS * (LIMIT_WORKER_FDS + FIT);
    setrlimit(RLIMIT_NOFILE, &few);
    int log = catch_log(&saved);
    process_start(&p);
    publish(&p, 1);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = connect_to(SOCK_STREAM, &p.tcp);
        CU_ASSERT_TRUE(works(fds[i]));
    }
    for (int i = 0; i < CLIENTS; i++) {
        alive += works(fds[i]);
        close(fds[i]);
    }
    CU_ASSERT_TRUE(alive >= FIT && alive <= PROCESS_WORKERS * (FIT + 1));
    CU_ASSERT_EQUAL(stop(&p), 0);
    release_log(saved);
    CU_ASSERT_EQUAL(said(log, "TCP clients instead of the 1024 of dns-tcp-clients"), 1);
    CU_ASSERT_EQUAL(said(log, "LimitNOFILE"), 1);
    close(log);
}

static uint8_t version_rcode(const struct process *p)
{
    uint8_t answer[512];
    struct packet query;

    packet_begin(&query);
    packet_question(&query, "version.bind", DNS_TYPE_TXT, CLASS_CH);
    return ask_udp(&p->udp, &query, answer, sizeof(answer)) > 12 ? answer[3] & 0x0F : 255;
}

/* A reload with this file of secrets. */
static void reload(struct process *p, const char *text)
{
    struct err err = {0};
    struct boot_file file = {.kind = IPC_FILE_COOKIE_SECRETS, .fd = memfd_create("s", MFD_CLOEXEC)};

    CU_ASSERT_EQUAL_FATAL(pwrite(file.fd, text, strlen(text), 0), (ssize_t)strlen(text));
    p->boot.files = &file;
    p->boot.file_count = 1;
    CU_ASSERT_EQUAL_FATAL(boot_send(p->control, IPC_RELOAD, &p->boot, &err), 0);
    p->boot.files = NULL;
    p->boot.file_count = 0;
    close(file.fd);
}

/* All or nothing: with the secrets, nothing else is taken over, and the log does not tell them. */
static void test_broken_secrets(void)
{
    struct process p;
    int saved, log = catch_log(&saved);

    process_start(&p);
    publish(&p, 1);
    CU_ASSERT_EQUAL(version_rcode(&p), DNS_REFUSED);
    p.boot.conf.dns_version = strdup("certmill");
    reload(&p, "5ec4e75ec4e75ec4e75ec4e75ec4e7\n"); /* two digits short */
    for (int i = 0; i < 60000 && said(log, "the old configuration stays") == 0; i++) {
        usleep(1000);
    }
    CU_ASSERT_EQUAL(version_rcode(&p), DNS_REFUSED);
    CU_ASSERT_EQUAL(said(log, "correct it and reload again"), 1);
    CU_ASSERT_EQUAL(said(log, "dns-cookie-secret-file"), 1);
    CU_ASSERT_EQUAL(said(log, "5ec4e7"), 0);
    reload(&p, "5ec4e75ec4e75ec4e75ec4e75ec4e75e\n");
    for (int i = 0; i < 60000 && version_rcode(&p) != DNS_NOERROR; i++) {
        usleep(1000);
    }
    CU_ASSERT_EQUAL(version_rcode(&p), DNS_NOERROR);
    CU_ASSERT_EQUAL(stop(&p), 0);
    release_log(saved);
    close(log);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"a file of secrets that is none", test_broken_secrets},
        {"few descriptors", test_few_files}, /* last: the limit stays */
    };

    return RUN("files", cases);
}
