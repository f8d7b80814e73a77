/*
 * Validation from the root's key down (RFC 4035 5, RFC 5155 8), on exchanges that were recorded in
 * tests/lab/dnssec.py's world (the fuzzer's corpus): as they are, and with octets changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns_recorded.h"
#include "tests/unit/common/run.h"

#define STEP   127 /* prime: it falls into no rhythm of the records */
#define CORPUS "../../fuzz/client/corpus_dns/"

struct expected {
    const char *file;
    enum dns_outcome outcome;
    enum dns_trust trust;
    size_t count;
    const char *last; /* name */
    const char *says; /* in the reason */
};

static const struct expected all[] = {
    {"alias", DNS_FOUND, DNS_SECURE, 1, "www.nsec3.test", ""},
    {"alias_insecure", DNS_FOUND, DNS_INSECURE, 1, "www.insecure.test", ""},
    {"alias_wildcard", DNS_FOUND, DNS_SECURE, 1, "www.signed.test", ""},
    {"class_not_in", DNS_FAILED, DNS_BOGUS, 0, "x.wild.nsec3.test",
     "nothing proves the absence of A"},
    {"costly", DNS_NXDOMAIN, DNS_INSECURE, 0, "nowhere.costly.test", ""},
    {"dname", DNS_FOUND, DNS_SECURE, 1, "www.nsec3.test", ""},
    {"empty", DNS_NODATA, DNS_SECURE, 0, "ent.signed.test", ""},
    {"empty_nsec3", DNS_NODATA, DNS_SECURE, 0, "ent.nsec3.test", ""},
    {"expired", DNS_FAILED, DNS_BOGUS, 0, "www.expired.test",
     "the signature of DNSKEY expired.test has expired on 2020-02-01"},
    {"forged", DNS_FAILED, DNS_BOGUS, 0, "forged.altered.test",
     "the signature of A forged.altered.test is wrong"},
    {"future", DNS_FAILED, DNS_BOGUS, 0, "www.future.test", "begins only on 2034-01-01"},
    {"insecure", DNS_FOUND, DNS_INSECURE, 1, "www.insecure.test", ""},
    {"insecure_nsec", DNS_FOUND, DNS_INSECURE, 1, "www.plain.signed.test", ""},
    {"insecure_nsec3", DNS_FOUND, DNS_INSECURE, 1, "www.plain.nsec3.test", ""},
    {"insecure_optout", DNS_FOUND, DNS_INSECURE, 1, "www.plain.optout.test", ""},
    {"nodata", DNS_NODATA, DNS_SECURE, 0, "www.signed.test", ""},
    {"nodata_nsec3", DNS_NODATA, DNS_SECURE, 0, "www.nsec3.test", ""},
    {"nokeys", DNS_FAILED, DNS_BOGUS, 0, "www.nokeys.test", "has a DS but no DNSKEY"},
    {"nxdomain", DNS_NXDOMAIN, DNS_SECURE, 0, "nowhere.signed.test", ""},
    {"nxdomain_nsec3", DNS_NXDOMAIN, DNS_SECURE, 0, "nowhere.nsec3.test", ""},
    {"nxdomain_optout", DNS_NXDOMAIN, DNS_INSECURE, 0, "nowhere.optout.test", ""},
    {"round", DNS_FAILED, DNS_INDETERMINATE, 0, "round.signed.test", "SERVFAIL"},
    {"secure", DNS_FOUND, DNS_SECURE, 1, "_25._tcp.www.signed.test", ""},
    {"stripped", DNS_FAILED, DNS_BOGUS, 0, "stripped.altered.test", "has no signature, although"},
    {"two", DNS_FOUND, DNS_SECURE, 1, "www.two.test", ""},
    {"unknown", DNS_FOUND, DNS_INSECURE, 1, "www.unknown.test", ""},
    {"wildcard", DNS_FOUND, DNS_SECURE, 1, "x.wild.signed.test", ""},
    {"wildcard_nodata", DNS_NODATA, DNS_SECURE, 0, "x.wild.signed.test", ""},
    {"wildcard_nodata_nsec3", DNS_NODATA, DNS_SECURE, 0, "x.wild.nsec3.test", ""},
    {"wildcard_nsec3", DNS_FOUND, DNS_SECURE, 1, "x.wild.nsec3.test", ""},
    {"wrongds", DNS_FAILED, DNS_BOGUS, 0, "www.wrongds.test",
     "none of the keys (DNSKEY) of wrongds.test has the DS"},
};

#define ALL (sizeof all / sizeof *all)

