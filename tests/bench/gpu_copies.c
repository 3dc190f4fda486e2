#include "tests/bench/gpu_bench.h"

#include <string.h>
#include <time.h>

enum { STREAMS_MOST = 8 };

// One stream's batch: pinned memory for what goes in and what comes out.
typedef struct lane {
    gpu_set_t      set;
    cudaStream_t   stream;
    float         *in;
    unsigned char *out;
    size_t         peaks[KT_GPU_PEAKS];  // bytes of each list, known from a run before
} lane_t;

static uint32_t
used_of(const uint32_t *used)
{
    uint32_t out = 0;
    gpu_must(cudaMemcpy(&out, used, sizeof out, cudaMemcpyDeviceToHost) == cudaSuccess, "peaks");
    return out;
}

static void
open_lane(lane_t *self, const kt_frontend_opts_t *opts, const gpu_spans_t *spans)
{
    *self              = (lane_t){.set = gpu_set_open(opts, spans)};
    const size_t bytes = self->set.samples * sizeof(float), chroma = self->set.rows * opts->n_chroma * sizeof(float);
    gpu_must(cudaStreamCreateWithFlags(&self->stream, cudaStreamNonBlocking) == cudaSuccess, "stream");
    gpu_must(cudaHostAlloc((void **)&self->in, bytes, cudaHostAllocDefault) == cudaSuccess &&
                 cudaHostAlloc((void **)&self->out, self->set.layout.bytes + chroma, cudaHostAllocDefault) ==
                     cudaSuccess,
             "pinned memory");
    gpu_must(cudaMemcpy(self->in, self->set.pcm, bytes, cudaMemcpyDeviceToHost) == cudaSuccess, "samples");
    gpu_must(gpu_set_run(&self->set, GPU_FIRST, self->stream) == KT_OK &&
                 cudaStreamSynchronize(self->stream) == cudaSuccess,
             "first pass");
    self->peaks[KT_GPU_POWER_PEAKS] = used_of(self->set.out.peaks.used) * sizeof(kt_gpu_peak_t);
    self->peaks[KT_GPU_CQT_PEAKS]   = used_of(self->set.out.cqt_peaks.used) * sizeof(kt_gpu_peak_t);
}

static void
close_lane(lane_t *self)
{
    gpu_must(cudaStreamSynchronize(self->stream) == cudaSuccess && cudaStreamDestroy(self->stream) == cudaSuccess &&
                 cudaFreeHost(self->in) == cudaSuccess && cudaFreeHost(self->out) == cudaSuccess,
             "a stream's end");
    gpu_set_close(&self->set);
}

static void
put_in(const lane_t *self)
{
    gpu_must(cudaMemcpyAsync(self->set.pcm, self->in, self->set.samples * sizeof(float), cudaMemcpyHostToDevice,
                             self->stream) == cudaSuccess,
             "copy to the device");
}

static void
take_out(const lane_t *self, size_t to, const void *from, size_t bytes)
{
    gpu_must(bytes == 0 ||
                 cudaMemcpyAsync(self->out + to, from, bytes, cudaMemcpyDeviceToHost, self->stream) == cudaSuccess,
             "copy from the device");
}

// As the node: samples go over the bus for each pass, because between the two the host finds the tuning.
static void
turn(const lane_t *self)
{
    const gpu_set_t *set = &self->set;
    put_in(self);
    gpu_must(gpu_set_run(set, GPU_FIRST, self->stream) == KT_OK, "first pass");
    take_out(self, 0, set->slab, set->layout.lists);
    for (int p = 0; p < KT_GPU_PEAKS; p++) {
        const size_t at = set->layout.at[KT_GPU_SECTION_PEAK + p];
        take_out(self, at, set->slab + at, self->peaks[p]);
    }
    put_in(self);
    gpu_must(gpu_set_run(set, GPU_CHROMA, self->stream) == KT_OK, "second pass");
    take_out(self, set->layout.bytes, set->chroma, set->rows * set->plan->opts.n_chroma * sizeof(float));
}

static double
now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

gpu_copies_t
gpu_copies(const kt_frontend_opts_t *opts, const gpu_spans_t *spans, size_t streams, size_t turns)
{
    lane_t       lanes[STREAMS_MOST];
    gpu_copies_t out = {0};
    gpu_must(streams <= STREAMS_MOST, "too many streams");
    for (size_t i = 0; i < streams; i++)
        open_lane(&lanes[i], opts, spans);
    const gpu_set_t *set   = &lanes[0].set;
    const double     begin = now_s();
    for (size_t i = 0; i < turns; i++) {
        const lane_t *lane = &lanes[i % streams];
        gpu_must(cudaStreamSynchronize(lane->stream) == cudaSuccess,
                 "a batch");  // its pinned memory is in use until here
        turn(lane);
    }
    gpu_must(cudaDeviceSynchronize() == cudaSuccess, "the device");
    out.seconds   = now_s() - begin;
    out.frames    = (double)turns * (double)set->rows;
    out.to_device = (double)turns * 2 * (double)(set->samples * sizeof(float));
    out.to_host   = (double)turns * ((double)(set->layout.lists + lanes[0].peaks[0] + lanes[0].peaks[1]) +
                                   (double)(set->rows * opts->n_chroma * sizeof(float)));
    for (size_t i = 0; i < streams; i++)
        close_lane(&lanes[i]);
    return out;
}
