#include "supervisor/holder_linux.h"

#include <dirent.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/holder.h"

#define TCP_LISTEN_STATE 0x0a

/* The kernel prints each 32-bit word of an address as it lies in memory. */
static bool parse_words(const char *hex, size_t words, uint8_t out[static 16])
{
    for (size_t i = 0; i < words; i++) {
        char word[9] = "";
        char *end;

        memcpy(word, hex + i * 8, strnlen(hex + i * 8, 8));
        uint32_t v = (uint32_t)strtoul(word, &end, 16);
        if (end != word + 8) {
            return false;
        }
        memcpy(out + i * 4, &v, 4);
    }
    return true;
}

/* Would a socket bound to `bytes` (4 or 16 of them) keep address from being bound? */
static bool collides(const uint8_t *bytes, bool ipv6, const struct address *address)
{
    static const uint8_t zero[16];
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address->storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address->storage;
    bool wants_v6 = address->storage.ss_family == AF_INET6;

    if (memcmp(bytes, zero, ipv6 ? 16 : 4) == 0) {
        return ipv6 || !wants_v6; /* :: holds IPv4 as well, unless it is told not to */
    }
    if (wants_v6 != ipv6) {
        return !wants_v6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)bytes) &&
               (address_is_any(address) || memcmp(bytes + 12, &v4->sin_addr, 4) == 0);
    }
    return address_is_any(address) ||
           memcmp(bytes, wants_v6 ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr,
                  wants_v6 ? 16 : 4) == 0;
}

uint64_t holder_match(const char *line, bool ipv6, int type, const struct address *address)
{
    char local[40], port[5], state[3], inode[21];
    uint8_t bytes[16] __attribute__((aligned(4))) = {0};

    if (sscanf(line,
               " %*[0-9]: %39[0-9A-Fa-f]:%4[0-9A-Fa-f] %*[0-9A-Fa-f]:%*[0-9A-Fa-f] %2[0-9A-Fa-f] "
               "%*s %*s %*s %*s %*s %20[0-9]",
               local, port, state, inode) != 4 ||
        strlen(local) != (ipv6 ? 32u : 8u) || !parse_words(local, ipv6 ? 4 : 1, bytes)) {
        return 0;
    }
    if (strtoul(port, NULL, 16) != address_port(address) ||
        (type == SOCK_STREAM && strtoul(state, NULL, 16) != TCP_LISTEN_STATE)) {
        return 0;
    }
    return collides(bytes, ipv6, address) ? strtoull(inode, NULL, 10) : 0;
}

static uint64_t find_inode(const char *path, bool ipv6, int type, const struct address *address)
{
    char line[512];
    uint64_t inode = 0;
    FILE *file = fopen(path, "re");

    while (file != NULL && inode == 0 && fgets(line, sizeof(line), file) != NULL) {
        inode = holder_match(line, ipv6, type, address);
    }
    if (file != NULL) {
        fclose(file);
    }
    return inode;
}

static bool has_open(const char *pid, const char *wanted)
{
    char path[320], target[64];
    const struct dirent *e;
    bool found = false;

    snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    DIR *dir = opendir(path);
    while (dir != NULL && !found && (e = readdir(dir)) != NULL) {
        ssize_t n = readlinkat(dirfd(dir), e->d_name, target, sizeof(target) - 1);

        if (n > 0) {
            target[n] = '\0';
            found = strcmp(target, wanted) == 0;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return found;
}

static void read_name(struct holder *holder, const char *pid)
{
    char path[320];

    snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL || fgets(holder->name, sizeof(holder->name), file) == NULL) {
        holder->name[0] = '\0';
    }
    holder->name[strcspn(holder->name, "\n")] = '\0';
    if (file != NULL) {
        fclose(file);
    }
}

static bool find_process(struct holder *holder, uint64_t inode)
{
    char wanted[64];
    const struct dirent *e;
    bool found = false;
    DIR *dir = opendir("/proc");

    snprintf(wanted, sizeof(wanted), "socket:[%" PRIu64 "]", inode);
    while (dir != NULL && !found && (e = readdir(dir)) != NULL) {
        long pid = strtol(e->d_name, NULL, 10);

        if (pid > 0 && has_open(e->d_name, wanted)) {
            holder->pid = (pid_t)pid;
            read_name(holder, e->d_name);
            found = true;
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return found;
}

bool holder_find(struct holder *holder, int type, const struct address *address)
{
    const char *v4 = type == SOCK_DGRAM ? "/proc/net/udp" : "/proc/net/tcp";
    const char *v6 = type == SOCK_DGRAM ? "/proc/net/udp6" : "/proc/net/tcp6";
    uint64_t inode = find_inode(v4, false, type, address);

    *holder = (struct holder){0};
    if (inode == 0) {
        inode = find_inode(v6, true, type, address);
    }
    return inode != 0 && find_process(holder, inode);
}
