// Operations of one frame, from the sources: a fused multiply-add is two, an addition or multiplication one; compares,
// moves and whole numbers (the contrast's selection is nothing else) are none. Library functions are what nvcc 13 makes
// of them, counted in its PTX.
#include "kernels/cuda/tables.h"
#include "kernels/derived.h"
#include "tests/bench/gpu_bench.h"

enum {
    LOG10_DOUBLE  = 50,
    COSPI_DOUBLE  = 50,  // with the division before it
    LOG2_FLOAT    = 29,
    EXP_FLOAT     = 10,  // beside one special function
    DIVIDE_FLOAT  = 8,   // likewise
    ROOT_FLOAT    = 6,   // likewise
    STEP          = 12,  // fft.cuh: kt_step, six fused
    STEP_PLAIN    = 4,
    TWO_FLOATS    = 11,  // twofloat.cuh: at most, per operation of doubles that it stands for
    TIMES         = 6,
    DECIBEL       = 62,  // segment.cu, beside two special functions
    EIGHTH        = 4,
    POINTS_THREAD = 8
};

// kt_fft::run of one thread, times threads. exact: roots are no products.
static double
passes(uint32_t points, bool exact)
{
    const double product = exact ? 0 : TIMES;
    const double first = 10 * STEP_PLAIN + 2 * STEP, eight = 2 * product + EIGHTH + 12 * STEP;
    const double four = product + TIMES + EIGHTH + 8 * STEP, two = product + EIGHTH + 4 * STEP;
    const double last = points == 512 ? 0 : points == 1024 ? two : points == 4096 ? eight : four;
    return (first + eight + (points > 256 ? eight : 0) + last) * points / POINTS_THREAD;
}

// The same and kt_real_spectrum.
static double
transform(uint32_t n_fft, bool exact)
{
    const uint32_t points  = n_fft / 2;
    const double   to_real = 4 * (TIMES + 4 + 6 + 4);
    return passes(points, exact) + to_real * points / POINTS_THREAD;
}

static double
extremes(const kt_plan_t *plan)
{
    double sum = 0;
    for (int i = 0; i < KT_BANDS && plan->has_contrast; i++)
        sum += 2.0 * plan->contrast[i].extremes;
    return sum;
}

// What every bin adds to its thread's sums (kt_magnitude, kt_sums::add), and the reduction of those.
static void
add_sums(const kt_plan_t *plan, gpu_cost_t *out)
{
    const bool   fused   = kt_cuda_is_fused(plan->opts.n_fft);
    const double threads = fused ? plan->opts.n_fft / 16 : 256, warps = threads / 32, bins = plan->bins;
    out->fp64 += 5 * bins + threads * (6 * 5 + (warps + 3) / 4 + 2);
    out->fp32 += bins * (2 + DIVIDE_FLOAT + 2 + ROOT_FLOAT + 1 + 3 + LOG2_FLOAT);
    out->special += 2 * bins;
}

typedef enum arithmetic { IN_FLOAT, IN_DOUBLE, IN_TWO_FLOATS } arithmetic_t;

static void
add_spectrum(const kt_plan_t *plan, arithmetic_t arithmetic, gpu_cost_t *out)
{
    const double n = plan->opts.n_fft;
    if (!kt_cuda_is_fused(plan->opts.n_fft)) {  // cuFFT's own count is not known: the usual 2.5 n log2 n
        double log2 = 0;
        for (uint32_t m = plan->opts.n_fft; m > 1; m /= 2)
            log2++;
        out->fp64 += n * (3 + COSPI_DOUBLE) + 2.5 * n * log2;
    } else if (arithmetic == IN_DOUBLE) {
        out->fp64 += transform(plan->opts.n_fft, false) + 2 * n;
    } else {
        out->fp32 += (arithmetic == IN_TWO_FLOATS ? TWO_FLOATS : 1) * (transform(plan->opts.n_fft, false) + 2 * n);
    }
}

static void
add_mel(const kt_plan_t *plan, gpu_cost_t *out)
{
    const kt_mel_band_t *last = &plan->mel[plan->opts.n_mels - 1];
    out->fp32 += 3.0 * (double)(last->offset + last->count);
    out->bytes += plan->opts.n_mels * sizeof(float);
}

static void
add_first(const kt_plan_t *plan, bool all, arithmetic_t arithmetic, gpu_cost_t *out)
{
    add_spectrum(plan, arithmetic, out);
    add_sums(plan, out);
    add_mel(plan, out);
    if (!all)
        return;
    out->fp64 += 2.0 * plan->opts.n_fft;                                                           // squares
    out->fp32 += 2.0 * plan->bins + 3.0 * (plan->pitch_end - plan->pitch_begin) + extremes(plan);  // rolloff, peaks
    out->bytes += 2 * sizeof(kt_gpu_slice_t);
    for (int r = 0; r < KT_ROWS; r++)
        out->bytes += r == KT_ROW_MEL ? 0 : (double)(kt_row_width(plan, (kt_row_t)r) * sizeof(float));
}

static void
add_chroma(const kt_plan_t *plan, const kt_cuda_plan_t *tables, gpu_cost_t *out)
{
    // A term's weight serves a group of frames.
    const double classes = plan->opts.n_chroma, terms = classes * plan->bins;
    const double group = tables->tables.second.group;
    add_spectrum(plan, IN_FLOAT, out);
    out->fp32 += 5.0 * plan->bins + terms * ((3 + 2 + EXP_FLOAT + 1) / group + 2) + classes * 5 * 32;
    out->special += terms / group + classes;
    out->bytes += classes * sizeof(float);
}

