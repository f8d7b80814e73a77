#include "client/client.h"
#include "client/commands.h"

/* Explains, and so ends well: what it is asked for was not done, but nothing is wrong. */
static int run(struct client *client)
{
    static const char text[] =
        "DS records are of the keys that sign a zone, not of TLS keys: certmill has none of them.\n"
        "Whoever signs the zone has the tool: dnssec-dsfromkey (BIND), ldns-key2ds (ldns),\n"
        "pdnsutil show-zone (PowerDNS), keymgr ZONE ds (Knot DNS). The record goes to the parent\n"
        "zone, by way of the registrar, or by CDS records (RFC 7344).\n";
    if (client->settings.json) {
        client_item(client, json_pack("{s:s}", "message", text));
    } else {
        fputs(text, client->out);
    }
    return CLIENT_OK;
}

const struct client_command client_show_ds = {
    .first = "show", .second = "ds", .help = "say where DS records come from", .run = run};
