/*
 * The files of a certificate and their names, which other programs' configurations hold.
 */
#ifndef CERTMILL_CLIENT_FILES_H
#define CERTMILL_CLIENT_FILES_H

#include "common/err.h"

enum key_type { KEY_RSA, KEY_ECDSA, KEY_TYPES };

enum file_kind {
    FILE_KEYPAIR,
    FILE_REQUEST,
    FILE_CERTIFICATE, /* leaf */
    FILE_CHAIN,       /* leaf and issuers */
    FILE_ISSUER,      /* issuers */
    FILE_CONCAT,      /* key, leaf, issuers */
    FILE_KINDS,
};

#define FILE_MODE 0640
/* Octets of a set's NAME: with "-certificate.ecdsa.crt" it fits the 255 of a file name. */
#define FILES_NAME_MAX 230

/* Whose files: one set of names and one type of key, in one folder. */
struct files {
    int folder;       /* open descriptor of path */
    const char *path; /* for messages */
    const char *name; /* NAME of the set, see client/sets.h */
    enum key_type type;
};

/* "rsa", "ecdsa"; key_type_parse returns ERR_UNKNOWN for another word. */
const char *key_type_name(enum key_type type);
int key_type_parse(const char *word, enum key_type *type);

/* "keypair", "request" ... */
const char *file_kind_name(enum file_kind kind);
/* The part behind the last dot: "key", "csr", "crt", "pem". */
const char *file_kind_suffix(enum file_kind kind);

/* "NAME-keypair.rsa.key" and the like. */
void files_name(char dst[static 256], const struct files *files, enum file_kind kind);

#endif
