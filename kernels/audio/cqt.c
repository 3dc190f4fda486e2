#include "kernels/audio/cqt.h"

#include "kernels/audio/cqt_basis.h"
#include "kernels/audio/ops.h"
#include "kernels/audio/resample.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    GROUP = 16,                        // frames, and blocks of the filter, together, whatever the instruction set
    BLOCK = GROUP * KT_HALF_BAND_OUT,  // samples per step
    READ  = GROUP * KT_HALF_BAND_STEP + KT_HALF_BAND_N_FFT -
           KT_HALF_BAND_STEP,  // samples that a group of the filter's blocks reads
};

// One octave of the cascade; pcm holds its samples from the first one that a frame still needs.
typedef struct octave {
    float   *pcm;
    size_t   filled;
    size_t   hop, done;  // frames
    float    gain;       // a halved rate takes its square root of the level
    float   *above;      // samples of the octave above that the filter still needs; NULL in the first one
    size_t   above_filled;
    uint64_t above_total, made;  // samples in and out of the filter
    float   *block;              // [BLOCK], the filter's output
} octave_t;

struct kt_cqt {
    const kt_cpu_ops_t *ops;
    uint32_t            rate_hz, hop;
    kt_cqt_basis_t      basis;
    kt_half_band_t      half_band;
    kt_resample_t      *early;   // to the rate of the first octave; NULL: none needed
    double              tuning;  // the basis's; NAN before the first
    void               *scratch;
    octave_t            octave[KT_CQT_OCTAVES];
    size_t              frames;  // wanted
    float              *out;
};

bool
kt_cqt_is_defined(uint32_t rate_hz, uint32_t hop)
{
    return kt_cqt_n_fft(rate_hz, hop, -0.5) > 0 && kt_cqt_n_fft(rate_hz, hop, 0.5) > 0;
}

