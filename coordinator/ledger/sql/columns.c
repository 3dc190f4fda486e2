// The table feature_rows and its views. feature_columns has a row per column, in the order in which they were added:
// what is there is read from it, and what the feature table has beyond it is added.
#include "common/text.h"
#include "coordinator/ledger/sql/features.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SQL_BYTES = 1 << 20, COMMENT = 1024 };

typedef struct known {
    char name[KT_FEATURE_KEY], type[24], comment[COMMENT];
} known_t;

typedef struct columns {
    known_t *at;  // of the database; malloc'ed
    size_t   n;
    char     view_digest[KT_DIGEST_HEX];
    kt_err_t err;
} columns_t;

static void
add_known(void *context, int columns, char **values)
{
    columns_t *self = context;
    known_t   *more = self->err || columns != 3 ? NULL : realloc(self->at, (self->n + 1) * sizeof *more);
    if (!more) {
        self->err = KT_ENOMEM;
        return;
    }
    self->at       = more;
    known_t *known = &more[self->n++];
    kt_text_copy(known->name, sizeof known->name, values[0]);
    kt_text_copy(known->type, sizeof known->type, values[1]);
    kt_text_copy(known->comment, sizeof known->comment, values[2]);
}

static void
keep_digest(void *context, int columns, char **values)
{
    columns_t *self = context;
    if (columns == 1)
        kt_text_copy(self->view_digest, sizeof self->view_digest, values[0]);
}

static kt_err_t
read_known(kt_sql_t *sql, columns_t *out)
{
    *out = (columns_t){0};
    kt_err_t err =
        sql->driver->plain(sql, "SELECT name, type, comment FROM feature_columns ORDER BY place", add_known, out);
    if (!err)
        err = out->err;
    return err ? err : sql->driver->plain(sql, "SELECT view_digest FROM feature_state", keep_digest, out);
}

static known_t *
find_known(const columns_t *self, const char *name)
{
    for (size_t i = 0; i < self->n; i++)
        if (strcmp(self->at[i].name, name) == 0)
            return &self->at[i];
    return NULL;
}

// "times of the beats [s]"
static void
comment_of(const kt_column_desc_t *column, char out[COMMENT])
{
    snprintf(out, COMMENT, "%s%s%s%s", column->meaning, *column->unit ? " [" : "", column->unit,
             *column->unit ? "]" : "");
}

static void
add_quoted(kt_buf_t *out, const char *text)
{
    kt_buf_str(out, "'");
    for (const char *c = text; *c; c++)
        kt_buf_add(out, *c == '\'' ? "''" : c, *c == '\'' ? 2 : 1);
    kt_buf_str(out, "'");
}

int
kt_sql_feature_column(const char *name)
{
    for (size_t i = 0; i < kt_columns_count(); i++) {
        kt_column_desc_t column;
        kt_column_describe(i, &column);
        if (strcmp(column.name, name) == 0)
            return (int)i;
    }
    return KT_FIELD_NULL;
}

// Lists and texts behind the numbers: SQLite reads a row from its beginning.
static bool
is_long(kt_column_type_t type)
{
    return type >= KT_COLUMN_REALS;
}

// Notes the column as there, in memory and by a row.
static kt_err_t
note_column(columns_t *columns, const kt_column_desc_t *column, const char *type, kt_buf_t *sql)
{
    char comment[COMMENT];
    comment_of(column, comment);
    char *values[] = {(char *)(uintptr_t)column->name, (char *)(uintptr_t)type, comment};
    add_known(columns, 3, values);
    kt_buf_fmt(
        sql,
        "INSERT INTO feature_columns(place, name, type, unit, comment) VALUES ((SELECT coalesce(max(place), 0) + 1"
        " FROM feature_columns), '%s', '%s', ",
        column->name, type);
    add_quoted(sql, column->unit);
    kt_buf_str(sql, ", ");
    add_quoted(sql, comment);
    kt_buf_str(sql, "); ");
    return columns->err;
}

static void
add_comment(const kt_sql_feature_dialect_t *dialect, const char *relation, const char *name, const char *comment,
            kt_buf_t *sql)
{
    if (!dialect->comments)
        return;
    kt_buf_fmt(sql, "COMMENT ON COLUMN %s.\"%s\" IS ", relation, name);
    add_quoted(sql, comment);
    kt_buf_str(sql, "; ");
}

