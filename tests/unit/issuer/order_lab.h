/*
 * A CA that says what a test wants, and a desk that only takes notes, around one order.
 */
#ifndef CERTMILL_TESTS_ORDER_LAB_H
#define CERTMILL_TESTS_ORDER_LAB_H

#include <CUnit/CUnit.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/order.h"

#ifndef LAB_HANDLE /* a test may stand between */
#define LAB_HANDLE order_handle
#define LAB_NEW    order_new
#endif

#define LAB_URL   "https://ca.test"
#define LAB_POSTS 512

struct lab_post {
    char url[128]; /* "new" for newOrder */
    char payload[1024];
    uint32_t tag;
    bool open;
};

struct lab {
    struct order *order;
    struct lab_post posts[LAB_POSTS];
    size_t post_count;
    int published, withdrawn, waits; /* values out, taken back; PUBLISH actions in the last turn */
    char values[8][64];
    uint32_t timer_ms;
    int saves, durable;
    char log[65536], text[65536];
    bool finished;
    enum order_failure failure;
    char *chain;
    char *others[LIMIT_ALTERNATES];
    size_t other_count;
    char problem[64];
    int64_t retry_at;
    int knows;
    struct order_estimate measured;
    int64_t mono_ms; /* what the next events say, 0: nothing */
    int detached;    /* POSTs that nobody waits for */
    char left[16384];
};

/* -- certificates -- */

static inline EVP_PKEY *lab_key(void)
{
    static EVP_PKEY *key;

    if (key == NULL)
        key = EVP_EC_gen("P-256");
    return key;
}

static inline GENERAL_NAMES *lab_san(const char *names)
{
    GENERAL_NAMES *san = sk_GENERAL_NAME_new_null();
    char copy[16384], *save = NULL;

    snprintf(copy, sizeof(copy), "%s", names);
    for (char *s = strtok_r(copy, ",", &save); s != NULL; s = strtok_r(NULL, ",", &save)) {
        GENERAL_NAME *name = GENERAL_NAME_new();
        ASN1_IA5STRING *ia5 = ASN1_IA5STRING_new();
        ASN1_STRING_set(ia5, s, -1);
        GENERAL_NAME_set0_value(name, GEN_DNS, ia5);
        sk_GENERAL_NAME_push(san, name);
    }
    return san;
}

static inline X509 *lab_cert(EVP_PKEY *key, const char *names, const char *subject,
                             const char *issuer)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_NAME_new();

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 0x1234abcd);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)subject, -1, -1,
                               0);
    X509_set_subject_name(cert, name);
    X509_NAME_free(name);
    name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)issuer, -1, -1, 0);
    X509_set_issuer_name(cert, name);
    X509_NAME_free(name);
    X509_set_pubkey(cert, key);
    if (names != NULL) {
        GENERAL_NAMES *san = lab_san(names);
        X509_add1_ext_i2d(cert, NID_subject_alt_name, san, 0, 0);
        GENERAL_NAMES_free(san);
    } else {
        BASIC_CONSTRAINTS *ca = BASIC_CONSTRAINTS_new();
        ca->ca = 1;
        X509_add1_ext_i2d(cert, NID_basic_constraints, ca, 1, 0);
        BASIC_CONSTRAINTS_free(ca);
    }
    X509_sign(cert, lab_key(), EVP_sha256());
    return cert;
}

static inline size_t lab_add_pem(char *dst, size_t cap, X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;

    PEM_write_bio_X509(bio, cert);
    size_t len = (size_t)BIO_get_mem_data(bio, &data);
    if (len >= cap)
        len = 0;
    memcpy(dst, data, len);
    dst[len] = '\0';
    BIO_free(bio);
    X509_free(cert);
    return len;
}

static char lab_leaf[32768]; /* the last one that lab_chain_of has made */

/* Another chain of the same leaf. */
static inline const char *lab_alternate(const char *root)
{
    static char pem[65536];
    size_t len = strlen(lab_leaf);

    memcpy(pem, lab_leaf, len);
    lab_add_pem(pem + len, sizeof(pem) - len, lab_cert(lab_key(), NULL, "Intermediate", root));
    return pem;
}

