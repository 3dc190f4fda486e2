// Keys and join tokens, and nodes that are no longer expected. Each order is one transaction of the ledger; the loop
// reads the list anew after it, and every other coordinator within two seconds.
#include "common/clock.h"
#include "common/curve.h"
#include "common/json.h"
#include "common/text.h"
#include "coordinator/api/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAD_REQUEST = 400, NOT_FOUND = 404, CONFLICT = 409, SERVER = 500, BODY_MAX = 4096, KEYS_PER_NAME = 64 };
enum { TTL_LEAST_S = 60, TTL_MOST_S = 30 * 86400 };

// The arguments of one ledger call; owned by its request.
typedef struct order {
    bool           forget;
    char           name[KT_FLEET_NAME];  // forget
    size_t         n;
    kt_fleet_key_t keys[KEYS_PER_NAME];
} order_t;

static kt_err_t
run_order(void *context, kt_ledger_t *ledger, const kt_lease_t *lease)
{
    (void)lease;
    const order_t *order = context;
    kt_err_t       err   = ledger->ops->fleet ? KT_OK : KT_ENOTYET;
    if (!err && order->forget)
        return ledger->ops->fleet->forget(ledger, order->name, kt_clock_wall_ms());
    for (size_t i = 0; i < order->n && !err; i++)
        err = ledger->ops->fleet->put_key(ledger, &order->keys[i]);
    return err;
}

// Takes order. False: an error has been replied.
static bool
send_order(kt_api_t *self, order_t *order)
{
    kt_call_t           *call    = kt_call_new(1);
    kt_ledger_request_t *request = call && order ? kt_ledger_request_new(KT_LREQ_CALL, call) : NULL;
    if (!request) {
        free(order);
        kt_call_destroy(&call);
    } else {
        request->call.run  = run_order;
        request->call.args = order;
        request->call.free = free;
        call->requests[0]  = request;
        call->n_requests   = 1;
    }
    if (!kt_api_ask(self, &call))
        return false;
    kt_err_t err = call->requests[0]->err;
    kt_call_destroy(&call);
    if (err)
        kt_api_fail(self, err == KT_EINVAL ? BAD_REQUEST : SERVER, err,
                    err == KT_ENOTYET  ? "this ledger keeps no keys: use a SQLite file or PostgreSQL"
                    : err == KT_EINVAL ? "not a valid key or name"
                                       : "the ledger could not store it: ask again");
    return !err;
}

static void
reply_ok(kt_api_t *self)
{
    json_t *json = kt_json_object();
    kt_json_set(json, "ok", kt_json_bool(true));
    kt_api_reply(self, json);
}

static bool
read_body(kt_api_t *self, json_t **out)
{
    char why[KT_JSON_WHY];
    if (!kt_json_parse(self->request->body, self->request->body_bytes, BODY_MAX, out, why))
        return true;
    kt_api_fail(self, BAD_REQUEST, KT_EMESSAGE, why);
    return false;
}

static kt_call_t *
ask_keys(kt_api_t *self)
{
    kt_call_t *call = kt_call_new(1);
    if (call)
        call->wants_keys = call->wants_nodes = true;
    return kt_api_ask(self, &call) ? call : NULL;
}

void
kt_api_keys(kt_api_t *self)
{
    kt_call_t *call = ask_keys(self);
    if (!call)
        return;
    json_t *json = kt_json_object(), *keys = kt_json_array();
    for (size_t i = 0; i < call->snapshot.n_keys; i++) {
        const kt_key_t *key = &call->snapshot.keys[i];
        json_t         *row = kt_json_object();
        char            hex[KT_CURVE_HEX];
        kt_curve_hex(key->key, hex);
        kt_json_set(row, "key", kt_json_text(key->key));
        kt_json_set(row, "hex", kt_json_text(hex));
        kt_json_set(row, "name", *key->name ? kt_json_text(key->name) : kt_json_null());
        kt_json_set(row, "kind", kt_json_text(key->join ? "join token" : "node"));
        kt_json_set(row, "from", kt_json_text(key->of_ledger ? "ledger" : "file"));
        kt_json_set(row, "expires", kt_api_time(key->expires_ms));
        kt_json_append(keys, row);
    }
    kt_json_set(json, "keys", keys);
    kt_call_destroy(&call);
    kt_api_reply(self, json);
}

