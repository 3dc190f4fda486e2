// loudness -- EBU R128 at the file's own rate: integrated loudness and its maxima (Tech 3341), range (Tech 3342), true
// peak (ITU-R BS.1770-4 annex 2), and what follows from them.
//
// The sums are made by measure.c of samples, or by a device of the stream's pieces; hops.c makes windows of them; here
// they become results.
#include "kernels/isa.h"
#include "node/audio/loudness/measure.h"
#include "node/audio/modules.h"
#include "node/audio/perceptual/speakers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct loudness {
    uint32_t      options;
    kt_measure_t *measure;
    bool          by_pieces;  // a device measures: samples do not come
    kt_hops_t    *sums;
} loudness_t;

static void
loudness_destroy(void **state)
{
    loudness_t *self = *state;
    if (self) {
        free(self->measure);
        free(self->sums);
    }
    free(self);
    *state = NULL;
}

static kt_err_t
loudness_new(void **state, const kt_stream_t *stream)
{
    const uint32_t channels = stream->channels;
    loudness_t    *self     = calloc(1, sizeof *self);
    double        *weights  = calloc(channels + 1, sizeof *weights);
    kt_err_t       err      = self && weights ? KT_OK : KT_ENOMEM;
    if (!err) {
        kt_speaker_weights(stream->layout, channels, weights);
        self->options = stream->options;
        self->measure = kt_measure_new(kt_device_isa(stream->device)->loudness, stream->rate_hz, channels,
                                       stream->range.own, stream->range.end);
        self->sums    = kt_hops_new(stream->rate_hz, channels, weights, stream->range.from);
        err           = self->measure && self->sums ? KT_OK : KT_ENOMEM;
    }
    free(weights);
    if (err)
        loudness_destroy((void **)&self);
    *state = self;
    return err;
}

static kt_err_t
loudness_push(void *state, const float *pcm, size_t frames)
{
    loudness_t *self = state;
    kt_measure_push(self->measure, self->sums, pcm, frames);
    return KT_OK;
}

static kt_err_t
loudness_piece(void *state, const kt_source_piece_t *piece)
{
    loudness_t *self = state;
    self->by_pieces  = true;
    kt_hops_add_piece(self->sums, piece);
    return KT_OK;
}

static kt_err_t
loudness_merge(void **state, void **next)
{
    loudness_t *self = *state, *later = *next;
    kt_measure_join(later->measure, later->sums, self->measure);
    kt_hops_merge(later->sums, self->sums);
    *state = later;
    *next  = self;
    return KT_OK;
}

// A value into the document, if its group is wanted; NAN: null, with that reason.
static void
write_wanted(const loudness_t *self, kt_document_t *document, kt_feature_t feature, double value, const char *reason)
{
    const kt_feature_desc_t *desc = kt_feature_desc(feature);
    const uint32_t           bit  = desc->group == KT_GROUP_QUALITY ? KT_OPTION_QUALITY : KT_OPTION_PERCEPTUAL;
    if (!(self->options & bit))
        return;
    if (isnan(value))
        kt_document_null(document, feature, reason);
    else if (value > desc->max)
        kt_document_null(document, feature, "out of range: samples far beyond full scale");
    else if (value < desc->min)
        kt_document_null(document, feature, "silence");
    else
        kt_document_real(document, feature, value);
}

// Why there is no window of so many hops that counts; `gated`: or none above -70 LUFS.
static const char *
why_none(const kt_hops_t *sums, unsigned hops, const char *too_short, const char *gated)
{
    if (sums->channels == 0)
        return "no sound";
    if (sums->rate_hz < KT_KWEIGHT_MIN_HZ)
        return "not defined at this sample rate";
    if (sums->hops < hops)
        return sums->done == 0 ? "the sound has no samples" : too_short;
    return sums->short_term.loudest > 0 || sums->momentary.loudest > 0 ? gated : "silence";
}

