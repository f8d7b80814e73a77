/*
 * certmill: keeps keys and certificates of a host, by way of a certmill or certgrinder server.
 */
#ifndef CERTMILL_CLIENT_CLIENT_H
#define CERTMILL_CLIENT_CLIENT_H

enum client_status {
    CLIENT_OK = 0,
    CLIENT_FAILED = 1,
    CLIENT_USAGE = 2, /* a word or a configuration that is not one of ours */
};

/* Returns an enum client_status. */
int client_main(int argc, char **argv);

#endif
