/*
 * A socket that gets more than can be answered: what is dropped then, and what never.
 */
#include <signal.h>
#include <sys/stat.h>

#include "dnsd/dns.h"
#include "tests/unit/common/run.h"
#include "tests/unit/dnsd/images.h"
#include "tests/unit/dnsd/packets.h"
#include "tests/unit/dnsd/process.h"

#define NAME    "www.example.org.acme.example"
#define VALUE   "generation-1"
#define CLIENTS 8   /* from several ports, so that each worker gets some */
#define JUNK    400 /* of each: more than a queue of any size holds half of */
#define SILENCE 50  /* milliseconds without an answer */
#define TRIES   400 /* of them, 20 s, until what has to come is missed */

static int client(const struct process *p)
{
    const struct timeval moment = {0, SILENCE * 1000};
    const int room = 1 << 20;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof(moment));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    if (fd < 0 || connect(fd, (const struct sockaddr *)&p->udp, sizeof(p->udp)) < 0) {
        process_die("client");
    }
    return fd;
}

static void ask(int fd, const struct packet *query)
{
    CU_ASSERT_EQUAL(send(fd, query->bytes, query->len, 0), (ssize_t)query->len);
}

static uint64_t counter(struct process *p, const char *wanted)
{
    uint64_t found = UINT64_MAX;
    char name[64];

    process_send(p, p->issuer, IPC_STATS_REQUEST, -1);
    CU_ASSERT_TRUE_FATAL(process_expect(p, IPC_STATS));
    for (uint16_t n = msg_get_u16(&p->reader); n > 0; n--) {
        msg_get_str(&p->reader, name, sizeof(name));
        uint64_t value = msg_get_u64(&p->reader);
        found = strcmp(name, wanted) == 0 ? value : found;
    }
    CU_ASSERT_EQUAL(msg_done(&p->reader), 0);
    return found;
}

/* Takes a client's answers until the challenge's value is there and none comes any more. */
static bool has_value(int fd, uint64_t *answers)
{
    uint8_t answer[LIMIT_EDNS_PAYLOAD];
    const size_t len = strlen(VALUE);
    bool right = false;

    for (int tries = 0; tries < (right ? 1 : TRIES);) {
        ssize_t n = recv(fd, answer, sizeof(answer), 0);

        if (n > 12) {
            right |= memcmp(answer + n - len, VALUE, len) == 0;
            tries = 0;
            ++*answers;
        } else {
            tries++;
        }
    }
    return right;
}

/* dnsd stands still while the questions come, so that the queues are full whatever the host. */
static void flood(const struct process *p, const struct packet *wanted, const struct packet *junk,
                  int *fds)
{
    int status;

    kill(p->pid, SIGSTOP);
    CU_ASSERT_EQUAL(waitpid(p->pid, &status, WUNTRACED), p->pid);
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = client(p);
        ask(fds[i], wanted);
    }
    for (int i = 0; i < CLIENTS * JUNK; i++) {
        ask(fds[i % CLIENTS], junk);
    }
    kill(p->pid, SIGCONT);
}

static void start(struct process *p)
{
    const int room = 1 << 20;

    process_start(p);
    setsockopt(p->kept, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    process_image(p, 1, images_simple(1));
    CU_ASSERT_TRUE(process_expect(p, IPC_IMAGE_ACK));
}

static void stop(struct process *p)
{
    process_send(p, p->control, IPC_STOP, -1);
    CU_ASSERT_EQUAL(process_wait(p), 0);
}

static void test_shed(const char *junk_name)
{
    struct packet wanted, junk;
    uint8_t answer[LIMIT_EDNS_PAYLOAD];
    uint64_t answers = 0;
    int fds[CLIENTS];
    struct process p;

    start(&p);
    packet_query(&wanted, NAME, DNS_TYPE_TXT);
    packet_query(&junk, junk_name, DNS_TYPE_TXT);
    flood(&p, &wanted, &junk, fds);
    for (int i = 0; i < CLIENTS; i++) {
        CU_ASSERT_TRUE(has_value(fds[i], &answers));
    }
    /* the workers may not have seen to all of it yet */
    for (int i = 0; i < TRIES && counter(&p, "shed") == 0; i++) {
        usleep(SILENCE * 1000);
    }
    CU_ASSERT_TRUE(counter(&p, "shed") > 0);
    CU_ASSERT_TRUE(counter(&p, "shed") + answers <= counter(&p, "udp"));
    /* the queues are empty now, so after a while it is answered again */
    do {
        ask(fds[0], &junk);
    } while (recv(fds[0], answer, sizeof(answer), 0) < 12);
    for (int i = 0; i < CLIENTS; i++) {
        close(fds[i]);
    }
    stop(&p);
}

static void test_errors(void)
{
    test_shed("example.com");
}

static void test_nxdomain(void)
{
    test_shed("nothing.acme.example");
}

/* Answers are no junk, however many: the value is live, so the rate does not count either. */
static void test_answers(void)
{
    uint64_t answers = 0;
    struct packet wanted;
    int fds[CLIENTS];
    struct process p;

    start(&p);
    packet_query(&wanted, NAME, DNS_TYPE_TXT);
    flood(&p, &wanted, &wanted, fds);
    for (int i = 0; i < CLIENTS; i++) {
        CU_ASSERT_TRUE(has_value(fds[i], &answers));
        close(fds[i]);
    }
    /* until nothing comes any more: in between, all that has come may be answered, too */
    uint64_t before = 0, taken = counter(&p, "udp");
    for (int i = 0; i < TRIES && (taken != before || counter(&p, "noerror") != taken); i++) {
        usleep(SILENCE * 1000);
        before = taken;
        taken = counter(&p, "udp");
    }
    CU_ASSERT_EQUAL(counter(&p, "noerror"), counter(&p, "udp"));
    CU_ASSERT_EQUAL(counter(&p, "shed"), 0);
    stop(&p);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"errors", test_errors},
        {"NXDOMAIN", test_nxdomain},
        {"answers", test_answers},
    };

    return RUN("pressure", cases);
}
