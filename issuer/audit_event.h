/*
 * An event as JSON, for the audit log and for notifications.
 */
#ifndef CERTMILL_ISSUER_AUDIT_EVENT_H
#define CERTMILL_ISSUER_AUDIT_EVENT_H

#include <jansson.h>

#include "issuer/audit.h"

/* Adds the members that mean something, from "client" to "duration_ms"; texts are cut to their
 * limits, and what is not UTF-8 becomes U+FFFD. */
void audit_event_put(json_t *object, const struct audit_event *event);

#endif
