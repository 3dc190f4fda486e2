// spectral -- means and statistics over frames of the rows of device and segment: one row of ROWS per feature.
#include "node/audio/modules.h"
#include "node/audio/summary.h"

#include <stdbool.h>
#include <stdlib.h>

const kt_frames_row_t kt_frames_rows[] = {
    {KT_FEATURE_SPECTRAL_spectral_centroid, KT_MATRIX_CENTROID},
    {KT_FEATURE_SPECTRAL_spectral_rolloff, KT_MATRIX_ROLLOFF},
    {KT_FEATURE_SPECTRAL_spectral_bandwidth, KT_MATRIX_BANDWIDTH},
    {KT_FEATURE_SPECTRAL_spectral_contrast, KT_MATRIX_CONTRAST},
    {KT_FEATURE_SPECTRAL_spectral_flatness, KT_MATRIX_FLATNESS},
    {KT_FEATURE_SPECTRAL_zero_crossing_rate, KT_MATRIX_ZCR},
    {KT_FEATURE_SPECTRAL_rms, KT_MATRIX_RMS},
    {KT_FEATURE_SPECTRAL_mfcc, KT_MATRIX_MFCC},
    {KT_FEATURE_SPECTRAL_chroma, KT_MATRIX_CHROMA},
    {KT_FEATURE_SPECTRAL_mel, KT_MATRIX_MEL},
    {KT_FEATURE_SPECTRAL_onset_strength, KT_MATRIX_ONSET},
    {KT_FEATURE_SPECTRAL_chroma_cqt, KT_MATRIX_CHROMA_CQT},
    {KT_FEATURE_SPECTRAL_tonnetz, KT_MATRIX_TONNETZ},
};
enum { ROWS = sizeof kt_frames_rows / sizeof *kt_frames_rows };
const size_t kt_frames_rows_count = ROWS;

enum {
    READS = KT_READS(KT_MATRIX_CENTROID) | KT_READS(KT_MATRIX_ROLLOFF) | KT_READS(KT_MATRIX_BANDWIDTH) |
            KT_READS(KT_MATRIX_CONTRAST) | KT_READS(KT_MATRIX_FLATNESS) | KT_READS(KT_MATRIX_ZCR) |
            KT_READS(KT_MATRIX_RMS) | KT_READS(KT_MATRIX_MFCC) | KT_READS(KT_MATRIX_CHROMA) | KT_READS(KT_MATRIX_MEL) |
            KT_READS(KT_MATRIX_ONSET) | KT_READS(KT_MATRIX_CHROMA_CQT) | KT_READS(KT_MATRIX_TONNETZ),
};

typedef struct spectral {
    bool          no_sound;
    kt_summary_t *summary[ROWS];  // NULL: the feature does not exist at this rate
} spectral_t;

static void
spectral_destroy(void **state)
{
    spectral_t *self = *state;
    if (!self)
        return;
    for (size_t i = 0; i < ROWS; i++)
        kt_summary_destroy(&self->summary[i]);
    free(self);
    *state = NULL;
}

static kt_err_t
spectral_new(void **state, const kt_stream_t *stream)
{
    spectral_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->no_sound = stream->channels == 0;
    // As many per hour whatever the segment's length.
    const size_t quantiles = 1 + (KT_QUANTILES - 1) * (size_t)stream->segment_s / KT_SEGMENT_SECONDS;
    for (size_t i = 0; i < ROWS; i++) {
        size_t   width = kt_matrix_width(stream->plan, kt_frames_rows[i].matrix);
        kt_err_t err   = width ? kt_summary_new(&self->summary[i], width, quantiles) : KT_OK;
        if (err) {
            spectral_destroy((void **)&self);
            return err;
        }
    }
    *state = self;
    return KT_OK;
}

static kt_err_t
spectral_fold(void *state, const kt_segment_t *segment)
{
    spectral_t *self = state;
    kt_err_t    err  = KT_OK;
    for (size_t i = 0; i < ROWS && !err; i++)
        if (self->summary[i])
            err = kt_summary_fold(self->summary[i], kt_segment_matrix(segment, kt_frames_rows[i].matrix),
                                  kt_segment_frames(segment));
    return err;
}

static kt_err_t
spectral_merge(void **state, void **next)
{
    spectral_t *self = *state, *later = *next;
    kt_err_t    err = KT_OK;
    for (size_t i = 0; i < ROWS && !err; i++)
        if (self->summary[i])
            err = kt_summary_merge(self->summary[i], later->summary[i]);
    return err;
}

static kt_err_t
write_row(const spectral_t *self, size_t row, kt_document_t *document)
{
    kt_feature_t             feature = kt_frames_rows[row].feature;
    kt_matrix_t              matrix  = kt_frames_rows[row].matrix;
    const kt_feature_desc_t *desc    = kt_feature_desc(feature);
    const kt_summary_t      *summary = self->summary[row];
    if (self->no_sound) {
        kt_document_null(document, feature, "no sound");
        return KT_OK;
    }
    if (!summary) {
        bool cqt = matrix == KT_MATRIX_CHROMA_CQT || matrix == KT_MATRIX_TONNETZ;
        kt_document_null(document, feature,
                         cqt ? "not defined here: seven octaves from C1 need an analysis rate of 8,412 Hz and a hop "
                               "divisible by 64"
                             : "not defined at this analysis rate");
        return KT_OK;
    }

    size_t          width  = kt_summary_width(summary);
    kt_statistic_t *stats  = calloc(width, sizeof *stats);
    kt_err_t        err    = stats ? kt_summary_statistics(summary, stats) : KT_ENOMEM;
    bool            within = true;
    for (size_t i = 0; i < width && !err; i++)
        within = within && stats[i].min >= desc->min && stats[i].max <= desc->max;

    // A file whose samples are far beyond full scale can leave the feature table's ranges; its other values stay.
    if (err == KT_ENOTFOUND)
        kt_document_null(document, feature, "the sound has no samples");
    else if (!err && !within)
        kt_document_null(document, feature, "out of range: samples far beyond full scale");
    else if (!err)
        kt_document_statistics(document, feature, stats, width);
    free(stats);
    return err == KT_ENOTFOUND ? KT_OK : err;
}

static kt_err_t
spectral_finish(const void *state, kt_document_t *document)
{
    kt_err_t err = KT_OK;
    for (size_t i = 0; i < ROWS && !err; i++)
        err = write_row(state, i, document);
    return err;
}

const kt_module_t kt_module_spectral = {
    .name    = "spectral",
    .stage   = "audio_spectral",
    .options = KT_OPTION_SPECTRAL,
    .reads   = READS,
    .new     = spectral_new,
    .segment = spectral_fold,
    .finish  = spectral_finish,
    .merge   = spectral_merge,
    .destroy = spectral_destroy,
};
