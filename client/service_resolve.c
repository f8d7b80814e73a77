#include <arpa/inet.h>
#include <ldns/ldns.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "client/service_connect.h"

static void add(struct service_addresses *out, const struct sockaddr *sa, socklen_t len)
{
    if (out->count == LIMIT_SERVICE_ADDRESSES || len > sizeof(out->items[0].at)) {
        return;
    }
    struct service_address *a = &out->items[out->count++];
    memcpy(&a->at, sa, len);
    a->len = len;
    if (getnameinfo(sa, len, a->text, sizeof(a->text), NULL, 0, NI_NUMERICHOST) != 0) {
        snprintf(a->text, sizeof(a->text), "an address");
    }
}

static int by_system(struct service_addresses *out, const struct service *service, struct err *err)
{
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list = NULL;
    snprintf(port, sizeof(port), "%u", service->port);
    hints.ai_flags |= service->address ? AI_NUMERICHOST : 0;
    int ret = getaddrinfo(service->host, port, &hints, &list);
    if (ret != 0) {
        return err_set(err, ERR_NOT_FOUND, "%s: %s", service->host, gai_strerror(ret));
    }
    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        add(out, a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(list);
    return 0;
}

static void add_record(struct service_addresses *out, const struct dns_record *record,
                       uint16_t port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    if (record->len == sizeof(v4.sin_addr)) {
        memcpy(&v4.sin_addr, record->rdata, sizeof(v4.sin_addr));
        add(out, (const struct sockaddr *)&v4, sizeof(v4));
    } else if (record->len == sizeof(v6.sin6_addr)) {
        memcpy(&v6.sin6_addr, record->rdata, sizeof(v6.sin6_addr));
        add(out, (const struct sockaddr *)&v6, sizeof(v6));
    }
}

static int by_dns(struct service_addresses *out, const struct service *service, struct dns *dns,
                  struct err *err)
{
    static const uint16_t types[] = {LDNS_RR_TYPE_AAAA, LDNS_RR_TYPE_A};
    char reason[256] = "it has no address";
    for (size_t i = 0; i < 2; i++) {
        struct dns_answer answer;
        int ret = dns_ask(dns, service->host, types[i], &answer, err);
        if (ret < 0) {
            return ret;
        }
        for (size_t j = 0; answer.outcome == DNS_FOUND && j < answer.count; j++) {
            add_record(out, &answer.records[j], service->port);
        }
        if (answer.outcome == DNS_FAILED) {
            memcpy(reason, answer.reason, sizeof(reason));
        }
        dns_answer_clear(&answer);
    }
    return out->count > 0 ? 0 : err_set(err, ERR_NOT_FOUND, "%s: %.255s", service->host, reason);
}

int service_resolve(struct service_addresses *out, const struct service *service, struct dns *dns,
                    struct err *err)
{
    out->count = 0;
    return dns == NULL || service->address ? by_system(out, service, err)
                                           : by_dns(out, service, dns, err);
}
