/*
 * What the files of the intake share. Nobody but intake*.c includes this.
 *
 * A job is one request on its way: it tries the CAs that will do, one after the other, each by an
 * order of the desk, until one issues or the reason is none that another CA would not have. The
 * same request again, while it runs, is one more ticket of the same job. It goes on without its
 * clients: what has come is found when they ask again.
 */
#ifndef CERTMILL_ISSUER_INTAKE_PRIV_H
#define CERTMILL_ISSUER_INTAKE_PRIV_H

#include "issuer/intake.h"
#include "issuer/preflight.h"
#include "issuer/turn.h"

struct acme;

struct intake_ticket {
    struct intake_ticket *next, **at; /* at NULL: its job is gone */
    struct desk_client client;
};

/* The configuration may change while a job runs, so what is of it is copied, and a CA known by its
 * URL. */
struct intake_candidate {
    char *directory;
    unsigned failures; /* for reasons of its own */
};

/* What the CA that will do again first said of its limit, where one of several is limited. */
struct intake_limited {
    char *name; /* of the CA; NULL: none is limited */
    char *text, *problem;
    enum order_failure failure;
    int code;
    int64_t retry_at;
};

/* Its answer comes whatever becomes of the job. */
struct intake_question {
    struct intake_job *job; /* NULL: gone */
};

struct intake_job {
    struct intake *intake;
    struct intake_job *next, **at;
    struct intake_ticket *tickets;
    uint8_t key[32]; /* digest of what makes two requests the same */
    struct csr csr;
    char *client;  /* of the configuration, or NULL */
    char *address; /* never NULL */
    int64_t peer_uid;
    char *preferred_chain, *profile; /* as asked for or the client's own; NULL: the CA's */
    struct intake_candidate candidates[LIMIT_AUTHORITIES];
    size_t count, current;
    struct intake_question *question; /* to the CA at hand, for its directory */
    char *replaces;                   /* RFC 9773 5, at the CA at hand; or NULL */
    struct preflight_check *check;    /* of the names, under way */
    struct desk_ticket *order;
    uint64_t order_id; /* as its events say; 0: not known */
    struct intake_limited limited;
    char *cached; /* the chain that is there, or NULL */
    uint64_t cached_order;
    int64_t cached_until;
    bool ready;   /* something is to be done at the end of the turn */
    bool force;   /* a new certificate even where one is there */
    bool known;   /* the directory of the CA at hand is there */
    bool looked;  /* preflight has looked at the names for the CA at hand */
    bool counted; /* towards its client's requests a day */
};

struct intake {
    struct intake_options opt;
    struct authorities authorities;
    struct turn turn;
    struct intake_job *jobs;
    bool stopping;
};

/* intake.c: a line for log and clients, and for the timeline where an order is known. */
void intake_say(struct intake_job *job, enum log_level level, const char *text);
/* The last word to all clients; the job is gone. */
void intake_finish(struct intake_job *job, const struct desk_result *result);
/* Another step at the end of the turn. */
void intake_ready(struct intake_job *job);

/* intake_order.c: the next step, at the CA at hand: its directory, an order, or the end. */
void intake_step(struct intake_job *job);

/* intake_settle.c: what the CA at hand said, or what is known of it: the next one takes over where
 * next is set and there is one, or it is asked once more; else that is the end of the job. */
void intake_settle(struct intake_job *job, const struct desk_result *result, bool next);
void intake_limited_clear(struct intake_limited *limited);
/* Whether a CA refuses us, whatever the names. */
bool intake_refuses_us(const struct desk_result *result);
/* Of a candidate. */
const char *intake_name_of(const struct intake_job *job, size_t i);

/* intake_limits.c: ERR_LATER: *retry_at; *next: at another CA it may be possible now. */
int intake_limits(const struct intake_job *job, const struct desk_request *request,
                  int64_t *retry_at, bool *next, struct err *err);
/* The order is taken: it counts. */
void intake_count(struct intake_job *job, const struct desk_request *request);

/* intake_audit.c: a line of the audit log. csr: as far as it was read. */
void intake_audit_refused(const struct intake *intake, const struct intake_request *request,
                          const struct csr *csr, const struct err *err);
void intake_audit(const struct intake_job *job, const char *what, const char *outcome);

/* Refused: the next CA takes over where next is set and there is one, else that is the end. */
void intake_refuse(struct intake_job *job, const struct desk_result *result, bool next);
/* Asks for the CA's directory; a step follows. */
int intake_ask(struct intake_job *job, struct acme *acme, struct err *err);

/* intake_look.c: true: preflight is under way, and what is next comes of it. */
bool intake_look(struct intake_job *job);

/* intake_cache.c: sets job->cached where the store has what is asked for, still good for a while.
 * Negative: the store cannot be read; err is filled. */
int intake_cache(struct intake_job *job, struct err *err);
/* Until when a certificate is given again, Unix seconds: then it should be renewed, because the CA
 * wants it so (RFC 9773) or because of its age. */
int64_t intake_good_until(const struct server_conf *conf, const struct store_certificate *cert);

/* The identifier of the certificate that an order there would renew (RFC 9773 5): same names, same
 * client, due. malloc'd, or NULL. */
char *intake_replaces(const struct intake_job *job, const char *directory);

#endif
