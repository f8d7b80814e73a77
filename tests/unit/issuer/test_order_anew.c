/* Second chances of an order, each given once, and the end of what would hang at the CA. */
#include "order_lab.h"

#include <CUnit/Basic.h>

/* The order that is open goes through. */
static void succeeds(struct lab *lab)
{
    CU_ASSERT_FATAL(lab_open(lab, "new"));
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", 200, "{}");
    lab_seen(lab, "a.example", 1);
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "ready", ""));
    lab_answer(lab, "/finalize", 200, lab_order("a.example", "valid", ""));
    lab_answer(lab, "/cert", 200, lab_chain_of(lab_key(), "a.example", "Root"));
    CU_ASSERT(lab->finished && lab->failure == ORDER_OK);
    CU_ASSERT(lab->detached == 0);
    lab_free(lab);
}

static const char *authz_with(const char *status, const char *type, const char *detail)
{
    static char body[2048];

    snprintf(body, sizeof(body),
             "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},"
             "\"challenges\":[{\"type\":\"dns-01\",\"status\":\"invalid\",\"url\":\"" LAB_URL
             "/chall/0\",\"token\":\"t\",\"error\":{\"type\":\"urn:ietf:params:acme:error:%s\","
             "\"detail\":\"%s\"}}]}",
             status, type, detail);
    return body;
}

static void validation_fails(struct lab *lab, const char *type, const char *detail)
{
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
    lab_answer(lab, "/authz/0", 200, authz_with("invalid", type, detail));
}

/* RFC 8555 6.7: kinds of errors that say nothing about the domain. */
static void test_temporary_failures(void)
{
    static const struct {
        const char *type, *detail;
    } cases[] = {
        {"dns", "DNS problem: query timed out looking up TXT for _acme-challenge.a.example"},
        {"dns", "During secondary validation: DNS problem: SERVFAIL looking up TXT"},
        {"dns", "DNS problem: networking error looking up TXT"},
        {"dns", "read udp 127.0.0.1:1: i/o timeout"},
        {"connection", "refused"},
        {"serverInternal", "oops"},
    };
    struct order_saved saved;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lab *lab = lab_validating();
        validation_fails(lab, cases[i].type, cases[i].detail);
        CU_ASSERT(!lab->finished);
        CU_ASSERT(lab->withdrawn == 1 && lab->timer_ms == 0);
        CU_ASSERT(strstr(lab->log, cases[i].detail) != NULL);
        CU_ASSERT(strstr(lab->log, "that may be over soon: ordering anew, this once") != NULL);
        order_get_saved(lab->order, &saved);
        CU_ASSERT(saved.state == ORDER_ORDERING && saved.url == NULL && saved.finalize_url == NULL);
        succeeds(lab);
    }
}

static void test_once_only(void)
{
    struct lab *lab = lab_validating();

    validation_fails(lab, "dns", "query timed out");
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", 200, "{}");
    validation_fails(lab, "dns", "query timed out");
    CU_ASSERT_STRING_EQUAL(lab->problem, "dns");
    size_t at = 0;
    const char *why = NULL;
    const char *name = order_failed_name(lab->order, &at, &why);
    CU_ASSERT(name != NULL && strcmp(name, "a.example") == 0);
    CU_ASSERT(why != NULL && strstr(why, "query timed out") != NULL);
    CU_ASSERT(order_failed_before(lab->order, 0)); /* both count at the CA */
    CU_ASSERT(order_failed_name(lab->order, &at, &why) == NULL);
    lab_failed(lab, ORDER_REFUSED_CA, "a.example: dns: query timed out");
}

