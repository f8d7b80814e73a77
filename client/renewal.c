#include "client/renewal.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/chain.h"
#include "client/install_dir.h"
#include "client/server.h"
#include "common/encode.h"
#include "common/file.h"
#include "common/timestamp.h"

#define FILE_NAME "renewal.json"
#define MINUTE    60
#define HOUR      3600
#define DAY       86400
#define ASK_MS    60000 /* the server waits for a CA some 30 s (LIMIT_HTTP_MS) */
#define HTTPS     "https://"

static bool read_time(const json_t *object, const char *key, int64_t *seconds)
{
    const char *text = json_string_value(json_object_get(object, key));
    int64_t micros;
    if (text == NULL || strlen(text) > LIMIT_RENEWAL_TIME || !timestamp_parse(&micros, text)) {
        return false;
    }
    *seconds = micros / 1000000 - (micros % 1000000 < 0);
    return true;
}

static int read_window(struct renewal *out, const json_t *root, struct err *err)
{
    const json_t *window = json_object_get(root, "suggestedWindow");
    if (window == NULL || json_is_null(window)) {
        return 0;
    }
    if (!read_time(window, "start", &out->start) || !read_time(window, "end", &out->end) ||
        out->end <= out->start) {
        return err_set(err, ERR_MALFORMED, "the renewal information has no window (RFC 9773 4.2)");
    }
    out->window = true;
    return 0;
}

static void read_text(char *dst, size_t cap, const json_t *root, const char *key)
{
    const char *text = json_string_value(json_object_get(root, key));
    if (text != NULL && strlen(text) < cap) {
        memcpy(dst, text, strlen(text) + 1);
    }
}

int renewal_parse(struct renewal *out, const char *text, size_t len, int64_t now, struct err *err)
{
    *out = (struct renewal){0};
    json_t *root =
        len > RENEWAL_FILE_MAX ? NULL : json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    int ret;
    if (!json_is_object(root)) {
        ret = err_set(err, ERR_MALFORMED, "the renewal information is no JSON object");
    } else if (!read_time(root, "next", &out->next)) {
        ret = err_set(err, ERR_MALFORMED, "the renewal information has no time of the next one");
    } else if ((ret = read_window(out, root, err)) == 0) {
        read_text(out->certificate, sizeof(out->certificate), root, "certificate");
        read_text(out->explanation, sizeof(out->explanation), root, "explanationURL");
        if (strncmp(out->explanation, HTTPS, strlen(HTTPS)) != 0) {
            out->explanation[0] = '\0';
        }
        out->next = out->next - now > DAY ? now + DAY : out->next;
    }
    json_decref(root);
    if (ret < 0) {
        *out = (struct renewal){0};
    }
    return ret;
}

/* -- what is kept -- */

void renewal_digest(char dst[static RENEWAL_DIGEST], const uint8_t digest[static 32])
{
    hex_encode(dst, digest, 32);
}

static void inner_path(char dst[static 320], const struct files *files, const char *inner)
{
    snprintf(dst, 320, "%s/%.*s.%s/%s", INSTALL_FOLDER, FILES_NAME_MAX, files->name,
             key_type_name(files->type), inner);
}

bool renewal_hear(struct due_wish *wish, bool *ask, const struct files *files, const X509 *leaf,
                  int64_t now)
{
    char certificate[RENEWAL_DIGEST];
    struct renewal renewal;
    unsigned len = 0;
    unsigned char digest[EVP_MAX_MD_SIZE];
    *ask = false;
    if (wish->threshold_days > 0 || X509_digest(leaf, EVP_sha256(), digest, &len) != 1 ||
        len != sizeof(wish->digest)) {
        return true;
    }
    memcpy(wish->digest, digest, sizeof(wish->digest));
    renewal_digest(certificate, wish->digest);
    if (!renewal_load(&renewal, files, certificate, now)) {
        return false;
    }
    wish->window = renewal.window;
    wish->start = renewal.start;
    wish->end = renewal.end;
    *ask = renewal.next <= now;
    return true;
}

bool renewal_is_ours(const struct files *files)
{
    char path[320], target[32];
    inner_path(path, files, "current");
    return readlinkat(files->folder, path, target, sizeof(target)) > 0;
}

