#include "kernels/derived.h"
#include "tests/kernels/check_cuda.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef KT_CUDA_SIM
#include "tests/cudasim/cudasim.h"

// Bytes of global memory that all kernels requested since `before`.
static double
moved(const cudasim_counters_t *before)
{
    cudasim_counters_t now;
    cudasim_counters(NULL, &now);
    return (double)(now.read_bytes + now.written_bytes - before->read_bytes - before->written_bytes);
}

typedef struct passes {
    const kt_plan_t       *plan;
    const kt_cuda_plan_t  *tables;
    batch_t                batch;
    kt_cuda_rows_t         rows;
    float                 *bumps, *chroma;
    kt_cuda_segment_rows_t segment;
    size_t                 frames;
} passes_t;

static float *
row_of(const passes_t *self, size_t width)
{
    return device_new(self->frames * width * sizeof(float));
}

static void
open_first(passes_t *self)
{
    const uint32_t zeros[KT_CUDA_MAXIMA] = {0};
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        self->rows.row[r] = row_of(self, kt_row_width(self->plan, r));
    const uint32_t room = (uint32_t)self->frames * kt_cuda_peaks_per_frame(self->tables);
    self->rows.maxima   = device_copy(zeros, sizeof zeros);
    self->rows.peaks =
        (kt_cuda_peaks_t){device_new(room * sizeof(kt_gpu_peak_t)), device_new(self->frames * sizeof(kt_gpu_slice_t)),
                          device_copy(zeros, sizeof *zeros), room};
    self->rows.cqt_peaks =
        (kt_cuda_peaks_t){device_new(room * sizeof(kt_gpu_peak_t)), device_new(self->frames * sizeof(kt_gpu_slice_t)),
                          device_copy(zeros, sizeof *zeros), room};
}

static void
open_second(passes_t *self)
{
    const size_t floats = kt_cuda_bank_floats(self->tables);
    float       *bumps  = calloc(floats, sizeof *bumps);
    if (!check(bumps != NULL, "memory"))
        exit(1);
    kt_chroma_bumps(self->plan, 0, bumps);
    self->bumps   = device_copy(bumps, floats * sizeof *bumps);
    self->chroma  = row_of(self, self->plan->opts.n_chroma);
    self->segment = (kt_cuda_segment_rows_t){.mel             = self->rows.row[KT_ROW_MEL],
                                             .peak            = self->rows.row[KT_ROW_PEAK],
                                             .valley          = self->rows.row[KT_ROW_VALLEY],
                                             .maxima          = self->rows.maxima,
                                             .bands           = row_of(self, self->plan->opts.n_mels / KT_DERIVED_MELS),
                                             .mfcc            = row_of(self, self->plan->opts.n_mfcc),
                                             .onset           = row_of(self, 1),
                                             .contrast        = row_of(self, KT_BANDS),
                                             .mfcc_floats     = self->plan->opts.n_mfcc,
                                             .contrast_floats = KT_BANDS};
    free(bumps);
}

static passes_t
open_passes(const kt_plan_t *plan, const input_t *input)
{
    passes_t self = {.plan   = plan,
                     .tables = device_plan(plan),
                     .batch  = batch_new(plan, &input->span, 1, KT_CUDA_RUN_FRAMES),
                     .frames = input->span.frames};
    open_first(&self);
    open_second(&self);
    return self;
}

static void
close_passes(passes_t *self)
{
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        device_free(self->rows.row[r]);
    void *const all[] = {self->rows.maxima,
                         self->rows.peaks.peak,
                         self->rows.peaks.slice,
                         self->rows.peaks.used,
                         self->rows.cqt_peaks.peak,
                         self->rows.cqt_peaks.slice,
                         self->rows.cqt_peaks.used,
                         self->bumps,
                         self->chroma,
                         self->segment.bands,
                         self->segment.mfcc,
                         self->segment.onset,
                         self->segment.contrast};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        device_free(all[i]);
    batch_free(&self->batch);
}