/* A file in memory, to be changed. */
struct tape {
    uint8_t *data;
    size_t len;
    struct recorded r;
    struct dns_answer answer;
};

static void tape_open(struct tape *tape, const char *name)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof path, CORPUS "%s", name);
    file = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    *tape = (struct tape){.data = malloc(LIMIT_DNS_MESSAGE)};
    CU_ASSERT_PTR_NOT_NULL_FATAL(tape->data);
    tape->len = fread(tape->data, 1, LIMIT_DNS_MESSAGE, file);
    (void)fclose(file);
    CU_ASSERT_TRUE_FATAL(recorded_open(&tape->r, tape->data, tape->len));
}

static void tape_close(struct tape *tape)
{
    dns_answer_clear(&tape->answer);
    dns_free(tape->r.dns);
    free(tape->data);
}

static const struct dns_answer *play(struct tape *tape)
{
    dns_answer_clear(&tape->answer);
    CU_ASSERT_EQUAL_FATAL(recorded_ask(&tape->r, &tape->answer), 0);
    return &tape->answer;
}

static void test_recorded(void)
{
    for (size_t i = 0; i < ALL; i++) {
        const struct expected *e = &all[i];
        const struct dns_answer *a;
        struct tape tape;
        bool right;

        tape_open(&tape, e->file);
        a = play(&tape);
        right = a->outcome == e->outcome && a->trust == e->trust && a->count == e->count &&
                strcmp(a->names[a->name_count - 1], e->last) == 0 &&
                strstr(a->reason, e->says) != NULL;
        CU_ASSERT_TRUE(right);
        if (!right) {
            (void)fprintf(stderr, "%s: %s, %s, %zu at %s: %s\n", e->file,
                          dns_outcome_name(a->outcome), dns_trust_name(a->trust), a->count,
                          a->names[a->name_count - 1], a->reason);
        }
        tape_close(&tape);
    }
}

/* Without the root's key there is nothing to begin with, and with another one nothing is right. */
static void test_other_anchor(void)
{
    const struct dns_answer *a;
    struct tape tape;
    ldns_rr *key;

    tape_open(&tape, "secure");
    key = ldns_rr_list_rr(tape.r.dns->anchors, 0);
    ldns_rdf_data(ldns_rr_rdf(key, 3))[20] ^= 1;
    a = play(&tape);
    CU_ASSERT_EQUAL(a->outcome, DNS_FAILED);
    CU_ASSERT_EQUAL(a->trust, DNS_BOGUS);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(a->reason, "none of the keys of the root is in the trust anchor"));
    tape_close(&tape);
}

/* RFC 4034 3.1.5: before the signatures' time and after it. */
static void test_other_day(void)
{
    static const int64_t years[] = {-1, 20};

    for (size_t i = 0; i < sizeof years / sizeof *years; i++) {
        const struct dns_answer *a;
        struct tape tape;

        tape_open(&tape, "secure");
        tape.r.now += years[i] * 365 * 86400;
        a = play(&tape);
        CU_ASSERT_EQUAL(a->outcome, DNS_FAILED);
        CU_ASSERT_EQUAL(a->trust, DNS_BOGUS);
        tape_close(&tape);
    }
}

/* -- proofs that are not there, or of something else -- */

static bool is_bogus(const struct dns_answer *a)
{
    return a->outcome == DNS_FAILED && a->trust == DNS_BOGUS;
}

/* The authority section of each message becomes part of the additional one, where no proof is. */
static void hide_proofs(struct tape *tape)
{
    size_t at = (size_t)(tape->r.messages - tape->data);

    while (tape->len - at > 2 + 12) {
        size_t len = wire_read_u16(tape->data + at);
        uint8_t *counts = tape->data + at + 2 + 8;

        wire_write_u16(counts + 2, (uint16_t)(wire_read_u16(counts) + wire_read_u16(counts + 2)));
        wire_write_u16(counts, 0);
        at += 2 + len;
    }
}

/* RFC 4035 5.2, 5.3.4, 5.4: a name, a type, a DS and something nearer than a wildcard are absent
 * only where that is proved. */
static void test_without_proofs(void)
{
    static const char *const need_none[] = {"alias", "dname", "secure", "two", "unknown"};

    for (size_t i = 0; i < ALL; i++) {
        const struct dns_answer *a;
        struct tape tape;
        enum dns_outcome expected = DNS_FAILED;

        for (size_t k = 0; k < sizeof need_none / sizeof *need_none; k++) {
            if (strcmp(need_none[k], all[i].file) == 0) {
                expected = all[i].outcome;
            }
        }
        tape_open(&tape, all[i].file);
        hide_proofs(&tape);
        a = play(&tape);
        CU_ASSERT_EQUAL(a->outcome, expected);
        CU_ASSERT_TRUE(expected == DNS_FAILED || a->trust == all[i].trust);
        tape_close(&tape);
    }
}