// Every column with its comment and index that the table lacks; the table itself, if it has none.
static kt_err_t
add_missing(const kt_sql_feature_dialect_t *dialect, columns_t *columns, kt_buf_t *sql)
{
    const size_t before = columns->n;
    kt_err_t     err    = KT_OK;
    kt_buf_t     rows;
    kt_buf_init(&rows, SQL_BYTES);
    if (!before)
        kt_buf_fmt(sql, "CREATE TABLE feature_rows(%s", dialect->base);
    for (size_t k = 0; k < 2 * kt_columns_count() && !err; k++) {
        kt_column_desc_t column;
        kt_column_describe(k % kt_columns_count(), &column);
        if (is_long(column.type) != (k >= kt_columns_count()) || find_known(columns, column.name))
            continue;
        kt_buf_fmt(sql, before ? "ALTER TABLE feature_rows ADD COLUMN \"%s\" %s; " : ", \"%s\" %s", column.name,
                   dialect->types[column.type]);
        err = note_column(columns, &column, dialect->types[column.type], &rows);
        if (!err)
            add_comment(dialect, "feature_rows", column.name, columns->at[columns->n - 1].comment, &rows);
        if (column.indexed)
            kt_buf_fmt(&rows, "CREATE INDEX features_%s ON feature_rows(\"%s\") WHERE \"%s\" IS NOT NULL; ",
                       column.name, column.name, column.name);
    }
    if (!before)
        kt_buf_fmt(sql, "%s; ", dialect->end);
    kt_buf_add(sql, rows.bytes ? rows.bytes : "", rows.length);
    err = err ? err : rows.err;
    kt_buf_fini(&rows);
    return err;
}

// A column that has another type now needs a numbered migration; one with another meaning gets its comment.
static kt_err_t
compare_known(const kt_sql_feature_dialect_t *dialect, const columns_t *columns, kt_buf_t *sql, char why[KT_LEDGER_WHY])
{
    for (size_t i = 0; i < kt_columns_count(); i++) {
        char             comment[COMMENT];
        kt_column_desc_t column;
        kt_column_describe(i, &column);
        const known_t *known = find_known(columns, column.name);
        if (!known)
            continue;
        if (strcmp(known->type, dialect->types[column.type])) {
            snprintf(
                why, KT_LEDGER_WHY,
                "the column %s of feature_rows is of type %s, this program writes %s: use the program that made it",
                column.name, known->type, dialect->types[column.type]);
            return KT_ESCHEMA;
        }
        comment_of(&column, comment);
        if (strcmp(known->comment, comment) == 0)
            continue;
        kt_buf_str(sql, "UPDATE feature_columns SET comment = ");
        add_quoted(sql, comment);
        kt_buf_fmt(sql, " WHERE name = '%s'; ", column.name);
        add_comment(dialect, "feature_rows", column.name, comment, sql);
    }
    return KT_OK;
}

// The latest result of a path is that which was stored last; of a path that was removed since then there is none. The
// other tables are joined from the left, so that a query that names none of their columns does not read them.
static void
add_view(const kt_sql_feature_dialect_t *dialect, const columns_t *columns, bool latest, kt_buf_t *out)
{
    kt_buf_str(out, "SELECT f.job, f.run, i.message_id, i.media_id, f.file_path, f.stored_at, r.node");
    for (size_t i = 0; i < columns->n; i++)
        kt_buf_fmt(out, ", f.\"%s\"", columns->at[i].name);
    kt_buf_str(out, " FROM feature_rows f LEFT JOIN inputs i ON i.job = f.job"
                    " LEFT JOIN results r ON r.job = f.job AND r.run = f.run");
    if (latest)
        kt_buf_fmt(out,
                   " WHERE NOT EXISTS (SELECT 1 FROM feature_rows n WHERE %s AND"
                   " (n.stored_at, n.job, n.run) > (f.stored_at, f.job, f.run)) AND NOT EXISTS (SELECT 1 FROM"
                   " removed_paths p WHERE p.file_path = f.file_path AND p.removed_at > f.stored_at)",
                   dialect->same_path);
}

