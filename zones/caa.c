#include "zones/caa.h"

#include <string.h>
#include <strings.h>

#define CRITICAL 128 /* RFC 8659 4.1 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_label(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static const char *skip_blank(const char *at, const char *end)
{
    while (at < end && is_blank(*at)) {
        at++;
    }
    return at;
}

/* label = (ALPHA / DIGIT) *( *("-") (ALPHA / DIGIT)) (RFC 8659 4.2). Behind it, or NULL. */
static const char *skip_label(const char *at, const char *end)
{
    if (at == end || !is_label(*at)) {
        return NULL;
    }
    while (at < end && (is_label(*at) || *at == '-')) {
        at++;
    }
    return at[-1] == '-' ? NULL : at;
}

static const char *skip_domain(const char *at, const char *end)
{
    for (;;) {
        if ((at = skip_label(at, end)) == NULL || at == end || *at != '.') {
            return at;
        }
        at++;
    }
}

/* tag "=" value, value = *(%x21-3A / %x3C-7E); at is at the tag. Behind it, or NULL. */
static const char *skip_parameter(struct caa_parameter *out, const char *at, const char *end)
{
    out->tag = at;
    if ((at = skip_label(at, end)) == NULL) {
        return NULL;
    }
    out->tag_len = (size_t)(at - out->tag);
    at = skip_blank(at, end);
    if (at == end || *at != '=') {
        return NULL;
    }
    out->value = at = skip_blank(at + 1, end);
    while (at < end && *at >= 0x21 && *at <= 0x7e && *at != ';') {
        at++;
    }
    out->value_len = (size_t)(at - out->value);
    return at;
}

int caa_value_next(struct caa_value *value, struct caa_parameter *parameter)
{
    const char *at = skip_blank(value->parameters, value->end);

    if (at < value->end && *at == ';') {
        at = skip_blank(at + 1, value->end);
    }
    if (at == value->end || (at = skip_parameter(parameter, at, value->end)) == NULL) {
        return 0;
    }
    value->parameters = at;
    return 1;
}

static int check_parameters(const char *at, const char *end)
{
    struct caa_parameter parameter;

    while ((at = skip_blank(at, end)) < end) {
        if ((at = skip_parameter(&parameter, at, end)) == NULL) {
            return ERR_MALFORMED;
        }
        at = skip_blank(at, end);
        if (at < end && *at++ != ';') {
            return ERR_MALFORMED;
        }
    }
    return 0;
}

int caa_value_parse(struct caa_value *out, const char *value, size_t len)
{
    const char *end = value + len, *at = skip_blank(value, end);

    *out = (struct caa_value){.issuer = at, .end = end};
    if (at < end && *at != ';' && (at = skip_domain(at, end)) == NULL) {
        return ERR_MALFORMED;
    }
    out->issuer_len = (size_t)(at - out->issuer);
    out->parameters = at = skip_blank(at, end);
    if (at < end && *at != ';') {
        return ERR_MALFORMED;
    }
    return at < end ? check_parameters(at + 1, end) : 0;
}

static bool same_tag(const char *text, size_t len, const char *tag)
{
    return strlen(tag) == len && strncasecmp(text, tag, len) == 0;
}

bool caa_parameter_is(const struct caa_parameter *parameter, const char *tag)
{
    return same_tag(parameter->tag, parameter->tag_len, tag);
}

/* -- one property -- */

int caa_property_read(struct caa_property *out, const struct caa_rdata *rdata)
{
    if (rdata->len < 2 || rdata->data[1] == 0 || rdata->data[1] > rdata->len - 2) {
        return ERR_MALFORMED;
    }
    out->flags = rdata->data[0];
    out->tag = (const char *)rdata->data + 2;
    out->tag_len = rdata->data[1];
    out->value = out->tag + out->tag_len;
    out->value_len = rdata->len - 2 - out->tag_len;
    return 0;
}

bool caa_property_is(const struct caa_property *property, const char *tag)
{
    return same_tag(property->tag, property->tag_len, tag);
}

static bool is_known(const struct caa_property *p)
{
    static const char *const tags[] = {"issue",        "issuewild", "iodef",   "contactemail",
                                       "contactphone", "issuemail", "issuevmc"};

    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        if (caa_property_is(p, tags[i])) {
            return true;
        }
    }
    return false;
}