static void test_definite_failures(void)
{
    static const struct {
        const char *type, *detail;
    } cases[] = {{"dns", "NXDOMAIN looking up TXT"},
                 {"unauthorized", "Incorrect TXT record; the query timed out"},
                 {"caa", "CAA forbids; SERVFAIL"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lab *lab = lab_validating();
        validation_fails(lab, cases[i].type, cases[i].detail);
        CU_ASSERT_STRING_EQUAL(lab->problem, cases[i].type);
        lab_failed(lab, ORDER_REFUSED_CA, cases[i].detail);
    }
}

/* What the order that is given up had asked for comes too late, and is not taken for an answer. */
static void test_late_answers(void)
{
    static const char names[] = "a.example,b.example";
    struct lab *lab = lab_new(names);
    uint32_t late, authz_tag;

    lab_answer(lab, "new", 201, lab_order(names, "pending", ""));
    authz_tag = lab_find(lab, "/authz/0")->tag;
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_answer(lab, "/authz/1", 200, lab_authz(1, "b.example", false, "valid"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    late = lab_find(lab, "/chall/0")->tag;
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order(names, "invalid", ""));
    lab_answer(lab, "/chall/0", 200, "{}");
    lab_answer(lab, "/authz/0", 200, authz_with("invalid", "dns", "SERVFAIL"));
    lab_answer(lab, "new", 201, lab_order(names, "pending", ""));
    CU_ASSERT(lab_feed(lab, &(struct order_event){.kind = ORDER_EV_RESPONSE,
                                                  .tag = late,
                                                  .status = 200,
                                                  .body = "{}",
                                                  .retry_after_ms = -1}) == 0);
    /* the same question is open again; this is the answer to the first one */
    CU_ASSERT(lab_feed(lab, &(struct order_event){
                                .kind = ORDER_EV_RESPONSE,
                                .tag = authz_tag,
                                .status = 200,
                                .body = lab_authz(0, "a.example", false, "valid"),
                                .body_len = strlen(lab_authz(0, "a.example", false, "valid")),
                                .retry_after_ms = -1}) == 0);
    CU_ASSERT(lab_find(lab, "/authz/0")->tag != authz_tag);
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_answer(lab, "/authz/1", 200, lab_authz(1, "b.example", false, "valid")); /* reused */
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", 200, "{}");
    CU_ASSERT(!lab->finished && lab->published == 2 && lab->withdrawn == 1);
    lab_free(lab);
}

/* -- an order that the CA does not know, or let expire (RFC 8555 7.1.6) -- */

static struct lab *resumed(enum order_state state)
{
    static struct order_saved saved;

    saved = (struct order_saved){
        .state = state, .url = LAB_URL "/order", .finalize_url = LAB_URL "/finalize"};
    return lab_new_with(&(struct lab_options){.names = "a.example", .saved = &saved});
}

static void test_forgotten(void)
{
    static const enum order_state states[] = {ORDER_AUTHORIZING, ORDER_VALIDATING, ORDER_FINALIZING,
                                              ORDER_DOWNLOADING};

    for (size_t i = 0; i < 4; i++) {
        struct lab *lab = resumed(states[i]);
        lab_answer(lab, "/order", 404, "");
        CU_ASSERT(strstr(lab->log, "the CA does not know the order any more: ordering anew") !=
                  NULL);
        succeeds(lab);
    }
    /* twice is too often */
    struct lab *lab = resumed(ORDER_VALIDATING);
    lab_answer(lab, "/order", 404, "");
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_tick(lab);
    lab_answer(lab, "/order", 404, "");
    lab_failed(lab, ORDER_REFUSED_CA, "HTTP 404");
}

/* A CA that was restarted without memory, at every step of an order. */
static void test_forgotten_midway(void)
{
    struct lab *lab = lab_new("a.example");
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 404, "");
    CU_ASSERT(strstr(lab->log, "does not know an authorization") != NULL);
    succeeds(lab);

    lab = lab_new("a.example");
    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", 404, "");
    lab_answer(lab, "/authz/0", 404, "");
    CU_ASSERT(!lab->finished);
    lab->detached = 0; /* it was pending as far as we knew */
    succeeds(lab);

    lab = lab_validating();
    lab_tick(lab);
    lab_answer(lab, "/order", 404, "");
    lab->detached = 0;
    succeeds(lab);

    lab = lab_finalizing();
    lab_answer(lab, "/finalize", 404, "");
    lab_answer(lab, "/order", 404, "");
    succeeds(lab);

    lab = lab_finalizing();
    lab_answer(lab, "/finalize", 404, "");
    lab_answer(lab, "/order", 200, lab_order("a.example", "ready", ""));
    lab_answer(lab, "/finalize", 404, "");
    lab_failed(lab, ORDER_REFUSED_CA, "the CA did not take the CSR: HTTP 404");

    lab = lab_downloading();
    lab_answer(lab, "/cert", 404, "");
    lab_answer(lab, "/order", 404, "");
    succeeds(lab);
}

static void test_expired(void)
{
    static const char *const gone[] = {"expired", "deactivated", "revoked"};

    for (size_t i = 0; i < 3; i++) {
        struct lab *lab = resumed(ORDER_VALIDATING);
        lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
        lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, gone[i]));
        CU_ASSERT(strstr(lab->log, "has expired at the CA: ordering anew") != NULL);
        succeeds(lab);

        /* in an order that is new */
        lab = lab_new("a.example");
        lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
        lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, gone[i]));
        CU_ASSERT(!lab->finished);
        lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
        lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, gone[i]));
        lab_failed(lab, ORDER_REFUSED_CA, gone[i]);
    }
    /* the CA has no word for the authorization either */
    struct lab *lab = resumed(ORDER_VALIDATING);
    lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
    lab_answer(lab, "/authz/0", 404, "");
    succeeds(lab);
    /* the authorization is still good, the order is not */
    lab = resumed(ORDER_VALIDATING);
    lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "valid"));
    succeeds(lab);
    lab = resumed(ORDER_FINALIZING);
    lab_answer(lab, "/order", 200, lab_order("a.example", "invalid", ""));
    CU_ASSERT(strstr(lab->log, "the order has expired at the CA") != NULL);
    succeeds(lab);
    /* with a reason it has not expired */
    lab = resumed(ORDER_FINALIZING);
    lab_answer(
        lab, "/order", 200,
        lab_order("a.example", "invalid",
                  ",\"error\":{\"type\":\"urn:ietf:params:acme:error:caa\",\"detail\":\"no\"}"));
    CU_ASSERT_STRING_EQUAL(lab->problem, "caa");
    lab_failed(lab, ORDER_REFUSED_CA, "did not issue the certificate: caa: no");
}

