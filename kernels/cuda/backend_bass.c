// Launcher of the bass: low values of each part, power spectra of those of all parts, rows of the spectra. Side: the
// runs of low values, the taps, the pitch classes. Work: the parts' low values, the spectra.
#include "kernels/audio/power_spectrum.h"
#include "kernels/cuda/backend_private.h"
#include "kernels/cuda/bass.h"
#include "kernels/gpu/bass.h"

#include <string.h>

static kt_bass_shape_t
shape_of(const kt_gpu_batch_t *batch)
{
    kt_gpu_bass_config_t config;
    kt_bass_shape_t      out = {0};
    memcpy(&config, batch->config, sizeof config);
    return kt_bass_shape_of(config.rate_hz, config.row, &out) ? (kt_bass_shape_t){0} : out;
}

static uint32_t
low_values(const kt_bass_shape_t *shape, const kt_gpu_part_t *part)
{
    return (part->items - 1) * shape->hop + shape->points;
}

// Bytes of a part's low values.
static size_t
low_bytes(const kt_bass_shape_t *shape, const kt_gpu_part_t *part)
{
    return kt_gpu_align(low_values(shape, part) * sizeof(float));
}

static size_t
tap_bytes(const kt_bass_shape_t *shape)
{
    return kt_gpu_align(KT_BASS_SUMS * (size_t)shape->step * sizeof(float));
}

static kt_err_t
bass_prepare(kt_gpu_job_t *job)
{
    const kt_gpu_batch_t    *batch = job->batch;
    const kt_bass_shape_t    shape = shape_of(batch);
    const kt_frontend_opts_t opts  = kt_power_spectra_opts(shape.low_hz, shape.points, shape.hop);
    if (!shape.step || !kt_gpu_bass_has(&shape))
        return KT_EINVAL;
    const kt_err_t err = kt_gpu_context_plan(job->context, &opts, &job->lane->plan);
    if (err)
        return err;
    job->lane->plan->used = job->context->batches;
    job->run_frames       = kt_gpu_run_frames(job);
    for (uint32_t i = 0; i < batch->n_parts; i++) {
        job->n_runs += (uint32_t)kt_cuda_runs_of(batch->parts[i].items, job->run_frames);
        job->rows_at += low_bytes(&shape, &batch->parts[i]);
    }
    job->banks_at   = kt_gpu_align(job->n_runs * sizeof(kt_cuda_run_t));
    job->side_bytes = job->banks_at + tap_bytes(&shape) + kt_gpu_align(shape.past);
    job->work_bytes = job->rows_at + (size_t)batch->items * shape.past * sizeof(float);
    return KT_OK;
}

static void
bass_fill_side(const kt_gpu_job_t *job, char *side)
{
    const kt_gpu_batch_t *batch = job->batch;
    const kt_bass_shape_t shape = shape_of(batch);
    kt_cuda_run_t        *runs  = (kt_cuda_run_t *)(void *)side;
    char                 *taps  = side + job->banks_at;
    size_t                at    = 0;
    for (uint32_t i = 0; i < batch->n_parts; i++) {
        const kt_gpu_part_t *part  = &batch->parts[i];
        const kt_cuda_run_t  whole = {
             .pcm = at / sizeof(float), .row = part->first, .frames = part->items, .real_end = low_values(&shape, part)};
        runs += kt_cuda_cut(&whole, shape.hop, job->run_frames, runs);
        at += low_bytes(&shape, part);
    }
    kt_bass_tables(&shape, shape.step, (float *)(void *)taps, (uint8_t *)taps + tap_bytes(&shape));
}

static kt_err_t
bass_launch(const kt_gpu_job_t *job)
{
    const kt_gpu_lane_t  *lane  = job->lane;
    const kt_gpu_batch_t *batch = job->batch;
    const kt_bass_shape_t shape = shape_of(batch);
    const char           *side = lane->slab + job->side_at, *taps = side + job->banks_at;
    char                 *work  = lane->slab + job->work_at;
    float                *power = (float *)(void *)(work + job->rows_at);
    size_t                at    = 0;
    kt_err_t              err   = KT_OK;
    for (uint32_t i = 0; i < batch->n_parts && !err; i++) {
        const kt_gpu_part_t     *part = &batch->parts[i];
        const kt_cuda_bass_low_t low  = {.in     = (const float *)(const void *)(lane->slab + part->in),
                                         .tap    = (const float *)(const void *)taps,
                                         .low    = (float *)(void *)(work + at),
                                         .values = low_values(&shape, part),
                                         .step   = shape.step};
        err                           = kt_cuda_bass_low(&low, lane->stream);
        at += low_bytes(&shape, part);
    }
    if (!err)
        err =
            kt_cuda_power_spectra(lane->plan->cuda, (const kt_cuda_run_t *)(const void *)side, job->n_runs,
                                  job->run_frames, (const float *)(void *)work, shape.past, power, NULL, lane->stream);
    const kt_cuda_bass_rows_t rows = {.power       = power,
                                      .pitch_class = (const uint8_t *)taps + tap_bytes(&shape),
                                      .out         = kt_gpu_section(lane, 0),
                                      .rows        = batch->items,
                                      .first       = shape.first,
                                      .past        = shape.past};
    return err ? err : kt_cuda_bass_rows(&rows, lane->stream);
}

const kt_gpu_launcher_t kt_gpu_bass_launcher = {bass_prepare, bass_fill_side, bass_launch};
