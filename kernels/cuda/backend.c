// The shared object's one table: devices, contexts, memory. Batches are in backend_batch.c.
#include "kernels/cuda/backend_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_ARCH = 75, GROWTH_BYTES = 2 << 20 };

kt_err_t
kt_gpu_judge(const kt_gpu_context_t *self, cudaError_t error, const char *what, char why[KT_GPU_WHY])
{
    (void)cudaGetLastError();
    snprintf(why, KT_GPU_WHY, "%s failed: %s: %s", what, cudaGetErrorName(error), cudaGetErrorString(error));
    if (error == cudaErrorMemoryAllocation)
        return KT_ENOMEM;
    const cudaError_t now = cudaStreamQuery(self->lanes[0].stream);
    (void)cudaGetLastError();
    return now == cudaSuccess || now == cudaErrorNotReady ? KT_EINVAL : KT_ESTATE;
}

kt_err_t
kt_gpu_failed(kt_gpu_context_t *self, cudaError_t error, const char *what)
{
    return kt_gpu_judge(self, error, what, self->why);
}

static kt_err_t
backend_count(const char *devices, int *n, char why[KT_GPU_WHY])
{
    // Before the first call of CUDA: devices by bus, as nvidia-smi counts them, and the instance that the setting
    // names. What the user set has priority.
    char           visible[KT_GPU_TEXT];
    const kt_err_t err = kt_gpu_visible(devices, visible, why);
    if (err)
        return KT_ENOTFOUND;
    (void)setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 0);
    if (*visible)
        (void)setenv("CUDA_VISIBLE_DEVICES", visible, 0);

    int driver = 0, own = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
        snprintf(why, KT_GPU_WHY, "no NVIDIA driver");
        return KT_ENOTFOUND;
    }
    // A driver runs programs of every CUDA release of its own major number.
    if (cudaRuntimeGetVersion(&own) == cudaSuccess && driver / 1000 < own / 1000) {
        snprintf(why, KT_GPU_WHY, "the NVIDIA driver is for CUDA %d.%d, this program needs %d.0", driver / 1000,
                 driver % 1000 / 10, own / 1000);
        return KT_ENOTFOUND;
    }

    cudaError_t error = cudaGetDeviceCount(n);
    (void)cudaGetLastError();
    if (error == cudaErrorNoDevice || (error == cudaSuccess && *n == 0))
        snprintf(why, KT_GPU_WHY, "no NVIDIA GPU");
    else if (error)
        snprintf(why, KT_GPU_WHY, "the driver is in trouble: %s: %s", cudaGetErrorName(error),
                 cudaGetErrorString(error));
    return error == cudaSuccess && *n > 0 ? KT_OK : KT_ENOTFOUND;
}

// The device's facts, and its NVML, which the caller closes; NULL: there is none.
static kt_err_t
device_facts(int device, struct cudaDeviceProp *prop, char uuid[KT_GPU_TEXT], kt_gpu_nvml_t **nvml)
{
    char        bus_id[32] = "";
    cudaError_t error      = cudaGetDeviceProperties(prop, device);
    if (!error)
        error = cudaDeviceGetPCIBusId(bus_id, sizeof bus_id, device);
    if (error) {
        (void)cudaGetLastError();
        return KT_ENOTFOUND;
    }
    *nvml = kt_gpu_nvml_open((const unsigned char *)prop->uuid.bytes, bus_id, uuid);
    return KT_OK;
}

static kt_err_t
backend_describe(int device, kt_gpu_about_t *out)
{
    struct cudaDeviceProp prop;
    kt_gpu_nvml_t        *nvml = NULL;
    kt_gpu_about_t        made = {0};
    const kt_err_t        err  = device_facts(device, &prop, made.uuid, &nvml);
    if (err)
        return err;
    kt_gpu_nvml_close(&nvml);
    made.memory_bytes = prop.totalGlobalMem;
    snprintf(made.name, sizeof made.name, "%.63s", prop.name);
    snprintf(made.arch, sizeof made.arch, "sm_%d%d", prop.major, prop.minor);
    *out = made;
    return KT_OK;
}

