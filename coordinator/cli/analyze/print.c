#include "common/file.h"
#include "common/paths.h"
#include "common/text.h"
#include "coordinator/cli/analyze/analyze.h"
#include "coordinator/cli/analyze/edit_list.h"
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
    kt_analyze_format_t      format;
    const kt_analyze_opts_t *opts;
    bool                     color;
    kt_feature_rows_t       *rows;  // CSV
    kt_column_t              columns[KT_FEATURE_ROWS_MAX];
    const char              *units[KT_FEATURE_ROWS_MAX];
    kt_table_t              *table;  // CSV, JSON
};

enum { TEXT_MAX = 64 * KT_DOCUMENT_MAX_BYTES };  // 20,000 clips of OpenTimelineIO

kt_err_t
kt_analyze_printer_new(kt_analyze_printer_t **self_p, const kt_cli_t *cli, const kt_analyze_opts_t *opts,
                       kt_analyze_format_t format)
{
    kt_err_t              err  = KT_ENOMEM;
    kt_analyze_printer_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->format = format;
    self->opts   = opts;
    self->color  = cli->color;
    if (format == KT_ANALYZE_CSV || format == KT_ANALYZE_JSON) {
        const kt_format_t table = format == KT_ANALYZE_CSV ? KT_FORMAT_CSV : KT_FORMAT_JSON;
        if ((err = kt_feature_rows_new(&self->rows, cli)) ||
            (err = kt_feature_rows_table(self->rows, table, NULL, 0, &self->table, self->columns, self->units)))
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

// One edit list as a file, or on stdout.
static kt_err_t
print_edit_list(const kt_analyze_printer_t *self, const json_t *document, kt_buf_t *text, char why[KT_EDIT_WHY])
{
    const bool  edl = self->format == KT_ANALYZE_EDL;
    const char *dir = self->opts->out_dir;
    char        media[PATH_MAX], path[PATH_MAX];
    kt_err_t    err = edl ? kt_format_edl(document, text, why) : kt_format_otio(document, text, why);
    if (err || !dir) {
        kt_buf_str(text, edl ? "" : "\n");
        return err;
    }
    err = kt_path_read(kt_json_str(document, "file_path", ""), media, sizeof media);
    if (!err)
        err = kt_out_names_stem(&self->opts->names, dir, media, path);
    if (!err)
        err = kt_out_names_make_folders(path);
    if (err) {
        kt_buf_clear(text);
        return err;
    }
    strcat(path, edl ? ".edl" : ".otio");  // KT_OUT_SUFFIX leaves room
    FILE *file = fopen(path, "we");
    bool  good = file && fwrite(text->bytes, 1, text->length, file) == text->length;
    if (file && fclose(file) != 0)
        good = false;
    if (!good)
        snprintf(why, KT_EDIT_WHY, "%s: %s", dir, strerror(errno));
    kt_buf_clear(text);
    return good ? KT_OK : kt_file_write_err_of_errno();
}

// A failure, which has no features or those of a part: it is a row in CSV, an object with its error in Spotify's list,
// and nothing in the other formats.
static kt_err_t
print_document(kt_analyze_printer_t *self, const json_t *document, kt_buf_t *text, char why[KT_EDIT_WHY])
{
    const bool success = kt_json_flag(document, "success", false);
    json_t    *row;
    switch (self->format) {
    case KT_ANALYZE_CSV:
        row = kt_feature_row(self->rows, document);
        kt_table_row(self->table, row);
        kt_json_free(&row);
        return KT_OK;
    case KT_ANALYZE_SPOTIFY:
        kt_format_spotify(document, text);
        kt_buf_str(text, "\n");
        return text->err;
    case KT_ANALYZE_ESSENTIA:
        if (success)
            kt_format_essentia(document, text);
        kt_buf_str(text, success ? "\n" : "");
        return text->err;
    case KT_ANALYZE_EDL:
    case KT_ANALYZE_OTIO: return success ? print_edit_list(self, document, text, why) : KT_OK;
    default:
        if (success || kt_json_count(kt_json_get(document, "features")) > 0)
            kt_analyze_summary(document, self->color, text);
        return text->err;
    }
}

// An error has been reported.
static kt_err_t
print_parsed(kt_analyze_printer_t *self, const char *bytes, size_t length)
{
    char     why[KT_JSON_WHY] = "", clean[KT_JOB_PATH];
    json_t  *document         = NULL;
    kt_buf_t text;
    kt_buf_init(&text, TEXT_MAX);
    kt_err_t    err  = kt_json_parse(bytes, length, KT_DOCUMENT_MAX_BYTES, &document, why);
    const char *path = err ? "a result" : kt_json_str(document, "file_path", "");
    if (!err)
        err = print_document(self, document, &text, why);
    if (!err && text.length > 0)
        fwrite(text.bytes, 1, text.length, stdout);
    kt_text_sanitize(clean, sizeof clean, path, strlen(path));
    if (err)
        (void)kt_cli_fail(err, clean, *why ? why : "it could not be shown");
    kt_buf_fini(&text);
    kt_json_free(&document);
    return err;
}

kt_err_t
kt_analyze_printer_end(kt_analyze_printer_t *self)
{
    return self->table ? kt_table_end(self->table, stdout) : KT_OK;
}

bool
kt_analyze_print(kt_analyze_printer_t *self, const char *text, size_t length, bool *failed)
{
    if (self->format == KT_ANALYZE_JSON) {
        kt_table_text(self->table, text, length);
    } else if (self->format == KT_ANALYZE_JSONL) {
        fwrite(text, 1, length, stdout);
        putchar('\n');
    } else if (print_parsed(self, text, length)) {
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
