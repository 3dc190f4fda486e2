// Rows that stay on the simulated device, what is derived of them there, and the statistics of both.
#include "kernels/derived.h"
#include "tests/unit/kernels/gpu/gpu_fixture.h"
#include "tests/unit/kernels/gpu/gpu_sim.h"

// More than one block's tile of rows, and no multiple of its steps.
enum { FRAMES = 300, FRAMES_MOST = 1200, BANDS = 32, MFCC = 13, CONTRAST = 7, MELS = 128, QUANTILES = 5 };
enum { COLUMNS = 1 + CONTRAST + 1 + MFCC + MELS + 1 };
static const float LIMIT = 2e-6F;

typedef struct derived {
    sound_t             sound;
    size_t              frames;
    float               mfcc[FRAMES_MOST * MFCC], onset[FRAMES_MOST], contrast[FRAMES_MOST * CONTRAST];
    float               bands[FRAMES_MOST * BANDS];
    kt_column_moments_t moments[COLUMNS];
    float               quantile[COLUMNS * QUANTILES];
    kt_device_info_t    info;
} derived_t;

TestSuite(gpu_sim_derived, .timeout = 120);

// As a segment does it; read: the caller reads all rows.
static void
derived_run_of(derived_t *self, kt_gpus_t *gpus, bool read, const kt_frontend_opts_t *opts, size_t frames)
{
    sound_t         *sound = &self->sound;
    kt_device_job_t *job   = NULL;
    *self                  = (derived_t){0};
    *sound                 = sound_new(opts, frames, 5);
    self->frames           = frames;
    kt_rows_t rows         = {.peaks = &sound->peaks, .cqt_peaks = &sound->cqt_peaks, .may_stay = !read};
    for (int r = 0; r < KT_ROWS; r++)
        rows.row[r] = sound->row[r];
    const kt_derived_t derived = {.mel      = sound->row[KT_ROW_MEL],
                                  .peak     = sound->row[KT_ROW_PEAK],
                                  .valley   = sound->row[KT_ROW_VALLEY],
                                  .frames   = frames,
                                  .mfcc     = self->mfcc,
                                  .onset    = self->onset,
                                  .contrast = self->contrast,
                                  .bands    = self->bands};
    cr_assert_eq(gpus ? kt_device_gpu(&sound->device, gpus, NULL) : kt_device_cpu(&sound->device, NULL), KT_OK);
    kt_device_keep_samples(sound->device);
    cr_assert_eq(kt_device_begin_frontend(sound->device, sound->plan, &sound->span, &rows, &job), KT_OK);
    cr_assert_eq(kt_device_end(sound->device, &job), KT_OK);
    cr_assert_eq(kt_device_begin_derived(sound->device, sound->plan, &derived, &job), KT_OK);
    cr_assert_eq(kt_device_end(sound->device, &job), KT_OK);
    const kt_columns_matrix_t matrices[] = {{sound->row[KT_ROW_RMS], 1},    {self->contrast, CONTRAST},
                                            {sound->row[KT_ROW_ZCR], 1},    {self->mfcc, MFCC},
                                            {sound->row[KT_ROW_MEL], MELS}, {self->onset, 1}};
    const kt_column_set_t     columns    = {matrices, sizeof matrices / sizeof *matrices, frames, QUANTILES};
    cr_assert_eq(kt_device_columns(sound->device, &columns, self->moments, self->quantile), KT_OK);
    kt_device_info(sound->device, &self->info);
    kt_device_forget_samples(sound->device);
}

static void
derived_run(derived_t *self, kt_gpus_t *gpus, bool read)
{
    derived_run_of(self, gpus, read, &gpu_defaults, FRAMES);
}

static void
derived_same(const derived_t *a, const derived_t *b)
{
    sound_same_row(a->onset, b->onset, a->frames, LIMIT, "onset");
    sound_same_row(a->bands, b->bands, a->frames * BANDS, LIMIT, "bands");
    sound_same_row(a->quantile, b->quantile, COLUMNS * QUANTILES, LIMIT, "quantiles");
    for (size_t c = 0; c < COLUMNS; c++) {
        const double scale = fmax(fabs(a->moments[c].min), fabs(a->moments[c].max));
        cr_assert(fabs(a->moments[c].mean - b->moments[c].mean) <= 1e-6 * scale, "column %zu: mean %g, %g", c,
                  a->moments[c].mean, b->moments[c].mean);
        cr_assert(fabs(a->moments[c].m2 - b->moments[c].m2) <= 1e-5 * (double)a->frames * scale * scale,
                  "column %zu: m2", c);
        cr_assert(fabs(a->moments[c].median - b->moments[c].median) <= LIMIT * scale, "column %zu: median", c);
    }
}

