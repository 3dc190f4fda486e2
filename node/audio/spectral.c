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
    kt_device_t  *device;
    size_t        first[ROWS + 1];  // columns of row i: first[i] .. first[i + 1] - 1; none: not defined at this rate
    kt_summary_t *summary;          // of all columns
} spectral_t;

static void
spectral_destroy(void **state)
{
    spectral_t *self = *state;
    if (!self)
        return;
    kt_summary_destroy(&self->summary);
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
    self->device   = stream->device;
    for (size_t i = 0; i < ROWS; i++)
        self->first[i + 1] = self->first[i] + kt_matrix_width(stream->plan, kt_frames_rows[i].matrix);
    // As many per hour whatever the segment's length.
    const size_t   quantiles = 1 + (KT_QUANTILES - 1) * (size_t)stream->segment_s / KT_SEGMENT_SECONDS;
    const kt_err_t err       = kt_summary_new(&self->summary, self->first[ROWS], quantiles);
    if (err) {
        free(self);
        return err;
    }
    *state = self;
    return KT_OK;
}

static kt_err_t
spectral_fold(void *state, const kt_segment_t *segment)
{
    spectral_t         *self = state;
    kt_columns_matrix_t matrices[ROWS];
    for (size_t i = 0; i < ROWS; i++)
        matrices[i] = (kt_columns_matrix_t){kt_segment_matrix(segment, kt_frames_rows[i].matrix),
                                            self->first[i + 1] - self->first[i]};
    return kt_summary_fold(self->summary, self->device, matrices, ROWS, kt_segment_frames(segment));
}

static kt_err_t
spectral_merge(void **state, void **next)
{
    spectral_t *self = *state, *later = *next;
    return kt_summary_merge(self->summary, later->summary);
}

// stats: of all columns; NULL: the sound has no samples.
static void
write_row(const spectral_t *self, size_t row, const kt_statistic_t *stats, kt_document_t *document)
{
    const kt_feature_t       feature = kt_frames_rows[row].feature;
    const kt_matrix_t        matrix  = kt_frames_rows[row].matrix;
    const kt_feature_desc_t *desc    = kt_feature_desc(feature);
    const bool               cqt     = matrix == KT_MATRIX_CHROMA_CQT || matrix == KT_MATRIX_TONNETZ;
    bool                     within  = true;
    for (size_t i = self->first[row]; i < self->first[row + 1] && stats; i++)
        within = within && stats[i].min >= desc->min && stats[i].max <= desc->max;

    // A file whose samples are far beyond full scale can leave the feature table's ranges; its other values stay.
    if (self->no_sound)
        kt_document_null(document, feature, "no sound");
    else if (self->first[row] == self->first[row + 1])
        kt_document_null(document, feature,
                         cqt ? "not defined here: seven octaves from C1 need an analysis rate of 8,412 Hz and a hop "
                               "divisible by 64"
                             : "not defined at this analysis rate");
    else if (!stats)
        kt_document_null(document, feature, "the sound has no samples");
    else if (!within)
        kt_document_null(document, feature, "out of range: samples far beyond full scale");
    else
        kt_document_statistics(document, feature, stats + self->first[row], self->first[row + 1] - self->first[row]);
}

static kt_err_t
spectral_finish(const void *state, kt_document_t *document)
{
    const spectral_t *self  = state;
    kt_statistic_t   *stats = calloc(self->first[ROWS], sizeof *stats);
    kt_err_t          err   = stats ? kt_summary_statistics(self->summary, stats) : KT_ENOMEM;
    const bool        empty = err == KT_ENOTFOUND;
    for (size_t i = 0; i < ROWS && (!err || empty); i++)
        write_row(self, i, empty ? NULL : stats, document);
    free(stats);
    return empty ? KT_OK : err;
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
