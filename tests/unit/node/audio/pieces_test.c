#include "kernels/device_ops.h"
#include "kernels/isa.h"
#include "node/audio/pieces.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// A device that computes a piece when it is waited for.
struct kt_device_job {
    kt_source_opts_t   opts;
    kt_source_piece_t *piece;
};
typedef struct later {
    kt_device_t     device;
    kt_polyphase_t *table;
    size_t          flying, most_flying, cancelled, of_16_bits;
    size_t          lent, most_lent;  // blocks of its memory, of which it has two
} later_t;

static later_t later;

static kt_err_t
later_begin(kt_device_t *device, const kt_source_opts_t *opts, kt_source_piece_t *piece, kt_device_job_t **job_p)
{
    (void)device;
    *job_p  = malloc(sizeof **job_p);
    **job_p = (kt_device_job_t){*opts, piece};
    later.of_16_bits += opts->format == KT_SAMPLES_S16;
    later.flying++;
    later.most_flying = later.flying > later.most_flying ? later.flying : later.most_flying;
    return KT_OK;
}

static kt_err_t
later_end(kt_device_t *device, kt_device_job_t **job_p)
{
    const kt_err_t err = kt_source_compute(&(*job_p)->opts, device->isa->loudness, &later.table, (*job_p)->piece);
    free(*job_p);
    *job_p = NULL;
    later.flying--;
    return err;
}

static void
later_cancel(kt_device_job_t **job_p)
{
    free(*job_p);
    *job_p = NULL;
    later.cancelled++;
}

static void *
later_take(kt_device_t *device, size_t bytes)
{
    (void)device;
    if (later.lent == 2)
        return NULL;
    later.lent++;
    later.most_lent = later.lent > later.most_lent ? later.lent : later.most_lent;
    return malloc(bytes);
}

static void
later_give(kt_device_t *device, void *memory)
{
    (void)device;
    free(memory);
    later.lent--;
}

static const kt_device_ops_t  LATER = {.begin_piece = later_begin,
                                       .end         = later_end,
                                       .cancel      = later_cancel,
                                       .take_pinned = later_take,
                                       .give_pinned = later_give};
static const kt_source_opts_t OPTS  = {.rate_hz = 8000, .channels = 1, .to_hz = 4000, .loudness = true};
enum { AFTER = 256, MOST = 6 * KT_SOURCE_FRAMES };

typedef struct result {
    float   *mono;
    size_t   n, pieces, frames, hops;
    double   energy;
    kt_err_t err;  // of the second piece
} result_t;

static kt_err_t
take(void *context, const kt_source_piece_t *piece)
{
    result_t    *out = context;
    const size_t n   = (size_t)(kt_source_output(&OPTS, piece->first + piece->frames) - out->n);
    cr_assert_eq(piece->first, out->frames);
    cr_assert_eq(kt_source_output(&OPTS, piece->first), out->n);
    memcpy(out->mono + out->n, piece->mono, n * sizeof *out->mono);
    out->n += n;
    out->frames += piece->frames;
    for (size_t h = 0; h < kt_source_hops(OPTS.rate_hz); h++)
        out->energy += piece->energy[h];
    return ++out->pieces == 2 ? out->err : KT_OK;
}

static void
open_later(void)
{
    ax_open();
    later = (later_t){.device = {.ops = &LATER, .isa = kt_device_isa(ax_device)}};
}

static void
close_later(void)
{
    kt_polyphase_destroy(&later.table);
    ax_close();
}

TestSuite(pieces, .init = open_later, .fini = close_later);

static result_t
run(const float *pcm, size_t frames, size_t chunk)
{
    result_t     out  = {.mono = calloc(MOST, sizeof(float))};
    kt_pieces_t *self = NULL;
    cr_assert_eq(kt_pieces_new(&self, &later.device, &OPTS, take, &out), KT_OK);
    for (size_t at = 0, n; at < frames; at += n) {
        n = frames - at < chunk ? frames - at : chunk;
        cr_assert_eq(kt_pieces_push(self, pcm + at, n), KT_OK);
    }
    cr_assert_eq(kt_pieces_end(self), KT_OK);
    kt_pieces_destroy(&self);
    cr_assert_eq(later.flying, 0);
    cr_assert_eq(later.lent, 0);
    return out;
}

