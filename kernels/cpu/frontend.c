#include "kernels/audio/spectral_peaks.h"
#include "kernels/cpu/batch.h"
#include "kernels/cpu/fft.h"
#include "kernels/cpu/kernels.h"

#include <float.h>

// Scratch of one device: laid out by need, the largest part first, everything a multiple of a vector.
typedef struct scratch {
    vd_t     *z;      // [points][2], also the second pass's
    vf_t     *x;      // [bins]
    vf_t     *row;    // [widest row]
    uint16_t *peaks;  // [bins]
} scratch_t;

static size_t
widest_row(const kt_plan_t *plan)
{
    return plan->opts.n_mels > KT_BANDS ? plan->opts.n_mels : KT_BANDS;
}

size_t
KT_NAME(kt_scratch_bytes)(const kt_plan_t *plan)
{
    const size_t first = 2 * plan->points * sizeof(vd_t) + (plan->bins + widest_row(plan)) * sizeof(vf_t) +
                         plan->bins * sizeof(uint16_t);
    const size_t second = (2 * plan->points + plan->bins) * sizeof(vw_t);  // chroma.c: values, powers
    return first > second ? first : second;
}

static scratch_t
scratch_lay_out(const kt_plan_t *plan, void *memory)
{
    scratch_t s = {.z = memory};
    s.x         = (vf_t *)(s.z + 2 * (size_t)plan->points);
    s.row       = s.x + plan->bins;
    s.peaks     = (uint16_t *)(s.row + widest_row(plan));
    return s;
}

static bool
is_row_wanted(const kt_batch_t *batch, const kt_rows_t *out, kt_row_t row)
{
    bool any = false;
    for (size_t lane = 0; lane < batch->count; lane++)
        any = any || out[batch->span[lane]].row[row];
    return any && kt_row_width(batch->plan, row) > 0;
}

// From one lane per frame to one row per frame; a frame without numbers (bit of `bad`) gets NaN.
static void
scatter_row(const kt_batch_t *batch, const kt_rows_t *out, kt_row_t row, const vf_t *values, unsigned bad)
{
    const size_t width = kt_row_width(batch->plan, row);
    for (size_t lane = 0; lane < batch->count; lane++) {
        float *to = out[batch->span[lane]].row[row];
        if (!to)
            continue;
        to += batch->frame[lane] * width;
        const bool is_bad = bad >> lane & 1;
        for (size_t i = 0; i < width; i++)
            to[i] = is_bad ? NAN : values[i][lane];
    }
}

// Peaks of the power spectrum, or of the magnitudes for the constant-Q transform. Lane by lane, so that they are in
// frame order.
static kt_err_t
append_peaks(const kt_batch_t *batch, const kt_rows_t *out, const scratch_t *s, unsigned bad, bool of_power)
{
    const kt_plan_t     *plan       = batch->plan;
    const unsigned       per_octave = of_power ? plan->opts.n_chroma : KT_CQT_PER_OCTAVE;
    kt_spectral_peaks_t *to[KT_LANES];
    bool                 any = false;
    for (size_t lane = 0; lane < batch->count; lane++) {
        const kt_rows_t *rows = &out[batch->span[lane]];
        to[lane]              = of_power ? rows->peaks : rows->cqt_peaks;
        any                   = any || to[lane];
    }
    if (!any)
        return KT_OK;
    (of_power ? KT_NAME(kt_power_peaks) : KT_NAME(kt_magnitude_peaks))(plan, s->x, s->peaks);
    for (size_t lane = 0; lane < batch->count; lane++)
        for (uint32_t k = plan->pitch_begin; to[lane] && !(bad >> lane & 1) && k < plan->pitch_end; k++) {
            if (!(s->peaks[k] >> lane & 1))
                continue;
            float before = s->x[k - 1][lane], at = s->x[k][lane], after = s->x[k + 1][lane];
            if (of_power) {
                before *= before;
                at *= at;
                after *= after;
            }
            if (kt_spectral_peaks_add(to[lane], plan, per_octave, k, before, at, after))
                return KT_ENOMEM;
        }
    return KT_OK;
}

kt_err_t
KT_NAME(kt_frontend)(const kt_plan_t *plan, void *scratch, const kt_span_t *spans, size_t n, const kt_rows_t *out)
{
    static const struct {
        kt_row_t row;
        void (*run)(const kt_plan_t *plan, const vf_t *x, vf_t *out);
    } KERNELS[] = {
        {KT_ROW_ROLLOFF, KT_NAME(kt_rolloff)}, {KT_ROW_FLATNESS, KT_NAME(kt_flatness)}, {KT_ROW_PEAK, KT_NAME(kt_peak)},
        {KT_ROW_VALLEY, KT_NAME(kt_valley)},   {KT_ROW_MEL, KT_NAME(kt_mel)},
    };
    const scratch_t s   = scratch_lay_out(plan, scratch);
    bool            any = false;
    for (size_t i = 0; i < n; i++) {
        if (out[i].row[KT_ROW_RMS])
            KT_NAME(kt_rms)(plan, &spans[i], out[i].row[KT_ROW_RMS]);
        if (out[i].row[KT_ROW_ZCR])
            KT_NAME(kt_zcr)(plan, &spans[i], out[i].row[KT_ROW_ZCR]);
        any = any || out[i].peaks || out[i].cqt_peaks;
        for (kt_row_t r = 0; r < KT_ROWS; r++)
            any = any || (out[i].row[r] && r != KT_ROW_RMS && r != KT_ROW_ZCR);
    }
    kt_batch_t batch = {.plan = plan, .spans = spans, .n = n};
    while (any && kt_batch_next(&batch, KT_LANES)) {
        const vf_t total = KT_NAME(kt_magnitudes)(plan, batch.lane, s.z, s.x);
        unsigned   bad   = 0;  // one bit per lane: a frame without numbers
        for (int lane = 0; lane < KT_LANES; lane++)
            bad |= (unsigned)!(total[lane] <= FLT_MAX) << lane;

        if (is_row_wanted(&batch, out, KT_ROW_CENTROID) || is_row_wanted(&batch, out, KT_ROW_BANDWIDTH)) {
            KT_NAME(kt_moments)(plan, s.x, &s.row[0], &s.row[1]);
            scatter_row(&batch, out, KT_ROW_CENTROID, &s.row[0], bad);
            scatter_row(&batch, out, KT_ROW_BANDWIDTH, &s.row[1], bad);
        }
        for (size_t i = 0; i < sizeof KERNELS / sizeof *KERNELS; i++)
            if (is_row_wanted(&batch, out, KERNELS[i].row)) {
                KERNELS[i].run(plan, s.x, s.row);
                scatter_row(&batch, out, KERNELS[i].row, s.row, bad);
            }
        if (append_peaks(&batch, out, &s, bad, true) || append_peaks(&batch, out, &s, bad, false))
            return KT_ENOMEM;
    }
    return KT_OK;
}

void
KT_NAME(kt_spectra)(const kt_plan_t *plan, void *scratch, const kt_span_t *spans, size_t n)
{
    const scratch_t s     = scratch_lay_out(plan, scratch);
    kt_batch_t      batch = {.plan = plan, .spans = spans, .n = n};
    while (kt_batch_next(&batch, KT_LANES))
        KT_NAME(kt_magnitudes)(plan, batch.lane, s.z, s.x);
}
