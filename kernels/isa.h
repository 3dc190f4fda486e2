// kt_isa -- all kernels that are compiled once per instruction set, as one table. "ref" is the plain reference, the
// definition. A device chooses its table when it is made and hands it down; nothing below it chooses again. Constant;
// any thread.
#pragma once

#include "kernels/audio/filterbank.h"
#include "kernels/audio/loudness.h"
#include "kernels/audio/ops.h"
#include "kernels/audio/samples.h"
#include "kernels/image/blocks.h"
#include "kernels/image/mscn.h"
#include "kernels/image/rgb.h"
#include "kernels/image/stats.h"

typedef struct kt_isa {
    const char                *name;  // "ref", "base", "avx2", "avx512"
    const kt_cpu_ops_t        *rows;
    const kt_samples_ops_t    *samples;
    const kt_loudness_ops_t   *loudness;
    const kt_image_ops_t      *image;
    const kt_block_ops_t      *block;
    const kt_mscn_ops_t       *mscn;
    const kt_rgb_ops_t        *rgb;
    const kt_filterbank_ops_t *filterbank;
} kt_isa_t;

// By name; NULL: unknown, or this processor lacks it. NULL, "" or "auto": the best, never NULL.
const kt_isa_t *kt_isa(const char *name);
