#include "issuer/policy.h"

#include <string.h>

#include "common/domainset.h"

int policy_names(const char *domains, const struct csr *csr, struct err *err)
{
    struct domainsets sets;
    int ret = domainsets_parse(&sets, domains, err);

    if (ret < 0) {
        (void)err_prefix(err, "the domain sets of this client, to be mended on the server");
        return ret;
    }
    ret = sets.count > 0
              ? domainsets_permit(&sets, csr->names, csr->count, err)
              : err_set(err, ERR_POLICY,
                        "this client may have no names: the server sets no domain sets for it "
                        "(CERTGRINDERD_DOMAINSETS or --domains)");
    domainsets_clear(&sets);
    return ret;
}

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static const char *configured(const struct server_conf *conf)
{
    return conf->acme_server_url != NULL ? conf->acme_server_url : SERVER_CONF_LETSENCRYPT;
}

const char *policy_default_directory(const struct server_conf *conf)
{
    const char *url = configured(conf);

    return conf->staging && is(url, SERVER_CONF_LETSENCRYPT) ? SERVER_CONF_LETSENCRYPT_STAGING
                                                             : url;
}

static bool is_letsencrypt(const char *url)
{
    return is(url, SERVER_CONF_LETSENCRYPT) || is(url, SERVER_CONF_LETSENCRYPT_STAGING);
}

int policy_directory(const struct server_conf *conf, const char *asked, bool staging,
                     const char **url, struct err *err)
{
    const char *base = policy_default_directory(conf);

    *url = base;
    if (asked != NULL && !is(asked, base) &&
        !(is_letsencrypt(base) && is(asked, SERVER_CONF_LETSENCRYPT_STAGING))) {
        return err_set(err, ERR_POLICY, "this server does not order from %.200s; it orders from %s",
                       asked, base);
    }
    if (is_letsencrypt(base)) {
        if (staging || (asked != NULL && is(asked, SERVER_CONF_LETSENCRYPT_STAGING))) {
            *url = SERVER_CONF_LETSENCRYPT_STAGING;
        }
        return 0;
    }
    if (staging && !conf->staging) {
        return err_set(err, ERR_POLICY,
                       "--staging is not for this server: it orders from %s, which is not known "
                       "to have a staging server",
                       base);
    }
    return 0;
}
