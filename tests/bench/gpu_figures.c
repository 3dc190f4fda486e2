#include "tests/bench/gpu_bench.h"

#include <stdio.h>

#ifdef KT_CUDA_SIM
#include "kernels/cuda/bass.h"
#include "kernels/cuda/cents.h"
#include "kernels/cuda/columns.h"
#include "kernels/cuda/cqt.h"
#include "kernels/cuda/image.h"
#include "kernels/cuda/rises.h"
#include "kernels/cuda/tables.h"
#include "tests/cudasim/cudasim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct figure {
    const char  *kernel;  // as the compiler's report names it
    uint32_t     n_fft;
    gpu_kernel_t what;
    uint32_t     hop, n_mels;  // 0: a quarter of n_fft, 128
} figure_t;
static const figure_t figures[] = {
    {"kt_frontend_kernel<256>", 512, GPU_FIRST, 0, 0},
    {"kt_frontend_kernel<512>", 1024, GPU_FIRST, 0, 0},
    {"kt_frontend_kernel<1024>", 2048, GPU_FIRST, 0, 0},
    {"kt_frontend_kernel<2048>", 4096, GPU_FIRST, 0, 0},
    {"kt_frontend_kernel<512>", 1024, GPU_MEL, 220, 80},  // the rhythm's rows
    {"kt_second_kernel<256>", 512, GPU_CHROMA, 0, 0},
    {"kt_second_kernel<512>", 1024, GPU_CHROMA, 0, 0},
    {"kt_second_kernel<1024>", 2048, GPU_CHROMA, 0, 0},
    {"kt_second_kernel<2048>", 4096, GPU_CHROMA, 0, 0},
    {"kt_second_kernel<1024>", 2048, GPU_POWER_SPECTRA, 0, 0},
    {"kt_second_kernel<256>", 512, GPU_POWER_SPECTRA, 64, 0},  // the bass
    {"kt_segments_kernel", 2048, GPU_SEGMENTS, 0, 0},
    {"kt_maxima_kernel", 2048, GPU_MAXIMA, 0, 0},
    {"kt_split_rows_kernel", 8192, GPU_FIRST, 0, 0},
    {"kt_split_second_kernel", 8192, GPU_CHROMA, 0, 0},
};
enum { KERNEL_NAME = 64, RUNS = 2, WIDTH = 320, HEIGHT = 180, PICTURES = 17 };

// Counts since `before`, of each of n frames: bytes read and written, accesses of shared memory, operations in double
// and in float, special functions.
static void
print_figure(const char *kernel, const char *what, uint32_t n_fft, uint32_t hop, size_t n,
             const cudasim_counters_t *before, const gpu_cost_t *cost)
{
    const double       frames = (double)n;
    cudasim_counters_t now;
    cudasim_counters(NULL, &now);
    printf("%s\t%s\t%u\t%u\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\n", kernel, what, n_fft, hop,
           (double)(now.read_bytes - before->read_bytes) / frames,
           (double)(now.written_bytes - before->written_bytes) / frames,
           (double)(now.shared_accesses - before->shared_accesses) / frames, cost->fp64, cost->fp32, cost->special);
    fflush(stdout);
}

// Of one kernel by its name, which ran for these frames alone.
static void
print_counted(const char *kernel, const char *what, uint32_t n_fft, uint32_t hop, size_t n, const gpu_cost_t *cost)
{
    const double       frames = (double)n;
    cudasim_counters_t now;
    cudasim_counters(kernel, &now);
    printf("%s\t%s\t%u\t%u\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\n", kernel, what, n_fft, hop,
           (double)now.read_bytes / frames, (double)now.written_bytes / frames, (double)now.shared_accesses / frames,
           cost->fp64, cost->fp32, cost->special);
    fflush(stdout);
}

// A device with slow doubles has kernels of its own for the first pass.
static const char *
kernel_of(const figure_t *figure, bool slow_doubles, char name[KERNEL_NAME])
{
    const bool own = slow_doubles && kt_cuda_is_fused(figure->n_fft);
    if (!own || (figure->what != GPU_FIRST && figure->what != GPU_MEL))
        return figure->kernel;
    snprintf(name, KERNEL_NAME, "%s<%u>", figure->what == GPU_MEL ? "kt_mel_kernel" : "kt_twofloat_kernel",
             figure->n_fft / 2);
    return name;
}

