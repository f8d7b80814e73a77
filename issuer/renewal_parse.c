#include "issuer/renewal.h"

#include <string.h>

#include "common/timestamp.h"
#include "issuer/ajson.h"

#define MINUTE 60
#define DAY    86400

static int64_t floor_seconds(int64_t micros)
{
    return micros / 1000000 - (micros % 1000000 < 0);
}

int64_t renewal_wait(int64_t retry_after_ms)
{
    int64_t wait = retry_after_ms < 0 ? RENEWAL_INTERVAL : retry_after_ms / 1000;

    if (wait < MINUTE) {
        return MINUTE;
    }
    return wait > DAY ? DAY : wait;
}

static int read_window(struct renewal_window *out, const json_t *root, struct err *err)
{
    const json_t *window = json_object_get(root, "suggestedWindow");
    const char *url = ajson_url(root, "explanationURL");
    int64_t start, end;

    if (!timestamp_parse(&start, ajson_string(window, "start", LIMIT_RENEWAL_TIME)) ||
        !timestamp_parse(&end, ajson_string(window, "end", LIMIT_RENEWAL_TIME))) {
        return err_set(err, ERR_MALFORMED,
                       "no renewal information: suggestedWindow has no start or end that is a time "
                       "(RFC 9773 4.2)");
    }
    if (end <= start) {
        return err_set(err, ERR_MALFORMED,
                       "no renewal information: the window ends before it starts (RFC 9773 4.2)");
    }
    out->start = floor_seconds(start);
    out->end = floor_seconds(end);
    if (url != NULL && strlen(url) < sizeof out->explanation) {
        memcpy(out->explanation, url, strlen(url) + 1);
    }
    return 0;
}

int renewal_parse(struct renewal_window *out, const char *body, size_t len, int64_t now,
                  int64_t retry_after_ms, struct err *err)
{
    json_t *root = ajson_parse(body, len);
    int ret;

    memset(out, 0, sizeof *out);
    if (root == NULL) {
        return err_set(err, ERR_MALFORMED, "no renewal information: not a JSON object");
    }
    ret = read_window(out, root, err);
    json_decref(root);
    if (ret == 0) {
        out->checked = now;
        out->next = now + renewal_wait(retry_after_ms);
    }
    return ret;
}
