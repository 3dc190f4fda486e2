// A batch's way through a slot: one copy in for the input, of which kept samples come from the device's memory, and one
// for the tables that the kind's launcher makes on the host, the launch, one copy out for all sections that are no
// lists, and when it is known how long the lists are, one for each. All on the slot's own stream.
#include "kernels/cuda/backend_private.h"

#include <stdio.h>
#include <string.h>

static const kt_gpu_launcher_t *const LAUNCHERS[KT_GPU_KINDS] = {
    [KT_GPU_FRONTEND] = &kt_gpu_frontend_launcher, [KT_GPU_CHROMA] = &kt_gpu_chroma_launcher,
    [KT_GPU_IMAGE] = &kt_gpu_image_launcher,       [KT_GPU_CQT] = &kt_gpu_cqt_launcher,
    [KT_GPU_COLUMNS] = &kt_gpu_columns_launcher,   [KT_GPU_RISES] = &kt_gpu_rises_launcher,
    [KT_GPU_BASS] = &kt_gpu_bass_launcher,         [KT_GPU_CENTS] = &kt_gpu_cents_launcher,
    [KT_GPU_SOURCE] = &kt_gpu_source_launcher,     [KT_GPU_DERIVED] = &kt_gpu_derived_launcher,
};

static kt_err_t
job_reserve(kt_gpu_job_t *job)
{
    kt_gpu_lane_t *lane = job->lane;
    job->side_at        = kt_gpu_align(job->batch->in_bytes);
    job->out_at         = job->side_at + kt_gpu_align(job->side_bytes);
    job->work_at        = job->out_at + lane->layout.bytes;
    job->bytes          = job->work_at + kt_gpu_align(job->work_bytes);
    kt_err_t err        = kt_gpu_slab(job->context, lane, job->bytes);
    if (err || job->side_bytes <= lane->side_bytes)
        return err;
    (void)cudaFreeHost(lane->side);
    lane->side        = NULL;
    lane->side_bytes  = 0;
    cudaError_t error = cudaHostAlloc((void **)&lane->side, job->side_bytes, cudaHostAllocDefault);
    if (error != cudaSuccess)
        return kt_gpu_failed(job->context, error, "pinned memory");
    lane->side_bytes = job->side_bytes;
    return KT_OK;
}

// Input that the host brings: one copy for all neighbouring parts of which it brings all, and one for each part that is
// in pinned memory of its own.
static cudaError_t
copy_input(const kt_gpu_job_t *job)
{
    const kt_gpu_batch_t *batch = job->batch;
    const kt_gpu_lane_t  *lane  = job->lane;
    cudaError_t           error = cudaSuccess;
    size_t                from = 0, end = 0;
    for (uint32_t i = 0; i < batch->n_parts && !error; i++) {
        const kt_gpu_part_t *part = &batch->parts[i];
        const size_t         host = part->pinned ? 0 : kt_gpu_host_bytes(&batch->shape, part);
        from                      = from < end ? from : part->in;
        end                       = host > 0 ? part->in + host : end;
        if (i + 1 < batch->n_parts && host == kt_gpu_part_bytes(&batch->shape, part->items))
            continue;
        if (from < end)
            error =
                cudaMemcpyAsync(lane->slab + from, lane->in + from, end - from, cudaMemcpyHostToDevice, lane->stream);
        if (part->pinned && !error)
            error = cudaMemcpyAsync(lane->slab + part->in, part->pinned, kt_gpu_part_bytes(&batch->shape, part->items),
                                    cudaMemcpyHostToDevice, lane->stream);
        from = end = 0;
    }
    return error;
}

