// The stream by pieces whose facts a device has made. What facts cannot decide, and facts that are not there, are made
// here of the piece's samples: the results are those of the same samples in quality_push, as far as the facts are the
// same.
#include "kernels/audio/piece_facts.h"
#include "node/audio/quality/state.h"

#include <string.h>

static void
copy_floats(const float *from, size_t stride, size_t n, float *out)
{
    for (const float *end = out + n; out < end; out++, from += stride)
        *out = fabsf(*from) <= KT_SAMPLE_LIMIT ? *from : 0;
}

static void
copy_shorts(const int16_t *from, size_t stride, size_t n, float *out)
{
    for (const float *end = out + n; out < end; out++, from += stride)
        *out = (float)*from * KT_S16_UNIT;
}

// Samples `from` .. `from` + n - 1 of a channel, counted from the piece's first frame.
static void
read_samples(const kt_quality_t *self, const kt_source_piece_t *piece, uint32_t channel, int64_t from, size_t n,
             float *out)
{
    const int64_t end = (int64_t)piece->frames + piece->has, had = piece->had, stop = from + (int64_t)n;
    const int64_t first = from > -had ? from : -had, last = stop < end ? stop : end;
    if (first > from || last < stop)
        memset(out, 0, n * sizeof *out);
    if (first >= last)
        return;
    const size_t begin = (size_t)(first + had) * self->channels + channel;
    if (piece->format == KT_SAMPLES_S16)
        copy_shorts((const int16_t *)piece->pcm + begin, self->channels, (size_t)(last - first), out + (first - from));
    else
        copy_floats((const float *)piece->pcm + begin, self->channels, (size_t)(last - first), out + (first - from));
}

// The block that begins there and its neighbours into the channel's plane. Where all is there and finite, both channels
// at once by the processor's kernel: of a file that is clipped throughout, every block is read.
static void
read_block(kt_quality_t *self, const kt_source_piece_t *piece, uint32_t channel, int64_t begin)
{
    enum { LAST = KT_BLOCK_SAMPLES + 1 };
    const int64_t from = begin - 1 + piece->had, end = (int64_t)piece->had + piece->frames + piece->has;
    if (piece->format == KT_SAMPLES_F32 && piece->not_finite == 0 && from >= 0 && from + LAST < end) {
        self->ops->split((const float *)piece->pcm + (size_t)from * self->channels, LAST + 1, self->channels,
                         self->channel[0].plane, self->channel[1].plane);
        for (uint32_t c = 0; c < self->used; c++) {  // the neighbours may be another piece's
            float *plane = self->channel[c].plane;
            plane[0]     = fabsf(plane[0]) <= KT_SAMPLE_LIMIT ? plane[0] : 0;
            plane[LAST]  = fabsf(plane[LAST]) <= KT_SAMPLE_LIMIT ? plane[LAST] : 0;
        }
        return;
    }
    read_samples(self, piece, channel, begin - 1, KT_BLOCK_SAMPLES + 2, self->channel[channel].plane);
}

// The low band remembers the groups before `begin`.
static void
recall_groups(kt_quality_t *self, const kt_source_piece_t *piece, int64_t begin)
{
    enum { GROUPS = KT_LOW_BAND_BEFORE / KT_GROUP_SAMPLES };
    for (uint32_t c = 0; c < self->used; c++) {
        kt_sample_group_t groups[GROUPS];
        float             before[1 + KT_LOW_BAND_BEFORE + 1], ignored[GROUPS];
        read_samples(self, piece, c, begin - KT_LOW_BAND_BEFORE - 1, KT_LOW_BAND_BEFORE + 2, before);
        self->ops->groups(before + 1, GROUPS, groups);
        kt_lowband_values(&self->channel[c].low, self->ops, groups, GROUPS, ignored);
    }
}

static void
add_facts(kt_quality_t *self, const kt_source_piece_t *piece, size_t block)
{
    const kt_piece_facts_t *facts = piece->facts;
    const int64_t           begin = (int64_t)block * KT_BLOCK_SAMPLES;
    kt_sample_group_t       groups[2][KT_BLOCK_GROUPS];
    kt_block_t              blocks[2];
    for (uint32_t c = 0; c < self->used; c++) {
        const size_t          place   = block * self->used + c;
        kt_quality_channel_t *channel = &self->channel[c];
        blocks[c]                     = (kt_block_t){.facts = facts->blocks + place, .samples = KT_BLOCK_SAMPLES};
        if (kt_channel_facts_needs_samples(&channel->facts, blocks[c].facts)) {
            read_block(self, piece, c, begin);
            self->ops->groups(channel->plane + 1, KT_BLOCK_GROUPS, groups[c]);
            blocks[c].x      = channel->plane + 1;
            blocks[c].groups = groups[c];
        }
        if (self->spectra)
            memcpy(channel->window + self->low_gathered, facts->low_band + place * KT_BLOCK_GROUPS,
                   KT_BLOCK_GROUPS * sizeof *channel->window);
    }
    kt_quality_add_block(self, blocks, self->used == 2 ? facts->products[block] : 0);
}

