#include "issuer/order_priv.h"

#include <stdlib.h>
#include <string.h>

#include "issuer/say.h"

#define SHOWN_ISSUER 256 /* octets of a common name; RFC 5280 allows 64 characters */

void order_issue_download(struct order *order)
{
    order->polls++;
    order_out_post(order, ORDER_TAG(CALL_CERTIFICATE, 0), order->certificate_url, NULL);
}

static int parse(struct order *order, const struct order_event *event, struct order_chain *chain,
                 struct err *err)
{
    struct order_chain_wanted wanted = {.csr = order->csr,
                                        .csr_len = order->csr_len,
                                        .names = order->names,
                                        .name_count = order->name_count};

    return order_chain_parse(chain, event->body, event->body_len, &wanted, err);
}

static bool preferred(const struct order *order, const struct order_chain *chain)
{
    return order->preferred_chain == NULL || order->preferred_chain[0] == '\0' ||
           order_chain_issued_by(chain, order->preferred_chain);
}

/* The issuer's name is the CA's word, the preferred one the client's. */
static void warn_not_preferred(struct order *order)
{
    struct say say;

    say_init(&say, LIMIT_ERROR_TEXT);
    say_add(&say, "no chain of the CA ends at the preferred \"");
    say_add_foreign(&say, order->preferred_chain, SHOWN_ISSUER);
    say_add(&say, "\": taking the default, which ends at \"");
    say_add_foreign(&say, order->chain.issuer, SHOWN_ISSUER);
    say_add(&say, "\"");
    char *text = say_take(&say);
    if (text == NULL) {
        order->out_of_memory = true;
        return;
    }
    order_out_log(order, LOG_LEVEL_WARNING, order_out_text(order, "%s", text));
    free(text);
}

/* Fetches the next alternate, or gives up on the wish. */
static void next_alternate(struct order *order)
{
    if (order->alternate_next < order->alternate_count) {
        order_out_post(order, ORDER_TAG(CALL_ALTERNATE, 0),
                       order->alternates[order->alternate_next++], NULL);
        return;
    }
    warn_not_preferred(order);
    order_out_issued(order, &order->chain);
}

static void keep_alternates(struct order *order, const struct order_event *event)
{
    for (size_t i = 0; i < event->alternate_count && i < 8; i++) {
        char *url = strdup(event->alternates[i]);
        if (url == NULL) {
            order->out_of_memory = true;
            return;
        }
        order->alternates[order->alternate_count++] = url;
    }
}

static bool lost(const struct order_event *event)
{
    return event->transport == ERR_UNAVAILABLE || event->transport == ERR_TIMEOUT ||
           (event->transport == 0 && (event->status >= 500 || event->status == 429));
}

void order_issue_certificate(struct order *order, const struct order_event *event)
{
    struct err err = {0};

    if (lost(event) &&
        order_poll_again(order, event->transport == 0 ? event->retry_after_ms : -1)) {
        order_out_log(order, LOG_LEVEL_WARNING,
                      "the certificate is there, but the CA is away; asking again");
        return;
    }
    if (!order_flow_answered(order, event, "the certificate could not be downloaded")) {
        return;
    }
    if (parse(order, event, &order->chain, &err) < 0) {
        order_out_fail(
            order, ORDER_REFUSED_CA,
            order_out_text(order, "what the CA gave is not the certificate: %s", err.text));
        return;
    }
    if (preferred(order, &order->chain)) {
        order_out_issued(order, &order->chain);
        return;
    }
    keep_alternates(order, event);
    if (!order->out_of_memory) {
        next_alternate(order);
    }
}

/* What is wrong with an alternate costs the wish, never the certificate. */
void order_issue_alternate(struct order *order, const struct order_event *event)
{
    struct order_chain chain;
    struct err err = {0};

    if (event->transport != 0 || event->status != 200 || parse(order, event, &chain, &err) < 0) {
        next_alternate(order);
        return;
    }
    if (!preferred(order, &chain)) {
        order_chain_clear(&chain);
        next_alternate(order);
        return;
    }
    order_chain_clear(&order->chain);
    order->chain = chain;
    order_out_issued(order, &order->chain);
}
