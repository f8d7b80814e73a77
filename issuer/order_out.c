#include "common/limits.h"
#include "issuer/order_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "issuer/order_record.h"
#include "zones/name.h"
#include "zones/record.h"

#define SHOWN_NAMES 10 /* in one log line */

void order_out_reset(struct order *order)
{
    while (order->texts != NULL) {
        struct order_text *text = order->texts;
        order->texts = text->next;
        free(text);
    }
    order->action_count = 0;
}

const char *order_out_text(struct order *order, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    struct order_text *text = n >= 0 ? malloc(sizeof(*text) + (size_t)n + 1) : NULL;
    if (text == NULL) {
        order->out_of_memory = true;
        return "";
    }
    va_start(ap, fmt);
    vsnprintf(text->text, (size_t)n + 1, fmt, ap);
    va_end(ap);
    text->next = order->texts;
    order->texts = text;
    return text->text;
}

static void add(struct order *order, const struct order_action *action)
{
    if (order->action_count == order->action_cap) {
        size_t cap = order->action_cap > 0 ? 2 * order->action_cap : 16;
        struct order_action *actions = realloc(order->actions, cap * sizeof(*actions));
        if (actions == NULL) {
            order->out_of_memory = true;
            return;
        }
        order->actions = actions;
        order->action_cap = cap;
    }
    order->actions[order->action_count++] = *action;
}

void order_out_post(struct order *order, uint32_t tag, const char *url, const char *payload)
{
    enum order_call call = (enum order_call)(tag >> 16);

    if (call == CALL_AUTHZ || call == CALL_CHALLENGE) {
        order->authz[tag & 0xffff].call = call;
    } else if (call != CALL_ALTERNATE) {
        order->call = call;
    }
    add(order, &(struct order_action){.kind = ORDER_ACT_POST,
                                      .tag = tag | order->round << 24,
                                      .url = url,
                                      .payload = payload});
}

void order_out_detached(struct order *order, const char *url, const char *payload)
{
    add(order, &(struct order_action){.kind = ORDER_ACT_POST,
                                      .url = order_out_text(order, "%s", url),
                                      .payload = payload,
                                      .detached = true});
}

void order_out_publish(struct order *order, const struct order_authz *authz)
{
    add(order, &(struct order_action){
                   .kind = ORDER_ACT_PUBLISH, .domain = authz->domain, .value = authz->value});
}

void order_out_know(struct order *order)
{
    order->knowing = true;
    add(order, &(struct order_action){.kind = ORDER_ACT_KNOW});
}

void order_out_save(struct order *order, enum order_state state, bool durable)
{
    order->state = state;
    add(order, &(struct order_action){.kind = ORDER_ACT_SAVE, .durable = durable});
}

void order_out_timer(struct order *order, uint64_t delay_ms)
{
    order->timer_ms = delay_ms < LIMIT_ORDER_MS ? (uint32_t)delay_ms : LIMIT_ORDER_MS;
    add(order, &(struct order_action){.kind = ORDER_ACT_TIMER, .delay_ms = order->timer_ms});
}

void order_out_log(struct order *order, enum log_level level, const char *text)
{
    add(order, &(struct order_action){.kind = ORDER_ACT_LOG, .level = level, .text = text});
}

void order_out_lines(struct order *order, enum log_level level, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, "\n");

        order_out_log(order, level, order_out_text(order, "%.*s", (int)len, text));
        text += len + (text[len] == '\n');
    }
}

void order_out_withdraw(struct order *order)
{
    for (size_t i = 0; i < order->authz_count; i++) {
        struct order_authz *authz = &order->authz[i];
        if (!authz->published) {
            continue;
        }
        authz->published = false;
        /* copied: the authorization may be gone before the action is carried out */
        add(order, &(struct order_action){.kind = ORDER_ACT_WITHDRAW,
                                          .domain = order_out_text(order, "%s", authz->domain),
                                          .value = order_out_text(order, "%s", authz->value)});
    }
}

static void finish(struct order *order, enum order_state state, const struct order_action *last)
{
    order_out_withdraw(order);
    if (order->timer_ms != 0) {
        order_out_timer(order, 0);
    }
    order->state = state;
    order->finished = true;
    add(order, last);
}

void order_out_fail(struct order *order, enum order_failure failure, const char *text)
{
    if (failure != ORDER_INTERRUPTED && !order->away) {
        order_anew_deactivate(order);
    }
    finish(order, ORDER_FAILED,
           &(struct order_action){.kind = ORDER_ACT_FINISH,
                                  .failure = failure,
                                  .text = text,
                                  .problem = order->problem[0] != '\0' ? order->problem : NULL,
                                  .retry_at = order->retry_at,
                                  .measured = order->measured});
}

static const char *const *other_chains(struct order *order, size_t index)
{
    size_t count = 0;

    for (size_t i = 0; i < order->chain_count; i++) {
        if (i != index) {
            order->others[count++] = order->chains[i].pem;
        }
    }
    order->others[count] = NULL;
    return count > 0 ? order->others : NULL;
}

