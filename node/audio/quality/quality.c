// quality -- faults of the recording: noise, clipping, distortion, hum, dropouts, clicks, offset, a band that ends
// early, channels that cancel. Of more than two channels only the first two (front left and right) are analysed.
//
// Samples are gathered in blocks of fixed length, so the caller's chunks cannot change a bit. A block's facts are made
// of groups of 64 samples (kernels/audio/block_facts.h); four times per second a frame of some 93 ms, from one channel
// and the other in turn, becomes a power spectrum, and that its facts (kernels/audio/spectrum_facts.h). Frames below
// -100 dBFS are digital silence and not the recording's noise: left out. Silence at head and tail is the time before
// the first and after the last sample above -60 dBFS.
#include "kernels/isa.h"
#include "node/audio/quality/state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = KT_BLOCK_SAMPLES, FRAMES = KT_QUALITY_FRAMES };
static const double HANN_POWER = 0.375;

static void
quality_destroy(void **state)
{
    kt_quality_t *self = *state;
    if (!self)
        return;
    kt_power_spectra_destroy(&self->spectra);
    kt_power_spectra_destroy(&self->low_spectra);
    free(self->rows);
    free(self);
    *state = NULL;
}

// Of the hum: the largest power of two that lasts no longer than KT_HUM_SECONDS.
static uint32_t
low_samples(double low_hz)
{
    uint32_t n = 256;
    while (2 * n <= KT_LOWBAND_WINDOW && 2 * n <= low_hz * KT_HUM_SECONDS)
        n *= 2;
    return n;
}

static size_t
state_bytes(uint32_t n_fft)
{
    return sizeof(kt_quality_t) + (size_t)FRAMES * n_fft * sizeof(float);
}

static kt_err_t
quality_new(void **state, const kt_stream_t *stream)
{
    const uint32_t n_fft = kt_spectrum_samples(stream->rate_hz);
    kt_quality_t  *self  = calloc(1, state_bytes(n_fft));
    if (!self)
        return KT_ENOMEM;
    self->rate_hz     = stream->rate_hz;
    self->channels    = stream->channels;
    self->used        = stream->channels < 2 ? stream->channels : 2;
    self->ops         = kt_device_isa(stream->device)->samples;
    self->first_sound = UINT64_MAX;
    self->n_fft       = n_fft;
    self->n_low       = low_samples((double)stream->rate_hz / KT_GROUP_SAMPLES);
    self->own         = stream->range.own;
    self->end         = stream->range.end;
    self->done        = stream->range.from;
    if (self->rate_hz > 0)  // the first frame of a spectrum that begins within the pushed samples
        self->frame = (stream->range.from * 4 + self->rate_hz - 1) / self->rate_hz;
    for (int c = 0; c < 2; c++) {
        kt_channel_facts_init(&self->channel[c].facts);
        kt_lowband_init(&self->channel[c].low, stream->rate_hz, stream->range.from / KT_GROUP_SAMPLES);
    }

    kt_err_t err = KT_OK;
    if (stream->channels > 0 && n_fft > 0) {
        const kt_cpu_ops_t *ops  = kt_device_isa(stream->device)->rows;
        const size_t        bins = (n_fft > self->n_low ? n_fft : self->n_low) / 2 + 1;
        kt_noise_init(&self->noise, n_fft / 2);
        self->rows = calloc((FRAMES + 1) * bins, sizeof *self->rows);
        err        = self->rows ? kt_power_spectra_new(&self->spectra, ops, self->rate_hz, n_fft, n_fft) : KT_ENOMEM;
        if (!err)
            err = kt_power_spectra_new(&self->low_spectra, ops, self->rate_hz, self->n_low, self->n_low);
    }
    if (err)
        quality_destroy((void **)&self);
    else
        *state = self;
    return err;
}

// --- spectra ---------------------------------------------------------------------------------------------------------

static void
scale_powers(float *powers, size_t n, uint32_t n_fft)
{
    const float factor = (float)(1 / (HANN_POWER * n_fft));
    for (size_t i = 0; i < n; i++)
        powers[i] *= factor;
}

void
kt_quality_powers(kt_quality_t *self, const float *samples, size_t frames)
{
    const size_t bins = self->n_fft / 2 + 1;
    kt_power_spectra_rows(self->spectra, samples, frames, bins, self->rows);
    scale_powers(self->rows, frames * bins, self->n_fft);
}

bool
kt_quality_add_spectrum(kt_quality_t *self, const kt_spectrum_facts_t *facts, const float *bands)
{
    self->spectra_seen++;
    if (!facts->sounds)
        return false;
    kt_noise_add(&self->noise, bands);
    kt_band_add(&self->band, bands, self->n_fft / 2 + 1);
    return kt_tone_vote(&self->tone, facts->pitch);
}

