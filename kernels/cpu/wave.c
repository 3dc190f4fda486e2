#include "kernels/cpu/kernels.h"

// Frames overlap, so each hop of samples is summed once and kept for the frames that share it. A frame adds its hops in
// order, so its bytes do not depend on where a span begins. A hop so short that this does not pay is summed directly.
enum { RING = 64 };

static size_t
shared_hops(const kt_plan_t *plan)
{
    const size_t hops = plan->opts.n_fft / plan->opts.hop;
    return hops <= RING ? hops : 0;
}

static double
sum_of_squares(const float *x, size_t n)
{
    vd_t   sum[2] = {{0}};
    double out    = 0;
    size_t i      = 0;
    for (; i + 2 * KT_LANES <= n; i += 2 * KT_LANES)
        for (size_t half = 0; half < 2; half++) {
            vf_t value;
            memcpy(&value, x + i + half * KT_LANES, sizeof value);
            sum[half] += widen(value) * widen(value);
        }
    for (; i < n; i++)
        out += (double)x[i] * x[i];
    for (int lane = 0; lane < KT_LANES; lane++)
        out += sum[0][lane] + sum[1][lane];
    return out;
}

void
KT_NAME(kt_rms)(const kt_plan_t *plan, const kt_span_t *span, float *out)
{
    const size_t hop = plan->opts.hop, n = plan->opts.n_fft, hops = shared_hops(plan);
    double       ring[RING];
    for (size_t i = 0; i < span->frames; i++) {
        for (size_t h = i ? hops - 1 : 0; h < hops; h++)
            ring[(i + h) % hops] = sum_of_squares(span->pcm + (i + h) * hop, hop);
        double sum = sum_of_squares(span->pcm + (i + hops) * hop, n - hops * hop);
        for (size_t h = 0; h < hops; h++)
            sum += ring[(i + h) % hops];
        out[i] = (float)sqrt(sum / (double)n);
    }
}

typedef uint32_t bits_t __attribute__((vector_size(4 * KT_LANES)));

// -1 where the sample counts as negative_lanes: below -1e-10, whose bits these are (also a NaN with its sign set).
KT_INLINE bits_t
negative_lanes(const float *x)
{
    bits_t bits;
    memcpy(&bits, x, sizeof bits);
    return (bits_t)(bits > 0xAEDBE6FFU);
}

static uint32_t
is_negative(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits > 0xAEDBE6FFU;
}

// Sign changes from one sample to the next, for those in [from, to) that are inside the stream with their predecessor.
static uint32_t
crossings(const kt_span_t *span, size_t from, size_t to)
{
    size_t   i     = from > span->real_begin ? from : span->real_begin + 1;
    bits_t   count = {0};
    uint32_t out   = 0;
    to             = to < span->real_end ? to : span->real_end;
    for (; i + KT_LANES <= to; i += KT_LANES)
        count -= negative_lanes(span->pcm + i) ^ negative_lanes(span->pcm + i - 1);
    for (; i < to; i++)
        out += is_negative(span->pcm[i]) ^ is_negative(span->pcm[i - 1]);
    for (int lane = 0; lane < KT_LANES; lane++)
        out += count[lane];
    return out;
}

void
KT_NAME(kt_zcr)(const kt_plan_t *plan, const kt_span_t *span, float *out)
{
    const size_t hop = plan->opts.hop, n = plan->opts.n_fft, hops = shared_hops(plan);
    uint32_t     ring[RING];
    for (size_t i = 0; i < span->frames; i++) {
        const size_t begin = i * hop, rest = begin + hops * hop;
        for (size_t h = i ? hops - 1 : 0; h < hops; h++)
            ring[(i + h) % hops] = crossings(span, (i + h) * hop, (i + h + 1) * hop);
        uint32_t count = rest < begin + n ? crossings(span, rest, begin + n) : 0;
        for (size_t h = 0; h < hops; h++)
            count += ring[(i + h) % hops];
        out[i] = (float)(count - crossings(span, begin, begin + 1)) / (float)n;  // the first sample has none
    }
}
