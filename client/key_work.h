/*
 * What the commands `key ...` have in common: each set and type of key in turn, DNS, hooks.
 */
#ifndef CERTMILL_CLIENT_KEY_WORK_H
#define CERTMILL_CLIENT_KEY_WORK_H

#include "client/command.h"
#include "client/hooks.h"
#include "client/staged.h"
#include "client/tlsa_print.h"
#include "client/tlsa_service.h"

struct key_work {
    struct client *client;
    bool given; /* a service is */
    struct tlsa_service service;
    struct dns *dns;
    struct tlsa_asker asker;
    struct hooks_change *changes; /* room for all; what each() adds, hooks are told of at the end */
    size_t change_count;
    size_t
        staged; /* how many were found staged, or in use since an activation that was interrupted */
};

struct key_work_steps {
    bool makes; /* also where no key is staged; else those are left to none() */
    int (*each)(struct key_work *work, struct staged *staged, struct err *err);
    /* The staged key is in use, and this ends an activation that was interrupted; NULL: it does
     * not. Hooks run then. */
    void (*resumed)(struct key_work *work, const struct staged *staged);
    void (*none)(struct key_work *work, const struct set *set, enum key_type type);
};

/* Calls each() under the set's lock, for every set and type of key, and tells of errors. Returns
 * the exit status. Where no key is staged at all and there is no none(), that is a failure. */
int key_work_run(struct client *client, const struct key_work_steps *steps);

/* The files of a set are new: hooks are to be told of it, and the activation ended then. */
void key_work_changed(struct key_work *work, const struct staged *staged);

/* The staged key's records for all services that are watched. 0, or negative with err. */
int key_work_print(struct key_work *work, const struct staged *staged, enum tlsa_print how,
                   struct err *err);

#endif