/* A leaf with names (divided by ","), and an intermediate issued by root. */
static inline const char *lab_chain_of(EVP_PKEY *key, const char *names, const char *root)
{
    lab_add_pem(lab_leaf, sizeof(lab_leaf), lab_cert(key, names, "leaf", "Intermediate"));
    return lab_alternate(root);
}

static inline uint8_t *lab_csr(size_t *len)
{
    X509_REQ *req = X509_REQ_new();
    uint8_t *der = NULL;

    X509_REQ_set_version(req, 0);
    X509_REQ_set_pubkey(req, lab_key());
    X509_REQ_sign(req, lab_key(), EVP_sha256());
    *len = (size_t)i2d_X509_REQ(req, &der);
    X509_REQ_free(req);
    return der;
}

/* -- the desk -- */

static inline void lab_note(struct lab *lab, const struct order_action *a)
{
    struct lab_post *post;

    switch (a->kind) {
    case ORDER_ACT_KNOW:
        lab->knows++;
        break;
    case ORDER_ACT_POST:
        if (a->detached) {
            lab->detached++;
            strncat(lab->left, a->url, sizeof(lab->left) - strlen(lab->left) - 1);
            strncat(lab->left, a->payload, sizeof(lab->left) - strlen(lab->left) - 1);
            break;
        }
        CU_ASSERT_FATAL(lab->post_count < LAB_POSTS);
        post = &lab->posts[lab->post_count++];
        snprintf(post->url, sizeof(post->url), "%s", a->url != NULL ? a->url : "new");
        snprintf(post->payload, sizeof(post->payload), "%s",
                 a->payload != NULL ? a->payload : "(get)");
        post->tag = a->tag;
        post->open = true;
        break;
    case ORDER_ACT_PUBLISH:
        if (lab->published < 8)
            snprintf(lab->values[lab->published], 64, "%s", a->value);
        lab->published++;
        lab->waits++;
        break;
    case ORDER_ACT_WITHDRAW:
        lab->withdrawn++;
        break;
    case ORDER_ACT_SAVE:
        lab->saves++;
        lab->durable += a->durable;
        break;
    case ORDER_ACT_TIMER:
        lab->timer_ms = a->delay_ms;
        break;
    case ORDER_ACT_LOG:
        strncat(lab->log, a->text, sizeof(lab->log) - strlen(lab->log) - 2);
        strcat(lab->log, "\n");
        break;
    case ORDER_ACT_FINISH:
        CU_ASSERT(!lab->finished);
        lab->finished = true;
        lab->failure = a->failure;
        snprintf(lab->text, sizeof(lab->text), "%s", a->text != NULL ? a->text : "");
        lab->chain = a->chain != NULL ? strdup(a->chain) : NULL;
        for (size_t i = 0; a->alternates != NULL && a->alternates[i] != NULL; i++)
            lab->others[lab->other_count++] = strdup(a->alternates[i]);
        snprintf(lab->problem, sizeof(lab->problem), "%s", a->problem != NULL ? a->problem : "");
        lab->retry_at = a->retry_at;
        lab->measured = a->measured;
        break;
    }
}

static inline int lab_feed(struct lab *lab, const struct order_event *event)
{
    const struct order_action *actions;
    struct order_event timed = *event;

    timed.mono_ms = lab->mono_ms;
    int count = LAB_HANDLE(lab->order, &timed, &actions);

    CU_ASSERT_FATAL(count >= 0);
    lab->waits = 0;
    for (int i = 0; i < count; i++) {
        lab_note(lab, &actions[i]);
        if (actions[i].kind == ORDER_ACT_FINISH)
            CU_ASSERT(i == count - 1);
    }
    if (lab->finished)
        CU_ASSERT(lab->published == lab->withdrawn);
    return count;
}

static inline int lab_event(struct lab *lab, enum order_event_kind kind)
{
    return lab_feed(lab, &(struct order_event){.kind = kind, .retry_after_ms = -1});
}

static inline struct lab_post *lab_find(struct lab *lab, const char *path)
{
    char url[160];

    snprintf(url, sizeof(url), "%s%s", strcmp(path, "new") == 0 ? "" : LAB_URL, path);
    for (size_t i = 0; i < lab->post_count; i++) {
        if (lab->posts[i].open && strcmp(lab->posts[i].url, url) == 0)
            return &lab->posts[i];
    }
    return NULL;
}