bool renewal_load(struct renewal *out, const struct files *files, const char *certificate,
                  int64_t now)
{
    char path[320], *text;
    size_t len;
    *out = (struct renewal){0};
    inner_path(path, files, FILE_NAME);
    if (file_read(files->folder, path, RENEWAL_FILE_MAX, &text, &len, NULL) < 0) {
        return false;
    }
    int ret = renewal_parse(out, text, len, now, NULL);
    free(text);
    return ret == 0 && strcmp(out->certificate, certificate) == 0;
}

int renewal_store(const struct renewal *renewal, const struct files *files, struct err *err)
{
    char next[TIMESTAMP_SIZE], start[TIMESTAMP_SIZE], end[TIMESTAMP_SIZE], path[320];
    json_t *root = json_pack("{s:s,s:s}", "certificate", renewal->certificate, "next",
                             timestamp_format(next, renewal->next));
    int ret = root == NULL ? -1 : 0;
    if (ret == 0 && renewal->window) {
        ret = json_object_set_new(root, "suggestedWindow",
                                  json_pack("{s:s,s:s}", "start",
                                            timestamp_format(start, renewal->start), "end",
                                            timestamp_format(end, renewal->end)));
    }
    if (ret == 0 && renewal->explanation[0] != '\0') {
        ret = json_object_set_new(root, "explanationURL", json_string(renewal->explanation));
    }
    char *text = ret == 0 ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (text == NULL) {
        return err_set(err, ERR_INTERNAL, "the renewal information could not be written");
    }
    inner_path(path, files, FILE_NAME);
    ret = file_write_atomic(files->folder, path, text, strlen(text), 0640, err);
    free(text);
    return ret;
}

/* -- asking -- */

/* Whatever it says is of no concern to whom a certificate is renewed for. */
static void line(void *arg, enum log_level level, const char *message)
{
    (void)level;
    report_step(arg, LOG_LEVEL_DEBUG, message);
}

static int ask(struct client *client, struct report_line *report, const char *pem, size_t len,
               struct renewal *out, struct err *err)
{
    int64_t now = clock_wall_s(client->clock);
    int limit_ms = (int)client->settings.server_timeout * 1000;
    struct server_call call = {.settings = &client->settings,
                               .session = client->session,
                               .first = "get",
                               .second = "renewal-info",
                               .input = pem,
                               .input_len = len,
                               .timeout_ms = limit_ms < ASK_MS ? limit_ms : ASK_MS,
                               .stop = client->stop,
                               .line = line,
                               .arg = report};
    char *output;
    size_t output_len;
    *out = (struct renewal){.next = now + HOUR};
    int ret = server_run(&output, &output_len, &call, err);
    if (ret == ERR_UNKNOWN || ret == ERR_MALFORMED || ret == ERR_POLICY) {
        out->next = now + DAY;
    }
    if (ret < 0) {
        return ret;
    }
    struct renewal answer;
    ret = renewal_parse(&answer, output, output_len, now, err);
    free(output);
    if (ret < 0) {
        out->next = now + DAY;
        return ret;
    }
    answer.next = answer.next - now < MINUTE ? now + MINUTE : answer.next;
    *out = answer;
    return 0;
}

void renewal_ask(struct client *client, struct report_line *report, const struct files *files,
                 X509 *leaf)
{
    struct chain chain = {.certs = {leaf}, .count = 1};
    struct renewal known, told;
    char certificate[RENEWAL_DIGEST];
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    struct err err = {0};
    char *pem = NULL;
    size_t len = 0;
    if (X509_digest(leaf, EVP_sha256(), digest, &digest_len) != 1 || digest_len != 32 ||
        chain_pem(&chain, 0, 1, &pem, &len, &err) < 0) {
        return;
    }
    renewal_digest(certificate, digest);
    bool had = renewal_load(&known, files, certificate, clock_wall_s(client->clock));
    int ret = ask(client, report, pem, len, &told, &err);
    free(pem);
    if (ret < 0) {
        report_step(report, LOG_LEVEL_DEBUG, err.text);
    }
    if (ret == ERR_CANCELLED) {
        return;
    }
    if (ret < 0 && had && known.window) {
        known.next = told.next;
        told = known;
    }
    memcpy(told.certificate, certificate, sizeof(certificate));
    if (renewal_store(&told, files, &err) < 0) {
        report_step(report, LOG_LEVEL_DEBUG, err.text);
    }
}
