/*
 * The process as a whole, under its settings: payload size, rates and NSID by reload, no image for
 * long, a crowd of askers.
 */
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "tests/unit/dnsd/talk.h"

/* From several ports, so that each worker gets some. */
#define PORTS 8

/* RFC 8906 3: a server that has nothing to answer from says so; what comes later is answered. */
static void test_never_silent(void)
{
    uint8_t answer[512];
    struct packet query, framed = {.len = 0};
    struct process p;

    process_start(&p);
    packet_query(&query, NAME, DNS_TYPE_TXT);
    packet_add_u16(&framed, (uint16_t)query.len);
    packet_add(&framed, query.bytes, query.len);
    int tcp = connect_to(SOCK_STREAM, &p.tcp);
    CU_ASSERT_EQUAL(send(tcp, framed.bytes, framed.len, 0), (ssize_t)framed.len);
    for (int i = 0; i < PORTS; i++) {
        CU_ASSERT_EQUAL(rcode_udp(&p.udp, NAME), DNS_SERVFAIL);
        CU_ASSERT_EQUAL(rcode_udp(&p.any, "example.com"), DNS_SERVFAIL);
    }
    CU_ASSERT_EQUAL(read_full(tcp, answer, framed.len), framed.len);
    CU_ASSERT_EQUAL(answer[2 + 3], DNS_SERVFAIL);
    publish(&p, 1);
    for (int i = 0; i < PORTS; i++) {
        CU_ASSERT_TRUE(answers_generation(&p.udp, 1));
        CU_ASSERT_EQUAL(rcode_udp(&p.any, "example.com"), DNS_REFUSED);
    }
    CU_ASSERT_EQUAL(send(tcp, framed.bytes, framed.len, 0), (ssize_t)framed.len);
    size_t one = framed.len + 13 + strlen("generation-1");
    CU_ASSERT_EQUAL(read_full(tcp, answer, one), one);
    CU_ASSERT_EQUAL(answer[2 + 3], DNS_NOERROR);
    close(tcp);
    CU_ASSERT_EQUAL(stop(&p), 0);
}

/* A good query of len octets: an unknown EDNS option fills it up. */
static void pad(struct packet *query, size_t len)
{
    static const uint8_t zeros[LIMIT_EDNS_PAYLOAD];

    packet_query(query, NAME, DNS_TYPE_TXT);
    packet_opt(query, 4096, 0, false);
    size_t rest = len - query->len;
    wire_write_u16(query->bytes + query->len - 2, (uint16_t)rest);
    packet_add_u16(query, 65001);
    packet_add_u16(query, (uint16_t)(rest - 4));
    packet_add(query, zeros, rest - 4);
}

static uint8_t rcode_of_length(const struct sockaddr_in *to, size_t len)
{
    uint8_t answer[LIMIT_EDNS_PAYLOAD];
    struct packet query;

    pad(&query, len);
    return ask_udp(to, &query, answer, sizeof(answer)) > 12 ? answer[3] & 0x0F : 255;
}

static void set_small(struct server_conf *conf)
{
    conf->dns_udp_payload = 512;
}

static void set_large(struct server_conf *conf)
{
    conf->dns_udp_payload = LIMIT_EDNS_PAYLOAD;
}

/* RFC 6891 6.2.4: what is longer than we said that we take gets an answer, if not the wanted. */
static void test_payload(void)
{
    struct process p;

    process_start(&p);
    publish(&p, 1);
    CU_ASSERT_EQUAL(rcode_of_length(&p.udp, 1232), DNS_NOERROR);
    CU_ASSERT_EQUAL(rcode_of_length(&p.udp, 1400), DNS_FORMERR);
    CU_ASSERT_EQUAL(rcode_of_length(&p.any, 4096), DNS_FORMERR);
    CU_ASSERT_EQUAL(stop(&p), 0);
    process_start_with(&p, set_small);
    publish(&p, 1);
    CU_ASSERT_EQUAL(rcode_of_length(&p.udp, 512), DNS_NOERROR);
    CU_ASSERT_EQUAL(rcode_of_length(&p.udp, 600), DNS_FORMERR);
    CU_ASSERT_EQUAL(stop(&p), 0);
    process_start_with(&p, set_large);
    publish(&p, 1);
    CU_ASSERT_EQUAL(rcode_of_length(&p.udp, 1400), DNS_NOERROR);
    CU_ASSERT_EQUAL(rcode_of_length(&p.any, 4096), DNS_NOERROR);
    CU_ASSERT_EQUAL(stop(&p), 0);
}

/* Of the socket that the first worker shares with the supervisor. */
static int fragmentation(const struct process *p)
{
    int mode = -1;
    socklen_t len = sizeof(mode);

    CU_ASSERT_EQUAL(getsockopt(p->kept, IPPROTO_IP, IP_MTU_DISCOVER, &mode, &len), 0);
    return mode;
}