/* -- renewals (RFC 9773 5), profiles (draft-ietf-acme-profiles) -- */

static struct lab *renewal(void)
{
    return lab_new_with(
        &(struct lab_options){.names = "a.example", .replaces = "aki.serial", .profile = "short"});
}

#define PROBLEM(type, detail)                                                                      \
    "{\"type\":\"urn:ietf:params:acme:error:" type "\",\"detail\":\"" detail "\"}"

static void test_new_order_wishes(void)
{
    struct lab *lab = renewal();

    size_t count = 0;
    CU_ASSERT_STRING_EQUAL(order_names(lab->order, &count)[0], "a.example");
    CU_ASSERT(count == 1 && order_replaces(lab->order));
    CU_ASSERT_STRING_EQUAL(order_profile(lab->order), "short");
    CU_ASSERT_STRING_EQUAL(lab_find(lab, "new")->payload,
                           "{\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"}],"
                           "\"profile\":\"short\",\"replaces\":\"aki.serial\"}");
    succeeds(lab);
}

static void test_already_replaced(void)
{
    static const struct {
        int status;
        const char *body;
    } cases[] = {
        {409, PROBLEM("alreadyReplaced", "it has a replacement order")},
        {400, PROBLEM("malformed", "parsing ARI CertID failed")},
        {400, PROBLEM("malformed", "no such certificate")},
        {403, PROBLEM("unauthorized", "account did not request the certificate being replaced")},
        {404, "{\"detail\":\"request included a replaces field, not found\"}"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct lab *lab = renewal();
        lab_answer(lab, "new", cases[i].status, cases[i].body);
        CU_ASSERT_FATAL(lab_open(lab, "new"));
        CU_ASSERT(strstr(lab_find(lab, "new")->payload, "replaces") == NULL);
        CU_ASSERT(strstr(lab_find(lab, "new")->payload, "\"profile\":\"short\"") != NULL);
        CU_ASSERT(strstr(lab->log, "ordering without saying so") != NULL);
        succeeds(lab);
    }
    /* once; and what has nothing to do with it is no reason */
    struct lab *lab = renewal();
    lab_answer(lab, "new", 409, PROBLEM("alreadyReplaced", "x"));
    lab_answer(lab, "new", 409, PROBLEM("alreadyReplaced", "x"));
    CU_ASSERT_STRING_EQUAL(lab->problem, "alreadyReplaced");
    lab_failed(lab, ORDER_REFUSED_CA, "alreadyReplaced: x (HTTP 409)");
    lab = renewal();
    lab_answer(lab, "new", 429, PROBLEM("rateLimited", "too many replacements"));
    lab_failed(lab, ORDER_REFUSED_CA, "rateLimited: too many replacements");
    lab = renewal();
    lab_answer(lab, "new", 400, PROBLEM("malformed", "no"));
    lab_answer(lab, "new", 400, PROBLEM("malformed", "no"));
    lab_failed(lab, ORDER_REFUSED_CA, "malformed: no");
    lab = renewal();
    lab_answer(lab, "new", 400, PROBLEM("rejectedIdentifier", "no"));
    lab_failed(lab, ORDER_REFUSED_CA, "rejectedIdentifier: no");
    lab = renewal();
    lab_lost(lab, "new", ERR_TIMEOUT);
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "the line is dead");
}

