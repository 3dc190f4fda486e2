#include "node/audio/models/window.h"

#include <stdlib.h>
#include <string.h>

struct kt_window {
    kt_model_run_t *run;
    size_t          width, left, right, length;  // rows of one window: left + frames + right
    uint64_t        from, own, end;
    float          *rows;  // [2 * length][width]
    size_t          have;
    uint64_t        base, next;  // number of rows[0]; the first row without a result
};

kt_err_t
kt_window_new(kt_window_t **self_p, kt_model_run_t *run, uint64_t from, uint64_t own, uint64_t end)
{
    const kt_audio_input_t  *input  = kt_model_audio(kt_model_run_entry(run)->model);
    const kt_audio_blocks_t *blocks = kt_audio_input_blocks(input);
    kt_window_t             *self   = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->run    = run;
    self->width  = kt_audio_input_width(input);
    self->left   = blocks->left;
    self->right  = blocks->right;
    self->length = self->left + blocks->frames + self->right;
    self->from = self->base = self->next = from;
    self->own                            = own;
    self->end                            = end;
    self->rows                           = calloc(2 * self->length * self->width, sizeof *self->rows);
    if (!self->rows) {
        kt_window_destroy(&self);
        return KT_ENOMEM;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_window_destroy(kt_window_t **self_p)
{
    if (*self_p)
        free((*self_p)->rows);
    free(*self_p);
    *self_p = NULL;
}

// Runs n rows from `start` on; results of the rows next .. until - 1 count.
static kt_err_t
run_window(kt_window_t *self, uint64_t start, size_t n, uint64_t until)
{
    uint64_t first = self->next > self->own ? self->next : self->own;
    uint64_t end   = until < self->end ? until : self->end;
    self->next     = until;
    if (first >= end)
        return KT_OK;
    return kt_model_run_rows(self->run, self->rows + (start - self->base) * self->width, n, (size_t)(first - start),
                             (size_t)(end - start));
}

static uint64_t
window_start(const kt_window_t *self)
{
    return self->next > self->from + self->left ? self->next - self->left : self->from;
}

kt_err_t
kt_window_push(kt_window_t *self, const float *rows, size_t n)
{
    while (n > 0) {
        // The last `length` rows stay: a window, or the last one of the stream, may begin in them.
        if (self->have == 2 * self->length) {
            memmove(self->rows, self->rows + self->length * self->width,
                    self->length * self->width * sizeof *self->rows);
            self->have = self->length;
            self->base += self->length;
        }
        size_t room = 2 * self->length - self->have, some = n < room ? n : room;
        memcpy(self->rows + self->have * self->width, rows, some * self->width * sizeof *rows);
        self->have += some;
        rows += some * self->width;
        n -= some;
        while (window_start(self) + self->length <= self->base + self->have) {
            uint64_t start = window_start(self);
            kt_err_t err   = run_window(self, start, self->length, start + self->length - self->right);
            if (err)
                return err;
        }
    }
    return KT_OK;
}

kt_err_t
kt_window_finish(kt_window_t *self)
{
    uint64_t last = self->base + self->have, start = window_start(self);
    size_t   rest = (size_t)(last - start);
    if (self->next >= last)
        return KT_OK;
    bool fill = !kt_model_run_any_length(self->run);
    if (!fill && last - self->from >= self->length)
        return run_window(self, last - self->length, self->length, last);
    if (!fill && rest >= kt_model_run_least(self->run))
        return run_window(self, start, rest, last);
    if (!fill) {
        kt_model_run_fail(self->run, "the sound is shorter than the model's least block");
        return KT_OK;
    }
    // rest < length, and start - base <= length: it fits.
    memset(self->rows + self->have * self->width, 0, (self->length - rest) * self->width * sizeof *self->rows);
    return run_window(self, start, self->length, last);
}
