#include "client/server_argv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "client/server_session.h"
#include "client/server_ssh.h"
#include "common/words.h"

#define MORE_WORDS  32  /* options and words that are put to the command, and the NULL */
#define MORE_OCTETS 512 /* of those that are not counted one by one */

struct builder {
    char **argv;
    size_t count;
    char *text, *end;
};

static void put(struct builder *b, const char *word)
{
    size_t len = strlen(word) + 1;
    if (len > (size_t)(b->end - b->text)) {
        return; /* cannot be: see the sum in server_argv */
    }
    memcpy(b->text, word, len);
    b->argv[b->count++] = b->text;
    b->text += len;
}

static void put_option(struct builder *b, const char *option, const char *value)
{
    if (value != NULL) {
        put(b, option);
        put(b, value);
    }
}

/* What an original certgrinderd does not know is put only where it is set. */
static void put_options(struct builder *b, const struct server_call *call)
{
    const struct settings *s = call->settings;
    put_option(b, "--log-level", log_level_name(settings_level(s)));
    put_option(b, "--acme-server-url", s->acme_server_url);
    put_option(b, "--authority", s->authority);
    put_option(b, "--profile", s->profile);
    if (s->preferred_chain != NULL) {
        put(b, "--preferred-chain");
        char *word = b->text;
        put(b, s->preferred_chain);
        /* ssh joins words by blanks, so that a blank within one would divide it there. */
        while ((word = strchr(word, ' ')) != NULL) {
            *word = '_';
        }
    }
    if (s->staging) {
        put(b, "--staging");
    }
    if (call->force) {
        put(b, "--force");
    }
}

/* Nobody is there to answer ssh's questions, and no call waits for a host that is down. The user's
 * own words, which come behind, say so first where they say something of these. */
static void put_ssh(struct builder *b, const struct server_ssh *ssh, const char *socket)
{
    if (!ssh->batch) {
        put_option(b, "-o", "BatchMode=yes");
    }
    if (!ssh->timeout) {
        put_option(b, "-o", "ConnectTimeout=30");
    }
    if (!ssh->control && socket != NULL) {
        char persist[32];
        snprintf(persist, sizeof(persist), "ControlPersist=%d", SESSION_PERSIST);
        put_option(b, "-o", "ControlMaster=auto");
        put_option(b, "-o", persist);
        put_option(b, "-S", socket);
    }
}

static void put_all(struct builder *b, const struct words *words, const struct server_ssh *ssh,
                    const struct server_call *call)
{
    put(b, words->items[0]);
    if (ssh->ssh) {
        put_ssh(b, ssh, server_session_socket(call->session));
    }
    for (size_t i = 1; i < words->count; i++) {
        put(b, words->items[i]);
    }
    if (ssh->ssh && ssh->open) {
        put(b, "--");
    }
    put_options(b, call);
    put(b, call->first);
    if (call->second != NULL) {
        put(b, call->second);
    }
    for (size_t i = 0; i < call->more_count; i++) {
        put(b, call->more[i]);
    }
    b->argv[b->count] = NULL;
}

int server_configured(const struct settings *settings, struct err *err)
{
    if (settings_server(settings) != NULL) {
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND,
                   "certgrinderd is not set: give the command that reaches the server, for "
                   "example certgrinderd: \"ssh -T acme@ns1.example.com --\"");
}

/* Splits the command. */
static int read_command(struct words *words, struct server_ssh *ssh, const struct server_call *call,
                        struct err *err)
{
    const char *command = settings_server(call->settings);
    int ret = server_configured(call->settings, err);
    if (ret < 0) {
        return ret;
    }
    if ((ret = words_split(words, command, " \t\n", err)) < 0) {
        return err_prefix(err, "certgrinderd");
    }
    if (words->count == 0) {
        ret = err_set(err, ERR_MALFORMED, "certgrinderd: the command is empty");
    }
    server_ssh_look(ssh, words);
    if (ssh->ssh && ssh->no_input && call->input_len > 0) {
        ret = err_set(err, ERR_MALFORMED,
                      "certgrinderd: with -%c ssh would keep from the server what it is to read: "
                      "leave that option out",
                      ssh->no_letter);
    }
    if (ret < 0) {
        words_clear(words);
    }
    return ret;
}