// Two whole runs of frames: what each run reads once is in it.
static void
figure_of(const figure_t *figure)
{
    const uint32_t           hop     = figure->hop ? figure->hop : figure->n_fft / 4;
    const kt_frontend_opts_t opts    = {22050, figure->n_fft, hop, figure->n_mels ? figure->n_mels : 128, 13, 12};
    const uint32_t           samples = (RUNS * KT_CUDA_RUN_FRAMES - 1) * opts.hop;
    gpu_set_t                set     = gpu_set_open(&opts, &(gpu_spans_t){&samples, 1, KT_CUDA_RUN_FRAMES});
    cudasim_counters_t       before;
    if (figure->what == GPU_SEGMENTS || figure->what == GPU_MAXIMA)
        gpu_must(gpu_set_run(&set, GPU_FIRST, NULL) == KT_OK && cudaDeviceSynchronize() == cudaSuccess, "first pass");
    cudasim_counters(NULL, &before);
    gpu_must(gpu_set_run(&set, figure->what, NULL) == KT_OK && cudaDeviceSynchronize() == cudaSuccess, figure->kernel);
    const gpu_cost_t cost = gpu_cost(set.plan, set.tables, figure->what);
    char             name[KERNEL_NAME];
    print_figure(kernel_of(figure, set.tables->tables.slow_doubles, name), gpu_kernel_names[figure->what], opts.n_fft,
                 hop, set.rows, &before, &cost);
    gpu_set_close(&set);
}

// The three kernels of constant-Q at 22,050 Hz, each alone: counters of a kernel are those of its name.
static void
figures_of_cqt(void)
{
    enum { FRAMES = 512, RATE_HZ = 22050, HOP = 512 };
    static const char *const names[] = {"kt_cqt_halve_kernel", "kt_cqt_kernel<512>", "kt_cqt_sum_kernel"};
    static const char *const what[]  = {"constant-Q, octaves", "constant-Q, transforms", "constant-Q, sum"};
    kt_gpu_cqt_tables_t     *tables  = gpu_host(1, sizeof *tables);
    gpu_must(kt_gpu_cqt_tables_fill(tables, RATE_HZ, HOP, 0) == KT_OK, "constant-Q");
    const uint32_t           n_fft   = tables->config.n_fft;
    const size_t             samples = kt_gpu_cqt_samples(n_fft, HOP, 0, FRAMES);
    const uint64_t           octaves = kt_cuda_cqt_octaves(n_fft, HOP, FRAMES);
    char                    *in      = gpu_host(1, sizeof tables->table + samples * sizeof(float));
    const kt_cuda_cqt_part_t part    = {.frames = FRAMES, .samples = FRAMES * HOP};
    memcpy(in, &tables->table, sizeof tables->table);
    kt_cuda_cqt_t cqt = {.n_fft   = n_fft,
                         .hop     = HOP,
                         .parts   = gpu_copy(&part, sizeof part),
                         .n       = 1,
                         .longest = FRAMES,
                         .rows    = FRAMES,
                         .in      = gpu_copy(in, sizeof tables->table + samples * sizeof(float)),
                         .octaves = gpu_new(octaves * sizeof(float)),
                         .sums    = gpu_new((size_t)KT_CQT_OCTAVES * FRAMES * KT_CQT_CLASSES * sizeof(float)),
                         .out     = gpu_new((size_t)FRAMES * KT_CQT_CLASSES * sizeof(float))};
    gpu_must(kt_cuda_cqt(&cqt, NULL) == KT_OK && cudaDeviceSynchronize() == cudaSuccess, *names);
    const double halved  = (double)octaves / FRAMES;
    gpu_cost_t   cost[3] = {gpu_cost_halved(),
                            gpu_cost_cqt(tables),
                            {.fp32 = KT_CQT_CLASSES * (KT_CQT_OCTAVES + 8), .special = KT_CQT_CLASSES}};
    cost[0].fp64 *= halved;
    cost[0].fp32 *= halved;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        print_counted(names[k], what[k], n_fft, HOP, FRAMES, &cost[k]);
    void *const all[] = {(void *)(uintptr_t)cqt.parts, (void *)(uintptr_t)cqt.in, cqt.octaves, cqt.sums, cqt.out};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        gpu_free(all[i]);
    kt_gpu_cqt_tables_fini(tables);
    free(tables);
    free(in);
}

