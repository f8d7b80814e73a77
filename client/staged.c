#include "client/staged.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/copies.h"
#include "client/install.h"
#include "client/install_dir.h"
#include "client/obtain.h"
#include "client/tlsa_judge.h"
#include "client/tlsa_print.h"
#include "common/file.h"

#define STAGED_MODE 0600
#define STAGED_KEY  "staged.key"
#define STAGED_NEW  "staged.new" /* on its way in or out */

const struct tlsa_key *staged_current(const struct staged *staged)
{
    return tlsa_keys_find(&staged->keys, TLSA_CURRENT, staged->files.type);
}

const struct tlsa_key *staged_next(const struct staged *staged)
{
    return tlsa_keys_find(&staged->keys, TLSA_STAGED, staged->files.type);
}

/* -- files -- */

void staged_aside_path(char dst[static 320], const struct files *files)
{
    snprintf(dst, 320, INSTALL_FOLDER "/%.*s.%s/" STAGED_NEW, FILES_NAME_MAX, files->name,
             key_type_name(files->type));
}

/* Overwrites a file with zeros, as far as the file system lets that reach the disk, and removes
 * it. -errno. */
static int wipe_file(int dir, const char *name)
{
    static const char zeros[4096];
    struct stat st;
    int fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        return 0;
    }
    if (fd >= 0) {
        int ret = fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ? -EINVAL : 0;
        off_t rest = ret < 0 || st.st_size > (off_t)KEY_FILE_MAX ? 0 : st.st_size;
        while (ret == 0 && rest > 0) {
            size_t n = rest < (off_t)sizeof(zeros) ? (size_t)rest : sizeof(zeros);
            ret = file_write_all(fd, zeros, n);
            rest -= (off_t)n;
        }
        fsync(fd);
        close(fd);
    }
    return unlinkat(dir, name, 0) < 0 ? -errno : 0;
}

/* Removes what makes a key a staged one: at one moment, by rename, so that nobody finds a key that
 * is half wiped. */
static int remove_files(const struct staged *s, struct err *err)
{
    int dir = install_folder_open(&s->files, err);
    if (dir < 0) {
        return dir;
    }
    int ret = wipe_file(dir, STAGED_NEW);
    if (ret == 0 && renameat(dir, STAGED_KEY, dir, STAGED_NEW) < 0 && errno != ENOENT) {
        ret = -errno;
    }
    if (ret == 0) {
        ret = rollover_remove(&s->files);
    }
    if (ret == 0) {
        ret = wipe_file(dir, STAGED_NEW);
    }
    if (ret == 0 && fsync(dir) < 0) {
        ret = -errno;
    }
    close(dir);
    if (ret < 0) {
        char path[320];
        tlsa_staged_path(path, &s->files);
        return err_set(err, ret, "%s/%s cannot be removed: %s", s->files.path, path,
                       err_string(ret));
    }
    return 0;
}

