/*
 * Limits of TCP connections (RFC 7766 6.2.2, 6.2.3, 10; RFC 9210 4.2, 4.3): who goes, who stays,
 * and that nothing stays counted.
 */
#include <sys/resource.h>

#include "tests/unit/dnsd/tcpserver.h"

static struct image image;

/* Nothing but what a test sets is within reach. */
static struct service wide(void)
{
    struct service service = default_service;

    service.tcp_idle_ms = service.tcp_lifetime_ms = 600000;
    return service;
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        close(fds[i]);
    }
}

static void wait_counted(const struct server *s, size_t count)
{
    for (int i = 0; i < 60000 && quota_total(s->quota) != count; i++) {
        usleep(1000);
    }
    CU_ASSERT_EQUAL(quota_total(s->quota), count);
}

static void set_service(struct server *s, const struct service *service)
{
    pthread_mutex_lock(&s->lock);
    s->next = *service;
    pthread_mutex_unlock(&s->lock);
}

/* RFC 7766 10: octets that come one by one do not keep a half-sent query alive. */
static void test_half_sent(void)
{
    const struct timeval pause = {0, 20000};
    struct service service = wide();
    struct server s;
    bool gone = false;

    service.tcp_idle_ms = 200;
    server_start(&s, &image, &service);
    int fd = client(&s), silent = client(&s);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof(pause));
    send(fd, "\xFF\xFF", 2, 0);
    for (int i = 0; i < 1000 && !gone; i++) {
        send(fd, "x", 1, MSG_NOSIGNAL);
        gone = closed(fd);
    }
    CU_ASSERT_TRUE(gone);
    CU_ASSERT_TRUE(closed(silent));
    close(fd);
    close(silent);
    server_stop(&s);
    CU_ASSERT_EQUAL(stats_get(&s.stats, STATS_TCP_CLOSED), 2);
}

/* A connection that never rests ends all the same. */
static void test_lifetime(void)
{
    struct service service = wide();
    struct server s;
    int answers = 0;

    server_start(&s, &image, &service);
    int fd = client(&s);
    CU_ASSERT_TRUE(works(fd));
    service.tcp_lifetime_ms = 400;
    set_service(&s, &service);
    while (answers < 1000000 && works(fd)) {
        answers++;
    }
    CU_ASSERT_TRUE(answers < 1000000);
    CU_ASSERT_TRUE(closed(fd));
    close(fd);
    server_stop(&s);
    CU_ASSERT_EQUAL(stats_get(&s.stats, STATS_TCP_CLOSED), 1);
}

/* What has come by the time that a connection has to go is answered first. */
static void test_last_look(void)
{
    struct service service = wide();
    struct server s;
    struct packet p;

    server_start(&s, &image, &service);
    int fd = client(&s);
    CU_ASSERT_TRUE(works(fd));
    frame(&p, "nothing.acme.example", DNS_TYPE_A);
    pthread_mutex_lock(&s.lock);
    for (int begun = atomic_load(&s.batches); atomic_load(&s.batches) == begun;) {
        usleep(1000); /* until the tick is held up */
    }
    send(fd, p.bytes, p.len, 0);
    s.next.tcp_lifetime_ms = 1;
    pthread_mutex_unlock(&s.lock);
    CU_ASSERT_TRUE(is_nxdomain(fd));
    CU_ASSERT_TRUE(closed(fd));
    close(fd);
    server_stop(&s);
}

/* RFC 7766 6.2.3, RFC 9210 4.2: under pressure the longest idle one goes, active ones stay. */
static void test_too_many(void)
{
    struct service service = wide();
    struct server s;
    int fds[4];

    service.tcp_clients = 3;
    server_start(&s, &image, &service);
    for (int i = 0; i < 3; i++) {
        fds[i] = client(&s);
        CU_ASSERT_TRUE(works(fds[i]));
    }
    CU_ASSERT_TRUE(works(fds[0])); /* so the second is the longest idle one */
    fds[3] = client(&s);
    CU_ASSERT_TRUE(works(fds[3]));
    CU_ASSERT_TRUE(closed(fds[1]));
    CU_ASSERT_TRUE(works(fds[0]));
    CU_ASSERT_TRUE(works(fds[2]));
    close_all(fds, 4);
    server_stop(&s);
}

