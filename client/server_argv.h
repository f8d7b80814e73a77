/*
 * What goes to the server's command and what its exit status means. Private to client/server.
 */
#ifndef CERTMILL_CLIENT_SERVER_ARGV_H
#define CERTMILL_CLIENT_SERVER_ARGV_H

#include "client/server.h"
#include "client/server_ssh.h"

/* 0 where the status of waitpid(2) is a good one; else the error that it stands for, with what
 * the server (or ssh) said last, and what that trouble asks for. Statuses of certmill-shell:
 * docs/protocol.md. */
int server_verdict(int status, const char *last, enum server_ssh_trouble trouble, struct err *err);

#endif