static void
add_view_comments(const kt_sql_feature_dialect_t *dialect, const char *view, const columns_t *columns, kt_buf_t *sql)
{
    static const struct {
        const char *name, *comment;
    } KEYS[] = {{"job", "number of the job"},
                {"run", "which run of the job, from 1"},
                {"message_id", "ID of the input message"},
                {"media_id", "ID of the medium in the input message"},
                {"file_path", "path or URL of the file"},
                {"stored_at", "when the result was stored"},
                {"node", "name of the node that gave the result"}};
    for (size_t i = 0; i < sizeof KEYS / sizeof *KEYS; i++)
        add_comment(dialect, view, KEYS[i].name, KEYS[i].comment, sql);
    for (size_t i = 0; i < columns->n; i++)
        add_comment(dialect, view, columns->at[i].name, columns->at[i].comment, sql);
}

// Creates the views again if their text or a comment has changed. A view whose columns differ cannot be replaced, so it
// is dropped first.
static kt_err_t
make_views(kt_sql_t *self, const kt_sql_feature_dialect_t *dialect, const columns_t *columns)
{
    kt_buf_t    views[2], sql;
    kt_digest_t digest;
    char        mark[KT_DIGEST_HEX];
    kt_err_t    err = KT_OK;
    kt_buf_init(&sql, SQL_BYTES);
    for (int latest = 0; latest < 2; latest++) {
        kt_buf_init(&views[latest], SQL_BYTES);
        add_view(dialect, columns, latest, &views[latest]);
        err = err ? err : views[latest].err;
    }
    kt_buf_add(&sql, views[1].bytes, views[1].length);
    add_view_comments(dialect, "features", columns, &sql);
    err = err ? err : sql.err;
    if (!err)
        kt_digest_of(sql.bytes, sql.length, &digest);
    if (!err && strcmp(kt_digest_hex(&digest, mark), columns->view_digest)) {
        for (int drop = dialect->replaces ? 0 : 1; drop < 2; drop++) {
            kt_buf_clear(&sql);
            kt_buf_fmt(&sql, "%s; ", dialect->begin);
            for (int latest = 0; latest < 2; latest++) {
                const char *name = latest ? "features" : "features_history";
                if (drop)
                    kt_buf_fmt(&sql, "DROP VIEW IF EXISTS %s; ", name);
                kt_buf_fmt(&sql, "CREATE %sVIEW %s AS ", drop ? "" : "OR REPLACE ", name);
                kt_buf_add(&sql, views[latest].bytes, views[latest].length);
                kt_buf_str(&sql, "; ");
                add_view_comments(dialect, name, columns, &sql);
            }
            kt_buf_fmt(&sql, "UPDATE feature_state SET view_digest = '%s'; %s", mark, dialect->commit);
            err = sql.err ? sql.err : self->driver->plain(self, sql.bytes, NULL, NULL);
            if (!err)
                break;
            if (!drop)
                err = self->driver->plain(self, "ROLLBACK", NULL, NULL);
        }
    }
    for (int latest = 0; latest < 2; latest++)
        kt_buf_fini(&views[latest]);
    kt_buf_fini(&sql);
    return err;
}

kt_err_t
kt_sql_feature_columns(kt_sql_t *self, const kt_sql_feature_dialect_t *dialect, char why[KT_LEDGER_WHY])
{
    columns_t columns;
    kt_buf_t  sql;
    kt_buf_init(&sql, SQL_BYTES);
    kt_buf_fmt(&sql, "%s; ", dialect->begin);
    const size_t empty = sql.length;
    kt_err_t     err   = read_known(self, &columns);
    if (!err)
        err = compare_known(dialect, &columns, &sql, why);
    if (!err)
        err = add_missing(dialect, &columns, &sql);
    const bool changes = sql.length > empty;
    kt_buf_str(&sql, dialect->commit);
    err = err ? err : sql.err;
    if (!err && changes)
        err = self->driver->plain(self, sql.bytes, NULL, NULL);
    if (!err)
        err = self->driver->plain(self, dialect->path_index, NULL, NULL);
    if (!err)
        err = make_views(self, dialect, &columns);
    if (err && !*why)
        snprintf(why, KT_LEDGER_WHY, "the columns of the features cannot be made: %.300s", self->why);
    free(columns.at);
    kt_buf_fini(&sql);
    return err;
}
