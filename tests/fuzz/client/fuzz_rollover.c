/* The file of a roll-over: parsed, and written again as it was; no clock makes it ready too soon.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/rollover.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever was remembered: records that come only now are waited for. */
static void see(struct rollover *r)
{
    static char name[] = "a.example";
    char *names[] = {name};
    const struct set set = {.names = names, .count = 1};
    const struct tlsa_service service = {.port = 25, .protocol = "tcp"};
    const int64_t now = 1795225600;
    int64_t at;
    struct err err;
    if (r->service_count == LIMIT_ROLLOVER_SERVICES || rollover_watch(r, &service, &err) < 0) {
        return;
    }
    if (rollover_saw(r, "_25._tcp.a.example", ROLLOVER_OTHER, 60, now) < 0 ||
        rollover_ready(r, &set, now, &at, &err) == 0 ||
        rollover_saw(r, "_25._tcp.a.example", ROLLOVER_THERE, 60, now) < 0 ||
        rollover_ready(r, &set, now, &at, &err) == 0 ||
        rollover_possible(rollover_find(r, "_25._tcp.a.example")) < now + 120) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rollover r, again;
    struct err err = {0};
    size_t len, again_len;
    if (rollover_parse(&r, (const char *)data, size, &err) < 0) {
        return 0;
    }
    char *text = rollover_text(&r, &len);
    if (text == NULL || rollover_parse(&again, text, len, &err) < 0) {
        abort();
    }
    char *same = rollover_text(&again, &again_len);
    if (same == NULL || again_len != len || memcmp(text, same, len) != 0) {
        abort();
    }
    see(&again);
    free(same);
    free(text);
    rollover_clear(&again);
    rollover_clear(&r);
    return 0;
}