/* RFC 7766 6.2.2: who is over the limit of his address costs himself, nobody else. */
static void test_per_address(void)
{
    static const uint8_t elsewhere[4] = {127, 0, 0, 9};
    struct service service = wide();
    struct server s;
    int fds[5];

    service.tcp_clients_per_address = 2;
    server_start(&s, &image, &service);
    fds[0] = client_of(&s, 2); /* the longest idle of all */
    CU_ASSERT_TRUE(works(fds[0]));
    for (int i = 1; i < 4; i++) {
        fds[i] = client(&s);
        CU_ASSERT_TRUE(works(fds[i]));
    }
    CU_ASSERT_TRUE(closed(fds[1]));
    CU_ASSERT_TRUE(works(fds[0]) && works(fds[2]) && works(fds[3]));
    CU_ASSERT_EQUAL(stats_get(&s.stats, STATS_TCP_REFUSED), 0);
    /* another worker has the two of this address: none here can give way */
    CU_ASSERT_TRUE(quota_take(s.quota, elsewhere, 4, 2) && quota_take(s.quota, elsewhere, 4, 2));
    fds[4] = client_of(&s, 9);
    CU_ASSERT_TRUE(closed(fds[4]));
    CU_ASSERT_EQUAL(stats_get(&s.stats, STATS_TCP_REFUSED), 1);
    close(fds[4]);
    quota_return(s.quota, elsewhere, 4);
    fds[4] = client_of(&s, 9);
    CU_ASSERT_TRUE(works(fds[4]) && works(fds[0]) && works(fds[2]) && works(fds[3]));
    quota_return(s.quota, elsewhere, 4);
    close_all(fds, 5);
    server_stop(&s);
}

/* Lower limits take hold of the connections that are there, the longest idle first. */
static void test_lowered(void)
{
    struct service service = wide();
    struct server s;
    int fds[8];

    server_start(&s, &image, &service);
    for (int i = 0; i < 8; i++) {
        fds[i] = client_of(&s, i < 2 ? 2 : 1);
        CU_ASSERT_TRUE(works(fds[i]));
    }
    service.tcp_clients_per_address = 3;
    set_service(&s, &service);
    CU_ASSERT_TRUE(closed(fds[2]) && closed(fds[3]) && closed(fds[4]));
    wait_counted(&s, 5);
    service.tcp_clients = 2;
    set_service(&s, &service);
    CU_ASSERT_TRUE(closed(fds[0]) && closed(fds[1]) && closed(fds[5]));
    CU_ASSERT_TRUE(works(fds[6]) && works(fds[7]));
    service.tcp_idle_ms = 1;
    set_service(&s, &service);
    CU_ASSERT_TRUE(closed(fds[6]) && closed(fds[7]));
    close_all(fds, 8);
    server_stop(&s);
    CU_ASSERT_EQUAL(stats_get(&s.stats, STATS_TCP_CLOSED), 8);
}

/* Half queries that fill all the buffers there are give way to the next who needs some. */
static void test_full_buffers(void)
{
    static uint8_t half[2 + 40000] = {0xFF, 0xFF};
    struct service service = wide();
    struct server s;
    struct packet p;
    int fds[140];

    server_start(&s, &image, &service);
    for (int i = 0; i < 140; i++) {
        fds[i] = client(&s);
        CU_ASSERT_EQUAL(send(fds[i], half, sizeof(half), 0), (ssize_t)sizeof(half));
    }
    int fd = client(&s);
    frame(&p, "nothing.acme.example", DNS_TYPE_A);
    CU_ASSERT_EQUAL(send(fd, p.bytes, 20, 0), 20);
    for (int i = 0; i < 20; i++) {
        int other = client(&s);

        CU_ASSERT_TRUE(works(other));
        close(other);
    }
    CU_ASSERT_EQUAL(send(fd, p.bytes + 20, p.len - 20, 0), (ssize_t)p.len - 20);
    CU_ASSERT_TRUE(is_nxdomain(fd));
    CU_ASSERT_TRUE(closed(fds[0]));
    close(fd);
    close_all(fds, 140);
    server_stop(&s);
    CU_ASSERT_TRUE(stats_get(&s.stats, STATS_TCP_CLOSED) > 0);
}