static int64_t
clip(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

// Between the input of a part and kept samples, on the device.
static cudaError_t
copy_share(const kt_gpu_job_t *job, const kt_gpu_part_t *part)
{
    const kt_gpu_share_t *share  = &part->share;
    const cudaStream_t    stream = job->lane->stream;
    char                 *kept = share->kept->memory, *input = job->lane->slab + part->in + share->skip;
    const int64_t         bytes = (int64_t)(kt_gpu_part_bytes(&job->batch->shape, part->items) - share->skip);
    if (share->fills)
        return cudaMemcpyAsync(kept + share->at, input, (size_t)bytes, cudaMemcpyDeviceToDevice, stream);
    const int64_t begin = clip(share->begin, share->at, share->at + bytes);
    const int64_t end   = clip(share->end, begin, share->at + bytes);
    cudaError_t   error = cudaSuccess;
    if (begin > share->at)
        error = cudaMemsetAsync(input, 0, (size_t)(begin - share->at), stream);
    if (!error && end > begin)
        error = cudaMemcpyAsync(input + (begin - share->at), kept + begin, (size_t)(end - begin),
                                cudaMemcpyDeviceToDevice, stream);
    if (!error && share->at + bytes > end)
        error = cudaMemsetAsync(input + (end - share->at), 0, (size_t)(share->at + bytes - end), stream);
    return error;
}

static cudaError_t
copy_shares(const kt_gpu_job_t *job)
{
    cudaError_t error = cudaSuccess;
    for (uint32_t i = 0; i < job->batch->n_parts && !error; i++)
        if (job->batch->parts[i].share.kept && !job->batch->parts[i].share.in_place && !job->batch->parts[i].share.made)
            error = copy_share(job, &job->batch->parts[i]);
    return error;
}

// Results that are kept, from where the launch leaves them.
static cudaError_t
copy_stays(const kt_gpu_job_t *job)
{
    const kt_gpu_lane_t *lane  = job->lane;
    cudaError_t          error = cudaSuccess;
    for (uint32_t i = 0; i < job->batch->n_parts; i++) {
        const kt_gpu_part_t *part = &job->batch->parts[i];
        for (uint32_t n = 0; part->stay.kept && n < part->stay.n && !error; n++) {
            const uint32_t section = part->stay.section[n];
            const size_t   item    = lane->shape.section[section].item_bytes;
            error                  = cudaMemcpyAsync((char *)part->stay.kept->memory + part->stay.at[n],
                                                     lane->results + lane->layout.at[section] + part->first * item, part->items * item,
                                                     cudaMemcpyDeviceToDevice, lane->stream);
        }
    }
    return error;
}

static kt_err_t
job_launch(const kt_gpu_job_t *job)
{
    kt_gpu_lane_t *lane  = job->lane;
    cudaError_t    error = copy_input(job);
    if (!error)
        error = copy_shares(job);
    if (!error && job->side_bytes)
        error = cudaMemcpyAsync(lane->slab + job->side_at, lane->side, job->side_bytes, cudaMemcpyHostToDevice,
                                lane->stream);
    for (uint32_t i = 0; i < KT_GPU_SECTIONS && !error; i++)
        if (lane->shape.section[i].is_zeroed && lane->layout.size[i])
            error = cudaMemsetAsync(lane->results + lane->layout.at[i], 0, lane->layout.size[i], lane->stream);
    if (error)
        return kt_gpu_failed(job->context, error, "a copy to the device");

    const kt_err_t err = LAUNCHERS[job->batch->kind]->launch(job);
    if (err)
        return err == KT_EIO ? kt_gpu_failed(job->context, cudaGetLastError(), "a launch") : err;

    error = copy_stays(job);
    if (!error)
        error = cudaMemcpyAsync(lane->out, lane->results, lane->layout.lists, cudaMemcpyDeviceToHost, lane->stream);
    if (!error)
        error = cudaEventRecord(lane->done, lane->stream);
    return error ? kt_gpu_failed(job->context, error, "a copy from the device") : KT_OK;
}

kt_err_t
kt_gpu_submit(kt_gpu_context_t *self, uint32_t slot, const kt_gpu_batch_t *batch)
{
    kt_gpu_job_t   job   = {.context = self, .lane = &self->lanes[slot], .batch = batch};
    kt_gpu_lane_t *lane  = job.lane;
    cudaError_t    error = cudaSetDevice(self->opts.device);
    if (error)
        return kt_gpu_failed(self, error, "the device");
    snprintf(self->why, sizeof self->why, "a kind of work or a size that the device does not have");
    if ((uint32_t)batch->kind >= KT_GPU_KINDS || batch->in_bytes > self->opts.in_bytes)
        return KT_EINVAL;
    kt_gpu_layout(batch->shape.section, batch->wanted, batch->items, &lane->layout);
    if (lane->layout.bytes > self->opts.out_bytes)
        return KT_EINVAL;
    lane->shape  = batch->shape;
    lane->wanted = batch->wanted;
    lane->plan   = NULL;
    self->batches++;
    kt_err_t err = LAUNCHERS[batch->kind]->prepare ? LAUNCHERS[batch->kind]->prepare(&job) : KT_OK;
    if (!err)
        err = job_reserve(&job);
    if (err)
        return err;
    lane->results = lane->slab + job.out_at;
    if (LAUNCHERS[batch->kind]->fill_side)
        LAUNCHERS[batch->kind]->fill_side(&job, lane->side);
    err = job_launch(&job);
    if (!err || err == KT_ESTATE)  // copies may be queued on the lost device: close waits for them
        lane->busy = true;
    else  // the slot is used again: nothing may still read it
        (void)cudaStreamSynchronize(lane->stream);
    if (lane->plan)
        kt_gpu_plan_launched(lane->plan, err);
    return err;
}

// Starts to copy the entries of the lists, whose number is known now. *more: there are some.
static cudaError_t
copy_lists(kt_gpu_lane_t *lane, bool *more)
{
    const kt_gpu_layout_t *layout = &lane->layout;
    cudaError_t            error  = cudaSuccess;
    for (uint32_t i = 0; i < KT_GPU_SECTIONS && !error; i++) {
        const kt_gpu_section_t *section = &lane->shape.section[i];
        uint32_t                used;
        if (!layout->size[i] || !section->entry_bytes)
            continue;
        memcpy(&used, lane->out + layout->at[section->used], sizeof used);
        const size_t capacity = layout->size[i] / section->entry_bytes;
        const size_t bytes    = (used < capacity ? used : capacity) * section->entry_bytes;
        *more |= bytes > 0;
        if (bytes > 0)
            error = cudaMemcpyAsync(lane->out + layout->at[i], lane->results + layout->at[i], bytes,
                                    cudaMemcpyDeviceToHost, lane->stream);
    }
    return error;
}

kt_err_t
kt_gpu_wait_slot(kt_gpu_context_t *self, uint32_t slot, char why[KT_GPU_WHY])
{
    kt_gpu_lane_t *lane  = &self->lanes[slot];
    bool           more  = false;
    cudaError_t    error = cudaSetDevice(self->opts.device);
    if (!error)
        error = cudaEventSynchronize(lane->done);
    if (!error)
        error = copy_lists(lane, &more);
    if (!error && more)
        error = cudaEventRecord(lane->done, lane->stream);
    if (!error && more)
        error = cudaEventSynchronize(lane->done);
    const kt_err_t err = error ? kt_gpu_judge(self, error, "a batch", why) : KT_OK;
    if (err && err != KT_ESTATE)  // the slot is used again: nothing may still write to it
        (void)cudaStreamSynchronize(lane->stream);
    if (err != KT_ESTATE)
        lane->busy = false;
    return err;
}
