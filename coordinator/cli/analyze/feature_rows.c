#include "coordinator/cli/analyze/feature_rows.h"

#include "common/buf.h"
#include "coordinator/cli/analyze/formats.h"
#include "proto/columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 1100, NAME = 64 };

typedef struct place {
    size_t      column;     // of proto/columns.h
    int         index;      // in a list; -1: the value itself
    const char *statistic;  // "std"; NULL: the value
} place_t;

struct kt_feature_rows {
    const kt_cli_t *cli;
    size_t          n;
    kt_column_t     columns[COLUMNS_MAX];
    const char     *units[COLUMNS_MAX];
    char            names[COLUMNS_MAX][NAME];
    place_t         places[COLUMNS_MAX];
};

static const kt_column_t TERMINAL[] = {
    {"FILE", "file_path", KT_CELL_FILE, false},
    {"LENGTH", "duration", KT_CELL_CLOCK, false},
    {"CODEC", "codec", KT_CELL_TEXT, false},
    {"RATE", "sample_rate", KT_CELL_INT, true},
    {"CHANNELS", "audio_channels", KT_CELL_INT, true},
    {"BPM", "tempo", KT_CELL_FIXED1, false},
    {"METER", "time_signature", KT_CELL_INT, false},
    {"KEY", "key", KT_CELL_TEXT, false},
    {"MODE", "mode", KT_CELL_TEXT, false},
    {"LUFS", "loudness", KT_CELL_FIXED1, false},
    {"RANGE LU", "dynamic_range", KT_CELL_FIXED1, true},
    {"ENERGY", "energy", KT_CELL_FIXED2, false},
    {"DANCE", "danceability", KT_CELL_FIXED2, false},
    {"CENTROID", "spectral_centroid", KT_CELL_INT, false},
    {"BANDWIDTH", "spectral_bandwidth", KT_CELL_INT, true},
    {"ROLLOFF", "spectral_rolloff", KT_CELL_INT, true},
    {"FLATNESS", "spectral_flatness", KT_CELL_FIXED4, false},
    {"ZCR", "zero_crossing_rate", KT_CELL_FIXED4, false},
    {"RMS", "rms", KT_CELL_FIXED4, true},
    {"ONSET", "onset_strength", KT_CELL_FIXED4, true},
    {"QUALITY", "quality_score", KT_CELL_FIXED2, false},
    {"BAND LIMIT", "band_limit", KT_CELL_INT, true},
    {"MFCC 1", "mfcc_1", KT_CELL_REAL, true},
    {"MFCC 2", "mfcc_2", KT_CELL_REAL, true},
    {"WIDTH", "resolution_1", KT_CELL_INT, true},
    {"HEIGHT", "resolution_2", KT_CELL_INT, true},
    {"FPS", "frame_rate", KT_CELL_FIXED2, true},
    {"BRIGHT", "brightness", KT_CELL_FIXED2, true},
    {"MOTION", "motion", KT_CELL_FIXED1, true},
    {"FACES", "faces_detected", KT_CELL_INT, true},
    {"TIME", "processing_time", KT_CELL_SECONDS, false},
    {"WARNINGS", "warning_codes", KT_CELL_TEXT, false},
    {"ERROR", "error", KT_CELL_TEXT, false},
    {"DETAIL", "error_detail", KT_CELL_TEXT, true},
};

// Members of the message that are no column of a ledger's features.
static const char *const HEAD[] = {"message_id", "media_id", "file_path"};
enum { NO_COLUMN = -1 };

static void
add_column(kt_feature_rows_t *self, const char *base, const char *unit, place_t place)
{
    if (self->n == COLUMNS_MAX)
        return;
    char *name = self->names[self->n];
    int   used = snprintf(name, NAME, "%s", base);
    if (place.index >= 0)
        used += snprintf(name + used, NAME - (size_t)used, "_%d", place.index + 1);
    if (place.statistic)
        snprintf(name + used, NAME - (size_t)used, "_%s", place.statistic);
    self->places[self->n]    = place;
    self->units[self->n]     = unit;
    self->columns[self->n++] = (kt_column_t){name, name, KT_CELL_REAL, false};
}

// Number of columns of a list; 0: the list is omitted (too long for a row, or of no fixed length).
static int
column_count(kt_feature_t feature, const kt_settings_t *settings)
{
    enum { MOST = 16 };
    switch (feature) {
    case KT_FEATURE_SPECTRAL_mfcc: return (int)settings->n_mfcc;
    case KT_FEATURE_SPECTRAL_chroma: return (int)settings->n_chroma;
    default: return kt_feature_desc(feature)->max_count <= MOST ? (int)kt_feature_desc(feature)->max_count : 0;
    }
}

