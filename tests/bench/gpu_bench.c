// gpu_bench [--tiny] [--json] [--figures] -- the CUDA kernels on the GPU that is there: time by events, share of the
// device's peaks, cuFFT and cuBLAS doing the same where they are built in, and files a second with all copies. Without
// a GPU it says so. Before anything is timed, both must agree. --tiny: a few frames, once; that is what CTest runs in
// the simulator, where times mean nothing. --json: one object a line instead of the tables, and the device's measured
// ceilings first. --figures: the simulator's counters for docs/gpu.md. Exit 1: they disagree or the device failed; 2:
// usage.
#include "tests/bench/gpu_bench.h"

#include "kernels/cuda/image.h"
#include "tests/bench/gpu_ceilings.h"
#include "tests/bench/gpu_peer.h"
#include "tests/bench/gpu_probe.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RATE_HZ = 22050, FILE_SECONDS = 240, PEER_FRAMES = 16384, REPEATS_MOST = 51, STREAMS = 4 };

// Songs of a folder, with a jingle and a click among them; twelve workers' pieces of what the node sends at once.
static const uint32_t songs[]  = {62 * RATE_HZ,  95 * RATE_HZ,  154 * RATE_HZ, 187 * RATE_HZ, 213 * RATE_HZ,
                                  240 * RATE_HZ, 244 * RATE_HZ, 318 * RATE_HZ, 3 * RATE_HZ,   700};
static const uint32_t pieces[] = {174592, 174592, 174592, 174592, 174592, 174592,
                                  174592, 174592, 174592, 174592, 174592, 170000};
static const uint32_t crumbs[] = {9000, 0, 700, 3000};
static const uint32_t n_ffts[] = {512, 1024, 2048, 4096};
static const double   LIMIT    = 1e-4;  // of the largest value: a float transform against one in double

typedef struct peaks {
    double bytes, fp32, fp64;  // a second
} peaks_t;

typedef struct bench {
    bool    tiny, json;
    peaks_t peaks;
    double  ours_ms, peer_ms;  // of the defaults, mel and chroma
} bench_t;

typedef struct trial {
    const gpu_set_t   *set;
    gpu_kernel_t       kernel;
    gpu_peer_t        *peer;  // NULL: the kernel is run
    gpu_peer_product_t product;
} trial_t;

// --- the device -----------------------------------------------------------------------------------------------------

// What its properties say: doubled data rate of the memory, one fused multiply-add a core and clock.
static void
find_peaks(const struct cudaDeviceProp *prop, bool json, peaks_t *out)
{
#ifdef KT_CUDA_SIM
    *out = (peaks_t){INFINITY, INFINITY, INFINITY};
    if (!json)
        printf("device: %s; its times mean nothing\n", prop->name);
#else
    int       memory_khz = 0, bits = 0, khz = 0, ratio = 1;
    const int cores = prop->major == 7 || (prop->major == 8 && prop->minor == 0) ? 64 : 128;
    gpu_must(cudaDeviceGetAttribute(&memory_khz, cudaDevAttrMemoryClockRate, 0) == cudaSuccess &&
                 cudaDeviceGetAttribute(&bits, cudaDevAttrGlobalMemoryBusWidth, 0) == cudaSuccess &&
                 cudaDeviceGetAttribute(&khz, cudaDevAttrClockRate, 0) == cudaSuccess &&
                 cudaDeviceGetAttribute(&ratio, cudaDevAttrSingleToDoublePrecisionPerfRatio, 0) == cudaSuccess,
             "attributes of the device");
    out->bytes = memory_khz * 1e3 * bits / 8 * 2;
    out->fp32  = khz * 1e3 * prop->multiProcessorCount * cores * 2;
    out->fp64  = out->fp32 / (ratio > 0 ? ratio : 1);
    if (!json)
        printf("device: %s, %d multiprocessors; peaks by its properties: %.0f GB/s, %.1f TFLOP/s fp32, %.1f fp64\n",
               prop->name, prop->multiProcessorCount, out->bytes * 1e-9, out->fp32 * 1e-12, out->fp64 * 1e-12);
#endif
}

// --- time -----------------------------------------------------------------------------------------------------------

static void
run_once(const trial_t *trial)
{
    const kt_err_t err =
        trial->peer ? gpu_peer_run(trial->peer, &trial->product, NULL) : gpu_set_run(trial->set, trial->kernel, NULL);
    gpu_must(err == KT_OK, trial->peer ? "cuFFT and cuBLAS" : gpu_kernel_names[trial->kernel]);
}

