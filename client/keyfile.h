/*
 * The key file of a certificate.
 */
#ifndef CERTMILL_CLIENT_KEYFILE_H
#define CERTMILL_CLIENT_KEYFILE_H

#include "client/files.h"
#include "client/key.h"
#include "client/report.h"

/* Reads the key, or makes it and puts it in place where there is none; after install_prepare.
 * Brings the file to the mode of files->owner where it has another: see keyfile_tell_mode. One that
 * is not for certain ours, by another's link or with a second name, is read and never changed;
 * ERR_PERMISSION where it is open to everybody. err names the file. key_clear frees. */
int keyfile_open(struct key *out, const struct files *files, struct err *err);

/* Reads the file as it is (wipe and free *pem), and brings it to that mode; *was: the one it had
 * where that was another, else 0. -ENOENT where there is none. */
int keyfile_load(char **pem, size_t *len, mode_t *was, const struct files *files, struct err *err);

/* Says so where opening a key file has changed its mode. */
void keyfile_tell_mode(const struct key *key, const struct files *files,
                       struct report_line *report);

/* Warns where opening has made a key though there is a certificate, which is of the lost one. */
void keyfile_tell_made(const struct key *key, const struct files *files,
                       struct report_line *report);

#endif
