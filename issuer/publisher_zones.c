#include "issuer/publisher_zones.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "zones/name.h"

struct plan {
    struct zone_static *fixed;
    struct zone *zone; /* an existing one to be changed, or a new one */
    uint32_t ttl;
    bool made;
};

static int find_file(const struct boot *boot, size_t zone)
{
    for (size_t i = 0; i < boot->file_count; i++) {
        if (boot->files[i].kind == IPC_FILE_ZONE && boot->files[i].row == zone) {
            return boot->files[i].fd;
        }
    }
    return -1;
}

static int read_file(struct zone_static **out, const struct server_conf_zone *conf, int fd,
                     struct err *err)
{
    char *text;
    size_t len;
    int ret;

    if (fd < 0 || lseek(fd, 0, SEEK_SET) < 0) {
        return err_set(err, ERR_PROTOCOL, "zone %s: its file %s was not handed over", conf->name,
                       conf->file);
    }
    if ((ret = file_read_fd(fd, conf->file, LIMIT_ZONE_FILE, &text, &len, err)) < 0) {
        return ret;
    }
    ret = zone_static_parse(out, conf->name, conf->file, text, len, err);
    free(text);
    return ret;
}

static int read_zone(struct zone_static **out, const struct boot *boot, size_t at, struct err *err)
{
    const struct server_conf_zone *conf =
        &((const struct server_conf_zone *)boot->conf.zones.rows)[at];
    const struct zone_defaults defaults = {
        .nameservers = (const char *const *)conf->nameservers.items,
        .nameserver_count = conf->nameservers.count,
        .hostmaster = conf->hostmaster,
    };

    if (conf->file != NULL) {
        return read_file(out, conf, find_file(boot, at), err);
    }
    return zone_static_default(out, conf->name, &defaults, err);
}

static struct zone *find_zone(const struct publisher_zones *zones, const uint8_t *apex)
{
    for (size_t i = 0; i < zones->count; i++) {
        if (name_equal(zone_apex(zones->zones[i]), apex)) {
            return zones->zones[i];
        }
    }
    return NULL;
}

static int plan_zone(struct plan *plan, const struct publisher_zones *old, const struct boot *boot,
                     size_t at, struct err *err)
{
    const struct server_conf_zone *conf =
        &((const struct server_conf_zone *)boot->conf.zones.rows)[at];
    uint8_t apex[LIMIT_NAME_WIRE];
    int ret;

    if (name_from_text(apex, conf->name) < 0) {
        return err_set(err, ERR_MALFORMED, "zone %s: not a domain name", conf->name);
    }
    if ((ret = read_zone(&plan->fixed, boot, at, err)) < 0) {
        return ret;
    }
    plan->ttl = (uint32_t)conf->challenge_ttl;
    if ((plan->zone = find_zone(old, apex)) != NULL) {
        return 0;
    }
    if ((ret = zone_new(&plan->zone, plan->fixed, plan->ttl)) < 0) {
        return err_set(err, ret, "zone %s: %s", conf->name, err_string(ret));
    }
    plan->fixed = NULL;
    plan->made = true;
    return 0;
}

static void drop_plans(struct plan *plans, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        zone_static_free(plans[i].fixed);
        if (plans[i].made) {
            zone_free(plans[i].zone);
        }
    }
    free(plans);
}

static bool planned(const struct plan *plans, size_t count, const struct zone *zone)
{
    for (size_t i = 0; i < count; i++) {
        if (plans[i].zone == zone) {
            return true;
        }
    }
    return false;
}

static int check_twice(const struct plan *plans, size_t count, struct err *err)
{
    char text[LIMIT_NAME_TEXT];

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (!name_equal(zone_apex(plans[i].zone), zone_apex(plans[j].zone))) {
                continue;
            }
            name_to_text(text, zone_apex(plans[i].zone));
            return err_set(err, ERR_EXISTS, "zone %s: configured twice", text);
        }
    }
    return 0;
}

/* Nothing is left to be judged here: what can still fail is memory. */
static int carry_out(struct publisher_zones *zones, struct plan *plans, size_t count,
                     struct err *err)
{
    struct zone **fresh = calloc(count, sizeof(struct zone *));
    int ret;

    if (fresh == NULL) {
        return err_set(err, -ENOMEM, "out of memory while taking zones over");
    }
    for (size_t i = 0; i < count; i++) {
        fresh[i] = plans[i].zone;
        if (plans[i].fixed == NULL) {
            continue;
        }
        if ((ret = zone_replace_static(plans[i].zone, plans[i].fixed, plans[i].ttl)) < 0) {
            free(fresh);
            return err_set(err, ret, "taking zones over: %s", err_string(ret));
        }
        plans[i].fixed = NULL;
    }
    for (size_t i = 0; i < zones->count; i++) {
        if (!planned(plans, count, zones->zones[i])) {
            zone_free(zones->zones[i]);
        }
    }
    free(zones->zones);
    *zones = (struct publisher_zones){fresh, count};
    for (size_t i = 0; i < count; i++) {
        plans[i].made = false;
    }
    return 0;
}

int publisher_zones_load(struct publisher_zones *zones, const struct boot *boot, struct err *err)
{
    size_t count = boot->conf.zones.count;
    struct plan *plans;
    int ret = 0;

    if (count == 0 || count > LIMIT_DNS_ZONES) {
        return err_set(err, ERR_RANGE,
                       "%zu zones configured; at least one (acme-zone) and at most %d are needed",
                       count, LIMIT_DNS_ZONES);
    }
    if ((plans = calloc(count, sizeof *plans)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory while reading zones");
    }
    for (size_t i = 0; ret == 0 && i < count; i++) {
        ret = plan_zone(&plans[i], zones, boot, i, err);
    }
    if (ret == 0) {
        ret = check_twice(plans, count, err);
    }
    if (ret == 0) {
        ret = carry_out(zones, plans, count, err);
    }
    drop_plans(plans, count);
    return ret;
}

void publisher_zones_clear(struct publisher_zones *zones)
{
    for (size_t i = 0; i < zones->count; i++) {
        zone_free(zones->zones[i]);
    }
    free(zones->zones);
    *zones = (struct publisher_zones){0};
}
