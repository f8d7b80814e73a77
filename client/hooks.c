#include "client/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/hooks_exec.h"
#include "common/words.h"

/* Of one variable with its name; Linux takes 128 KiB (MAX_ARG_STRLEN). */
#define VARIABLE_MAX (120u << 10)
#define HOOKS_MAX    256 /* programs in the folder */
#define OURS         3

static const char *const variables[OURS] = {"CERTMILL_NAMES", "CERTMILL_DOMAINS", "CERTMILL_PATHS"};

struct hooks {
    const struct settings *settings;
    struct report *report;
    const struct hooks_change *changes;
    size_t count;
    char *ours[OURS]; /* "CERTMILL_NAMES=..." and so on; NULL: left out */
    char **envp;
    int failures;
    struct err first; /* failure */
};

static void failed(struct hooks *hooks, const struct err *err)
{
    if (hooks->failures++ == 0) {
        hooks->first = *err;
    }
}

/* -- environment -- */

/* Whether an earlier change was of the same set. */
static bool seen(const struct hooks *hooks, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (hooks->changes[k].set == hooks->changes[i].set) {
            return true;
        }
    }
    return false;
}

static void print_domains(FILE *out, const struct set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        fprintf(out, "%s%s", i > 0 ? "," : "", set->names[i]);
    }
}

static void print_variable(const struct hooks *hooks, int variable, FILE *out)
{
    const char *between = "";
    fprintf(out, "%s=", variables[variable]);
    for (size_t i = 0; i < hooks->count; i++) {
        const struct hooks_change *change = &hooks->changes[i];
        struct files files = {.name = change->set->name, .type = change->type};
        char name[256];
        if (variable < 2 && seen(hooks, i)) {
            continue;
        }
        fputs(between, out);
        if (variable == 0) {
            fputs(change->set->names[0], out);
        } else if (variable == 1) {
            print_domains(out, change->set);
        } else if (change->path != NULL) {
            fputs(change->path, out);
        } else {
            files_name(name, &files, FILE_CHAIN);
            fprintf(out, "%s/%s", hooks->settings->path, name);
        }
        between = variable == 0 ? " " : variable == 1 ? ";" : "\n";
    }
}

static int make_variable(struct hooks *hooks, int variable)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return -ENOMEM;
    }
    print_variable(hooks, variable, out);
    if (fclose(out) != 0) {
        free(text);
        return -ENOMEM;
    }
    if (len > VARIABLE_MAX) {
        log_warning(hooks->report->log, "hooks",
                    "%s is left out: so many names do not fit into an environment",
                    variables[variable]);
        free(text);
        text = NULL;
    }
    hooks->ours[variable] = text;
    return 0;
}

static bool is_ours(const char *entry)
{
    for (int i = 0; i < OURS; i++) {
        size_t len = strlen(variables[i]);
        if (strncmp(entry, variables[i], len) == 0 && entry[len] == '=') {
            return true;
        }
    }
    return false;
}

static int make_environment(struct hooks *hooks)
{
    size_t count = 0, n = 0;
    while (environ[count] != NULL) {
        count++;
    }
    if ((hooks->envp = calloc(count + OURS + 1, sizeof(hooks->envp[0]))) == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_ours(environ[i])) {
            hooks->envp[n++] = environ[i];
        }
    }
    for (int i = 0; i < OURS; i++) {
        int ret = make_variable(hooks, i);
        if (ret < 0) {
            return ret;
        }
        if (hooks->ours[i] != NULL) {
            hooks->envp[n++] = hooks->ours[i];
        }
    }
    return 0;
}

static void clear_environment(struct hooks *hooks)
{
    for (int i = 0; i < OURS; i++) {
        free(hooks->ours[i]);
    }
    free(hooks->envp);
}

/* -- hooks -- */

static void run_argv(struct hooks *hooks, char *const *argv, const char *name)
{
    struct hooks_exec exec = {.argv = argv,
                              .envp = hooks->envp,
                              .timeout_ms = hooks->settings->hook_timeout * 1000,
                              .report = hooks->report,
                              .name = name};
    struct err err = {0};
    if (hooks_exec(&exec, &err) < 0) {
        failed(hooks, &err);
    }
}

static void run_command(struct hooks *hooks, const char *command)
{
    struct words words;
    struct err err = {0};
    if (words_split(&words, command, " \t\n", &err) < 0) {
        err_prefix(&err, "hook %.100s", command);
        failed(hooks, &err);
        return;
    }
    run_argv(hooks, words.items, words.items[0]);
    words_clear(&words);
}

static bool ends_in(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);
    return len > end_len && strcmp(name + len - end_len, end) == 0;
}

