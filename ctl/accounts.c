#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/ctl.h"
#include "ctl/member.h"
#include "ctl/text.h"

/* The word, and the op of docs/protocol.md. */
static const struct {
    const char *word, *op;
} actions[] = {{"register", "account-register"},
               {"roll-over", "account-roll-over"},
               {"agree", "account-agree"},
               {"deactivate", "account-deactivate"}};

static const char *op_of(const char *word)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(actions[i].word, word) == 0) {
            return actions[i].op;
        }
    }
    return NULL;
}

static int set(json_t *line, const char *member, const char *value, struct err *err)
{
    return json_object_set_new(line, member, json_string(value)) < 0
               ? err_set(err, ERR_UNKNOWN, "'%.100s' is not UTF-8", value)
               : 0;
}

static int fill(json_t *line, const struct ctl_request *request, struct err *err)
{
    char *const *words = request->words;
    int ret;

    if (request->count == 0 && request->key_type == NULL) {
        return 0;
    }
    if (request->count > 2) {
        return err_set(err, ERR_UNKNOWN, "accounts takes no third word: '%.100s'", words[2]);
    }
    if (request->count < 2 || op_of(words[0]) == NULL) {
        return err_set(
            err, ERR_UNKNOWN,
            "accounts takes no word, or register, roll-over, agree or deactivate and the "
            "name of an authority");
    }
    if ((ret = set(line, "op", op_of(words[0]), err)) < 0 ||
        (ret = set(line, "name", words[1], err)) < 0) {
        return ret;
    }
    return request->key_type != NULL ? set(line, "key_type", request->key_type, err) : 0;
}

/* -- printing -- */

static void line(FILE *out, const char *what, const char *value)
{
    char *safe = value != NULL ? text_escape(value) : NULL;

    fprintf(out, "  %-12s %s\n", what, safe != NULL ? safe : "-");
    free(safe);
}

static void line_of(FILE *out, const char *what, const json_t *object, const char *member)
{
    line(out, what, member_string(object, member));
}

static void joined(FILE *out, const char *what, const json_t *object, const char *member)
{
    char *text = member_joined(object, member);

    line(out, what, text);
    free(text);
}

static void print_key(const json_t *account, FILE *out)
{
    const char *key = member_string(account, "key"), *type = member_string(account, "key_type");
    const char *pending = member_string(account, "pending_key");
    char *text = NULL;

    if (key != NULL && asprintf(&text, "%s (%s)%s%s", key, type != NULL ? type : "type not known",
                                pending != NULL ? ", being rolled over to " : "",
                                pending != NULL ? pending : "") < 0) {
        text = NULL;
    }
    line(out, "key", text);
    free(text);
}

static void print_terms(const json_t *account, const json_t *ca, FILE *out)
{
    line_of(out, "terms", account, "terms_agreed");
    if (json_is_true(json_object_get(account, "terms_changed"))) {
        line_of(out, "terms now", ca, "terms");
        fprintf(out, "  %-12s read them, then `certmillctl accounts agree`\n", "");
    }
}

static void print_profiles(const json_t *ca, FILE *out)
{
    const json_t *profile;
    size_t i;

    json_array_foreach(json_object_get(ca, "profiles"), i, profile)
    {
        const char *name = member_string(profile, "name");
        const char *description = member_string(profile, "description");
        char *text = NULL;

        if (asprintf(&text, "%s: %s", name != NULL ? name : "-",
                     description != NULL ? description : "-") < 0) {
            text = NULL;
        }
        line(out, i == 0 ? "profiles" : "", text);
        free(text);
    }
}

static void print_ca(const json_t *ca, FILE *out)
{
    if (!json_is_true(json_object_get(ca, "reached"))) {
        line(out, "CA", "not reached yet");
        return;
    }
    joined(out, "CAA", ca, "caa_identities");
    print_profiles(ca, out);
    line(out, "renewal info",
         json_is_true(json_object_get(ca, "renewal_information")) ? "yes" : "no");
}

static void print_account(const json_t *account, FILE *out)
{
    const json_t *ca = json_object_get(account, "ca");
    const char *name = member_string(account, "name");
    char *safe = text_escape(name != NULL ? name : "(not configured)"), when[64];

    fprintf(out, "%s\n", safe != NULL ? safe : "-");
    free(safe);
    line_of(out, "directory", account, "directory");
    line_of(out, "account", account, "url");
    if (member_string(account, "url") != NULL) {
        line_of(out, "status", account, "status");
        print_key(account, out);
        line_of(out, "thumbprint", account, "thumbprint");
        joined(out, "contacts", account, "contacts");
        print_terms(account, ca, out);
        if (member_string(account, "eab_kid") != NULL) {
            line_of(out, "bound by", account, "eab_kid");
        }
        line(out, "created", text_time(when, sizeof(when), member_string(account, "created")));
    }
    print_ca(ca, out);
}

static int print(const json_t *data, FILE *out)
{
    const json_t *list = json_object_get(data, "accounts"), *account;
    size_t i;

    if (list == NULL) {
        const char *url = member_string(data, "url");
        char *safe = url != NULL ? text_escape(url) : NULL;

        fprintf(out, "done: %s\n", safe != NULL ? safe : "-");
        free(safe);
        return 0;
    }
    json_array_foreach(list, i, account)
    {
        if (i > 0) {
            fputc('\n', out);
        }
        print_account(account, out);
    }
    return 0;
}

const struct ctl_command ctl_accounts = {
    .name = "accounts",
    .arguments = "[register|roll-over|agree|deactivate NAME]",
    .option = "--key-type",
    .help = "list accounts at CAs; register, roll-over, agree, deactivate",
    .fill = fill,
    .print = print};
