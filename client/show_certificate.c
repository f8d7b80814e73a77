#include <errno.h>
#include <stdlib.h>

#include "client/chain.h"
#include "client/client.h"
#include "client/commands.h"
#include "common/file.h"

/* 0, -ENOENT or another error. */
static int read_certificate(const struct files *files, const char *name, struct chain *chain,
                            struct err *err)
{
    char *pem = NULL;
    size_t len;
    int ret = file_read(files->folder, name, LIMIT_CHAIN_PEM, &pem, &len, err);
    if (ret == 0 && (ret = chain_parse(chain, pem, len, err)) < 0) {
        err_prefix(err, "%s/%s", files->path, name);
        ret = ERR_MALFORMED;
    }
    free(pem);
    return ret;
}

static void show_item(struct client *client, const struct set *set, const struct files *files,
                      const char *name, const struct chain *chain, const char *fault)
{
    json_t *item =
        json_pack("{s:s,s:s,s:o}", "set", set->names[0], "type", key_type_name(files->type), "file",
                  json_sprintf("%s/%s", files->path, name));
    if (chain->count > 0) {
        json_t *facts = chain_item(chain->certs[0], clock_wall_s(client->clock));
        if (facts == NULL || json_object_update(item, facts) < 0) {
            json_decref(item);
            item = NULL;
        }
        json_decref(facts);
    } else if (fault != NULL) {
        json_object_set_new(item, "error", json_string(fault));
    }
    json_object_set_new(item, "there", json_boolean(chain->count > 0));
    client_item(client, item);
}

static int show_text(struct client *client, const struct set *set, const struct files *files,
                     const char *name, const struct chain *chain)
{
    fprintf(client->out, "%s %s\n", set->names[0], key_type_name(files->type));
    fprintf(client->out, "  %-12s %s/%s\n", "file", files->path, name);
    if (chain->count == 0) {
        return 0;
    }
    return chain_describe(chain->certs[0], clock_wall_s(client->clock), client->out);
}

static int show(struct client *client, const struct set *set, const struct files *files)
{
    char name[256];
    struct chain chain = {0};
    struct err err = {0};
    files_name(name, files, FILE_CERTIFICATE);
    int ret = read_certificate(files, name, &chain, &err);
    if (client->settings.json) {
        show_item(client, set, files, name, &chain, ret == -ENOENT ? NULL : err.text);
    } else if (show_text(client, set, files, name, &chain) < 0) {
        ret = err_set(&err, -ENOMEM, "out of memory");
    } else if (ret == -ENOENT) {
        fputs("  there is none yet: certmill get certificate asks for it\n", client->out);
    }
    if (ret < 0 && ret != -ENOENT) {
        fflush(client->out);
        log_error(client->log, NULL,
                  "%s %s: %s; certmill get certificate puts a new one in its place", set->names[0],
                  key_type_name(files->type), err.text);
    }
    chain_clear(&chain);
    return ret == -ENOENT ? 0 : ret;
}

static int run(struct client *client)
{
    return client_each(client, show) == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_show_certificate = {.first = "show",
                                                       .second = "certificate",
                                                       .help = "say what the certificates are",
                                                       .needs = CLIENT_NEEDS_PATH,
                                                       .run = run};
