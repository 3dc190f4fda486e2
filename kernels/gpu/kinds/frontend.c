#include "kernels/audio/cqt.h"
#include "kernels/audio/plan.h"
#include "kernels/audio/spectral_peaks.h"
#include "kernels/gpu/derived.h"
#include "kernels/gpu/frames.h"
#include "kernels/gpu/kind.h"

_Static_assert(KT_GPU_SECTION_PEAK + KT_GPU_PEAKS <= KT_GPU_SECTIONS, "sections of the front end");
_Static_assert(sizeof(kt_frontend_opts_t) + 1 < KT_GPU_CONFIG_BYTES, "config of the front end");
_Static_assert(sizeof(kt_gpu_frames_args_t) <= KT_GPU_ARGS_BYTES, "args of frames");

static bool
stays(const kt_gpu_frames_t *self, uint32_t row)
{
    return self->stays && (row == KT_ROW_MEL || row == KT_ROW_PEAK || row == KT_ROW_VALLEY);
}

static void
frontend_describe(const void *work, kt_gpu_batch_t *out)
{
    const kt_gpu_frames_t     *self                = work;
    const kt_plan_t           *plan                = self->plan;
    const kt_rows_t           *rows                = self->rows;
    const kt_spectral_peaks_t *lists[KT_GPU_PEAKS] = {rows->peaks, rows->cqt_peaks};
    // At most every other bin of the range is a peak.
    const uint32_t    peaks = (plan->pitch_end - plan->pitch_begin + 1) / 2 + 1;
    kt_gpu_section_t *to    = out->shape.section;
    memcpy(out->config, &plan->opts, sizeof plan->opts);
    out->shape.first_bytes = plan->opts.n_fft * sizeof(float);
    out->shape.next_bytes  = plan->opts.hop * sizeof(float);
    for (uint32_t r = 0; r < KT_ROWS; r++) {
        to[r].item_bytes = (uint32_t)(kt_row_width(plan, (kt_row_t)r) * sizeof(float));
        to[r].stays      = stays(self, r);
        out->wanted |= rows->row[r] && to[r].item_bytes ? 1U << r : 0;
    }
    for (uint32_t p = 0; p < KT_GPU_PEAKS; p++) {
        const uint32_t used = KT_GPU_SECTION_USED + p, slice = KT_GPU_SECTION_SLICE + p, peak = KT_GPU_SECTION_PEAK + p;
        to[used]  = (kt_gpu_section_t){.fixed_bytes = sizeof(uint32_t), .is_zeroed = true};
        to[slice] = (kt_gpu_section_t){.item_bytes = sizeof(kt_gpu_slice_t)};
        to[peak]  = (kt_gpu_section_t){
             .item_bytes = peaks * (uint32_t)sizeof(kt_gpu_peak_t), .entry_bytes = sizeof(kt_gpu_peak_t), .used = used};
        out->wanted |= lists[p] ? 1U << used | 1U << slice | 1U << peak : 0;
    }
    // Mel alone may be computed in float (kt_cuda_frontend). Its batches are kept apart, so that the bytes do not
    // depend on what else is in the batch.
    out->config[sizeof plan->opts]     = out->wanted == 1U << KT_ROW_MEL;
    out->config[sizeof plan->opts + 1] = self->stays;
}

static uint32_t
clip_to_part(size_t at, size_t first, size_t length)
{
    return (uint32_t)(at < first ? 0 : at - first < length ? at - first : length);
}

void
kt_gpu_frames_args(const void *work, size_t first, size_t items, void *args)
{
    const kt_gpu_frames_t     *self = work;
    const kt_frontend_opts_t  *opts = &self->plan->opts;
    const size_t               at = first * opts->hop, samples = (items - 1) * opts->hop + opts->n_fft;
    const kt_gpu_frames_args_t out = {.real_begin = clip_to_part(self->span->real_begin, at, samples),
                                      .real_end   = clip_to_part(self->span->real_end, at, samples),
                                      .tuning     = self->tuning};
    memcpy(args, &out, sizeof out);
}

// Of a piece that is kept, the samples that it shares with the piece before are there already: two batches at once
// write to places of their own.
void
kt_gpu_frames_share(const void *work, size_t first, size_t items, kt_gpu_share_t *out)
{
    const kt_gpu_frames_t    *self    = work;
    const kt_gpu_samples_t   *samples = &self->samples;
    const kt_frontend_opts_t *opts    = &self->plan->opts;
    const size_t              shared  = samples->fills && first > 0 ? opts->n_fft - opts->hop : 0;
    (void)items;
    if (samples->kept)
        *out = (kt_gpu_share_t){.kept  = samples->kept,
                                .fills = samples->fills,
                                .skip  = shared * sizeof(float),
                                .at    = (int64_t)((samples->first + first * opts->hop + shared) * sizeof(float)),
                                .end   = (int64_t)samples->kept->bytes};
}

