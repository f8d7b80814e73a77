/*
 * Orders from the store after a start. What the CA has taken goes on from where the CA says that
 * it stands; what it never heard of has failed: its client was cut off, and asks again.
 */
#include "issuer/desk_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/audit.h"

struct open_order {
    struct open_order *next;
    uint64_t id;
    char *directory_url;
    bool known; /* to the CA */
};

struct open_list {
    struct open_order *first, **last;
    int error;
};

static void free_list(struct open_list *list)
{
    for (struct open_order *open = list->first, *next; open != NULL; open = next) {
        next = open->next;
        free(open->directory_url);
        free(open);
    }
}

/* Within the callback the store must not be called, so the rest comes later. */
static void copy_open(void *arg, const struct store_order *row)
{
    struct open_list *list = arg;
    struct open_order *open = calloc(1, sizeof *open);

    if (open == NULL || (open->directory_url = strdup(row->directory_url)) == NULL) {
        free(open);
        list->error = -ENOMEM;
        return;
    }
    open->id = row->id;
    open->known = row->url != NULL;
    *list->last = open;
    list->last = &open->next;
}

struct reading {
    struct desk_run *run;
    struct err *err;
    int ret;
};

static int make_order(struct desk_run *run, const struct store_order *row,
                      const struct order_saved *saved, struct err *err)
{
    struct order_request request = {
        .id = row->id,
        .csr = row->csr,
        .csr_len = row->csr_len,
        .preferred_chain = row->preferred_chain,
        .profile = row->profile,
        .replaces = row->replaces,
        .estimate = run->ca->estimate,
        .zone_cname_hint = publisher_zone(run->desk->opt.publisher),
    };
    char **list;
    int ret;

    if (order_challenge_parse(row->challenge, &request.challenge) < 0) {
        return err_set(err, ERR_CORRUPT, "its challenge is not known");
    }
    if ((list = desk_split(row->names, &request.name_count)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    request.names = list;
    if ((ret = order_resume(&run->order, &request, saved)) < 0) {
        (void)err_set(err, ret, "it cannot be set up: %s", err_string(ret));
    }
    for (size_t i = 0; i < request.name_count; i++) {
        free(list[i]);
    }
    free(list);
    return ret;
}

/* What the order is known by. */
static int read_marks(struct desk_run *run, const struct store_order *row, char spki[static 65])
{
    char extensions[65];
    const struct desk_wish wish = {.spki = spki,
                                   .extensions = extensions,
                                   .names = row->names,
                                   .preferred_chain = row->preferred_chain,
                                   .profile = row->profile};

    return csr_spki(spki, row->csr, row->csr_len) < 0 ||
                   csr_extensions(extensions, row->csr, row->csr_len) < 0 ||
                   desk_digest(run->csr_digest, row->csr, row->csr_len) < 0 ||
                   desk_wish_digest(run->wish, &wish) < 0
               ? ERR_CORRUPT
               : 0;
}

static void read_order(void *arg, const struct store_order *row)
{
    struct reading *reading = arg;
    struct desk_run *run = reading->run;
    struct order_saved saved = {.url = row->url,
                                .finalize_url = row->finalize_url,
                                .certificate_url = row->certificate_url};
    char spki[65];

    if (order_state_parse(row->state, &saved.state) < 0 || read_marks(run, row, spki) < 0) {
        reading->ret = err_set(reading->err, ERR_CORRUPT, "what is stored of it cannot be read");
    } else if ((run->csr_spki = strdup(spki)) == NULL) {
        reading->ret = err_set(reading->err, -ENOMEM, "out of memory");
    } else {
        reading->ret = make_order(run, row, &saved, reading->err);
    }
}

static int resume_order(struct desk *desk, const struct open_order *open, struct err *err)
{
    struct reading reading = {.err = err, .run = desk_run_new(desk, open->directory_url, err)};
    int ret;

    if (reading.run == NULL) {
        return err->code;
    }
    desk_run_set_id(reading.run, open->id);
    if ((ret = store_order_get(desk->opt.store, open->id, read_order, &reading, err)) == 0) {
        ret = reading.ret;
    }
    if (ret < 0) {
        desk_run_free(reading.run);
        return ret;
    }
    reading.run->ordered = true;
    desk_run_say(reading.run, LOG_LEVEL_INFO, "resumed after a restart");
    desk_event_push(reading.run, &(struct order_event){.kind = ORDER_EV_START});
    return 0;
}

static int settle(struct desk *desk, const struct open_order *open, struct err *err)
{
    struct err why = {0};
    int ret = open->known ? resume_order(desk, open, &why)
                          : err_set(&why, ERR_CANCELLED,
                                    "interrupted by a restart before the CA had taken the order");

    if (ret == 0) {
        return 0;
    }
    log_warning(desk->opt.log, NULL, "order %llu is not resumed: %s", (unsigned long long)open->id,
                why.text);
    audit_write(desk->opt.audit, &(struct audit_event){.what = "failed",
                                                       .peer_uid = -1,
                                                       .order = open->id,
                                                       .authority = open->directory_url,
                                                       .outcome = why.text});
    return store_order_fail(desk->opt.store, open->id, why.text, clock_wall_us(desk->opt.clock),
                            err);
}

int desk_resume(struct desk *desk, struct err *err)
{
    struct open_list list = {.last = &list.first};
    int ret = store_order_each_open(desk->opt.store, copy_open, &list, err);

    if (ret == 0 && list.error < 0) {
        ret = err_set(err, list.error, "out of memory while resuming orders");
    }
    for (struct open_order *open = list.first; ret == 0 && open != NULL; open = open->next) {
        ret = settle(desk, open, err);
    }
    free_list(&list);
    if (desk->run_count > 0) {
        desk_start_tick(desk);
    }
    return ret;
}
