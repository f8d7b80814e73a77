/*
 * What a service sends beside what is on disk: has it been told of its new certificate?
 */
#ifndef CERTMILL_CLIENT_SERVICE_FILES_H
#define CERTMILL_CLIENT_SERVICE_FILES_H

#include "client/command.h"
#include "client/service.h"

/* Compares with the files of the sets that are for name (normal form), of the type that the leaf
 * has; nothing where there are none. */
void service_judge_files(struct service_findings *findings, const struct client *client,
                         const char *name, const struct service_served *served);

/* Whether there is a certificate of that type for the name. */
bool service_has_files(const struct client *client, const char *name, const char *key_type);

/* Whether a set is for the name, and files can be looked at. */
bool service_has_set(const struct client *client, const char *name);

#endif
