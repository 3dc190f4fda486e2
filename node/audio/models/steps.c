#include "node/audio/models/steps.h"

#include <stdlib.h>
#include <string.h>

// A range begins half a minute before its own frames, at a multiple of ALIGN_S (fronts.c); its first rows lack what
// was before.
enum { ALIGN_S = 16, BEFORE_S = 14, SETTLE_S = 1, MOST_S = 32 };

// The rows of a segment: the model starts at `begin`, those from `own` on count.
typedef struct start {
    uint64_t begin, own;
} start_t;

struct kt_steps {
    kt_model_run_t *run;
    kt_steps_opts_t opts;
    size_t          width, length, capacity;  // rows of a block, of the buffer
    float          *rows;                     // [capacity][width]
    size_t          have;
    uint64_t        base, next;  // number of rows[0]; the row that the model sees next
    uint32_t        segment;     // whose rows it computes
    uint64_t        own;         // the first row that counts of it
    start_t         later;       // of the segment after it; UINT64_MAX: there is none
};

static uint64_t
row_of(const kt_steps_opts_t *opts, uint64_t frame)
{
    const uint64_t whole = frame / opts->rate_hz, part = frame % opts->rate_hz;
    return (whole * opts->model_hz + part * opts->model_hz / opts->rate_hz) / opts->hop;
}

static start_t
start_of(const kt_steps_opts_t *opts, uint32_t segment)
{
    const uint64_t own =
        opts->segment_own ? opts->segment_own(opts->plan, opts->segment_s, opts->rate_hz, segment) : UINT64_MAX;
    if (own == UINT64_MAX)
        return (start_t){UINT64_MAX, UINT64_MAX};
    const uint64_t seconds = own / opts->rate_hz;
    const uint64_t begin   = seconds < BEFORE_S + ALIGN_S ? 0 : (seconds - BEFORE_S) / ALIGN_S * ALIGN_S + SETTLE_S;
    return (start_t){begin * opts->model_hz / opts->hop, row_of(opts, own)};
}

kt_err_t
kt_steps_new(kt_steps_t **self_p, kt_model_run_t *run, const kt_steps_opts_t *opts)
{
    const kt_audio_input_t *input = kt_model_audio(kt_model_run_entry(run)->model);
    kt_steps_t             *self  = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->run      = run;
    self->opts     = *opts;
    self->width    = kt_audio_input_width(input);
    self->length   = kt_audio_input_blocks(input)->frames;
    self->capacity = 2 * self->length + (size_t)(MOST_S * (uint64_t)opts->model_hz / opts->hop);
    self->base     = opts->from;
    self->next     = opts->from;
    self->own      = opts->own;
    self->later    = start_of(opts, 1);
    while (self->later.own <= opts->own) {
        self->next  = self->later.begin > opts->from ? self->later.begin : opts->from;
        self->later = start_of(opts, ++self->segment + 1);
    }
    self->rows = calloc(self->capacity * self->width, sizeof *self->rows);
    if (!self->rows) {
        kt_steps_destroy(&self);
        return KT_ENOMEM;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_steps_destroy(kt_steps_t **self_p)
{
    if (*self_p)
        free((*self_p)->rows);
    free(*self_p);
    *self_p = NULL;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// Drops the rows that no block needs any more.
static void
drop_rows(kt_steps_t *self)
{
    const uint64_t needed = least(self->next, self->later.begin), last = self->base + self->have;
    const size_t   drop = (size_t)(least(needed > self->base ? needed : self->base, last) - self->base);
    self->have -= drop;
    self->base += drop;
    memmove(self->rows, self->rows + drop * self->width, self->have * self->width * sizeof *self->rows);
}

// Runs the block at `next`, of which the rows that have come count, and moves on: to the block after it, or to where
// the next segment starts.
static kt_err_t
run_block(kt_steps_t *self)
{
    const uint64_t last = self->next + self->length, there = least(last, self->base + self->have);
    const uint64_t end = least(least(there, self->later.own), self->opts.end);
    const uint64_t own = least(self->own > self->next ? self->own : self->next, end);
    const kt_err_t err = kt_model_run_rows(self->run, self->rows + (self->next - self->base) * self->width,
                                           self->length, (size_t)(own - self->next), (size_t)(end - self->next));
    self->next         = last;
    if (last >= self->later.own && self->later.own < self->opts.end) {
        kt_model_run_restart(self->run);
        self->next  = self->later.begin;
        self->own   = self->later.own;
        self->later = start_of(&self->opts, ++self->segment + 1);
    }
    return err;
}

kt_err_t
kt_steps_push(kt_steps_t *self, const float *rows, size_t n)
{
    while (n > 0) {
        if (self->have == self->capacity)
            drop_rows(self);
        const size_t some = (size_t)least(self->capacity - self->have, n);
        memcpy(self->rows + self->have * self->width, rows, some * self->width * sizeof *rows);
        self->have += some;
        rows += some * self->width;
        n -= some;
        while (self->next < self->opts.end && self->next + self->length <= self->base + self->have) {
            kt_err_t err = run_block(self);
            if (err)
                return err;
        }
        if (self->next >= self->opts.end) {
            self->base += self->have;
            self->have = 0;
        }
    }
    return KT_OK;
}

kt_err_t
kt_steps_finish(kt_steps_t *self)
{
    const uint64_t last = self->base + self->have;
    while (self->next < least(last, self->opts.end)) {
        drop_rows(self);
        // Less than a block is left of this segment: it fits.
        const size_t left = (size_t)(last - self->next), at = (size_t)(self->next - self->base);
        if (left < self->length)
            memset(self->rows + (at + left) * self->width, 0, (self->length - left) * self->width * sizeof *self->rows);
        kt_err_t err = run_block(self);
        if (err)
            return err;
    }
    return KT_OK;
}
