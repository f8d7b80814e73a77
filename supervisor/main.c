#include <stdio.h>
#include <string.h>

#include "common/ipc.h"
#include "common/role.h"

static int run_role(const char *role)
{
    static const struct {
        const char *name;
        int (*entry)(int control);
    } roles[] = {{"dnsd", dnsd_main}, {"issuer", issuer_main}, {"signer", signer_main}};

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (strcmp(role, roles[i].name) == 0) {
            return roles[i].entry(IPC_CONTROL_FD);
        }
    }
    fprintf(stderr, "certmilld: no role is named %s\n", role);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--role") == 0) {
        return run_role(argv[2]);
    }
    return 2;
}
