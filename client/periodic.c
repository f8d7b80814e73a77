#include <stdio.h>
#include <sys/random.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/delay.h"
#include "client/interrupt.h"
#include "client/round.h"

/* Returns whether the user ended it. */
static int wait_a_while(struct client *client, struct err *err)
{
    struct interrupt interrupt;
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        random = 1u << 31; /* half of it */
    }
    int64_t ms = delay_draw_ms(client->settings.periodic_sleep_minutes, random);
    int ret = interrupt_begin(&interrupt, err);
    if (ret < 0) {
        return ret;
    }
    log_info(client->log, NULL, "waiting %d min %d s (periodic-sleep-minutes, --now)",
             (int)(ms / 60000), (int)(ms / 1000 % 60));
    interrupt_wait(interrupt.fd, (int)ms);
    return interrupt_end(&interrupt);
}

static int run(struct client *client)
{
    const struct settings *s = &client->settings;
    struct err err = {0};
    int ret = s->now || s->periodic_sleep_minutes == 0 ? 0 : wait_a_while(client, &err);
    if (ret != 0) {
        log_error(client->log, NULL, "%s", ret > 0 ? "interrupted" : err.text);
        return CLIENT_FAILED;
    }
    return round_run(client, ROUND_DUE);
}

const struct client_command client_periodic = {
    .first = "periodic",
    .help = "renew what is due; for cron: begins after a random while, at once with --now",
    .needs = CLIENT_NEEDS_PATH,
    .run = run};