// As one piece would be, were it that long.
static void
expect_mono(const float *pcm, size_t frames, const result_t *got)
{
    kt_polyphase_t *table = NULL;
    float *margin = calloc(frames + 2 * KT_SOURCE_FRAMES, sizeof *margin), *want = calloc(frames, sizeof *want);
    cr_assert_eq(kt_polyphase_new(&table, OPTS.rate_hz, OPTS.to_hz), KT_OK);
    for (size_t i = 0; i < frames; i++)
        margin[KT_SOURCE_FRAMES + i] = fabsf(pcm[i]) <= KT_SAMPLE_LIMIT ? pcm[i] : 0;
    kt_polyphase_run(table, margin + KT_SOURCE_FRAMES, 0, frames, want);
    cr_assert_eq(memcmp(want, got->mono, got->n * sizeof *want), 0);
    kt_polyphase_destroy(&table);
    free(margin);
    free(want);
}

Test(pieces, chunks_of_any_length_give_the_same_bytes)
{
    enum { FRAMES = 5 * KT_SOURCE_FRAMES + 777 };
    float         *pcm   = ax_noise(FRAMES, 4);
    const result_t whole = run(pcm, FRAMES, FRAMES);
    cr_assert_eq(whole.pieces, 6);
    cr_assert_eq(whole.n, FRAMES / 2 + 1);
    cr_assert_eq(later.most_flying, 4);
    cr_assert_eq(later.most_lent, 2);
    for (size_t chunk = 999; chunk < FRAMES; chunk *= 20) {
        result_t some = run(pcm, FRAMES, chunk);
        cr_assert_eq(some.n, whole.n);
        cr_assert_eq(memcmp(some.mono, whole.mono, whole.n * sizeof *whole.mono), 0, "chunks of %zu", chunk);
        cr_assert_eq(some.energy, whole.energy);
        free(some.mono);
    }
    expect_mono(pcm, FRAMES, &whole);
    free(whole.mono);
    free(pcm);
}

Test(pieces, a_stream_may_end_anywhere)
{
    static const size_t ENDS[] = {0,
                                  1,
                                  KT_SOURCE_FRAMES - 1,
                                  KT_SOURCE_FRAMES,
                                  KT_SOURCE_FRAMES + 1,
                                  KT_SOURCE_FRAMES + AFTER - 1,
                                  KT_SOURCE_FRAMES + AFTER,
                                  KT_SOURCE_FRAMES + AFTER + 1,
                                  2 * KT_SOURCE_FRAMES};
    float              *pcm    = ax_noise(3 * KT_SOURCE_FRAMES, 5);
    for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
        result_t out = run(pcm, ENDS[i], 4096);
        cr_assert_eq(out.frames, ENDS[i]);
        cr_assert_eq(out.pieces, (ENDS[i] + KT_SOURCE_FRAMES - 1) / KT_SOURCE_FRAMES);
        cr_assert_eq(out.n, (ENDS[i] + 1) / 2);
        free(out.mono);
    }
    free(pcm);
}

Test(pieces, what_is_on_its_way_is_cancelled)
{
    float       *pcm  = ax_noise(3 * KT_SOURCE_FRAMES, 6);
    result_t     out  = {.mono = calloc(MOST, sizeof(float)), .err = KT_ENOMEM};
    kt_pieces_t *self = NULL;
    cr_assert_eq(kt_pieces_new(&self, &later.device, &OPTS, take, &out), KT_OK);
    cr_assert_eq(kt_pieces_push(self, pcm, 3 * KT_SOURCE_FRAMES), KT_OK);
    cr_assert_eq(kt_pieces_end(self), KT_ENOMEM, "the error of who takes a piece");
    kt_pieces_destroy(&self);
    cr_assert_eq(later.cancelled, 1);
    cr_assert_eq(later.lent, 0);
    free(out.mono);
    free(pcm);
}

// The pieces before the first other sample, whose margins are of 16 bits as well.
Test(pieces, samples_of_16_bits_go_as_such_up_to_the_first_other_one)
{
    enum { FRAMES = 4 * KT_SOURCE_FRAMES };
    static const float OTHER[] = {0.3f, 1.0f, -1.00003f, NAN, INFINITY, 0};
    float             *pcm     = ax_noise(FRAMES, 7);
    for (size_t i = 0; i < FRAMES; i++)
        pcm[i] = rintf(pcm[i] * 32767) / 32768;
    pcm[5] = -1.0f;
    for (size_t i = 0; i < sizeof OTHER / sizeof *OTHER; i++) {
        later.of_16_bits                = 0;
        pcm[2 * KT_SOURCE_FRAMES + 999] = OTHER[i];
        result_t out                    = run(pcm, FRAMES, 4096);
        cr_assert_eq(out.pieces, 4);
        cr_assert_eq(later.of_16_bits, OTHER[i] == 0 ? 4 : 2, "%g", OTHER[i]);
        expect_mono(pcm, FRAMES, &out);
        free(out.mono);
    }
    free(pcm);
}
