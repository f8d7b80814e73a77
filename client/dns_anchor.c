#include "client/dns_priv.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"

/* As RFC 5011 managers note a key's state behind it: ";;state=2 [  VALID  ]". Neither a key that
 * waits to be trusted nor one that is revoked or removed counts; one that is missing does. */
static bool is_in_use(const char *comment)
{
    const char *state = comment != NULL ? strstr(comment, "state=") : NULL;

    return state == NULL || state[6] == '2' || state[6] == '3';
}

static int take_line(ldns_rr_list *list, char *line)
{
    char *comment = strchr(line, ';');
    ldns_rr *rr = NULL;
    ldns_rr_type type;

    if (!is_in_use(comment)) {
        return 0;
    }
    if (comment != NULL) {
        *comment = '\0';
    }
    while (isspace((unsigned char)*line)) {
        line++;
    }
    if (*line == '\0') {
        return 0;
    }
    if (ldns_rr_new_frm_str(&rr, line, 3600, NULL, NULL) != LDNS_STATUS_OK) {
        return ERR_MALFORMED;
    }
    type = ldns_rr_get_type(rr);
    if ((type != LDNS_RR_TYPE_DS && type != LDNS_RR_TYPE_DNSKEY) || ldns_rr_rd_count(rr) != 4 ||
        ldns_rdf_size(ldns_rr_owner(rr)) != 1) {
        ldns_rr_free(rr);
        return ERR_MALFORMED;
    }
    if (ldns_rr_list_rr_count(list) >= LIMIT_TRUST_ANCHORS || !ldns_rr_list_push_rr(list, rr)) {
        ldns_rr_free(rr);
        return ERR_LIMIT;
    }
    return 0;
}

int dns_anchor_parse(ldns_rr_list **out, const char *text, const char *path, struct err *err)
{
    ldns_rr_list *list = ldns_rr_list_new();
    char *copy = strdup(text), *rest = copy, *line;
    unsigned number = 0;
    int ret = list == NULL || copy == NULL ? -ENOMEM : 0;

    while (ret == 0 && (line = strsep(&rest, "\n")) != NULL) {
        number++;
        ret = take_line(list, line);
    }
    free(copy);
    if (ret == -ENOMEM) {
        (void)err_set(err, ret, "%s: out of memory", path);
    } else if (ret == ERR_LIMIT) {
        (void)err_set(err, ret, "%s:%u: more than %u records", path, number, LIMIT_TRUST_ANCHORS);
    } else if (ret < 0) {
        (void)err_set(err, ret,
                      "%s:%u: this is no DS or DNSKEY record of the DNS root, as trust-anchor "
                      "wants them, one a line",
                      path, number);
    } else if (ldns_rr_list_rr_count(list) == 0) {
        ret = err_set(err, ERR_NOT_FOUND,
                      "%s: no key of the DNS root in there that is valid; on Debian, package "
                      "dns-root-data has one in /usr/share/dns/root.key",
                      path);
    }
    if (ret < 0) {
        ldns_rr_list_deep_free(list);
        return ret;
    }
    *out = list;
    return 0;
}

int dns_anchor_read(ldns_rr_list **out, const char *path, struct err *err)
{
    char *text;
    size_t len;
    int ret = file_read(AT_FDCWD, path, LIMIT_TRUST_ANCHOR, &text, &len, err);

    if (ret < 0) {
        return err_prefix(err, "trust-anchor, which validate needs");
    }
    ret = strlen(text) == len ? dns_anchor_parse(out, text, path, err)
                              : err_set(err, ERR_MALFORMED, "%s: this is no text", path);
    free(text);
    return ret;
}
