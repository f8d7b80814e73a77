/*
 * The order machine driven by a hostile CA. The input is a list of events divided by 0x1e, each
 * a letter and, for answers, a body; an answer is given to the oldest POST that waits for one.
 *   r c e n u  HTTP 200, 201, 400, 404, 503      R  200 with Retry-After 7 s
 *   x  lost    p  published    s  seen    t  timer    C  cancel    A  200 with alternates
 *   k  the directory is known
 * The first octet may say what is ordered: * two names, 1 a renewal with a profile, 2 and 3 by
 * dns-account-01 and dns-persist-01.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/http_header.h"
#include "issuer/order.h"

/* for the key of the certificate in corpus_order/whole */
static const uint8_t csr[] = {
    0x30, 0x81, 0xe2, 0x30, 0x81, 0x89, 0x02, 0x01, 0x00, 0x30, 0x00, 0x30, 0x59, 0x30, 0x13, 0x06,
    0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x03, 0x42, 0x00, 0x04, 0x6e, 0x6f, 0x9b, 0xfb, 0xc1, 0xcc, 0x54, 0xa9, 0xe8, 0x84,
    0x7c, 0x3d, 0x55, 0x98, 0xd2, 0x31, 0x1a, 0x81, 0x05, 0x71, 0xf7, 0x1f, 0xa7, 0x7c, 0xee, 0xea,
    0x11, 0xea, 0x50, 0xac, 0x06, 0xb7, 0x25, 0x2a, 0xf4, 0xae, 0x5f, 0x67, 0x1e, 0xa3, 0x29, 0xeb,
    0x00, 0xcb, 0x38, 0x70, 0xdd, 0x45, 0xc3, 0x68, 0xa6, 0x9e, 0x89, 0xa1, 0x11, 0xe1, 0x28, 0x7a,
    0x2b, 0xeb, 0x4d, 0x96, 0x47, 0x58, 0xa0, 0x27, 0x30, 0x25, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
    0xf7, 0x0d, 0x01, 0x09, 0x0e, 0x31, 0x18, 0x30, 0x16, 0x30, 0x14, 0x06, 0x03, 0x55, 0x1d, 0x11,
    0x04, 0x0d, 0x30, 0x0b, 0x82, 0x09, 0x61, 0x2e, 0x65, 0x78, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x30,
    0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02, 0x03, 0x48, 0x00, 0x30, 0x45,
    0x02, 0x21, 0x00, 0xaa, 0x36, 0x39, 0xf7, 0x69, 0xd5, 0x4b, 0x24, 0xd6, 0xec, 0xa4, 0x7f, 0x50,
    0x83, 0xfc, 0xfb, 0x58, 0xa0, 0x35, 0xb0, 0xfc, 0xfb, 0xb5, 0x69, 0xab, 0x1c, 0x32, 0x3e, 0xcf,
    0x60, 0x0a, 0x60, 0x02, 0x20, 0x36, 0x31, 0x81, 0xb8, 0x55, 0xbb, 0x7f, 0x02, 0xab, 0x67, 0xaa,
    0x8a, 0xe3, 0xac, 0xb5, 0x3f, 0x42, 0x8a, 0xf3, 0x36, 0x42, 0xdb, 0xf4, 0x68, 0x95, 0x58, 0x94,
    0x20, 0x26, 0x61, 0xd0, 0x07,
};

struct desk {
    struct order *order;
    uint32_t waiting[512];
    size_t count;
    bool timer, finished, knowing;
    int published;
};

static void act(struct desk *desk, const struct order_action *a)
{
    if (desk->finished)
        abort(); /* FINISH is the last */
    switch (a->kind) {
    case ORDER_ACT_POST:
        if (a->url != NULL && !http_url_good(a->url, strlen(a->url)))
            abort();
        if (a->detached)
            break;
        if (desk->count == sizeof(desk->waiting) / sizeof(desk->waiting[0]))
            abort(); /* more than one a call and authorization */
        desk->waiting[desk->count++] = a->tag;
        break;
    case ORDER_ACT_PUBLISH:
        desk->published++;
        if (strlen(a->value) != 43 || strcmp(a->domain, "a.example") != 0)
            abort();
        break;
    case ORDER_ACT_WITHDRAW:
        desk->published--;
        break;
    case ORDER_ACT_TIMER:
        desk->timer = a->delay_ms != 0;
        break;
    case ORDER_ACT_FINISH:
        desk->finished = true;
        if (desk->published != 0 || (a->failure == ORDER_OK) != (a->chain != NULL))
            abort();
        break;
    case ORDER_ACT_LOG:
        if (strchr(a->text, '\n') != NULL || strchr(a->text, '\x1b') != NULL)
            abort();
        break;
    case ORDER_ACT_KNOW:
        desk->knowing = true;
        break;
    case ORDER_ACT_SAVE:
        break;
    }
}

