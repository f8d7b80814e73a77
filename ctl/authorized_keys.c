/*
 * What sshd asks by AuthorizedKeysCommand: whether a key is a client's. Whatever it is asked, it
 * gets lines of authorized_keys that begin with the forced command and "restrict", or nothing.
 */
#include <errno.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/member.h"

#define COMMAND "certmill-shell"

static int fill(json_t *line, const struct ctl_request *request, struct err *err)
{
    if (request->count == 2 || request->count > 3) {
        return err_set(err, ERR_UNKNOWN,
                       "authorized-keys takes USER TYPE KEY (sshd's %%u %%t %%k), or no key for "
                       "those of all clients");
    }
    if (request->count == 3 &&
        (json_object_set_new(line, "type", json_string(request->words[1])) < 0 ||
         json_object_set_new(line, "key", json_string(request->words[2])) < 0)) {
        return err_set(err, ERR_UNKNOWN, "the key is not UTF-8");
    }
    return 0;
}

/* A value of an option ends at the quote that no backslash stands before (sshd(8)). */
static void print_quoted(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"') {
            fputc('\\', out);
        }
        fputc(*text, out);
    }
}

/* The client's name goes to a shell: only what the configuration takes as one. */
static bool is_word(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

    return text != NULL && *text != '\0' && *text != '-' && text[strspn(text, allowed)] == '\0';
}

static bool is_printable(const char *text)
{
    for (; text != NULL && *text > ' ' && *text < 0x7f && *text != '"'; text++) {
    }
    return text != NULL && *text == '\0';
}

static int print_key(const json_t *row, const char *command, FILE *out)
{
    const char *client = member_string(row, "client"), *type = member_string(row, "type");
    const char *key = member_string(row, "key");

    if (!is_word(client) || !is_printable(type) || !is_printable(key)) {
        return ERR_PROTOCOL;
    }
    fputs("command=\"", out);
    print_quoted(out, command);
    fprintf(out, " --client %s\",restrict %s %s\n", client, type, key);
    return 0;
}

static int run(const struct ctl_request *request, FILE *out, struct err *err)
{
    const char *command = request->client_command != NULL ? request->client_command : COMMAND;
    json_t *data;
    int status;

    for (const char *p = command; *p != '\0'; p++) {
        if ((unsigned char)*p < ' ' || *p == 0x7f || *p == '\\') {
            err_set(err, ERR_MALFORMED,
                    "--client-command may hold no control characters and no backslashes");
            return CTL_USAGE;
        }
    }
    if ((status = ctl_ask(request, &data, err)) != CTL_OK) {
        return status;
    }
    const json_t *keys = json_object_get(data, "keys"), *row;
    size_t i;
    json_array_foreach(keys, i, row)
    {
        if (print_key(row, command, out) < 0) {
            err_set(err, ERR_PROTOCOL, "certmilld's answer has a key that is none");
            status = CTL_NO_SERVER;
            break;
        }
    }
    json_decref(data);
    if (status == CTL_OK && fflush(out) != 0) {
        err_set(err, -errno, "standard output: %s", strerror(errno));
        status = CTL_REFUSED;
    }
    return status;
}

const struct ctl_command ctl_authorized_keys = {
    .name = "authorized-keys",
    .arguments = "[USER TYPE KEY]",
    .option = "--client-command",
    .help = "for sshd's AuthorizedKeysCommand: lines of the clients' keys",
    .fill = fill,
    .run = run,
};
