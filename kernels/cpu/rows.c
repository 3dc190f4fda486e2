#include "kernels/cpu/kernels.h"

// Here the lanes of a vector are neighbours in a row, not frames.

static const float  FLOOR  = 1e-10F;
static const double TOP_DB = 80;

// ln of positive normal doubles, error below 1e-11: exponent, and atanh's series for the mantissa in [sqrt(1/2),
// sqrt(2)).
KT_INLINE vd_t
ln(vd_t x)
{
    typedef uint64_t vu_t __attribute__((vector_size(8 * KT_LANES)));
    const vu_t       bits = (vu_t)x, shifted = bits + (0x3FF0000000000000U - 0x3FE6A09E667F3BCDU);
    const vd_t       exponent = __builtin_convertvector(__builtin_convertvector((shifted >> 52), vi_t) - 1023, vd_t);
    const vd_t m = (vd_t)((shifted & 0x000FFFFFFFFFFFFFU) + 0x3FE6A09E667F3BCDU), s = (m - 1.0) / (m + 1.0), t = s * s;
    const vd_t series = 1.0 / 13 * t + 1.0 / 11;
    return exponent * 0.693147180559945309417 +
           2.0 * s * (((((series * t + 1.0 / 9) * t + 1.0 / 7) * t + 1.0 / 5) * t + 1.0 / 3) * t + 1.0);
}

// 10 log10(max(1e-10, x)), at least `low`; NaN stays NaN. In double: a contrast may be far smaller than its two levels.
KT_INLINE vd_t
decibel(vf_t x, double low)
{
    const vf_t floor_power = (vf_t){0} + FLOOR;
    const vd_t value = widen(x), db = ln(widen(vf_max(floor_power, x))) * 4.34294481903251827651;
    const vd_t least  = (vd_t){0} + low;
    const vl_t number = value == value;  // NOLINT(misc-redundant-expression): false for NaN
    const vl_t above  = db > low;
    return (vd_t)((((vl_t)db & above) | ((vl_t)least & ~above)) & number) + (vd_t)((vl_t)value & ~number);
}

KT_INLINE vf_t
load_some(const float *x, size_t n)
{
    vf_t value = {0};
    memcpy(&value, x, n * sizeof *x);
    return value;
}

static double
least_db(const float *x, size_t count)
{
    vf_t  largest = (vf_t){0} + FLOOR;
    float out     = FLOOR;
    for (size_t i = 0; i + KT_LANES <= count; i += KT_LANES)
        largest = vf_max(load_some(x + i, KT_LANES), largest);  // the second if either is NaN
    for (size_t i = count / KT_LANES * KT_LANES; i < count; i++)
        out = x[i] > out ? x[i] : out;
    for (int lane = 0; lane < KT_LANES; lane++)
        out = largest[lane] > out ? largest[lane] : out;
    return 10 * log10(out) - TOP_DB;
}

void
KT_NAME(kt_to_db)(const float *power, size_t count, float *db)
{
    const double low = least_db(power, count);
    size_t       i   = 0;
    for (; i + KT_LANES <= count; i += KT_LANES) {
        const vf_t value = narrow(decibel(load_some(power + i, KT_LANES), low));
        memcpy(db + i, &value, sizeof value);
    }
    if (i < count) {
        const vf_t value = narrow(decibel(load_some(power + i, count - i), low));
        memcpy(db + i, &value, (count - i) * sizeof *db);
    }
}

void
KT_NAME(kt_contrast)(const float *peak, const float *valley, size_t count, float *out)
{
    const double low_peak = least_db(peak, count), low_valley = least_db(valley, count);
    for (size_t i = 0; i < count; i += KT_LANES) {
        const size_t n = count - i < KT_LANES ? count - i : KT_LANES;
        const vf_t   value =
            narrow(decibel(load_some(peak + i, n), low_peak) - decibel(load_some(valley + i, n), low_valley));
        memcpy(out + i, &value, n * sizeof *out);
    }
}

void
KT_NAME(kt_mfcc)(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out)
{
    const size_t mels = plan->opts.n_mels, rows = plan->opts.n_mfcc, stride = plan->dct_stride;
    for (size_t f = 0; f < frames; f++)
        for (size_t c = 0; c < rows; c += 16) {
            vd_t sum[16 / KT_LANES] = {{0}};
            for (size_t i = 0; i < mels; i++)
                for (size_t v = 0; v < 16 / KT_LANES; v++)
                    sum[v] += *(const vd_t *)(const void *)(plan->dct + i * stride + c + v * KT_LANES) *
                              (double)mel_db[f * mels + i];
            for (size_t k = c; k < rows && k < c + 16; k++)
                out[f * rows + k] = (float)sum[(k - c) / KT_LANES][(k - c) % KT_LANES];
        }
}

void
KT_NAME(kt_onset)(const kt_plan_t *plan, const float *mel_db, size_t frames, float *out)
{
    const size_t mels = plan->opts.n_mels, shift = 1 + plan->opts.n_fft / (2 * plan->opts.hop);
    for (size_t f = 0; f < frames && f < shift; f++)
        out[f] = 0;
    for (size_t f = shift; f < frames; f++) {
        const float *now = mel_db + (f - shift + 1) * mels, *before = now - mels;
        vd_t         sum   = {0};
        double       total = 0;
        for (size_t i = 0; i < mels; i += KT_LANES) {
            const size_t n = mels - i < KT_LANES ? mels - i : KT_LANES;
            sum += widen(vf_max(load_some(now + i, n) - load_some(before + i, n), (vf_t){0}));  // NaN: no change
        }
        for (int lane = 0; lane < KT_LANES; lane++)
            total += sum[lane];
        out[f] = (float)(total / (double)mels);
    }
}

const kt_cpu_ops_t KT_NAME(kt_cpu_ops) = {
#define KT_TEXT2(x) #x
#define KT_TEXT(x) KT_TEXT2(x)
    .isa           = KT_TEXT(KT_ISA),
    .scratch_bytes = KT_NAME(kt_scratch_bytes),
    .frontend      = KT_NAME(kt_frontend),
    .chroma        = KT_NAME(kt_chroma),
    .spectra       = KT_NAME(kt_spectra),
    .power_spectra = KT_NAME(kt_power_spectra),
    .cqt_octave    = KT_NAME(kt_cqt_octave),
    .decimate      = KT_NAME(kt_half_band),
    .to_db         = KT_NAME(kt_to_db),
    .contrast      = KT_NAME(kt_contrast),
    .mfcc          = KT_NAME(kt_mfcc),
    .onset         = KT_NAME(kt_onset),
};
