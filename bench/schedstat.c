#include "bench/schedstat.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static void read_thread(struct schedstat_thread *t, pid_t pid, pid_t tid)
{
    char path[64];
    unsigned long long ran = 0, waited = 0;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", (int)pid, (int)tid);
    FILE *f = fopen(path, "re");
    if (f != NULL) {
        if (fscanf(f, "%llu %llu", &ran, &waited) != 2) {
            ran = waited = 0;
        }
        fclose(f);
    }
    *t = (struct schedstat_thread){tid, ran, waited};
}

void schedstat_read(struct schedstat *s, pid_t pid)
{
    char path[32];
    struct dirent *entry;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *folder = opendir(path);
    s->count = 1;
    read_thread(&s->threads[0], pid, pid);
    while (folder != NULL && (entry = readdir(folder)) != NULL && s->count < SCHEDSTAT_THREADS) {
        pid_t tid = (pid_t)atoi(entry->d_name);
        if (tid > 0 && tid != pid) {
            read_thread(&s->threads[s->count++], pid, tid);
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}
