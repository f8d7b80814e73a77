/*
 * The publisher's zones, by configuration and reload.
 */
#include <CUnit/Basic.h>
#include <stdio.h>

#include "tests/unit/common/run.h"
#include "tests/unit/issuer/publisher_fixture.h"

/* Publishes the zones and takes the image that comes of it. */
static void use(struct fixture *f, struct boot *boot)
{
    struct err err = {0};

    CU_ASSERT_EQUAL_FATAL(publisher_configure(f->publisher, boot, &err), 0);
    turn(f);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f->dnsd), 1);
    acknowledge(f);
}

/* The TTL of all TXT records at name: an RRset of an image has but one (RFC 2181 5.2). */
static uint32_t ttl_at(const struct fixture *f, const char *name, unsigned values)
{
    struct image_result result;
    uint8_t wire[LIMIT_NAME_WIRE];
    int len = name_from_text(wire, name);

    CU_ASSERT_EQUAL(fake_dnsd_txt(&f->dnsd, name), values);
    image_lookup(&f->dnsd.image, wire, (size_t)len, &result);
    const struct image_rrset *rrset = image_node_rrset(&f->dnsd.image, result.node, 16);
    CU_ASSERT_PTR_NOT_NULL_FATAL(rrset);
    return image_rrset_ttl(rrset);
}

/* Nobody may keep a challenge value, so that its TTL is 0, unless its zone says otherwise. */
static void test_challenge_ttl(void)
{
    struct server_conf_zone zone = plain_zone;
    struct boot boot = fake_boot(&zone, 1);
    struct fixture f;

    set_up(&f);
    acknowledge(&f);
    add_value(&f, "a.example", "v1", 1);
    add_value(&f, "a.example", "v2", 2);
    turn(&f);
    (void)fake_dnsd_read(&f.dnsd);
    acknowledge(&f);
    CU_ASSERT_EQUAL(ttl_at(&f, "a.example." ZONE, 2), 0);
    zone.challenge_ttl = 7;
    use(&f, &boot);
    CU_ASSERT_EQUAL(ttl_at(&f, "a.example." ZONE, 2), 7); /* those that are live already, too */
    zone.challenge_ttl = 0;
    use(&f, &boot);
    CU_ASSERT_EQUAL(ttl_at(&f, "a.example." ZONE, 2), 0);
    tear_down(&f);
}

/* RFC 2181 5.2: static TXT records are one set with the values that join them. */
static void test_one_ttl_a_set(void)
{
    static const char text[] = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
                               "a.example 300 TXT one\na.example 200 TXT two\n"
                               "b.example 300 TXT one\nb.example 200 TXT two\n";
    struct server_conf_zone zone = {
        .name = (char *)ZONE, .file = (char *)"acme.zone", .challenge_ttl = 3};
    struct boot_file file = {.row = 0, .fd = fake_zone_file(text)};
    struct boot boot = fake_boot(&zone, 1);
    struct fixture f;

    set_up(&f);
    acknowledge(&f);
    boot.files = &file;
    boot.file_count = 1;
    use(&f, &boot);
    add_value(&f, "a.example", "v1", 1);
    add_value(&f, "a.example", "one", 1);
    turn(&f);
    (void)fake_dnsd_read(&f.dnsd);
    acknowledge(&f);
    CU_ASSERT_EQUAL(ttl_at(&f, "a.example." ZONE, 3), 3);
    CU_ASSERT_EQUAL(ttl_at(&f, "b.example." ZONE, 2), 200); /* the smaller of the two */
    publisher_release(f.publisher, 1);
    turn(&f);
    (void)fake_dnsd_read(&f.dnsd);
    CU_ASSERT_EQUAL(ttl_at(&f, "a.example." ZONE, 2), 200); /* as before */
    (void)close(file.fd);
    tear_down(&f);
}

