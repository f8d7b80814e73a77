/*
 * A process as the supervisor would start it: users, folders, descriptors, and the way into its
 * sandbox. For test_sandbox_escape.c.
 */
#ifndef CERTMILL_TESTS_COMMON_CONFINED_H
#define CERTMILL_TESTS_COMMON_CONFINED_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sandbox.h"

/* Users that every Debian has, as in the lab. */
static const char *const users[] = {"nobody", "daemon", "bin"};
static const char *const profiles[] = {"dnsd", "issuer", "signer"};

/* Made by main, used by the children. */
static char folder[] = "/tmp/test_escapeXXXXXX";
static char store[64], keys[64], empty[64], database[96], key[96];
static int listener = -1, udp = -1, image = -1, elsewhere = -1, pair[2] = {-1, -1};
static struct sockaddr_in elsewhere_addr;
static pid_t victim;

static inline int confine(enum sandbox_profile profile)
{
    const struct sandbox_path own[] = {{store, true}, {"/etc", false}, {"/usr", false}};
    const struct sandbox_path keys_only[] = {{keys, true}};
    struct err err = {0};
    bool active;
    int ret =
        sandbox_drop_user(users[profile], profile == SANDBOX_DNSD ? empty : NULL, false, &err);

    if (ret == 0 && profile == SANDBOX_DNSD) {
        ret = sandbox_files(NULL, 0, false, &active, &err);
    } else if (ret == 0 && profile == SANDBOX_ISSUER) {
        ret = sandbox_files(own, 3, true, &active, &err);
    } else if (ret == 0) {
        ret = sandbox_files(keys_only, 1, false, &active, &err);
    }
    if (ret == 0) {
        ret = sandbox_calls(profile, &err);
    }
    if (ret < 0) {
        fprintf(stderr, "%s: %s\n", profiles[profile], err.text);
    }
    return ret;
}

static inline int listen_on_loopback(struct sockaddr_in *addr)
{
    socklen_t len = sizeof(*addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)addr, len) < 0 || listen(fd, 64) < 0 ||
        getsockname(fd, (struct sockaddr *)addr, &len) < 0) {
        return -1;
    }
    return fd;
}

static inline int make_file(const char *path, const char *user)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, "x", 1) != 1 || close(fd) < 0) {
        return -1;
    }
    const struct passwd *pw = getpwnam(user);
    return geteuid() != 0 || (pw != NULL && chown(path, pw->pw_uid, pw->pw_gid) == 0) ? 0 : -1;
}

static inline int make_folder(char *dst, size_t cap, const char *name, mode_t mode,
                              const char *user)
{
    snprintf(dst, cap, "%s/%s", folder, name);
    if (mkdir(dst, mode) < 0) {
        return -1;
    }
    const struct passwd *pw = user != NULL ? getpwnam(user) : NULL;
    return geteuid() != 0 || pw == NULL ? 0 : chown(dst, pw->pw_uid, pw->pw_gid);
}

/* What the supervisor makes and hands over. */
static inline int set_up(void)
{
    struct sockaddr_in own;

    if (mkdtemp(folder) == NULL || chmod(folder, 0711) < 0 ||
        make_folder(store, sizeof(store), "store", 0700, users[SANDBOX_ISSUER]) < 0 ||
        make_folder(keys, sizeof(keys), "keys", 0700, users[SANDBOX_SIGNER]) < 0 ||
        make_folder(empty, sizeof(empty), "empty", 0555, NULL) < 0) {
        return -1;
    }
    snprintf(database, sizeof(database), "%s/certmill.db", store);
    snprintf(key, sizeof(key), "%s/account.pem", keys);
    if (make_file(database, users[SANDBOX_ISSUER]) < 0 ||
        make_file(key, users[SANDBOX_SIGNER]) < 0) {
        return -1;
    }
    listener = listen_on_loopback(&own);
    elsewhere = listen_on_loopback(&elsewhere_addr);
    udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    image = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    victim = getpid();
    return listener < 0 || elsewhere < 0 || udp < 0 || ftruncate(image, 4096) < 0 ||
                   fcntl(image, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK) < 0 ||
                   socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0
               ? -1
               : 0;
}

static inline void tear_down(void)
{
    unlink(database);
    unlink(key);
    rmdir(store);
    rmdir(keys);
    rmdir(empty);
    rmdir(folder);
}

#endif