/* RFC 9715 3.1: what every path takes is sent with "do not fragment". */
static void test_fragmentation(void)
{
    struct process p;

    process_start(&p);
    CU_ASSERT_EQUAL(fragmentation(&p), IP_PMTUDISC_PROBE);
    CU_ASSERT_EQUAL(stop(&p), 0);
    process_start_with(&p, set_large);
    CU_ASSERT_EQUAL(fragmentation(&p), IP_PMTUDISC_OMIT);
    CU_ASSERT_EQUAL(stop(&p), 0);
}

static void send_reload(struct process *p)
{
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(boot_send(p->control, IPC_RELOAD, &p->boot, &err), 0);
}

/* Whether the answer to a question with NSID (RFC 5001) has this one in it; must be an answer. */
static bool tells_nsid(const struct sockaddr_in *to, const char *nsid)
{
    uint8_t answer[LIMIT_EDNS_PAYLOAD];
    struct packet query;

    packet_query(&query, NAME, DNS_TYPE_TXT);
    packet_opt(&query, 1232, 0, false);
    wire_write_u16(query.bytes + query.len - 2, 4);
    packet_add_u16(&query, 3);
    packet_add_u16(&query, 0);
    size_t len = ask_udp(to, &query, answer, sizeof(answer));
    CU_ASSERT_TRUE_FATAL(len > query.len);
    CU_ASSERT_EQUAL_FATAL(answer[3], DNS_NOERROR);
    return memcmp(answer + len - strlen(nsid), nsid, strlen(nsid)) == 0;
}

/* Each worker is asked (by as many ports), and all answer; the new word comes everywhere. */
static void wait_nsid(const struct process *p, const char *nsid)
{
    unsigned told = 0;

    for (int i = 0; i < 100000 && told < 50; i++) {
        told = tells_nsid(&p->udp, nsid) ? told + 1 : 0;
    }
    CU_ASSERT_EQUAL(told, 50);
}

static void set_nsid(struct process *p, const char *nsid)
{
    free(p->boot.conf.dns_nsid);
    p->boot.conf.dns_nsid = strdup(nsid);
    send_reload(p);
    wait_nsid(p, nsid);
}

/* Asks for what is not there more often than a burst is allowed, to both workers. */
static unsigned lost_of(const struct process *p, unsigned n)
{
    struct packet query;
    uint8_t answer[512];
    unsigned lost = n;

    packet_query(&query, "nothing.acme.example", DNS_TYPE_TXT);
    int fd = connect_to(SOCK_DGRAM, &p->udp);
    for (unsigned i = 0; i < n; i++) { /* the last of each pair says that the first is dealt with */
        struct packet last;

        packet_query(&last, NAME, DNS_TYPE_TXT);
        send(fd, query.bytes, query.len, 0);
        send(fd, last.bytes, last.len, 0);
        while (recv(fd, answer, sizeof(answer), 0) > 0 && (answer[3] & 0x0F) != DNS_NOERROR) {
            lost -= (answer[2] & DNS_FLAG_TC) == 0;
        }
    }
    close(fd);
    return lost;
}

/* NSID and rates change under way; not a question is lost by it. */
static void test_reload(void)
{
    struct process p;

    process_start(&p);
    publish(&p, 1);
    CU_ASSERT_FALSE(tells_nsid(&p.udp, "one"));
    set_nsid(&p, "one");
    p.boot.conf.dns_rate_nxdomain = 0;
    set_nsid(&p, "two");
    CU_ASSERT_EQUAL(lost_of(&p, 3 * LIMIT_RATE_BURST), 0);
    CU_ASSERT_EQUAL(statistic(&p, "rate_dropped"), 0);
    p.boot.conf.dns_rate_nxdomain = 1;
    set_nsid(&p, "three");
    CU_ASSERT_TRUE(lost_of(&p, 3 * LIMIT_RATE_BURST) > LIMIT_RATE_BURST);
    CU_ASSERT_TRUE(statistic(&p, "rate_dropped") > 0);
    CU_ASSERT_TRUE(statistic(&p, "rate_slipped") > 0);
    CU_ASSERT_EQUAL(stop(&p), 0);
}

static void set_debug(struct server_conf *conf)
{
    free(conf->log_level);
    conf->log_level = strdup("DEBUG");
}

/* Sends from any address of 127/8 at all. */
static void send_from(int fd, uint32_t host, const struct sockaddr_in *to,
                      const struct packet *query)
{
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))] = {0};
    struct iovec iov = {(void *)query->bytes, query->len};
    struct msghdr msg = {.msg_name = (void *)to,
                         .msg_namelen = sizeof(*to),
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(UINT32_C(0x7F000000) + host)};

    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(c), &info, sizeof(info));
    if (sendmsg(fd, &msg, 0) < 0) {
        process_die("sendmsg");
    }
}

