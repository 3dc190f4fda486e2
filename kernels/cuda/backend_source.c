// Launcher of pieces of streams. Side: the pieces, and where their resampled mono goes. Work: planes of all pieces,
// then the true peak's tiles.
#include "kernels/cuda/backend_private.h"
#include "kernels/cuda/quality.h"
#include "kernels/cuda/source.h"
#include "kernels/gpu/source.h"

#include <stdlib.h>
#include <string.h>

static kt_source_opts_t
opts_of(const kt_gpu_batch_t *batch)
{
    kt_gpu_source_config_t config;
    memcpy(&config, batch->config, sizeof config);
    return kt_gpu_source_opts(&config);
}

// Taps of these rates on the device, measured and copied with their first batch. They stay until the context is closed;
// a stream's rate is one of few.
static kt_err_t
taps_of(kt_gpu_context_t *self, const kt_source_opts_t *opts, const kt_gpu_taps_t **out)
{
    kt_polyphase_t *table = NULL;
    size_t          i     = 0;
    while (i < KT_GPU_TAPS && self->taps[i].from_hz &&
           (self->taps[i].from_hz != opts->rate_hz || self->taps[i].to_hz != opts->to_hz))
        i++;
    if (i == KT_GPU_TAPS)
        return KT_EINVAL;
    kt_gpu_taps_t *taps = &self->taps[i];
    *out                = taps;
    if (taps->from_hz)
        return KT_OK;
    const kt_err_t err = kt_polyphase_new(&table, opts->rate_hz, opts->to_hz);
    if (err)
        return err;
    const size_t bytes = 2 * (size_t)table->reach * table->phases * sizeof(float);
    float       *made  = NULL;
    cudaError_t  error = cudaMalloc((void **)&made, bytes);
    if (!error)
        error = cudaMemcpy(made, table->taps, bytes, cudaMemcpyHostToDevice);
    if (error) {
        (void)cudaFree(made);
        kt_polyphase_destroy(&table);
        return kt_gpu_failed(self, error, "a table of the resampler");
    }
    *taps = (kt_gpu_taps_t){opts->rate_hz, opts->to_hz, table->phases, table->step, table->reach, made};
    kt_polyphase_destroy(&table);
    return KT_OK;
}

static kt_err_t
source_prepare(kt_gpu_job_t *job)
{
    const kt_source_opts_t opts   = opts_of(job->batch);
    const uint32_t         n      = job->batch->n_parts;
    const size_t           floats = (size_t)n * (opts.channels + 1) * kt_gpu_source_stride(&opts);
    job->side_bytes = kt_gpu_align(n * sizeof(kt_cuda_piece_t)) + kt_gpu_align(n * sizeof(kt_cuda_resampled_t));
    job->rows_at    = kt_gpu_align(floats * sizeof(float));  // the tiles, within work
    job->work_bytes = job->rows_at + kt_cuda_loudness_work(n, opts.channels);
    return job->batch->items == n ? KT_OK : KT_EINVAL;
}

static void
source_fill_side(const kt_gpu_job_t *job, char *side)
{
    const kt_gpu_batch_t  *batch      = job->batch;
    const kt_gpu_lane_t   *lane       = job->lane;
    const kt_source_opts_t opts       = opts_of(batch);
    const uint32_t         before     = kt_source_before(opts.rate_hz, kt_source_reach(&opts));
    const size_t           stride     = kt_gpu_source_stride(&opts);
    float                 *planes     = (float *)(void *)(lane->slab + job->work_at);
    float                 *mono       = kt_gpu_section(lane, KT_GPU_SOURCE_MONO);
    uint32_t              *not_finite = kt_gpu_section(lane, KT_GPU_SOURCE_NOT_FINITE);
    kt_cuda_piece_t       *pieces     = (kt_cuda_piece_t *)(void *)side;
    kt_cuda_resampled_t   *resampled =
        (kt_cuda_resampled_t *)(void *)(side + kt_gpu_align(batch->n_parts * sizeof *pieces));
    for (uint32_t i = 0; i < batch->n_parts; i++) {
        const kt_gpu_part_t *part = &batch->parts[i];
        kt_gpu_source_args_t args;
        memcpy(&args, part->args, sizeof args);
        float *own = planes + i * (opts.channels + 1) * stride + before;
        pieces[i]  = (kt_cuda_piece_t){.pcm        = lane->slab + part->in,
                                       .planes     = own,
                                       .mono       = own + opts.channels * stride,
                                       .not_finite = not_finite + part->first,
                                       .first      = args.first,
                                       .frames     = args.frames,
                                       .had        = kt_gpu_source_had(&opts, args.first),
                                       .has        = args.has};
        if (!mono)
            continue;
        const uint64_t        first = kt_source_output(&opts, args.first);
        const uint32_t        n     = (uint32_t)(kt_source_output(&opts, args.first + args.frames) - first);
        const kt_gpu_share_t *share = &part->share;
        const uint64_t        room =
            share->kept && share->at < share->end ? (uint64_t)(share->end - share->at) / sizeof(float) : 0;
        resampled[i] =
            (kt_cuda_resampled_t){.out     = mono + (size_t)part->first * kt_source_outputs(&opts),
                                  .kept    = room ? (float *)(void *)((char *)share->kept->memory + share->at) : NULL,
                                  .first   = first,
                                  .outputs = n,
                                  .kept_outputs = room < n ? (uint32_t)room : n};
    }
}