/* The response code is not signed: that a name is there without such records proves nothing of its
 * absence, and the other way round. */
static void test_other_code(void)
{
    static const char *const files[] = {"empty",    "empty_nsec3",     "nodata",
                                        "nxdomain", "nodata_nsec3",    "nxdomain_nsec3",
                                        "wildcard", "wildcard_nodata", "wildcard_nodata_nsec3"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const struct dns_answer *a;
        struct tape tape;

        tape_open(&tape, files[i]);
        tape.data[tape.r.messages - tape.data + 2 + 3] ^= LDNS_RCODE_NXDOMAIN;
        a = play(&tape);
        /* Records that are there are there. */
        CU_ASSERT_TRUE(strcmp(files[i], "wildcard") == 0 ? a->outcome == DNS_FOUND : is_bogus(a));
        tape_close(&tape);
    }
}

/* Asks for another name, of as many octets, and has the same answer to it. */
static void rename_question(struct tape *tape, const char *from, const char *to)
{
    uint8_t *at = tape->data + (tape->r.messages - tape->data) + 2 + 12 + 1;
    char *name = strstr(tape->r.name, from);

    CU_ASSERT_PTR_NOT_NULL_FATAL(name);
    CU_ASSERT_EQUAL_FATAL(memcmp(at, from, strlen(from)), 0);
    memcpy(at, to, strlen(to));
    memcpy(name, to, strlen(to));
}

/* RFC 4035 5.4, RFC 5155 8.4: a proof is one for the names that it spans, and that is more than
 * one: what proves the absence of a wildcard spans from the apex to "alias", or to the hash behind
 * the apex'. */
