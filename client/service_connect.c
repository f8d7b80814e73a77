#include "client/service_connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/domainset.h"

struct link {
    const struct service_call *call;
    uint64_t deadline; /* clock_mono_ms */
    int fd;
};

/* Until the socket is ready. 0; ERR_TIMEOUT. */
static int wait_for(const struct link *link, short events, const char *what, struct err *err)
{
    for (;;) {
        uint64_t now = clock_mono_ms(link->call->clock);
        struct pollfd poll_fd = {.fd = link->fd, .events = events};
        int left = now < link->deadline ? (int)(link->deadline - now) : 0;
        /* What goes on sending has no more time than what is silent. */
        int ret = left > 0 ? poll(&poll_fd, 1, left) : 0;
        if (ret > 0) {
            return 0;
        }
        if (ret == 0) {
            return err_set(err, ERR_TIMEOUT, "%s was not done within %d s", what,
                           LIMIT_SERVICE_MS / 1000);
        }
        if (errno != EINTR) {
            return err_set(err, -errno, "%s: %s", what, strerror(errno));
        }
    }
}

/* -- TCP -- */

static int open_link(struct link *link, struct err *err)
{
    const struct service_address *a = link->call->address;
    int error = 0;
    socklen_t len = sizeof(error);
    link->fd = socket(a->at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0) {
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", a->text, strerror(errno));
    }
    if (connect(link->fd, &a->at.any, a->len) == 0) {
        return 0;
    }
    error = errno;
    if (error == EINPROGRESS) {
        if (wait_for(link, POLLOUT, "connecting", err) < 0) {
            return err_set(err, ERR_UNAVAILABLE, "%s: nothing answered within %d s", a->text,
                           LIMIT_SERVICE_MS / 1000);
        }
        error = 0;
        getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    }
    return error == 0 ? 0 : err_set(err, ERR_UNAVAILABLE, "%s: %s", a->text, strerror(error));
}

/* -- STARTTLS -- */

static int send_all(const struct link *link, const char *data, size_t len, struct err *err)
{
    while (len > 0) {
        ssize_t n = send(link->fd, data, len, MSG_NOSIGNAL);
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            int ret = wait_for(link, POLLOUT, "STARTTLS", err);
            if (ret < 0) {
                return ret;
            }
        } else if (n < 0 && errno != EINTR) {
            return err_set(err, ERR_UNAVAILABLE, "the connection broke before TLS: %s",
                           strerror(errno));
        }
    }
    return 0;
}

/* What EHLO says: this host's name, else its address of this connection (RFC 5321 4.1.3). */
static void own_name(const struct link *link, char dst[static LIMIT_DOMAIN_TEXT + 1])
{
    char host[256] = "", address[64] = "";
    struct service_address own = {.len = sizeof(own.at)};
    struct err err;
    if (gethostname(host, sizeof(host) - 1) == 0 && strchr(host, '.') != NULL &&
        domain_normalize(dst, host, &err) == 0) {
        return;
    }
    if (getsockname(link->fd, &own.at.any, &own.len) < 0 ||
        getnameinfo(&own.at.any, own.len, address, sizeof(address), NULL, 0, NI_NUMERICHOST) != 0) {
        snprintf(address, sizeof(address), "127.0.0.1");
    }
    address[strcspn(address, "%")] = '\0'; /* the zone of a link-local address */
    snprintf(dst, LIMIT_DOMAIN_TEXT + 1, "[%s%s]", strchr(address, ':') != NULL ? "IPv6:" : "",
             address);
}

/* Exactly as much as the dialogue takes: what comes behind the go-ahead in the same segment is
 * refused there, and what comes later is no TLS. */