static size_t length(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

int server_argv(char ***argv, const struct server_call *call, struct err *err)
{
    const struct settings *s = call->settings;
    struct words words;
    struct server_ssh ssh;
    int ret;
    *argv = NULL;
    if ((ret = read_command(&words, &ssh, call, err)) < 0) {
        return ret;
    }
    size_t pointers = (words.count + MORE_WORDS + call->more_count) * sizeof(char *);
    size_t octets = strlen(settings_server(s)) + words.count + MORE_OCTETS + strlen(call->first) +
                    length(call->second) + length(s->acme_server_url) + length(s->authority) +
                    length(s->profile) + length(s->preferred_chain);
    for (size_t i = 0; i < call->more_count; i++) {
        octets += strlen(call->more[i]) + 1;
    }
    struct builder b = {.argv = malloc(pointers + octets)};
    if (b.argv == NULL) {
        words_clear(&words);
        return err_set(err, -ENOMEM, "out of memory");
    }
    b.text = (char *)b.argv + pointers;
    b.end = b.text + octets;
    put_all(&b, &words, &ssh, call);
    words_clear(&words);
    *argv = b.argv;
    return 0;
}

/* Exit statuses of certmill-shell from 1 on, and what they ask of the reader. */
static const struct {
    int code;
    const char *advice;
} verdicts[] = {
    {ERR_UNAVAILABLE, "the server failed; its operator's log says more"},
    {ERR_UNKNOWN, "the server does not take what it was asked"},
    {ERR_MALFORMED, "the server does not accept the request"},
    {ERR_POLICY, "the server does not permit it"},
    {ERR_CA, "the CA refused"},
    {ERR_UNAVAILABLE, "the server cannot reach the CA; try again later"},
    {ERR_CANCELLED, "the server was restarted meanwhile; try again"},
    {ERR_UNAVAILABLE, "certmilld is not running on the server"},
    {ERR_LATER, "a limit of the server's or the CA's"},
};

/* "2026-11-21 01:46:18 UTC" within what the server said, as the clock on this wall shows it. */
static void localise(char dst[static LIMIT_ERROR_TEXT], const char *text)
{
    struct tm tm = {0};
    char local[64];
    for (const char *p = text; *p != '\0'; p++) {
        const char *end = *p == '2' ? strptime(p, "%Y-%m-%d %H:%M:%S UTC", &tm) : NULL;
        time_t t = end != NULL ? timegm(&tm) : 0;
        if (end == NULL || end - p != 23 || localtime_r(&t, &tm) == NULL ||
            strftime(local, sizeof(local), "%Y-%m-%d %H:%M:%S %Z", &tm) == 0) {
            continue;
        }
        snprintf(dst, LIMIT_ERROR_TEXT, "%.*s%s%s", (int)(p - text), text, local, end);
        return;
    }
    snprintf(dst, LIMIT_ERROR_TEXT, "%s", text);
}

int server_verdict(int status, const char *last, enum server_ssh_trouble trouble, struct err *err)
{
    const char *colon = last[0] != '\0' ? ": " : "";
    char said[LIMIT_ERROR_TEXT];
    localise(said, last);
    if (status == -1) {
        return err_set(err, ERR_INTERNAL, "the server's command got lost");
    }
    if (WIFSIGNALED(status)) {
        return err_set(err, ERR_UNAVAILABLE, "the server's command was killed by signal %d",
                       WTERMSIG(status));
    }
    int exit = WEXITSTATUS(status);
    if (exit == 0) {
        return 0;
    }
    if (exit <= (int)(sizeof(verdicts) / sizeof(verdicts[0]))) {
        return err_set(err, verdicts[exit - 1].code, "%s%s%s", verdicts[exit - 1].advice, colon,
                       said);
    }
    if (exit == 255) {
        return err_set(err, ERR_UNAVAILABLE, "ssh did not reach the server%s%s%s", colon, last,
                       server_ssh_advice(trouble));
    }
    return err_set(err, ERR_UNAVAILABLE, "the server's command ended with status %d%s%s", exit,
                   colon, last);
}
