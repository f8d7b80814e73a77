#include <string.h>

#include "client/report.h"

const char *report_state_name(enum report_state state)
{
    static const char *const names[] = {
        "waiting", "ordering", "published", "seen by the CA", "validated", "issued",
    };
    return names[state];
}

enum report_state report_state_next(enum report_state state, const char *message)
{
    static const struct {
        const char *start;
        enum report_state state;
    } table[] = {
        {"ordered for ", REPORT_ORDERING},
        {"the same request again: joined", REPORT_ORDERING},
        {"taken up again", REPORT_ORDERING},
        {"published", REPORT_PUBLISHED},
        {"nothing is published", REPORT_PUBLISHED},
        {"asked by ", REPORT_SEEN},
        {"validated ", REPORT_VALIDATED},
        {"issued", REPORT_ISSUED},
        {"the certificate of order ", REPORT_ISSUED},
        /* certgrinderd and the certbot that it runs */
        {"Processing CSR", REPORT_ORDERING},
        {"Requesting a certificate", REPORT_ORDERING},
        {"Getting certificate", REPORT_ORDERING},
        {"Performing the following challenges", REPORT_PUBLISHED},
        {"Waiting for verification", REPORT_PUBLISHED},
        {"Cleaning up challenges", REPORT_VALIDATED},
        {"Success, got a new certificate", REPORT_ISSUED},
    };
    if (message[0] == '[') { /* "[order 17] " */
        const char *end = strstr(message, "] ");
        message = end != NULL ? end + 2 : message;
    }
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strncmp(message, table[i].start, strlen(table[i].start)) == 0) {
            return table[i].state;
        }
    }
    return state;
}
