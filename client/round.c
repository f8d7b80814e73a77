#include "client/round.h"

#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/client.h"
#include "client/copies.h"
#include "client/guard.h"
#include "client/hooks.h"
#include "client/install.h"
#include "client/jobs.h"
#include "client/keyfile.h"
#include "client/obtain.h"
#include "client/renewal.h"
#include "client/setlock.h"
#include "client/state.h"

/* One certificate. */
struct item {
    const struct set *set;
    struct files files;
    enum { ITEM_WAITS, ITEM_FINE, ITEM_RENEWED, ITEM_FAILED } outcome;
    bool changed; /* services have to be told of its files, whatever came then */
};

struct round {
    struct client *client;
    enum round_kind kind;
    struct issuers *issuers;
    struct item *items;
    size_t count;
    size_t *waiting; /* indexes of those that a first look did not settle */
    size_t waiting_count;
};

/* One certificate on its way. */
struct task {
    struct round *round;
    struct item *item;
    struct report_line *report;
    struct state state;
    char text[LIMIT_ERROR_TEXT]; /* the last thing to say of it */
};

static void subject_of(char dst[static 300], const struct item *item)
{
    snprintf(dst, 300, "%s %s", item->set->names[0], key_type_name(item->files.type));
}

static int look(struct round *round, const struct item *item, struct state *state, struct err *err)
{
    struct client *client = round->client;
    struct state_view view = {.settings = &client->settings,
                              .set = item->set,
                              .files = &item->files,
                              .now = clock_wall_s(client->clock),
                              .issuers = round->issuers};
    return state_read(state, &view, err);
}

/* -- the first look: changes nothing, and needs no lock -- */

/* Files that a run put in place which was ended before its hooks. */
static void find_untold(struct round *round)
{
    struct client *client = round->client;
    bool alone = install_alone(client->folder);
    for (size_t i = 0; alone && i < round->count; i++) {
        struct item *item = &round->items[i];
        char subject[300];
        if (install_untold(&item->files)) {
            item->changed = true;
            subject_of(subject, item);
            log_warning(client->log, NULL,
                        "%s: the run that put its files in place was ended before it had told "
                        "services of them; hooks run for it now",
                        subject);
        }
    }
    install_share(client->folder);
}

static void fail(struct round *round, struct item *item, const char *why)
{
    struct report_line report;
    char subject[300];
    subject_of(subject, item);
    report_begin(&report, &round->client->report, subject);
    report_end(&report, false, why);
    item->outcome = ITEM_FAILED;
}

/* The look that brought the key file in order says so. */
static void tell_mode(const struct task *task, const struct state *state)
{
    struct key key = {.mode_was = state->key_mode_was};
    keyfile_tell_mode(&key, &task->item->files, task->report);
}

static void look_first(void *arg, size_t i)
{
    struct round *round = arg;
    struct item *item = &round->items[i];
    struct report_line report = {.report = &round->client->report};
    struct task task = {.round = round, .item = item, .report = &report};
    struct err err = {0};
    subject_of(report.subject, item);
    if (look(round, item, &task.state, &err) < 0) {
        fail(round, item, err.text);
    } else {
        tell_mode(&task, &task.state);
        if ((task.state.problems & STATE_PEOPLE) != 0) {
            fail(round, item, task.state.reason);
        } else if (task.state.problems == 0 && !task.state.ask &&
                   !copies_due(&round->client->settings, &item->files, &task.state.chain)) {
            item->outcome = ITEM_FINE;
        }
    }
    state_clear(&task.state);
}

/* -- the work, under the lock -- */

static void say(struct task *task, const char *what, int64_t until)
{
    char date[64] = "?";
    struct tm tm;
    time_t at = (time_t)until;
    if (localtime_r(&at, &tm) != NULL) {
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M", &tm);
    }
    snprintf(task->text, sizeof(task->text), "%s %s", what, date);
}

