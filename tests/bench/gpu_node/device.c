#include "tests/bench/gpu_node/device.h"

#include "common/clock.h"
#include "kernels/gpu/columns.h"

#include <stdio.h>
#include <stdlib.h>

// Frames take a multiple of the least time that docs/gpu.md ("What the limits allow") counts: three times on devices
// with fast doubles, where latency is expected to matter, one and a half times where the doubles are the limit. The
// T4's and the B200's least times are from the same counts (gpu_bench_sim --figures with KITHARA_SIM_DEVICE=t4, b200)
// and their data sheets. A piece of stereo at 44.1 kHz is counted by hand: planes move 2.5 MB (0.5, 8.3, 7.8 us on an
// H200, L4, T4), the K-weighting has 17 million operations in double (0.5, 36, 67 us), the true peak 38 million in
// float at most or 1 MB (0.6, 3.5, 4.7 us), facts of quality read 1 MB and transform 13 frames (0.3, 4.2, 4.5 us). None
// of this was measured.
const gpu_profile_t GPU_PROFILES[] = {
    {"t4", 12, 320, 1.5 * 104, 1.5 * 37, 1.5 * 19.6, 1.5 * 99, 1.5 * 5.8, 1.5 * 38, 1.5 * 24, 1.5 * 130, 1.5 * 84,
     16ULL << 30},
    {"l4", 25, 300, 1.5 * 29, 1.5 * 7.5, 1.5 * 11.1, 1.5 * 59, 1.5 * 4.7, 1.5 * 40, 1.5 * 21, 1.5 * 118, 1.5 * 52,
     24ULL << 30},
    {"h200", 50, 4800, 3 * 3.5, 3 * 2.3, 3 * 1.17, 3 * 8.7, 3 * 0.61, 3 * 2.5, 3 * 1.6, 3 * 7.4, 3 * 1.9, 141ULL << 30},
    {"b200", 50, 7700, 3 * 3.2, 3 * 2.1, 3 * 0.96, 3 * 7.2, 3 * 0.51, 3 * 1.5, 3 * 1.2, 3 * 6.4, 3 * 1.7, 180ULL << 30},
};
const size_t GPU_PROFILES_COUNT = sizeof GPU_PROFILES / sizeof *GPU_PROFILES;

// A submit is some eight calls of the driver, a wait one and the copies of the lists; a launch starts so long after it.
// Memory for a file's samples is mapped anew.
static const double SUBMIT_US = 40, KEEP_US = 200, WAIT_US = 20, LAUNCH_US = 10, LISTS_US = 15, QUANTUM_US = 4000;

// --- cores -----------------------------------------------------------------------------------------------------------

static struct {
    pthread_mutex_t lock;
    pthread_cond_t  device, worker;
    size_t          left, devices, workers;  // cores; threads that wait for one
} cores;

void
cores_open(size_t n)
{
    cores.left    = n;
    cores.devices = cores.workers = 0;
}

void
cores_use(double us, bool is_device)
{
    while (us > 0) {
        const double some = us < QUANTUM_US ? us : QUANTUM_US;
        pthread_mutex_lock(&cores.lock);
        // A worker begins when no device thread waits; among equals, in the order of their waiting.
        for (bool asked = false; cores.left == 0 || (!is_device && (cores.devices || (!asked && cores.workers)));) {
            *(is_device ? &cores.devices : &cores.workers) += 1;
            pthread_cond_wait(is_device ? &cores.device : &cores.worker, &cores.lock);
            *(is_device ? &cores.devices : &cores.workers) -= 1;
            asked = true;
        }
        cores.left--;
        pthread_mutex_unlock(&cores.lock);
        vt_sleep_until(kt_clock_us() + (int64_t)(some + 0.5));
        us -= some;
        pthread_mutex_lock(&cores.lock);
        cores.left++;
        pthread_cond_signal(cores.devices ? &cores.device : &cores.worker);
        pthread_mutex_unlock(&cores.lock);
    }
}

// --- device ----------------------------------------------------------------------------------------------------------

struct kt_gpu_context {
    const gpu_profile_t *profile;
    int64_t              in_free_us, kernels_free_us, out_free_us;  // when each engine has done what it has
    int64_t              ends_us[KT_GPU_SLOTS_MAX];
    char                *host;
};
static const gpu_profile_t *chosen;

static kt_err_t
device_count(const char *devices, int *n, char why[KT_GPU_WHY])
{
    (void)devices;
    (void)why;
    *n = 1;
    return KT_OK;
}

static kt_err_t
device_describe(int device, kt_gpu_about_t *out)
{
    (void)device;
    *out = (kt_gpu_about_t){.arch = "virtual", .memory_bytes = chosen->memory_bytes};
    snprintf(out->name, sizeof out->name, "%s", chosen->name);
    return KT_OK;
}

