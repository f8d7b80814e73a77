#include "client/ocsp.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/install_dir.h"
#include "client/install_file.h"
#include "common/file.h"
#include "common/timestamp.h"

void ocsp_name(char dst[static 256], const struct files *files)
{
    snprintf(dst, 256, "%.230s-response.%s.ocsp", files->name, key_type_name(files->type));
}

static int no_responder(const X509 *leaf, struct err *err)
{
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp((X509 *)(uintptr_t)leaf);
    int count = sk_OPENSSL_STRING_num(urls);
    X509_email_free(urls);
    if (count > 0) {
        return 0;
    }
    return err_set(err, ERR_NOT_FOUND,
                   "the certificate names no OCSP responder: its CA has none, and there is nothing "
                   "to staple");
}

int ocsp_subject_read(struct ocsp_subject *out, const struct files *files, struct err *err)
{
    char name[256];
    *out = (struct ocsp_subject){0};
    files_name(name, files, FILE_CHAIN);
    int ret = file_read(files->folder, name, LIMIT_CHAIN_PEM, &out->pem, &out->len, err);
    if (ret == -ENOENT) {
        return err_set(err, ret, "there is no certificate yet: certmill get certificate gets one");
    }
    if (ret == 0 && (ret = chain_parse(&out->chain, out->pem, out->len, err)) == 0) {
        if (out->chain.count < 2) {
            ret = err_set(err, ERR_MALFORMED, "it does not hold the certificate's issuer");
        }
    }
    if (ret < 0) {
        err_prefix(err, "%s/%s", files->path, name);
    } else {
        ret = no_responder(out->chain.certs[0], err);
    }
    if (ret < 0) {
        ocsp_subject_clear(out);
    }
    return ret;
}

void ocsp_subject_clear(struct ocsp_subject *subject)
{
    chain_clear(&subject->chain);
    free(subject->pem);
    *subject = (struct ocsp_subject){0};
}

int ocsp_judge(struct ocsp_verdict *out, const struct ocsp_subject *subject, const void *der,
               size_t len, int64_t now, struct err *err)
{
    return ocsp_response_check(out, subject->chain.certs[0], subject->chain.certs[1], der, len, now,
                               err);
}

int ocsp_look(struct ocsp_verdict *out, bool *there, const struct ocsp_subject *subject,
              const struct files *files, int64_t now, struct err *err)
{
    char name[256], *der = NULL;
    size_t len = 0;
    *out = (struct ocsp_verdict){0};
    ocsp_name(name, files);
    int ret = file_read(files->folder, name, LIMIT_OCSP, &der, &len, err);
    *there = ret == 0;
    if (ret == -ENOENT) {
        return err_set(err, ret, "there is no OCSP response yet: certmill get ocsp gets one");
    }
    if (ret == 0 && (ret = ocsp_judge(out, subject, der, len, now, err)) < 0) {
        char why[sizeof(err->text)];
        memcpy(why, err->text, sizeof(why));
        err_set(err, ret, "%s: %s; certmill get ocsp gets a new one", name, why);
    }
    free(der);
    return ret;
}

/* Aside in the folder of the certificate, which is locked meanwhile, so that two runs at once do
 * not write to each other's file. */
int ocsp_put(const struct files *files, const void *der, size_t len, struct err *err)
{
    static const char aside[] = "response.new";
    char name[256];
    ocsp_name(name, files);
    struct install_access access = install_access(&files->owner, files->folder, name);
    int dir = install_folder_open(files, err);
    if (dir < 0) {
        return dir;
    }
    (void)unlinkat(dir, aside, 0);
    int ret = install_write(dir, aside, der, len, &access);
    if (ret == 0 && renameat(dir, aside, files->folder, name) < 0) {
        ret = -errno;
        (void)unlinkat(dir, aside, 0);
    }
    close(dir);
    if (ret < 0) {
        return install_fail(files, name, ret, err);
    }
    return fsync(files->folder) < 0 && errno != EINVAL ? install_fail(files, name, -errno, err) : 0;
}

const char *ocsp_reason(int reason)
{
    return OCSP_crl_reason_str(reason);
}

json_t *ocsp_item(const struct set *set, const struct files *files,
                  const struct ocsp_verdict *verdict, int ret, const struct err *err)
{
    char name[256], from[TIMESTAMP_SIZE], to[TIMESTAMP_SIZE], revoked[TIMESTAMP_SIZE];
    bool known = ret == 0, bad = verdict->revoked != 0;
    ocsp_name(name, files);
    return json_pack(
        "{s:s,s:s,s:o,s:s,s:b,s:s?,s:s?,s:s?,s:s?,s:s?}", "set", set->names[0], "type",
        key_type_name(files->type), "file", json_sprintf("%s/%s", files->path, name), "status",
        !known ? "unknown"
        : bad  ? "revoked"
               : "good",
        "good", known && !bad, "this_update",
        known ? timestamp_format(from, verdict->this_update) : NULL, "next_update",
        known && verdict->next_update != 0 ? timestamp_format(to, verdict->next_update) : NULL,
        "revoked", bad ? timestamp_format(revoked, verdict->revoked) : NULL, "reason",
        bad ? ocsp_reason(verdict->reason) : NULL, "error", known ? NULL : err->text);
}
