#include <errno.h>
#include <stdlib.h>

#include "client/chain.h"
#include "client/client.h"
#include "client/commands.h"
#include "common/file.h"

static int show(struct client *client, const struct set *set, const struct files *files)
{
    char name[256], *pem = NULL;
    struct chain chain = {0};
    struct err err = {0};
    size_t len;
    files_name(name, files, FILE_CERTIFICATE);
    fprintf(client->out, "%s %s\n", set->names[0], key_type_name(files->type));
    fprintf(client->out, "  %-12s %s/%s\n", "file", files->path, name);
    int ret = file_read(files->folder, name, LIMIT_CHAIN_PEM, &pem, &len, &err);
    if (ret == -ENOENT) {
        fputs("  there is none yet: certmill get certificate asks for it\n", client->out);
        return 0;
    }
    if (ret < 0 || (ret = chain_parse(&chain, pem, len, &err)) < 0 ||
        (ret = chain_describe(chain.certs[0], clock_wall_s(client->clock), client->out)) < 0) {
        fflush(client->out);
        log_error(client->log, NULL, "%s/%s: %s", files->path, name, err.text);
    }
    chain_clear(&chain);
    free(pem);
    return ret;
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
