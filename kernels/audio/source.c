#include "kernels/audio/source.h"

#include "kernels/audio/piece_facts.h"
#include "kernels/audio/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool
kt_source_is_defined(const kt_source_opts_t *opts)
{
    return opts->channels > 0 && opts->rate_hz >= KT_RESAMPLE_LEAST_HZ && opts->rate_hz <= KT_RESAMPLE_MOST_HZ &&
           (opts->to_hz == 0 || kt_polyphase_is_defined(opts->rate_hz, opts->to_hz));
}

uint32_t
kt_source_reach(const kt_source_opts_t *opts)
{
    return opts->to_hz ? kt_polyphase_reach(opts->rate_hz, opts->to_hz) : 0;
}

size_t
kt_source_frame_bytes(const kt_source_opts_t *opts)
{
    return opts->channels * (opts->format == KT_SAMPLES_S16 ? sizeof(int16_t) : sizeof(float));
}

uint64_t
kt_source_output(const kt_source_opts_t *opts, uint64_t frame)
{
    return kt_polyphase_first(opts->rate_hz, opts->to_hz, frame);
}

uint32_t
kt_source_outputs(const kt_source_opts_t *opts)
{
    return opts->to_hz ? (uint32_t)((uint64_t)KT_SOURCE_FRAMES * opts->to_hz / opts->rate_hz) + 2 : 0;
}

// Counts many at a time, so that the compiler vectorises. Limits are written so that NaN becomes one of them.
bool
kt_samples_are_s16(const float *pcm, size_t n)
{
    enum { STEP = 1024 };
    int32_t other = 0;
    for (size_t at = 0, end; at < n && other == 0; at = end) {
        end = n - at < STEP ? n : at + STEP;
        for (size_t i = at; i < end; i++) {
            const float x = pcm[i] / KT_S16_UNIT, high = x < INT16_MAX ? x : INT16_MAX;
            other |= (float)(int32_t)(high > INT16_MIN ? high : INT16_MIN) != x;
        }
    }
    return other == 0;
}

void
kt_samples_to_s16(const float *pcm, size_t n, int16_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (int16_t)(int32_t)(pcm[i] / KT_S16_UNIT);
}

// Sample `at` of the piece, and whether it is taken as 0.
static float
sample_of(const kt_source_piece_t *piece, size_t at, uint32_t *not_finite)
{
    if (piece->format == KT_SAMPLES_S16)
        return (float)((const int16_t *)piece->pcm)[at] * KT_S16_UNIT;
    const float value     = ((const float *)piece->pcm)[at];
    const bool  is_finite = fabsf(value) <= KT_SAMPLE_LIMIT;
    *not_finite += !is_finite;
    return is_finite ? value : 0;
}

// plane: frame 0 of a channel, with its margins.
static void
channel_loudness(const kt_source_opts_t *opts, const kt_loudness_ops_t *ops, const kt_source_piece_t *piece,
                 uint32_t channel, const float *plane, int64_t before)
{
    kt_kweight_t       weight;
    kt_kweight_state_t state[2] = {0};
    const uint32_t     rate_hz  = opts->rate_hz;
    const uint64_t     here     = kt_source_hop(piece->first, rate_hz);
    if (rate_hz >= KT_KWEIGHT_MIN_HZ) {
        const float *const lead[2] = {plane - before, plane - before};
        double             none[2] = {0, 0};
        kt_kweight_design(&weight, rate_hz);
        ops->energy(&weight, state, lead, (size_t)before, none);
        for (uint64_t from = 0, to; from < piece->frames; from = to) {
            const uint64_t     hop     = kt_source_hop(piece->first + from, rate_hz);
            const uint64_t     next    = (hop + 1) * rate_hz / 10 - piece->first;
            const float *const pair[2] = {plane + from, plane + from};
            double             sum[2]  = {0, 0};
            to                         = next < piece->frames ? next : piece->frames;
            ops->energy(&weight, state, pair, (size_t)(to - from), sum);
            piece->energy[(hop - here) * opts->channels + channel] = sum[0];
        }
    }
    kt_interpolation_t between;
    kt_interpolation_design(&between, rate_hz);
    // Frames behind the last one are zeros, which count as samples and change nothing; only the windows that begin
    // before the end of a whole piece that is the last one are in no other group.
    const size_t groups = (piece->frames + KT_PEAK_GROUP - 1) / KT_PEAK_GROUP;
    kt_peaks_t   out = {0}, last = {0};
    ops->peaks(&between, plane - KT_PEAK_MARGIN, groups * KT_PEAK_GROUP, &out);
    ops->peaks(&between, plane - KT_PEAK_MARGIN + groups * KT_PEAK_GROUP, KT_PEAK_GROUP, &last);
    out.between           = fmaxf(out.between, last.between);
    piece->peaks[channel] = out;
}

kt_err_t
kt_source_compute(const kt_source_opts_t *opts, const kt_loudness_ops_t *loudness, kt_polyphase_t **table_p,
                  kt_source_piece_t *piece)
{
    const int64_t  before   = kt_source_before(opts->rate_hz, kt_source_reach(opts));
    const int64_t  after    = kt_source_after(kt_source_reach(opts)) + 2 * KT_PEAK_GROUP;
    const int64_t  there    = (int64_t)piece->frames + piece->has;
    const uint32_t channels = opts->channels;
    kt_err_t       err      = kt_source_is_defined(opts) ? KT_OK : KT_EINVAL;
    if (*table_p && ((*table_p)->from_hz != opts->rate_hz || (*table_p)->to_hz != opts->to_hz))
        kt_polyphase_destroy(table_p);
    if (!err && opts->to_hz && !*table_p)
        err = kt_polyphase_new(table_p, opts->rate_hz, opts->to_hz);
    if (err)
        return err;
    float *memory = calloc((size_t)(before + piece->frames + after), sizeof *memory);
    float *mono   = calloc((size_t)(before + piece->frames + after), sizeof *mono);
    if (!memory || !mono) {
        free(memory);
        free(mono);
        return KT_ENOMEM;
    }
    float *plane = memory + before;
    if (piece->energy)
        memset(piece->energy, 0, (size_t)kt_source_hops(opts->rate_hz) * channels * sizeof *piece->energy);
    piece->not_finite = 0;
    if (piece->facts)
        piece->facts->has_blocks = piece->facts->has_spectra = false;
    for (uint32_t c = 0; c < channels; c++) {
        uint32_t ignored = 0;
        for (int64_t f = -(int64_t)piece->had; f < there; f++) {
            const bool own = f >= 0 && f < piece->frames;
            plane[f] = sample_of(piece, (size_t)(f + piece->had) * channels + c, own ? &piece->not_finite : &ignored);
            mono[before + f] = c == 0 ? plane[f] : mono[before + f] + plane[f];
        }
        if (piece->peaks)
            channel_loudness(opts, loudness, piece, c, plane, before);
    }
    for (int64_t f = -(int64_t)piece->had; f < there; f++)
        mono[before + f] /= (float)channels;
    if (piece->mono)
        kt_polyphase_run(*table_p, mono + before, piece->first, piece->frames, piece->mono);
    free(memory);
    free(mono);
    return KT_OK;
}
