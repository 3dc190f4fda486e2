// A stream at its file's rate, in pieces that a device computes, and the first pass over its resampled mono.
#pragma once

#include "kernels/audio/piece_facts.h"
#include "kernels/isa.h"
#include "tests/unit/kernels/gpu/gpu_fixture.h"

#include <math.h>

enum { STREAM_CHANNELS = 2, STREAM_FRAMES = KT_SOURCE_FRAMES + 20000, STREAM_PIECES = 2, STREAM_ROWS = 120 };

typedef struct stream {
    float            *pcm;   // interleaved
    float            *mono;  // half a frame of zeros, resampled samples, zeros
    double           *energy[STREAM_PIECES];
    kt_peaks_t        peaks[STREAM_PIECES][STREAM_CHANNELS];
    float             centroid[STREAM_ROWS], rms[STREAM_ROWS];
    kt_piece_facts_t *facts[STREAM_PIECES];
    uint32_t          not_finite;
    kt_device_info_t  info;
} stream_t;

static const kt_source_opts_t stream_opts = {.rate_hz  = 44100,
                                             .channels = STREAM_CHANNELS,
                                             .to_hz    = 22050,
                                             .format   = KT_SAMPLES_F32,
                                             .loudness = true,
                                             .facts    = true};

static inline kt_source_piece_t
stream_piece(const stream_t *self, size_t i)
{
    const uint32_t reach  = kt_source_reach(&stream_opts);
    const size_t   first  = i * KT_SOURCE_FRAMES;
    const size_t   frames = STREAM_FRAMES - first < KT_SOURCE_FRAMES ? STREAM_FRAMES - first : KT_SOURCE_FRAMES;
    const size_t   before = kt_source_before(44100, reach), after = kt_source_after(reach);
    const size_t   had = first < before ? first : before, left = STREAM_FRAMES - first - frames;
    return (kt_source_piece_t){.pcm    = self->pcm + (first - had) * STREAM_CHANNELS,
                               .first  = first,
                               .frames = (uint32_t)frames,
                               .had    = (uint32_t)had,
                               .has    = (uint32_t)(left < after ? left : after)};
}

// The piece's samples are where a GPU reads them, if it has such memory. Returns it, or NULL.
static inline void *
stream_pin(kt_device_t *device, kt_source_piece_t *piece)
{
    const size_t bytes  = ((size_t)piece->had + piece->frames + piece->has) * kt_source_frame_bytes(&stream_opts);
    void        *pinned = kt_device_take_pinned(device, bytes);
    if (pinned)
        piece->pcm = memcpy(pinned, piece->pcm, bytes);
    return pinned;
}

