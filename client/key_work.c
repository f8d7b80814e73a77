#include "client/key_work.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client.h"
#include "client/guard.h"
#include "client/install.h"
#include "client/interrupt.h"
#include "client/tlsa_judge.h"
#include "client/tlsa_print.h"

/* Whether there may be something of a staged key. */
static bool may_be_staged(const struct files *files)
{
    char path[320];
    tlsa_staged_path(path, files);
    if (faccessat(files->folder, path, F_OK, 0) == 0 || errno != ENOENT) {
        return true;
    }
    staged_aside_path(path, files);
    return faccessat(files->folder, path, F_OK, 0) == 0;
}

void key_work_changed(struct key_work *work, const struct staged *staged)
{
    work->changes[work->change_count++] =
        (struct hooks_change){.set = staged->set, .type = staged->files.type};
}

/* The staged key is in use: a run was ended before it had told anybody. */
static int resume(struct key_work *work, const struct key_work_steps *steps, struct staged *staged,
                  struct err *err)
{
    bool resumes = steps->resumed != NULL;
    log_info(work->client->log, NULL, "%s %s: the staged key is in use by now, %s",
             staged->set->names[0], key_type_name(staged->files.type),
             resumes ? "by a run that was interrupted: what it left undone is done"
                     : "but the run that did that was interrupted: certmill key activate ends it");
    if (!resumes) {
        return 0;
    }
    key_work_changed(work, staged);
    int ret = staged_resume(staged, err);
    steps->resumed(work, staged);
    return ret;
}

static int work_on_staged(struct key_work *work, const struct key_work_steps *steps,
                          struct staged *staged, struct err *err)
{
    work->staged += staged->there || staged->in_use;
    int ret = staged->in_use ? resume(work, steps, staged, err) : 0;
    if (ret < 0) {
        return ret;
    }
    if (staged->there || steps->makes) {
        return steps->each(work, staged, err);
    }
    if (steps->none != NULL) {
        steps->none(work, staged->set, staged->files.type);
    }
    return 0;
}

static int work_on(struct key_work *work, const struct key_work_steps *steps, const struct set *set,
                   enum key_type type)
{
    struct staged staged;
    struct err err = {0};
    int ret = staged_open(&staged, work->client, set, type, &err);
    if (ret == 0) {
        ret = work_on_staged(work, steps, &staged, &err);
        staged_close(&staged);
    }
    if (ret < 0) {
        log_error(work->client->log, NULL, "%s %s: %s", set->names[0], key_type_name(type),
                  err.text);
    }
    return ret;
}

/* Once hooks have run, nothing is left to be done after a crash. */
static size_t end_all(const struct key_work *work)
{
    size_t failed = 0;
    for (size_t i = 0; i < work->change_count; i++) {
        const struct hooks_change *change = &work->changes[i];
        struct staged staged;
        struct err err = {0};
        int ret = staged_open(&staged, work->client, change->set, change->type, &err);
        if (ret == 0) {
            install_told(&staged.files);
            ret = staged.in_use ? staged_end(&staged, &err) : 0;
            staged_close(&staged);
        }
        if (ret < 0) {
            log_error(work->client->log, NULL, "%s %s: %s", change->set->names[0],
                      key_type_name(change->type), err.text);
            failed++;
        }
    }
    return failed;
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
    for (size_t i = 0; i < client->sets.count; i++) {
        for (size_t j = 0; j < client->type_count; j++) {
            const struct set *set = &client->sets.items[i];
            struct files files = client_files(client, set, client->types[j]);
            if (interrupt_wait(client->stop, 0)) {
                log_error(client->log, NULL, "interrupted");
                all->failed++;
                return;
            }
            if (steps->makes || may_be_staged(&files)) {
                all->failed += work_on(work, steps, set, client->types[j]) < 0;
            } else if (steps->none != NULL) {
                steps->none(work, set, client->types[j]);
            }
        }
    }
    if (all->failed == 0 && work->staged == 0 && !steps->makes && steps->none == NULL) {
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
    install_share(client->folder);
    if (guard_run(client, work_on_all, &all, &err) < 0) {
        log_error(client->log, NULL, "%s", err.text);
        install_leave(client->folder);
        return CLIENT_FAILED;
    }
    if (hooks_run(&client->settings, &client->report, work->changes, work->change_count, &err) <
        0) {
        log_error(client->log, NULL, "%s", err.text);
        all.failed++;
    }
    all.failed += end_all(work);
    install_leave(client->folder);
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