static int ask_for_tls(const struct link *link, struct err *err)
{
    struct starttls *s = malloc(sizeof(*s));
    char own[LIMIT_DOMAIN_TEXT + 1], data[2048];
    int ret = 0;
    if (s == NULL) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    own_name(link, own);
    starttls_begin(s, link->call->service->starttls, link->call->service->name, own);
    while (ret == 0 && (ret = send_all(link, s->out, s->out_len, err)) == 0 &&
           (ret = wait_for(link, POLLIN, "STARTTLS", err)) == 0) {
        ssize_t n = recv(link->fd, data, sizeof(data), 0);
        if (n > 0) {
            ret = starttls_input(s, data, (size_t)n, err);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            ret = err_set(err, ERR_UNAVAILABLE, "the server ended the connection before TLS%s%s",
                          n < 0 ? ": " : "", n < 0 ? strerror(errno) : "");
        } else {
            s->out_len = 0;
        }
    }
    free(s);
    return ret < 0 ? ret : 0;
}

/* -- TLS -- */

/* What limits the server to one kind of certificate: signatures for TLS 1.3 and 1.2, and for the
 * key exchange of TLS 1.2 that makes none, the ciphers. */
static int set_wish(SSL *ssl, enum service_wish wish)
{
    static const struct {
        const char *signatures, *ciphers;
    } of[] = {
        [SERVICE_WISH_RSA] = {"rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:"
                              "RSA+SHA256:RSA+SHA384:RSA+SHA512",
                              "aRSA"},
        [SERVICE_WISH_ECDSA] = {"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512", "aECDSA"},
    };
    return wish == SERVICE_WISH_ANY || (SSL_set1_sigalgs_list(ssl, of[wish].signatures) == 1 &&
                                        SSL_set_cipher_list(ssl, of[wish].ciphers) == 1)
               ? 0
               : ERR_CRYPTO;
}

static int set_dane(SSL *ssl, const struct service_call *call)
{
    if (call->tlsa_count == 0) {
        return 0;
    }
    if (SSL_dane_enable(ssl, call->sni) != 1) {
        return ERR_CRYPTO;
    }
    SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS); /* RFC 7671 5.1 */
    SSL_set_hostflags(ssl,
                      X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (call->also != NULL && SSL_add1_host(ssl, call->also) != 1) {
        return ERR_CRYPTO;
    }
    for (size_t i = 0; i < call->tlsa_count; i++) {
        const struct tlsa *t = &call->tlsa[i];
        if (SSL_dane_tlsa_add(ssl, t->usage, t->selector, t->matching, t->data, t->len) < 0) {
            return ERR_CRYPTO;
        }
    }
    return 0;
}

/* Whether the alert is what a server sends that lacks a certificate for the wish (RFC 8446
 * 4.4.2.2, 6.2): handshake_failure, and what others take in its place. */