/* Whether a POST to path waits for its answer. */
static inline bool lab_open(struct lab *lab, const char *path)
{
    return lab_find(lab, path) != NULL;
}

/* Answers it; event says how (its kind, tag and length are set here). */
static inline void lab_answer_event(struct lab *lab, const char *path, struct order_event event)
{
    struct lab_post *post = lab_find(lab, path);

    if (post == NULL) {
        fprintf(stderr, "no POST to %s; the order: %s %s\n", path,
                order_state_name(order_get_state(lab->order)), lab->text);
        CU_FAIL_FATAL("no such POST");
        return;
    }
    post->open = false;
    event.kind = ORDER_EV_RESPONSE;
    event.tag = post->tag;
    if (event.body == NULL)
        event.body = "";
    event.body_len = strlen(event.body);
    lab_feed(lab, &event);
}

static inline void lab_answer(struct lab *lab, const char *path, int status, const char *body)
{
    struct order_event event = {.status = status, .body = body, .retry_after_ms = -1};

    if (strcmp(path, "new") == 0)
        event.location = LAB_URL "/order";
    lab_answer_event(lab, path, event);
}

static inline void lab_lost(struct lab *lab, const char *path, int error)
{
    lab_answer_event(lab, path,
                     (struct order_event){.transport = error,
                                          .transport_text = "the line is dead",
                                          .retry_after_ms = -1});
}

static inline void lab_seen(struct lab *lab, const char *domain, uint32_t total)
{
    lab_feed(lab, &(struct order_event){.kind = ORDER_EV_SEEN,
                                        .domain = domain,
                                        .seen_total = total,
                                        .retry_after_ms = -1});
}

static inline void lab_tick(struct lab *lab)
{
    lab->timer_ms = 0;
    lab_event(lab, ORDER_EV_TIMER);
}

/* -- beginning and end -- */

struct lab_options {
    const char *names; /* divided by "," */
    const char *preferred, *profile, *replaces;
    bool no_thumbprint;
    const struct order_saved *saved;
    struct order_estimate estimate;
    enum order_challenge challenge;
    const char *account_url;
    int64_t mono_ms;
    bool unknown; /* the CA's directory is left to the test */
};

static inline struct lab *lab_new_with(const struct lab_options *options)
{
    struct lab *lab = calloc(1, sizeof(*lab));
    char copy[16384], *names[128], *save = NULL;
    struct order_request request = {
        .id = 17,
        .names = names,
        .preferred_chain = options->preferred,
        .profile = options->profile,
        .estimate = options->estimate,
        .challenge = options->challenge,
        .account_url = options->account_url,
        .replaces = options->replaces,
        .zone_cname_hint = "acme.example.com",
        .thumbprint = options->no_thumbprint ? NULL : "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI",
    };
    size_t csr_len;
    uint8_t *csr = lab_csr(&csr_len);

    snprintf(copy, sizeof(copy), "%s", options->names);
    for (char *s = strtok_r(copy, ",", &save); s != NULL; s = strtok_r(NULL, ",", &save))
        names[request.name_count++] = s;
    request.csr = csr;
    request.csr_len = csr_len;
    int ret = options->saved != NULL ? order_resume(&lab->order, &request, options->saved)
                                     : LAB_NEW(&lab->order, &request);
    OPENSSL_free(csr);
    CU_ASSERT_FATAL(ret == 0);
    CU_ASSERT(order_id(lab->order) == 17);
    lab->mono_ms = options->mono_ms;
    lab_event(lab, ORDER_EV_START);
    if (lab->knows > 0 && !options->unknown)
        lab_feed(lab, &(struct order_event){
                          .kind = ORDER_EV_KNOWN, .renewal_info = true, .has_profile = true});
    return lab;
}

static inline struct lab *lab_new(const char *names)
{
    return lab_new_with(&(struct lab_options){.names = names});
}

static inline void lab_free(struct lab *lab)
{
    order_free(lab->order);
    free(lab->chain);
    for (size_t i = 0; i < lab->other_count; i++)
        free(lab->others[i]);
    free(lab);
}

/* -- what the CA says -- */

/* An order of names (divided by ","), authorizations /authz/0 and on. extra: more members, or "".
 */