static bool lists(const struct caa_parameter *parameter, const char *method)
{
    const char *at = parameter->value, *end = at + parameter->value_len;
    size_t len = strlen(method);

    while (at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t size = comma != NULL ? (size_t)(comma - at) : (size_t)(end - at);

        if (size == len && memcmp(at, method, len) == 0) {
            return true;
        }
        at += size + 1;
        if (comma == NULL) {
            break;
        }
    }
    return false;
}

/* Twice the same parameter permits nothing (RFC 8657 3, 4). */
static enum caa_verdict judge_parameters(struct caa_value *value, const struct caa_wish *wish)
{
    const char *account = wish->account_url;
    enum caa_verdict verdict = CAA_PERMITS;
    unsigned accounts = 0, methods = 0;
    struct caa_parameter p;

    while (caa_value_next(value, &p) > 0) {
        if (caa_parameter_is(&p, "accounturi")) {
            if (++accounts > 1 ||
                (account != NULL &&
                 (strlen(account) != p.value_len || memcmp(account, p.value, p.value_len) != 0))) {
                verdict = CAA_ACCOUNT;
            }
        } else if (caa_parameter_is(&p, "validationmethods")) {
            if (++methods > 1 || !lists(&p, wish->method)) {
                verdict = verdict == CAA_PERMITS ? CAA_METHOD : verdict;
            }
        }
    }
    return verdict;
}

/* An issue or issuewild property; what is malformed permits nobody (RFC 8659 4.2). */
static enum caa_verdict judge_property(const struct caa_property *p, const struct caa_wish *wish)
{
    struct caa_value value;

    if (caa_value_parse(&value, p->value, p->value_len) < 0 || value.issuer_len == 0) {
        return CAA_FORBIDS;
    }
    if (wish->issuer_count == 0) {
        return CAA_PERMITS; /* nobody knows whether it is this one */
    }
    for (size_t i = 0; i < wish->issuer_count; i++) {
        if (strlen(wish->issuers[i]) == value.issuer_len &&
            strncasecmp(wish->issuers[i], value.issuer, value.issuer_len) == 0) {
            return judge_parameters(&value, wish);
        }
    }
    return CAA_FORBIDS;
}

/* -- the set -- */

static bool has_property(const struct caa_rdata *set, size_t count, const char *tag)
{
    struct caa_property p;

    for (size_t i = 0; i < count; i++) {
        if (caa_property_read(&p, &set[i]) == 0 && caa_property_is(&p, tag)) {
            return true;
        }
    }
    return false;
}

/* The verdict that is worth telling: how near this CA came. */
static enum caa_verdict nearer(enum caa_verdict a, enum caa_verdict b)
{
    if (a == CAA_PERMITS || b == CAA_PERMITS) {
        return CAA_PERMITS;
    }
    return a > b ? a : b;
}

enum caa_verdict caa_judge(const struct caa_rdata *set, size_t count, const struct caa_wish *wish,
                           const char **tag)
{
    enum caa_verdict verdict = CAA_FORBIDS;
    struct caa_property p;

    *tag = wish->wildcard && has_property(set, count, "issuewild") ? "issuewild" : "issue";
    const bool restricted = has_property(set, count, *tag);
    for (size_t i = 0; i < count; i++) {
        if (caa_property_read(&p, &set[i]) < 0) {
            return CAA_FORBIDS;
        }
        if ((p.flags & CRITICAL) != 0 && !is_known(&p)) {
            return CAA_CRITICAL;
        }
        if (caa_property_is(&p, *tag)) {
            verdict = nearer(verdict, judge_property(&p, wish));
        }
    }
    return restricted ? verdict : CAA_PERMITS;
}

const char *caa_verdict_text(enum caa_verdict verdict)
{
    switch (verdict) {
    case CAA_PERMITS:
        return "permit it";
    case CAA_ACCOUNT:
        return "permit it for another account only";
    case CAA_METHOD:
        return "permit it by another validation method only";
    case CAA_CRITICAL:
        return "hold a critical property that CAs do not know, which forbids all";
    default:
        return "do not permit it";
    }
}