static void
compare(const char *what, double bytes, double floor_bytes, size_t frames)
{
    const double n = (double)frames;
    printf("%s pass: %.0f bytes a frame moved, %.0f in and out: %.3f\n", what, bytes / n, floor_bytes / n,
           bytes / floor_bytes);
    check(bytes <= 1.3 * floor_bytes, "%s pass: %.0f bytes a frame, at most 1.3 times %.0f", what, bytes / n,
          floor_bytes / n);
}

static void
first_pass(passes_t *self)
{
    cudasim_counters_t before;
    uint32_t           peaks = 0, cqt_peaks = 0;
    cudasim_counters(NULL, &before);
    check(kt_cuda_frontend(self->tables, self->batch.runs, self->batch.n, self->batch.longest, self->batch.pcm,
                           &self->rows, NULL, NULL) == KT_OK,
          "frontend");
    device_read(&peaks, self->rows.peaks.used, sizeof peaks);
    device_read(&cqt_peaks, self->rows.cqt_peaks.used, sizeof cqt_peaks);
    size_t out = 2 * sizeof(kt_gpu_slice_t);
    for (kt_row_t r = 0; r < KT_ROWS; r++)
        out += kt_row_width(self->plan, r) * sizeof(float);
    compare("first", moved(&before),
            (double)(self->frames * (self->plan->opts.hop * sizeof(float) + out)) +
                (double)sizeof(kt_gpu_peak_t) * (peaks + cqt_peaks),
            self->frames);
}

// Chroma and what needs the segment's maxima: MFCC, onset envelope, contrast; bands.
static void
second_pass(passes_t *self)
{
    const kt_frontend_opts_t *o = &self->plan->opts;
    cudasim_counters_t        before;
    kt_cuda_tile_t            tile[16];
    const kt_cuda_tile_t      whole = {.rows = (uint32_t)self->frames};
    const size_t              n     = kt_cuda_tile(&whole, tile);
    kt_cuda_tile_t           *tiles = device_copy(tile, n * sizeof *tile);
    cudasim_counters(NULL, &before);
    check(kt_cuda_chroma(self->tables, self->batch.runs, self->batch.n, self->batch.longest, self->batch.pcm,
                         self->bumps, self->chroma, NULL, NULL) == KT_OK,
          "chroma");
    check(kt_cuda_segments(self->tables, tiles, n, &self->segment, NULL) == KT_OK, "segments");
    check(cudaDeviceSynchronize() == cudaSuccess, "second pass");
    // Samples and rows of the first pass in.
    const size_t in  = (o->hop + o->n_mels + 2 * KT_BANDS) * sizeof(float);
    const size_t out = (o->n_chroma + o->n_mels / KT_DERIVED_MELS + o->n_mfcc + 1 + KT_BANDS) * sizeof(float);
    compare("second", moved(&before), (double)(self->frames * (in + out)), self->frames);
    device_free(tiles);
}

// For docs/gpu.md: what each kernel of the two passes did, a frame.
enum { KERNELS = 3 };
static const char *const kernels[KERNELS] = {"kt_frontend_kernel<1024>", "kt_second_kernel<1024>",
                                             "kt_segments_kernel"};

static void
print_figures(const cudasim_counters_t *before, size_t frames)
{
    const double n = (double)frames;
    for (int i = 0; i < KERNELS; i++) {
        cudasim_counters_t now;
        cudasim_counters(kernels[i], &now);
        printf("%s: %.0f bytes read, %.0f written, %.0f shared accesses a frame\n", kernels[i],
               (double)(now.read_bytes - before[i].read_bytes) / n,
               (double)(now.written_bytes - before[i].written_bytes) / n,
               (double)(now.shared_accesses - before[i].shared_accesses) / n);
    }
}

static void
samples_cross_the_bus_about_once(const kt_frontend_opts_t *opts, size_t frames)
{
    kt_plan_t *plan = NULL;
    if (!check(kt_plan_new(&plan, opts) == KT_OK, "plan"))
        return;
    input_t            input = make_input(plan, CHORD, frames);
    passes_t           self  = open_passes(plan, &input);
    cudasim_counters_t before[KERNELS];
    for (int i = 0; i < KERNELS; i++)
        cudasim_counters(kernels[i], &before[i]);
    first_pass(&self);
    second_pass(&self);
    print_figures(before, frames);
    close_passes(&self);
    free_input(&input);
    kt_plan_destroy(&plan);
}