// A slab grows by whole steps, so that batches of like size soon need no more.
kt_err_t
kt_gpu_slab(kt_gpu_context_t *self, kt_gpu_lane_t *lane, size_t bytes)
{
    if (bytes <= lane->slab_bytes)
        return KT_OK;
    uint64_t most = self->opts.max_bytes ? self->opts.max_bytes - (self->pool_bytes - lane->slab_bytes) : UINT64_MAX;
    size_t   step = self->opts.growth ? (bytes + GROWTH_BYTES - 1) / GROWTH_BYTES * GROWTH_BYTES : bytes;
    step          = step <= most ? step : bytes;
    if (step > most) {
        snprintf(self->why, sizeof self->why, "a batch needs %zu bytes, and ANALYZER_GPU_MAX_MEMORY leaves %llu", bytes,
                 (unsigned long long)most);
        return KT_ENOMEM;
    }
    cudaError_t error = lane->slab ? cudaFreeAsync(lane->slab, lane->stream) : cudaSuccess;
    self->pool_bytes -= lane->slab_bytes;
    lane->slab       = NULL;
    lane->slab_bytes = 0;
    if (!error)
        error = cudaMallocAsync((void **)&lane->slab, step, lane->stream);
    if (error)
        return kt_gpu_failed(self, error, "device memory");
    lane->slab_bytes = step;
    self->pool_bytes += step;
    return KT_OK;
}

// On a stream of its own, and there before any lane's stream uses it.
static kt_err_t
backend_keep(kt_gpu_context_t *self, size_t bytes, void **memory)
{
    void       *made  = NULL;
    cudaError_t error = cudaSetDevice(self->opts.device);
    if (!error)
        error = cudaMallocAsync(&made, bytes, self->keeper);
    if (!error)
        error = cudaMemsetAsync(made, 0, bytes, self->keeper);
    if (!error)
        error = cudaStreamSynchronize(self->keeper);
    if (error)
        return kt_gpu_failed(self, error, "memory for samples");
    self->kept_bytes += bytes;
    *memory = made;
    return KT_OK;
}

static void
backend_drop(kt_gpu_context_t *self, void *memory, size_t bytes)
{
    if (cudaSetDevice(self->opts.device) || cudaFreeAsync(memory, self->keeper))
        (void)cudaGetLastError();  // of a device that failed: its memory goes with it
    self->kept_bytes -= bytes;
}

static kt_err_t
context_open_device(kt_gpu_context_t *self)
{
    struct cudaDeviceProp prop;
    char                  uuid[KT_GPU_TEXT];
    cudaError_t           error = cudaSetDevice(self->opts.device);
    if (!error && device_facts(self->opts.device, &prop, uuid, &self->nvml))
        error = cudaErrorInvalidDevice;
    if (error)
        return kt_gpu_failed(self, error, "opening the device");
    if (10 * prop.major + prop.minor < LEAST_ARCH) {
        snprintf(self->why, sizeof self->why, "%.63s has compute capability %d.%d, and 7.5 is the least", prop.name,
                 prop.major, prop.minor);
        return KT_ENOTFOUND;
    }
    self->processors = prop.multiProcessorCount > 0 ? (uint32_t)prop.multiProcessorCount : 1;
    return KT_OK;
}

static void
backend_close(kt_gpu_context_t **self_p)
{
    kt_gpu_context_t *self = *self_p;
    *self_p                = NULL;
    if (!self)
        return;
    (void)cudaSetDevice(self->opts.device);
    if (self->keeper) {
        (void)cudaStreamSynchronize(self->keeper);
        (void)cudaStreamDestroy(self->keeper);
    }
    for (uint32_t i = 0; i < self->opts.slots; i++) {
        kt_gpu_lane_t *lane = &self->lanes[i];
        if (lane->stream && lane->busy)
            (void)cudaStreamSynchronize(lane->stream);
        if (lane->slab) {
            (void)cudaFreeAsync(lane->slab, lane->stream);
            (void)cudaStreamSynchronize(lane->stream);
        }
        (void)cudaFreeHost(lane->side);
        (void)cudaFreeHost(lane->out);
        (void)cudaFreeHost(lane->in);
        if (lane->done)
            (void)cudaEventDestroy(lane->done);
        if (lane->stream)
            (void)cudaStreamDestroy(lane->stream);
    }
    (void)cudaFreeHost(self->host);
    for (size_t i = 0; i < KT_GPU_PLANS; i++) {
        kt_cuda_plan_destroy(&self->plans[i].cuda);
        kt_plan_destroy(&self->plans[i].plan);
    }
    for (size_t i = 0; i < KT_GPU_TAPS; i++)
        (void)cudaFree(self->taps[i].taps);
    (void)cudaGetLastError();
    kt_gpu_nvml_close(&self->nvml);
    free(self);
}

