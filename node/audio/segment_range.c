#include "node/audio/segment_range.h"

#include "node/audio/segment.h"

static uint64_t
divisor(uint64_t a, uint64_t b)
{
    while (b > 0) {
        uint64_t rest = a % b;
        a             = b;
        b             = rest;
    }
    return a;
}

// Position of sample `at` at another rate, rounded down.
static uint64_t
rerated(uint64_t at, uint64_t from_hz, uint64_t to_hz)
{
    return at / from_hz * to_hz + at % from_hz * to_hz / from_hz;
}

// Whole steps of the resampler, of the quality module's blocks and of its windows of the low band, which last the
// largest power of two of samples within three seconds.
static uint64_t
grid_of(uint64_t rate_hz, uint64_t analysis_hz)
{
    enum { LEAST = 16384, MOST = 524288 };
    uint64_t step = rate_hz / divisor(rate_hz, analysis_hz), window = LEAST;
    while (window < MOST && 2 * window <= 3 * rate_hz)
        window *= 2;
    return step / divisor(step, window) * window;
}

kt_err_t
kt_segment_range_of(const kt_plan_t *plan, uint32_t segment_s, uint32_t rate_hz, uint32_t first, uint32_t count,
                    kt_segment_range_t *out)
{
    const kt_frontend_opts_t *opts    = kt_plan_opts(plan);
    const uint64_t            segment = (uint64_t)kt_segment_max_frames(opts, segment_s) * opts->hop;
    if (rate_hz == 0 || first > KT_RANGE_SEGMENTS || count > KT_RANGE_SEGMENTS - first)
        return KT_EINVAL;
    uint64_t begin  = rerated(first * segment, opts->rate_hz, rate_hz);
    uint64_t end    = rerated((first + count) * segment, opts->rate_hz, rate_hz);
    uint64_t frames = rerated(3 * (uint64_t)opts->n_fft, opts->rate_hz, rate_hz);
    uint64_t before = (uint64_t)KT_RANGE_BEFORE_S * rate_hz + frames;
    *out = (kt_segment_range_t){.own = begin / KT_RANGE_BLOCK * KT_RANGE_BLOCK, .end = UINT64_MAX, .to = UINT64_MAX};
    if (out->own > before)
        out->from = (out->own - before) / grid_of(rate_hz, opts->rate_hz) * grid_of(rate_hz, opts->rate_hz);
    if (count > 0) {
        out->end = end / KT_RANGE_BLOCK * KT_RANGE_BLOCK;
        out->to  = end + frames + (uint64_t)KT_RANGE_AFTER_S * rate_hz;
    }
    return KT_OK;
}

uint64_t
kt_segment_range_own(const kt_plan_t *plan, uint32_t segment_s, uint32_t rate_hz, uint32_t segment)
{
    kt_segment_range_t range;
    return kt_segment_range_of(plan, segment_s, rate_hz, segment, 1, &range) ? UINT64_MAX : range.own;
}

uint64_t
kt_segment_range_at(const kt_segment_range_t *self, uint32_t rate_hz, uint32_t analysis_hz)
{
    return rerated(self->from, rate_hz, analysis_hz);
}
