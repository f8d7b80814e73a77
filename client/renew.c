/*
 * certmill renew --scan DIR: files of other programs' making, renewed by the rules of periodic.
 * What the CA says of when (RFC 9773) and locks are kept in DIR/.certmill, as for our own files.
 */
#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/due.h"
#include "client/guard.h"
#include "client/hooks.h"
#include "client/install_dir.h"
#include "client/obtain.h"
#include "client/renewal.h"
#include "client/scan_write.h"
#include "client/setlock.h"
#include "client/state.h"
#include "common/timestamp.h"

/* What became of a pair. */
struct item {
    enum { ITEM_WAITS, ITEM_FINE, ITEM_RENEWED, ITEM_LEFT, ITEM_FAILED } outcome;
    char path[LIMIT_PATH + 16]; /* for hooks */
};

struct round {
    struct client *client;
    struct scan scan;
    struct item *items;
    size_t faults; /* files whose key is of no use */
};

/* One pair on its way. */
struct task {
    struct round *round;
    size_t at;
    const struct scan_pair *pair;
    struct files files; /* names of lock and of what the CA says */
    struct report_line *report;
    char text[LIMIT_ERROR_TEXT];
};

/* -- when -- */

/* *ask: what the CA says of it is not known, or outdated. */
static struct state_due when(const struct task *task, bool *ask)
{
    const struct settings *s = &task->round->client->settings;
    X509 *leaf = task->pair->leaf;
    struct due_wish wish = {.not_before = chain_not_before(leaf),
                            .not_after = chain_not_after(leaf),
                            .threshold_days = s->cert_renew_threshold_days};
    if (!renewal_hear(&wish, ask, &task->files, leaf, clock_wall_s(task->round->client->clock))) {
        *ask = true;
    }
    return due_when(&wish);
}

/* Whether it is to be renewed, and *text why, or when. */
static bool is_due(struct task *task, bool *ask)
{
    const struct client *client = task->round->client;
    struct state_due due = when(task, ask);
    char date[TIMESTAMP_SIZE], cn[256];
    if (state_is_listed(&client->settings, task->pair->leaf, cn)) {
        snprintf(task->text, sizeof(task->text), "it is by a CA of invalid-ca-cn-list");
        return true;
    }
    if (task->pair->torn) {
        snprintf(task->text, sizeof(task->text), "a run was ended while it replaced these files");
        return true;
    }
    if (task->pair->lags) {
        snprintf(task->text, sizeof(task->text),
                 "files for the same key hold different certificates");
        return true;
    }
    bool now = due.at <= clock_wall_s(client->clock);
    snprintf(task->text, sizeof(task->text), "%s %s",
             now ? "the certificate is to be renewed since" : "fine, to be renewed on",
             timestamp_format(date, due.at));
    return now;
}

/* -- the work -- */

static void warn(void *arg, const char *message)
{
    report_step(arg, LOG_LEVEL_WARNING, message);
}

static int renew(struct task *task, struct err *err)
{
    struct client *client = task->round->client;
    const struct scan *scan = &task->round->scan;
    const struct key key = {.pkey = scan->files[task->pair->key].pem.key};
    struct item *item = &task->round->items[task->at];
    bool mends = task->pair->lags || task->pair->torn;
    const struct obtain_wish wish = {.unlike = mends ? NULL : task->pair->leaf};
    struct chain chain;
    char date[TIMESTAMP_SIZE];
    bool in_place;
    report_step(task->report, LOG_LEVEL_INFO, task->text);
    int ret = obtain_chain(client, task->report, &task->pair->set, &key, &wish, &chain, err);
    if (ret < 0) {
        return ret;
    }
    const struct scan_write write = {.scan = scan,
                                     .pair = task->at,
                                     .chain = &chain,
                                     .keep_old = (unsigned)client->settings.keep_old,
                                     .warn = warn,
                                     .arg = task->report};
    ret = scan_write(&write, &in_place, err);
    if (in_place) { /* which counts, even where the disk does not promise that it stays */
        item->outcome = ITEM_RENEWED;
        snprintf(item->path, sizeof(item->path), "%s/%s", scan->root,
                 scan->files[task->pair->first].path);
        snprintf(task->text, sizeof(task->text), "new certificate, valid until %s",
                 timestamp_format(date, chain_not_after(chain.certs[0])));
        if (client->settings.cert_renew_threshold_days == 0) {
            renewal_ask(client, task->report, &task->files, chain.certs[0]);
        }
    }
    chain_clear(&chain);
    return ret;
}