// Turns of shared memory over the least, by banks, and sectors of global memory over the least, of both passes. The
// most are what the kernels take now, so that a change that costs turns is seen.
static void
warps_use_memory_well(const kt_frontend_opts_t *opts, size_t frames)
{
    static const struct {
        double turns, sectors;
    } MOST[KERNELS] = {{1.23, 1.01}, {1.2, 1.01}, {1.01, 1.02}};
    kt_plan_t *plan = NULL;
    if (!check(kt_plan_new(&plan, opts) == KT_OK, "plan"))
        return;
    input_t  input = make_input(plan, CHORD, frames);
    passes_t self  = open_passes(plan, &input);
    cudasim_count_banks(true);
    first_pass(&self);
    second_pass(&self);
    cudasim_count_banks(false);
    for (int i = 0; i < KERNELS; i++) {
        cudasim_counters_t c;
        cudasim_counters(kernels[i], &c);
        const double turns   = (double)c.shared_turns / (double)c.shared_least;
        const double sectors = (double)c.sectors / (double)c.sectors_least;
        printf("%s: %.2f turns of shared memory per access, %.2f sectors per least\n", kernels[i], turns, sectors);
        check(turns <= MOST[i].turns && sectors <= MOST[i].sectors,
              "%s: %.2f turns, at most %.2f; %.2f sectors, at most %.2f", kernels[i], turns, MOST[i].turns, sectors,
              MOST[i].sectors);
    }
    close_passes(&self);
    free_input(&input);
    kt_plan_destroy(&plan);
}

// A device that refuses is an error of the call, not a wrong answer.
static void
a_refused_launch_is_an_error(void)
{
    const kt_frontend_opts_t opts = {22050, 512, 128, 32, 13, 12};
    kt_plan_t               *plan = NULL;
    kt_cuda_plan_t          *gpu  = NULL;
    if (!check(kt_plan_new(&plan, &opts) == KT_OK, "plan"))
        return;
    input_t              input = make_input(plan, NOISE, 3);
    batch_t              batch = batch_new(plan, &input.span, 1, 7);
    float               *rms   = device_new(3 * sizeof *rms);
    const kt_cuda_rows_t rows  = {.row[KT_ROW_RMS] = rms};
    cudasim_fail("cudaLaunchKernel", 1, 701);
    check(kt_cuda_frontend(device_plan(plan), batch.runs, batch.n, batch.longest, batch.pcm, &rows, NULL, NULL) ==
              KT_EIO,
          "a refused launch goes unnoticed");
    check((int)cudaGetLastError() == 701, "the reason of a refused launch is lost");
    cudasim_fail("cudaMalloc", 1, 2);
    check(kt_cuda_plan_new(&gpu, plan) == KT_ENOMEM && !gpu, "a plan without memory");
    (void)cudaGetLastError();
    check(kt_cuda_frontend(device_plan(plan), batch.runs, batch.n, KT_CUDA_RUN_FRAMES + 1, batch.pcm, &rows, NULL,
                           NULL) == KT_EINVAL,
          "a run that is too long");
    check(kt_cuda_power_spectra(device_plan(plan), batch.runs, batch.n, batch.longest, batch.pcm, plan->bins + 1, rms,
                                NULL, NULL) == KT_EINVAL,
          "more bins than there are");
    device_free(rms);
    batch_free(&batch);
    free_input(&input);
    kt_plan_destroy(&plan);
}
#endif

void
check_traffic(void)
{
#ifdef KT_CUDA_SIM
    const kt_frontend_opts_t defaults = {22050, 2048, 512, 128, 13, 12};
    samples_cross_the_bus_about_once(&defaults, 1024);
    warps_use_memory_well(&defaults, 256);
    a_refused_launch_is_an_error();
#endif
}