static void
add_feature(kt_feature_rows_t *self, size_t column, const kt_column_desc_t *desc)
{
    static const char *const STATISTICS[] = {"std", "min", "max", "median"};
    const bool               list         = desc->type == KT_COLUMN_REALS;
    const bool frames = desc->feature != KT_FEATURES && kt_feature_desc(desc->feature)->group == KT_GROUP_SPECTRAL;
    if (desc->type > KT_COLUMN_TIME && !list)
        return;
    const int n = list ? column_count(desc->feature, self->cli->settings) : 1;
    for (int i = 0; i < n; i++)
        add_column(self, desc->name, desc->unit, (place_t){column, list ? i : -1, NULL});
    for (int i = 0; self->cli->statistics && frames && i < n; i++)
        for (size_t k = 0; k < sizeof STATISTICS / sizeof *STATISTICS; k++)
            add_column(self, desc->name, desc->unit, (place_t){column, list ? i : -1, STATISTICS[k]});
}

kt_err_t
kt_feature_rows_new(kt_feature_rows_t **self_p, const kt_cli_t *cli)
{
    kt_feature_rows_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->cli = cli;
    for (size_t i = 0; i < sizeof HEAD / sizeof *HEAD; i++)
        add_column(self, HEAD[i], "", (place_t){(size_t)NO_COLUMN, -1, NULL});
    for (size_t i = 0; i < kt_columns_count(); i++) {
        kt_column_desc_t desc;
        kt_column_describe(i, &desc);
        if (i == KT_COLUMN_FEATURES)
            add_column(self, "warnings", "", (place_t){(size_t)NO_COLUMN, -1, NULL});
        add_feature(self, i, &desc);
    }
    *self_p = self;
    return KT_OK;
}

// For a terminal: the most informative ones. For CSV: all of them. Owned by self or constant.
static const kt_column_t *
columns_of(const kt_feature_rows_t *self, kt_format_t format, size_t *n)
{
    bool all = format == KT_FORMAT_CSV;
    *n       = all ? self->n : sizeof TERMINAL / sizeof *TERMINAL;
    return all ? self->columns : TERMINAL;
}

kt_err_t
kt_feature_rows_table(const kt_feature_rows_t *self, kt_format_t format, const kt_column_t *before, size_t n_before,
                      kt_table_t **out, kt_column_t columns[KT_FEATURE_ROWS_MAX],
                      const char *units[KT_FEATURE_ROWS_MAX])
{
    size_t             n;
    const kt_column_t *own = columns_of(self, format, &n);
    for (size_t i = 0; i < n_before; i++) {
        columns[i] = before[i];
        units[i]   = "";
    }
    for (size_t i = 0; i < n; i++) {
        columns[n_before + i] = own[i];
        units[n_before + i]   = format == KT_FORMAT_CSV ? self->units[i] : "";
    }
    kt_err_t err = kt_table_new(out, format, self->cli->color, columns, n_before + n);
    if (!err && self->cli->units)
        kt_table_units(*out, units);
    if (!err && !self->cli->all_columns)
        err = kt_table_leave_out_empty(*out);
    return err;
}

void
kt_feature_rows_destroy(kt_feature_rows_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

// "code: text; code: text", or the codes alone.
static json_t *
warnings_json(const json_t *warnings, bool texts)
{
    kt_buf_t text;
    kt_buf_init(&text, 1 << 16);
    for (size_t i = 0; i < kt_json_count(warnings); i++) {
        const json_t *one = kt_json_at(warnings, i);
        kt_buf_fmt(&text, "%s%s", i == 0 ? "" : texts ? "; " : ", ", kt_json_str(one, "code", ""));
        if (texts)
            kt_buf_fmt(&text, ": %s", kt_json_str(one, "text", ""));
    }
    json_t *json = text.length > 0 && !text.err ? kt_json_text(text.bytes) : kt_json_null();
    kt_buf_fini(&text);
    return json;
}

static const json_t *
value_at(const json_t *document, const kt_columns_view_t *view, const place_t *place)
{
    const json_t *value = kt_columns_value(view, place->column);
    if (place->statistic) {
        char             key[KT_FEATURE_KEY];
        kt_column_desc_t desc;
        kt_column_describe(place->column, &desc);
        value = kt_json_get(kt_json_get(document, "features"), "statistics");
        value = kt_json_get(kt_json_get(value, kt_feature_key(desc.feature, key)), place->statistic);
    }
    return value && place->index >= 0 ? kt_json_at(value, (size_t)place->index) : value;
}

json_t *
kt_feature_row(const kt_feature_rows_t *self, const json_t *document)
{
    kt_columns_view_t view;
    json_t           *row = kt_json_object();
    if (!row)
        return NULL;
    kt_columns_view_of(document, &view);
    for (size_t i = 0; i < sizeof HEAD / sizeof *HEAD; i++)
        (void)kt_json_set(row, HEAD[i], kt_json_text(kt_json_str(document, HEAD[i], NULL)));
    const json_t *warnings = kt_format_value(document, KT_FEATURE_TECHNICAL_warnings);
    (void)kt_json_set(row, "warnings", warnings_json(warnings, true));
    (void)kt_json_set(row, "warning_codes", warnings_json(warnings, false));
    for (size_t i = 0; i < self->n; i++) {
        if (self->places[i].column == (size_t)NO_COLUMN)
            continue;
        const json_t *value = value_at(document, &view, &self->places[i]);
        if (value)
            (void)kt_json_set(row, self->names[i], kt_json_copy(value));
    }
    return row;
}