/* Under the lock. */
static int renew_if_due(struct task *task, bool ask, struct err *err)
{
    struct client *client = task->round->client;
    if (ask) {
        int fd = install_folder_open(&task->files, err);
        if (fd < 0) {
            return fd;
        }
        close(fd);
        renewal_ask(client, task->report, &task->files, task->pair->leaf);
    }
    if (is_due(task, &ask)) {
        return renew(task, err);
    }
    task->round->items[task->at].outcome = ITEM_FINE;
    return 0;
}

static int work_locked(struct task *task, struct err *err)
{
    const struct setlock_wish wish =
        setlock_wish_of(task->round->client, &task->files, task->report);
    struct setlock lock;
    bool ask = false;
    if (!is_due(task, &ask) && !ask) {
        task->round->items[task->at].outcome = ITEM_FINE;
        return 0;
    }
    int ret = setlock_take(&lock, &wish, err);
    if (ret < 0) {
        return ret;
    }
    if (scan_changed(&task->round->scan, task->at) != NULL) { /* what was read is outdated */
        task->round->items[task->at].outcome = ITEM_FINE;
        snprintf(task->text, sizeof(task->text),
                 "somebody else has replaced its files just now: left to the next run");
    } else {
        ret = renew_if_due(task, ask, err);
    }
    setlock_release(&lock);
    return ret;
}

static void work(void *arg, size_t i)
{
    struct round *round = arg;
    const struct scan *scan = &round->scan;
    const struct scan_pair *pair = &scan->pairs[i];
    struct item *item = &round->items[i];
    struct report_line report;
    struct task task = {.round = round, .at = i, .pair = pair, .report = &report};
    struct err err = {0};
    char subject[300];
    task.files = (struct files){.folder = scan->folder,
                                .path = scan->root,
                                .name = pair->set.name,
                                .type = pair->type,
                                .owner = {.uid = (uid_t)-1, .gid = (gid_t)-1}};
    snprintf(subject, sizeof(subject), "%.290s", scan->files[pair->first].path);
    report_begin(&report, &round->client->report, subject);
    if (pair->verdict != SCAN_RENEWS) {
        bool left = pair->verdict == SCAN_LEAVES;
        item->outcome = left ? ITEM_LEFT : ITEM_FAILED;
        snprintf(task.text, sizeof(task.text), "left alone: %s", pair->reason);
        report_end(&report, left, task.text);
    } else if (work_locked(&task, &err) < 0) {
        item->outcome = ITEM_FAILED;
        report_end(&report, false, err.text);
    } else {
        report_end(&report, true, task.text);
    }
}

/* -- the round -- */

/* Whether the file has names that were not met here: those keep the old certificate. */
static bool has_other_names(const struct scan *scan, const struct scan_file *file)
{
    nlink_t met = 0;
    for (size_t i = 0; i < scan->count; i++) {
        met += scan->files[i].ino == file->ino && scan->files[i].dev == file->dev;
    }
    return file->links > met;
}

static void tell_file(struct round *round, const struct scan_file *file)
{
    struct log *log = round->client->log;
    if (file->pem.fault_code == ERR_RANGE) {
        log_info(log, file->path, "%s", file->pem.fault);
    } else if (file->pem.fault_code != 0) {
        log_error(log, file->path, "%s", file->pem.fault);
        round->faults++;
    }
    if (file->pem.key != NULL && (file->mode & 07) != 0) {
        log_warning(log, file->path, "everybody may read or write this private key: chmod o-rwx");
    }
    if (file->pair != SCAN_NONE && has_other_names(&round->scan, file)) {
        log_warning(log, file->path,
                    "this file has other names (hard links) outside %s, which will go on with the "
                    "old certificate: use symbolic links",
                    round->scan.root);
    }
}

