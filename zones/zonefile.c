/*
 * Zone files. This file cuts the text into entries (RFC 1035 5.1: parentheses, strings, comments),
 * so that each error has the line where its entry begins, and carries out $ORIGIN and $TTL;
 * ldns parses the records.
 */
#include "zones/zonefile.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire.h"
#include "zones/name.h"
#include "zones/zone_static.h"

#define DEFAULT_TTL 3600 /* seconds, where neither the record nor $TTL says */

void zonefile_init(struct zonefile *f, const char *text, size_t len, char *entry)
{
    *f = (struct zonefile){.pos = text, .end = text + len, .next_line = 1, .entry = entry};
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Copies from the quote at f->pos to the one that closes it. */
static const char *take_string(struct zonefile *f, size_t *n)
{
    f->entry[(*n)++] = *f->pos++;
    while (f->pos < f->end && *f->pos != '\n' && *f->pos != '\0') {
        char c = *f->pos++;
        f->entry[(*n)++] = c;
        if (c == '"') {
            return NULL;
        }
        if (c == '\\' && f->pos < f->end && *f->pos != '\n' && *f->pos != '\0') {
            f->entry[(*n)++] = *f->pos++;
        }
    }
    return "a string is not closed on its line";
}

/* One character outside strings; depth counts parentheses. Newlines at depth 0 do not come here. */
static const char *take_char(struct zonefile *f, size_t *n, unsigned *depth)
{
    char c = *f->pos++;

    switch (c) {
    case '\0':
        return "a NUL character";
    case '(':
        ++*depth;
        break;
    case ')':
        if ((*depth)-- == 0) {
            return "a closing parenthesis without an opening one";
        }
        break;
    case ';':
        while (f->pos < f->end && *f->pos != '\n') {
            f->pos++;
        }
        return NULL;
    case '\n':
        f->next_line++;
        break;
    case '\\':
        f->entry[(*n)++] = c;
        if (f->pos < f->end && *f->pos != '\n' && *f->pos != '\0') {
            f->entry[(*n)++] = *f->pos++;
        }
        return NULL;
    default:
        f->entry[(*n)++] = is_space(c) ? ' ' : c;
        return NULL;
    }
    f->entry[(*n)++] = ' ';
    return NULL;
}

static const char *take_entry(struct zonefile *f)
{
    unsigned depth = 0;
    size_t n = 0;

    f->line = f->next_line;
    while (f->pos < f->end && (depth > 0 || *f->pos != '\n')) {
        const char *what = *f->pos == '"' ? take_string(f, &n) : take_char(f, &n, &depth);
        if (what != NULL) {
            return what;
        }
    }
    if (depth > 0) {
        return "a parenthesis is not closed";
    }
    if (f->pos < f->end) {
        f->pos++;
        f->next_line++;
    }
    while (n > 0 && f->entry[n - 1] == ' ' && (n < 2 || f->entry[n - 2] != '\\')) {
        n--;
    }
    f->entry[n] = '\0';
    return NULL;
}

int zonefile_next(struct zonefile *f, const char **what)
{
    while (f->pos < f->end) {
        if ((*what = take_entry(f)) != NULL) {
            return ERR_MALFORMED;
        }
        if (f->entry[0] != '\0') {
            return 1;
        }
    }
    return 0;
}

/* -- entries into records -- */

struct parser {
    struct zone_static *zone;
    const char *source;
    struct zonefile file;
    uint32_t ttl;
    uint8_t origin[LIMIT_NAME_WIRE];
    ldns_rdf *previous; /* owner of the record before */
};

#define SHOWN 80 /* octets of an entry in an error */

static int refuse(const struct parser *p, const char *what, struct err *err)
{
    char shown[SHOWN + 1];
    size_t n = strnlen(p->file.entry, SHOWN);

    for (size_t i = 0; i < n; i++) {
        char c = p->file.entry[i];
        shown[i] = c < 0x20 || c > 0x7e ? '?' : c;
    }
    shown[n] = '\0';
    return err_set(err, ERR_MALFORMED, "%.255s:%u: %s: %s", p->source, p->file.line, what, shown);
}

static bool ends_in_dot(const char *text)
{
    size_t n = strlen(text), escapes = 0;

    if (n == 0 || text[n - 1] != '.') {
        return false;
    }
    while (escapes < n - 1 && text[n - 2 - escapes] == '\\') {
        escapes++;
    }
    return escapes % 2 == 0;
}

static int set_origin(struct parser *p, const char *text, struct err *err)
{
    uint8_t name[LIMIT_NAME_WIRE];

    if (strcmp(text, "@") == 0) {
        return 0;
    }
    int len = name_from_text(name, text);
    if (len < 0) {
        return refuse(p, "not a domain name", err);
    }
    if (!ends_in_dot(text)) {
        size_t rest = name_len(p->origin);
        if (rest > LIMIT_NAME_WIRE - ((size_t)len - 1)) {
            return refuse(p, "the name is too long", err);
        }
        memcpy(name + len - 1, p->origin, rest);
        len += (int)rest - 1;
    }
    memcpy(p->origin, name, (size_t)len);
    return 0;
}

static int set_ttl(struct parser *p, const char *text, struct err *err)
{
    const char *end = text;
    size_t digits = strspn(text, "0123456789");

    /* Ten digits hold the largest TTL; more could overflow in ldns. */
    uint64_t value = digits > 0 && digits <= 10 ? strtoull(text, NULL, 10) : UINT64_MAX;
    if (value <= INT32_MAX && text[digits] != '\0' && strlen(text) <= 16) {
        value = ldns_str2period(text, &end);
    } else {
        end = text + digits;
    }
    if (value > INT32_MAX || *end != '\0') {
        return refuse(p, "not a TTL", err);
    }
    p->ttl = (uint32_t)value;
    return 0;
}

static int directive(struct parser *p, struct err *err)
{
    char *save, *word = strtok_r(p->file.entry, " ", &save), *value = strtok_r(NULL, " ", &save);

    if (strcasecmp(word, "$INCLUDE") == 0) {
        return refuse(p, "other files cannot be read from here: put the records into this one",
                      err);
    }
    if (strcasecmp(word, "$ORIGIN") != 0 && strcasecmp(word, "$TTL") != 0) {
        return refuse(p, "unknown directive (there are $ORIGIN and $TTL)", err);
    }
    if (value == NULL || strtok_r(NULL, " ", &save) != NULL) {
        return refuse(p, "the directive takes one value", err);
    }
    return strcasecmp(word, "$TTL") == 0 ? set_ttl(p, value, err) : set_origin(p, value, err);
}

static int add_record(struct parser *p, const ldns_rr *rr, struct err *err)
{
    uint8_t *wire = NULL;
    size_t len = 0;
    int ret;

    if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN) {
        return refuse(p, "only class IN is served", err);
    }
    if (ldns_rr2wire(&wire, rr, LDNS_SECTION_ANSWER, &len) != LDNS_STATUS_OK) {
        ret = refuse(p, "the record has no wire form", err);
        goto out;
    }
    int owner = name_measure(wire, len);
    if (owner < 0 || len - (size_t)owner < 10) {
        ret = refuse(p, "the record has no wire form", err);
        goto out;
    }
    const uint8_t *fixed = wire + owner;
    struct static_input in = {.name = wire,
                              .type = wire_read_u16(fixed),
                              .ttl = wire_read_u32(fixed + 4),
                              .rdata = fixed + 10,
                              .rdata_len = len - (size_t)owner - 10,
                              .line = p->file.line};
    if (in.rdata_len != wire_read_u16(fixed + 8)) {
        ret = refuse(p, "the record has no wire form", err);
    } else {
        ret = zone_static_add(p->zone, &in, p->source, err);
    }
out:
    free(wire);
    return ret;
}

