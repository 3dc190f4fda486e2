// The inside of kt_filterbank. Only the files of kernels/ include it.
//
// A length that is no power of two is n = columns * length (Cooley-Tukey): a real transform of `length` samples for
// each column (every columns-th sample), a twiddle, a complex transform over the columns. Both are plain sums that use
// the symmetry of cosine and sine; for 17 * 83 that is 72,000 multiplications a frame, less than Bluestein's detour
// over 4096 points, and nothing but broadcasts and FMA.
#pragma once

#include "kernels/audio/filterbank.h"
#include "kernels/audio/plan.h"

enum { KT_FILTERBANK_REAL_ROWS = 6, KT_FILTERBANK_COMPLEX_ROWS = 3 };  // results per step: they fit 16 registers

struct kt_filterbank {
    kt_filterbank_opts_t opts;             // its arrays are owned
    uint32_t             bins;             // n / 2 + 1
    kt_plan_t           *plan;             // a power of two; else NULL
    uint32_t             columns, length;  // else of n; 0 with a plan
    double              *window;           // [opts.length] times scale
    // Blocks of rows k: [k / rows][j][cos of each row, sin of each row] of 2 pi j k / size, j and k from 0 to size / 2.
    double *real_table, *complex_table;
    double *twiddle;  // [columns][length / 2 + 1][cos, sin] of 2 pi column k / n
};

// Rows of a table of `size` with blocks of `rows`.
static inline size_t
kt_filterbank_table_rows(uint32_t size, uint32_t rows)
{
    return (size / 2 + rows) / rows * rows;
}
