/*
 * OCSP responses of certificates (RFC 6960), had by way of the server and kept beside them for
 * servers that staple from a file.
 */
#ifndef CERTMILL_CLIENT_OCSP_H
#define CERTMILL_CLIENT_OCSP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/chain.h"
#include "client/command.h"
#include "client/files.h"
#include "common/err.h"
#include "common/ocsp_response.h"

/* "NAME-response.TYPE.ocsp": the response in DER form. */
void ocsp_name(char dst[static 256], const struct files *files);

/* The chain file of a certificate, which must hold the issuer as well, and name a responder. */
struct ocsp_subject {
    char *pem;
    size_t len;
    struct chain chain;
};

/* -ENOENT: there is no certificate yet; ERR_NOT_FOUND: its CA has no responder; ERR_MALFORMED. err
 * says what to do. ocsp_subject_clear frees. */
int ocsp_subject_read(struct ocsp_subject *out, const struct files *files, struct err *err);
void ocsp_subject_clear(struct ocsp_subject *subject);

/* Judges len octets as an answer about it: errors of ocsp_response_check. */
int ocsp_judge(struct ocsp_verdict *out, const struct ocsp_subject *subject, const void *der,
               size_t len, int64_t now, struct err *err);

/* Reads the response that is kept and judges it. -ENOENT: there is none; *there says so. */
int ocsp_look(struct ocsp_verdict *out, bool *there, const struct ocsp_subject *subject,
              const struct files *files, int64_t now, struct err *err);

/* Puts a response in place of the one before, whole, with owner and mode of the files. */
int ocsp_put(const struct files *files, const void *der, size_t len, struct err *err);

/* "keyCompromise" and the like (RFC 5280 5.3.1). */
const char *ocsp_reason(int reason);

/* For --json: set, type, file and what was found; ret and err as of ocsp_look. */
json_t *ocsp_item(const struct set *set, const struct files *files,
                  const struct ocsp_verdict *verdict, int ret, const struct err *err);

#endif
