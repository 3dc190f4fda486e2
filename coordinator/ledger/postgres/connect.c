// The connection: its deadlines, its session, its prepared statements. A password never leaves the URL: of libpq's
// messages only those of a server that was found are repeated, and only if they do not contain the password. (A URL
// whose password has unescaped characters is split wrongly, and messages about its parts would show pieces of it.)
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "coordinator/ledger/postgres/postgres.h"
#include "coordinator/ledger/postgres/schema.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const TEXTS[KT_PG_COUNT] = {
#define KT_SQL(name, text) [KT_SQL_##name] = text,
#include "coordinator/ledger/postgres/dialect.def"
#include "coordinator/ledger/sql/statements.def"
#undef KT_SQL
#define KT_SQL(name, text) [KT_PG_##name] = text,
#include "coordinator/ledger/postgres/own.def"
#undef KT_SQL
};
_Static_assert((int)KT_PG_COUNT <= (int)KT_PG_ANSWERS, "all statements are prepared in one pipeline");

// The writer's statements probe indexes for rows that they name. Their plans are made once, perhaps on empty tables,
// where any plan looks cheap: so what would read a whole table is ruled out. The server cancels a statement before we
// close the connection, and detects a lost coordinator within seconds.
static const char SESSION[] =
    "SELECT set_config('statement_timeout', '9000', false), set_config('idle_in_transaction_session_timeout', '20000',"
    " false), set_config('tcp_keepalives_idle', '2', false), set_config('tcp_keepalives_interval', '1', false),"
    " set_config('tcp_keepalives_count', '3', false), set_config('tcp_user_timeout', '6000', false),"
    " set_config('jit', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false)";
static const char WRITER[] =
    "SELECT set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),"
    " set_config('enable_mergejoin', 'off', false), set_config('enable_bitmapscan', 'off', false)";
static const char READER[] = "SELECT set_config('default_transaction_read_only', 'on', false)";

// What libpq reports of a refused connection, without a part of it that may hold the password.
static kt_err_t
explain_refusal(kt_pg_t *self)
{
    const char *text = self->db ? PQerrorMessage(self->db) : "out of memory";
    kt_err_t    err  = KT_EUNREACHABLE;
    if (self->db && (PQconnectionUsedPassword(self->db) || PQconnectionNeedsPassword(self->db)))
        err = KT_EAUTH;
    if (strncmp(text, "connection to server", 20))
        text = "no such host, or a part of it is wrong; special characters in a password are written as %XX";
    PQconninfoOption *options = PQconninfoParse(self->url, NULL);
    for (PQconninfoOption *option = options; option && option->keyword; option++)
        if (*option->dispchar && option->val && *option->val && strstr(text, option->val))
            text = "the connection was refused";
    PQconninfoFree(options);
    kt_text_sanitize(self->sql.why, sizeof self->sql.why, text, strcspn(text, "\n"));
    return err;
}

static void
ignore_notice(void *context, const PGresult *notice)
{
    (void)context, (void)notice;
}

// PQconnectdbParams waits at most connect_timeout for each host and address.
kt_err_t
kt_pg_connect(kt_pg_t *self)
{
    char timeout[16];
    snprintf(timeout, sizeof timeout, "%d", KT_PG_CONNECT_S);
    const char *const names[]  = {"connect_timeout",     "keepalives_idle",
                                  "keepalives_interval", "keepalives_count",
                                  "tcp_user_timeout",    "target_session_attrs",
                                  "application_name",    "dbname",
                                  "client_encoding",     NULL};
    const char *const values[] = {timeout,   "2",       "1",    "3", "6000", self->sql.writer ? "read-write" : "any",
                                  "kithara", self->url, "UTF8", NULL};
    kt_pg_drop(self);
    PQconninfoOption *options = PQconninfoParse(self->url, NULL);
    if (!options) {
        snprintf(self->sql.why, sizeof self->sql.why, "it is no valid URL: postgresql://USER@HOST:PORT/DATABASE");
        return KT_ESETTING;
    }
    PQconninfoFree(options);
    self->db = PQconnectdbParams(names, values, 1);
    if (self->db && PQstatus(self->db) == CONNECTION_OK && PQsetnonblocking(self->db, 1) == 0) {
        PQsetNoticeReceiver(self->db, ignore_notice, NULL);
        return KT_OK;
    }
    kt_err_t err = explain_refusal(self);
    PQfinish(self->db);
    self->db = NULL;
    return err;
}

static kt_err_t
prepare_all(kt_pg_t *self)
{
    char     name[16];
    kt_err_t err = KT_OK;
    if (!PQenterPipelineMode(self->db))
        return KT_EIO;
    kt_pg_start(self, KT_PG_CALL_MS);
    self->sql.put_err = KT_OK;
    for (int id = 0; id < KT_PG_COUNT && !err; id++) {
        snprintf(name, sizeof name, "k%d", id);
        const char *text = id == (int)KT_SQL_FEATURES_PUT ? self->features_put : TEXTS[id];
        err              = PQsendPrepare(self->db, name, text, 0, NULL) ? KT_OK : KT_EIO;
        self->n_sent += !err;
    }
    return err ? err : self->sql.driver->run(&self->sql);
}

// Another session of ours may still hold the name, when only the network between us broke: it is ended, for the lease
// is this process's. Without the lock the lease still counts.
static kt_err_t
lock_again(kt_pg_t *self)
{
    kt_sql_t *sql = &self->sql;
    if (!*sql->name)
        return KT_OK;
    kt_sql_arg_text(sql, sql->name);
    kt_sql_arg_int(sql, self->old_pid);
    kt_sql_put(sql, (kt_sql_id_t)KT_PG_LEASE_KICK);
    kt_sql_arg_text(sql, sql->name);
    size_t   k   = kt_sql_put(sql, (kt_sql_id_t)KT_PG_LEASE_TRY);
    kt_err_t err = kt_sql_run(sql);
    if (!err)
        self->locked = kt_sql_int(sql, k, 0, 0) != 0;
    return err;
}

kt_err_t
kt_pg_ready(kt_pg_t *self)
{
    kt_err_t err = kt_pg_connect(self);
    return err ? err : kt_pg_settle(self);
}

kt_err_t
kt_pg_settle(kt_pg_t *self)
{
    char     why[KT_LEDGER_WHY] = "";
    kt_err_t err                = kt_pg_simple(self, SESSION, KT_PG_CALL_MS, NULL);
    if (!err)
        err = kt_pg_simple(self, self->sql.writer ? WRITER : READER, KT_PG_CALL_MS, NULL);
    if (!err && (err = kt_pg_check_schema(self, why)))
        kt_text_copy(self->sql.why, sizeof self->sql.why, why);
    if (!err)
        err = kt_pg_read_features(self);
    if (!err)
        err = prepare_all(self);
    if (!err)
        err = lock_again(self);
    self->pipelined = !err;
    if (err)
        kt_pg_drop(self);
    return err;
}
