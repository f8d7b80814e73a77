/*
 * What becomes of an order, for the audit log. Who asked, and from where, stands in the store.
 */
#include "issuer/desk_priv.h"

#include "issuer/audit.h"

struct ending {
    struct desk_run *run;
    struct audit_event event;
    bool written;
};

static void write_with(struct ending *ending, const struct store_order *row)
{
    struct desk_run *run = ending->run;

    ending->event.client = row->client;
    ending->event.address = row->address;
    ending->event.peer_uid = row->peer_uid;
    ending->event.names = row->names;
    ending->event.authority = row->directory_url;
    ending->event.duration_ms = (clock_wall_us(run->desk->opt.clock) - row->created) / 1000;
    audit_write(run->desk->opt.audit, &ending->event);
    ending->written = true;
}

static void on_row(void *arg, const struct store_order *row)
{
    write_with(arg, row);
}

/* The names of one that never was stored are with the request still. */
static void write_fresh(struct ending *ending)
{
    const struct desk_fresh *fresh = ending->run->fresh;
    struct store_order row = {.client = "",
                              .address = "",
                              .peer_uid = -1,
                              .directory_url = ending->run->ca->url,
                              .created = clock_wall_us(ending->run->desk->opt.clock)};

    if (fresh != NULL) {
        row.client = fresh->client;
        row.address = fresh->address != NULL ? fresh->address : "";
        row.peer_uid = fresh->peer_uid;
        row.names = fresh->names;
    }
    write_with(ending, &row);
}

void desk_audit(struct desk_run *run, const char *what, const char *outcome)
{
    struct ending ending = {.run = run,
                            .event = {.what = what,
                                      .peer_uid = -1,
                                      .order = run->id,
                                      .spki_sha256 = run->csr_spki,
                                      .serial = run->cert.serial,
                                      .outcome = outcome}};

    if (run->desk->opt.audit == NULL) {
        return;
    }
    if (run->id != 0) {
        (void)store_order_get(run->desk->opt.store, run->id, on_row, &ending, NULL);
    }
    if (!ending.written) {
        write_fresh(&ending);
    }
}