/* What is asked of the directory before the order: draft-ietf-acme-profiles 3, RFC 9773 5. */
static void known(struct lab *lab, bool renewal_info, bool has_profile, const char *profiles)
{
    CU_ASSERT(lab->knows == 1 && lab->post_count == 0);
    lab_feed(lab, &(struct order_event){.kind = ORDER_EV_KNOWN,
                                        .renewal_info = renewal_info,
                                        .has_profile = has_profile,
                                        .body = profiles});
}

static struct lab *asking(const char *profile, const char *replaces)
{
    return lab_new_with(&(struct lab_options){
        .names = "a.example", .profile = profile, .replaces = replaces, .unknown = true});
}

static void test_known_first(void)
{
    struct lab *lab = lab_new("a.example");
    CU_ASSERT(lab->knows == 0); /* no need */
    lab_free(lab);

    lab = asking(NULL, "aki.serial");
    known(lab, false, false, NULL);
    CU_ASSERT(strstr(lab_find(lab, "new")->payload, "replaces") == NULL);
    succeeds(lab);

    lab = asking("short", "aki.serial");
    known(lab, true, true, "short, classic");
    CU_ASSERT(strstr(lab_find(lab, "new")->payload, "\"replaces\":\"aki.serial\"") != NULL);
    CU_ASSERT(lab_feed(lab, &(struct order_event){.kind = ORDER_EV_KNOWN}) == 0);
    succeeds(lab);

    lab = asking("long", NULL);
    known(lab, true, false, "short, classic");
    CU_ASSERT_STRING_EQUAL(lab->problem, "invalidProfile");
    CU_ASSERT_EQUAL(lab->post_count, 0);
    lab_failed(
        lab, ORDER_REFUSED_CA,
        "the CA does not take the profile \"long\": no such profile; it offers short, classic");

    lab = asking("long", NULL);
    known(lab, true, false, "");
    lab_failed(lab, ORDER_REFUSED_CA, "it offers none");

    lab = asking("short", NULL);
    lab_feed(lab, &(struct order_event){.kind = ORDER_EV_KNOWN,
                                        .transport = ERR_UNAVAILABLE,
                                        .transport_text = "refused"});
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "the CA's directory could not be read: refused");

    /* the CA's own judgement */
    lab = asking("short", NULL);
    known(lab, true, true, "short, classic");
    lab_answer(lab, "new", 400, PROBLEM("invalidProfile", "not for this account"));
    CU_ASSERT_STRING_EQUAL(lab->problem, "invalidProfile");
    lab_failed(lab, ORDER_REFUSED_CA,
               "invalidProfile: not for this account (HTTP 400); it offers short, classic");
    lab = asking("short", NULL);
    known(lab, true, true, "short");
    lab_answer(lab, "new", 400, PROBLEM("malformed", "x"));
    lab_failed(lab, ORDER_REFUSED_CA, "the CA did not take the order: malformed: x");
}

