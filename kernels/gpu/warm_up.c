// A few frames of each kind of work when a node starts: what is needed at the first use is there, and an error of it is
// in the log of the start.
#include "common/assert.h"
#include "common/log.h"
#include "kernels/gpu/bass.h"
#include "kernels/gpu/cents.h"
#include "kernels/gpu/columns.h"
#include "kernels/gpu/cqt.h"
#include "kernels/gpu/frames.h"
#include "kernels/gpu/private.h"
#include "kernels/gpu/rises.h"
#include "kernels/gpu/source.h"
#include "kernels/isa.h"

#include <stdlib.h>

enum { FRAMES = 16 };

typedef struct warm {
    const kt_plan_t    *plan;
    size_t              n;
    float              *pcm, *rows, *chroma;  // silence [n]; mel rows, chroma of either kind
    uint16_t           *units;                // rows of rises, and of the bass
    kt_gpu_cqt_tables_t cqt;
    kt_bass_t          *bass;     // NULL: not defined at this rate
    kt_cents_counter_t *counter;  // likewise
    kt_cents_t          cents;
} warm_t;

static void
warm_fini(warm_t *self)
{
    kt_gpu_cqt_tables_fini(&self->cqt);
    kt_bass_destroy(&self->bass);
    kt_cents_counter_destroy(&self->counter);
    free(self->pcm);
    free(self->rows);
    free(self->chroma);
    free(self->units);
}

static kt_err_t
warm_init(warm_t *self, const kt_plan_t *plan)
{
    const kt_frontend_opts_t *opts    = kt_plan_opts(plan);
    const size_t              classes = opts->n_chroma > KT_CQT_CLASSES ? opts->n_chroma : KT_CQT_CLASSES;
    const size_t              units   = KT_RISE_WIDTH + KT_BASS_WIDTH;
    const kt_cpu_ops_t       *ops     = kt_isa(NULL)->rows;
    self->plan                        = plan;
    self->n                           = (size_t)(FRAMES + KT_RISE_LAG - 1) * opts->hop + opts->n_fft;
    self->pcm                         = calloc(self->n, sizeof *self->pcm);
    self->rows                        = calloc(FRAMES * (size_t)opts->n_mels, sizeof *self->rows);
    self->chroma                      = calloc(FRAMES * classes, sizeof *self->chroma);
    self->units                       = calloc(FRAMES * units, sizeof *self->units);
    kt_err_t err                      = self->pcm && self->rows && self->chroma && self->units ? KT_OK : KT_ENOMEM;
    if (!err)
        err = kt_bass_new(&self->bass, ops, opts->rate_hz, 2 * opts->hop);
    if (err == KT_OK || err == KT_EINVAL)
        err = kt_cents_counter_new(&self->counter, ops, opts->rate_hz);
    return err == KT_EINVAL ? KT_OK : err;
}

// The usual rates of sound.
static const uint32_t RATES[] = {44100, 48000};

// A few frames of stereo as a stream, whose samples are those of `pcm`.
static kt_err_t
warm_up_source(const warm_t *self, kt_gpu_t *gpu, uint32_t rate_hz)
{
    enum { STEREO = 2, HOPS = 64, SAMPLES = 4 };
    const uint32_t         to_hz = gpu->opts.resamples ? kt_plan_opts(self->plan)->rate_hz : 0;
    float                  mono[FRAMES * SAMPLES];
    double                 energy[HOPS * STEREO];
    kt_peaks_t             peaks[STEREO];
    kt_piece_facts_t      *facts = kt_piece_facts_new(rate_hz, STEREO);
    const kt_source_opts_t opts  = {
         .rate_hz = rate_hz, .channels = STEREO, .to_hz = to_hz, .loudness = true, .facts = true};
    kt_source_piece_t      piece = {.pcm    = self->pcm,
                                    .frames = FRAMES,
                                    .mono   = to_hz ? mono : NULL,
                                    .energy = energy,
                                    .peaks  = peaks,
                                    .facts  = facts};
    const kt_gpu_source_t  work  = {.opts = &opts, .piece = &piece};
    const kt_gpu_request_t one   = {&kt_gpu_source_kind, &work, 1};
    kt_assert(kt_source_hops(rate_hz) <= HOPS && self->n >= FRAMES * STEREO);
    kt_err_t err = facts ? KT_OK : KT_ENOMEM;
    if (!err && kt_source_is_defined(&opts) && to_hz < SAMPLES * rate_hz)
        err = kt_gpu_run(gpu, &one);
    free(facts);
    return err;
}

