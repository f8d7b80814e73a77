#include "client/server_session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/child.h"
#include "client/server_ssh.h"

#define PREFIX     "certmill-ssh-"
#define LOOK_MS    20
#define EXIT_MS    5000 /* for ssh to tell the other one to end */
#define STALE_S    3600 /* a folder without a socket, left by a run that was killed */
#define FOLDER_MAX 60   /* sun_path has 108: the rest is PREFIX, socket, and what ssh puts to it */

struct server_session {
    const struct settings *settings;
    pthread_mutex_t lock;
    enum { SESSION_NEW, SESSION_OPENING, SESSION_OPEN, SESSION_OFF } state;
    char folder[108], socket[108]; /* "": none */
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Whether the connection is ours to share. */
static bool shareable(const struct settings *settings)
{
    const char *command = settings_server(settings);
    struct words words;
    struct server_ssh ssh;
    struct err err;
    if (command == NULL || words_split(&words, command, " \t\n", &err) < 0) {
        return false;
    }
    server_ssh_look(&ssh, &words);
    words_clear(&words);
    return ssh.ssh && !ssh.control;
}

struct server_session *server_session_new(const struct settings *settings)
{
    struct server_session *session = calloc(1, sizeof(*session));
    if (session != NULL) {
        session->settings = settings;
        session->state = shareable(settings) ? SESSION_NEW : SESSION_OFF;
        pthread_mutex_init(&session->lock, NULL);
    }
    return session;
}

/* Folders that runs left which were killed; ssh has taken its socket away since. */
static void sweep(const char *base)
{
    DIR *dir = opendir(base);
    struct dirent *entry;
    struct stat st;
    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, PREFIX, sizeof(PREFIX) - 1) == 0 &&
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(st.st_mode) && st.st_uid == geteuid() && time(NULL) - st.st_mtime > STALE_S) {
            unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
        }
    }
    closedir(dir);
}

/* Absolute, short, and without a character that means something to ssh. */
static bool usable(const char *base)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-";
    return base != NULL && base[0] == '/' && strlen(base) <= FOLDER_MAX &&
           base[strspn(base, plain)] == '\0';
}

static bool make_folder(struct server_session *session)
{
    char user[32];
    snprintf(user, sizeof(user), "/run/user/%lu", (unsigned long)geteuid());
    const char *const bases[] = {getenv("XDG_RUNTIME_DIR"), user, getenv("TMPDIR"), "/tmp"};
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        if (!usable(bases[i])) {
            continue;
        }
        snprintf(session->folder, sizeof(session->folder), "%.60s/" PREFIX "XXXXXX", bases[i]);
        if (mkdtemp(session->folder) != NULL) {
            snprintf(session->socket, sizeof(session->socket), "%.100s/s", session->folder);
            sweep(bases[i]);
            return true;
        }
    }
    session->folder[0] = '\0';
    return false;
}

static bool is_there(const struct server_session *session)
{
    struct stat st;
    return stat(session->socket, &st) == 0 && S_ISSOCK(st.st_mode);
}

bool server_session_enter(struct server_session *session, int timeout_ms, int stop)
{
    int64_t deadline = now_ms() + timeout_ms;
    bool first = false;
    if (session == NULL) {
        return false;
    }
    pthread_mutex_lock(&session->lock);
    if (session->state == SESSION_NEW) {
        first = make_folder(session);
        session->state = first ? SESSION_OPENING : SESSION_OFF;
    }
    while (!first && session->state == SESSION_OPENING && !is_there(session) &&
           now_ms() < deadline) {
        struct pollfd fd = {.fd = stop, .events = POLLIN};
        pthread_mutex_unlock(&session->lock);
        int stopped = poll(&fd, stop > 0 ? 1 : 0, LOOK_MS);
        pthread_mutex_lock(&session->lock);
        if (stopped > 0) {
            break;
        }
    }
    pthread_mutex_unlock(&session->lock);
    return first;
}

void server_session_leave(struct server_session *session)
{
    pthread_mutex_lock(&session->lock);
    session->state = SESSION_OPEN;
    pthread_mutex_unlock(&session->lock);
}

const char *server_session_socket(const struct server_session *session)
{
    return session != NULL && session->socket[0] != '\0' ? session->socket : NULL;
}

/* Runs it without input and output, and not for long. */
static void run_silently(char **argv)
{
    const struct child_wish wish = {.argv = argv, .fds = {-1, -1, -1}};
    pid_t pid;
    int child, status;
    if (child_spawn(&pid, &wish) < 0) {
        return;
    }
    if ((child = child_watch(pid, NULL)) < 0 ||
        poll(&(struct pollfd){.fd = child, .events = POLLIN}, 1, EXIT_MS) <= 0) {
        kill(pid, SIGKILL);
    }
    if (child >= 0) {
        close(child);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
}

/* ssh -O exit, with the user's words behind it: they name the host. */
static void end_connection(struct server_session *session)
{
    char quiet[] = "-q", end[] = "-Oexit", path[128];
    char *own[] = {quiet, end, path};
    size_t count = sizeof(own) / sizeof(own[0]), n = 0;
    struct words words;
    struct err err;
    if (words_split(&words, settings_server(session->settings), " \t\n", &err) < 0) {
        return;
    }
    snprintf(path, sizeof(path), "-S%s", session->socket);
    char **argv = calloc(words.count + count + 1, sizeof(argv[0]));
    if (argv != NULL) {
        argv[n++] = words.items[0];
        for (size_t i = 0; i < count; i++) {
            argv[n++] = own[i];
        }
        for (size_t i = 1; i < words.count; i++) {
            argv[n++] = words.items[i];
        }
        run_silently(argv);
    }
    free(argv);
    words_clear(&words);
}

void server_session_close(struct server_session *session)
{
    if (session == NULL || session->folder[0] == '\0') {
        return;
    }
    if (is_there(session)) {
        end_connection(session);
    }
    unlink(session->socket);
    rmdir(session->folder);
    session->folder[0] = session->socket[0] = '\0';
    session->state = SESSION_NEW;
}

void server_session_free(struct server_session *session)
{
    if (session != NULL) {
        server_session_close(session);
        pthread_mutex_destroy(&session->lock);
        free(session);
    }
}