#define CROWD 20000u

/* IPC_SEEN messages that have come, and how many askers they told of. */
struct told {
    unsigned messages, askers;
};

static void count_told(struct process *p, struct told *told)
{
    struct pollfd readable = {.fd = p->issuer, .events = POLLIN};

    while (poll(&readable, 1, 0) > 0) {
        CU_ASSERT_EQUAL_FATAL(process_receive(p, p->issuer), IPC_SEEN);
        told->messages++;
        told->askers += msg_get_u16(&p->reader);
    }
}

/* CROWD questions for a live name, each from another address, all answered. Returns what the
 * issuer was told of it meanwhile. */
static struct told ask_from_crowd(struct process *p)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct told told = {0, 0};
    uint8_t answer[512];
    struct packet query;

    process_patience(fd);
    packet_query(&query, NAME, DNS_TYPE_TXT);
    for (uint32_t i = 0; i < CROWD; i += 50) {
        for (uint32_t j = 0; j < 50; j++) {
            send_from(fd, 0x10000 + i + j, &p->udp, &query);
        }
        for (uint32_t j = 0; j < 50; j++) {
            CU_ASSERT_TRUE_FATAL(recv(fd, answer, sizeof(answer), 0) > (ssize_t)query.len);
        }
        count_told(p, &told);
    }
    close(fd);
    return told;
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static unsigned lines_of(FILE *file)
{
    unsigned lines = 0;
    int c;

    rewind(file);
    while ((c = getc(file)) != EOF) {
        lines += c == '\n';
    }
    return lines;
}

/* However many ask, what the issuer is told stays bounded by time, and nothing is in the log. */
/* With its log, at DEBUG, in a file. */
static FILE *start_logged(struct process *p)
{
    FILE *log = tmpfile();
    int kept = dup(STDERR_FILENO);

    CU_ASSERT_PTR_NOT_NULL_FATAL(log);
    fflush(stderr);
    dup2(fileno(log), STDERR_FILENO);
    process_start_with(p, set_debug);
    dup2(kept, STDERR_FILENO);
    close(kept);
    return log;
}

/* An issuer that dies with messages unread is gone, which is no error of ours. */
static void test_issuer_gone(void)
{
    struct process p;
    FILE *log = start_logged(&p);
    char text[4096];

    publish(&p, 1);
    process_send(&p, p.issuer, IPC_STATS_REQUEST, -1);
    CU_ASSERT_EQUAL(poll(&(struct pollfd){p.issuer, POLLIN, 0}, 1, 20000), 1);
    close(p.issuer);
    p.issuer = dup(STDERR_FILENO); /* for stop to close */
    CU_ASSERT_EQUAL(stop(&p), 0);
    rewind(log);
    text[fread(text, 1, sizeof(text) - 1, log)] = '\0';
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "the issuer is gone"));
    CU_ASSERT_PTR_NULL(strstr(text, "ERROR"));
    fclose(log);
}

static void test_crowd(void)
{
    struct process p;
    FILE *log = start_logged(&p);

    publish(&p, 1);
    uint64_t begin = now_ms();
    struct told told = ask_from_crowd(&p);
    /* a burst of 32, then 100 a second */
    CU_ASSERT_TRUE(told.messages > 0 && told.messages <= 40 + (now_ms() - begin) / 10);
    /* who is not told of, nor in the workers' tables or in a message under way, was counted */
    CU_ASSERT_TRUE(statistic(&p, "seen_lost") + told.askers + PROCESS_WORKERS * 3 * LIMIT_SEEN >=
                   CROWD);
    CU_ASSERT_EQUAL(statistic(&p, "noerror"), CROWD);
    CU_ASSERT_EQUAL(statistic(&p, "seen"), CROWD);
    CU_ASSERT_EQUAL(statistic(&p, "rate_dropped") + statistic(&p, "rate_slipped"), 0);
    CU_ASSERT_EQUAL(stop(&p), 0);
    unsigned lines = lines_of(log);
    CU_ASSERT_TRUE(lines > 0 && lines < 10);
    fclose(log);
}

int main(void)
{
    static const struct run_case cases[] = {
        {"never silent", test_never_silent},  {"payload size", test_payload},
        {"no fragments", test_fragmentation}, {"reload", test_reload},
        {"a crowd of askers", test_crowd},    {"an issuer that is gone", test_issuer_gone},
    };

    signal(SIGPIPE, SIG_IGN);
    return RUN("settings", cases);
}
