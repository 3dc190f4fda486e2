#include "node/audio/models/patches.h"

#include <stdlib.h>
#include <string.h>

typedef struct patch {
    uint64_t number;  // of the block, from the stream's start
    size_t   n;       // rows
    float   *rows;
} patch_t;

struct kt_patches {
    kt_audio_blocks_t blocks;
    size_t            width, most;
    uint64_t          own, end;
    size_t            n_runs;
    kt_model_run_t   *runs[KT_PATCHES_RUNS];
    uint64_t          stride;  // only blocks whose number it divides are kept
    size_t            n_kept;
    patch_t           kept[KT_PATCHES_MOST + 1];
    uint64_t          seen;    // blocks that counted
    uint64_t          number;  // of the open block
    uint64_t          at;      // row that comes next
    float            *open;    // [blocks.frames][width]
    size_t            have;
};

kt_err_t
kt_patches_new(kt_patches_t **self_p, const kt_audio_input_t *input, size_t most, uint64_t from, uint64_t own,
               uint64_t end)
{
    kt_patches_t *self = calloc(1, sizeof *self);
    if (!self)
        return KT_ENOMEM;
    self->blocks = *kt_audio_input_blocks(input);
    self->width  = kt_audio_input_width(input);
    self->most   = most;
    self->own    = own;
    self->end    = end;
    self->stride = 1;
    self->at     = from;
    self->number = (from + self->blocks.hop - 1) / self->blocks.hop;
    self->open   = calloc(self->blocks.frames * self->width, sizeof *self->open);
    if (!self->open) {
        kt_patches_destroy(&self);
        return KT_ENOMEM;
    }
    *self_p = self;
    return KT_OK;
}

void
kt_patches_destroy(kt_patches_t **self_p)
{
    kt_patches_t *self = *self_p;
    if (!self)
        return;
    for (size_t i = 0; i < self->n_kept; i++)
        free(self->kept[i].rows);
    free(self->open);
    free(self);
    *self_p = NULL;
}

bool
kt_patches_add_run(kt_patches_t *self, kt_model_run_t *run)
{
    if (self->n_runs == KT_PATCHES_RUNS)
        return false;
    self->runs[self->n_runs++] = run;
    return true;
}

static kt_err_t
run_patch(kt_patches_t *self, const float *rows, size_t n)
{
    kt_err_t err = KT_OK;
    for (size_t r = 0; r < self->n_runs && !err; r++)
        err = kt_model_run_rows(self->runs[r], rows, n, 0, n);
    return err;
}

// Keeps the blocks whose number the stride divides.
static void
thin_out(kt_patches_t *self, uint64_t stride)
{
    size_t n     = 0;
    self->stride = stride;
    for (size_t i = 0; i < self->n_kept; i++) {
        if (self->kept[i].number % stride == 0)
            self->kept[n++] = self->kept[i];
        else
            free(self->kept[i].rows);
    }
    self->n_kept = n;
}

// A block with n of its rows.
static kt_err_t
take_patch(kt_patches_t *self, size_t n)
{
    uint64_t first = self->number * self->blocks.hop;
    if (first < self->own || first >= self->end)
        return KT_OK;
    self->seen++;
    if (self->most == 0)
        return run_patch(self, self->open, n);
    if (self->number % self->stride != 0)
        return KT_OK;
    float *rows = malloc(n * self->width * sizeof *rows);
    if (!rows)
        return KT_ENOMEM;
    memcpy(rows, self->open, n * self->width * sizeof *rows);
    self->kept[self->n_kept++] = (patch_t){self->number, n, rows};
    while (self->n_kept > KT_PATCHES_MOST)
        thin_out(self, 2 * self->stride);
    return KT_OK;
}

kt_err_t
kt_patches_push(kt_patches_t *self, const float *rows, size_t n)
{
    size_t frames = self->blocks.frames, hop = self->blocks.hop;
    while (n > 0) {
        uint64_t first = self->number * hop + self->have;  // the next row of the open block
        uint64_t skip  = first > self->at ? first - self->at : 0;
        size_t   some  = skip > 0 ? (skip < n ? (size_t)skip : n) : frames - self->have < n ? frames - self->have : n;
        if (skip == 0) {
            memcpy(self->open + self->have * self->width, rows, some * self->width * sizeof *rows);
            self->have += some;
        }
        self->at += some;
        rows += some * self->width;
        n -= some;
        if (self->have < frames)
            continue;
        kt_err_t err = take_patch(self, frames);
        if (err)
            return err;
        self->have = hop < frames ? frames - hop : 0;
        memmove(self->open, self->open + (frames - self->have) * self->width,
                self->have * self->width * sizeof *self->open);
        self->number++;
    }
    return KT_OK;
}

kt_err_t
kt_patches_end(kt_patches_t *self)
{
    size_t    frames = self->blocks.frames;
    kt_tail_t tail   = self->blocks.tail;
    if (self->have == 0 || (tail == KT_TAIL_DROP && self->seen > 0))
        return KT_OK;
    size_t have = self->have;
    self->have  = 0;
    if (tail == KT_TAIL_SHORT)
        return take_patch(self, have);
    for (size_t t = have; t < frames; t++) {
        float *row = self->open + t * self->width;
        if (tail == KT_TAIL_PAD)
            memset(row, 0, self->width * sizeof *row);
        else
            memcpy(row, row - have * self->width, self->width * sizeof *row);
    }
    return take_patch(self, frames);
}

kt_err_t
kt_patches_run(kt_patches_t *self)
{
    size_t   n   = self->most < self->n_kept ? self->most : self->n_kept;
    kt_err_t err = KT_OK;
    for (size_t i = 0; i < n && !err; i++) {
        const patch_t *patch = &self->kept[(2 * i + 1) * self->n_kept / (2 * n)];
        err                  = run_patch(self, patch->rows, patch->n);
    }
    return err;
}

void
kt_patches_prepend(kt_patches_t *self, kt_patches_t *before)
{
    uint64_t stride = self->stride > before->stride ? self->stride : before->stride;
    self->seen += before->seen;
    thin_out(self, stride);
    thin_out(before, stride);
    while (self->n_kept + before->n_kept > KT_PATCHES_MOST) {
        thin_out(self, 2 * self->stride);
        thin_out(before, self->stride);
    }
    memmove(self->kept + before->n_kept, self->kept, self->n_kept * sizeof *self->kept);
    memcpy(self->kept, before->kept, before->n_kept * sizeof *self->kept);
    self->n_kept += before->n_kept;
    before->n_kept = 0;
}
