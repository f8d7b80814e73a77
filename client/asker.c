#include "client/asker.h"

static int ask(void *arg, const char *owner, uint16_t type, struct dns_answer *out, struct err *err)
{
    return dns_ask(arg, owner, type, out, err);
}

int asker_open(struct asker *out, const struct client *client, struct err *err)
{
    const struct settings *s = &client->settings;
    const struct dns_options options = {.name_server = s->name_server,
                                        .validate = s->validate,
                                        .trust_anchor = s->trust_anchor,
                                        .clock = client->clock};
    struct dns *dns = NULL;
    int ret = dns_new(&dns, &options, err);
    *out = (struct asker){.ask = ask, .arg = dns};
    return ret;
}

void asker_close(struct asker *asker)
{
    dns_free(asker->arg);
    *asker = (struct asker){0};
}