static void
rows_stay(const char *seed)
{
    static derived_t cpu, gpu;
    kt_gpus_t       *gpus = open_sim(seed, KT_GPU_DEFAULTS);
    derived_run(&cpu, NULL, false);
    derived_run(&gpu, gpus, false);
    derived_same(&cpu, &gpu);
    const kt_gpus_info_t info = info_of(gpus);
    cr_assert_eq(info.on_cpu, 0);
    cr_assert_eq(gpu.info.replaced, 0);
    for (size_t i = 0; i < FRAMES * MELS; i++)
        cr_assert_eq(gpu.sound.row[KT_ROW_MEL][i], 0, "mel rows came back");
    for (size_t i = 0; i < FRAMES * MFCC; i++)
        cr_assert_eq(gpu.mfcc[i], 0, "MFCC came back");
    sound_free(&cpu.sound);
    sound_free(&gpu.sound);
    kt_gpus_close(&gpus);
    check_clean();
}

Test(gpu_sim_derived, rows_stay_and_their_statistics_are_the_processors_in_order)
{
    rows_stay("0");
}

Test(gpu_sim_derived, rows_stay_and_their_statistics_are_the_processors_at_random)
{
    rows_stay("7");
}

Test(gpu_sim_derived, rows_that_are_read_come_back)
{
    static derived_t cpu, gpu;
    kt_gpus_t       *gpus = open_sim("0", KT_GPU_DEFAULTS);
    derived_run(&cpu, NULL, true);
    derived_run(&gpu, gpus, true);
    derived_same(&cpu, &gpu);
    sound_same_row(cpu.sound.row[KT_ROW_MEL], gpu.sound.row[KT_ROW_MEL], FRAMES * MELS, LIMIT, "mel");
    sound_same_row(cpu.mfcc, gpu.mfcc, FRAMES * MFCC, LIMIT, "mfcc");
    sound_same_row(cpu.contrast, gpu.contrast, FRAMES * CONTRAST, LIMIT, "contrast");
    cr_assert_eq(gpu.info.replaced, 0);
    sound_free(&cpu.sound);
    sound_free(&gpu.sound);
    kt_gpus_close(&gpus);
    check_clean();
}

// Its input does not fit one slot.
Test(gpu_sim_derived, rows_of_two_pieces_stay_as_a_whole)
{
    static derived_t         cpu, gpu;
    const kt_frontend_opts_t opts = {22050, 2048, 2048, MELS, MFCC, 12};
    kt_gpus_t               *gpus = open_sim("0", KT_GPU_DEFAULTS);
    derived_run_of(&cpu, NULL, false, &opts, FRAMES_MOST);
    derived_run_of(&gpu, gpus, false, &opts, FRAMES_MOST);
    derived_same(&cpu, &gpu);
    cr_assert_eq(info_of(gpus).parts, 2 + 1 + 4);  // first pass, derived rows, statistics
    cr_assert_eq(gpu.info.replaced, 0);
    sound_free(&cpu.sound);
    sound_free(&gpu.sound);
    kt_gpus_close(&gpus);
    check_clean();
}

// The first pass has one launch, the derived rows two, the statistics two for each request.
static void
device_breaks(uint64_t launches)
{
    static derived_t cpu, gpu;
    kt_gpus_t       *gpus = open_sim("0", KT_GPU_DEFAULTS);
    break_after("cudaLaunchKernel", launches);
    derived_run(&cpu, NULL, false);
    derived_run(&gpu, gpus, false);
    cr_assert_eq(info_of(gpus).lost, 1);
    derived_same(&cpu, &gpu);
    sound_free(&cpu.sound);
    sound_free(&gpu.sound);
    kt_gpus_close(&gpus);
}

Test(gpu_sim_derived, a_device_that_breaks_in_the_first_pass_leaves_right_numbers)
{
    device_breaks(1);
}

Test(gpu_sim_derived, a_device_that_breaks_with_the_rows_leaves_right_numbers)
{
    device_breaks(3);
}

Test(gpu_sim_derived, a_device_that_breaks_with_derived_rows_leaves_right_numbers)
{
    device_breaks(5);
}

// Memory for the samples and not for the rows: both are brought, or come back.
Test(gpu_sim_derived, without_memory_for_rows_the_numbers_are_right)
{
    static derived_t cpu, gpu;
    kt_gpu_opts_t    opts = KT_GPU_DEFAULTS;
    setenv("KITHARA_SIM_MEMORY", "6400000", 1);  // an eighth: 800 KB, of which samples take 620
    kt_gpus_t *gpus = open_sim("0", opts);
    derived_run(&cpu, NULL, false);
    derived_run(&gpu, gpus, false);
    derived_same(&cpu, &gpu);
    sound_free(&cpu.sound);
    sound_free(&gpu.sound);
    kt_gpus_close(&gpus);
    check_clean();
}