void
kt_api_key_allow(kt_api_t *self)
{
    json_t  *body  = NULL;
    order_t *order = calloc(1, sizeof *order);
    if (!order || !read_body(self, &body)) {
        free(order);
        return;
    }
    const char *name = kt_json_str(body, "name", "");
    order->n         = 1;
    bool good        = kt_curve_read_key(kt_json_str(body, "key", ""), order->keys[0].key) &&
                kt_text_copy(order->keys[0].name, sizeof order->keys[0].name, name) && !name[strcspn(name, " \t\r\n/")];
    order->keys[0].changed_ms = kt_clock_wall_ms();
    kt_json_free(&body);
    if (!good) {
        free(order);
        kt_api_fail(self, BAD_REQUEST, KT_EINVAL,
                    "wants {\"key\": 40 characters of Z85 or 64 hexadecimal digits, \"name\": without blanks}");
    } else if (send_order(self, order)) {
        reply_ok(self);
    }
}

// Every allowed key with that name, or that key.
static size_t
find_revoked(const kt_snapshot_t *seen, const char *wanted, order_t *order)
{
    char key[KT_CURVE_TEXT] = "";
    (void)!kt_curve_read_key(wanted, key);
    for (size_t i = 0; i < seen->n_keys && order->n < KEYS_PER_NAME; i++) {
        const kt_key_t *row = &seen->keys[i];
        if (strcmp(row->key, key) != 0 && (row->join || !*wanted || strcmp(row->name, wanted) != 0))
            continue;
        kt_fleet_key_t *to = &order->keys[order->n++];
        *to                = (kt_fleet_key_t){.kind       = row->join ? KT_KEY_JOIN : KT_KEY_NODE,
                                              .revoked    = true,
                                              .changed_ms = kt_clock_wall_ms(),
                                              .expires_ms = row->expires_ms};
        memcpy(to->key, row->key, sizeof to->key);
        snprintf(to->name, sizeof to->name, "%s", row->name);
    }
    return order->n;
}

void
kt_api_key_revoke(kt_api_t *self)
{
    json_t    *body  = NULL;
    kt_call_t *call  = NULL;
    order_t   *order = calloc(1, sizeof *order);
    if (!order || !read_body(self, &body) || !(call = ask_keys(self))) {
        free(order);
        kt_json_free(&body);
        return;
    }
    bool found = find_revoked(&call->snapshot, kt_json_str(body, "what", ""), order);
    kt_call_destroy(&call);
    kt_json_free(&body);
    if (!found) {
        free(order);
        kt_api_fail(self, NOT_FOUND, KT_ENOTFOUND, "no such key or name is allowed: see kithara keys list");
    } else if (send_order(self, order)) {
        reply_ok(self);
    }
}

void
kt_api_token_new(kt_api_t *self)
{
    json_t    *body = NULL;
    kt_curve_t pair;
    order_t   *order = calloc(1, sizeof *order);
    if (!order || !read_body(self, &body)) {
        free(order);
        return;
    }
    int64_t ttl_s = kt_json_i64(body, "ttl_s", 0);
    kt_json_free(&body);
    if (ttl_s < TTL_LEAST_S || ttl_s > TTL_MOST_S || kt_curve_new(&pair)) {
        free(order);
        kt_api_fail(self, BAD_REQUEST, KT_EINVAL, "ttl_s is 60 (a minute) to 2592000 (30 days)");
        return;
    }
    char    token[KT_JOIN_TOKEN];
    int64_t now_ms = kt_clock_wall_ms(), expires_ms = now_ms + ttl_s * 1000;
    order->n       = 1;
    order->keys[0] = (kt_fleet_key_t){.kind = KT_KEY_JOIN, .changed_ms = now_ms, .expires_ms = expires_ms};
    memcpy(order->keys[0].key, pair.public_key, sizeof order->keys[0].key);
    kt_join_token_write(pair.secret_key, self->server->public_key, token);
    if (!send_order(self, order))
        return;
    json_t *json = kt_json_object();
    kt_json_set(json, "token", kt_json_text(token));
    kt_json_set(json, "expires", kt_api_time(expires_ms));
    kt_api_reply(self, json);
}

void
kt_api_forget(kt_api_t *self)
{
    kt_call_t *call = ask_keys(self);
    if (!call)
        return;
    const kt_node_row_t *found = NULL;
    for (size_t i = 0; i < call->snapshot.n_nodes && !found; i++)
        if (strcmp(call->snapshot.nodes[i].view.name, self->name) == 0)
            found = &call->snapshot.nodes[i];
    bool known = found, absent = found && found->absent;
    kt_call_destroy(&call);
    if (!known) {
        kt_api_fail(self, NOT_FOUND, KT_ENOTFOUND, "no such node: see kithara nodes");
        return;
    }
    if (!absent) {
        kt_api_fail(self, CONFLICT, KT_EINVAL, "the node is connected: stop it first, or kithara keys revoke it");
        return;
    }
    order_t *order = calloc(1, sizeof *order);
    if (order) {
        order->forget = true;
        snprintf(order->name, sizeof order->name, "%s", self->name);
    }
    if (send_order(self, order))
        reply_ok(self);
}