static kt_err_t
launch_facts(const kt_gpu_lane_t *lane, const kt_cuda_source_t *source)
{
    kt_cuda_blocks_t        blocks  = {.source   = *source,
                                       .facts    = kt_gpu_section(lane, KT_GPU_SOURCE_BLOCKS),
                                       .low_band = kt_gpu_section(lane, KT_GPU_SOURCE_LOW_BAND),
                                       .products = kt_gpu_section(lane, KT_GPU_SOURCE_PRODUCTS)};
    const kt_cuda_spectra_t spectra = {.source = *source,
                                       .n_fft  = kt_gpu_source_frame(source->rate_hz),
                                       .places = kt_piece_spectra(source->rate_hz),
                                       .facts  = kt_gpu_section(lane, KT_GPU_SOURCE_SPECTRA),
                                       .bands  = kt_gpu_section(lane, KT_GPU_SOURCE_BANDS)};
    kt_err_t                err     = KT_OK;
    kt_low_band_taps(blocks.taps);
    if (blocks.facts)
        err = kt_cuda_blocks(&blocks, lane->stream);
    if (!err && spectra.facts)
        err = kt_cuda_spectra(&spectra, lane->stream);
    return err;
}

static kt_err_t
source_launch(const kt_gpu_job_t *job)
{
    const kt_gpu_batch_t  *batch  = job->batch;
    const kt_gpu_lane_t   *lane   = job->lane;
    const kt_source_opts_t opts   = opts_of(batch);
    const uint32_t         reach  = kt_source_reach(&opts);
    const char            *side   = lane->slab + job->side_at;
    const kt_gpu_taps_t   *taps   = NULL;
    const kt_cuda_source_t source = {.pieces   = (const kt_cuda_piece_t *)(const void *)side,
                                     .n        = batch->n_parts,
                                     .rate_hz  = opts.rate_hz,
                                     .channels = opts.channels,
                                     .before   = kt_source_before(opts.rate_hz, reach),
                                     .after    = kt_source_after(reach),
                                     .stride   = kt_gpu_source_stride(&opts),
                                     .format   = opts.format};
    kt_err_t               err    = opts.to_hz ? taps_of(job->context, &opts, &taps) : KT_OK;
    if (!err)
        err = kt_cuda_planes(&source, lane->stream);
    if (!err && kt_gpu_section(lane, KT_GPU_SOURCE_MONO)) {
        const kt_cuda_resample_t run = {
            .pieces = source.pieces,
            .out  = (const kt_cuda_resampled_t *)(const void *)(side + kt_gpu_align(source.n * sizeof *source.pieces)),
            .taps = taps->taps,
            .n    = source.n,
            .most = kt_source_outputs(&opts),
            .phases = taps->phases,
            .step   = taps->step,
            .reach  = taps->reach};
        err = kt_cuda_resample(&run, lane->stream);
    }
    if (!err && kt_gpu_section(lane, KT_GPU_SOURCE_PEAKS)) {
        kt_cuda_loudness_t run = {.source = source,
                                  .hops   = kt_source_hops(opts.rate_hz),
                                  .energy = kt_gpu_section(lane, KT_GPU_SOURCE_ENERGY),
                                  .peaks  = kt_gpu_section(lane, KT_GPU_SOURCE_PEAKS),
                                  .work   = lane->slab + job->work_at + job->rows_at};
        kt_interpolation_design(&run.between, opts.rate_hz);
        if (run.energy)
            kt_kweight_design(&run.weight, opts.rate_hz);
        err = kt_cuda_loudness(&run, lane->stream);
    }
    return err ? err : launch_facts(lane, &source);
}

const kt_gpu_launcher_t kt_gpu_source_launcher = {source_prepare, source_fill_side, source_launch};