static kt_err_t
device_open(kt_gpu_context_t **self_p, const kt_gpu_context_opts_t *opts, kt_gpu_buffers_t *buffers,
            char why[KT_GPU_WHY])
{
    (void)why;
    *buffers = (kt_gpu_buffers_t){0};
    *self_p  = calloc(1, sizeof **self_p);
    if (!*self_p)
        return KT_ENOMEM;
    (*self_p)->profile = chosen;
    (*self_p)->host = buffers->host = malloc(opts->host_bytes);  // no byte of it is touched
    return KT_OK;
}

static void
device_close(kt_gpu_context_t **self_p)
{
    free((*self_p)->host);
    free(*self_p);
    *self_p = NULL;
}

static int64_t
later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static kt_err_t
device_submit(kt_gpu_context_t *self, uint32_t slot, const kt_gpu_batch_t *batch)
{
    const gpu_profile_t *profile    = self->profile;
    const double         bus        = 1e3 * profile->bus_gb_s;  // bytes a microsecond
    const double         columns_ns = profile->columns_ns / SONG_ITEMS * (double)batch->shape.next_bytes /
                              (KT_GPU_ITEM_COLUMNS * sizeof(float));  // of an item
    const double    frame_ns = batch->kind == KT_GPU_CHROMA    ? profile->second_ns
                               : batch->kind == KT_GPU_CQT     ? profile->cqt_ns
                               : batch->kind == KT_GPU_COLUMNS ? columns_ns
                               : batch->kind == KT_GPU_RISES   ? profile->fine_ns
                               : batch->kind == KT_GPU_BASS    ? profile->bass_ns
                               : batch->kind == KT_GPU_DERIVED ? profile->derived_ns
                               : batch->kind == KT_GPU_CENTS   ? profile->cents_ns
                               : batch->kind == KT_GPU_SOURCE  ? 1e3 * profile->piece_us
                                                               : profile->first_ns;
    kt_gpu_layout_t layout;
    kt_gpu_layout(batch->shape.section, batch->wanted, batch->items, &layout);
    cores_use(SUBMIT_US, true);
    // What is kept is read and written once more.
    size_t kept = batch->in_bytes - batch->host_bytes;
    for (uint32_t i = 0; i < batch->n_parts; i++)
        kept += batch->parts[i].stay.kept ? batch->parts[i].items * (size_t)STAY_BYTES : 0;
    const double kept_us  = 2e-3 * (double)kept / profile->memory_gb_s;
    self->in_free_us      = later(kt_clock_us(), self->in_free_us) + (int64_t)((double)batch->host_bytes / bus);
    self->kernels_free_us = later(self->in_free_us, self->kernels_free_us) +
                            (int64_t)(LAUNCH_US + kept_us + 1e-3 * frame_ns * (double)batch->items);
    self->out_free_us   = later(self->kernels_free_us, self->out_free_us) + (int64_t)((double)layout.bytes / bus);
    self->ends_us[slot] = self->out_free_us;
    return KT_OK;
}

static kt_err_t
device_keep(kt_gpu_context_t *self, size_t bytes, void **memory)
{
    (void)bytes;
    cores_use(KEEP_US, true);
    *memory = self;
    return KT_OK;
}

static void
device_drop(kt_gpu_context_t *self, void *memory, size_t bytes)
{
    (void)self;
    (void)memory;
    (void)bytes;
}

static kt_err_t
device_wait(kt_gpu_context_t *self, uint32_t slot, char why[KT_GPU_WHY])
{
    (void)why;
    vt_sleep_until(self->ends_us[slot] + (int64_t)LISTS_US);
    cores_use(WAIT_US, true);
    return KT_OK;
}

static kt_err_t
device_state(kt_gpu_context_t *self, kt_gpu_state_t *out, char why[KT_GPU_WHY])
{
    (void)self;
    (void)why;
    *out = (kt_gpu_state_t){.percent = -1, .celsius = -1};
    return KT_OK;
}

static uint64_t
device_pool_bytes(const kt_gpu_context_t *self)
{
    (void)self;
    return 0;
}

static const char *
device_why(const kt_gpu_context_t *self)
{
    (void)self;
    return "";
}

const kt_gpu_backend_t *
virtual_backend(const gpu_profile_t *profile)
{
    static const kt_gpu_backend_t BACKEND = {.abi        = KT_GPU_ABI,
                                             .name       = "virtual",
                                             .count      = device_count,
                                             .describe   = device_describe,
                                             .open       = device_open,
                                             .close      = device_close,
                                             .keep       = device_keep,
                                             .drop       = device_drop,
                                             .submit     = device_submit,
                                             .wait       = device_wait,
                                             .state      = device_state,
                                             .pool_bytes = device_pool_bytes,
                                             .why        = device_why};
    chosen                                = profile;
    return &BACKEND;
}
