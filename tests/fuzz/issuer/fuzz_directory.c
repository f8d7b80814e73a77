/* The directory of a hostile CA: what is taken from it are https URLs, or nothing. */
#include <stdlib.h>
#include <string.h>

#include "issuer/acme_directory.h"
#include "issuer/http_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct acme_directory directory;
    struct err err = {0};

    if (acme_directory_parse(&directory, (const char *)data, size, &err) < 0)
        return 0;
    if (!http_url_good(directory.new_nonce, strlen(directory.new_nonce)) ||
        !http_url_good(directory.new_account, strlen(directory.new_account)) ||
        !http_url_good(directory.new_order, strlen(directory.new_order)))
        abort();
    const char *const urls[] = {directory.revoke_cert, directory.key_change,
                                directory.renewal_info};
    for (size_t i = 0; i < 3; i++) {
        if (urls[i] != NULL && !http_url_good(urls[i], strlen(urls[i])))
            abort();
    }
    if (directory.caa_count > LIMIT_CAA_IDENTITIES || directory.profile_count > LIMIT_PROFILES)
        abort();
    for (size_t i = 0; i < directory.profile_count; i++) {
        size_t len = strlen(directory.profiles[i].name);
        if (len == 0 || len > LIMIT_PROFILE_NAME || directory.profiles[i].description == NULL)
            abort();
    }
    acme_directory_clear(&directory);
    return 0;
}