// Rises of the mel rows of the rhythm: a logarithm is 17 operations (decibels), a frame has a root for each range.
static void
figures_of_rises(void)
{
    enum { N_FFT = 1024, HOP = 220, FRAMES = 1024, BANDS = KT_RISE_BANDS };
    float *mel = gpu_host((size_t)(FRAMES + KT_RISE_LAG) * BANDS, sizeof *mel);
    for (size_t i = 0; i < (size_t)(FRAMES + KT_RISE_LAG) * BANDS; i++)
        mel[i] = (float)((uint32_t)i * 2654435761U >> 8);
    const kt_cuda_rises_t rises = {.mel    = gpu_copy(mel, (size_t)(FRAMES + KT_RISE_LAG) * BANDS * sizeof *mel),
                                   .out    = gpu_new((size_t)FRAMES * KT_RISE_WIDTH * sizeof(uint16_t)),
                                   .frames = FRAMES,
                                   .bands  = BANDS,
                                   .floor  = 1,
                                   .unit   = 1};
    const gpu_cost_t      cost  = {.fp32 = BANDS * (17 + 4), .special = 2 * KT_RISE_RANGES};
    gpu_must(kt_cuda_rises(&rises, NULL) == KT_OK && cudaDeviceSynchronize() == cudaSuccess, "rises");
    print_counted("kt_rises_kernel", "rises of mel rows", N_FFT, HOP, FRAMES, &cost);
    gpu_free((void *)(uintptr_t)rises.mel);
    gpu_free(rises.out);
    free(mel);
}

// Low values and rows of the bass, a row each 1024 samples; the spectra between the two are in `figures`.
static void
figures_of_bass(void)
{
    enum { RATE_HZ = 22050, ROW = 1024, ROWS = 512 };
    kt_bass_shape_t shape;
    gpu_cost_t      cost[2];
    gpu_must(kt_bass_shape_of(RATE_HZ, ROW, &shape) == KT_OK, "bass");
    const uint32_t values  = (ROWS - 1) * shape.hop + shape.points;
    const size_t   samples = (size_t)(values + KT_BASS_STEPS - 1) * shape.step, floats = (size_t)ROWS * shape.past;
    float         *in = gpu_host(samples, sizeof *in), *tap = gpu_host(KT_BASS_SUMS * (size_t)shape.step, sizeof *tap);
    uint8_t       *pitch_class = gpu_host(shape.past, 1);
    kt_bass_tables(&shape, shape.step, tap, pitch_class);
    for (size_t i = 0; i < samples; i++)
        in[i] = (float)((uint32_t)i * 2654435761U >> 8);
    const kt_cuda_bass_low_t  low  = {.in     = gpu_copy(in, samples * sizeof *in),
                                      .tap    = gpu_copy(tap, KT_BASS_SUMS * (size_t)shape.step * sizeof *tap),
                                      .low    = gpu_new(values * sizeof(float)),
                                      .values = values,
                                      .step   = shape.step};
    const kt_cuda_bass_rows_t rows = {.power       = gpu_copy(in, floats * sizeof *in),
                                      .pitch_class = gpu_copy(pitch_class, shape.past),
                                      .out         = gpu_new((size_t)ROWS * KT_BASS_WIDTH * sizeof(uint16_t)),
                                      .rows        = ROWS,
                                      .first       = shape.first,
                                      .past        = shape.past};
    gpu_must(kt_cuda_bass_low(&low, NULL) == KT_OK && kt_cuda_bass_rows(&rows, NULL) == KT_OK &&
                 cudaDeviceSynchronize() == cudaSuccess,
             "bass");
    gpu_cost_bass(&shape, cost);
    print_counted("kt_bass_low_kernel", "the bass, low values", shape.points, ROW, ROWS, &cost[0]);
    print_counted("kt_bass_rows_kernel", "the bass, rows", shape.points, ROW, ROWS, &cost[1]);
    const void *const all[] = {low.in, low.tap, low.low, rows.power, rows.pitch_class, rows.out};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        gpu_free((void *)(uintptr_t)all[i]);
    free(in);
    free(tap);
    free(pitch_class);
}

// Frames of five notes with eight overtones each.
static void
figure_of_cents(void)
{
    enum { RATE_HZ = 22050, FRAMES = 32, PARTIALS = 9 };
    static const double   notes_hz[] = {110, 138.59, 164.81, 261.63, 393.1};
    kt_gpu_cents_counts_t zeros      = {0};
    uint32_t              peaks[FRAMES];
    double                all  = 0;
    kt_cuda_cents_t       make = {.frames = FRAMES};
    gpu_must(kt_cents_shape_of(RATE_HZ, &make.shape) == KT_OK, "cents");
    const size_t n   = (size_t)(FRAMES - 1) * make.shape.hop + make.shape.n_fft;
    float       *pcm = gpu_host(n, sizeof *pcm);
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < PARTIALS * sizeof notes_hz / sizeof *notes_hz; p++) {
            const double h = (double)(1 + p % PARTIALS);
            pcm[i] += (float)(0.05 / h * sin(6.283185307179586 * notes_hz[p / PARTIALS] * h * (double)i / RATE_HZ));
        }
    make.pcm    = gpu_copy(pcm, n * sizeof *pcm);
    make.counts = gpu_copy(&zeros, sizeof zeros);
    make.peaks  = gpu_new(sizeof peaks);
    gpu_must(kt_cuda_cents(&make, NULL) == KT_OK && cudaDeviceSynchronize() == cudaSuccess &&
                 cudaMemcpy(peaks, make.peaks, sizeof peaks, cudaMemcpyDeviceToHost) == cudaSuccess,
             "cents");
    for (size_t f = 0; f < FRAMES; f++)
        all += peaks[f];
    const gpu_cost_t cost = gpu_cost_cents(&make.shape, all / FRAMES);
    print_counted("kt_cents_kernel<4096>", "peaks in cents", make.shape.n_fft, make.shape.hop, FRAMES, &cost);
    gpu_free((void *)(uintptr_t)make.pcm);
    gpu_free(make.counts);
    gpu_free(make.peaks);
    free(pcm);
}

