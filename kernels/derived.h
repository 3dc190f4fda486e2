// kt_derive -- what is derived of the rows of a whole segment: MFCC and the onset envelope of its mel rows in decibels,
// contrast of its peaks and valleys, and bands, the sums of four neighbouring mel bands. The decibels themselves are
// kept for a block of frames, not for the segment; the values are those of kt_rows_to_db, kt_rows_mfcc and
// kt_rows_onset over the whole segment to the last bit. Pure, any thread.
#pragma once

#include "kernels/audio/rows.h"

typedef struct kt_isa kt_isa_t;  // kernels/isa.h

typedef struct kt_derived {
    const float *mel;            // [lead + frames][n_mels]; the rows of the frames before the segment come first
    const float *peak, *valley;  // [frames][kt_row_width]; of contrast alone
    size_t       lead, frames;
    // NULL: not wanted.
    float *mfcc;      // [frames][n_mfcc]
    float *onset;     // [lead + frames]
    float *contrast;  // [frames][width of the peaks]
    float *bands;     // [frames][kt_derived_bands]
} kt_derived_t;

KT_MUST_USE kt_err_t kt_derive(const kt_isa_t *isa, const kt_plan_t *plan, const kt_derived_t *rows);  // KT_ENOMEM
size_t               kt_derive_bytes(const kt_frontend_opts_t *opts);  // of memory while it runs

enum { KT_DERIVED_MELS = 4 };  // of a band
// Bands of a frame; 0: they are not defined.
static inline size_t
kt_derived_bands(const kt_frontend_opts_t *opts)
{
    return opts->n_mels % KT_DERIVED_MELS == 0 ? opts->n_mels / KT_DERIVED_MELS : 0;
}