static void test_other_name(void)
{
    static const struct {
        const char *file, *from, *to;
        bool spanned;
    } cases[] = {
        {"nxdomain", "nowhere", "nowherf", true},
        {"nxdomain", "nowhere", "aaaaaaa", true},
        {"nxdomain", "nowhere", "zzzzzzz", false},
        {"nxdomain_nsec3", "nowhere", "aaaaaaa", false},
        {"nxdomain_nsec3", "nowhere", "zzzzzzz", true},
        {"nodata", "www", "old", false},
        {"nodata_nsec3", "www", "old", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct dns_answer *a;
        struct tape tape;

        tape_open(&tape, cases[i].file);
        rename_question(&tape, cases[i].from, cases[i].to);
        a = play(&tape);
        CU_ASSERT_EQUAL(is_bogus(a), !cases[i].spanned);
        CU_ASSERT_EQUAL(a->trust == DNS_SECURE, cases[i].spanned);
        tape_close(&tape);
    }
}

/* RFC 4035 5.4, RFC 5155 8.5: what the bitmap has is not absent. */
static void test_other_type(void)
{
    static const struct {
        const char *file, *type;
        bool absent;
    } cases[] = {{"nodata", "A", false},          {"nodata", "AAAA", true},
                 {"nodata", "RRSIG", false},      {"nodata_nsec3", "A", false},
                 {"nodata_nsec3", "MX", true},    {"wildcard_nodata", "TXT", false},
                 {"wildcard_nodata", "MX", true}, {"wildcard_nodata_nsec3", "TXT", false}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tape tape;
        uint8_t *at;

        tape_open(&tape, cases[i].file);
        at = tape.data + (tape.r.messages - tape.data) + 2 + 12;
        while (*at != 0) {
            at += 1 + *at;
        }
        wire_write_u16(at + 1, (uint16_t)ldns_get_rr_type_by_name(cases[i].type));
        (void)snprintf(tape.r.type, sizeof tape.r.type, "%s", cases[i].type);
        CU_ASSERT_EQUAL(is_bogus(play(&tape)), !cases[i].absent);
        tape_close(&tape);
    }
}

/* The wildcard's own NSEC as if it were that of a name that the wildcard is expanded to: its
 * signature is right, and would deny whatever there is at any name below (RFC 4035 5.3.4). */
static void test_expanded_proof(void)
{
    const struct dns_answer *a;
    struct tape tape;
    uint8_t *at, *end;
    unsigned changed = 0;

    tape_open(&tape, "wildcard_nodata");
    at = tape.data + (tape.r.messages - tape.data) + 2;
    end = at + wire_read_u16(tape.r.messages);
    for (; end - at > 3; at++) {
        if (at[0] == 1 && at[1] == '*' && (at[2] & 0xc0) == 0xc0) { /* an owner name's */
            at[1] = 'x';
            changed++;
        }
    }
    CU_ASSERT_TRUE(changed > 0);
    a = play(&tape);
    CU_ASSERT_TRUE(is_bogus(a));
    CU_ASSERT_PTR_NOT_NULL(strstr(a->reason, "nothing proves the absence"));
    tape_close(&tape);
}

/* -- octets changed -- */

static bool same(const struct dns_answer *a, const struct dns_answer *b)
{
    bool is = a->outcome == b->outcome && a->trust == b->trust && a->count == b->count &&
              a->name_count == b->name_count;

    for (size_t i = 0; is && i < a->name_count; i++) {
        is = strcmp(a->names[i], b->names[i]) == 0;
    }
    for (size_t i = 0; is && i < a->count; i++) {
        is = a->records[i].len == b->records[i].len &&
             memcmp(a->records[i].rdata, b->records[i].rdata, a->records[i].len) == 0;
    }
    return is;
}

/* Secure is only what was recorded as that; what is signed does not become unsigned by a change,
 * nor good what was bogus. */
static bool tolerable(const struct dns_answer *now, const struct dns_answer *was)
{
    if (now->outcome == DNS_FAILED) {
        return now->trust == DNS_BOGUS || now->trust == DNS_INDETERMINATE;
    }
    return was->trust == DNS_INSECURE ? now->trust == DNS_INSECURE : same(now, was);
}

/* Changes a bit of each step'th octet in [from, to) and plays; whole: with the chain of keys. */
static void change(struct tape *tape, const struct expected *e, const size_t range[2], size_t step,
                   bool whole)
{
    struct tape was;

    tape_open(&was, e->file);
    (void)play(&was);
    (void)play(tape);
    for (size_t at = range[0]; at < range[1]; at += step) {
        uint8_t *octet = tape->data + at, bit = (uint8_t)(1U << at % 8);
        bool right;

        *octet ^= bit;
        dns_answer_clear(&tape->answer);
        CU_ASSERT_EQUAL_FATAL(whole ? recorded_ask(&tape->r, &tape->answer)
                                    : recorded_again(&tape->r, &tape->answer),
                              0);
        *octet ^= bit;
        right = tolerable(&tape->answer, &was.answer);
        CU_ASSERT_TRUE(right);
        if (!right) {
            (void)fprintf(stderr, "%s, octet %zu ^ %u: %s, %s\n", e->file, at, bit,
                          dns_outcome_name(tape->answer.outcome),
                          dns_trust_name(tape->answer.trust));
        }
    }
    tape_close(&was);
}

/* Of the answer itself, the keys being known; each octet where it is secure. */
static void test_changed_answers(void)
{
    for (size_t i = 0; i < ALL; i++) {
        struct tape tape;
        size_t range[2];

        if (strcmp(all[i].file, "class_not_in") == 0) {
            continue; /* a change made it what it is: one can make it right again */
        }
        tape_open(&tape, all[i].file);
        range[0] = (size_t)(tape.r.messages - tape.data) + 2;
        range[1] = range[0] + wire_read_u16(tape.r.messages);
        CU_ASSERT_FATAL(range[1] <= tape.len);
        change(&tape, &all[i], range, all[i].trust == DNS_SECURE ? 1 : 5, false);
        tape_close(&tape);
    }
}

/* Of all that proves the keys. */
static void test_changed_chains(void)
{
    for (size_t i = 0; i < ALL; i++) {
        struct tape tape;
        size_t range[2];

        if (strcmp(all[i].file, "class_not_in") == 0) {
            continue;
        }
        tape_open(&tape, all[i].file);
        range[0] =
            (size_t)(tape.r.messages - tape.data) + 2 + wire_read_u16(tape.r.messages) + i % STEP;
        range[1] = tape.len;
        change(&tape, &all[i], range, STEP, true);
        tape_close(&tape);
    }
}

int main(void)
{
    static const struct run_case cases[] = {{"recorded", test_recorded},
                                            {"other anchor", test_other_anchor},
                                            {"other day", test_other_day},
                                            {"without proofs", test_without_proofs},
                                            {"other code", test_other_code},
                                            {"other name", test_other_name},
                                            {"other type", test_other_type},
                                            {"expanded proof", test_expanded_proof},
                                            {"changed answers", test_changed_answers},
                                            {"changed chains", test_changed_chains}};

    return RUN("validate", cases);
}
