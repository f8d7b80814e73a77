#include "issuer/preflight_command.h"

#include "common/domainset.h"
#include "issuer/line_json.h"
#include "issuer/policy.h"

/* Each name by itself: what is looked at need not fit into one certificate. */
static int permit(const struct preflight_command *command, char **names, size_t count,
                  struct err *err)
{
    const struct server_conf_client *client = NULL;
    int ret = 0;

    if (command->client_name == NULL && command->domains == NULL) {
        return 0;
    }
    if (command->client_name != NULL &&
        (client = server_conf_client_find(command->conf, command->client_name)) == NULL) {
        return err_set(err, ERR_POLICY, "the client %.64s is not configured on this server",
                       command->client_name);
    }
    for (size_t i = 0; i < count && ret == 0; i++) {
        const struct csr one = {.names = &names[i], .count = 1};

        ret = client != NULL ? policy_client_names(client, &one, err)
                             : policy_names(command->domains, &one, err);
    }
    return ret;
}

static int choose(const struct preflight_command *command, const struct authorities *all,
                  char **names, size_t count,
                  const struct authority *chosen[static LIMIT_AUTHORITIES], struct err *err)
{
    const struct authority_wish wish = {
        .client = command->client_name, .names = names, .name_count = count};

    return authorities_choose(all, command->conf, &wish, chosen, err);
}

int preflight_command(const struct preflight_command *command, preflight_fn *fn, void *arg,
                      struct preflight_check **check, struct err *err)
{
    const struct authority *chosen[LIMIT_AUTHORITIES];
    struct preflight_look look = {
        .preflight = command->preflight, .desk = command->desk, .store = command->store};
    struct authorities all;
    struct domainsets sets;
    int ret = domainsets_parse(&sets, command->names, err);

    if (ret < 0) {
        return ret;
    }
    if (sets.count != 1 || sets.sets[0].count > LIMIT_NAMES) {
        ret = err_set(err, ERR_LIMIT, "1 to %d names, divided by commas, can be checked at once",
                      LIMIT_NAMES);
        goto err0;
    }
    look.names = sets.sets[0].names;
    look.name_count = sets.sets[0].count;
    authorities_read(&all, command->conf);
    if ((ret = permit(command, sets.sets[0].names, look.name_count, err)) < 0 ||
        (ret = choose(command, &all, sets.sets[0].names, look.name_count, chosen, err)) < 0) {
        goto err0;
    }
    look.authorities = chosen;
    look.authority_count = (size_t)ret;
    ret = preflight_look(&look, fn, arg, check, err);
err0:
    domainsets_clear(&sets);
    return ret;
}

bool preflight_all_good(const struct preflight_finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (findings[i].severity != PREFLIGHT_GOOD) {
            return false;
        }
    }
    return true;
}

const char *preflight_severity_name(enum preflight_severity severity)
{
    switch (severity) {
    case PREFLIGHT_GOOD:
        return "good";
    case PREFLIGHT_TEMPORARY:
        return "temporary";
    default:
        return "definite";
    }
}

json_t *preflight_json(const struct preflight_finding *findings, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(
            array, json_pack("{s:o, s:s, s:s, s:o, s:o}", "name",
                             line_json_string(findings[i].name), "kind", findings[i].kind,
                             "severity", preflight_severity_name(findings[i].severity), "authority",
                             line_json_string(findings[i].authority), "text",
                             line_json_string(findings[i].text)));
    }
    return json_pack("{s:b, s:o}", "good", preflight_all_good(findings, count), "findings", array);
}