// gpus NULL: the processor's. The last piece is in pinned memory.
static inline void
stream_run(stream_t *self, kt_gpus_t *gpus)
{
    const kt_loudness_ops_t *ops                = NULL;
    kt_device_t             *device             = NULL;
    kt_plan_t               *plan               = NULL;
    kt_device_job_t         *job[STREAM_PIECES] = {NULL, NULL};
    kt_polyphase_t          *table              = NULL;
    kt_source_piece_t        piece[STREAM_PIECES];
    uint32_t                 state = 3;
    *self                          = (stream_t){0};
    self->pcm                      = calloc(STREAM_FRAMES * STREAM_CHANNELS, sizeof *self->pcm);
    self->mono                     = calloc(STREAM_FRAMES / 2 + 8192, sizeof *self->mono);
    for (size_t i = 0; i < STREAM_FRAMES * STREAM_CHANNELS; i++) {
        state        = state * 1664525u + 1013904223u;
        self->pcm[i] = (float)(int32_t)state * 2e-10f;
    }
    self->pcm[1000] = NAN;
    cr_assert_eq(kt_plan_new(&plan, &gpu_defaults), KT_OK);
    cr_assert_eq(gpus ? kt_device_gpu(&device, gpus, NULL) : kt_device_cpu(&device, NULL), KT_OK);
    ops = kt_device_isa(device)->loudness;
    kt_device_begin_file(device, false);
    cr_assert_eq(kt_device_takes_pieces(device, plan, &stream_opts, (double)STREAM_FRAMES / 44100, true), gpus != NULL);
    for (size_t i = 0; i < STREAM_PIECES; i++) {
        piece[i]        = stream_piece(self, i);
        piece[i].mono   = self->mono + 1024 + kt_source_output(&stream_opts, piece[i].first);
        piece[i].energy = self->energy[i] = calloc(STREAM_CHANNELS * kt_source_hops(44100), sizeof(double));
        piece[i].peaks                    = self->peaks[i];
        piece[i].facts = self->facts[i] = kt_piece_facts_new(44100, STREAM_CHANNELS);
        void *pinned                    = i + 1 == STREAM_PIECES ? stream_pin(device, &piece[i]) : NULL;
        cr_assert_eq(pinned != NULL, gpus && i + 1 == STREAM_PIECES);
        cr_assert_eq(gpus ? kt_device_begin_piece(device, &stream_opts, &piece[i], &job[i])
                          : kt_source_compute(&stream_opts, ops, &table, &piece[i]),
                     KT_OK);
        // A device writes all of the piece's room, so the pieces' results come one after the other.
        cr_assert_eq(kt_device_end(device, &job[i]), KT_OK);
        if (pinned)
            kt_device_give_pinned(device, pinned);
        self->not_finite += piece[i].not_finite;
    }
    const size_t    n    = 1024 + (size_t)kt_source_output(&stream_opts, STREAM_FRAMES);
    const kt_span_t span = {self->mono, STREAM_ROWS, 1024, n};
    const kt_rows_t rows = {.row[KT_ROW_CENTROID] = self->centroid, .row[KT_ROW_RMS] = self->rms};
    memset(self->mono + n, 0, 4096 * sizeof(float));
    kt_device_keep_samples(device);
    cr_assert_eq(kt_device_begin_frontend(device, plan, &span, &rows, &job[0]), KT_OK);
    cr_assert_eq(kt_device_end(device, &job[0]), KT_OK);
    kt_device_info(device, &self->info);
    kt_device_forget_samples(device);
    kt_device_destroy(&device);
    kt_plan_destroy(&plan);
    kt_polyphase_destroy(&table);
}

static inline void
stream_free(stream_t *self)
{
    free(self->pcm);
    free(self->mono);
    for (size_t i = 0; i < STREAM_PIECES; i++)
        free(self->energy[i]);
    for (size_t i = 0; i < STREAM_PIECES; i++)
        free(self->facts[i]);
}

static inline void
stream_same(const stream_t *a, const stream_t *b)
{
    const size_t n = 1024 + (size_t)kt_source_output(&stream_opts, STREAM_FRAMES);
    for (size_t i = 0; i < n; i++)
        cr_assert(fabsf(a->mono[i] - b->mono[i]) <= 1e-6f, "sample %zu: %g and %g", i, a->mono[i], b->mono[i]);
    for (size_t i = 0; i < STREAM_PIECES; i++) {
        for (size_t k = 0; k < STREAM_CHANNELS * kt_source_hops(44100) && a->energy[i][k] > 0; k++)
            cr_assert(fabs(a->energy[i][k] / b->energy[i][k] - 1) <= 1e-9, "energy %zu.%zu", i, k);
        for (size_t c = 0; c < STREAM_CHANNELS; c++) {
            const kt_peaks_t *x = &a->peaks[i][c], *y = &b->peaks[i][c];
            cr_assert_eq(x->sample, y->sample);
            cr_assert(fabsf(fmaxf(x->between, x->sample) - fmaxf(y->between, y->sample)) <= 1e-6f);
            cr_assert(fabs(x->squares / y->squares - 1) <= 1e-12);
        }
    }
    for (size_t i = 0; i < STREAM_ROWS; i++)
        cr_assert(fabsf(a->rms[i] - b->rms[i]) <= 1e-6f && fabsf(a->centroid[i] / b->centroid[i] - 1) <= 1e-5f,
                  "row %zu", i);
    cr_assert_eq(a->not_finite, 1);
    cr_assert_eq(b->not_finite, 1);
}
