/*
 * The key file of a certificate.
 */
#ifndef CERTMILL_CLIENT_KEYFILE_H
#define CERTMILL_CLIENT_KEYFILE_H

#include "client/files.h"
#include "client/key.h"

/* Reads the key, or makes it and puts it in place where there is none; after install_prepare.
 * Brings the file to mode FILE_MODE where it has another. err names the file. key_clear frees. */
int keyfile_open(struct key *out, const struct files *files, struct err *err);

#endif
