#include "dnsd/chaos.h"

#include <string.h>

#include "common/wire.h"

#define NAME_POINTER 0xC00Cu /* to the question's name */

static bool is_name(const struct query_info *info, const char *name, size_t len)
{
    return info->name_len == len && memcmp(info->name, name, len) == 0;
}

/* NULL: no such name. */
static const struct service_text *find(const struct service *service, const struct query_info *info)
{
#define IS(name) is_name(info, name, sizeof(name)) /* with the root's octet at its end */
    if (IS("\7version\4bind") || IS("\7version\6server")) {
        return &service->version;
    }
    if (IS("\2id\6server")) {
        return &service->id;
    }
    if (IS("\10hostname\4bind")) {
        return &service->hostname;
    }
#undef IS
    return NULL;
}

/* Always fits: header, one of these names, the longest text and OPT are less than 512 octets. */
static void put_text(struct reply *reply, const struct service_text *text)
{
    uint8_t *rr = reply->out + reply->len;

    wire_write_u16(rr, NAME_POINTER);
    wire_write_u16(rr + 2, DNS_TYPE_TXT);
    wire_write_u16(rr + 4, DNS_CLASS_CH);
    wire_write_u32(rr + 6, 0);
    wire_write_u16(rr + 10, (uint16_t)(1 + text->len));
    rr[12] = text->len;
    memcpy(rr + 13, text->data, text->len);
    reply->len += 13u + text->len;
    reply->answer++;
}

void chaos_answer(struct answer *answer, const struct service *service)
{
    const struct service_text *text = find(service, answer->info);
    uint16_t qtype = answer->info->qtype;

    if (text == NULL || text->len == 0) {
        answer->info->outcome = QUERY_REFUSED;
        answer->rcode = DNS_REFUSED;
        answer->error = text == NULL ? DNS_EDE_NOT_AUTHORITATIVE : DNS_EDE_PROHIBITED;
        return;
    }
    answer->authoritative = true;
    answer->info->outcome = QUERY_NODATA;
    if (qtype == DNS_TYPE_TXT || qtype == DNS_TYPE_ANY) {
        answer->info->outcome = QUERY_ANSWERED;
        put_text(&answer->reply, text);
    }
}