// The next frame, or its first n samples, into a row of the batch.
static void
read_frame(kt_quality_t *self, const kt_source_piece_t *piece, size_t n, size_t row)
{
    const uint64_t start = self->frame * self->rate_hz / 4;
    read_samples(self, piece, (uint32_t)(self->frame % self->used), (int64_t)(start - piece->first), n,
                 self->batch + row * self->n_fft);
}

// The spectra of the tone's frames are made here, those alone.
static void
add_tonal_frames(kt_quality_t *self)
{
    const size_t bins = self->n_fft / 2 + 1;
    if (self->tonal > 0)
        kt_quality_powers(self, self->batch, self->tonal);
    for (size_t i = 0; i < self->tonal; i++)
        kt_tone_add(&self->tone, self->rows + i * bins, bins);
    self->tonal = 0;
}

// The frames that end in the blocks so far.
static void
add_spectra(kt_quality_t *self, const kt_source_piece_t *piece)
{
    const size_t            bins = self->n_fft / 2 + 1, width = self->n_fft / 2 / KT_SPECTRUM_BAND;
    const kt_piece_facts_t *facts   = piece->facts;
    const bool              is_made = facts && facts->has_spectra;
    for (size_t place = 0; self->frame * self->rate_hz / 4 + self->n_fft <= self->done; place++, self->frame++) {
        kt_spectrum_facts_t own;
        float              *made = self->rows + bins;
        if (!is_made) {
            add_tonal_frames(self);
            read_frame(self, piece, self->n_fft, 0);
            kt_quality_powers(self, self->batch, 1);
            kt_spectrum_facts_of(self->rows, bins, &own, made);
            if (kt_quality_add_spectrum(self, &own, made))
                kt_tone_add(&self->tone, self->rows, bins);
            continue;
        }
        if (!kt_quality_add_spectrum(self, &facts->spectra[place], facts->bands + place * width))
            continue;
        if (self->tone.frames == 1)
            self->tonal = 0;
        read_frame(self, piece, self->n_fft, self->tonal);
        if (++self->tonal == KT_QUALITY_FRAMES)
            add_tonal_frames(self);
    }
}

// A block counts as whole when a frame follows it; the rest waits for the end, as it does in quality_push.
void
kt_quality_add_piece(kt_quality_t *self, const kt_source_piece_t *piece)
{
    const uint64_t end     = (uint64_t)piece->frames + piece->has;
    const bool     is_made = piece->facts && piece->facts->has_blocks;
    size_t         block   = 0;
    if (!is_made && self->spectra)
        recall_groups(self, piece, 0);
    for (; block < KT_PIECE_BLOCKS && (block + 1) * KT_BLOCK_SAMPLES < end; block++) {
        for (uint32_t c = 0; c < self->used && !is_made; c++)
            read_block(self, piece, c, (int64_t)block * KT_BLOCK_SAMPLES);
        if (is_made)
            add_facts(self, piece, block);
        else
            kt_quality_add_samples(self, KT_BLOCK_SAMPLES);
        kt_quality_end_block(self);
    }
    if (self->spectra)
        add_spectra(self, piece);
    if (block == KT_PIECE_BLOCKS)
        return;

    // The stream's end: what is left of the samples, of the low band's memory and of the frame that has begun.
    const int64_t begin = (int64_t)block * KT_BLOCK_SAMPLES;
    self->filled        = piece->frames - (size_t)begin;
    for (uint32_t c = 0; c < self->used; c++)
        read_block(self, piece, c, begin);
    if (self->spectra && is_made)
        recall_groups(self, piece, begin);
    if (self->spectra)
        add_tonal_frames(self);
    if (self->spectra && self->frame * self->rate_hz / 4 < self->done)
        read_frame(self, piece, (size_t)(self->done - self->frame * self->rate_hz / 4), 0);
}
