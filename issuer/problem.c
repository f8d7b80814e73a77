#include "issuer/problem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/limits.h"
#include "issuer/ajson.h"
#include "issuer/say.h"

static const char urn[] = "urn:ietf:params:acme:error:";

/* The last part of the URN; another type as it is, but for about:blank (RFC 7807 4.2). */
static const char *short_type(const json_t *object)
{
    const char *type = ajson_string(object, "type", LIMIT_URL);

    if (type == NULL || strcmp(type, "about:blank") == 0) {
        return NULL;
    }
    return strncmp(type, urn, sizeof(urn) - 1) == 0 ? type + sizeof(urn) - 1 : type;
}

static void add_one(struct say *say, const json_t *object)
{
    const char *type = short_type(object);
    const json_t *detail = json_object_get(object, "detail");

    if (!json_is_string(detail)) {
        detail = json_object_get(object, "title");
    }
    if (type != NULL) {
        say_add_foreign(say, type, sizeof(((struct problem *)NULL)->type) - 1);
    }
    if (type != NULL && json_is_string(detail)) {
        say_add(say, ": ");
    }
    if (json_is_string(detail)) {
        say_add_foreign(say, json_string_value(detail), LIMIT_PROBLEM_DETAIL);
    }
    if (type == NULL && !json_is_string(detail)) {
        say_add(say, "an error without type or detail");
    }
}

static void add_status(struct say *say, const json_t *object)
{
    const json_t *status = json_object_get(object, "status");

    if (json_is_integer(status) && json_integer_value(status) >= 100 &&
        json_integer_value(status) <= 999) {
        say_add(say, " (status %d)", (int)json_integer_value(status));
    }
}

/* RFC 8555 6.7.1 */
static void add_subproblems(struct say *say, const json_t *object)
{
    const json_t *subs = json_object_get(object, "subproblems");
    size_t count = json_is_array(subs) ? json_array_size(subs) : 0;

    for (size_t i = 0; i < count && i < LIMIT_SUBPROBLEMS; i++) {
        const json_t *sub = json_array_get(subs, i);
        if (!json_is_object(sub)) {
            continue;
        }
        const char *name = ajson_string(json_object_get(sub, "identifier"), "value", 1024);
        say_add(say, "\n  ");
        if (name != NULL) {
            say_add_foreign(say, name, LIMIT_DOMAIN_TEXT);
            say_add(say, ": ");
        }
        add_one(say, sub);
    }
    if (count > LIMIT_SUBPROBLEMS) {
        say_add(say, "\n  and %zu more", count - LIMIT_SUBPROBLEMS);
    }
}

int64_t problem_retry_at(const struct problem_context *context)
{
    if (context->retry_after_ms < 0 || context->now <= 0) {
        return 0;
    }
    return context->now + context->retry_after_ms / 1000 + (context->retry_after_ms % 1000 != 0);
}

static void add_retry(struct say *say, const struct problem_context *context)
{
    if (context->retry_after_ms < 0) {
        return;
    }
    int64_t seconds = context->retry_after_ms / 1000;
    time_t at = (time_t)problem_retry_at(context);
    struct tm tm;
    char date[64];

    if (at > 0 && localtime_r(&at, &tm) != NULL &&
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S %z", &tm) > 0) {
        say_add(say, "; the CA asks to wait until %s", date);
    } else {
        say_add(say, "; the CA asks to wait %lld s", (long long)seconds);
    }
}

static void set_type(struct problem *out, const json_t *object)
{
    const char *type = short_type(object);
    struct say say;

    out->type[0] = '\0';
    if (type == NULL) {
        return;
    }
    say_init(&say, sizeof(out->type) - 1);
    say_add_foreign(&say, type, sizeof(out->type) - 1);
    char *text = say_take(&say);
    if (text != NULL) {
        memcpy(out->type, text, strlen(text) + 1);
    }
    free(text);
}

int problem_parse(struct problem *out, const char *body, size_t len,
                  const struct problem_context *context)
{
    json_t *root = ajson_parse(body, len);
    struct say say;

    say_init(&say, LIMIT_PROBLEM_TEXT);
    set_type(out, root);
    if (root != NULL && (out->type[0] != '\0' || json_object_get(root, "detail") != NULL)) {
        add_one(&say, root);
        say_add(&say, " (HTTP %d)", context->status);
    } else {
        say_add(&say, "HTTP %d, without saying why", context->status);
    }
    add_retry(&say, context);
    add_subproblems(&say, root);
    json_decref(root);
    out->text = say_take(&say);
    return out->text != NULL ? 0 : -ENOMEM;
}

int problem_from_json(struct problem *out, const json_t *object)
{
    struct say say;

    say_init(&say, LIMIT_PROBLEM_TEXT);
    set_type(out, object);
    if (json_is_object(object)) {
        add_one(&say, object);
        add_status(&say, object);
        add_subproblems(&say, object);
    } else {
        say_add(&say, "no reason given");
    }
    out->text = say_take(&say);
    return out->text != NULL ? 0 : -ENOMEM;
}

void problem_clear(struct problem *problem)
{
    free(problem->text);
    *problem = (struct problem){0};
}

bool problem_is(const struct problem *problem, const char *type)
{
    return strcmp(problem->type, type) == 0;
}

bool problem_is_temporary(const struct problem *problem)
{
    static const char *const words[] = {"timed out",      "timeout",          "SERVFAIL",
                                        "server failure", "networking error", "network error",
                                        "try again"};

    if (problem_is(problem, "connection") || problem_is(problem, "serverInternal")) {
        return true;
    }
    for (size_t i = 0; problem_is(problem, "dns") && i < sizeof words / sizeof *words; i++) {
        if (strcasestr(problem->text, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}