void
kt_gpu_frames_copy_in(const void *work, size_t first, size_t items, void *to)
{
    const kt_gpu_frames_t    *self = work;
    const kt_frontend_opts_t *opts = &self->plan->opts;
    if (self->samples.kept && !self->samples.fills)
        return;
    memcpy(to, self->span->pcm + first * opts->hop, ((items - 1) * opts->hop + opts->n_fft) * sizeof(float));
}

kt_err_t
kt_gpu_peaks_collect(const kt_gpu_peak_t *peak, uint32_t used, const kt_gpu_slice_t *slice, size_t frames,
                     unsigned per_octave, kt_spectral_peaks_t *out)
{
    for (size_t f = 0; f < frames; f++) {
        if (slice[f].first > used || slice[f].count > used - slice[f].first)
            return KT_EIO;
        for (uint32_t i = 0; i < slice[f].count; i++) {
            const kt_gpu_peak_t *p   = &peak[slice[f].first + i];
            const kt_err_t       err = kt_spectral_peaks_append(out, per_octave, p->magnitude, p->pitch_hz);
            if (err)
                return err;
        }
    }
    return KT_OK;
}

static kt_err_t
copy_peaks(const kt_gpu_results_t *from, uint32_t which, unsigned per_octave, kt_spectral_peaks_t *out)
{
    const size_t         *at       = from->layout->at;
    const kt_gpu_slice_t *slice    = (const void *)(from->bytes + at[KT_GPU_SECTION_SLICE + which]);
    const kt_gpu_peak_t  *peak     = (const void *)(from->bytes + at[KT_GPU_SECTION_PEAK + which]);
    const size_t          capacity = from->layout->size[KT_GPU_SECTION_PEAK + which] / sizeof *peak;
    uint32_t              used;
    memcpy(&used, from->bytes + at[KT_GPU_SECTION_USED + which], sizeof used);
    return kt_gpu_peaks_collect(peak, used < capacity ? used : (uint32_t)capacity, slice + from->part->first,
                                from->part->items, per_octave, out);
}

static void
frontend_stay(const void *work, size_t first, size_t items, kt_gpu_stay_t *out)
{
    const kt_gpu_frames_t *self = work;
    kt_gpu_rows_layout_t   layout;
    (void)items;
    if (!self->kept)
        return;
    kt_gpu_rows_layout(&self->plan->opts, self->span->frames, self->stays, &layout);
    out->kept       = self->kept;
    out->section[0] = KT_ROW_MEL;
    out->at[0]      = layout.mel + first * kt_row_width(self->plan, KT_ROW_MEL) * sizeof(float);
    out->n          = 1;
    for (uint32_t r = KT_ROW_PEAK; r <= KT_ROW_VALLEY && self->stays && self->rows->row[r]; r++) {
        out->section[out->n] = r;
        out->at[out->n++]    = (r == KT_ROW_PEAK ? layout.peak : layout.valley) +
                            first * kt_row_width(self->plan, (kt_row_t)r) * sizeof(float);
    }
}

static kt_err_t
frontend_copy_out(const void *work, size_t first, const kt_gpu_results_t *from)
{
    const kt_gpu_frames_t *self = work;
    kt_err_t               err  = KT_OK;
    for (uint32_t r = 0; r < KT_ROWS; r++) {
        const size_t width = kt_row_width(self->plan, (kt_row_t)r);
        if (from->wanted >> r & 1 && !stays(self, r))
            kt_gpu_results_copy(from, r, width * sizeof(float), self->rows->row[r] + first * width);
    }
    if (self->rows->peaks)
        err = copy_peaks(from, KT_GPU_POWER_PEAKS, self->plan->opts.n_chroma, self->rows->peaks);
    if (!err && self->rows->cqt_peaks)
        err = copy_peaks(from, KT_GPU_CQT_PEAKS, KT_CQT_PER_OCTAVE, self->rows->cqt_peaks);
    return err;
}

const kt_gpu_kind_t kt_gpu_frontend_kind = {.id            = KT_GPU_FRONTEND,
                                            .name          = "frontend",
                                            .describe      = frontend_describe,
                                            .describe_part = kt_gpu_frames_args,
                                            .share         = kt_gpu_frames_share,
                                            .stay          = frontend_stay,
                                            .copy_in       = kt_gpu_frames_copy_in,
                                            .copy_out      = frontend_copy_out};
