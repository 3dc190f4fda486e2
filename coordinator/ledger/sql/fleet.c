// Nodes and keys. Few rows, rarely written.
#include "coordinator/ledger/fleet.h"

#include "coordinator/ledger/sql/ops.h"

#include <stdlib.h>
#include <string.h>

static void
read_key(const kt_sql_t *self, size_t k, size_t row, kt_fleet_key_t *out)
{
    kt_sql_text(self, k, row, 0, out->key, sizeof out->key);
    kt_sql_text(self, k, row, 1, out->name, sizeof out->name);
    out->kind       = kt_sql_int(self, k, row, 2) ? KT_KEY_JOIN : KT_KEY_NODE;
    out->revoked    = kt_sql_int(self, k, row, 3) != 0;
    out->changed_ms = kt_sql_int(self, k, row, 4);
    out->expires_ms = kt_sql_int(self, k, row, 5);
}

static void
read_node(const kt_sql_t *self, size_t k, size_t row, kt_fleet_node_t *out)
{
    kt_sql_text(self, k, row, 0, out->name, sizeof out->name);
    kt_sql_text(self, k, row, 1, out->host, sizeof out->host);
    out->seen_ms      = kt_sql_int(self, k, row, 2);
    out->forgotten_ms = kt_sql_int(self, k, row, 3);
    out->drained      = kt_sql_int(self, k, row, 4) != 0;
    out->drained_ms   = kt_sql_int(self, k, row, 5);
    kt_sql_text(self, k, row, 6, out->drained_by, sizeof out->drained_by);
    kt_sql_text(self, k, row, 7, out->drained_why, sizeof out->drained_why);
}

static kt_err_t
fleet_read(kt_ledger_t *base, kt_fleet_t *out)
{
    kt_sql_t  *self = (kt_sql_t *)base;
    kt_fleet_t read = {0};
    kt_err_t   err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, false, &err, &tries);) {
        kt_fleet_fini(&read);
        kt_sql_arg_int(self, KT_FLEET_ROWS);
        size_t keys = kt_sql_put(self, KT_SQL_KEYS);
        kt_sql_arg_int(self, KT_FLEET_ROWS);
        size_t nodes = kt_sql_put(self, KT_SQL_NODES);
        if ((err = kt_sql_run(self)))
            continue;
        read.n_keys  = kt_sql_rows(self, keys);
        read.n_nodes = kt_sql_rows(self, nodes);
        read.keys    = calloc(read.n_keys + 1, sizeof *read.keys);
        read.nodes   = calloc(read.n_nodes + 1, sizeof *read.nodes);
        if (!read.keys || !read.nodes)
            err = KT_ENOMEM;
        for (size_t i = 0; !err && i < read.n_keys; i++)
            read_key(self, keys, i, &read.keys[i]);
        for (size_t i = 0; !err && i < read.n_nodes; i++)
            read_node(self, nodes, i, &read.nodes[i]);
    }
    if (err)
        kt_fleet_fini(&read);
    else
        *out = read;
    return err;
}

static bool
is_key_ok(const kt_fleet_key_t *key)
{
    return kt_curve_is_key(key->key) && (!*key->name || kt_rule_node_name_ok(key->name));
}

static void
put_key_row(kt_sql_t *self, const kt_fleet_key_t *key)
{
    kt_sql_arg_text(self, key->key);
    kt_sql_arg_text(self, key->name);
    kt_sql_arg_int(self, key->kind);
    kt_sql_arg_int(self, key->revoked);
    kt_sql_arg_int(self, key->changed_ms);
    kt_sql_arg_int(self, key->expires_ms);
    kt_sql_put(self, KT_SQL_KEY_PUT);
}

static kt_err_t
fleet_put_key(kt_ledger_t *base, const kt_fleet_key_t *key)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    if (!is_key_ok(key))
        return KT_EINVAL;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        kt_sql_arg_int(self, key->changed_ms);
        kt_sql_put(self, KT_SQL_KEYS_EXPIRE);
        put_key_row(self, key);
        err = kt_sql_commit(self);
    }
    return err;
}

static kt_err_t
fleet_join(kt_ledger_t *base, const char *token, const kt_fleet_key_t *key)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    if (!is_key_ok(key) || !*key->name || key->kind != KT_KEY_NODE)
        return KT_EINVAL;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        kt_sql_arg_text(self, token);
        kt_sql_arg_int(self, key->changed_ms);
        size_t valid = kt_sql_put(self, KT_SQL_TOKEN_VALID);
        kt_sql_arg_text(self, key->name);
        kt_sql_arg_text(self, key->key);
        size_t taken = kt_sql_put(self, KT_SQL_NAME_TAKEN);
        err          = kt_sql_run(self);
        if (!err && !kt_sql_rows(self, valid))
            err = KT_EAUTH;
        else if (!err && kt_sql_rows(self, taken))
            err = KT_ECLASH;
        if (err)
            continue;
        kt_sql_write(self);
        put_key_row(self, key);
        err = kt_sql_commit(self);
    }
    return err;
}

static kt_err_t
fleet_seen(kt_ledger_t *base, const kt_fleet_node_t *nodes, size_t n)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        kt_sql_array(self, KT_SQL_TEXT, n);
        for (size_t i = 0; i < n; i++)
            kt_sql_el_clean(self, nodes[i].name, sizeof nodes[i].name);
        kt_sql_array_end(self);
        kt_sql_array(self, KT_SQL_TEXT, n);
        for (size_t i = 0; i < n; i++)
            kt_sql_el_clean(self, nodes[i].host, sizeof nodes[i].host);
        kt_sql_array_end(self);
        kt_sql_column(self, KT_SQL_I64, n, &nodes->seen_ms, sizeof *nodes);
        kt_sql_put(self, KT_SQL_NODES_SEEN);
        err = kt_sql_commit(self);
    }
    return err;
}

static kt_err_t
fleet_forget(kt_ledger_t *base, const char *name, int64_t wall_ms)
{
    kt_sql_t *self = (kt_sql_t *)base;
    kt_err_t  err  = KT_OK;
    if (!kt_rule_node_name_ok(name))
        return KT_EINVAL;
    for (int tries = 0; kt_sql_try(self, true, &err, &tries);) {
        kt_sql_write(self);
        kt_sql_arg_text(self, name);
        kt_sql_arg_int(self, wall_ms);
        kt_sql_put(self, KT_SQL_NODE_FORGET);
        kt_sql_arg_text(self, name);
        kt_sql_put(self, KT_SQL_NODE_UNDRAIN);
        err = kt_sql_commit(self);
    }
    return err;
}

const kt_fleet_ops_t KT_SQL_FLEET = {
    .read = fleet_read, .put_key = fleet_put_key, .join = fleet_join, .seen = fleet_seen, .forget = fleet_forget};
