#include <openssl/evp.h>

#include "client/client.h"
#include "client/commands.h"
#include "client/tlsa_keys.h"

/* RFC 7469 2.4: base64 of the SHA-256 digest of SubjectPublicKeyInfo. */
static bool pin_of(char pin[static 48], const struct tlsa_key *key)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int len;
    return EVP_Digest(key->spki, key->spki_len, digest, &len, EVP_sha256(), NULL) == 1 &&
           EVP_EncodeBlock((unsigned char *)pin, digest, (int)len) == 44;
}

static int show_key(struct client *client, const struct tlsa_key *key)
{
    const char *set = key->set->names[0], *type = key_type_name(key->type);
    const char *state = tlsa_holder_name(key->holder);
    char pin[48];
    if (!pin_of(pin, key)) {
        log_error(client->log, NULL, "%s %s: a digest could not be made", set, type);
        return ERR_CRYPTO;
    }
    if (client->settings.json) {
        client_item(client, json_pack("{s:s,s:s,s:s,s:s}", "set", set, "key_type", type, "state",
                                      state, "pin-sha256", pin));
    } else {
        fprintf(client->out, "pin-sha256='%s' %s %s%s\n", pin, set, type,
                key->holder == TLSA_STAGED ? " (staged)" : "");
    }
    return 0;
}

static int show_set(struct client *client, const struct set *set, unsigned *unreadable)
{
    struct tlsa_keys keys;
    int ret = tlsa_keys_read(&keys, client, set, unreadable);
    if (ret < 0) {
        log_error(client->log, NULL, "out of memory");
        return ret;
    }
    for (size_t i = 0; ret == 0 && i < client->type_count; i++) {
        const struct tlsa_key *current = tlsa_keys_find(&keys, TLSA_CURRENT, client->types[i]);
        const struct tlsa_key *staged = tlsa_keys_find(&keys, TLSA_STAGED, client->types[i]);
        if (current == NULL) {
            tlsa_keys_tell_missing(client, set, client->types[i]);
        } else {
            ret = show_key(client, current);
        }
        if (ret == 0 && staged != NULL) {
            ret = show_key(client, staged);
        }
    }
    tlsa_keys_clear(&keys);
    return ret;
}

static int run(struct client *client)
{
    unsigned unreadable = 0;
    int ret = 0;
    for (size_t i = 0; ret == 0 && i < client->sets.count; i++) {
        ret = show_set(client, &client->sets.items[i], &unreadable);
    }
    return ret == 0 && unreadable == 0 ? CLIENT_OK : CLIENT_FAILED;
}

const struct client_command client_show_spki = {.first = "show",
                                                .second = "spki",
                                                .help = "print pins of the keys (pin-sha256)",
                                                .needs = CLIENT_NEEDS_PATH,
                                                .run = run};
