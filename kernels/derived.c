#include "kernels/derived.h"

#include "kernels/device.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256 };

// Frames by which kt_rows_onset shifts.
static size_t
onset_shift(const kt_frontend_opts_t *opts)
{
    return 1 + opts->n_fft / (2 * opts->hop);
}

static size_t
scratch_floats(const kt_frontend_opts_t *opts)
{
    return 1 + (BLOCK + 1) * (size_t)opts->n_mels + BLOCK + onset_shift(opts);
}

size_t
kt_derive_bytes(const kt_frontend_opts_t *opts)
{
    return scratch_floats(opts) * sizeof(float);
}

// As kt_rows_to_db takes it: NaN leaves the others alone.
static float
largest_of(const float *x, size_t n)
{
    float out = 0;
    for (size_t i = 0; i < n; i++)
        out = x[i] > out ? x[i] : out;
    return out;
}

static kt_err_t
derive_decibels(const kt_isa_t *isa, const kt_plan_t *plan, const float *mel, size_t lead, size_t frames, float *mfcc,
                float *onset)
{
    const kt_frontend_opts_t *opts  = kt_plan_opts(plan);
    const size_t              width = opts->n_mels, shift = onset_shift(opts), all = lead + frames;
    float                    *scratch = malloc(kt_derive_bytes(opts));
    if (!scratch)
        return KT_ENOMEM;
    // The segment's maximum stands before each block, so that its floor is the segment's.
    float      *db = scratch + 1, *rises = db + (BLOCK + 1) * width;
    const float top = largest_of(mel, all * width);
    for (size_t f = 0; onset && f < all && f < shift; f++)
        onset[f] = 0;
    for (size_t at = 0, end; at < all; at = end) {
        const size_t from = at > 0 ? at - 1 : 0;  // the rise of the first row needs the one before
        end               = all - at < BLOCK ? all : at + BLOCK;
        scratch[0]        = top;
        memcpy(db, mel + from * width, (end - from) * width * sizeof *db);
        kt_rows_to_db(isa, scratch, 1 + (end - from) * width, scratch);
        if (mfcc && end > lead) {
            const size_t own = at > lead ? at : lead;
            kt_rows_mfcc(isa, plan, db + (own - from) * width, end - own, mfcc + (own - lead) * opts->n_mfcc);
        }
        if (onset && end - from > 1 && from + shift < all) {
            const size_t n = end - from - 1, room = all - from - shift;
            kt_rows_onset(isa, plan, db, shift + n, rises);
            memcpy(onset + from + shift, rises + shift, (n < room ? n : room) * sizeof *onset);
        }
    }
    free(scratch);
    return KT_OK;
}

// In this order, which a GPU keeps.
static void
derive_bands(const float *mel, size_t count, float *bands)
{
    for (size_t i = 0; i < count; i++)
        bands[i] = (mel[4 * i] + mel[4 * i + 1]) + (mel[4 * i + 2] + mel[4 * i + 3]);
}

kt_err_t
kt_derive(const kt_isa_t *isa, const kt_plan_t *plan, const kt_derived_t *rows)
{
    const kt_frontend_opts_t *opts = kt_plan_opts(plan);
    kt_err_t                  err  = KT_OK;
    if (rows->mfcc || rows->onset)
        err = derive_decibels(isa, plan, rows->mel, rows->lead, rows->frames, rows->mfcc, rows->onset);
    if (!err && rows->contrast)
        kt_rows_contrast(isa, plan, rows->peak, rows->valley, rows->frames, rows->contrast);
    if (!err && rows->bands)
        derive_bands(rows->mel + rows->lead * opts->n_mels, rows->frames * kt_derived_bands(opts), rows->bands);
    return err;
}
