/*
 * A connection to a service: TCP, STARTTLS, TLS, bounded in time as a whole.
 */
#ifndef CERTMILL_CLIENT_SERVICE_CONNECT_H
#define CERTMILL_CLIENT_SERVICE_CONNECT_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "client/service.h"
#include "client/tlsa.h"
#include "client/tlsa_lookup.h"
#include "common/clock.h"

struct service_address {
    union {
        struct sockaddr any;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } at;
    socklen_t len;
    char text[64]; /* without port */
};

struct service_addresses {
    struct service_address items[LIMIT_SERVICE_ADDRESSES];
    size_t count;
};

/* Of the host, by the system; dns not NULL: by that. ERR_NOT_FOUND, and err says why. */
int service_resolve(struct service_addresses *out, const struct service *service, struct dns *dns,
                    struct err *err);

/* Which kind of certificate is asked for: a server may have one of each. */
enum service_wish { SERVICE_WISH_RSA, SERVICE_WISH_ECDSA, SERVICE_WISH_ANY };

struct service_call {
    const struct service *service;
    const struct service_address *address;
    enum service_wish wish;
    const char *sni;         /* server_name: TLSA base domain (RFC 7671 7), or the name */
    const char *also;        /* another name that is as good, or NULL */
    const struct tlsa *tlsa; /* records to hold it to, secure and usable; */
    size_t tlsa_count;       /* 0: no DANE */
    const struct clock *clock;
};

struct service_session {
    struct service_served served;
    char version[16], cipher[64];
    /* With records: X509_V_OK where one matched; which one. */
    int dane_error;
    bool dane;
    struct tlsa matched; /* data: NULL */
};

/* Connects and shakes hands, whatever the certificate. ERR_UNAVAILABLE: nothing answers at the
 * address; ERR_NOT_FOUND: the server ended the handshake as one does that has no certificate
 * of the wished kind; ERR_TIMEOUT; those of starttls_input; ERR_PROTOCOL: the handshake
 * failed. service_session_clear frees. */
int service_connect(struct service_session *out, const struct service_call *call, struct err *err);
void service_session_clear(struct service_session *session);

#endif
