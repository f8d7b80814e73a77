/*
 * A preflight of a resolver that answers from a table, and what it finds.
 */
#ifndef CERTMILL_TESTS_UNIT_ISSUER_PREFLIGHT_LAB_H
#define CERTMILL_TESTS_UNIT_ISSUER_PREFLIGHT_LAB_H

#include "issuer/preflight.h"

#include "issuer/preflight_priv.h"
#include "tests/unit/common/run.h"
#include "tests/unit/issuer/fake_dns.h"
#include "tests/unit/issuer/publisher_fixture.h"

#define ROWS(rows) rows, sizeof(rows) / sizeof((rows)[0])
#define ACCOUNT    "https://ca.example/acct/1"

struct lab {
    struct fixture f; /* first: its clock's argument */
    struct fake_dns dns;
    struct preflight *preflight;
    struct preflight_check *check;
    struct server_conf conf;
    char *resolver;
    char probe[LIMIT_CHALLENGE_TXT + 1];
    bool hide; /* the zone is not delegated to us */
    unsigned done;
    size_t count;
    struct {
        char name[256], kind[16], authority[32], text[LIMIT_PREFLIGHT_TEXT + 1];
        enum preflight_severity severity;
    } found[64];
};

static const char *ca_names[] = {"ca.example", "ca.test"};
static const struct authority ca = {.name = "ca", .directory = "https://ca.example/dir"};
static const struct authority other = {.name = "other", .directory = "https://other.example/dir"};

static inline void on_record(void *arg, const char *zone, const char *name, const char *value,
                             uint64_t order, int64_t expires)
{
    struct lab *lab = arg;

    (void)zone;
    (void)order;
    (void)expires;
    if (strncmp(name, "probe-", 6) == 0)
        (void)snprintf(lab->probe, sizeof lab->probe, "%s", value);
}

/* What our nameserver would answer. */
static inline const char *txt(void *arg, const char *name)
{
    struct lab *lab = arg;

    lab->probe[0] = '\0';
    publisher_each(lab->f.publisher, on_record, lab);
    return !lab->hide && strncmp(name, "probe-", 6) == 0 && lab->probe[0] != '\0' ? lab->probe
                                                                                  : NULL;
}

static inline void on_done(void *arg, const struct preflight_finding *findings, size_t count)
{
    struct lab *lab = arg;

    lab->done++;
    lab->count = count;
    for (size_t i = 0; i < count && i < 64; i++) {
        (void)snprintf(lab->found[i].name, 256, "%s",
                       findings[i].name != NULL ? findings[i].name : "");
        (void)snprintf(lab->found[i].authority, 32, "%s",
                       findings[i].authority != NULL ? findings[i].authority : "");
        (void)snprintf(lab->found[i].kind, 16, "%s", findings[i].kind);
        (void)snprintf(lab->found[i].text, sizeof lab->found[i].text, "%s", findings[i].text);
        lab->found[i].severity = findings[i].severity;
    }
}

static inline void lab_open(struct lab *lab, const struct fake_row *rows, size_t count)
{
    struct preflight_options options = {.loop = &lab->f.loop, .clock = &lab->f.clock};

    memset(lab, 0, sizeof *lab);
    set_up(&lab->f);
    acknowledge(&lab->f);
    fake_dns_open(&lab->dns, &lab->f.loop, rows, count);
    lab->dns.txt = txt;
    lab->dns.arg = lab;
    lab->resolver = lab->dns.address;
    lab->conf.resolver = (struct conf_strings){&lab->resolver, 1};
    lab->conf.zones.rows = &plain_zone;
    lab->conf.zones.count = 1;
    options.conf = &lab->conf;
    options.publisher = lab->f.publisher;
    options.dns_port = lab->dns.port;
    CU_ASSERT_EQUAL_FATAL(preflight_new(&lab->preflight, &options), 0);
}

static inline void lab_close(struct lab *lab)
{
    preflight_free(lab->preflight);
    fake_dns_close(&lab->dns, &lab->f.loop);
    tear_down(&lab->f);
}

static inline void begin(struct lab *lab, char *const *names, size_t count,
                         const struct preflight_authority *authorities, size_t authority_count)
{
    struct preflight_request request = {.names = names,
                                        .name_count = count,
                                        .authorities = authorities,
                                        .authority_count = authority_count};
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(
        preflight_start(lab->preflight, &request, on_done, lab, &lab->check, &err), 0);
}

static inline void finish(struct lab *lab, unsigned done)
{
    while (lab->done < done) {
        (void)uv_run(&lab->f.loop, UV_RUN_ONCE);
        if (fake_dnsd_read(&lab->f.dnsd) > 0)
            fake_dnsd_ack(&lab->f.dnsd, lab->f.dnsd.generation);
    }
}

/* Nothing is under way to dnsd any more. */
static inline void settle(struct lab *lab)
{
    turn(&lab->f);
    while (fake_dnsd_read(&lab->f.dnsd) > 0) {
        fake_dnsd_ack(&lab->f.dnsd, lab->f.dnsd.generation);
        turn(&lab->f);
    }
}

static const struct preflight_authority ca_of_account = {&ca, ca_names, 2, ACCOUNT};

static inline void check_one(struct lab *lab, const char *name)
{
    char *names[] = {(char *)(uintptr_t)name};

    begin(lab, names, 1, &ca_of_account, 1);
    finish(lab, lab->done + 1);
}

/* Whether there is a finding of this kind and severity whose text holds that. */
static inline bool has(const struct lab *lab, const char *kind, enum preflight_severity severity,
                       const char *text)
{
    for (size_t i = 0; i < lab->count; i++)
        if (strcmp(lab->found[i].kind, kind) == 0 && lab->found[i].severity == severity &&
            strstr(lab->found[i].text, text) != NULL)
            return true;
    for (size_t i = 0; i < lab->count; i++)
        printf("\n  [%s %d %s] %s", lab->found[i].kind, (int)lab->found[i].severity,
               lab->found[i].authority, lab->found[i].text);
    return false;
}

static inline unsigned worst(const struct lab *lab)
{
    unsigned severity = PREFLIGHT_GOOD;

    for (size_t i = 0; i < lab->count; i++)
        severity = lab->found[i].severity > severity ? lab->found[i].severity : severity;
    return severity;
}

#define CNAME(domain, target) "_acme-challenge." domain " CNAME " target
#define ALIAS(domain, target)                                                                      \
    {                                                                                              \
        .name = "_acme-challenge." domain, .records = CNAME(domain, target)                        \
    }

#endif
