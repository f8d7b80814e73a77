#include "bench/soak_watch.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Images are not all of one size, and counters of pages are exact to some dozens. */
#define SLACK_KIB     512
#define SLACK_PERCENT 5
#define SLACK_COUNT   8 /* what leaks, leaks with each publication: by hundreds */
#define SHOWN         8

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true /* freed memory is kept for a while; leaks are told at the end */
#else
#define SANITIZED false
#endif

static long lines_of(pid_t pid, const char *file)
{
    char path[64];
    long lines = 0;
    int c;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return -1;
    }
    while ((c = fgetc(f)) != EOF) {
        lines += c == '\n';
    }
    fclose(f);
    return lines > 0 ? lines : -1;
}

static long value_of(pid_t pid, const char *file, const char *key)
{
    char path[64], line[256];
    size_t len = strlen(key);
    long value = -1;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, key, len) == 0) {
            value = strtol(line + len, NULL, 10);
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return value;
}

static long files_of(pid_t pid)
{
    char path[64];
    long count = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    if ((dir = opendir(path)) == NULL) {
        return -1;
    }
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        count += e->d_name[0] != '.';
    }
    closedir(dir);
    return count;
}

void soak_watch_sample(struct soak_watch *w, uint64_t at)
{
    if (w->count == SOAK_WATCH_SAMPLES) {
        return;
    }
    struct soak_watch_sample *s = &w->samples[w->count++];
    s->at = at;
    s->proportional = value_of(w->pid, "smaps_rollup", "Pss:");
    s->resident = value_of(w->pid, "smaps_rollup", "Rss:");
    if (s->resident < 0) {
        s->resident = value_of(w->pid, "status", "VmRSS:");
    }
    s->files = files_of(w->pid);
    s->mappings = lines_of(w->pid, "maps");
}

static struct soak_watch_sample most(const struct soak_watch *w, size_t from, size_t to)
{
    struct soak_watch_sample m = {0};

    for (size_t i = from; i < to; i++) {
        const struct soak_watch_sample *s = &w->samples[i];

        m.resident = s->resident > m.resident ? s->resident : m.resident;
        m.files = s->files > m.files ? s->files : m.files;
        m.mappings = s->mappings > m.mappings ? s->mappings : m.mappings;
    }
    return m;
}

bool soak_watch_flat(const struct soak_watch *w)
{
    struct soak_watch_sample before = most(w, 0, w->count / 2);
    struct soak_watch_sample after = most(w, w->count / 2, w->count);
    bool flat =
        after.files <= before.files + SLACK_COUNT &&
        after.mappings <= before.mappings + SLACK_COUNT &&
        (SANITIZED ||
         after.resident <= before.resident + before.resident * SLACK_PERCENT / 100 + SLACK_KIB);

    printf("%12s %14s %10s %8s %10s\n", "publications", "resident KiB", "PSS KiB", "files",
           "mappings");
    for (size_t i = 0; i < w->count; i++) {
        const struct soak_watch_sample *s = &w->samples[i];

        if (i == 0 || i == w->count - 1 || i % (w->count / SHOWN + 1) == 0) {
            printf("%12llu %14ld %10ld %8ld %10ld\n", (unsigned long long)s->at, s->resident,
                   s->proportional, s->files, s->mappings);
        }
    }
    printf("most in the first half: %ld KiB, %ld files, %ld mappings; in the second: %ld, %ld, "
           "%ld: %s\n",
           before.resident, before.files, before.mappings, after.resident, after.files,
           after.mappings, flat ? "flat" : "GROWS");
    return flat;
}