static inline const char *lab_order(const char *names, const char *status, const char *extra)
{
    static char body[65536];
    char copy[16384], *save = NULL;
    size_t count = 0, len;

    snprintf(body, sizeof(body), "{\"status\":\"%s\",\"identifiers\":[", status);
    snprintf(copy, sizeof(copy), "%s", names);
    for (char *s = strtok_r(copy, ",", &save); s != NULL; s = strtok_r(NULL, ",", &save)) {
        len = strlen(body);
        snprintf(body + len, sizeof(body) - len, "%s{\"type\":\"dns\",\"value\":\"%s\"}",
                 count++ > 0 ? "," : "", s);
    }
    strcat(body, "],\"authorizations\":[");
    for (size_t i = 0; i < count; i++) {
        len = strlen(body);
        snprintf(body + len, sizeof(body) - len, "%s\"" LAB_URL "/authz/%zu\"", i > 0 ? "," : "",
                 i);
    }
    len = strlen(body);
    snprintf(body + len, sizeof(body) - len, "],\"finalize\":\"" LAB_URL "/finalize\"%s%s}", extra,
             strcmp(status, "valid") == 0 ? ",\"certificate\":\"" LAB_URL "/cert\"" : "");
    return body;
}

/* An authorization with a dns-01 challenge /chall/INDEX among others. */
static inline const char *lab_authz(unsigned index, const char *domain, bool wildcard,
                                    const char *status)
{
    static char body[4096];

    snprintf(body, sizeof(body),
             "{\"status\":\"%s\",\"identifier\":{\"type\":\"dns\",\"value\":\"%s\"}%s,"
             "\"challenges\":["
             "{\"type\":\"dns-persist-01\",\"url\":\"http://odd\",\"issuer-domain-names\":[]},"
             "{\"type\":\"http-01\",\"url\":\"" LAB_URL "/no\",\"token\":\"x\"},"
             "{\"type\":\"dns-01\",\"status\":\"pending\",\"url\":\"" LAB_URL "/chall/%u\","
             "\"token\":\"DGyRejmCefe7v4NfDGDKfA%u\"}]}",
             status, domain, wildcard ? ",\"wildcard\":true" : "", index, index);
    return body;
}

/* The same, failed, with the challenge's error. */
static inline const char *lab_authz_failed(const char *domain, const char *detail)
{
    static char body[4096];

    snprintf(body, sizeof(body),
             "{\"status\":\"invalid\",\"identifier\":{\"type\":\"dns\",\"value\":\"%s\"},"
             "\"challenges\":[{\"type\":\"dns-01\",\"status\":\"invalid\",\"url\":\"" LAB_URL
             "/chall/0\",\"token\":\"t\",\"error\":{\"type\":\"urn:ietf:params:acme:error:dns\","
             "\"detail\":\"%s\",\"status\":400}}]}",
             domain, detail);
    return body;
}

/* From the start to challenges told, for one name a.example. */
static inline struct lab *lab_validating(void)
{
    struct lab *lab = lab_new("a.example");

    lab_answer(lab, "new", 201, lab_order("a.example", "pending", ""));
    lab_answer(lab, "/authz/0", 200, lab_authz(0, "a.example", false, "pending"));
    lab_event(lab, ORDER_EV_PUBLISHED);
    lab_answer(lab, "/chall/0", 200, "{}");
    return lab;
}

static inline struct lab *lab_finalizing(void)
{
    struct lab *lab = lab_validating();

    lab_tick(lab);
    lab_answer(lab, "/order", 200, lab_order("a.example", "ready", ""));
    return lab;
}

static inline struct lab *lab_downloading(void)
{
    struct lab *lab = lab_finalizing();

    lab_answer(lab, "/finalize", 200, lab_order("a.example", "valid", ""));
    return lab;
}

/* It has failed for this reason; frees it. */
static inline void lab_failed(struct lab *lab, enum order_failure failure, const char *words)
{
    CU_ASSERT(lab->finished);
    CU_ASSERT_EQUAL(lab->failure, failure);
    if (strstr(lab->text, words) == NULL) {
        fprintf(stderr, "wanted \"%s\" in: %s\n", words, lab->text);
        CU_FAIL("the reason is another");
    }
    lab_free(lab);
}

#endif
