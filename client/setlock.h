/*
 * One run at a time works on a certificate: a lock for each set and type of key, so that two types
 * of one set can be had at once, and two runs do not order the same thing twice. It is a flock(2)
 * on NAME.TYPE.lock in pid-dir, or in the folder .certmill within path, and so gone with the
 * process that held it, however that ends; the file stays, for its removal could not be told
 * apart from another one's taking.
 */
#ifndef CERTMILL_CLIENT_SETLOCK_H
#define CERTMILL_CLIENT_SETLOCK_H

#include <stdbool.h>

#include "client/command.h"
#include "client/files.h"
#include "common/err.h"

struct setlock {
    int fd;
    bool waited; /* another had it: what it did is to be looked at anew */
};

struct setlock_wish {
    const struct files *files;
    const char *pid_dir;                          /* NULL: within path */
    int timeout_ms;                               /* how long to wait for another run */
    int stop;                                     /* descriptor that ends the waiting; 0: none */
    void (*busy)(void *arg, const char *message); /* told once where it has to wait; or NULL */
    void *arg;
};

/* As patient as another run may be busy at the server; told to report (or NULL) where it waits. */
struct setlock_wish setlock_wish_of(const struct client *client, const struct files *files,
                                    struct report_line *report);

/* ERR_TIMEOUT where another run keeps it, ERR_CANCELLED by stop, -errno where the lock's file
 * cannot be made; err says where it is and what to do. */
int setlock_take(struct setlock *lock, const struct setlock_wish *wish, struct err *err);
void setlock_release(struct setlock *lock);

#endif
