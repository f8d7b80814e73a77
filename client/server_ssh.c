#include "client/server_ssh.h"

#include <string.h>
#include <strings.h>

/* Letters of ssh(1) that take a value. */
#define VALUED "BbcDEeFIiJLlmOoPpQRSWw"

static void look_at_option(struct server_ssh *out, const char *option)
{
    static const char control[] = "Control";
    option += strspn(option, " \t");
    if (strncasecmp(option, control, sizeof(control) - 1) == 0) {
        out->control = true;
    }
    out->batch = out->batch || strncasecmp(option, "BatchMode", 9) == 0;
    out->timeout = out->timeout || strncasecmp(option, "ConnectTimeout", 14) == 0;
}

static void look_at_letter(struct server_ssh *out, char letter)
{
    if (letter == 'M' || letter == 'S' || letter == 'O') {
        out->control = true;
    } else if (letter == 'n' || letter == 'f' || letter == 'N') {
        out->no_input = true;
        out->no_letter = letter;
    }
}

/* Letters of one word; *next, the word behind it, where a letter's value is that one.
 * Returns how many words that are. */
static size_t look_at_letters(struct server_ssh *out, const char *letters, const char *next)
{
    for (; *letters != '\0'; letters++) {
        look_at_letter(out, *letters);
        if (strchr(VALUED, *letters) == NULL) {
            continue;
        }
        const char *value = letters[1] != '\0' ? letters + 1 : next;
        if (*letters == 'o' && value != NULL) {
            look_at_option(out, value);
        }
        return letters[1] != '\0' ? 1 : 2;
    }
    return 1;
}

void server_ssh_look(struct server_ssh *out, const struct words *words)
{
    bool host = false;
    *out = (struct server_ssh){0};
    if (words->count == 0) {
        return;
    }
    const char *slash = strrchr(words->items[0], '/');
    out->ssh = strcmp(slash != NULL ? slash + 1 : words->items[0], "ssh") == 0;
    for (size_t i = 1; out->ssh && i < words->count;) {
        const char *word = words->items[i];
        if (word[0] == '-' && word[1] == '-') {
            break;
        }
        if (word[0] == '-') {
            i += look_at_letters(out, word + 1, i + 1 < words->count ? words->items[i + 1] : NULL);
        } else if (!host) { /* options may follow the host as well */
            host = true;
            i++;
        } else {
            break;
        }
        out->open = host && i >= words->count;
    }
}

enum server_ssh_trouble server_ssh_trouble(const char *line)
{
    static const struct {
        const char *part;
        enum server_ssh_trouble trouble;
    } table[] = {
        {"HOST IDENTIFICATION HAS CHANGED", SSH_KEY_CHANGED},
        {"Host key verification failed", SSH_KEY_UNKNOWN},
        {"Permission denied (", SSH_DENIED},
        {"Too many authentication failures", SSH_DENIED},
        {"not accessible: No such file or directory", SSH_NO_IDENTITY},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strstr(line, table[i].part) != NULL) {
            return table[i].trouble;
        }
    }
    return SSH_NO_TROUBLE;
}

const char *server_ssh_advice(enum server_ssh_trouble trouble)
{
    switch (trouble) {
    case SSH_KEY_CHANGED:
        return ": the server's host key is not the one in known_hosts; if it was meant to change, "
               "remove the old one by ssh-keygen -R HOST, else somebody stands between";
    case SSH_KEY_UNKNOWN:
        return ": the server's host key is not known to this user; compare and accept it by "
               "running the ssh command once by hand, or put it into known_hosts";
    case SSH_DENIED:
        return ": the server takes none of this user's keys, and nobody is there to type a "
               "password; put the public key into authorized_keys there, with the forced "
               "command, and name the private one by -i (one under a pass phrase needs an agent)";
    case SSH_NO_IDENTITY:
        return ": the private key that the ssh command names is not there; make one by "
               "ssh-keygen, and put its public half into authorized_keys on the server";
    default:
        return "";
    }
}

bool server_ssh_noise(const char *line)
{
    return strncmp(line, "mux_client_", 11) == 0 || strncmp(line, "ControlSocket ", 14) == 0;
}
