#include "client/guard.h"

#include "client/interrupt.h"
#include "client/jobs.h"
#include "client/server_session.h"

int guard_run(struct client *client, void (*work)(void *arg), void *arg, struct err *err)
{
    struct interrupt interrupt;
    if (client->stop > 0) {
        work(arg);
        return 0;
    }
    int ret = interrupt_begin(&interrupt, err);
    if (ret < 0) {
        return ret;
    }
    client->stop = interrupt.fd;
    work(arg);
    client->stop = 0;
    server_session_close(client->session);
    return interrupt_end(&interrupt) ? 1 : 0;
}

struct many {
    struct client *client;
    size_t count, begun;
    void (*work)(void *arg, size_t i);
    void *arg;
};

static void run_many(void *arg)
{
    struct many *many = arg;
    const struct client *client = many->client;
    many->begun =
        jobs_run((size_t)client->settings.jobs, client->stop, many->count, many->work, many->arg);
}

int guard_jobs(struct client *client, size_t count, void (*work)(void *arg, size_t i), void *arg,
               size_t *begun, struct err *err)
{
    struct many many = {.client = client, .count = count, .work = work, .arg = arg};
    int ret = guard_run(client, run_many, &many, err);
    if (begun != NULL) {
        *begun = many.begun;
    }
    return ret;
}
