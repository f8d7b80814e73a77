/*
 * What a resolver that somebody took over may answer to the questions of preflight: any message, to
 * any question. The judging ends, findings are text of bounded length, and nothing is read out of
 * bounds.
 *
 * The input is messages, each behind its length in two octets; the first one answers the first
 * question, and so on. Id and question of each are made to fit.
 */
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "issuer/preflight_priv.h"
#include "zones/name.h"

#define ROUNDS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const caa[] = {"ca.example"};
static const struct authority dns = {.name = "ca", .challenge = ORDER_DNS_01};
static const struct authority persist = {.name = "p", .challenge = ORDER_DNS_PERSIST_01};
static const struct preflight_authority authorities[] = {
    {&dns, caa, 1, "https://ca.example/1"}, {&persist, caa, 1, "https://ca.example/1"}};

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void note(void *arg)
{
    (void)arg;
}

struct input {
    const uint8_t *data;
    size_t size;
};

/* The next message with header and question of this lookup in front. */
static ldns_pkt *next_answer(struct input *input, const struct lookup *lookup)
{
    const struct dnsmsg_question question = {.name = lookup->name, .type = lookup->type};
    uint8_t message[4096];
    size_t used, len, name = name_len(lookup->name), head = 12 + name + 4;
    ldns_pkt *pkt = NULL;

    if (input->size < 2) {
        return NULL;
    }
    used = wire_read_u16(input->data);
    used = used < input->size - 2 ? used : input->size - 2;
    len = used < sizeof message - head ? used : 0;
    memset(message, 0, head);
    if (len >= 8) { /* rcode and counts are the input's */
        message[3] = input->data[2];
        memcpy(message + 6, input->data + 4, 6);
        memcpy(message + head, input->data + 10, len -= 8);
    }
    message[2] = 0x80;
    message[5] = 1;
    memcpy(message + 12, lookup->name, name);
    wire_write_u16(message + 12 + name, lookup->type);
    wire_write_u16(message + 12 + name + 2, 1);
    input->data += 2 + used;
    input->size -= 2 + used;
    return dnsmsg_read(&pkt, message, head + len, &question, 0) == 0 ? pkt : NULL;
}

static void answer_all(struct lookups *all, struct input *input)
{
    for (size_t i = 0; i < LOOKUP_BUCKETS; i++) {
        for (struct lookup *l = all->buckets[i]; l != NULL; l = l->next) {
            if (l->state == LOOKUP_PENDING) {
                lookups_fill(l, ERR_MALFORMED, next_answer(input, l));
            }
        }
    }
}

static void judge_all(struct judge *judge)
{
    preflight_caa(judge, "*.www.example.org", authorities, 2);
    preflight_persist(judge, "*.example.org", &authorities[1]);
    preflight_cname(judge, "www.example.org", NULL, NULL);
    preflight_probe(judge, "probe-x", "value", 53);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct publisher *publisher;
    static uv_loop_t loop;
    static char *ns = (char *)"ns.example.net";
    static struct server_conf_zone zone = {.name = (char *)"acme.example.com",
                                           .nameservers = {&ns, 1}};
    static struct boot boot;
    struct findings findings = {0};
    struct lookups lookups;
    struct judge judge = {.lookups = &lookups, .out = &findings, .label = "probe-y"};
    struct input input = {data, size};
    int rounds = 0;

    if (publisher == NULL) {
        const struct publisher_options options = {.loop = &loop, .clock = &clock_system};
        struct err err = {0};

        boot.conf.zones.rows = &zone;
        boot.conf.zones.count = 1;
        check(uv_loop_init(&loop) == 0 && publisher_new(&publisher, &options) == 0 &&
              publisher_configure(publisher, &boot, &err) == 0);
    }
    judge.publisher = publisher;
    judge.conf = &boot.conf;
    lookups_init(&lookups, NULL, note, NULL);
    do {
        judge.pending = false;
        findings_clear(&findings);
        judge_all(&judge);
        answer_all(&lookups, &input);
        check(++rounds < ROUNDS);
    } while (judge.pending);
    check(findings.count > 0);
    for (size_t i = 0; i < findings.count; i++) {
        check(strlen(findings.list[i].text) <= LIMIT_PREFLIGHT_TEXT);
    }
    findings_clear(&findings);
    lookups_clear(&lookups);
    return 0;
}