/* Looks again, with the CA's word brought up to date where it is the only question. */
static int look_again(struct task *task, struct err *err)
{
    struct client *client = task->round->client;
    int ret = look(task->round, task->item, &task->state, err);
    if (ret < 0 || task->state.problems != 0 || !task->state.ask) {
        return ret;
    }
    renewal_ask(client, task->report, &task->item->files, task->state.chain.certs[0]);
    state_clear(&task->state);
    return look(task->round, task->item, &task->state, err);
}

/* What a server can do again and again without mending anything. */
static int check_mended(struct task *task, struct err *err)
{
    struct state state;
    int ret = look(task->round, task->item, &state, err);
    if (ret == 0 && (state.problems & STATE_INVALID_CA) != 0) {
        ret = err_set(err, ERR_POLICY, "it is new, but %s", state.reason);
    }
    state_clear(&state);
    return ret;
}

static int renew(struct task *task, struct err *err)
{
    struct item *item = task->item;
    bool anyway = task->round->kind == ROUND_ALL;
    bool old = (task->state.problems & (STATE_DUE | STATE_EXPIRED)) != 0;
    struct obtain_wish wish = {.force = anyway,
                               .unlike = old && !anyway ? task->state.chain.certs[0] : NULL};
    int64_t not_after = 0;
    int ret =
        obtain(task->round->client, task->report, item->set, &item->files, &wish, &not_after, err);
    item->changed = item->changed || not_after > 0;
    if (ret < 0) {
        return ret;
    }
    item->outcome = ITEM_RENEWED;
    say(task, "new certificate, valid until", not_after);
    return anyway ? 0 : check_mended(task, err);
}

/* Its copies may be missing, or not as they are configured by now. */
static int be_fine(struct task *task, struct err *err)
{
    const struct settings *settings = &task->round->client->settings;
    int ret = copies_follow(settings, &task->item->files, &task->state.chain, err);
    if (ret < 0) {
        return ret;
    }
    task->item->changed = task->item->changed || ret > 0;
    task->item->outcome = ITEM_FINE;
    say(task, ret > 0 ? "copies written; to be renewed on" : "fine, to be renewed on",
        task->state.due.at);
    return 0;
}

static int renew_if_due(struct task *task, struct err *err)
{
    int ret = look_again(task, err);
    if (ret < 0) {
        return ret;
    }
    if ((task->state.problems & STATE_PEOPLE) != 0) {
        return err_set(err, ERR_POLICY, "%s", task->state.reason);
    }
    if (task->state.problems == 0) {
        return be_fine(task, err);
    }
    report_step(task->report, LOG_LEVEL_INFO, task->state.reason);
    return renew(task, err);
}

/* Whatever its state, except where another run has got a new one while this one waited for it. */
static int renew_anyway(struct task *task, bool waited, const struct state *before, struct err *err)
{
    int ret = look(task->round, task->item, &task->state, err);
    const struct chain *now = &task->state.chain;
    if (ret < 0) {
        return ret;
    }
    tell_mode(task, before);
    tell_mode(task, &task->state);
    if (waited && task->state.problems == 0 &&
        (before->chain.count == 0 || X509_cmp(now->certs[0], before->chain.certs[0]) != 0)) {
        task->item->outcome = ITEM_FINE;
        snprintf(task->text, sizeof(task->text), "another run has got a new one just now");
        return 0;
    }
    return renew(task, err);
}

static int work_locked(struct task *task, struct err *err)
{
    struct setlock_wish wish =
        setlock_wish_of(task->round->client, &task->item->files, task->report);
    struct state before = {0};
    struct setlock lock;
    int ret = 0;
    if (task->round->kind == ROUND_ALL) {
        ret = look(task->round, task->item, &before, err);
    }
    if (ret == 0 && (ret = setlock_take(&lock, &wish, err)) == 0) {
        ret = task->round->kind == ROUND_ALL ? renew_anyway(task, lock.waited, &before, err)
                                             : renew_if_due(task, err);
        setlock_release(&lock);
    }
    state_clear(&before);
    return ret;
}

static void work(void *arg, size_t i)
{
    struct round *round = arg;
    struct item *item = &round->items[round->waiting[i]];
    struct report_line report;
    struct task task = {.round = round, .item = item, .report = &report};
    struct err err = {0};
    char subject[300];
    subject_of(subject, item);
    report_begin(&report, &round->client->report, subject);
    if (work_locked(&task, &err) < 0) {
        item->outcome = ITEM_FAILED;
        report_end(&report, false, err.text);
    } else {
        report_end(&report, true, task.text);
    }
    state_clear(&task.state);
}

