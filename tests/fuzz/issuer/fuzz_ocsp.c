/* Answers of a hostile OCSP responder: none is taken for a good one that the issuer has not signed.
 */
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "issuer/ocsp_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A certificate and its issuer, whose key is gone. */
static const char chain[] = "-----BEGIN CERTIFICATE-----\n"
                            "MIIBDzCBtgIDGis8MAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB0Z1enogQ0EwHhcN\n"
                            "MjYxMTIxMTAxNzQzWhcNMzYxMTE4MTAxNzQzWjAUMRIwEAYDVQQDDAlhLmV4YW1w\n"
                            "bGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARGJUZ6In4hBMr3fRU3W+oVK0Xo\n"
                            "Xm3brmRu5jdPrOINUUXKL17+ODnv27jd4WBCtJ76ktXYEN/kiC5RdNHDSYnfMAoG\n"
                            "CCqGSM49BAMCA0gAMEUCIBfV7GXllfWCSQ3qZvkKxoOldJvN3on5lbOD2lb/KtwO\n"
                            "AiEA8zrj7cg3Nbfdf6FAWwwXZ9fiRfL5797mJ2DInd3p2gM=\n"
                            "-----END CERTIFICATE-----\n"
                            "-----BEGIN CERTIFICATE-----\n"
                            "MIIBeTCCAR+gAwIBAgIUO6jM0Yru97p3kXJcrjt07e8xqKwwCgYIKoZIzj0EAwIw\n"
                            "EjEQMA4GA1UEAwwHRnV6eiBDQTAeFw0yNjExMjExMDE3NDNaFw0zNjExMTgxMDE3\n"
                            "NDNaMBIxEDAOBgNVBAMMB0Z1enogQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
                            "AAT6XqxpGPSMqEMtKVEUfW3hniu8BN/t4MuuX6msR2HAZn2xuNgOYZza9Wtirxfo\n"
                            "jk6uKjZuHsOefkCROvQ+izSMo1MwUTAdBgNVHQ4EFgQU63ryRma9ySi676doJRUL\n"
                            "c2gx1WowHwYDVR0jBBgwFoAU63ryRma9ySi676doJRULc2gx1WowDwYDVR0TAQH/\n"
                            "BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiB5WfuA4ofjI55b8Vd+jImH3br3KAY4\n"
                            "b98IN9N9tksOVgIhANbUFdT00P8hn6Mr6jI93AMhIlRtPFzYlZq34WDgA7C7\n"
                            "-----END CERTIFICATE-----\n";

/* When the issuer has signed the kept case "good", and never anything else: what is taken says what
 * that one says, whatever surrounds it. */
#define SIGNED_AT INT64_C(1795256263)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ocsp_verdict verdict;
    struct err err = {0};
    int ret = ocsp_check_response(&verdict, chain, sizeof chain - 1, data, size, SIGNED_AT, &err);

    if (ret < 0 && (verdict.this_update != 0 || err.text[0] == '\0'))
        abort();
    if (ret == 0 &&
        (verdict.this_update < SIGNED_AT - 60 || verdict.this_update > SIGNED_AT + 60 ||
         verdict.next_update != verdict.this_update + 7 * 86400 || verdict.revoked != 0))
        abort();
    return 0;
}
