/*
 * Random zones and random questions: lookups in images against the algorithm of RFC 1034 4.3.2
 * spelled out over a plain list of names, without hash, order or flags.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/common/run.h"
#include "tests/unit/zones/support.h"

#define ROUNDS    300
#define QUESTIONS 150
#define NAMES     40

enum kind { KIND_A, KIND_NS, KIND_CNAME, KIND_DNAME, KIND_TXT, KIND_CHALLENGE, KINDS };

struct entry {
    uint8_t name[LIMIT_NAME_WIRE];
    bool has[KINDS];
};

struct model {
    uint8_t apex[2][LIMIT_NAME_WIRE]; /* the outer zone's and the inner one's */
    struct entry entries[2][NAMES];
    size_t count[2];
    char text[2][NAMES * 96];
    size_t zones;
};

static const char *const apex_text[] = {"z", "b.a.z"};

static void random_name(uint8_t *wire, const char *apex, unsigned most, uint64_t *random)
{
    static const char *const labels[] = {"a", "b", "c", "*", "aa"};
    char text[128] = "";

    for (unsigned n = next_random(random) % (most + 1); n > 0; n--) {
        strcat(text, labels[next_random(random) % 5]);
        strcat(text, ".");
    }
    strcat(text, apex);
    name_from_text(wire, text);
}

static struct entry *model_entry(struct model *m, size_t zone, const uint8_t *name)
{
    for (size_t i = 0; i < m->count[zone]; i++) {
        if (name_equal(m->entries[zone][i].name, name)) {
            return &m->entries[zone][i];
        }
    }
    return NULL;
}

/* Whether what stands in the zone leaves room for a record there. */
static bool model_allows(struct model *m, size_t zone, const uint8_t *name, enum kind kind)
{
    const struct entry *own = model_entry(m, zone, name);
    bool apex = name_equal(name, m->apex[zone]);
    bool wildcard = name[0] == 1 && name[1] == '*';

    if (m->count[zone] == NAMES) {
        return false;
    }
    if (own != NULL && (own->has[KIND_CNAME] || kind == KIND_CNAME || own->has[kind])) {
        return false;
    }
    if ((apex && (kind == KIND_CNAME || kind == KIND_DNAME || kind == KIND_NS)) ||
        (wildcard && (kind == KIND_NS || kind == KIND_DNAME || kind == KIND_CHALLENGE))) {
        return false;
    }
    for (size_t i = 0; i < m->count[zone]; i++) {
        const struct entry *other = &m->entries[zone][i];
        bool below = name_within(name, other->name), above = name_within(other->name, name);
        if ((below && other->has[KIND_NS] && kind == KIND_CHALLENGE) ||
            (above && other->has[KIND_CHALLENGE] && kind == KIND_NS) ||
            (other != own && below && other->has[KIND_DNAME]) ||
            (other != own && above && kind == KIND_DNAME)) {
            return false;
        }
    }
    return true;
}

static void model_add(struct model *m, size_t zone, const uint8_t *name, enum kind kind)
{
    static const char *const rdata[] = {"A 192.0.2.1", "NS ns.example.", "CNAME x.example.",
                                        "DNAME x.example.", "TXT x"};
    struct entry *entry = model_entry(m, zone, name);
    char text[LIMIT_NAME_TEXT], line[LIMIT_NAME_TEXT + 32];

    if (entry == NULL) {
        entry = &m->entries[zone][m->count[zone]++];
        name_lower(entry->name, name);
    }
    entry->has[kind] = true;
    if (kind == KIND_CHALLENGE) {
        return;
    }
    name_to_text(text, name);
    snprintf(line, sizeof(line), "%s. %s\n", text, rdata[kind]);
    strcat(m->text[zone], line);
}

/* -- the naive lookup -- */

static bool model_exists(const struct model *m, size_t zone, const uint8_t *name)
{
    for (size_t i = 0; i < m->count[zone]; i++) {
        if (name_within(m->entries[zone][i].name, name)) {
            return true;
        }
    }
    for (size_t i = zone + 1; i < m->zones; i++) {
        if (name_within(m->apex[i], name)) {
            return true;
        }
    }
    return name_equal(m->apex[zone], name);
}

static enum image_match model_lookup(struct model *m, const uint8_t *name, const uint8_t **node)
{
    static uint8_t wildcard[LIMIT_NAME_WIRE + 2];
    size_t zone = m->zones;
    const uint8_t *encloser = NULL;

