// Constant-Q chroma on the device against the plain reference's, of streams in one piece and in many: a frame's bytes
// depend on its samples alone.
#include "kernels/cuda/cqt.h"
#include "kernels/gpu/kind.h"
#include "tests/kernels/check_cuda.h"

#include <stdlib.h>
#include <string.h>

enum { PARTS = 8 };
// Frames of each part; the streams' rest is one more.
static const size_t whole[] = {0}, pieces[] = {1, 2, 31, 32, 33, 0};
static const struct {
    uint32_t rate_hz, hop, n_fft;
} settings[] = {{22050, 512, 1024}, {16000, 256, 512}, {44100, 64, 2048}};

typedef struct stream {
    kt_gpu_cqt_tables_t tables;
    kt_gpu_cqt_t        work;
    size_t              frames;
} stream_t;

// All parts in one batch: input and parts as the kind and the launcher of the node make them.
typedef struct launched {
    char              *in;
    size_t             in_bytes;
    kt_cuda_cqt_part_t parts[2 * PARTS];
    const stream_t    *stream[2 * PARTS];
    uint32_t           n, rows, longest;
    uint64_t           octaves;
} launched_t;

static void
add_part(launched_t *self, const stream_t *stream, size_t first, size_t items)
{
    const kt_gpu_cqt_config_t *config = &stream->work.config;
    kt_gpu_batch_t             shape  = {0};
    kt_gpu_cqt_args_t          args;
    kt_gpu_cqt_kind.describe(&stream->work, &shape);
    kt_gpu_cqt_kind.describe_part(&stream->work, first, items, &args);
    const size_t bytes = kt_gpu_align(shape.shape.first_bytes + (items - 1) * shape.shape.next_bytes);
    self->in           = realloc(self->in, self->in_bytes + bytes);
    if (!check(self->in != NULL, "memory"))
        exit(1);
    kt_gpu_cqt_kind.copy_in(&stream->work, first, items, self->in + self->in_bytes);
    self->parts[self->n]    = (kt_cuda_cqt_part_t){.in      = self->in_bytes,
                                                   .octaves = self->octaves,
                                                   .row     = self->rows,
                                                   .first   = args.first,
                                                   .frames  = (uint32_t)items,
                                                   .samples = args.samples};
    self->stream[self->n++] = stream;
    self->in_bytes += bytes;
    self->rows += (uint32_t)items;
    self->longest = items > self->longest ? (uint32_t)items : self->longest;
    self->octaves += kt_cuda_cqt_octaves(config->n_fft, config->hop, (uint32_t)items);
}

static void
cut(launched_t *self, const stream_t *stream, const size_t *lengths)
{
    size_t first = 0;
    for (; *lengths && first + *lengths < stream->frames; first += *lengths++)
        add_part(self, stream, first, *lengths);
    if (first < stream->frames)
        add_part(self, stream, first, stream->frames - first);
}

// out: [rows][12], in the order of the parts.
static void
launch(launched_t *self, float *out)
{
    const kt_gpu_cqt_t *work = &self->stream[0]->work;
    void               *in   = device_copy(self->in, self->in_bytes);
    kt_cuda_cqt_t       cqt  = {.n_fft   = work->config.n_fft,
                                .hop     = work->config.hop,
                                .parts   = device_copy(self->parts, self->n * sizeof *self->parts),
                                .n       = self->n,
                                .longest = self->longest,
                                .rows    = self->rows,
                                .in      = in,
                                .octaves = device_new(self->octaves * sizeof(float)),
                                .sums    = device_new((size_t)KT_CQT_OCTAVES * self->rows * KT_CQT_CLASSES * 4),
                                .out     = device_new((size_t)self->rows * KT_CQT_CLASSES * sizeof(float))};
    check(kt_cuda_cqt(&cqt, NULL) == KT_OK, "cqt: launch");
    device_read(out, cqt.out, (size_t)self->rows * KT_CQT_CLASSES * sizeof *out);
    void *const all[] = {in, (void *)(uintptr_t)cqt.parts, cqt.octaves, cqt.sums, cqt.out};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        device_free(all[i]);
    free(self->in);
}

static stream_t *
stream_new(size_t s, const float *pcm, size_t n, size_t frames, double tuning)
{
    stream_t *self = calloc(1, sizeof *self);
    if (!check(self && kt_gpu_cqt_tables_fill(&self->tables, settings[s].rate_hz, settings[s].hop, tuning) == KT_OK,
               "cqt: tables"))
        exit(1);
    check(self->tables.config.n_fft == settings[s].n_fft, "cqt: n_fft %u", self->tables.config.n_fft);
    self->work   = (kt_gpu_cqt_t){self->tables.config, tuning, &self->tables.table, pcm, n, NULL, {0}};
    self->frames = frames;
    return self;
}