void order_out_issued(struct order *order, size_t index)
{
    const struct order_chain *chain = &order->chains[index];
    time_t until = (time_t)chain->not_after;
    struct tm tm;
    char date[64] = "?";

    if (gmtime_r(&until, &tm) != NULL) {
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
    }
    order_out_log(order, LOG_LEVEL_INFO,
                  order_out_text(order, "issued: serial %s, valid until %s", chain->serial, date));
    finish(order, ORDER_ISSUED,
           &(struct order_action){.kind = ORDER_ACT_FINISH,
                                  .failure = ORDER_OK,
                                  .chain = chain->pem,
                                  .measured = order->measured,
                                  .alternates = other_chains(order, index)});
}

const char *order_out_keep(struct order *order, struct say *say)
{
    char *text = say_take(say);

    if (text == NULL) {
        order->out_of_memory = true;
        return "";
    }
    const char *kept = order_out_text(order, "%s", text);
    free(text);
    return kept;
}

void order_out_say(struct order *order, enum log_level level, struct say *say)
{
    order_out_log(order, level, order_out_keep(order, say));
}

const char *order_out_names(struct order *order)
{
    struct say say;

    say_init(&say, LIMIT_FAILURE);
    for (size_t i = 0; i < order->name_count && i < SHOWN_NAMES; i++) {
        say_add(&say, "%s%s", i > 0 ? ", " : "", order->names[i]);
    }
    if (order->name_count > SHOWN_NAMES) {
        say_add(&say, " and %zu more", order->name_count - SHOWN_NAMES);
    }
    return order_out_keep(order, &say);
}

/* The CNAME to our zone, where the record name can be made. */
static void add_cname(const struct order *order, const struct order_authz *authz, const char *label,
                      struct say *say)
{
    uint8_t zone[LIMIT_NAME_WIRE], record[LIMIT_NAME_WIRE];
    char text[LIMIT_NAME_TEXT];

    say_add(say, "nobody asked for %s_acme-challenge.%s: is the record there?", label,
            authz->domain);
    if (order->hint == NULL || name_from_text(zone, order->hint) < 0 ||
        record_name(record, authz->domain, zone) < 0) {
        return;
    }
    name_to_text(text, record);
    say_add(say, " publish: %s_acme-challenge.%s CNAME %s.", label, authz->domain, text);
}

static void add_persist(const struct order *order, const struct order_authz *authz, struct say *say)
{
    char record[ORDER_RECORD_TEXT];

    say_add(say, "is the record there?");
    if (order->account_url != NULL && authz->issuer_domain != NULL &&
        order_persist_record(record, authz->issuer_domain, order->account_url, authz->wildcard) ==
            0) {
        say_add(say, " publish: _validation-persist.%s TXT %s", authz->domain, record);
    }
}

/* What the operator of a domain has to publish. */
static void add_hint(const struct order *order, const struct order_authz *authz, struct say *say)
{
    char label[ORDER_ACCOUNT_LABEL + 1] = "";

    if (order->challenge == ORDER_DNS_PERSIST_01) {
        add_persist(order, authz, say);
        return;
    }
    if (order->challenge == ORDER_DNS_ACCOUNT_01 && order->account_url != NULL &&
        order_account_label(label, order->account_url) == 0) {
        label[ORDER_ACCOUNT_LABEL - 1] = '.';
        label[ORDER_ACCOUNT_LABEL] = '\0';
    }
    add_cname(order, authz, label, say);
}

static void add_authz(struct order *order, const struct order_authz *authz, struct say *say)
{
    say_add(say, "%s%s: ", authz->wildcard ? "*." : "", authz->domain);
    if (authz->status == AUTHZ_INVALID && authz->problem != NULL) {
        say_add(say, "%s", authz->problem);
    } else {
        say_add(say, "the authorization is %s", authz->status_text);
    }
    if (authz->challenge_url == NULL || order->state < ORDER_VALIDATING) {
        return;
    }
    say_add(say, "\n  ");
    if (authz->seen) {
        say_add(say, "%u resolver%s asked", (unsigned)order->seen_total,
                order->seen_total == 1 ? "" : "s");
    } else {
        add_hint(order, authz, say);
    }
}

const char *order_out_explain(struct order *order)
{
    bool any = false;
    struct say say;

    say_init(&say, LIMIT_FAILURE);
    say_add(&say, "the CA did not validate ");
    for (size_t i = 0; i < order->authz_count; i++) {
        const struct order_authz *authz = &order->authz[i];
        if (!authz->known || (authz->status != AUTHZ_INVALID && authz->status != AUTHZ_GONE)) {
            continue;
        }
        say_add(&say, "%s", any ? "\n" : "");
        add_authz(order, authz, &say);
        any = true;
    }
    if (!any) {
        say_add(&say, "%s", order_out_names(order));
    }
    /* many CAs repeat in the order what one of its authorizations says */
    if (order->explanation != NULL &&
        (say.text == NULL || strstr(say.text, order->explanation) == NULL)) {
        say_add(&say, "%s%s", any ? "\n" : ": ", order->explanation);
    }
    return order_out_keep(order, &say);
}
