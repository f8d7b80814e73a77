/*
 * The entry points of certmilld's processes, called by supervisor/main.c after
 * `--role NAME`. control: IPC_CONTROL_FD. Each returns the process's exit status.
 */
#ifndef CERTMILL_COMMON_ROLE_H
#define CERTMILL_COMMON_ROLE_H

int dnsd_main(int control);
int issuer_main(int control);
int signer_main(int control);

#endif
