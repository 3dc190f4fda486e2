#include "coordinator/cli/analyze/analyze.h"
#include "coordinator/cli/analyze/feature_rows.h"
#include "coordinator/cli/analyze/formats.h"
#include "proto/document.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kt_analyze_printer {
    kt_analyze_format_t format;
    bool                color;
    kt_feature_rows_t  *rows;   // CSV
    kt_table_t         *table;  // CSV
};

enum { TEXT_MAX = 4 * KT_DOCUMENT_MAX_BYTES };

kt_err_t
kt_analyze_printer_new(kt_analyze_printer_t **self_p, const kt_cli_t *cli, kt_analyze_format_t format)
{
    kt_err_t              err  = KT_ENOMEM;
    size_t                n    = 0;
    kt_analyze_printer_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->format = format;
    self->color  = cli->color;
    if (format == KT_ANALYZE_CSV) {
        if ((err = kt_feature_rows_new(&self->rows, cli->settings)))
            goto fail;
        const kt_column_t *columns = kt_feature_rows_columns(self->rows, KT_FORMAT_CSV, &n);
        if ((err = kt_table_new(&self->table, KT_FORMAT_CSV, false, columns, n)))
            goto fail;
    }
    *self_p = self;
    return KT_OK;
fail:
    kt_analyze_printer_destroy(&self);
    return err;
}

void
kt_analyze_printer_destroy(kt_analyze_printer_t **self_p)
{
    kt_analyze_printer_t *self = *self_p;
    if (!self)
        return;
    kt_table_destroy(&self->table);
    kt_feature_rows_destroy(&self->rows);
    free(self);
    *self_p = NULL;
}

// A failure has no features: it is a row in CSV, null in Spotify's list, and nothing in the other formats.
static kt_err_t
print_parsed(kt_analyze_printer_t *self, const char *bytes, size_t length)
{
    char     why[KT_JSON_WHY];
    json_t  *document = NULL;
    kt_err_t err      = kt_json_parse(bytes, length, KT_DOCUMENT_MAX_BYTES, &document, why);
    if (err)
        return err;
    bool     success = kt_json_flag(document, "success", false);
    kt_buf_t text;
    kt_buf_init(&text, TEXT_MAX);
    if (self->table) {
        json_t *row = kt_feature_row(self->rows, document);
        kt_table_row(self->table, row);
        kt_json_free(&row);
    } else if (self->format == KT_ANALYZE_SPOTIFY) {
        if (success)
            kt_format_spotify(document, &text);
        kt_buf_str(&text, success ? "\n" : "null\n");
    } else if (success && self->format == KT_ANALYZE_ESSENTIA) {
        kt_format_essentia(document, &text);
        kt_buf_str(&text, "\n");
    } else if (success) {
        kt_analyze_summary(document, self->color, &text);
    }
    if (!text.err && text.length > 0)
        fwrite(text.bytes, 1, text.length, stdout);
    err = text.err;
    kt_buf_fini(&text);
    kt_json_free(&document);
    return err;
}

bool
kt_analyze_print(kt_analyze_printer_t *self, const char *text, size_t length, bool *failed)
{
    kt_err_t err = KT_OK;
    if (self->format == KT_ANALYZE_JSONL) {
        fwrite(text, 1, length, stdout);
        putchar('\n');
    } else {
        err = print_parsed(self, text, length);
    }
    if (err) {
        (void)kt_cli_fail(err, "a result could not be shown", NULL);
        *failed = true;
    }
    if (fflush(stdout) == 0)
        return true;

    // A reader that closed the pipe is no failure; the rest of the output is discarded.
    int nowhere = errno == EPIPE ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    if (nowhere < 0) {
        (void)kt_cli_fail(errno == ENOSPC ? KT_EDISK : KT_EIO, "standard output", strerror(errno));
        *failed = true;
        return false;
    }
    dup2(nowhere, STDOUT_FILENO);
    close(nowhere);
    clearerr(stdout);
    return false;
}
