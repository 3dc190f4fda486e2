// loudness -- EBU R128 at the file's own rate: integrated loudness and its maxima (Tech 3341), range (Tech 3342), true
// peak (ITU-R BS.1770-4 annex 2), and what follows from them.
//
// Samples are gathered in blocks of fixed length, so the caller's chunks cannot change a bit. Energies are summed over
// hops of 100 ms, hop k from sample floor(k * rate / 10); a momentary value is the mean of 4 hops, a short-term value
// of 30, both taken at every hop as FFmpeg does (libebur128 takes the range from one each second). Only full windows
// count.
#include "kernels/isa.h"
#include "node/audio/loudness/gating.h"
#include "node/audio/modules.h"
#include "node/audio/perceptual/speakers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024, STRIDE = KT_PEAK_MARGIN + BLOCK, MOMENTARY = 4, SHORT_TERM = 30 };

typedef struct channel {
    double             weight;
    kt_kweight_state_t state;
    kt_peaks_t         peaks;
    float              plane[STRIDE];  // the last samples of the block before, then this block's
} channel_t;

typedef struct loudness {
    uint32_t                 rate_hz, channels, options;
    const kt_loudness_ops_t *ops;
    kt_kweight_t             kweight;
    kt_interpolation_t       between;
    size_t                   filled;    // frames of the present block
    uint64_t                 own, end;  // of the range: blocks between them count
    uint64_t                 done;      // frames of the stream before the present block
    uint64_t                 hops;      // of the stream that are complete
    uint64_t                 hop_from;  // the present hop's first frame
    double                   hop_energy;
    double                   energy[SHORT_TERM], length[SHORT_TERM];  // of the last hops, frames
    kt_gating_t              momentary, short_term;
    channel_t                channel[];
} loudness_t;

static size_t
loudness_bytes(uint32_t channels)
{
    // One more than there are, silent: the partner of the last of an odd number.
    return sizeof(loudness_t) + (channels + 1) * sizeof(channel_t);
}

static kt_err_t
loudness_new(void **state, const kt_stream_t *stream)
{
    loudness_t *self    = calloc(1, loudness_bytes(stream->channels));
    double     *weights = calloc(stream->channels + 1, sizeof *weights);
    if (!self || !weights) {
        free(self);
        free(weights);
        return KT_ENOMEM;
    }
    self->rate_hz  = stream->rate_hz;
    self->channels = stream->channels;
    self->options  = stream->options;
    self->own      = stream->range.own;
    self->end      = stream->range.end;
    self->done     = stream->range.from;
    self->hops     = stream->rate_hz ? stream->range.from * 10 / stream->rate_hz : 0;
    self->hop_from = self->done;
    self->ops      = kt_device_isa(stream->device)->loudness;
    if (stream->rate_hz >= KT_KWEIGHT_MIN_HZ)
        kt_kweight_design(&self->kweight, stream->rate_hz);
    kt_interpolation_design(&self->between, stream->rate_hz);
    kt_speaker_weights(stream->layout, stream->channels, weights);
    for (uint32_t c = 0; c < stream->channels; c++)
        self->channel[c].weight = weights[c];
    free(weights);
    *state = self;
    return KT_OK;
}

static void
loudness_destroy(void **state)
{
    free(*state);
    *state = NULL;
}

// The last `hops` hops as one window.
static double
hops_energy(const loudness_t *self, unsigned hops)
{
    double energy = 0, length = 0;
    for (unsigned back = 1; back <= hops; back++) {
        energy += self->energy[(self->hops - back) % SHORT_TERM];
        length += self->length[(self->hops - back) % SHORT_TERM];
    }
    return energy / length;
}

static void
close_hop(loudness_t *self, uint64_t end)
{
    self->energy[self->hops % SHORT_TERM] = self->hop_energy;
    self->length[self->hops % SHORT_TERM] = (double)(end - self->hop_from);
    self->hop_energy                      = 0;
    self->hop_from                        = end;
    self->hops++;
    if (self->hops >= MOMENTARY)
        kt_gating_add(&self->momentary, hops_energy(self, MOMENTARY));
    if (self->hops >= SHORT_TERM)
        kt_gating_add(&self->short_term, hops_energy(self, SHORT_TERM));
}

// Frames [from, to) of the block: two channels side by side, those that do not count left out.
static void
add_energy(loudness_t *self, size_t from, size_t to)
{
    for (uint32_t c = 0; c < self->channels; c += 2) {
        channel_t         *pair      = &self->channel[c];
        kt_kweight_state_t state[2]  = {pair[0].state, pair[1].state};
        const float       *plane[2]  = {pair[0].plane + KT_PEAK_MARGIN + from, pair[1].plane + KT_PEAK_MARGIN + from};
        double             energy[2] = {0, 0};
        if (pair[0].weight == 0 && pair[1].weight == 0)
            continue;
        self->ops->energy(&self->kweight, state, plane, to - from, energy);
        for (int i = 0; i < 2; i++) {
            // A filter that rings out in digital silence ends at zero and not in subnormal numbers, which are slow.
            double *value = &state[i].x[0];
            for (size_t k = 0; k < sizeof state[i] / sizeof *value; k++)
                value[k] = fabs(value[k]) < 1e-100 ? 0 : value[k];
            pair[i].state = state[i];
            self->hop_energy += pair[i].weight * energy[i];
        }
    }
}

