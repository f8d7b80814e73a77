#include "client/service_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/chain.h"
#include "client/install_dir.h"
#include "common/file.h"

static bool covers_name(const char *pattern, const char *name)
{
    const char *dot = strchr(name, '.');
    return strcmp(pattern, name) == 0 ||
           (pattern[0] == '*' && dot != NULL && strcmp(pattern + 1, dot) == 0);
}

static bool covers(const struct set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++) {
        if (covers_name(set->names[i], name)) {
            return true;
        }
    }
    return false;
}

bool service_has_set(const struct client *client, const char *name)
{
    for (size_t i = 0; client->folder >= 0 && i < client->sets.count; i++) {
        if (covers(&client->sets.items[i], name)) {
            return true;
        }
    }
    return false;
}

static int read_chain(struct chain *out, int folder, const char *name, struct err *err)
{
    char *pem = NULL;
    size_t len;
    int ret = file_read(folder, name, LIMIT_CHAIN_PEM, &pem, &len, err);
    *out = (struct chain){0};
    if (ret == 0) {
        ret = chain_parse(out, pem, len, err);
    }
    free(pem);
    return ret;
}

bool service_has_files(const struct client *client, const char *name, const char *key_type)
{
    enum key_type type;
    char file[256];
    if (client->folder < 0 || key_type_parse(key_type, &type) < 0) {
        return false;
    }
    for (size_t i = 0; i < client->sets.count; i++) {
        struct files files = client_files(client, &client->sets.items[i], type);
        files_name(file, &files, FILE_CHAIN);
        if (covers(&client->sets.items[i], name) && faccessat(client->folder, file, F_OK, 0) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a version that was kept begins with the certificate. */
static bool is_version(const struct files *files, X509 *leaf)
{
    char path[512];
    bool found = false;
    snprintf(path, sizeof(path), INSTALL_FOLDER "/%s.%s", files->name, key_type_name(files->type));
    int fd = openat(files->folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL && fd >= 0) {
        close(fd);
    }
    for (const struct dirent *entry; dir != NULL && !found && (entry = readdir(dir)) != NULL;) {
        struct chain chain;
        struct err err;
        snprintf(path, sizeof(path), "%.255s/certificate.crt", entry->d_name);
        if (entry->d_name[strspn(entry->d_name, "0123456789")] == '\0' &&
            read_chain(&chain, dirfd(dir), path, &err) == 0) {
            found = X509_cmp(chain.certs[0], leaf) == 0;
            chain_clear(&chain);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return found;
}

static void day_of(char dst[static 32], const X509 *cert)
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(X509_get0_notBefore(cert), &tm) != 1 ||
        strftime(dst, 32, "%Y-%m-%d %H:%M", &tm) == 0) {
        dst[0] = '\0';
    }
}

static void compare_issuers(struct service_findings *findings, const char *file,
                            const struct chain *chain, const struct service_served *served)
{
    size_t same = 1;
    while (same < chain->count && same < served->count &&
           X509_cmp(chain->certs[same], served->certs[same]) == 0) {
        same++;
    }
    if (same == chain->count && same == served->count) {
        service_say(findings, SERVICE_GOOD, "files", "%.200s is what is served", file);
    } else if (same == served->count) {
        service_say(findings, SERVICE_PROBLEM, "files",
                    "an intermediate certificate is missing: %.180s has %zu certificates, %zu are "
                    "sent; give the service this file, not the certificate alone",
                    file, chain->count, served->count);
    } else {
        service_say(findings, SERVICE_WARNING, "files",
                    "the certificate is that of %.180s, but its issuers are not sent as they stand "
                    "there",
                    file);
    }
}

static void compare_leaf(struct service_findings *findings, const struct files *files,
                         const char *file, X509 *ours, X509 *leaf)
{
    char old[32], new[32];
    bool same_key = X509_get0_pubkey(ours) != NULL && X509_get0_pubkey(leaf) != NULL &&
                    EVP_PKEY_eq(X509_get0_pubkey(ours), X509_get0_pubkey(leaf)) == 1;
    bool older = ASN1_TIME_compare(X509_get0_notBefore(leaf), X509_get0_notBefore(ours)) <= 0;
    ERR_clear_error();
    day_of(old, leaf);
    day_of(new, ours);
    if (is_version(files, leaf) || (same_key && older)) {
        service_say(
            findings, SERVICE_PROBLEM, "files",
            "the service was not reloaded: it serves the certificate of %s, %.180s has that "
            "of %s",
            old, file, new);
    } else if (same_key) {
        service_say(findings, SERVICE_WARNING, "files",
                    "the certificate served, of %s, is newer than %.180s, of %s", old, file, new);
    } else {
        service_say(
            findings, SERVICE_PROBLEM, "files",
            "the certificate served, of %s, is not from here: %.180s has another, of %s, for "
            "another key",
            old, file, new);
    }
}

/* Whether the set settled it. */
static bool compare(struct service_findings *findings, const struct client *client,
                    const struct set *set, enum key_type type, const struct service_served *served)
{
    struct files files = client_files(client, set, type);
    struct chain chain;
    struct err err = {0};
    char file[256];
    files_name(file, &files, FILE_CHAIN);
    int ret = read_chain(&chain, files.folder, file, &err);
    if (ret == -ENOENT) {
        return false;
    }
    if (ret < 0) {
        service_say(findings, SERVICE_PROBLEM, "files", "%.180s: %.180s", file, err.text);
        return false;
    }
    bool same = X509_cmp(chain.certs[0], served->certs[0]) == 0;
    if (same) {
        compare_issuers(findings, file, &chain, served);
    } else {
        compare_leaf(findings, &files, file, chain.certs[0], served->certs[0]);
    }
    chain_clear(&chain);
    return same;
}

void service_judge_files(struct service_findings *findings, const struct client *client,
                         const char *name, const struct service_served *served)
{
    enum key_type type;
    size_t before = findings->count;
    if (key_type_parse(service_key_type(served->certs[0]), &type) < 0) {
        return;
    }
    for (size_t i = 0; client->folder >= 0 && i < client->sets.count; i++) {
        const struct set *set = &client->sets.items[i];
        if (covers(set, name) && compare(findings, client, set, type, served)) {
            if (findings->count > before + 1) {
                /* What other sets for the name have does not matter then. */
                findings->count = before;
                compare(findings, client, set, type, served);
            }
            return;
        }
    }
    if (findings->count == before && service_has_set(client, name)) {
        service_say(
            findings, SERVICE_PROBLEM, "files",
            "the certificate served is not from here: there is no file of type %s for %.200s",
            key_type_name(type), name);
    }
}
