/*
 * One ssh connection for all calls of a run.
 *
 * The first call goes alone until its ssh has a control socket, or has ended; the others then go
 * by way of it (ssh_config(5), ControlMaster auto). Where that does not work, be it that the
 * server takes no more sessions on one connection, ssh makes one of its own: nothing is lost but
 * time. The socket stands in a folder that nobody else may enter. At the end of the run ssh is told
 * to close the connection; if we are killed it does so by itself after SESSION_PERSIST seconds.
 */
#ifndef CERTMILL_CLIENT_SERVER_SESSION_H
#define CERTMILL_CLIENT_SERVER_SESSION_H

#include <stdbool.h>

#include "client/settings.h"
#include "common/err.h"

#define SESSION_PERSIST 60 /* seconds without a call after which ssh ends by itself */

struct server_session;

/* One a run. Calls that share it are made within client/guard.h, so that no signal comes in
 * between. Does nothing yet: folder and connection are made with the first call. settings must
 * outlive it. NULL where memory is short, which is the same as no sharing. */
struct server_session *server_session_new(const struct settings *settings);
/* Ends the connection and removes the folder, if there are any; no call may be under way. The next
 * call makes them anew. */
void server_session_close(struct server_session *session);
void server_session_free(struct server_session *session);

/* A call begins: waits while another one opens the connection, at most timeout_ms, or until
 * stop (a descriptor, 0: none) is readable. Returns whether this call is the one that opens it;
 * then server_session_leave must follow. session may be NULL in all of these. */
bool server_session_enter(struct server_session *session, int timeout_ms, int stop);
void server_session_leave(struct server_session *session);

/* Where the control socket stands or will stand; NULL: the connection is not shared. */
const char *server_session_socket(const struct server_session *session);

#endif
