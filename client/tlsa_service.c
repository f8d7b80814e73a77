#include "client/tlsa_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_port(int64_t *out, const char *word, struct err *err)
{
    size_t len = strlen(word);
    if (len == 0 || len > 5 || strspn(word, "0123456789") != len) {
        return err_set(err, ERR_MALFORMED, "'%.20s' is no port: a number from 1 to 65535 is", word);
    }
    *out = strtol(word, NULL, 10);
    if (*out < 1 || *out > 65535) {
        return err_set(err, ERR_RANGE, "%s is no port: 1 to 65535 are", word);
    }
    return 0;
}

static int read_protocol(struct tlsa_service *out, const char *word, struct err *err)
{
    static const char *const protocols[] = {"tcp", "udp", "sctp"};
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (strcmp(word, protocols[i]) == 0) {
            snprintf(out->protocol, sizeof(out->protocol), "%s", protocols[i]);
            return 0;
        }
    }
    return err_set(err, ERR_MALFORMED,
                   "'%.20s' is no protocol of TLSA records: tcp, udp and sctp are", word);
}

int tlsa_service_read(struct tlsa_service *out, bool *given, const struct settings *settings,
                      const char *port, const char *protocol, struct err *err)
{
    *out = (struct tlsa_service){.port = settings->tlsa_port};
    const char *word = protocol != NULL ? protocol : settings->tlsa_protocol;
    int ret = port != NULL ? read_port(&out->port, port, err) : 0;
    if (ret == 0 && word != NULL) {
        ret = read_protocol(out, word, err);
    }
    if (ret < 0) {
        return ret;
    }
    *given = out->port != 0 || word != NULL;
    if (*given && (out->port == 0 || word == NULL)) {
        return err_set(err, ERR_NOT_FOUND,
                       "%s is given without %s: TLSA records are of both, for example 443 tcp",
                       out->port == 0 ? "a protocol" : "a port",
                       out->port == 0 ? "a port" : "a protocol");
    }
    return 0;
}

int tlsa_service_of(struct tlsa_service *out, bool *given, const struct client *client, bool needed,
                    struct err *err)
{
    const char *port = client->arg_count > 0 ? client->args[0] : NULL;
    const char *protocol = client->arg_count > 1 ? client->args[1] : NULL;
    int ret = tlsa_service_read(out, given, &client->settings, port, protocol, err);
    if (ret == 0 && needed && !*given) {
        ret = err_set(err, ERR_NOT_FOUND,
                      "say which service the TLSA records are of, for example: certmill %s %s 443 "
                      "tcp (or set tlsa-port and tlsa-protocol)",
                      client->command->first, client->command->second);
    }
    return ret;
}