    *node = NULL;
    while (zone > 0 && !name_within(name, m->apex[zone - 1])) {
        zone--;
    }
    if (zone-- == 0) {
        return IMAGE_NO_ZONE;
    }
    unsigned labels = name_labels(name);
    for (unsigned n = name_labels(m->apex[zone]); n <= labels; n++) {
        const uint8_t *at = name;
        for (unsigned i = n; i < labels; i++) {
            at = name_parent(at);
        }
        if (!model_exists(m, zone, at)) {
            break;
        }
        *node = encloser = at;
        const struct entry *entry = model_entry(m, zone, at);
        if (entry != NULL && entry->has[KIND_NS] && !name_equal(at, m->apex[zone])) {
            return IMAGE_DELEGATION;
        }
        if (entry != NULL && entry->has[KIND_DNAME] && n < labels) {
            return IMAGE_DNAME;
        }
        if (n == labels) {
            return IMAGE_NODE;
        }
    }
    wildcard[0] = 1;
    wildcard[1] = '*';
    memcpy(wildcard + 2, encloser, name_len(encloser));
    if (!model_exists(m, zone, wildcard)) {
        return IMAGE_NXDOMAIN;
    }
    *node = wildcard;
    return IMAGE_WILDCARD;
}

/* -- the comparison -- */

static void make(struct model *m, uint64_t *random)
{
    memset(m, 0, sizeof(*m));
    m->zones = 1 + next_random(random) % 2;
    for (size_t zone = 0; zone < m->zones; zone++) {
        name_from_text(m->apex[zone], apex_text[zone]);
        strcpy(m->text[zone], PREAMBLE);
        for (unsigned n = next_random(random) % 25; n > 0; n--) {
            uint8_t name[LIMIT_NAME_WIRE];
            enum kind kind = (enum kind)(next_random(random) % KINDS);
            if (next_random(random) % 2 == 0 && (kind == KIND_NS || kind == KIND_DNAME)) {
                kind = KIND_A;
            }
            random_name(name, apex_text[zone], 4, random);
            if (model_allows(m, zone, name, kind)) {
                model_add(m, zone, name, kind);
            }
        }
    }
}

static struct zone *zone_of_model(const struct model *m, size_t index)
{
    struct zone *zone = zone_of(apex_text[index], m->text[index], 0);

    for (size_t i = 0; i < m->count[index]; i++) {
        if (m->entries[index][i].has[KIND_CHALLENGE])
            CU_ASSERT_EQUAL(zone_add(zone, m->entries[index][i].name, "v", 1, 1), 1);
    }
    return zone;
}

static bool same(struct model *m, const struct image *image, const uint8_t *name)
{
    struct image_result result;
    const uint8_t *node;
    enum image_match match = model_lookup(m, name, &node);

    image_lookup(image, name, name_len(name), &result);
    if (result.match != match || (node == NULL) != (result.node == NULL)) {
        return false;
    }
    return node == NULL || name_equal(node, image_node_name(image, result.node));
}

static void test_random_zones(void)
{
    static struct model m;
    uint64_t random = 2026;
    unsigned matches[IMAGE_NXDOMAIN + 1] = {0};

    for (int round = 0; round < ROUNDS; round++) {
        struct zone *zones[2];
        make(&m, &random);
        for (size_t i = 0; i < m.zones; i++) {
            zones[i] = zone_of_model(&m, i);
        }
        struct image image = image_of(zones, m.zones);
        for (int i = 0; i < QUESTIONS; i++) {
            uint8_t name[LIMIT_NAME_WIRE];
            struct image_result result;
            random_name(name, i % 10 == 0 ? "q" : apex_text[next_random(&random) % 2], 5, &random);
            if (!same(&m, &image, name)) {
                char text[LIMIT_NAME_TEXT];
                name_to_text(text, name);
                fprintf(stderr, "\nround %d: %s differs in\n%s%s", round, text, m.text[0],
                        m.text[1]);
                CU_FAIL("lookup differs from the model");
            }
            image_lookup(&image, name, name_len(name), &result);
            matches[result.match]++;
        }
        image_unmap(&image);
        for (size_t i = 0; i < m.zones; i++) {
            zone_free(zones[i]);
        }
    }
    /* Each outcome was met often enough to mean something. */
    for (size_t i = 0; i <= IMAGE_NXDOMAIN; i++)
        CU_ASSERT_TRUE(matches[i] > 500);
}

int main(void)
{
    static const struct run_case tests[] = {{"random zones", test_random_zones}};
    return RUN("image_model", tests);
}
