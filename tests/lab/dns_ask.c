/*
 * The client's look-ups by themselves: a line "NAME TYPE" in, a line of tab-separated fields out,
 *
 *   NAME TYPE OUTCOME TRUST RECORDS FINAL-OWNER REASON
 *
 *   lab_dns_ask NAME-SERVER [TRUST-ANCHOR [RECORD-TO]]
 *
 * With a trust anchor it validates; with a third word it writes the (one) question and all messages
 * that came for it to that file, in the form of tests/unit/client/dns_recorded.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/dns_priv.h"

static FILE *record;

static int recording(struct dns *dns, const struct dnsmsg_question *question,
                     struct dns_reply *reply)
{
    int ret = dns_exchange(dns, question, reply);
    uint8_t *wire = NULL;
    size_t len;

    if (ret == 0 && reply->pkt != NULL &&
        ldns_pkt2wire(&wire, reply->pkt, &len) == LDNS_STATUS_OK) {
        (void)fprintf(record, "%c%c", (int)(len >> 8), (int)(len & 0xff));
        (void)fwrite(wire, 1, len, record);
        free(wire);
    }
    return ret;
}

static int begin(const char *path, const char *anchor, const char *question)
{
    FILE *file = fopen(anchor, "r");
    char line[2048];

    if (file == NULL || (record = fopen(path, "w")) == NULL ||
        fgets(line, sizeof line, file) == NULL) {
        return -1;
    }
    line[strcspn(line, ";\n")] = '\0';
    (void)fprintf(record, "%s\n%lld\n%s", line, (long long)clock_wall_s(&clock_system), question);
    (void)fclose(file);
    return 0;
}

static void ask(struct dns *dns, const char *name, const char *type)
{
    struct dns_answer a = {0};
    struct err err = {0};

    if (dns_ask(dns, name, (uint16_t)ldns_get_rr_type_by_name(type), &a, &err) < 0) {
        (void)printf("%s\t%s\terror\t\t0\t\t%s\n", name, type, err.text);
    } else {
        (void)printf("%s\t%s\t%s\t%s\t%zu\t%s\t%s\n", name, type, dns_outcome_name(a.outcome),
                     dns_trust_name(a.trust), a.count, a.names[a.name_count - 1], a.reason);
    }
    dns_answer_clear(&a);
}

int main(int argc, char **argv)
{
    struct dns_options options = {.clock = &clock_system, .timeout_ms = 20000};
    struct err err = {0};
    struct dns *dns;
    char line[1200], name[1025], type[32];

    options.name_server = argc > 1 ? argv[1] : NULL;
    options.validate = argc > 2;
    options.trust_anchor = argc > 2 ? argv[2] : NULL;
    if (dns_new(&dns, &options, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "%1024s %31s", name, type) != 2) {
            continue;
        }
        if (argc > 3 && begin(argv[3], argv[2], line) == 0) {
            dns->exchange = recording;
        }
        ask(dns, name, type);
    }
    dns_free(dns);
    return record != NULL && fclose(record) != 0;
}