// The range's own samples begin: drops what was counted so far, which belongs to its neighbour, and keeps filters and
// windows.
static void
loudness_clear_counts(loudness_t *self)
{
    memset(&self->momentary, 0, sizeof self->momentary);
    memset(&self->short_term, 0, sizeof self->short_term);
    for (uint32_t c = 0; c < self->channels; c++)
        self->channel[c].peaks = (kt_peaks_t){0, 0, 0};
}

static void
measure_block(loudness_t *self)
{
    if (self->done == self->own)
        loudness_clear_counts(self);
    for (size_t from = 0, to; from < self->filled && self->rate_hz >= KT_KWEIGHT_MIN_HZ; from = to) {
        uint64_t end = (self->hops + 1) * self->rate_hz / 10;  // of the present hop
        to           = end - self->done < self->filled ? (size_t)(end - self->done) : self->filled;
        add_energy(self, from, to);
        if (self->done + to == end)
            close_hop(self, end);
    }
    for (uint32_t c = 0; c < self->channels; c++) {
        channel_t *channel = &self->channel[c];
        self->ops->peaks(&self->between, channel->plane, BLOCK, &channel->peaks);
        memcpy(channel->plane, channel->plane + BLOCK, KT_PEAK_MARGIN * sizeof *channel->plane);
    }
    self->done += self->filled;
    self->filled = 0;
}

static kt_err_t
loudness_push(void *state, const float *pcm, size_t frames)
{
    loudness_t *self = state;
    for (size_t n; frames > 0 && self->done < self->end; frames -= n, pcm += n * self->channels) {
        n = BLOCK - self->filled < frames ? BLOCK - self->filled : frames;
        self->ops->planes(pcm, n, self->channels, self->channel[0].plane + KT_PEAK_MARGIN + self->filled,
                          sizeof(channel_t) / sizeof(float));
        self->filled += n;
        if (self->filled == BLOCK)
            measure_block(self);
    }
    return KT_OK;
}

static kt_err_t
loudness_merge(void **state, void **next)
{
    loudness_t *self = *state, *later = *next;
    if (later->done == later->own)
        loudness_clear_counts(later);  // it has not filled a block of its own
    kt_gating_merge(&later->momentary, &self->momentary);
    kt_gating_merge(&later->short_term, &self->short_term);
    for (uint32_t c = 0; c < self->channels; c++) {
        const kt_peaks_t *before = &self->channel[c].peaks;
        kt_peaks_t       *peaks  = &later->channel[c].peaks;
        peaks->sample            = fmaxf(peaks->sample, before->sample);
        peaks->between           = fmaxf(peaks->between, before->between);
        peaks->squares += before->squares;
    }
    later->own = self->own;
    *state     = later;
    *next      = self;
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
why_none(const loudness_t *self, unsigned hops, const char *too_short, const char *gated)
{
    if (self->channels == 0)
        return "no sound";
    if (self->rate_hz < KT_KWEIGHT_MIN_HZ)
        return "not defined at this sample rate";
    if (self->hops < hops)
        return self->done == 0 ? "the sound has no samples" : too_short;
    return self->short_term.loudest > 0 || self->momentary.loudest > 0 ? gated : "silence";
}

static void
write_peaks(const loudness_t *self, kt_document_t *document, double *true_peak)
{
    kt_peaks_t  peaks = {0, 0, 0};  // of all channels: the largest peaks, the sum of squares
    double      count = (double)self->done * self->channels, crest = NAN;
    const char *reason = self->channels == 0 ? "no sound" : self->done == 0 ? "the sound has no samples" : "silence";
    for (uint32_t c = 0; c < self->channels; c++) {
        const kt_peaks_t *channel = &self->channel[c].peaks;
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
write_loudness(const loudness_t *self, kt_document_t *document, double true_peak)
{
    const char *momentary  = why_none(self, MOMENTARY, "shorter than 400 ms", "never louder than -70 LUFS");
    const char *short_term = why_none(self, SHORT_TERM, "shorter than 3 s", "never louder than -70 LUFS");
    double      integrated = NAN, range = NAN, loudest_m = NAN, loudest_s = NAN;
    (void)kt_gating_integrated(&self->momentary, &integrated);
    (void)kt_gating_range(&self->short_term, &range);
    if (self->momentary.loudest > 0)
        loudest_m = kt_loudness_of(self->momentary.loudest);
    if (self->short_term.loudest > 0)
        loudest_s = kt_loudness_of(self->short_term.loudest);
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
    const loudness_t *self = state;
    loudness_t       *end  = malloc(loudness_bytes(self->channels));
    if (!end)
        return KT_ENOMEM;
    memcpy(end, self, loudness_bytes(self->channels));

    // The present block, then one of silence for the values between the last samples and the silence after them.
    for (int i = 0; i < 2; i++) {
        for (uint32_t c = 0; c < end->channels; c++)
            memset(end->channel[c].plane + KT_PEAK_MARGIN + end->filled, 0, (BLOCK - end->filled) * sizeof(float));
        measure_block(end);
    }
    double true_peak;
    write_peaks(end, document, &true_peak);
    write_loudness(end, document, true_peak);
    free(end);
    return KT_OK;
}

const kt_module_t kt_module_loudness = {
    .name    = "loudness",
    .stage   = "audio_loudness",
    .options = KT_OPTION_PERCEPTUAL | KT_OPTION_QUALITY,
    .new     = loudness_new,
    .push    = loudness_push,
    .finish  = loudness_finish,
    .merge   = loudness_merge,
    .destroy = loudness_destroy,
};