static void
add_spectra_batch(kt_quality_t *self)
{
    const size_t bins = self->n_fft / 2 + 1;
    if (self->gathered == 0)
        return;
    kt_quality_powers(self, self->batch, self->gathered);
    for (size_t i = 0; i < self->gathered; i++) {
        const float        *powers = self->rows + i * bins;
        float              *bands  = self->rows + FRAMES * bins;
        kt_spectrum_facts_t facts;
        kt_spectrum_facts_of(powers, bins, &facts, bands);
        if (kt_quality_add_spectrum(self, &facts, bands))
            kt_tone_add(&self->tone, powers, bins);
    }
    self->gathered = 0;
}

// Copies the block's first `frames` frames into the spectra's frames.
static void
gather_frames(kt_quality_t *self, size_t frames)
{
    for (const uint64_t end = self->done + frames;;) {
        const uint64_t start = self->frame * self->rate_hz / 4, stop = start + self->n_fft;
        const float   *plane = self->channel[self->frame % self->used].plane + 1;
        const uint64_t from = start > self->done ? start : self->done, to = stop < end ? stop : end;
        if (from < to)
            memcpy(self->batch + self->gathered * self->n_fft + (from - start), plane + (from - self->done),
                   (to - from) * sizeof *plane);
        if (stop > end)
            return;
        self->frame++;
        if (++self->gathered == FRAMES)
            add_spectra_batch(self);
    }
}

// --- samples ---------------------------------------------------------------------------------------------------------

// Where the first and the last sample above -60 dBFS of any channel is.
static void
add_sound(kt_quality_t *self, const kt_block_t *blocks)
{
    uint16_t first = KT_BLOCK_SILENT, last = 0;
    for (uint32_t c = 0; c < self->used; c++) {
        const kt_block_facts_t *facts = blocks[c].facts;
        if (facts->first_sound == KT_BLOCK_SILENT)
            continue;
        first = facts->first_sound < first ? facts->first_sound : first;
        last  = facts->last_sound > last ? facts->last_sound : last;
    }
    if (first == KT_BLOCK_SILENT)
        return;
    self->last_sound = self->done + last;
    if (self->first_sound == UINT64_MAX)
        self->first_sound = self->done + first;
}

void
kt_quality_add_block(kt_quality_t *self, const kt_block_t blocks[2], double product)
{
    for (uint32_t c = 0; c < self->used; c++) {
        kt_quality_channel_t *channel = &self->channel[c];
        kt_channel_facts_add(&channel->facts, self->ops, &blocks[c], self->rate_hz);
        if (self->spectra)
            kt_lowband_add(&channel->low, channel->window + self->low_gathered,
                           (blocks[c].samples + KT_GROUP_SAMPLES - 1) / KT_GROUP_SAMPLES);
    }
    add_sound(self, blocks);
    self->stereo.product += product;
}

void
kt_quality_add_samples(kt_quality_t *self, size_t frames)
{
    const size_t      groups = (frames + KT_GROUP_SAMPLES - 1) / KT_GROUP_SAMPLES;
    kt_sample_group_t of[2][KT_BLOCK_GROUPS];
    kt_block_facts_t  facts[2];
    kt_block_t        blocks[2];
    if (frames == 0)
        return;
    for (uint32_t c = 0; c < self->used; c++) {
        kt_quality_channel_t *channel = &self->channel[c];
        const float          *x       = channel->plane + 1;
        self->ops->groups(x, groups, of[c]);
        kt_block_facts_of(x, of[c], frames, &facts[c]);
        blocks[c] = (kt_block_t){&facts[c], x, of[c], frames};
        if (self->spectra)
            kt_lowband_values(&channel->low, self->ops, of[c], groups, channel->window + self->low_gathered);
    }
    kt_quality_add_block(
        self, blocks,
        self->used == 2 ? self->ops->product(self->channel[0].plane + 1, self->channel[1].plane + 1, groups) : 0);
}

// The range's own samples begin: drops what was counted so far, which belongs to its neighbour, but not a spectrum that
// is half gathered.
static void
quality_clear_counts(kt_quality_t *self)
{
    for (uint32_t c = 0; c < self->used; c++) {
        kt_channel_facts_clear_counts(&self->channel[c].facts);
        kt_lowband_clear_counts(&self->channel[c].low);
    }
    memmove(self->batch, self->batch + self->gathered * self->n_fft, self->n_fft * sizeof *self->batch);
    self->gathered     = 0;
    self->first_sound  = UINT64_MAX;
    self->last_sound   = 0;
    self->spectra_seen = 0;
    self->stereo       = (kt_stereo_t){0};
    memset(&self->hum, 0, sizeof self->hum);
    memset(&self->tone, 0, sizeof self->tone);
    memset(&self->band, 0, sizeof self->band);
    memset(&self->noise, 0, sizeof self->noise);
    if (self->spectra)
        kt_noise_init(&self->noise, self->n_fft / 2);
}

