/*
 * The configuration as a client may see it.
 */
#include "issuer/submit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/authority.h"

/* What says nothing of the server's files, processes and other clients. */
static const char *const shown[] = {"acme-server-url", "staging",   "preferred-chain",
                                    "renew-within",    "preflight", "clients"};

#define SHOWN (sizeof shown / sizeof shown[0])

static void print_shown(const struct server_conf *conf, FILE *out)
{
    struct conf_option options[SHOWN];
    struct conf_schema schema = server_conf_schema;
    size_t count = 0;

    for (size_t i = 0; i < server_conf_schema.count; i++) {
        for (size_t j = 0; j < SHOWN && count < SHOWN; j++) {
            if (strcmp(server_conf_schema.options[i].key, shown[j]) == 0 &&
                (strcmp(shown[j], "clients") != 0 || conf->clients.count > 0)) {
                options[count++] = server_conf_schema.options[i];
            }
        }
    }
    schema.options = options;
    schema.count = count;
    conf_print(&schema, conf, out);
    (void)fprintf(out, "zones:\n");
    for (size_t i = 0; i < conf->zones.count; i++) {
        (void)fprintf(out, "  - name: \"%s\"\n",
                      ((const struct server_conf_zone *)conf->zones.rows)[i].name);
    }
}

/* Those that its orders go to, the most wanted first. */
static int print_authorities(const struct server_conf *conf, const char *client_name, FILE *out,
                             struct err *err)
{
    const struct authority_wish wish = {.client = client_name};
    const struct authority *chosen[LIMIT_AUTHORITIES];
    struct authorities all;
    int count;

    authorities_read(&all, conf);
    if ((count = authorities_choose(&all, conf, &wish, chosen, err)) < 0) {
        return count;
    }
    (void)fprintf(out, "authorities:\n");
    for (int i = 0; i < count; i++) {
        (void)fprintf(out, "  - name: \"%s\"\n    directory: \"%s\"\n", chosen[i]->name,
                      chosen[i]->directory);
    }
    return 0;
}

int submit_configuration(const struct server_conf *conf, const char *client_name, char **text,
                         struct err *err)
{
    struct server_conf own = *conf;
    size_t len;
    FILE *out;
    int ret;

    *text = NULL;
    own.clients = (struct conf_table){0};
    if (client_name != NULL) {
        own.clients.rows = (void *)server_conf_client_find(conf, client_name);
        own.clients.count = own.clients.rows != NULL;
    }
    if ((out = open_memstream(text, &len)) == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    print_shown(&own, out);
    ret = print_authorities(conf, client_name, out, err);
    if (fclose(out) != 0 && ret == 0) {
        ret = err_set(err, -ENOMEM, "out of memory");
    }
    return ret;
}