/* What editors and package managers leave beside a file. */
static bool is_leftover(const char *name)
{
    static const char *const ends[] = {"~",         ".bak",      ".orig",     ".rej",
                                       ".swp",      ".tmp",      ".rpmsave",  ".rpmnew",
                                       ".rpmorig",  ".dpkg-old", ".dpkg-new", ".dpkg-dist",
                                       ".dpkg-tmp", ".dpkg-bak", ".pkgsave"};
    if (name[0] == '.' || name[0] == '#') {
        return true;
    }
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (ends_in(name, ends[i])) {
            return true;
        }
    }
    return false;
}

/* A file of the folder, where it is one to be run. */
static void run_file(struct hooks *hooks, int folder, const char *name)
{
    const char *runner = hooks->settings->post_renew_hooks_dir_runner;
    struct stat st;
    struct words words = {0};
    struct err err = {0};
    char path[LIMIT_PATH];
    char *argv[LIMIT_WORDS + 2] = {path};
    snprintf(path, sizeof(path), "%s/%s", hooks->settings->post_renew_hooks_dir, name);
    if (fstatat(folder, name, &st, 0) < 0) {
        err_set(&err, -errno, "hook %s: %s", path, strerror(errno));
        failed(hooks, &err);
        return;
    }
    if (!S_ISREG(st.st_mode) || (runner == NULL && (st.st_mode & 0111) == 0)) {
        return;
    }
    if ((st.st_mode & 0002) != 0) {
        err_set(&err, ERR_PERMISSION,
                "hook %s is not run: everybody may write to it; chmod o-w %s first", path, path);
        failed(hooks, &err);
        return;
    }
    if (runner != NULL) {
        if (words_split(&words, runner, " \t\n", &err) < 0 || words.count == 0) {
            err_prefix(&err, "post-renew-hooks-dir-runner");
            failed(hooks, &err);
            words_clear(&words);
            return;
        }
        memcpy(argv, words.items, words.count * sizeof(argv[0]));
        argv[words.count] = path;
    }
    run_argv(hooks, argv, path);
    words_clear(&words);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the folder's files, sorted; the caller frees each. -errno or ERR_LIMIT. */
static int list_names(int folder, char **names, size_t *count)
{
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), ret = 0;
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    if (list == NULL) {
        ret = -errno;
        if (fd >= 0) {
            close(fd);
        }
        return ret;
    }
    while (ret == 0 && (entry = readdir(list)) != NULL) { /* NOLINT(concurrency-mt-unsafe) */
        if (is_leftover(entry->d_name)) {
            continue;
        }
        if (*count == HOOKS_MAX) {
            ret = ERR_LIMIT;
        } else if ((names[*count] = strdup(entry->d_name)) == NULL) {
            ret = -ENOMEM;
        } else {
            ++*count;
        }
    }
    closedir(list);
    qsort(names, *count, sizeof(names[0]), compare);
    return ret;
}

static void run_folder(struct hooks *hooks, const char *path)
{
    char *names[HOOKS_MAX];
    size_t count = 0;
    struct err err = {0};
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int ret = folder < 0 ? -errno : list_names(folder, names, &count);
    if (ret == ERR_LIMIT) {
        err_set(&err, ret, "post-renew-hooks-dir: %s holds more than %d files", path, HOOKS_MAX);
    } else if (ret < 0) {
        err_set(&err, ret, "post-renew-hooks-dir: %s: %s", path, strerror(-ret));
    }
    if (ret < 0) {
        log_error(hooks->report->log, NULL, "%s", err.text);
        failed(hooks, &err);
    }
    for (size_t i = 0; i < count; i++) {
        if (ret == 0) {
            run_file(hooks, folder, names[i]);
        }
        free(names[i]);
    }
    if (folder >= 0) {
        close(folder);
    }
}

int hooks_run(const struct settings *settings, struct report *report,
              const struct hooks_change *changes, size_t count, struct err *err)
{
    struct hooks hooks = {
        .settings = settings, .report = report, .changes = changes, .count = count};
    int ret = 0;
    if (count == 0) {
        return 0;
    }
    if (make_environment(&hooks) < 0) {
        ret = err_set(err, -ENOMEM, "hooks: out of memory");
        goto out;
    }
    for (size_t i = 0; i < settings->post_renew_hooks.count; i++) {
        run_command(&hooks, settings->post_renew_hooks.items[i]);
    }
    if (settings->post_renew_hooks_dir != NULL) {
        run_folder(&hooks, settings->post_renew_hooks_dir);
    }
    if (hooks.failures > 1) {
        ret = err_set(err, hooks.first.code, "%s (and %d more hooks failed)", hooks.first.text,
                      hooks.failures - 1);
    } else if (hooks.failures == 1) {
        ret = err_set(err, hooks.first.code, "%s", hooks.first.text);
    }
out:
    clear_environment(&hooks);
    return ret;
}