static void
add_segments(const kt_plan_t *plan, gpu_cost_t *out)
{
    const double mels = plan->opts.n_mels, mfcc = plan->opts.n_mfcc, bands = plan->has_contrast ? 2 * KT_BANDS : 0;
    const double sums = kt_derived_bands(&plan->opts);
    out->fp64 += mels + 5 * 32;
    out->fp32 += (mels + bands) * DECIBEL + mels * mfcc * (TWO_FLOATS + 3) + mels + 8 * sums + bands / 2 * TWO_FLOATS;
    out->special += 2 * (mels + bands);
    out->bytes += (mels + sums + mfcc + 1 + bands * 1.5) * sizeof(float);
}

gpu_cost_t
gpu_cost(const kt_plan_t *plan, const kt_cuda_plan_t *tables, gpu_kernel_t kernel)
{
    const bool slow = tables->tables.slow_doubles;
    gpu_cost_t out  = {0};
    if (kernel != GPU_SEGMENTS && kernel != GPU_MAXIMA)
        out.bytes = plan->opts.hop * sizeof(float);
    switch (kernel) {
    case GPU_FIRST: add_first(plan, true, slow ? IN_TWO_FLOATS : IN_DOUBLE, &out); break;
    case GPU_MEL: add_first(plan, false, slow ? IN_FLOAT : IN_DOUBLE, &out); break;
    case GPU_CHROMA: add_chroma(plan, tables, &out); break;
    case GPU_POWER_SPECTRA:
        add_spectrum(plan, IN_FLOAT, &out);
        out.fp32 += 5.0 * plan->bins;
        out.bytes += plan->bins * sizeof(float);
        break;
    case GPU_SEGMENTS: add_segments(plan, &out); break;
    default: out.bytes = (plan->opts.n_mels + 2 * (plan->has_contrast ? KT_BANDS : 0)) * sizeof(float);
    }
    return out;
}

// Of a row of the bass: low values, each with the sums of one step; the row of their power spectrum.
void
gpu_cost_bass(const kt_bass_shape_t *shape, gpu_cost_t out[2])
{
    const double bins = shape->past - shape->first, classes = KT_BASS_WIDTH;
    out[0] = (gpu_cost_t){.fp32 = shape->hop * (2.0 * KT_BASS_SUMS * shape->step + 4.0 * 6 + 3)};
    out[1] = (gpu_cost_t){.fp64 = classes * bins + bins + classes * (2 * classes + 4), .special = 2 * bins};
}

// Of a frame with so many peaks: each has five logarithms or exponentials, and five places of a count.
gpu_cost_t
gpu_cost_cents(const kt_cents_shape_t *shape, double peaks)
{
    enum { RUN_FRAMES = 8, LOGARITHMS = 5, PLACES = 5 };  // cents.cu
    const double threads = shape->n_fft / 2.0 / POINTS_THREAD, roots = 2 * COSPI_DOUBLE * 3 * threads / RUN_FRAMES;
    return (gpu_cost_t){.fp64 = roots + peaks * (LOGARITHMS * LOG10_DOUBLE + 20 + PLACES * 12) + threads * 5,
                        .fp32 = transform(shape->n_fft, false) + 2.0 * shape->n_fft + 5.0 * shape->bins};
}

// kt_fft::prepare of one thread with exact roots, `last` if the transform has a last pass: cosine and sine of each.
static double
exact_roots(bool last)
{
    return 2 * COSPI_DOUBLE * (last ? 8 : 7);
}

gpu_cost_t
gpu_cost_cqt(const kt_gpu_cqt_tables_t *tables)
{
    enum { RUN_FRAMES = 32 };  // cqt.cu
    const uint32_t      n_fft = tables->config.n_fft;
    const kt_cqt_row_t *last  = &tables->table.row[KT_CQT_PER_OCTAVE - 1];
    const double        bins = tables->table.count, weights = (double)(last->offset + last->count);
    const double        rows    = KT_CQT_PER_OCTAVE * (3 + ROOT_FLOAT) + 3 * KT_CQT_CLASSES;
    const double        threads = n_fft / 2.0 / POINTS_THREAD;
    return (gpu_cost_t){.fp64    = KT_CQT_OCTAVES * threads * exact_roots(n_fft != 1024) / RUN_FRAMES,
                        .fp32    = KT_CQT_OCTAVES * (transform(n_fft, true) + 8 * bins + 4 * weights + rows),
                        .special = KT_CQT_OCTAVES * KT_CQT_PER_OCTAVE};
}

gpu_cost_t
gpu_cost_halved(void)
{
    enum { BLOCKS = 16, THREADS = KT_HALF_BAND_N_FFT / 2 / POINTS_THREAD, BACK = KT_HALF_BAND_N_FFT / 4 };  // cqt.cu
    const double forward = transform(KT_HALF_BAND_N_FFT, true) + 3 * KT_HALF_BAND_BINS;
    const double packed  = (TIMES + 2 * EIGHTH + POINTS_THREAD * 12.0) * BACK / POINTS_THREAD;
    return (gpu_cost_t){.fp64 = THREADS * (exact_roots(true) + exact_roots(false)) / (BLOCKS * KT_HALF_BAND_OUT),
                        .fp32 = (forward + packed + passes(BACK, true)) / KT_HALF_BAND_OUT};
}
