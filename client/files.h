/*
 * The files of a certificate and their names, which other programs' configurations hold.
 */
#ifndef CERTMILL_CLIENT_FILES_H
#define CERTMILL_CLIENT_FILES_H

#include <sys/types.h>

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

#define FILE_MODE 0640 /* where the configuration names no other */
/* Octets of a set's NAME: with "-certificate.ecdsa.crt" it fits the 255 of a file name. */
#define FILES_NAME_MAX 230

/* Who may do what with files. */
struct file_owner {
    uid_t uid;   /* (uid_t)-1: as the file that is replaced has it */
    gid_t gid;   /* likewise */
    mode_t mode; /* 0: FILE_MODE */
};

/* The mode that files shall have. */
mode_t file_owner_mode(const struct file_owner *owner);

/* What new keys are. */
struct key_form {
    unsigned rsa_bits; /* 0: 4096 */
    const char *curve; /* NULL: P-384 */
};

/* Whose files: one set of names and one type of key, in one folder. */
struct files {
    int folder;       /* open descriptor of path */
    const char *path; /* for messages */
    const char *name; /* NAME of the set, see client/sets.h */
    enum key_type type;
    struct file_owner owner;
    struct key_form form;
};

/* Looks up names of user and group (NULL: as it is) and reads the mode (octal; NULL: FILE_MODE).
 * ERR_NOT_FOUND names the one that this system does not know. */
int file_owner_find(struct file_owner *out, const char *user, const char *group, const char *mode,
                    struct err *err);

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
