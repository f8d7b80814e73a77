#include "issuer/control_json.h"

#include "common/domainset.h"
#include "common/limits.h"
#include "issuer/ledger.h"
#include "issuer/line_json.h"

static json_t *text_or_null(const char *text)
{
    return line_json_string(text != NULL && text[0] != '\0' ? text : NULL);
}

static void add(void *arg, const struct ledger_row *row)
{
    json_t *object = json_pack("{s:o, s:s, s:o, s:I, s:o, s:o, s:o}", "authority",
                               text_or_null(row->authority), "what", row->what, "subject",
                               text_or_null(row->subject), "used", (json_int_t)row->used, "limit",
                               row->limit > 0 ? json_integer((json_int_t)row->limit) : json_null(),
                               "next", row->next > 0 ? line_json_seconds(row->next) : json_null(),
                               "text", text_or_null(row->text));

    (void)json_array_append_new(arg, object);
}

json_t *control_json_limits(struct ledger *ledger, const struct server_conf *conf, const char *name,
                            bool forget, struct err *err)
{
    char normal[LIMIT_DOMAIN_TEXT + 1];
    struct authorities all;
    json_t *rows;

    if (name != NULL && domain_normalize(normal, name, err) < 0) {
        return NULL;
    }
    authorities_read(&all, conf);
    if (forget) {
        return ledger_forget(ledger, &all, normal, err) < 0 ? NULL
                                                            : json_pack("{s:b}", "forgotten", 1);
    }
    if ((rows = json_array()) == NULL) {
        return NULL;
    }
    if (ledger_each(ledger, &all, conf, name != NULL ? normal : NULL, add, rows, err) < 0) {
        json_decref(rows);
        return NULL;
    }
    return json_pack("{s:o}", "limits", rows);
}
