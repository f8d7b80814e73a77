/*
 * Any octets as a query, over an image with every kind of node: no octet read or written outside,
 * and what comes out parses by ldns and keeps its limit. The first octet chooses the transport.
 */
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

#include "dnsd/query.h"
#include "tests/unit/dnsd/defaults.h"
#include "tests/unit/dnsd/images.h"

static const char acme[] = IMAGES_SOA "@ 3600 NS ns1\n"
                                      "ns1 3600 A 192.0.2.1\n"
                                      "ns1 3600 AAAA 2001:db8::1\n"
                                      "www 300 A 192.0.2.80\n"
                                      "alias 300 CNAME www\n"
                                      "l1 300 CNAME l2\n"
                                      "l2 300 CNAME l1\n"
                                      "*.w 300 TXT \"w\"\n"
                                      "*.c 300 CNAME x.d\n"
                                      "a.b.e 300 TXT \"deep\"\n"
                                      "sub 3600 NS ns.sub\n"
                                      "sub 3600 NS ns1\n"
                                      "ns.sub 3600 A 192.0.2.53\n"
                                      "d 300 DNAME t\n"
                                      "x.t 300 A 192.0.2.10\n"
                                      "dd 300 DNAME dd.dd\n";

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct image image;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct zone *zones[] = {images_zone("acme.example", acme),
                            images_zone("i.acme.example", "@ 60 SOA ns h 1 2 3 4 5\n"
                                                          "@ 60 NS ns\n"
                                                          "ns 60 A 192.0.2.3\n")};

    (void)argc;
    (void)argv;
    for (int i = 0; i < 30; i++) {
        char value[64];

        snprintf(value, sizeof(value), "%043d", i);
        images_challenge(zones[0], "m.acme.example", value);
    }
    images_map(&image, images_build(zones, 2, 1));
    zone_free(zones[0]);
    zone_free(zones[1]);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[LIMIT_DNS_MESSAGE];
    struct query_context context = {
        .image = &image, .service = &default_service, .address = default_address, .address_len = 4};
    struct query_info info;
    ldns_pkt *pkt = NULL;
    size_t cap, len;

    if (size == 0 || size > LIMIT_DNS_MESSAGE) {
        return 0;
    }
    context.tcp = (data[0] & 1) != 0;
    cap = context.tcp ? QUERY_TCP_ROOM : LIMIT_EDNS_PAYLOAD;
    len = query_answer(&context, data + 1, size - 1, out, cap, &info);
    if ((len == 0) != (info.outcome == QUERY_DROPPED) || len > cap ||
        info.outcome >= QUERY_OUTCOMES) {
        abort();
    }
    if (len > 0 && ldns_wire2pkt(&pkt, out, len) != LDNS_STATUS_OK) {
        abort();
    }
    ldns_pkt_free(pkt);
    return 0;
}