static int write_key(const struct staged *s, const struct key *key, struct err *err)
{
    int dir = install_folder_open(&s->files, err);
    if (dir < 0) {
        return dir;
    }
    int fd = -1, ret = wipe_file(dir, STAGED_NEW);
    if (ret == 0) {
        fd = openat(dir, STAGED_NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                    STAGED_MODE);
        ret = fd < 0 ? -errno : file_write_all(fd, key->pem, key->len);
    }
    if (ret == 0 &&
        (fsync(fd) < 0 || renameat(dir, STAGED_NEW, dir, STAGED_KEY) < 0 || fsync(dir) < 0)) {
        ret = -errno;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (ret < 0) {
        char path[320];
        wipe_file(dir, STAGED_NEW);
        tlsa_staged_path(path, &s->files);
        err_set(err, ret, "%s/%s cannot be written: %s", s->files.path, path, err_string(ret));
    }
    close(dir);
    return ret;
}

/* -- reading -- */

static int read_keys(struct staged *s, struct err *err)
{
    unsigned unreadable = 0;
    tlsa_keys_clear(&s->keys);
    int ret = tlsa_keys_read(&s->keys, s->client, s->set, &unreadable);
    if (ret == 0) {
        ret = tlsa_keys_read_old(&s->keys, s->client, s->set);
    }
    return ret < 0 ? err_set(err, ret, "out of memory") : 0;
}

/* The private key: 0, or -ENOENT. */
static int read_private(struct staged *s, struct err *err)
{
    char path[320], *pem;
    size_t len;
    tlsa_staged_path(path, &s->files);
    int ret = file_read(s->files.folder, path, KEY_FILE_MAX, &pem, &len, err);
    if (ret < 0) {
        return ret;
    }
    if ((ret = key_parse(&s->key, pem, len, s->files.type, err)) < 0) {
        err_prefix(err, "%s/%s cannot be used: remove it and stage another", s->files.path, path);
    }
    OPENSSL_cleanse(pem, len);
    free(pem);
    return ret;
}

/* What is remembered of the key in use, whose records still name the services. */
static void read_last_state(struct staged *s)
{
    const struct tlsa_key *current = staged_current(s);
    if (rollover_read(&s->state, &s->files, NULL) == 0 &&
        !rollover_is_of(&s->state, current->spki, current->spki_len)) {
        rollover_clear(&s->state);
    }
}

/* What was remembered of that key; of another, or unreadable, it is begun anew. */
static int read_state(struct staged *s, struct err *err)
{
    const struct tlsa_key *next = staged_next(s);
    struct err read_err = {0};
    rollover_clear(&s->state);
    int ret = rollover_read(&s->state, &s->files, &read_err);
    if (ret == 0 && rollover_is_of(&s->state, next->spki, next->spki_len)) {
        return 0;
    }
    rollover_clear(&s->state);
    if (ret < 0 && ret != -ENOENT) {
        log_warning(s->client->log, NULL, "%s: it is begun anew", read_err.text);
    }
    return rollover_begin(&s->state, next->spki, next->spki_len, clock_wall_s(s->client->clock),
                          err);
}

static int read_all(struct staged *s, struct err *err)
{
    int ret = read_keys(s, err);
    if (ret < 0) {
        return ret;
    }
    if (staged_current(s) == NULL) {
        return err_set(err, ERR_NOT_FOUND,
                       "there is no %s key in use that could be read: certmill get certificate "
                       "makes one, and there is nothing to roll over before that",
                       key_type_name(s->files.type));
    }
    ret = read_private(s, err);
    if (ret == -ENOENT) {
        *err = (struct err){0};
        return remove_files(s, err); /* what a run that was ended left of one */
    }
    if (ret < 0) {
        return ret;
    }
    if (staged_next(s) == NULL) {
        key_clear(&s->key);
        s->in_use = true;
        read_last_state(s);
        return 0;
    }
    s->there = true;
    return read_state(s, err);
}

int staged_open(struct staged *out, struct client *client, const struct set *set,
                enum key_type type, struct err *err)
{
    *out = (struct staged){
        .client = client, .set = set, .files = client_files(client, set, type), .lock = {.fd = -1}};
    struct setlock_wish wish = setlock_wish_of(client, &out->files, NULL);
    int ret = install_prepare(&out->files, NULL, err);
    if (ret == 0) {
        ret = setlock_take(&out->lock, &wish, err);
    }
    if (ret < 0) {
        return ret;
    }
    if ((ret = read_all(out, err)) < 0) {
        staged_close(out);
    }
    return ret;
}

void staged_close(struct staged *staged)
{
    rollover_clear(&staged->state);
    key_clear(&staged->key);
    tlsa_keys_clear(&staged->keys);
    setlock_release(&staged->lock);
    staged->there = false;
}

/* -- the steps -- */

int staged_make(struct staged *s, struct err *err)
{
    if (s->there) {
        return 0;
    }
    int ret = key_make(&s->key, s->files.type, &s->files.form, err);
    if (ret == 0) {
        ret = write_key(s, &s->key, err);
    }
    if (ret == 0) {
        ret = read_keys(s, err);
    }
    if (ret < 0) {
        key_clear(&s->key);
        return ret;
    }
    if (staged_next(s) == NULL) {
        key_clear(&s->key);
        return err_set(err, ERR_CORRUPT, "the key that was just written cannot be read back");
    }
    s->there = true;
    s->in_use = false;
    return read_state(s, err);
}

static uint32_t longest_ttl(const struct dns_answer *answer)
{
    uint32_t ttl = answer->outcome == DNS_FOUND ? 0 : answer->negative_ttl;
    for (size_t i = 0; answer->outcome == DNS_FOUND && i < answer->count; i++) {
        ttl = answer->records[i].zone_ttl > ttl ? answer->records[i].zone_ttl : ttl;
    }
    return ttl;
}

static int sight_of(const struct staged *s, int64_t port, const struct dns_answer *answer,
                    enum rollover_sight *sight, struct err *err)
{
    const struct tlsa_wish wish = {.types = &s->client->settings.tlsa_type_list, .port = port};
    const struct tlsa_key *next = staged_next(s);
    struct tlsa_judgement judgement;
    if (answer->outcome == DNS_FAILED || answer->trust == DNS_BOGUS) {
        *sight = ROLLOVER_UNKNOWN;
        return 0;
    }
    if (answer->outcome != DNS_FOUND) {
        *sight = ROLLOVER_NONE;
        return 0;
    }
    int ret = tlsa_judge(&judgement, &s->keys, &wish, answer, err);
    if (ret == 0) {
        *sight = tlsa_has_all(&judgement, next) && tlsa_accepted(&judgement, next) ? ROLLOVER_THERE
                                                                                   : ROLLOVER_OTHER;
        tlsa_judgement_clear(&judgement);
    }
    return ret;
}

static int look_at(struct staged *s, const struct tlsa_asker *asker,
                   const struct tlsa_service *service, const char *name, struct err *err)
{
    char owner[LIMIT_DOMAIN_TEXT + 1];
    struct tlsa_found found;
    enum rollover_sight sight;
    if (tlsa_is_wildcard(name) ||
        tlsa_owner(owner, service->port, service->protocol, name, NULL) < 0) {
        return 0;
    }
    int ret = tlsa_lookup(&found, asker, service->port, service->protocol, name, err);
    if (ret == 0 && (ret = sight_of(s, service->port, &found.answer, &sight, err)) == 0) {
        if (sight == ROLLOVER_UNKNOWN) {
            log_warning(s->client->log, NULL, "%s: %s", owner, found.answer.reason);
        } else if (sight == ROLLOVER_THERE && found.answer.trust == DNS_INSECURE) {
            log_warning(s->client->log, NULL,
                        "%s: the zone is not signed (DNSSEC): the records protect nothing", owner);
        }
        ret = rollover_saw(&s->state, owner, sight, longest_ttl(&found.answer),
                           clock_wall_s(s->client->clock));
        ret = ret < 0 ? err_set(err, ret, "out of memory") : 0;
    }
    tlsa_found_clear(&found);
    return ret;
}

int staged_look(struct staged *s, const struct tlsa_asker *asker, struct err *err)
{
    for (size_t i = 0; i < s->state.service_count; i++) {
        for (size_t j = 0; j < s->set->count; j++) {
            int ret = look_at(s, asker, &s->state.services[i], s->set->names[j], err);
            if (ret < 0) {
                return ret;
            }
        }
    }
    rollover_forget_others(&s->state);
    return rollover_write(&s->state, &s->files, err);
}

int staged_activate(struct staged *s, struct report_line *report, int64_t *not_after,
                    struct err *err)
{
    const struct tlsa_key *old = staged_current(s);
    struct obtain_wish wish = {.key = &s->key};
    /* First, so that its records are known as an old key's whatever happens then. */
    int ret = keyhistory_add(&s->files, clock_wall_s(s->client->clock), KEYHISTORY_REPLACED,
                             old->spki, old->spki_len, err);
    if (ret == 0) {
        ret = obtain(s->client, report, s->set, &s->files, &wish, not_after, err);
    }
    if (*not_after != 0) {
        int read_ret = read_keys(s, err);
        s->there = false;
        s->in_use = true;
        ret = ret == 0 ? read_ret : ret;
    }
    return ret;
}

int staged_resume(struct staged *s, struct err *err)
{
    const struct tlsa_key *current = staged_current(s);
    if (current->chain.count == 0) {
        return 0;
    }
    int ret = copies_follow(&s->client->settings, &s->files, &current->chain, err);
    return ret < 0 ? err_prefix(err, "the new files are in place, but not all of their copies") : 0;
}

int staged_end(struct staged *s, struct err *err)
{
    s->in_use = false;
    return remove_files(s, err);
}

int staged_abort(struct staged *s, struct err *err)
{
    const struct tlsa_key *next = staged_next(s);
    int ret = keyhistory_add(&s->files, clock_wall_s(s->client->clock), KEYHISTORY_ABANDONED,
                             next->spki, next->spki_len, err);
    return ret == 0 ? remove_files(s, err) : ret;
}
