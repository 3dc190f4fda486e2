#include "coordinator/cli/analyze/feature_rows.h"

#include "common/buf.h"
#include "coordinator/cli/analyze/formats.h"
#include "proto/features.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS_MAX = 360, NAME = 48 };

typedef struct place {
    kt_feature_t feature;
    int          index;  // in a list; -1: the value itself
} place_t;

struct kt_feature_rows {
    size_t      n;
    kt_column_t columns[COLUMNS_MAX];
    char        names[COLUMNS_MAX][NAME];
    place_t     places[COLUMNS_MAX];
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
    {"QUALITY", "quality_quality_score", KT_CELL_FIXED2, false},
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

// Members of the message itself, before the features.
static const char *const HEAD[] = {"message_id", "file_path",    "success", "processing_time",
                                   "error",      "error_detail", "warnings"};

static void
add_column(kt_feature_rows_t *self, kt_feature_t feature, int index)
{
    const kt_feature_desc_t *desc   = kt_feature_desc(feature);
    bool                     prefix = false;  // several groups have this name; the perceptual one stays without
    for (int i = 0; i < KT_FEATURES && desc->group != KT_GROUP_PERCEPTUAL; i++)
        prefix |= i != (int)feature && !strcmp(kt_feature_desc((kt_feature_t)i)->name, desc->name);
    if (self->n == COLUMNS_MAX)
        return;
    char *name = self->names[self->n];
    int used = snprintf(name, NAME, "%s%s%s", prefix ? kt_group_name(desc->group) : "", prefix ? "_" : "", desc->name);
    if (index >= 0)
        snprintf(name + used, NAME - (size_t)used, "_%d", index + 1);
    self->places[self->n]    = (place_t){feature, index};
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

kt_err_t
kt_feature_rows_new(kt_feature_rows_t **self_p, const kt_settings_t *settings)
{
    kt_feature_rows_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    for (size_t i = 0; i < sizeof HEAD / sizeof *HEAD; i++) {
        self->places[self->n]    = (place_t){KT_FEATURES, -1};
        self->columns[self->n++] = (kt_column_t){HEAD[i], HEAD[i], KT_CELL_TEXT, false};
    }
    for (int i = 0; i < KT_FEATURES; i++) {
        kt_feature_t feature = (kt_feature_t)i;
        kt_shape_t   shape   = kt_feature_desc(feature)->shape;
        if (shape <= KT_SHAPE_TEXT)
            add_column(self, feature, -1);
        for (int k = 0; shape == KT_SHAPE_REALS && k < column_count(feature, settings); k++)
            add_column(self, feature, k);
    }
    *self_p = self;
    return KT_OK;
}

void
kt_feature_rows_destroy(kt_feature_rows_t **self_p)
{
    free(*self_p);
    *self_p = NULL;
}

const kt_column_t *
kt_feature_rows_columns(const kt_feature_rows_t *self, kt_format_t format, size_t *n)
{
    bool all = format == KT_FORMAT_CSV;
    *n       = all ? self->n : sizeof TERMINAL / sizeof *TERMINAL;
    return all ? self->columns : TERMINAL;
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

json_t *
kt_feature_row(const kt_feature_rows_t *self, const json_t *document)
{
    json_t *row = kt_json_object();
    if (!row)
        return NULL;
    const char   *path  = kt_json_str(document, "file_path", "");
    const json_t *error = kt_json_get(document, "error");
    (void)kt_json_set(row, "message_id", kt_json_text(kt_json_str(document, "message_id", "")));
    (void)kt_json_set(row, "file_path", kt_json_text(path));
    (void)kt_json_set(row, "success", kt_json_bool(kt_json_flag(document, "success", false)));
    (void)kt_json_set(row, "processing_time", kt_json_real(kt_json_f64(document, "processing_time", 0)));
    (void)kt_json_set(row, "error", error ? kt_json_text(kt_json_str(error, "code", "")) : kt_json_null());
    (void)kt_json_set(row, "error_detail", error ? kt_json_text(kt_json_str(error, "detail", "")) : kt_json_null());
    const json_t *warnings = kt_format_value(document, KT_FEATURE_TECHNICAL_warnings);
    (void)kt_json_set(row, "warnings", warnings_json(warnings, true));
    (void)kt_json_set(row, "warning_codes", warnings_json(warnings, false));

    for (size_t i = 0; i < self->n; i++) {
        place_t       place = self->places[i];
        const json_t *value = place.feature == KT_FEATURES ? NULL : kt_format_value(document, place.feature);
        if (value && place.index >= 0)
            value = kt_json_at(value, (size_t)place.index);
        if (value)
            (void)kt_json_set(row, self->names[i], kt_json_copy(value));
    }
    return row;
}