static void test_zone_files(void)
{
    static const char good[] = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n";
    static const char bad[] = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.300\n";
    struct server_conf_zone zones[2] = {
        plain_zone, {.name = (char *)"b.example", .file = (char *)"b.zone", .challenge_ttl = 1}};
    struct boot boot = fake_boot(zones, 2);
    struct boot_file file = {.row = 1, .fd = fake_zone_file(bad)};
    struct err err = {0};
    struct fixture f;
    uint64_t generation;

    set_up(&f);
    acknowledge(&f);
    add_value(&f, "a.example", "v", 1);
    turn(&f);
    (void)fake_dnsd_read(&f.dnsd);
    acknowledge(&f);
    generation = f.dnsd.generation;
    boot.files = &file;
    boot.file_count = 1;
    CU_ASSERT(publisher_configure(f.publisher, &boot, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "b.zone"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "4"));
    turn(&f);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f.dnsd), 0); /* the old one stays */
    (void)close(file.fd);
    file.fd = fake_zone_file(good);
    CU_ASSERT_EQUAL(publisher_configure(f.publisher, &boot, &err), 0);
    turn(&f);
    CU_ASSERT_EQUAL(fake_dnsd_read(&f.dnsd), 1);
    CU_ASSERT_EQUAL(f.dnsd.generation, generation + 1);
    CU_ASSERT_EQUAL(image_zone_count(&f.dnsd.image), 2);
    CU_ASSERT_EQUAL(fake_dnsd_txt(&f.dnsd, "a.example." ZONE), 1); /* challenges stay */
    CU_ASSERT_STRING_EQUAL(publisher_zone(f.publisher), ZONE);
    (void)close(file.fd);
    tear_down(&f);
}

static void test_bad_configurations(void)
{
    struct server_conf_zone twice[2] = {plain_zone, plain_zone};
    struct server_conf_zone no_file[1] = {{.name = (char *)"x.example", .file = (char *)"x.zone"}};
    struct server_conf_zone no_name[1] = {{.name = (char *)"a..b"}};
    struct boot none = fake_boot(NULL, 0), two = fake_boot(twice, 2), lost = fake_boot(no_file, 1),
                nameless = fake_boot(no_name, 1);
    struct err err = {0};
    struct fixture f;

    set_up_bare(&f);
    CU_ASSERT_EQUAL(publisher_configure(f.publisher, &none, &err), ERR_RANGE);
    CU_ASSERT_EQUAL(publisher_configure(f.publisher, &two, &err), ERR_EXISTS);
    CU_ASSERT_EQUAL(publisher_configure(f.publisher, &lost, &err), ERR_PROTOCOL);
    CU_ASSERT_EQUAL(publisher_configure(f.publisher, &nameless, &err), ERR_MALFORMED);
    tear_down(&f);
}

static void test_blocked_names(void)
{
    static const char text[] = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n"
                               "a.example CNAME b.example.net.\n";
    struct server_conf_zone zones[1] = {{.name = (char *)ZONE, .file = (char *)"acme.zone"}};
    struct boot_file file = {.row = 0, .fd = fake_zone_file(text)};
    struct boot boot = fake_boot(zones, 1);
    char name[LIMIT_NAME_TEXT], small[4];
    struct err err = {0};
    struct fixture f;

    set_up_bare(&f);
    boot.files = &file;
    boot.file_count = 1;
    CU_ASSERT_EQUAL_FATAL(publisher_configure(f.publisher, &boot, &err), 0);
    CU_ASSERT_EQUAL(publisher_add(f.publisher, "a.example", "v", 1, 2000000, &err), ERR_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "CNAME"));
    CU_ASSERT_EQUAL(publisher_record(f.publisher, "*.b.example", name, sizeof name), 0);
    CU_ASSERT_STRING_EQUAL(name, "b.example." ZONE);
    CU_ASSERT_EQUAL(publisher_record(f.publisher, "b.example", small, sizeof small), ERR_LIMIT);
    (void)close(file.fd);
    tear_down(&f);
}

int main(void)
{
    static const struct run_case tests[] = {
        {"challenges have TTL 0, or their zone's", test_challenge_ttl},
        {"RFC 2181 5.2: one TTL a set", test_one_ttl_a_set},
        {"zone files", test_zone_files},
        {"bad configurations", test_bad_configurations},
        {"blocked names", test_blocked_names},
    };
    return RUN("publisher_zones", tests);
}
