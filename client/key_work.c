#include "client/key_work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client.h"
#include "client/guard.h"
#include "client/interrupt.h"
#include "client/tlsa_judge.h"
#include "client/tlsa_print.h"

static bool is_staged(const struct files *files)
{
    char path[320];
    tlsa_staged_path(path, files);
    return faccessat(files->folder, path, F_OK, 0) == 0 || errno != ENOENT;
}

static int work_on(struct key_work *work, const struct key_work_steps *steps, const struct set *set,
                   enum key_type type)
{
    struct staged staged;
    struct err err = {0};
    int ret = staged_open(&staged, work->client, set, type, &err);
    if (ret == 0) {
        if (!staged.there && !steps->makes) { /* it is in use: an activation was interrupted */
            if (steps->none != NULL) {
                steps->none(work, set, type);
            }
        } else {
            ret = steps->each(work, &staged, &err);
        }
        staged_close(&staged);
    }
    if (ret < 0) {
        log_error(work->client->log, NULL, "%s %s: %s", set->names[0], key_type_name(type),
                  err.text);
    }
    return ret;
}

struct all {
    struct key_work *work;
    const struct key_work_steps *steps;
    size_t failed;
};

static void work_on_all(void *arg)
{
    struct all *all = arg;
    struct key_work *work = all->work;
    const struct key_work_steps *steps = all->steps;
    struct client *client = work->client;
    size_t staged = 0;
    for (size_t i = 0; i < client->sets.count; i++) {
        for (size_t j = 0; j < client->type_count; j++) {
            const struct set *set = &client->sets.items[i];
            struct files files = client_files(client, set, client->types[j]);
            if (interrupt_wait(client->stop, 0)) {
                log_error(client->log, NULL, "interrupted");
                all->failed++;
                return;
            }
            if (steps->makes || is_staged(&files)) {
                staged++;
                all->failed += work_on(work, steps, set, client->types[j]) < 0;
            } else if (steps->none != NULL) {
                steps->none(work, set, client->types[j]);
            }
        }
    }
    if (staged == 0 && steps->none == NULL) {
        log_error(client->log, NULL, "no key is staged: certmill key stage PORT PROTO makes one");
        all->failed++;
    }
}

static int open_dns(struct key_work *work, struct err *err)
{
    const struct settings *s = &work->client->settings;
    struct dns_options options = {.name_server = s->name_server,
                                  .validate = s->validate,
                                  .trust_anchor = s->trust_anchor,
                                  .clock = work->client->clock};
    int ret = dns_new(&work->dns, &options, err);
    if (ret == 0) {
        work->asker = tlsa_asker_of(work->dns);
    }
    return ret;
}

static int run_guarded(struct key_work *work, const struct key_work_steps *steps)
{
    struct client *client = work->client;
    struct all all = {.work = work, .steps = steps};
    struct err err = {0};
    if (guard_run(client, work_on_all, &all, &err) < 0) {
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_FAILED;
    }
    if (hooks_run(&client->settings, &client->report, work->changes, work->change_count, &err) <
        0) {
        log_error(client->log, NULL, "%s", err.text);
        all.failed++;
    }
    return all.failed == 0 ? CLIENT_OK : CLIENT_FAILED;
}

int key_work_run(struct client *client, const struct key_work_steps *steps)
{
    struct key_work work = {.client = client};
    struct err err = {0};
    if (tlsa_service_of(&work.service, &work.given, client, false, &err) < 0) {
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_USAGE;
    }
    int status = CLIENT_FAILED;
    work.changes = calloc(client->sets.count * client->type_count + 1, sizeof(work.changes[0]));
    if (work.changes == NULL) {
        log_error(client->log, NULL, "out of memory");
    } else if (open_dns(&work, &err) < 0) {
        log_error(client->log, NULL, "%s", err.text);
    } else {
        status = run_guarded(&work, steps);
    }
    dns_free(work.dns);
    free(work.changes);
    return status;
}

int key_work_print(struct key_work *work, const struct staged *staged, enum tlsa_print how,
                   struct err *err)
{
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < staged->state.service_count; i++) {
        ret = tlsa_print(work->client, staged_next(staged), &staged->state.services[i], how, err);
    }
    return ret;
}