static void
write_peaks(const loudness_t *self, const kt_hops_t *sums, kt_document_t *document, double *true_peak)
{
    kt_peaks_t  peaks = {0, 0, 0};  // of all channels: the largest peaks, the sum of squares
    double      count = (double)sums->done * sums->channels, crest = NAN;
    const char *reason = sums->channels == 0 ? "no sound" : sums->done == 0 ? "the sound has no samples" : "silence";
    for (uint32_t c = 0; c < sums->channels; c++) {
        const kt_peaks_t *channel = &sums->channel[c].peaks;
        peaks.sample              = fmaxf(peaks.sample, channel->sample);
        peaks.between             = fmaxf(peaks.between, channel->between);
        peaks.squares += channel->squares;
    }
    peaks.between = fmaxf(peaks.between, peaks.sample);
    *true_peak    = NAN;
    if (peaks.sample > 0) {
        *true_peak = 20 * log10(peaks.between);
        crest      = 10 * log10((double)peaks.sample * peaks.sample * count / peaks.squares);
    }
    write_wanted(self, document, KT_FEATURE_QUALITY_true_peak, *true_peak, reason);
    write_wanted(self, document, KT_FEATURE_PERCEPTUAL_crest_factor, isnan(crest) ? NAN : fmax(crest, 0), reason);
}

static void
write_loudness(const loudness_t *self, const kt_hops_t *sums, kt_document_t *document, double true_peak)
{
    const char *momentary  = why_none(sums, KT_HOPS_MOMENTARY, "shorter than 400 ms", "never louder than -70 LUFS");
    const char *short_term = why_none(sums, KT_HOPS_SHORT_TERM, "shorter than 3 s", "never louder than -70 LUFS");
    double      integrated = NAN, range = NAN, loudest_m = NAN, loudest_s = NAN;
    (void)kt_gating_integrated(&sums->momentary, &integrated);
    (void)kt_gating_range(&sums->short_term, &range);
    if (sums->momentary.loudest > 0)
        loudest_m = kt_loudness_of(sums->momentary.loudest);
    if (sums->short_term.loudest > 0)
        loudest_s = kt_loudness_of(sums->short_term.loudest);
    write_wanted(self, document, KT_FEATURE_PERCEPTUAL_loudness, integrated, momentary);
    write_wanted(self, document, KT_FEATURE_PERCEPTUAL_loudness_momentary_max, loudest_m, momentary);
    write_wanted(self, document, KT_FEATURE_PERCEPTUAL_peak_to_loudness_ratio, true_peak - integrated, momentary);
    write_wanted(self, document, KT_FEATURE_PERCEPTUAL_loudness_short_term_max, loudest_s, short_term);
    write_wanted(self, document, KT_FEATURE_PERCEPTUAL_dynamic_range, range, short_term);
    write_wanted(self, document, KT_FEATURE_QUALITY_dynamic_range, range, short_term);
}

static kt_err_t
loudness_finish(const void *state, kt_document_t *document)
{
    const loudness_t *self    = state;
    kt_hops_t        *sums    = kt_hops_copy(self->sums);
    kt_measure_t     *measure = kt_measure_copy(self->measure);
    if (!sums || !measure) {
        free(sums);
        free(measure);
        return KT_ENOMEM;
    }
    if (!self->by_pieces)
        kt_measure_end(measure, sums);
    double true_peak;
    write_peaks(self, sums, document, &true_peak);
    write_loudness(self, sums, document, true_peak);
    free(sums);
    free(measure);
    return KT_OK;
}

const kt_module_t kt_module_loudness = {
    .name    = "loudness",
    .stage   = "audio_loudness",
    .options = KT_OPTION_PERCEPTUAL | KT_OPTION_QUALITY,
    .new     = loudness_new,
    .push    = loudness_push,
    .piece   = loudness_piece,
    .finish  = loudness_finish,
    .merge   = loudness_merge,
    .destroy = loudness_destroy,
};
