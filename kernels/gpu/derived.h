// Rows derived of a segment's (kernels/derived.h): what the kind derived shares with the backend, and what a request of
// it holds.
//
// Config: kt_frontend_opts_t. The request brings nothing: the first pass left its rows on the device
// (kt_gpu_frames_t.stays), and what is kept of the derived ones lies beside them. Items are frames; a request is one
// part, as the floor of the decibels is that of the segment. Args: kt_gpu_derived_args_t. Sections: float onset
// [items], bands [items][kt_derived_bands].
#pragma once

#include "kernels/derived.h"
#include "kernels/gpu/columns.h"
#include "kernels/gpu/layout.h"

enum { KT_GPU_SECTION_ONSET, KT_GPU_SECTION_BANDS };

typedef struct kt_gpu_derived_args {
    uint32_t mfcc, contrast;  // whether they are wanted
} kt_gpu_derived_args_t;

typedef struct kt_gpu_derived {
    const kt_plan_t    *plan;
    const kt_derived_t *rows;
    kt_gpu_kept_t      *kept;
} kt_gpu_derived_t;

// Whether a slot has room for a request of so many frames, and for the statistics of such columns.
bool kt_gpu_derived_fit(const kt_plan_t *plan, size_t frames, size_t in_bytes, size_t out_bytes);

// Of a segment's rows that are kept: byte offsets, each aligned, and floats from one row to the next where the
// statistics of columns need more of them than there are.
typedef struct kt_gpu_rows_layout {
    size_t mel, peak, valley, mfcc, contrast, bytes;
    size_t mfcc_floats, contrast_floats;
} kt_gpu_rows_layout_t;

// all false: of mel rows alone.
static inline void
kt_gpu_rows_layout(const kt_frontend_opts_t *opts, size_t frames, bool all, kt_gpu_rows_layout_t *out)
{
    enum { CONTRAST = 7, UNIT = KT_GPU_ITEM_COLUMNS };
    const size_t row     = frames * sizeof(float);
    out->mfcc_floats     = (opts->n_mfcc + UNIT - 1) / UNIT * UNIT;
    out->contrast_floats = UNIT;
    out->mel             = 0;
    out->peak            = kt_gpu_align(row * opts->n_mels);
    out->valley          = out->peak + kt_gpu_align(row * CONTRAST);
    out->mfcc            = out->valley + kt_gpu_align(row * CONTRAST);
    out->contrast        = out->mfcc + kt_gpu_align(row * out->mfcc_floats);
    out->bytes           = all ? out->contrast + kt_gpu_align(row * out->contrast_floats) : row * opts->n_mels;
}