static void
stream_free(stream_t *self)
{
    kt_gpu_cqt_tables_fini(&self->tables);
    free(self);
}

// Two streams of different tunings in one batch.
static void
streams_are_right(size_t s, signal_kind_t kind, size_t frames)
{
    const kt_frontend_opts_t opts = {settings[s].rate_hz, 2048, settings[s].hop, 1, 1, KT_CQT_CLASSES};
    kt_plan_t               *plan = NULL;
    kt_cqt_t                *cqt  = NULL;
    if (!check(kt_plan_new(&plan, &opts) == KT_OK, "cqt: plan") ||
        !check(kt_cqt_new(&cqt, &kt_cpu_ops_ref, opts.rate_hz, opts.hop) == KT_OK, "cqt: reference"))
        return;
    const size_t n = (frames - 1) * opts.hop + opts.hop / 3, floats = frames * KT_CQT_CLASSES;
    input_t      input = make_input(plan, kind, frames);
    float       *ref = calloc(2 * floats, sizeof *ref), *all = calloc(2 * floats, sizeof *all),
          *parts        = calloc(2 * floats, sizeof *parts);
    stream_t  *a        = stream_new(s, input.pcm, n, frames, -0.13);
    stream_t  *b        = stream_new(s, input.pcm, n / 2, frames / 2, 0.31);
    const bool has_room = check(ref && all && parts, "memory");
    check(kt_cqt_chroma(cqt, -0.13, input.pcm, n, frames, ref) == KT_OK, "cqt: reference");
    check(kt_cqt_chroma(cqt, 0.31, input.pcm, n / 2, frames / 2, ref + floats) == KT_OK, "cqt: reference");
    for (size_t piecewise = 0; piecewise < 2 && has_room; piecewise++) {
        launched_t launched = {0};
        cut(&launched, a, piecewise ? pieces : whole);
        cut(&launched, b, piecewise ? pieces : whole);
        launch(&launched, piecewise ? parts : all);
    }
    const size_t both = (frames + frames / 2) * KT_CQT_CLASSES;
    const double off  = off_by(all, ref, both);
    check(off <= tolerance_of(TOLERANCE_CQT_CHROMA), "cqt: %s, %zu frames at %u Hz: off by %g", signal_names[kind],
          frames, opts.rate_hz, off);
    check(memcmp(all, parts, both * sizeof *all) == 0, "cqt: %s, %zu frames at %u Hz: pieces differ",
          signal_names[kind], frames, opts.rate_hz);
    stream_free(a);
    stream_free(b);
    free(ref);
    free(all);
    free(parts);
    free_input(&input);
    kt_cqt_destroy(&cqt);
    kt_plan_destroy(&plan);
}

static void
sizes_that_the_kernels_lack_are_refused(void)
{
    static const uint32_t lacking[][2] = {{8000, 512}, {22050, 500}, {8500, 64}, {44100, 512}};
    kt_gpu_cqt_tables_t  *tables       = calloc(1, sizeof *tables);
    const kt_cuda_cqt_t   small        = {.n_fft = 256, .hop = 64, .n = 1, .longest = 1, .rows = 1};
    if (!check(tables != NULL, "memory"))
        return;
    for (size_t i = 0; i < sizeof lacking / sizeof *lacking; i++)
        check(kt_gpu_cqt_tables_fill(tables, lacking[i][0], lacking[i][1], 0) == KT_EINVAL, "cqt: %u Hz, hop %u",
              lacking[i][0], lacking[i][1]);
    check(kt_cuda_cqt(&small, NULL) == KT_EINVAL, "cqt: n_fft 256");
    kt_gpu_cqt_tables_fini(tables);
    free(tables);
}

void
check_cuda_cqt(bool all)
{
    sizes_that_the_kernels_lack_are_refused();
    streams_are_right(0, CHORD, 70);
    if (!all)
        return;
    // A constant has nothing in any octave: of each frame's rounding the largest would be one.
    static const signal_kind_t kinds[] = {NOISE, IMPULSE, SILENCE, QUIET};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        streams_are_right(0, kinds[k], k == 0 ? 2 : 20);
    streams_are_right(1, NOISE, 40);
    streams_are_right(2, NOISE, 100);
}
