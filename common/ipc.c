#include "common/ipc.h"

const char *ipc_role_name(enum ipc_role role)
{
    switch (role) {
    case IPC_ROLE_SUPERVISOR:
        return "certmilld";
    case IPC_ROLE_DNSD:
        return "dnsd";
    case IPC_ROLE_ISSUER:
        return "issuer";
    case IPC_ROLE_SIGNER:
        return "signer";
    case IPC_ROLES:
        break;
    }
    return "?";
}
