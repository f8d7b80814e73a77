/*
 * Accounts at CAs, for people: who they are, what the CA offers, and changes to them.
 */
#include "issuer/desk_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct question {
    struct desk_ca *ca;
    desk_account_fn *fn;
    void *arg;
};

static void on_ready(void *arg, const struct acme_response *response)
{
    struct question *question = arg;
    const char *url = response->error == 0 ? acme_account_url(question->ca->acme) : NULL;
    int error = response->error == 0 && url == NULL ? ERR_INTERNAL : response->error;

    question->fn(question->arg, error, response->text != NULL ? response->text : err_string(error),
                 url);
    free(question);
}

int desk_account(struct desk *desk, const char *directory_url, desk_account_fn *fn, void *arg,
                 struct err *err)
{
    struct question *question;
    struct desk_ca *ca = desk_ca_get(desk, directory_url, err);
    int ret;

    if (ca == NULL) {
        return err->code;
    }
    if ((question = malloc(sizeof *question)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    *question = (struct question){ca, fn, arg};
    if ((ret = acme_ready(ca->acme, on_ready, question)) < 0) {
        free(question);
        return err_set(err, ret, "the account at %s cannot be asked for: %s", directory_url,
                       err_string(ret));
    }
    return 0;
}

/* -- changes -- */

/* By name, by the URL of a configured CA, or of one that an account is still on record for. */
static const char *url_of(const struct desk *desk, const char *name, struct err *err)
{
    const struct authority *authority = authorities_find(&desk->authorities, name);

    if (authority != NULL) {
        return authority->directory;
    }
    if (strncmp(name, "https://", 8) == 0) {
        return name;
    }
    (void)err_set(err, ERR_UNKNOWN, "no authority %.64s: `certmillctl accounts` lists them", name);
    return NULL;
}

int desk_account_change(struct desk *desk, const struct desk_account_change *what,
                        desk_account_fn *fn, void *arg, struct err *err)
{
    const char *url = url_of(desk, what->name, err);
    struct desk_ca *ca = url != NULL ? desk_ca_get(desk, url, err) : NULL;
    struct question *question;
    int ret;

    if (ca == NULL) {
        return err->code;
    }
    if ((question = malloc(sizeof *question)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    *question = (struct question){ca, fn, arg};
    if ((ret = acme_change(ca->acme, what->change, what->key_type, on_ready, question)) < 0) {
        free(question);
        return err_set(err, ret, "the account at %.64s cannot be changed now: %s", what->name,
                       err_string(ret));
    }
    return 0;
}

/* -- what the CAs say -- */

struct learn {
    uv_timer_t timer;
    unsigned left; /* CAs that have not answered, and the timer's handle */
    bool cancelled;
    void (*fn)(void *arg, int error); /* NULL once called */
    void *arg;
};

static void release(struct learn *learn)
{
    if (--learn->left == 0) {
        free(learn);
    }
}

static void on_learn_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static void learnt(struct learn *learn)
{
    void (*fn)(void *arg, int error) = learn->fn;

    if (fn != NULL) {
        learn->fn = NULL;
        uv_close((uv_handle_t *)&learn->timer, on_learn_closed);
        fn(learn->arg, learn->cancelled ? ERR_CANCELLED : 0);
    }
}

static void on_learn_timer(uv_timer_t *timer)
{
    learnt(timer->data);
}

static void on_known(void *arg, const struct acme_response *response)
{
    struct learn *learn = arg;

    learn->cancelled |= response->error == ERR_CANCELLED;
    if (learn->left == 2) { /* it and the timer */
        learnt(learn);
    }
    release(learn);
}

void desk_learn(struct desk *desk, unsigned within_ms, void (*fn)(void *arg, int error), void *arg)
{
    struct learn *learn = calloc(1, sizeof *learn);
    struct err err = {0};

    if (learn == NULL) {
        fn(arg, -ENOMEM);
        return;
    }
    learn->fn = fn;
    learn->arg = arg;
    learn->left = 1;
    (void)uv_timer_init(desk->opt.loop, &learn->timer);
    learn->timer.data = learn;
    for (size_t i = 0; i < desk->authorities.configured; i++) {
        struct desk_ca *ca = desk_ca_get(desk, desk->authorities.list[i].directory, &err);

        if (ca == NULL) {
            log_warning(desk->opt.log, NULL, "%s", err.text);
        } else if (!acme_has_directory(ca->acme) && acme_know(ca->acme, on_known, learn) == 0) {
            learn->left++;
        }
    }
    (void)uv_timer_start(&learn->timer, on_learn_timer, learn->left > 1 ? within_ms : 0, 0);
}
