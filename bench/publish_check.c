#include "bench/publish_check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "common/wire.h"
#include "zones/name.h"

#define SOCKETS    32 /* as many source ports: SO_REUSEPORT leads some to each worker */
#define PAUSE_US   200
#define VALUES_LEN 20 /* digits of a value */

struct asker {
    int fd;
    uint64_t newest; /* generation seen */
};

struct publish_check {
    pthread_t thread;
    atomic_bool stop;
    _Atomic uint64_t served;
    uint16_t id;
    struct asker askers[SOCKETS];
    struct publish_counts counts;
};

static size_t put_query(uint8_t *out, uint16_t id, char which)
{
    char text[64];
    uint8_t name[LIMIT_NAME_WIRE];

    snprintf(text, sizeof(text), PUBLISH_CHECK_NAME, which);
    if (name_from_text(name, text) < 0) {
        return 0;
    }
    size_t len = name_len(name);
    memcpy(out, (const uint8_t[12]){0, 0, 0, 0, 0, 1}, 12);
    wire_write_u16(out, id);
    memcpy(out + 12, name, len);
    memcpy(out + 12 + len, (const uint8_t[4]){0, 16, 0, 1}, 4);
    return 12 + len + 4;
}

/* The generation that both values of an answer have; 0: they have not. */
static uint64_t generation_of(const uint8_t *answer, size_t len, size_t question_end)
{
    uint64_t found[2] = {0, 0};
    const uint8_t *at = answer + question_end;

    if (wire_read_u16(answer + 6) != 2 || (answer[3] & 0x0f) != 0) {
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        char digits[VALUES_LEN + 1] = {0};

        if ((size_t)(answer + len - at) < 12 + 1 + VALUES_LEN) {
            return 0;
        }
        memcpy(digits, at + 13, VALUES_LEN);
        found[i] = strtoull(digits, NULL, 10);
        at += 12 + wire_read_u16(at + 10);
    }
    return found[0] == found[1] ? found[0] : 0;
}

/* One answer; false: lost. */
static bool judge(struct publish_check *c, struct asker *asker, size_t question_end, uint16_t id,
                  uint64_t served)
{
    uint8_t buf[1500];
    ssize_t len;

    do {
        len = recv(asker->fd, buf, sizeof(buf), 0);
        if (len < 12) {
            return false;
        }
    } while (wire_read_u16(buf) != id); /* of a question given up */
    uint64_t generation = generation_of(buf, (size_t)len, question_end);
    c->counts.mixed += generation == 0;
    c->counts.back += generation != 0 && generation < asker->newest;
    c->counts.late += generation != 0 && generation < served;
    if (generation > asker->newest) {
        asker->newest = generation;
    }
    return true;
}

static void ask_pair(struct publish_check *c, struct asker *asker)
{
    uint8_t buf[2][512];
    struct iovec iov[2] = {{buf[0], put_query(buf[0], c->id, 'a')},
                           {buf[1], put_query(buf[1], c->id + 1, 'b')}};
    struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &iov[0], .msg_iovlen = 1}},
                                  {.msg_hdr = {.msg_iov = &iov[1], .msg_iovlen = 1}}};
    const size_t lens[2] = {iov[0].iov_len, iov[1].iov_len};
    uint64_t served = atomic_load(&c->served);

    if (sendmmsg(asker->fd, messages, 2, 0) == 2) {
        c->counts.pairs++;
        c->counts.lost += !judge(c, asker, lens[0], c->id, served);
        c->counts.lost += !judge(c, asker, lens[1], c->id + 1, served);
    }
    c->id += 2;
}

static void *run(void *arg)
{
    struct publish_check *c = arg;
    const struct timespec pause = {0, PAUSE_US * 1000L};

    for (size_t i = 0; !atomic_load(&c->stop); i = (i + 1) % SOCKETS) {
        ask_pair(c, &c->askers[i]);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

struct publish_check *publish_check_new(uint16_t port, uint64_t served)
{
    struct publish_check *c = calloc(1, sizeof(*c));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    const struct timeval patience = {1, 0};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    atomic_store(&c->served, served);
    for (size_t i = 0; i < SOCKETS; i++) {
        int fd = c->askers[i].fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
            perror("publish_check");
            exit(1);
        }
    }
    if (pthread_create(&c->thread, NULL, run, c) != 0) {
        perror("publish_check");
        exit(1);
    }
    return c;
}

void publish_check_served(struct publish_check *check, uint64_t generation)
{
    atomic_store(&check->served, generation);
}

void publish_check_free(struct publish_check *check, struct publish_counts *counts)
{
    atomic_store(&check->stop, true);
    pthread_join(check->thread, NULL);
    *counts = check->counts;
    for (size_t i = 0; i < SOCKETS; i++) {
        close(check->askers[i].fd);
    }
    free(check);
}
