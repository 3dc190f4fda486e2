#include "kernels/gpu/layout.h"

#include "kernels/audio/plan.h"

// Peaks that a frame has at most: every other bin of the range.
static uint32_t
gpu_peaks_a_frame(const kt_plan_t *plan)
{
    return (plan->pitch_end - plan->pitch_begin + 1) / 2 + 1;
}

static size_t
take(size_t *at, size_t bytes)
{
    size_t begin = *at;
    *at += kt_gpu_align(bytes);
    return begin;
}

static void
lay_peaks(const kt_plan_t *plan, uint32_t wanted, size_t frames, size_t *at, kt_gpu_layout_t *out)
{
    out->capacity = frames * gpu_peaks_a_frame(plan);
    for (int p = 0; p < KT_GPU_PEAKS; p++) {
        if (!(wanted & KT_GPU_WANTS_PEAKS(p)))
            continue;
        out->used[p]  = take(at, sizeof(uint32_t));
        out->slice[p] = take(at, frames * 2 * sizeof(uint32_t));
    }
    out->peaks = *at;
    for (int p = 0; p < KT_GPU_PEAKS; p++)
        if (wanted & KT_GPU_WANTS_PEAKS(p))
            out->peak[p] = take(at, out->capacity * KT_GPU_PEAK_BYTES);
}

void
kt_gpu_layout(const kt_plan_t *plan, kt_gpu_pass_t pass, uint32_t wanted, size_t frames, kt_gpu_layout_t *out)
{
    size_t at = 0;
    *out      = (kt_gpu_layout_t){0};
    if (pass == KT_GPU_CHROMA) {
        (void)take(&at, frames * plan->opts.n_chroma * sizeof(float));
        out->peaks = at;
    } else {
        for (int r = 0; r < KT_ROWS; r++)
            if (wanted & KT_GPU_WANTS(r))
                out->row[r] = take(&at, frames * kt_row_width(plan, (kt_row_t)r) * sizeof(float));
        lay_peaks(plan, wanted, frames, &at, out);
    }
    out->bytes = at;
}

// What a frame takes, and at most so much more for the alignment of each part.
size_t
kt_gpu_layout_frames(const kt_plan_t *plan, kt_gpu_pass_t pass, uint32_t wanted, size_t bytes)
{
    const size_t spare = (KT_ROWS + 4 * KT_GPU_PEAKS) * (size_t)KT_GPU_ALIGN_BYTES;
    size_t       frame = 0;
    if (pass == KT_GPU_CHROMA)
        frame = plan->opts.n_chroma * sizeof(float);
    for (int r = 0; r < KT_ROWS && pass == KT_GPU_FIRST; r++)
        if (wanted & KT_GPU_WANTS(r))
            frame += kt_row_width(plan, (kt_row_t)r) * sizeof(float);
    for (int p = 0; p < KT_GPU_PEAKS && pass == KT_GPU_FIRST; p++)
        if (wanted & KT_GPU_WANTS_PEAKS(p))
            frame += 2 * sizeof(uint32_t) + (size_t)gpu_peaks_a_frame(plan) * KT_GPU_PEAK_BYTES;
    return bytes <= spare || frame == 0 ? 0 : (bytes - spare) / frame;
}