/* A name whose first label begins with an at sign: \@x or \064x, but not @ alone. */
static bool is_at_name(const char *word, size_t len)
{
    return (len > 1 && word[0] == '@') || (len > 1 && word[0] == '\\' && word[1] == '@') ||
           (len > 3 && strncmp(word, "\\064", 4) == 0);
}

/*
 * ldns takes every name in rdata whose first label begins with an at sign for the origin. Whether
 * that has happened: some name is the origin, and such a word stands behind the owner's.
 */
static bool is_misread(const struct parser *p, const ldns_rr *rr)
{
    const char *word = p->file.entry + strcspn(p->file.entry, " ");
    bool origin = false;

    for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
        const ldns_rdf *rdf = ldns_rr_rdf(rr, i);
        origin |= ldns_rdf_get_type(rdf) == LDNS_RDF_TYPE_DNAME &&
                  ldns_rdf_size(rdf) == name_len(p->origin) &&
                  memcmp(ldns_rdf_data(rdf), p->origin, ldns_rdf_size(rdf)) == 0;
    }
    for (size_t len; origin && *word != '\0'; word += len) {
        word += strspn(word, " ");
        len = strcspn(word, " ");
        if (is_at_name(word, len)) {
            return true;
        }
    }
    return false;
}

static int record(struct parser *p, struct err *err)
{
    ldns_rr *rr = NULL;
    ldns_rdf *origin = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, name_len(p->origin), p->origin);

    if (origin == NULL) {
        return err_set(err, -ENOMEM, "%.255s: out of memory", p->source);
    }
    ldns_status status = ldns_rr_new_frm_str(&rr, p->file.entry, p->ttl, origin, &p->previous);
    ldns_rdf_deep_free(origin);
    if (status != LDNS_STATUS_OK || rr == NULL) {
        return refuse(p, ldns_get_errorstr_by_id(status), err);
    }
    int ret = is_misread(p, rr) ? refuse(p, "a name in data cannot begin with an at sign here", err)
                                : add_record(p, rr, err);
    ldns_rr_free(rr);
    return ret;
}

static int parse(struct parser *p, struct err *err)
{
    const char *what;
    int ret;

    while ((ret = zonefile_next(&p->file, &what)) > 0) {
        ret = p->file.entry[0] == '$' ? directive(p, err) : record(p, err);
        if (ret < 0) {
            return ret;
        }
    }
    if (ret < 0) {
        return err_set(err, ret, "%.255s:%u: %s", p->source, p->file.line, what);
    }
    return zone_static_finish(p->zone, p->source, err);
}

int zone_static_parse(struct zone_static **out, const char *apex, const char *name,
                      const char *text, size_t len, struct err *err)
{
    struct parser p = {.source = name, .ttl = DEFAULT_TTL};
    int ret;

    if (len > LIMIT_ZONE_FILE) {
        return err_set(err, ERR_LIMIT, "%.255s: larger than %u MiB", name, LIMIT_ZONE_FILE >> 20);
    }
    if ((ret = zone_static_new(&p.zone, apex, err)) < 0) {
        return ret;
    }
    char *entry = malloc(len + 1);
    if (entry == NULL) {
        ret = err_set(err, -ENOMEM, "%.255s: out of memory", name);
        goto err0;
    }
    zonefile_init(&p.file, text, len, entry);
    memcpy(p.origin, p.zone->apex, p.zone->apex_len);
    ret = parse(&p, err);
    ldns_rdf_deep_free(p.previous);
    free(entry);
    if (ret < 0) {
        goto err0;
    }
    *out = p.zone;
    return 0;
err0:
    zone_static_free(p.zone);
    return ret;
}