/* Out of descriptors: the longest idle one gives its own to the next. */
static void test_no_descriptors(void)
{
    struct service service = wide();
    struct rlimit old, tight;
    struct server s;
    int fds[10];

    server_start(&s, &image, &service);
    for (int i = 0; i < 10; i++) {
        fds[i] = client_socket(1);
    }
    getrlimit(RLIMIT_NOFILE, &old);
    tight = old;
    tight.rlim_cur = (rlim_t)fds[9] + 4; /* three more */
    setrlimit(RLIMIT_NOFILE, &tight);
    for (int i = 0; i < 10; i++) {
        client_connect(fds[i], &s);
        CU_ASSERT_TRUE(works(fds[i]));
    }
    for (int i = 0; i < 7; i++) {
        CU_ASSERT_TRUE(closed(fds[i]));
    }
    setrlimit(RLIMIT_NOFILE, &old);
    close_all(fds, 10);
    server_stop(&s);
}

/* Ways in which a client lets a connection end. */
static void end_somehow(int fd, int way)
{
    const struct linger reset = {1, 0};
    const uint8_t half[] = {0x40, 0, 1, 2, 3};
    struct packet p;

    frame(&p, MANY, DNS_TYPE_TXT);
    switch (way) {
    case 0: /* at once */
        break;
    case 1: /* after an answer */
        CU_ASSERT_TRUE(works(fd));
        break;
    case 2: /* in a query */
        send(fd, half, sizeof(half), MSG_NOSIGNAL);
        break;
    case 3: /* half-closed */
        send(fd, p.bytes, p.len, MSG_NOSIGNAL);
        shutdown(fd, SHUT_WR);
        break;
    case 4: /* not reading what it asked for */
        for (int i = 0; i < 20; i++) {
            send(fd, p.bytes, p.len, MSG_NOSIGNAL);
        }
        break;
    case 5: /* the server closes */
        send(fd, "\0", 2, MSG_NOSIGNAL);
        break;
    default: /* reset in a query */
        send(fd, half, sizeof(half), MSG_NOSIGNAL);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
    close(fd);
}

/* After thousands of connections nothing is counted, however they ended. */
static void test_all_ways(void)
{
    struct service service = wide();
    struct server s;
    int fds[16];

    service.tcp_clients = 12;
    service.tcp_clients_per_address = 8;
    server_start(&s, &image, &service);
    for (int i = 0; i < 3000; i++) {
        end_somehow(client_of(&s, 1 + i % 5), i % 7);
    }
    /* Those before it in the queue are accepted once this one is: from then on the count falls. */
    int last = client_of(&s, 6);
    CU_ASSERT_TRUE(works(last));
    close(last);
    wait_counted(&s, 0);
    for (int i = 0; i < 16; i++) { /* pushed out by number and by address */
        fds[i] = client_of(&s, i < 4 ? 1 : 2);
        CU_ASSERT_TRUE(works(fds[i]));
    }
    wait_counted(&s, 12);
    close_all(fds, 16);
    wait_counted(&s, 0);
    for (int i = 0; i < 5; i++) {
        fds[i] = client(&s);
        CU_ASSERT_TRUE(works(fds[i]));
    }
    server_stop(&s); /* asserts that these are returned, too */
    close_all(fds, 5);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"half a query", test_half_sent},    {"lifetime", test_lifetime},
        {"a last look", test_last_look},     {"too many connections", test_too_many},
        {"per address", test_per_address},   {"lowered limits", test_lowered},
        {"full buffers", test_full_buffers}, {"no descriptors", test_no_descriptors},
        {"all ways to end", test_all_ways},
    };
    int status;

    server_image(&image);
    status = RUN("tcp limits", cases);
    image_unmap(&image);
    return status;
}
