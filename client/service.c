#include "client/service.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/domainset.h"

static bool is_address(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static int read_port(uint16_t *port, const char *text, const char *where, struct err *err)
{
    char *end;
    size_t len = strlen(text);
    unsigned long n = strtoul(text, &end, 10);
    if (len == 0 || len > 5 || strspn(text, "0123456789") != len || n == 0 || n > 65535) {
        return err_set(err, ERR_RANGE, "'%.300s': the port has to be a number from 1 to 65535",
                       where);
    }
    *port = (uint16_t)n;
    return 0;
}

static int read_name(char dst[static LIMIT_DOMAIN_TEXT + 1], const char *name, struct err *err)
{
    int ret = domain_normalize(dst, name, err);
    if (ret == 0 && dst[0] == '*') {
        ret = err_set(err, ERR_MALFORMED, "'%.300s' is no name of a host", name);
    }
    return ret;
}

/* Divides HOST:PORT. */
static int read_where(struct service *out, const char *where, struct err *err)
{
    char host[512];
    const char *colon = strrchr(where, ':');
    if (colon == NULL || colon == where) {
        return err_set(err, ERR_MALFORMED,
                       "'%.300s' is not HOST:PORT, as mail.example.org:25 or [2001:db8::1]:443 is",
                       where);
    }
    size_t len = (size_t)(colon - where);
    if (len >= sizeof(host)) {
        return err_set(err, ERR_MALFORMED, "'%.300s...' is too long for a name", where);
    }
    memcpy(host, where, len);
    host[len] = '\0';
    bool brackets = len > 2 && host[0] == '[' && host[len - 1] == ']';
    if (brackets) {
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
    }
    out->address = is_address(host);
    if (brackets != (out->address && strchr(host, ':') != NULL)) {
        return err_set(err, ERR_MALFORMED,
                       "'%.300s': an IPv6 address, and nothing else, stands in brackets, as in "
                       "[2001:db8::1]:443",
                       where);
    }
    if (out->address) {
        memcpy(out->host, host, strlen(host) + 1); /* at most 45 octets */
    }
    int ret = out->address ? 0 : read_name(out->host, host, err);
    return ret < 0 ? ret : read_port(&out->port, colon + 1, where, err);
}

int service_parse(struct service *out, const char *where, const char *name, const char *starttls,
                  struct err *err)
{
    *out = (struct service){0};
    int ret = read_where(out, where, err);
    if (ret < 0) {
        return ret;
    }
    if (name == NULL && out->address) {
        return err_set(err, ERR_NOT_FOUND,
                       "%s is an address: give the name that the certificate is for after it",
                       where);
    }
    out->starttls =
        starttls != NULL ? starttls_of_word(starttls, out->port) : starttls_of_port(out->port);
    return read_name(out->name, name != NULL ? name : out->host, err);
}

void service_say(struct service_findings *findings, enum service_grade grade, const char *check,
                 const char *fmt, ...)
{
    va_list ap;
    bool full = findings->count == SERVICE_FINDINGS;
    struct service_finding *f = &findings->items[full ? SERVICE_FINDINGS - 1 : findings->count++];
    f->grade = full ? SERVICE_PROBLEM : grade;
    f->check = check;
    va_start(ap, fmt);
    vsnprintf(f->text, sizeof(f->text), full ? "there is more to say than is kept" : fmt, ap);
    va_end(ap);
}

const char *service_grade_name(enum service_grade grade)
{
    static const char *const names[] = {"good", "warning", "problem"};
    return names[grade];
}

enum service_grade service_grade(const struct service_findings *findings)
{
    enum service_grade worst = SERVICE_GOOD;
    for (size_t i = 0; i < findings->count; i++) {
        worst = findings->items[i].grade > worst ? findings->items[i].grade : worst;
    }
    return worst;
}

const char *service_key_type(const X509 *cert)
{
    const EVP_PKEY *key = X509_get0_pubkey(cert);
    int id = key != NULL ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE;
    return id == EVP_PKEY_RSA ? "rsa" : id == EVP_PKEY_EC ? "ecdsa" : "other";
}