static int
by_size(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

// Median of runs by events, after one that warms up.
static double
time_ms(const bench_t *self, void (*run)(const void *), const void *context)
{
    float       ms[REPEATS_MOST];
    const int   repeats = self->tiny ? 1 : REPEATS_MOST;
    cudaEvent_t begin, end;
    gpu_must(cudaEventCreate(&begin) == cudaSuccess && cudaEventCreate(&end) == cudaSuccess, "events");
    if (!self->tiny)
        run(context);
    for (int i = 0; i < repeats; i++) {
        gpu_must(cudaEventRecord(begin, NULL) == cudaSuccess, "event");
        run(context);
        gpu_must(cudaEventRecord(end, NULL) == cudaSuccess && cudaEventSynchronize(end) == cudaSuccess &&
                     cudaEventElapsedTime(&ms[i], begin, end) == cudaSuccess,
                 "event");
    }
    gpu_must(cudaEventDestroy(begin) == cudaSuccess && cudaEventDestroy(end) == cudaSuccess, "events");
    qsort(ms, (size_t)repeats, sizeof *ms, by_size);
    return ms[repeats / 2];
}

static void
run_trial(const void *trial)
{
    run_once(trial);
}

// --- the peer -------------------------------------------------------------------------------------------------------

static void
must_agree(const float *ours, const float *theirs, size_t n, double limit, const char *what)
{
    float *a = gpu_host(n, sizeof *a), *b = gpu_host(n, sizeof *b);
    double most = 0, apart = 0;
    gpu_must(cudaMemcpy(a, ours, n * sizeof *a, cudaMemcpyDeviceToHost) == cudaSuccess &&
                 cudaMemcpy(b, theirs, n * sizeof *b, cudaMemcpyDeviceToHost) == cudaSuccess,
             "copy from the device");
    for (size_t i = 0; i < n; i++) {
        const double off = fabs((double)a[i] - (double)b[i]);
        most             = fmax(most, fabs((double)b[i]));
        apart            = isnan(off) ? INFINITY : fmax(apart, off);
    }
    free(a);
    free(b);
    if (apart <= limit * most && most > 0)
        return;
    fprintf(stderr, "gpu_bench: %s: cuFFT and cuBLAS differ by %.3g of %.3g\n", what, apart, most);
    exit(1);
}

// The libraries' time for mel or chroma of the set, in float or in double, after they agreed with ours; NAN: no
// libraries.
static double
peer_ms(const bench_t *self, const gpu_set_t *set, bool is_chroma, bool is_double)
{
    const kt_frontend_opts_t *o     = &set->plan->opts;
    const uint32_t            width = is_chroma ? o->n_chroma : o->n_mels;
    const size_t              parts = (set->rows + PEER_FRAMES - 1) / PEER_FRAMES;
    const gpu_peer_opts_t     opts  = {o->n_fft, (set->rows + parts - 1) / parts, is_double};
    const float              *ours  = is_chroma ? set->chroma : set->out.row[KT_ROW_MEL];
    float                    *dense = gpu_dense(set->plan, is_chroma), *matrix, *out;
    trial_t                   trial = {.set = set};
    const kt_err_t            err   = gpu_peer_new(&trial.peer, &opts);
    if (err == KT_ENOTFOUND) {
        free(dense);
        return NAN;
    }
    gpu_must(err == KT_OK, "cuFFT and cuBLAS");
    matrix          = gpu_copy(dense, (size_t)width * set->plan->bins * sizeof *matrix);
    out             = gpu_new(set->rows * width * sizeof *out);
    trial.product   = (gpu_peer_product_t){set->pcm, matrix, set->first, set->rows, width, is_chroma, out};
    const double ms = time_ms(self, run_trial, &trial);
    must_agree(ours, out, set->rows * width, LIMIT, is_chroma ? "chroma" : "mel");
    gpu_peer_destroy(&trial.peer);
    gpu_free(matrix);
    gpu_free(out);
    free(dense);
    return ms;
}

// --- rows -----------------------------------------------------------------------------------------------------------

static void
print_heading(void)
{
    printf("%-22s %6s %8s %9s %10s %7s %7s %7s %11s %11s %6s\n", "kernel", "n_fft", "frames", "ms", "ns a frame",
           "%memory", "%fp32", "%fp64", "libs float", "libs double", "ratio");
}

static double
percent(double a_frame, double rows, double ms, double peak)
{
    return ms > 0 ? 100 * a_frame * rows / (ms * 1e-3) / peak : 0;
}

static void
measure(bench_t *self, const gpu_set_t *set, gpu_kernel_t kernel, bool counts)
{
    const trial_t    trial = {.set = set, .kernel = kernel};
    const gpu_cost_t cost  = gpu_cost(set->plan, set->tables, kernel);
    const double     ms = time_ms(self, run_trial, &trial), rows = (double)set->rows;
    if (self->json) {
        printf("{\"kernel\": \"%s\", \"n_fft\": %u, \"frames\": %zu, \"ms\": %.5f, \"ns_per_frame\": %.3f, "
               "\"bytes_per_frame\": %.0f, \"fp32_per_frame\": %.0f, \"fp64_per_frame\": %.0f}\n",
               gpu_kernel_names[kernel], set->plan->opts.n_fft, set->rows, ms, ms * 1e6 / rows, cost.bytes, cost.fp32,
               cost.fp64);
        fflush(stdout);
        return;
    }
    printf("%-22s %6u %8zu %9.4f %10.2f %7.1f %7.1f %7.1f", gpu_kernel_names[kernel], set->plan->opts.n_fft, set->rows,
           ms, ms * 1e6 / rows, percent(cost.bytes, rows, ms, self->peaks.bytes),
           percent(cost.fp32, rows, ms, self->peaks.fp32), percent(cost.fp64, rows, ms, self->peaks.fp64));
    if (kernel == GPU_MEL || kernel == GPU_CHROMA) {
        const double single = peer_ms(self, set, kernel == GPU_CHROMA, false);
        printf(" %11.4f %11.4f %6.2f", single, peer_ms(self, set, kernel == GPU_CHROMA, true), single / ms);
        self->ours_ms += counts ? ms : 0;
        self->peer_ms += counts ? single : 0;
    }
    printf("\n");
    fflush(stdout);
}

static void
measure_size(bench_t *self, uint32_t n_fft, const gpu_spans_t *spans, bool counts)
{
    const kt_frontend_opts_t opts = {RATE_HZ, n_fft, n_fft / 4, 128, 13, 12};
    if (!gpu_fits(&opts)) {
        if (!self->json)
            printf("%-22s %6u does not fit into this device's shared memory\n", "both passes", n_fft);
        return;
    }
    gpu_set_t set = gpu_set_open(&opts, spans);
    for (int k = 0; k < GPU_KERNELS; k++)
        measure(self, &set, (gpu_kernel_t)k, counts);
    gpu_set_close(&set);
}

// As the node cuts a batch: all multiprocessors get some (kernels/cuda/backend_frames.c).
static uint32_t
node_run(const struct cudaDeviceProp *prop)
{
    const uint32_t share = 4096 / (2 * (uint32_t)prop->multiProcessorCount);
    return share < 8 ? 8 : share < KT_CUDA_RUN_FRAMES ? share : KT_CUDA_RUN_FRAMES;
}

// --- pictures -------------------------------------------------------------------------------------------------------

typedef struct album {
    uint8_t          *rgb;
    kt_image_stats_t *out;
    uint32_t          n, width, height;
} album_t;

static void
run_pictures(const void *context)
{
    const album_t *album = context;
    gpu_must(kt_cuda_images(album->rgb, NULL, album->n, album->width, album->height, album->out, NULL) == KT_OK,
             "pictures");
}

static void
measure_pictures(const bench_t *self)
{
    album_t      album = {.n = self->tiny ? 2 : 256, .width = self->tiny ? 40 : 640, .height = self->tiny ? 30 : 360};
    const size_t one = 3 * (size_t)album.width * album.height, bytes = album.n * one;
    uint8_t     *rgb = gpu_host(bytes, 1);
    for (size_t i = 0; i < bytes; i++)
        rgb[i] = (uint8_t)(i * 2654435761U >> 13);
    album.rgb = gpu_copy(rgb, bytes);
    album.out = gpu_new(album.n * sizeof *album.out);
    gpu_must(cudaMemset(album.out, 0, album.n * sizeof *album.out) == cudaSuccess, "pictures");
    const double ms = time_ms(self, run_pictures, &album);
    if (self->json)
        printf("{\"kernel\": \"pictures\", \"width\": %u, \"height\": %u, \"n\": %u, \"ms\": %.5f, "
               "\"us_each\": %.4f}\n",
               album.width, album.height, album.n, ms, ms * 1e3 / album.n);
    else
        printf("pictures of %u x %u: %.4f ms for %u, %.2f us each, %.1f %% of the memory's peak\n", album.width,
               album.height, ms, album.n, ms * 1e3 / album.n, percent((double)one, album.n, ms, self->peaks.bytes));
    gpu_free(album.rgb);
    gpu_free(album.out);
    free(rgb);
}

// --- copies ---------------------------------------------------------------------------------------------------------

static void
measure_copies(const bench_t *self, const gpu_spans_t *spans)
{
    const kt_frontend_opts_t opts  = {RATE_HZ, 2048, 512, 128, 13, 12};
    const double             file  = FILE_SECONDS * (double)RATE_HZ / 512 + 1;
    const size_t             turns = self->tiny ? 3 : 400;
    for (size_t streams = 1; streams <= STREAMS; streams *= 2) {
        const gpu_copies_t got = gpu_copies(&opts, spans, streams, turns);
        if (self->json)
            printf("{\"copies\": true, \"streams\": %zu, \"files_per_s\": %.3f, \"file_s\": %d, "
                   "\"to_device_bytes_s\": %.4g, \"to_host_bytes_s\": %.4g}\n",
                   streams, got.frames / got.seconds / file, FILE_SECONDS, got.to_device / got.seconds,
                   got.to_host / got.seconds);
        else
            printf("both passes with copies, %zu stream%s: %.1f files of %d s a second, %.2f GB/s in, %.2f GB/s out\n",
                   streams, streams > 1 ? "s" : "", got.frames / got.seconds / file, FILE_SECONDS,
                   got.to_device / got.seconds * 1e-9, got.to_host / got.seconds * 1e-9);
    }
}

static void
print_ceilings(const bench_t *self, const struct cudaDeviceProp *prop)
{
    gpu_ceilings_t got;
    gpu_ceilings(self->tiny, &got);
    printf("{\"device\": \"%s\", \"arch\": %d, \"multiprocessors\": %d, \"memory_bytes_s\": %.4g, \"fp32_s\": %.4g, "
           "\"fp64_s\": %.4g, \"launch_us\": %.2f}\n",
           prop->name, 10 * prop->major + prop->minor, prop->multiProcessorCount, got.memory_bytes_s, got.fp32_s,
           got.fp64_s, got.launch_us);
    for (int i = 0; i < GPU_CEILING_COPIES; i++)
        printf("{\"bus\": true, \"bytes\": %.0f, \"to_device_bytes_s\": %.4g, \"to_host_bytes_s\": %.4g}\n",
               got.copy_bytes[i], got.to_device_bytes_s[i], got.to_host_bytes_s[i]);
    fflush(stdout);
}

static void
measure_all(bench_t *self, const struct cudaDeviceProp *prop)
{
    const gpu_spans_t large = self->tiny ? (gpu_spans_t){crumbs, 4, 16} : (gpu_spans_t){songs, 10, KT_CUDA_RUN_FRAMES};
    const gpu_spans_t batch = self->tiny ? (gpu_spans_t){crumbs, 4, 8} : (gpu_spans_t){pieces, 12, node_run(prop)};
    if (self->json)
        print_ceilings(self, prop);
    else
        print_heading();
    for (size_t i = 0; i < sizeof n_ffts / sizeof *n_ffts; i++)
        measure_size(self, n_ffts[i], &large, n_ffts[i] == 2048);
    if (!self->json)
        printf("a batch of the node (runs of %u frames):\n", batch.run_frames);
    measure_size(self, 2048, &batch, false);
    measure_pictures(self);
    measure_copies(self, &batch);
    if (self->json)
        return;
    printf("ratio: cuFFT and cuBLAS in float over ours, mel and chroma of 2048/512\n");
    if (isnan(self->peer_ms))
        printf("gpu ratio=none\n");
    else
        printf("gpu ratio=%.2f\n", self->ours_ms > 0 ? self->peer_ms / self->ours_ms : 0);
}

int
main(int argc, char **argv)
{
    int                   devices = 0;
    struct cudaDeviceProp prop;
    bench_t               self    = {0};
    bool                  figures = false;
    for (int i = 1; i < argc; i++) {
        self.tiny |= strcmp(argv[i], "--tiny") == 0;
        self.json |= strcmp(argv[i], "--json") == 0;
        figures |= strcmp(argv[i], "--figures") == 0;
        if (strcmp(argv[i], "--tiny") != 0 && strcmp(argv[i], "--json") != 0 && strcmp(argv[i], "--figures") != 0) {
            fprintf(stderr, "usage: gpu_bench [--tiny] [--json] [--figures]\n");
            return 2;
        }
    }
    const cudaError_t error = gpu_probe(&devices);
    if (error == cudaErrorNoDevice) {
        printf("not run: no GPU\ngpu ratio=none\n");
        return 0;
    }
    gpu_must(error == cudaSuccess, cudaGetErrorName(error));
    if (figures)
        return gpu_figures();
    gpu_must(cudaGetDeviceProperties(&prop, 0) == cudaSuccess, "properties of the device");
    find_peaks(&prop, self.json, &self.peaks);
    measure_all(&self, &prop);
    return 0;
}
