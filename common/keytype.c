#include "common/keytype.h"

#include <stddef.h>

const char *const keytype_words[] = {"ecdsa-p256", "ecdsa-p384", "rsa-2048",
                                     "rsa-3072",   "rsa-4096",   NULL};
