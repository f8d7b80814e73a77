/*
 * Keys and certificates of other programs' making in a folder: found by what the files hold,
 * whatever they are named (certmill renew --scan DIR).
 *
 * Looked at are regular files in the folder and its subfolders, one level down; none whose name
 * begins with a dot or ends as a copy's does (.old, .bak, ~ ...). Links are followed within the
 * folder; what they lead to is the file. Hard links are files of their own. A certificate whose key
 * is in one of the files is a leaf; all files that have a leaf for the same key and the same names
 * go together, with those beside them that hold nothing but its issuers.
 */
#ifndef CERTMILL_CLIENT_SCAN_H
#define CERTMILL_CLIENT_SCAN_H

#include <sys/types.h>

#include "client/scan_pem.h"
#include "client/sets.h"

#define SCAN_DIGEST 32 /* SHA-256 */
#define SCAN_NONE   ((size_t)-1)

struct scan_file {
    char *path; /* below the root, without links; of an outside file the link's */
    dev_t dev;
    ino_t ino;
    mode_t mode;
    nlink_t links; /* names that it has */
    bool outside;  /* a link out of the folder, or an absolute one */
    uint8_t digest[SCAN_DIGEST];
    uint8_t public[SCAN_DIGEST]; /* of its key's public half, where it has a key */
    struct scan_pem pem;
    size_t pair;         /* whose certificates it holds, or SCAN_NONE */
    bool shared;         /* other pairs', too */
    enum scan_role role; /* in its pair */
};

/* How a pair is to be dealt with. */
enum scan_verdict {
    SCAN_RENEWS, /* as far as it is due */
    SCAN_LEAVES, /* not ours: reason */
    SCAN_PEOPLE, /* people have to see to it: reason */
};

/* A key, and what is certified of it. */
struct scan_pair {
    struct set set; /* the names of the certificate */
    enum key_type type;
    size_t key;   /* file that has the key */
    X509 *leaf;   /* the newest one; of a file */
    size_t first; /* file that has it: the one that people know it by */
    bool lags;    /* one of its files has an older one */
    bool torn;    /* a run was ended while it replaced its files */
    enum scan_verdict verdict;
    char reason[512];
};

struct scan {
    int folder;
    char root[LIMIT_PATH]; /* absolute */
    struct scan_file *files;
    size_t count;
    struct scan_pair *pairs;
    size_t pair_count;
    size_t names; /* met in folders */
    bool full;    /* more than LIMIT_SCAN_FILES or LIMIT_SCAN_NAMES: the rest was not looked at */
};

/* now: seconds since 1970. -errno of the folder, -ENOMEM. scan_clear wipes and frees. */
int scan_folder(struct scan *out, const char *path, int64_t now, struct err *err);
void scan_clear(struct scan *scan);

/* A file of a pair, that of its key among them, which does not hold any more what it held; NULL:
 * they all do. */
const struct scan_file *scan_changed(const struct scan *scan, size_t pair);

/* Under what name a file's next content is written, beside it. -ENAMETOOLONG. */
int scan_aside(char dst[static 256], const char *name);

#endif
