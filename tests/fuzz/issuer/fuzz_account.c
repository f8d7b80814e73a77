/* The account object of a hostile CA (RFC 8555 7.1.2): a known status or none, an address that
 * fits. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "issuer/acme_object.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct acme_object object;

    acme_object_parse(&object, (const char *)data, size);
    if (object.status != NULL && strcmp(object.status, "valid") != 0 &&
        strcmp(object.status, "deactivated") != 0 && strcmp(object.status, "revoked") != 0)
        abort();
    if (memchr(object.contact, '\0', sizeof(object.contact)) == NULL ||
        (object.contact[0] != '\0' && !object.contacts))
        abort();
    return 0;
}
