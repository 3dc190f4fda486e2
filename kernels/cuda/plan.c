// Tables of a configuration on the device, and how a block's shared memory is laid out for it.
#include "kernels/cuda/tables.h"

#include <stdlib.h>
#include <string.h>

static uint32_t
layout_place(uint32_t *end, size_t bytes)
{
    const uint32_t at = *end;
    *end              = at + (uint32_t)((bytes + 15) / 16 * 16);
    return at;
}

// The cells of n_fft/2 values with a gap of one after every 128 bytes; magnitudes go to their second half.
static void
layout_place_cells(const kt_cuda_tables_t *t, kt_cuda_layout_t *out, uint32_t *end, size_t value_bytes)
{
    const uint32_t points = t->n_fft / 2, cells = points + points / (128 / (uint32_t)value_bytes);
    if (kt_cuda_is_fused(t->n_fft)) {
        layout_place(end, cells * value_bytes);
        out->magnitude = (uint32_t)(cells / 2 * value_bytes);
        out->ring      = layout_place(end, t->n_fft * sizeof(float));
    } else {
        out->magnitude = layout_place(end, t->bins * sizeof(float));
    }
    out->run = layout_place(end, sizeof(kt_cuda_run_t));
}

// The first pass with values of real_bytes; room for contrast and for lists of peaks, unless mel is its only row.
static void
lay_out_first(const kt_cuda_tables_t *t, kt_cuda_layout_t *out, size_t real_bytes, bool mel_alone)
{
    uint32_t end = 0;
    layout_place_cells(t, out, &end, 2 * real_bytes);
    out->slot    = layout_place(&end, 32 * sizeof(kt_slot_t));
    out->extreme = layout_place(&end, mel_alone ? 0 : 2 * 32 * KT_BANDS * sizeof(float));
    out->list    = layout_place(&end, mel_alone ? 0 : 2 * (size_t)t->list_room * sizeof(uint16_t));
    out->partial = layout_place(&end, 32 * (KT_SUMS + 1) * sizeof(double));
    if (kt_cuda_is_fused(t->n_fft)) {
        out->band = layout_place(&end, 2 * (size_t)t->n_mels * sizeof(uint32_t));
        if (end + t->mel_weights * sizeof(float) + 16 <= t->shared_limit)
            out->weight = layout_place(&end, t->mel_weights * sizeof(float));
    }
    out->bytes = end;
}

// The second pass: the spectra of `group` frames at once; of one, in the second half of its cells.
static void
lay_out_second(const kt_cuda_tables_t *t, kt_cuda_layout_t *out, uint32_t group)
{
    uint32_t end = 0;
    layout_place_cells(t, out, &end, 2 * sizeof(float));
    out->group = kt_cuda_is_fused(t->n_fft) ? group : 1;
    if (out->group > 1)
        out->magnitude = layout_place(&end, out->group * t->bins * sizeof(float));
    out->class_sum = layout_place(&end, out->group * t->n_chroma * sizeof(float));
    if (kt_cuda_is_fused(t->n_fft))
        out->bump = layout_place(&end, 3 * (size_t)t->bins * sizeof(float));
    out->bytes = end;
}

// The shared memory of the first pass, the second pass and kt_cuda_segments.
static void
tables_lay_out(kt_cuda_tables_t *t)
{
    lay_out_first(t, &t->first, sizeof(double), false);
    lay_out_first(t, &t->mel, sizeof(float), true);
    // As many frames at once as cost a multiprocessor no block below two.
    lay_out_second(t, &t->second, 1);
    const uint32_t blocks = t->shared_limit / t->second.bytes < 2 ? t->shared_limit / t->second.bytes : 2;
    uint32_t       group  = KT_CHROMA_FRAMES;
    do
        lay_out_second(t, &t->second, group);
    while (t->shared_limit / t->second.bytes < blocks && (group /= 2));

    // Segments: eight rows of decibels and the row before; the cosines too if they are not too many.
    enum { ENOUGH = 48 * 1024 };
    const size_t dct_bytes = (size_t)t->n_mels * t->n_mfcc * sizeof(float);
    uint32_t     end       = 0;
    layout_place(&end, (KT_SEGMENT_STEP + 1) * (size_t)KT_SEGMENT_STRIDE(t->n_mels) * sizeof(float));
    if (end + dct_bytes <= ENOUGH)
        t->segment_dct = layout_place(&end, dct_bytes);
    t->segment_bytes = end;
}