static void feed(struct desk *desk, const struct order_event *event)
{
    const struct order_action *actions;
    int count = order_handle(desk->order, event, &actions);

    for (int i = 0; i < count; i++)
        act(desk, &actions[i]);
    /* something must be under way that brings it on */
    if (!desk->finished && desk->count == 0 && !desk->timer && !desk->knowing &&
        order_get_state(desk->order) != ORDER_PUBLISHING)
        abort();
}

static void respond(struct desk *desk, char letter, const char *body, size_t len)
{
    struct order_event event = {.kind = ORDER_EV_RESPONSE,
                                .status = 200,
                                .body = body,
                                .body_len = len,
                                .location = "https://ca.test/order",
                                .retry_after_ms = letter == 'R' ? 7000 : -1,
                                .now = 1900000000};

    if (desk->count == 0)
        return;
    event.tag = desk->waiting[0];
    memmove(desk->waiting, desk->waiting + 1, --desk->count * sizeof(desk->waiting[0]));
    if (letter == 'c')
        event.status = 201;
    else if (letter == 'e')
        event.status = 400;
    else if (letter == 'n')
        event.status = 404;
    else if (letter == 'u')
        event.status = 503;
    else if (letter == 'x')
        event.transport = ERR_UNAVAILABLE;
    if (letter == 'A') {
        event.alternate_count = 2;
        event.alternates[0] = event.alternates[1] = "https://ca.test/alternate";
    }
    feed(desk, &event);
}

static void step(struct desk *desk, const char *text, size_t len)
{
    struct order_event event = {.domain = "a.example", .seen_total = 1, .retry_after_ms = -1};

    switch (text[0]) {
    case 'p':
        event.kind = ORDER_EV_PUBLISHED;
        break;
    case 's':
        event.kind = ORDER_EV_SEEN;
        break;
    case 't':
        if (!desk->timer)
            return;
        desk->timer = false;
        event.kind = ORDER_EV_TIMER;
        break;
    case 'k':
        desk->knowing = false;
        event.kind = ORDER_EV_KNOWN;
        event.has_profile = event.renewal_info = len == 1;
        event.body = text + 1;
        break;
    case 'C':
        event.kind = ORDER_EV_CANCEL;
        event.for_good = len > 1;
        break;
    default:
        respond(desk, text[0], text + 1, len - 1);
        return;
    }
    feed(desk, &event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *names[] = {(char *)"a.example", (char *)"*.a.example"};
    struct order_request request = {.id = 1,
                                    .names = names,
                                    .name_count = size > 0 && data[0] == '*' ? 2 : 1,
                                    .csr = csr,
                                    .csr_len = sizeof(csr),
                                    .preferred_chain = "Root_X1",
                                    .zone_cname_hint = "acme.example",
                                    .thumbprint = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"};
    struct desk desk = {0};
    bool marked = size > 0 && data[0] != '\0' && strchr("*123", data[0]) != NULL;
    char *text = malloc(size + 1);

    request.account_url = "https://ca.test/acct/1";
    if (marked && data[0] == '1')
        request.profile = request.replaces = "x";
    else if (marked && data[0] == '2')
        request.challenge = ORDER_DNS_ACCOUNT_01;
    else if (marked && data[0] == '3')
        request.challenge = ORDER_DNS_PERSIST_01;
    if (text == NULL || order_new(&desk.order, &request) < 0)
        abort();
    feed(&desk, &(struct order_event){.kind = ORDER_EV_START, .retry_after_ms = -1});
    memcpy(text, data, size);
    text[size] = '\0';
    for (size_t pos = marked; pos < size;) {
        char *end = memchr(text + pos, 0x1e, size - pos);
        size_t len = end != NULL ? (size_t)(end - text) - pos : size - pos;
        text[pos + len] = '\0'; /* as the HTTP client does behind a body */
        if (len > 0)
            step(&desk, text + pos, len);
        pos += len + 1;
    }
    order_free(desk.order);
    free(text);
    return 0;
}