/* -- the round -- */

static int make_items(struct round *round, struct err *err)
{
    struct client *client = round->client;
    size_t count = client->sets.count * client->type_count;
    round->items = calloc(count, sizeof(round->items[0]));
    round->waiting = calloc(count, sizeof(round->waiting[0]));
    round->issuers = issuers_new();
    if (round->items == NULL || round->waiting == NULL || round->issuers == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        const struct set *set = &client->sets.items[i / client->type_count];
        enum key_type type = client->types[i % client->type_count];
        round->items[i] = (struct item){.set = set, .files = client_files(client, set, type)};
    }
    round->count = count;
    return 0;
}

static void round_clear(struct round *round)
{
    issuers_free(round->issuers);
    free(round->waiting);
    free(round->items);
}

static size_t count_of(const struct round *round, int outcome)
{
    size_t count = 0;
    for (size_t i = 0; i < round->count; i++) {
        count += (int)round->items[i].outcome == outcome;
    }
    return count;
}

static int run_hooks(struct round *round, struct err *err)
{
    struct client *client = round->client;
    struct hooks_change *changes = calloc(round->count + 1, sizeof(changes[0]));
    size_t count = 0;
    if (changes == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < round->count; i++) {
        const struct item *item = &round->items[i];
        if (item->changed) {
            changes[count++] = (struct hooks_change){.set = item->set, .type = item->files.type};
        }
    }
    int ret = hooks_run(&client->settings, &client->report, changes, count, err);
    for (size_t i = 0; i < round->count; i++) {
        if (round->items[i].changed) {
            install_told(&round->items[i].files);
        }
    }
    free(changes);
    return ret;
}

/* The last line: what became of all. */
static int sum_up(struct round *round, const struct err *hooks)
{
    size_t failed = count_of(round, ITEM_FAILED), left = count_of(round, ITEM_WAITS);
    bool good = failed == 0 && left == 0 && hooks->code == 0;
    char more[64] = "", text[256];
    if (left > 0) {
        snprintf(more, sizeof(more), ", %zu not begun", left);
    }
    snprintf(text, sizeof(text), "%zu fine, %zu renewed, %zu failed%s%s",
             count_of(round, ITEM_FINE), count_of(round, ITEM_RENEWED), failed, more,
             hooks->code != 0 ? "; a post-renew hook failed" : "");
    report_summary(&round->client->report, good, text);
    return good ? CLIENT_OK : CLIENT_FAILED;
}

int round_run(struct client *client, enum round_kind kind)
{
    struct round round = {.client = client, .kind = kind};
    struct err err = {0}, hooks = {0};
    int ret = make_items(&round, &err), status = CLIENT_FAILED;
    if (ret == 0) {
        find_untold(&round);
        if (kind == ROUND_DUE) {
            /* One thread looks at some dozen in the time that another takes to start. */
            size_t threads = 1 + round.count / 16, most = (size_t)client->settings.jobs;
            jobs_run(threads < most ? threads : most, 0, round.count, look_first, &round);
        }
        for (size_t i = 0; i < round.count; i++) {
            if (round.items[i].outcome == ITEM_WAITS) {
                round.waiting[round.waiting_count++] = i;
            }
        }
        if (round.waiting_count > 0) {
            ret = guard_jobs(client, round.waiting_count, work, &round, NULL, &err);
        }
    }
    if (ret < 0) {
        log_error(client->log, NULL, "%s", err.text);
    } else {
        if (run_hooks(&round, &hooks) < 0) {
            log_error(client->log, NULL, "%s", hooks.text);
        }
        if (ret > 0) {
            log_error(client->log, NULL, "interrupted: what was in place is in place");
        }
        status = sum_up(&round, &hooks);
        status = ret > 0 ? CLIENT_FAILED : status;
    }
    install_leave(client->folder);
    round_clear(&round);
    return status;
}