static void
warm_up(warm_t *self, kt_gpu_t *gpu)
{
    const kt_frontend_opts_t *opts      = kt_plan_opts(self->plan);
    const bool                has_cqt   = kt_gpu_cqt_tables_fill(&self->cqt, opts->rate_hz, opts->hop, 0) == KT_OK;
    const bool                has_bass  = self->bass && kt_gpu_bass_has(kt_bass_shape(self->bass));
    const bool                has_cents = self->counter && kt_gpu_cents_has(kt_cents_counter_shape(self->counter));
    const kt_span_t           span      = {self->pcm, FRAMES, 0, self->n};
    const kt_rows_t           rows      = {.row[KT_ROW_MEL] = self->rows};
    const kt_gpu_frames_t     frames    = {.plan = self->plan, .span = &span, .rows = &rows, .chroma = self->chroma};
    const kt_gpu_cqt_t        cqt = {self->cqt.config, 0, &self->cqt.table, self->pcm, self->n, self->chroma, {0}};
    const kt_rise_span_t      rise_span = {self->pcm, FRAMES, {1, 1, true}};
    const kt_gpu_rises_t      rises     = {self->plan, &rise_span, self->units, {0}};
    const kt_gpu_bass_t       bass      = {self->bass, {self->pcm, self->n, 0, FRAMES}, self->units, {0}};
    const kt_gpu_cents_t      cents     = {self->counter, self->pcm, self->n, &self->cents, {0}};
    // Of the rows of the front end.
    float                     quantile[KT_GPU_ITEM_COLUMNS * 2];
    kt_column_moments_t       moments[KT_GPU_ITEM_COLUMNS];
    const kt_columns_matrix_t matrix  = {self->rows, KT_GPU_ITEM_COLUMNS};
    const kt_column_set_t     columns = {&matrix, 1, FRAMES, 2};
    const size_t              place   = 0;
    const kt_gpu_columns_t    work    = {&columns, matrix.width, moments, quantile, &place, NULL, 0, 0};
    const kt_gpu_request_t    all[]   = {
             {&kt_gpu_frontend_kind, &frames, FRAMES},       {&kt_gpu_chroma_kind, &frames, FRAMES},
             {&kt_gpu_cqt_kind, &cqt, has_cqt ? FRAMES : 0}, {&kt_gpu_columns_kind, &work, 1},
             {&kt_gpu_rises_kind, &rises, FRAMES},           {&kt_gpu_bass_kind, &bass, has_bass ? FRAMES : 0},
             {&kt_gpu_cents_kind, &cents, has_cents ? 1 : 0}};
    kt_err_t err = KT_OK;
    for (size_t k = 0; k < sizeof all / sizeof *all && !err; k++)
        if (all[k].items)
            err = kt_gpu_run(gpu, &all[k]);
    for (size_t r = 0; r < sizeof RATES / sizeof *RATES && !err; r++)
        err = warm_up_source(self, gpu, RATES[r]);
    if (err)
        kt_log_warn("GPU-WARM-UP",
                    "device=\"%s\" text=\"a first batch did not run: the processor computes what it refuses\"",
                    gpu->about.name);
}

kt_err_t
kt_gpu_warm_up(kt_gpu_t *const *gpus, size_t n, const kt_plan_t *plan)
{
    warm_t  *self = calloc(1, sizeof *self);
    kt_err_t err  = self ? warm_init(self, plan) : KT_ENOMEM;
    for (size_t i = 0; i < n && !err; i++)
        warm_up(self, gpus[i]);
    if (self)
        warm_fini(self);
    free(self);
    return err;
}