/* -- limits -- */

static void test_rate_limited(void)
{
    struct lab *lab = lab_new("a.example");

    lab_answer_event(lab, "new",
                     (struct order_event){.status = 429,
                                          .body = PROBLEM("rateLimited", "too many certificates"),
                                          .retry_after_ms = 3600500,
                                          .now = 1900000000});
    CU_ASSERT_STRING_EQUAL(lab->problem, "rateLimited");
    CU_ASSERT_EQUAL(lab->retry_at, 1900003601);
    lab_failed(lab, ORDER_REFUSED_CA, "the CA asks to wait until 2030-03-17");

    /* 503 with a time: the same for the one who asks */
    lab = lab_new("a.example");
    lab_answer_event(lab, "new",
                     (struct order_event){
                         .status = 503, .body = "", .retry_after_ms = 60000, .now = 1900000000});
    CU_ASSERT_STRING_EQUAL(lab->problem, "");
    CU_ASSERT_EQUAL(lab->retry_at, 1900000060);
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "the CA asks to wait until");

    /* neither without a time, nor without a clock */
    lab = lab_new("a.example");
    lab_answer(lab, "new", 429, PROBLEM("rateLimited", "x"));
    CU_ASSERT_EQUAL(lab->retry_at, 0);
    lab_failed(lab, ORDER_REFUSED_CA, "rateLimited: x (HTTP 429)");

    /* of a question for the order: not so often, that is all */
    lab = lab_validating();
    lab_tick(lab);
    lab_answer_event(lab, "/order",
                     (struct order_event){.status = 429,
                                          .body = PROBLEM("rateLimited", "slower"),
                                          .retry_after_ms = 4000});
    CU_ASSERT(!lab->finished && lab->timer_ms == 4000);
    lab_tick(lab);
    lab_answer(lab, "/order", 429, PROBLEM("rateLimited", "slower"));
    CU_ASSERT_EQUAL(lab->detached, 0); /* and no more questions than needed at the end */
    lab_failed(lab, ORDER_REFUSED_CA, "rateLimited: slower");
}

/* -- deactivation (RFC 8555 7.5.2) -- */

