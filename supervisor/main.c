#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/ipc.h"
#include "common/role.h"
#include "common/server_conf.h"
#include "supervisor/process.h"
#include "supervisor/supervisor.h"

/* What the supervisor executes itself as. Not for people, so not in --help. */
static int run_role(const char *name)
{
    static const struct {
        enum ipc_role role;
        int (*entry)(int control);
    } roles[] = {
        {IPC_ROLE_DNSD, dnsd_main}, {IPC_ROLE_ISSUER, issuer_main}, {IPC_ROLE_SIGNER, signer_main}};

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(name, ipc_role_name(roles[i].role)) == 0) {
            prctl(PR_SET_NAME, process_name(roles[i].role));
            return roles[i].entry(IPC_CONTROL_FD);
        }
    }
    fprintf(stderr, "certmilld: no role is named %s\n", name);
    return 2;
}

static int help(void)
{
    puts(
        "Usage: certmilld --config FILE [OPTION...]\n"
        "Answers DNS for its zones and gets certificates by them; stays in the foreground.\n"
        "\n"
        "  --check-config   read the configuration and its files, say whether they are good\n"
        "  --help           this text\n"
        "  --version        the version\n"
        "\n"
        "Relative paths start at the configuration file's folder. SIGHUP reloads it and the files\n"
        "that it names, all or nothing; SIGTERM stops.\n");
    conf_help(&server_conf_schema, stdout);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--role") == 0) {
        return run_role(argv[2]);
    }
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        return help();
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        puts("certmilld " CERTMILL_VERSION);
        return 0;
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--check-config") == 0) {
            memmove(&argv[i], &argv[i + 1], (size_t)(argc - i) * sizeof(*argv));
            return supervisor_check(argc - 2, argv + 1, environ);
        }
    }
    return supervisor_main(argc - 1, argv + 1, environ);
}