static void
tables_fill(kt_cuda_tables_t *t, const kt_plan_t *plan)
{
    const kt_mel_band_t *last = &plan->mel[plan->opts.n_mels - 1];
    *t                        = (kt_cuda_tables_t){.rate_hz      = plan->opts.rate_hz,
                                                   .n_fft        = plan->opts.n_fft,
                                                   .hop          = plan->opts.hop,
                                                   .bins         = plan->bins,
                                                   .n_mels       = plan->opts.n_mels,
                                                   .n_mfcc       = plan->opts.n_mfcc,
                                                   .n_chroma     = plan->opts.n_chroma,
                                                   .has_contrast = plan->has_contrast,
                                                   .pitch_begin  = plan->pitch_begin,
                                                   .pitch_end    = plan->pitch_end,
                                                   .list_room    = (plan->pitch_end - plan->pitch_begin) / 2 + 1,
                                                   .mel_weights  = (uint32_t)(last->offset + last->count),
                                                   .bin_hz       = kt_plan_bin_hz(plan)};
    for (int i = 0; i < KT_BANDS; i++)
        t->contrast[i] = plan->contrast[i];
}

// Bands, weights and cosines one after the other, in one allocation.
static kt_err_t
tables_upload(kt_cuda_plan_t *self, const kt_plan_t *plan)
{
    kt_cuda_tables_t *t     = &self->tables;
    const size_t      words = 2 * (size_t)t->n_mels + t->mel_weights + (size_t)t->n_mels * t->n_mfcc;
    uint32_t         *host  = calloc(words, sizeof *host);
    if (!host)
        return KT_ENOMEM;
    float *weight = (float *)(host + 2 * (size_t)t->n_mels), *dct = weight + t->mel_weights;
    for (uint32_t i = 0; i < t->n_mels; i++) {
        host[2 * i]     = plan->mel[i].first | plan->mel[i].count << 16;
        host[2 * i + 1] = (uint32_t)plan->mel[i].offset;
        for (uint32_t c = 0; c < t->n_mfcc; c++)
            dct[(size_t)i * t->n_mfcc + c] = (float)plan->dct[(size_t)i * plan->dct_stride + c];
    }
    memcpy(weight, plan->mel_weight, t->mel_weights * sizeof *weight);

    kt_err_t err = cudaMalloc(&self->memory, words * sizeof *host) == cudaSuccess ? KT_OK : KT_ENOMEM;
    if (!err && cudaMemcpy(self->memory, host, words * sizeof *host, cudaMemcpyHostToDevice) != cudaSuccess)
        err = KT_EIO;
    free(host);
    t->mel_band   = self->memory;
    t->mel_weight = (const float *)(t->mel_band + 2 * (size_t)t->n_mels);
    t->dct        = t->mel_weight + t->mel_weights;
    return err;
}

kt_err_t
kt_cuda_plan_new(kt_cuda_plan_t **self_p, const kt_plan_t *plan)
{
    int             device = 0, limit = 0, floats_per_double = 0;
    kt_err_t        err  = KT_ENOMEM;
    kt_cuda_plan_t *self = calloc(1, sizeof *self);
    if (!self)
        goto fail;
    err = KT_EIO;
    if (cudaGetDevice(&device) != cudaSuccess ||
        cudaDeviceGetAttribute(&limit, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) != cudaSuccess ||
        cudaDeviceGetAttribute(&floats_per_double, cudaDevAttrSingleToDoublePrecisionPerfRatio, device) != cudaSuccess)
        goto fail;
    tables_fill(&self->tables, plan);
    self->tables.shared_limit = (uint32_t)limit;
    self->tables.slow_doubles = floats_per_double > KT_FEW_FLOATS_PER_DOUBLE;
    tables_lay_out(&self->tables);
    err = KT_EINVAL;
    if (self->tables.first.bytes > (uint32_t)limit || self->tables.second.bytes > (uint32_t)limit)
        goto fail;
    if (kt_cuda_is_fused(plan->opts.n_fft)) {
        if ((err = kt_cuda_frontend_permit(&self->tables)) || (err = kt_cuda_chroma_permit(&self->tables)))
            goto fail;
    } else {
        err = kt_cuda_split_permit(&self->tables);
        if (err)
            goto fail;
    }
    if ((err = tables_upload(self, plan)))
        goto fail;
    *self_p = self;
    return KT_OK;
fail:
    kt_cuda_plan_destroy(&self);
    return err;
}

void
kt_cuda_plan_destroy(kt_cuda_plan_t **self_p)
{
    kt_cuda_plan_t *self = *self_p;
    if (!self)
        return;
    (void)cudaFree(self->memory);
    free(self);
    *self_p = NULL;
}

size_t
kt_cuda_plan_work_bytes(const kt_cuda_plan_t *self)
{
    const kt_cuda_tables_t *t = &self->tables;
    return kt_cuda_is_fused(t->n_fft) ? 0 : (size_t)KT_CUDA_WORK_FRAMES * 2 * t->bins * sizeof(double);
}

uint32_t
kt_cuda_peaks_per_frame(const kt_cuda_plan_t *self)
{
    return self->tables.list_room;
}

size_t
kt_cuda_bank_floats(const kt_cuda_plan_t *self)
{
    return 3 * (size_t)self->tables.bins;
}