static void test_deactivated(void)
{
    static const char names[] = "a.example,b.example,c.example";
    struct lab *lab = lab_new(names);

    lab_answer(lab, "new", 201, lab_order(names, "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_answer(lab, "/authz/1", 200, lab_authz(1, "b.example", false, "valid"));
    lab_answer(lab, "/authz/2", 200, lab_authz(2, "c.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", 200, "{}");
    lab_answer(lab, "/chall/2", 200, "{}");
    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order(names, "invalid", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz_failed("a.example", "NXDOMAIN"));
    lab_answer(lab, "/authz/2", 200, lab_authz(2, "c.example", false, "pending"));
    CU_ASSERT_EQUAL(lab->detached, 1);
    CU_ASSERT_STRING_EQUAL(lab->left, LAB_URL "/authz/2{\"status\":\"deactivated\"}");
    lab_failed(lab, ORDER_REFUSED_CA, "NXDOMAIN");

    /* valid ones are not, though nobody has read them again */
    lab = lab_finalizing();
    lab_answer(lab, "/finalize", 400, PROBLEM("badCSR", "weak"));
    CU_ASSERT_EQUAL(lab->detached, 0);
    lab_failed(lab, ORDER_REFUSED_CA, "badCSR: weak");

    /* one without a challenge that we can meet; the others are looked at before the end */
    lab = lab_new("a.example,b.example");
    lab_answer(lab, "new", 201, lab_order("a.example,b.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200,
               "{\"status\":\"pending\",\"identifier\":{\"type\":\"dns\",\"value\":\"a.example\"},"
               "\"challenges\":[]}");
    CU_ASSERT(!lab->finished);
    lab_answer(lab, "/authz/1", 200, lab_authz(1, "b.example", false, "pending"));
    CU_ASSERT_EQUAL(lab->detached, 2);
    lab_failed(lab, ORDER_REFUSED_CA, "no dns-01 challenge for a.example");
}

static void test_not_deactivated(void)
{
    struct lab *lab = lab_validating();

    /* the server stops: the order goes on later */
    lab_event(lab, ORDER_EV_CANCEL);
    CU_ASSERT_EQUAL(lab->detached, 0);
    lab_failed(lab, ORDER_INTERRUPTED, "");
    /* it does not */
    lab = lab_validating();
    lab_feed(lab, &(struct order_event){.kind = ORDER_EV_CANCEL, .for_good = true});
    CU_ASSERT_EQUAL(lab->detached, 1);
    lab_failed(lab, ORDER_INTERRUPTED, "");
    /* the CA is away */
    lab = lab_validating();
    lab_tick(lab);
    lab_lost(lab, "/order", ERR_UNAVAILABLE);
    CU_ASSERT_EQUAL(lab->detached, 0);
    lab_failed(lab, ORDER_UNAVAILABLE_CA, "the line is dead");
}

/* An authorization that the order before left pending is either part of the new one, or ended. */
static void test_left_behind(void)
{
    static const char names[] = "a.example,b.example";
    static const char other[] =
        "{\"status\":\"pending\",\"identifiers\":[{\"type\":\"dns\",\"value\":\"a.example\"},"
        "{\"type\":\"dns\",\"value\":\"b.example\"}],\"authorizations\":[\"" LAB_URL
        "/authz/7\",\"" LAB_URL "/authz/8\"],\"finalize\":\"" LAB_URL "/finalize\"}";

    for (int same = 0; same < 3; same++) {
        struct lab *lab = lab_new(names);
        lab_answer(lab, "new", 201, lab_order(names, "pending", ""));
        lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
        lab_answer(lab, "/authz/1", 200, lab_authz(1, "b.example", false, "pending"));
        lab_event(lab, ORDER_EV_PUBLISHED);
        lab_tick(lab);
        lab_answer(lab, "/order", 200, lab_order(names, "invalid", ""));
        lab_answer(lab, "/chall/0", 200, "{}");
        lab_answer(lab, "/chall/1", 200, "{}");
        lab_answer(lab, "/authz/0", 200, authz_with("invalid", "dns", "SERVFAIL"));
        lab_answer(lab, "/authz/1", 200, lab_authz(1, "b.example", false, "pending"));
        CU_ASSERT(lab->detached == 0);
        if (same == 2) { /* there is no new order */
            lab_answer(lab, "new", 403, PROBLEM("unauthorized", "no"));
            CU_ASSERT(lab->finished);
        } else {
            lab_answer(lab, "new", 201, same ? lab_order(names, "pending", "") : other);
        }
        CU_ASSERT_EQUAL(lab->detached, same == 1 ? 0 : 1);
        CU_ASSERT(same == 1 || strstr(lab->left, LAB_URL "/authz/1{") != NULL);
        lab_free(lab);
    }
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("order anew", NULL, NULL);
    CU_ADD_TEST(suite, test_temporary_failures);
    CU_ADD_TEST(suite, test_once_only);
    CU_ADD_TEST(suite, test_definite_failures);
    CU_ADD_TEST(suite, test_late_answers);
    CU_ADD_TEST(suite, test_forgotten);
    CU_ADD_TEST(suite, test_forgotten_midway);
    CU_ADD_TEST(suite, test_expired);
    CU_ADD_TEST(suite, test_new_order_wishes);
    CU_ADD_TEST(suite, test_already_replaced);
    CU_ADD_TEST(suite, test_known_first);
    CU_ADD_TEST(suite, test_rate_limited);
    CU_ADD_TEST(suite, test_deactivated);
    CU_ADD_TEST(suite, test_not_deactivated);
    CU_ADD_TEST(suite, test_left_behind);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? 0 : 1;
}
