#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "common/ipc.h"
#include "common/option.h"
#include "common/role.h"
#include "common/self.h"
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
            self_name(process_name(roles[i].role));
            return roles[i].entry(IPC_CONTROL_FD);
        }
    }
    fprintf(stderr, "certmilld: no role is named %s\n", name);
    return 2;
}

/* What was printed is there, or it is said: 0 or 1. */
static int printed(void)
{
    if (fflush(stdout) == 0) {
        return 0;
    }
    perror("certmilld: standard output");
    return 1;
}

static int help(void)
{
    puts("Usage: certmilld --config FILE [OPTION...]\n"
         "Answers DNS for its zones and gets certificates by them; stays in the foreground.\n");
    puts(
        "Relative paths start at the configuration file's folder. SIGHUP reloads it and the files\n"
        "that it names, all or nothing; SIGTERM stops.\n");
    conf_help(&server_conf_schema, stdout);
    puts("\nExit status: 0 stopped, or the configuration is good, 1 not ready in time, 2 not\n"
         "started: the message says why.");
    return printed();
}

/* Takes the wishes, which have no values, out of the count words. Returns how many words are left.
 */
static size_t take_wishes(struct server_conf_wish *wish, char **words, size_t count)
{
    struct err err = {0};
    size_t pos = 0, kept = 0;
    while (pos < count) {
        if (option_take(server_conf_wishes, server_conf_wish_count, wish, words, count, &pos,
                        &err) <= 0) {
            words[kept++] = words[pos++];
        }
    }
    return kept;
}

int main(int argc, char **argv)
{
    struct server_conf_wish wish = {0};
    if (argc == 3 && strcmp(argv[1], "--role") == 0) {
        return run_role(argv[2]);
    }
    if (argc < 1) {
        return 2;
    }
    switch (option_asks(argc - 1, argv + 1)) {
    case 'h':
        return help();
    case 'V':
        puts("certmilld " CERTMILL_VERSION);
        return printed();
    default:
        break;
    }
    int count = (int)take_wishes(&wish, argv + 1, (size_t)argc - 1);
    return wish.check ? supervisor_check(count, argv + 1, environ)
                      : supervisor_main(count, argv + 1, environ);
}