kt_err_t
kt_cqt_new(kt_cqt_t **self_p, const kt_cpu_ops_t *ops, uint32_t rate_hz, uint32_t hop)
{
    if (!kt_cqt_is_defined(rate_hz, hop))
        return KT_EINVAL;
    kt_cqt_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->ops          = ops;
    self->rate_hz      = rate_hz;
    self->hop          = hop;
    self->tuning       = NAN;
    const kt_err_t err = kt_half_band_init(&self->half_band);
    if (err) {
        kt_cqt_destroy(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

static void
cqt_close_octaves(kt_cqt_t *self)
{
    kt_resample_destroy(&self->early);
    for (size_t i = 0; i < KT_CQT_OCTAVES; i++) {
        free(self->octave[i].pcm);
        free(self->octave[i].above);
        free(self->octave[i].block);
        self->octave[i] = (octave_t){0};
    }
}

void
kt_cqt_destroy(kt_cqt_t **self_p)
{
    kt_cqt_t *self = *self_p;
    if (!self)
        return;
    cqt_close_octaves(self);
    kt_cqt_basis_fini(&self->basis);
    kt_half_band_fini(&self->half_band);
    free(self->scratch);
    free(self);
    *self_p = NULL;
}

// Half a frame of zeros precedes the samples, and KT_HALF_BAND_LEAD zeros precede those of the octave above.
static kt_err_t
cqt_open_octaves(kt_cqt_t *self)
{
    enum { UNIT_HZ = 1000 };  // soxr reads nothing but the ratio
    const uint32_t n_fft = self->basis.transform->opts.n_fft;
    kt_err_t       err   = KT_OK;
    if (self->basis.decimations)
        err = kt_resample_new(&self->early, UNIT_HZ << self->basis.decimations, UNIT_HZ);
    for (uint32_t i = 0; i < KT_CQT_OCTAVES && !err; i++) {
        const uint32_t decimations = self->basis.decimations + i;
        octave_t      *o           = &self->octave[i];
        o->hop                     = self->hop >> decimations;
        o->gain                    = (float)exp2(0.5 * decimations);
        o->filled                  = n_fft / 2;
        o->above_filled            = KT_HALF_BAND_LEAD;
        o->pcm                     = calloc(2 * n_fft + GROUP * o->hop + BLOCK, sizeof *o->pcm);
        o->block                   = calloc(BLOCK, sizeof *o->block);
        o->above                   = i > 0 ? calloc(READ + BLOCK, sizeof *o->above) : NULL;
        err                        = o->pcm && o->block && (o->above || i == 0) ? KT_OK : KT_ENOMEM;
    }
    return err;
}

// Whole groups of frames as long as samples arrive, at the end all that are left; then drops samples that no frame
// needs.
static void
octave_frames(kt_cqt_t *self, octave_t *o, bool last)
{
    const size_t n_fft = self->basis.transform->opts.n_fft, left = self->frames - o->done;
    size_t       ready = o->filled < n_fft ? 0 : 1 + (o->filled - n_fft) / o->hop;
    if (!last)
        ready = (ready < o->filled / o->hop ? ready : o->filled / o->hop) / GROUP * GROUP;
    const size_t frames = ready < left ? ready : left;
    self->ops->cqt_octave(&self->basis, self->scratch, o->pcm, o->hop, frames, o->gain,
                          self->out + o->done * KT_CQT_CLASSES);
    o->done += frames;
    if (last)
        return;
    o->filled -= ready * o->hop;
    memmove(o->pcm, o->pcm + ready * o->hop, o->filled * sizeof *o->pcm);
}

// Writes the next blocks of the filter into o->block and drops the samples that it no longer needs.
static void
octave_decimate(kt_cqt_t *self, octave_t *o, size_t blocks)
{
    const size_t step = blocks * KT_HALF_BAND_STEP;
    self->ops->decimate(&self->half_band, self->scratch, o->above, blocks, o->block);
    o->above_filled -= step;
    memmove(o->above, o->above + step, o->above_filled * sizeof *o->above);
}

// Adds at most BLOCK samples to octave i, and their decimation to the octaves below.
static void
octave_feed(kt_cqt_t *self, size_t i, const float *pcm, size_t n)  // NOLINT(misc-no-recursion): at most KT_CQT_OCTAVES
{
    octave_t *o = &self->octave[i], *below = o + 1;
    memcpy(o->pcm + o->filled, pcm, n * sizeof *pcm);
    o->filled += n;
    octave_frames(self, o, false);
    if (i + 1 == KT_CQT_OCTAVES)
        return;
    memcpy(below->above + below->above_filled, pcm, n * sizeof *pcm);
    below->above_filled += n;
    below->above_total += n;
    if (below->above_filled < READ)
        return;
    octave_decimate(self, below, GROUP);
    below->made += BLOCK;
    octave_feed(self, i + 1, below->block, BLOCK);
}

// The samples themselves, or libsoxr's output where the first octave has a lower rate; n is 0 at their end.
static kt_err_t
cqt_feed(kt_cqt_t *self, const float *pcm, size_t n)
{
    float   *block = self->octave[0].block;
    kt_err_t err   = KT_OK;
    if (!self->early) {
        octave_feed(self, 0, pcm, n);
        return KT_OK;
    }
    const bool last = n == 0;
    for (size_t made = BLOCK; (last ? made > 0 : made == BLOCK) && !err; n = 0) {
        err = last ? kt_resample_finish(self->early, block, BLOCK, &made)
                   : kt_resample_push(self->early, pcm, n, block, BLOCK, &made);
        if (!err && made > 0)
            octave_feed(self, 0, block, made);
    }
    return err;
}

// Octave by octave from the top: what the filter above it still holds, then half a frame of zeros. There are half as
// many samples as above, rounded up.
static void
cqt_flush(kt_cqt_t *self)
{
    const size_t half = self->basis.transform->opts.n_fft / 2;
    for (size_t i = 0; i < KT_CQT_OCTAVES; i++) {
        octave_t      *o     = &self->octave[i];
        const uint64_t total = (o->above_total + 1) / 2;  // 0 in the first one
        while (o->made < total) {
            const size_t left   = (size_t)(total - o->made);
            const size_t blocks = left > BLOCK ? GROUP : (left + KT_HALF_BAND_OUT - 1) / KT_HALF_BAND_OUT;
            const size_t reads  = (blocks - 1) * KT_HALF_BAND_STEP + KT_HALF_BAND_N_FFT;
            const size_t given  = left < blocks * KT_HALF_BAND_OUT ? left : blocks * KT_HALF_BAND_OUT;
            for (; o->above_filled < reads; o->above_filled++)
                o->above[o->above_filled] = 0;
            octave_decimate(self, o, blocks);
            o->made += given;
            octave_feed(self, i, o->block, given);
        }
        memset(o->pcm + o->filled, 0, half * sizeof *o->pcm);
        o->filled += half;
        octave_frames(self, o, true);
    }
}

kt_err_t
kt_cqt_chroma(kt_cqt_t *self, double tuning, const float *pcm, size_t n, size_t frames, float *out)
{
    kt_err_t err = KT_OK;
    // The basis depends on the tuning only, and many files are in tune: the last one is kept.
    if (self->tuning != tuning) {
        self->tuning = NAN;
        err          = kt_cqt_basis_fill(&self->basis, self->rate_hz, self->hop, tuning);
        if (err)
            return err;
        const size_t wanted = (self->ops->scratch_bytes(self->basis.transform) + 63) / 64 * 64;
        free(self->scratch);
        self->scratch = aligned_alloc(64, wanted > KT_HALF_BAND_SCRATCH_BYTES ? wanted : KT_HALF_BAND_SCRATCH_BYTES);
        if (!self->scratch)
            return KT_ENOMEM;
        self->tuning = tuning;
    }

    self->frames = frames;
    self->out    = out;
    memset(out, 0, frames * KT_CQT_CLASSES * sizeof *out);
    err = cqt_open_octaves(self);
    for (size_t at = 0; at < n && !err; at += BLOCK)
        err = cqt_feed(self, pcm + at, n - at < BLOCK ? n - at : BLOCK);
    if (!err && self->early)
        err = cqt_feed(self, NULL, 0);
    if (!err)
        cqt_flush(self);
    cqt_close_octaves(self);

    for (size_t t = 0; t < frames && !err; t++) {
        float *row = out + t * KT_CQT_CLASSES, largest = 0;
        for (size_t c = 0; c < KT_CQT_CLASSES; c++)
            largest = fmaxf(largest, row[c]);
        for (size_t c = 0; c < KT_CQT_CLASSES && largest >= FLT_MIN; c++)
            row[c] /= largest;
    }
    return err;
}

void
kt_tonnetz(const float *chroma, size_t frames, float *out)
{
    static const double scale[KT_TONNETZ]  = {7.0 / 6, 7.0 / 6, 1.5, 1.5, 2.0 / 3, 2.0 / 3};
    static const double radius[KT_TONNETZ] = {1, 1, 1, 1, 0.5, 0.5};
    double              phi[KT_TONNETZ][KT_CQT_CLASSES];
    for (size_t d = 0; d < KT_TONNETZ; d++)
        for (size_t c = 0; c < KT_CQT_CLASSES; c++)
            phi[d][c] = radius[d] * cos(3.14159265358979323846 * (scale[d] * (double)c - (d % 2 ? 0 : 0.5)));
    for (size_t t = 0; t < frames; t++, chroma += KT_CQT_CLASSES, out += KT_TONNETZ) {
        double total = 0, sum[KT_TONNETZ] = {0};
        for (size_t c = 0; c < KT_CQT_CLASSES; c++)
            total += fabsf(chroma[c]);
        for (size_t d = 0; d < KT_TONNETZ; d++)
            for (size_t c = 0; c < KT_CQT_CLASSES; c++)
                sum[d] += phi[d][c] * chroma[c];
        for (size_t d = 0; d < KT_TONNETZ; d++)
            out[d] = (float)(total >= FLT_MIN ? sum[d] / total : sum[d]);
    }
}