static bool means_none(unsigned long error)
{
    int reason = ERR_GET_REASON(error);
    return reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE ||
           reason == SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY ||
           reason == SSL_R_TLSV1_ALERT_INTERNAL_ERROR ||
           reason == SSL_R_SSLV3_ALERT_ILLEGAL_PARAMETER ||
           reason == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

static int handshake_failed(int kind, struct err *err)
{
    int system = errno;
    unsigned long error = ERR_peek_last_error();
    char text[256] = "the server ended the connection";
    int ret = ERR_PROTOCOL;
    if (error != 0) {
        const char *reason = ERR_reason_error_string(error);
        snprintf(text, sizeof(text), "%s", reason != NULL ? reason : "unknown error");
        ret = means_none(error) ? ERR_NOT_FOUND : ret;
    } else if (kind == SSL_ERROR_SYSCALL) {
        ret = system == 0 || system == ECONNRESET || system == EPIPE ? ERR_NOT_FOUND : ret;
        snprintf(text, sizeof(text), "%s", system != 0 ? strerror(system) : text);
    }
    ERR_clear_error();
    return err_set(err, ret, "the TLS handshake failed: %s", text);
}

static int shake_hands(const struct link *link, SSL *ssl, struct err *err)
{
    for (;;) {
        ERR_clear_error();
        errno = 0;
        int ret = SSL_connect(ssl), kind = SSL_get_error(ssl, ret);
        if (ret == 1) {
            return 0;
        }
        if (kind != SSL_ERROR_WANT_READ && kind != SSL_ERROR_WANT_WRITE) {
            return handshake_failed(kind, err);
        }
        ret = wait_for(link, kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, "the TLS handshake",
                       err);
        if (ret < 0) {
            return ret;
        }
    }
}

static void take_session(struct service_session *out, SSL *ssl, bool dane)
{
    STACK_OF(X509) *certs = SSL_get_peer_cert_chain(ssl); /* of a server: leaf included */
    X509 *authority;
    uint8_t usage = 0, selector = 0, matching = 0;
    for (int i = 0; i < sk_X509_num(certs) && !out->served.cut; i++) {
        out->served.cut = out->served.count == LIMIT_SERVICE_CHAIN;
        if (!out->served.cut && X509_up_ref(sk_X509_value(certs, i)) == 1) {
            out->served.certs[out->served.count++] = sk_X509_value(certs, i);
        }
    }
    snprintf(out->version, sizeof(out->version), "%s", SSL_get_version(ssl));
    snprintf(out->cipher, sizeof(out->cipher), "%s", SSL_get_cipher_name(ssl));
    if (dane) {
        out->dane_error = (int)SSL_get_verify_result(ssl);
        out->dane = out->dane_error == X509_V_OK &&
                    SSL_get0_dane_authority(ssl, &authority, NULL) >= 0 &&
                    SSL_get0_dane_tlsa(ssl, &usage, &selector, &matching, NULL, NULL) >= 0;
        out->matched = (struct tlsa){.usage = usage, .selector = selector, .matching = matching};
    }
}

/* As far as the socket takes it at once. */
static void take_leave(SSL *ssl, enum starttls_protocol starttls)
{
    size_t len;
    const char *bye = starttls_bye(starttls, &len);
    if (bye != NULL) {
        SSL_write(ssl, bye, (int)len);
    }
    SSL_shutdown(ssl);
}

static int talk_tls(struct service_session *out, const struct link *link, struct err *err)
{
    const struct service_call *call = link->call;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = NULL;
    int ret = ERR_CRYPTO;
    if (context == NULL || SSL_CTX_dane_enable(context) != 1 ||
        SSL_CTX_set_default_verify_paths(context) != 1 || (ssl = SSL_new(context)) == NULL) {
        goto out;
    }
    /* Verified all the same, and told by SSL_get_verify_result. */
    SSL_set_verify(ssl, SSL_VERIFY_NONE, NULL);
    if (SSL_set_tlsext_host_name(ssl, call->sni) == 1 && SSL_set_fd(ssl, link->fd) == 1 &&
        set_wish(ssl, call->wish) == 0 && set_dane(ssl, call) == 0) {
        ret = 0;
    }
out:
    if (ret < 0) {
        ret = err_set(err, ret, "OpenSSL could not be set up for TLS: %s",
                      ERR_reason_error_string(ERR_peek_last_error()));
        ERR_clear_error();
    } else if ((ret = shake_hands(link, ssl, err)) == 0) {
        take_session(out, ssl, call->tlsa_count > 0);
        take_leave(ssl, call->service->starttls);
    }
    ERR_clear_error();
    SSL_free(ssl);
    SSL_CTX_free(context);
    return ret;
}

int service_connect(struct service_session *out, const struct service_call *call, struct err *err)
{
    struct link link = {
        .call = call, .deadline = clock_mono_ms(call->clock) + LIMIT_SERVICE_MS, .fd = -1};
    *out = (struct service_session){0};
    int ret = open_link(&link, err);
    if (ret == 0 && call->service->starttls != STARTTLS_NONE) {
        ret = ask_for_tls(&link, err);
    }
    if (ret == 0) {
        ret = talk_tls(out, &link, err);
    }
    if (ret == 0 && out->served.count == 0) {
        ret = err_set(err, ERR_NOT_FOUND, "the server sent no certificate");
    }
    if (link.fd >= 0) {
        close(link.fd);
    }
    return ret;
}

void service_session_clear(struct service_session *session)
{
    for (size_t i = 0; i < session->served.count; i++) {
        X509_free(session->served.certs[i]);
    }
    *session = (struct service_session){0};
}
