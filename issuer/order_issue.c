/*
 * The certificate: download, the CA's other chains, and the choice among them.
 *
 * All alternates are fetched at once, and kept with the certificate, so that another wish can be
 * served later without an order. What is wrong with one of them, or one that does not come within
 * ALTERNATES_MS, costs the wish at most, never the certificate.
 */
#include "issuer/order_priv.h"

#include <stdlib.h>
#include <string.h>

#include "issuer/say.h"

#define SHOWN_ISSUER  256 /* octets of a common name; RFC 5280 allows 64 characters */
#define ALTERNATES_MS 10000

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
                                        .name_count = order->name_count,
                                        .now = order->now};

    return order_chain_parse(chain, event->body, event->body_len, &wanted, err);
}

/* -- the choice -- */

/* The issuers' names are the CA's word, the preferred one the client's. */
static void warn_not_preferred(struct order *order)
{
    struct say say;

    say_init(&say, LIMIT_ERROR_TEXT);
    say_add(&say, "no chain of the CA fits the preferred \"");
    say_add_foreign(&say, order->preferred_chain, SHOWN_ISSUER);
    say_add(&say, "\": taking the default; offered were those that end at");
    for (size_t i = 0; i < order->chain_count; i++) {
        say_add(&say, "%s\"", i > 0 ? ", " : " ");
        say_add_foreign(&say, order->chains[i].issuer, SHOWN_ISSUER);
        say_add(&say, "\"");
    }
    order_out_say(order, LOG_LEVEL_WARNING, &say);
}

static void choose(struct order *order)
{
    enum order_chain_fit best = ORDER_CHAIN_OTHER;
    size_t index = 0;
    bool wish = order->preferred_chain != NULL && order->preferred_chain[0] != '\0';

    for (size_t i = 0; wish && i < order->chain_count; i++) {
        enum order_chain_fit fit = order_chain_fit(&order->chains[i], order->preferred_chain);
        if (fit > best) {
            best = fit;
            index = i;
        }
    }
    if (wish && best == ORDER_CHAIN_OTHER) {
        warn_not_preferred(order);
    }
    order_out_issued(order, index);
}

/* -- alternates (RFC 8555 7.4.2) -- */

static bool alternates_outstanding(const struct order *order)
{
    for (size_t i = 0; i < LIMIT_ALTERNATES; i++) {
        if (order->alternates[i] != NULL) {
            return true;
        }
    }
    return false;
}

static void leave_out(struct order *order, const char *why)
{
    struct say say;

    say_init(&say, LIMIT_ERROR_TEXT);
    say_add(&say, "another chain of the CA is left out: ");
    say_add_foreign(&say, why, LIMIT_PROBLEM_DETAIL);
    order_out_say(order, LOG_LEVEL_WARNING, &say);
}

static bool known_chain(const struct order *order, const struct order_chain *chain)
{
    for (size_t i = 0; i < order->chain_count; i++) {
        if (strcmp(order->chains[i].pem, chain->pem) == 0) {
            return true;
        }
    }
    return false;
}

static void keep(struct order *order, const struct order_event *event)
{
    struct order_chain chain;
    struct err err = {0};

    if (event->transport != 0) {
        const char *text = event->transport_text;
        leave_out(order, text != NULL ? text : err_string(event->transport));
    } else if (event->status != 200) {
        leave_out(order, order_out_text(order, "HTTP %d", event->status));
    } else if (parse(order, event, &chain, &err) < 0) {
        leave_out(order, err.text);
    } else if (memcmp(chain.fingerprints[0], order->chains[0].fingerprints[0], 32) != 0) {
        leave_out(order, "it is of another certificate");
        order_chain_clear(&chain);
    } else if (known_chain(order, &chain) || order->chain_count > LIMIT_ALTERNATES) {
        order_chain_clear(&chain);
    } else {
        order->chains[order->chain_count++] = chain;
    }
}

void order_issue_alternate(struct order *order, size_t index, const struct order_event *event)
{
    if (index >= LIMIT_ALTERNATES || order->alternates[index] == NULL) {
        return;
    }
    free(order->alternates[index]);
    order->alternates[index] = NULL;
    keep(order, event);
    if (!alternates_outstanding(order)) {
        choose(order);
    }
}

static void fetch_alternates(struct order *order, const struct order_event *event)
{
    for (size_t i = 0; i < event->alternate_count && i < LIMIT_ALTERNATES; i++) {
        if (strcmp(event->alternates[i], order->certificate_url) == 0) {
            continue;
        }
        if ((order->alternates[i] = strdup(event->alternates[i])) == NULL) {
            order->out_of_memory = true;
            return;
        }
        order_out_post(order, ORDER_TAG(CALL_ALTERNATE, i), order->alternates[i], NULL);
    }
    if (alternates_outstanding(order)) {
        order_out_timer(order, ALTERNATES_MS);
    } else {
        choose(order);
    }
}

/* -- the certificate -- */

void order_issue_timer(struct order *order)
{
    if (order->chain_count == 0) {
        order_issue_download(order);
        return;
    }
    leave_out(order, "it did not come in time");
    choose(order);
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
    if (event->transport == 0 && event->status == 404 && !order->asked_for_certificate) {
        order->asked_for_certificate = true;
        order_poll_ask(order);
        return;
    }
    if (!order_flow_answered(order, event, "the certificate could not be downloaded")) {
        return;
    }
    if (parse(order, event, &order->chains[0], &err) < 0) {
        order_out_fail(
            order, ORDER_REFUSED_CA,
            order_out_text(order, "what the CA gave is not the certificate: %s", err.text));
        return;
    }
    order->chain_count = 1;
    fetch_alternates(order, event);
}