// The mean spectrum of the channels for the hum.
static void
add_low_window(kt_quality_t *self)
{
    const size_t bins = self->n_low / 2 + 1;
    for (uint32_t c = 0; c < self->used; c++)
        kt_power_spectra_rows(self->low_spectra, self->channel[c].window, 1, bins, self->rows + c * bins);
    for (size_t k = 0; k < bins && self->used == 2; k++)
        self->rows[k] = (self->rows[k] + self->rows[bins + k]) / 2;
    scale_powers(self->rows, bins, self->n_low);
    kt_hum_add(&self->hum, self->rows, self->n_low, (double)self->rate_hz / KT_GROUP_SAMPLES);
    self->low_gathered = 0;
}

void
kt_quality_end_block(kt_quality_t *self)
{
    if (self->spectra)
        self->low_gathered += KT_BLOCK_GROUPS;
    if (self->spectra && self->low_gathered == self->n_low)
        add_low_window(self);
    self->done += BLOCK;
}

static void
close_block(kt_quality_t *self)
{
    if (self->done == self->own)
        quality_clear_counts(self);
    kt_quality_add_samples(self, BLOCK);
    if (self->spectra)
        gather_frames(self, BLOCK);
    for (uint32_t c = 0; c < self->used; c++)
        memcpy(self->channel[c].plane, self->channel[c].plane + BLOCK, 2 * sizeof(float));
    kt_quality_end_block(self);
    self->filled = 1;
}

static kt_err_t
quality_push(void *state, const float *pcm, size_t frames)
{
    kt_quality_t *self = state;
    for (size_t n; frames > 0 && self->done < self->end; frames -= n, pcm += n * self->channels) {
        n = BLOCK + 1 - self->filled < frames ? BLOCK + 1 - self->filled : frames;
        self->ops->split(pcm, n, self->channels, self->channel[0].plane + 1 + self->filled,
                         self->channel[1].plane + 1 + self->filled);
        self->filled += n;
        if (self->filled == BLOCK + 1)
            close_block(self);
    }
    return KT_OK;
}

static kt_err_t
quality_piece(void *state, const kt_source_piece_t *piece)
{
    kt_quality_add_piece(state, piece);
    return KT_OK;
}

// The later state continues the stream, so it takes over the counts of the one before.
static kt_err_t
quality_merge(void **state, void **next)
{
    kt_quality_t *before = *state, *later = *next;
    if (before->spectra)
        add_spectra_batch(before);
    if (later->done == later->own)
        quality_clear_counts(later);  // it has not filled a block of its own

    for (uint32_t c = 0; c < later->used; c++) {
        kt_channel_facts_precede(&later->channel[c].facts, &before->channel[c].facts);
        kt_lowband_precede(&later->channel[c].low, &before->channel[c].low);
    }
    if (before->first_sound != UINT64_MAX) {
        later->last_sound  = later->first_sound != UINT64_MAX ? later->last_sound : before->last_sound;
        later->first_sound = before->first_sound;
    }
    later->own = before->own;
    later->spectra_seen += before->spectra_seen;
    later->stereo.product += before->stereo.product;
    kt_hum_merge(&later->hum, &before->hum);
    kt_noise_merge(&later->noise, &before->noise);
    kt_band_merge(&later->band, &before->band);
    kt_tone_merge(&later->tone, &before->tone);
    *state = later;
    *next  = before;
    return KT_OK;
}

// Finishes a copy of the state, so that the stream can continue after a snapshot. The transforms are shared: they are
// stateless.
static kt_err_t
quality_finish(const void *state, kt_document_t *document)
{
    const kt_quality_t *self = state;
    kt_quality_t       *end  = malloc(state_bytes(self->n_fft));
    if (!end)
        return KT_ENOMEM;
    memcpy(end, self, state_bytes(self->n_fft));

    // The present block and the frames of spectra that are complete.
    double squares = 0;
    for (uint32_t c = 0; c < end->used; c++)
        memset(end->channel[c].plane + 1 + end->filled, 0, (BLOCK + 1 - end->filled) * sizeof(float));
    if (end->used > 0) {
        if (end->spectra)
            gather_frames(end, end->filled);
        kt_quality_add_samples(end, end->filled);
        if (end->spectra)
            add_spectra_batch(end);
        end->done += end->filled;
        end->filled = 0;
    }
    for (uint32_t c = 0; c < end->used; c++)
        squares += end->channel[c].facts.squares;

    if (end->used == 0 || end->done == 0)
        kt_quality_report_nothing(document, end->used == 0 ? "no sound" : "the sound has no samples");
    else if (squares == 0)
        kt_quality_report_nothing(document, "silence");
    else
        kt_quality_report(end, document);
    free(end);
    return KT_OK;
}

const kt_module_t kt_module_quality = {
    .name    = "quality",
    .stage   = "audio_quality",
    .options = KT_OPTION_QUALITY,
    .new     = quality_new,
    .push    = quality_push,
    .piece   = quality_piece,
    .finish  = quality_finish,
    .merge   = quality_merge,
    .destroy = quality_destroy,
};