/* What is told of files rather than of pairs. */
static void tell_files(struct round *round)
{
    const struct scan *scan = &round->scan;
    struct log *log = round->client->log;
    for (size_t i = 0; i < scan->count; i++) {
        tell_file(round, &scan->files[i]);
    }
    if (scan->full) {
        log_error(log, NULL,
                  "%s holds more than %d files of keys and certificates, or %d of any kind: not "
                  "all were looked at",
                  scan->root, LIMIT_SCAN_FILES, LIMIT_SCAN_NAMES);
        round->faults++;
    }
}

static size_t count_of(const struct round *round, int outcome)
{
    size_t count = 0;
    for (size_t i = 0; i < round->scan.pair_count; i++) {
        count += (int)round->items[i].outcome == outcome;
    }
    return count;
}

static int run_hooks(struct round *round, struct err *err)
{
    struct client *client = round->client;
    struct hooks_change *changes = calloc(round->scan.pair_count + 1, sizeof(changes[0]));
    size_t count = 0;
    if (changes == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < round->scan.pair_count; i++) {
        const struct scan_pair *pair = &round->scan.pairs[i];
        if (round->items[i].path[0] != '\0') {
            changes[count++] = (struct hooks_change){
                .set = &pair->set, .type = pair->type, .path = round->items[i].path};
        }
    }
    int ret = hooks_run(&client->settings, &client->report, changes, count, err);
    free(changes);
    return ret;
}

/* The last line: what became of all. */
static int sum_up(struct round *round, bool hooks_failed)
{
    size_t failed = count_of(round, ITEM_FAILED) + round->faults;
    size_t waits = count_of(round, ITEM_WAITS);
    bool good = failed == 0 && waits == 0 && !hooks_failed;
    char more[64] = "", text[256];
    if (waits > 0) {
        snprintf(more, sizeof(more), ", %zu not begun", waits);
    }
    snprintf(text, sizeof(text), "%zu fine, %zu renewed, %zu left alone, %zu failed%s%s",
             count_of(round, ITEM_FINE), count_of(round, ITEM_RENEWED), count_of(round, ITEM_LEFT),
             failed, more, hooks_failed ? "; a post-renew hook failed" : "");
    report_summary(&round->client->report, good, text);
    return good ? CLIENT_OK : CLIENT_FAILED;
}

static int run_round(struct round *round, struct err *err)
{
    struct client *client = round->client;
    struct err hooks = {0};
    if ((round->items = calloc(round->scan.pair_count + 1, sizeof(round->items[0]))) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    tell_files(round);
    int ret = guard_jobs(client, round->scan.pair_count, work, round, NULL, err);
    if (ret < 0) {
        return ret;
    }
    if (run_hooks(round, &hooks) < 0) {
        log_error(client->log, NULL, "%s", hooks.text);
    }
    if (ret > 0) {
        log_error(client->log, NULL, "interrupted: what was in place is in place");
    }
    int status = sum_up(round, hooks.code != 0);
    return ret > 0 ? CLIENT_FAILED : status;
}

static int run(struct client *client)
{
    struct round round = {.client = client};
    struct err err = {0};
    if (client->settings.scan == NULL) {
        log_error(client->log, NULL,
                  "renew needs --scan FOLDER, whose certificates it renews; those of domain-list "
                  "are renewed by periodic");
        return CLIENT_USAGE;
    }
    int ret = scan_folder(&round.scan, client->settings.scan, clock_wall_s(client->clock), &err);
    if (ret == 0) {
        ret = run_round(&round, &err);
        scan_clear(&round.scan);
    }
    free(round.items);
    if (ret < 0) {
        log_error(client->log, NULL, "%s", err.text);
        return CLIENT_FAILED;
    }
    return ret;
}

const struct client_command client_renew = {
    .first = "renew",
    .help = "with --scan FOLDER: renew what is due of other programs' files",
    .needs = CLIENT_NEEDS_NOTHING,
    .run = run};
