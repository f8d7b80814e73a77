#include <stdio.h>
#include <stdlib.h>

#include "issuer/publisher_zones.h"
#include "supervisor/files.h"
#include "supervisor/settings.h"
#include "supervisor/supervisor.h"

/* The same judgement as the issuer's at start and reload. */
static int check_zones(const struct server_conf *conf, struct err *err)
{
    struct publisher_zones zones = {0};
    struct files files = {.count = 0};
    int ret = files_read(&files, conf, err);

    if (ret == 0) {
        const struct boot boot = {.conf = *conf, .files = files.items, .file_count = files.count};
        ret = publisher_zones_load(&zones, &boot, err);
    }
    publisher_zones_clear(&zones);
    files_clear(&files);
    return ret;
}

int supervisor_check(int argc, char **argv, char **envp)
{
    struct settings_source source = {argc, argv, envp};
    struct server_conf conf = {0};
    struct err err = {0};
    char *path = NULL;
    int ret = settings_enter(&source, &path, &err);

    if (ret == 0) {
        ret = settings_load(&source, &conf, &err);
    }
    if (ret == 0) {
        ret = check_zones(&conf, &err);
    }
    if (ret == 0) {
        printf("the configuration is good; zones: %zu\n", conf.zones.count);
    } else {
        fprintf(stderr, "certmilld: %s\n", err.text);
    }
    conf_clear(&server_conf_schema, &conf);
    free(path);
    return ret == 0 ? 0 : 2;
}