static kt_err_t
backend_open(kt_gpu_context_t **self_p, const kt_gpu_context_opts_t *opts, kt_gpu_buffers_t *buffers,
             char why[KT_GPU_WHY])
{
    kt_gpu_context_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->opts = *opts;

    // Without growth: room for samples, results, and an eighth of both for runs, chroma tables and work areas.
    const size_t needed     = (opts->in_bytes + opts->out_bytes) / 7 * 8;
    const size_t share      = opts->max_bytes / opts->slots;
    const size_t slab_bytes = opts->max_bytes && share < needed ? share : needed;
    kt_err_t     err        = context_open_device(self);
    if (!err) {
        const cudaError_t error = cudaStreamCreateWithFlags(&self->keeper, cudaStreamNonBlocking);
        err                     = error ? kt_gpu_failed(self, error, "opening the device") : KT_OK;
    }
    // A host without so much memory to pin has the slots' alone.
    if (!err && opts->host_bytes && cudaHostAlloc((void **)&self->host, opts->host_bytes, cudaHostAllocDefault)) {
        (void)cudaGetLastError();
        self->host = NULL;
    }
    buffers->host = self->host;
    for (uint32_t i = 0; i < opts->slots && !err; i++) {
        kt_gpu_lane_t *lane  = &self->lanes[i];
        cudaError_t    error = cudaStreamCreateWithFlags(&lane->stream, cudaStreamNonBlocking);
        if (!error)
            error = cudaEventCreateWithFlags(&lane->done, cudaEventDisableTiming | cudaEventBlockingSync);
        if (!error)
            error = cudaHostAlloc((void **)&lane->in, opts->in_bytes, cudaHostAllocDefault);
        if (!error)
            error = cudaHostAlloc((void **)&lane->out, opts->out_bytes, cudaHostAllocDefault);
        if (error)
            err = kt_gpu_failed(self, error, "opening the device");
        else if (!opts->growth)
            err = kt_gpu_slab(self, lane, slab_bytes);
        buffers->input[i]   = lane->in;
        buffers->results[i] = lane->out;
    }

    if (err) {
        snprintf(why, KT_GPU_WHY, "%s", self->why);
        backend_close(&self);
        return err;
    }
    *self_p = self;
    return KT_OK;
}

static kt_err_t
backend_state(kt_gpu_context_t *self, kt_gpu_state_t *out, char why[KT_GPU_WHY])
{
    size_t      unused = 0, total = 0;
    cudaError_t error = cudaSetDevice(self->opts.device);
    *out              = (kt_gpu_state_t){.percent = -1, .celsius = -1};
    if (!error)
        error = cudaMemGetInfo(&unused, &total);
    if (!error) {
        out->memory_used_bytes  = total - unused;
        out->memory_total_bytes = total;
    }
    if (self->nvml)
        kt_gpu_nvml_state(self->nvml, out);
    if (!error)
        return KT_OK;
    (void)cudaGetLastError();
    snprintf(why, KT_GPU_WHY, "a look at the memory failed: %s: %s", cudaGetErrorName(error),
             cudaGetErrorString(error));
    return KT_ESTATE;
}

static uint64_t
backend_pool_bytes(const kt_gpu_context_t *self)
{
    return self->pool_bytes + self->kept_bytes;
}

static const char *
backend_why(const kt_gpu_context_t *self)
{
    return self->why;
}

#ifdef KT_CUDA_SIM
#define NAME "cuda-sim"
#else
#define NAME "cuda"
#endif

static const kt_gpu_backend_t BACKEND = {
    .abi        = KT_GPU_ABI,
    .name       = NAME,
    .count      = backend_count,
    .describe   = backend_describe,
    .open       = backend_open,
    .close      = backend_close,
    .keep       = backend_keep,
    .drop       = backend_drop,
    .submit     = kt_gpu_submit,
    .wait       = kt_gpu_wait_slot,
    .state      = backend_state,
    .pool_bytes = backend_pool_bytes,
    .why        = backend_why,
};

__attribute__((visibility("default"))) const kt_gpu_backend_t *kithara_gpu_backend(void);

const kt_gpu_backend_t *
kithara_gpu_backend(void)
{
    return &BACKEND;
}
