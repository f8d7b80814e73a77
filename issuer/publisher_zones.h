/*
 * The zones of a configuration, judged together and taken over together.
 */
#ifndef CERTMILL_ISSUER_PUBLISHER_ZONES_H
#define CERTMILL_ISSUER_PUBLISHER_ZONES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/boot.h"
#include "common/err.h"
#include "zones/zone.h"

struct publisher_zones {
    struct zone **zones; /* in the order of the configuration; the first takes the challenges */
    size_t count;
};

/* Reads and judges every zone of boot; only if all are good are they in *zones, and zones of
 * an apex that was there before keep their challenge values. On error *zones is as it was. */
int publisher_zones_load(struct publisher_zones *zones, const struct boot *boot, struct err *err);
void publisher_zones_clear(struct publisher_zones *zones);

#endif