// Of the rows and matrices of a minute at 22,050 Hz whose statistics a song has (node/audio/spectral.c).
static void
figures_of_columns(void)
{
    enum { N_FFT = 2048, HOP = 512, FRAMES = 60 * 22050 / HOP, COLUMNS = 185, QUANTILES = 257, ROOM = 192 };
    static const char *const names[] = {"kt_columns_kernel", "kt_column_kernel"};
    static const char *const what[]  = {"statistics, columns", "statistics, sort and sums"};
    // A subtraction and an addition for the mean, a multiplication more for the deviation.
    const gpu_cost_t cost[2] = {{0}, {.fp64 = 5.0 * COLUMNS}};
    float           *in      = gpu_host((size_t)ROOM * FRAMES, sizeof *in);
    for (size_t i = 0; i < (size_t)ROOM * FRAMES; i++)
        in[i] = (float)(int32_t)((uint32_t)i * 2654435761U);
    float                  *rows    = gpu_copy(in, (size_t)ROOM * FRAMES * sizeof *in);
    const kt_cuda_columns_t columns = {.frames       = FRAMES,
                                       .quantiles    = QUANTILES,
                                       .columns      = COLUMNS,
                                       .rows         = rows,
                                       .item_floats  = (size_t)KT_GPU_ITEM_COLUMNS * FRAMES,
                                       .frame_floats = KT_GPU_ITEM_COLUMNS,
                                       .other        = (uint32_t *)(void *)rows,
                                       .keys         = gpu_new((size_t)ROOM * FRAMES * sizeof(uint32_t)),
                                       .moments      = gpu_new(COLUMNS * sizeof(kt_column_moments_t)),
                                       .quantile     = gpu_new((size_t)COLUMNS * QUANTILES * sizeof(float))};
    gpu_must(kt_cuda_columns(&columns, NULL) == KT_OK && cudaDeviceSynchronize() == cudaSuccess, *names);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        print_counted(names[k], what[k], N_FFT, HOP, FRAMES, &cost[k]);
    void *const all[] = {rows, columns.keys, columns.moments, columns.quantile};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        gpu_free(all[i]);
    free(in);
}

static void
figure_of_pictures(void)
{
    const size_t       bytes = (size_t)PICTURES * WIDTH * HEIGHT * 3;
    uint8_t           *rgb   = gpu_host(bytes, 1);
    const gpu_cost_t   cost  = {0};
    cudasim_counters_t before;
    for (size_t i = 0; i < bytes; i++)
        rgb[i] = (uint8_t)(i * 2654435761U >> 13);
    uint8_t          *pictures = gpu_copy(rgb, bytes);
    kt_image_stats_t *out      = gpu_new(PICTURES * sizeof *out);
    gpu_must(cudaMemset(out, 0, PICTURES * sizeof *out) == cudaSuccess, "pictures");
    cudasim_counters(NULL, &before);
    gpu_must(kt_cuda_images(pictures, NULL, PICTURES, WIDTH, HEIGHT, out, NULL) == KT_OK &&
                 cudaDeviceSynchronize() == cudaSuccess,
             "pictures");
    print_figure("kt_images_kernel", "a picture of 320 x 180", 0, 0, PICTURES, &before, &cost);
    gpu_free(pictures);
    gpu_free(out);
    free(rgb);
}

int
gpu_figures(void)
{
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        figure_of(&figures[i]);
    figures_of_cqt();
    figures_of_columns();
    figures_of_rises();
    figures_of_bass();
    figure_of_cents();
    figure_of_pictures();
    return cudasim_finish() == 0 ? 0 : 1;
}
#else
int
gpu_figures(void)
{
    fprintf(stderr, "gpu_bench: only the simulator counts (gpu_bench_sim --figures)\n");
    return 2;
}
#endif
