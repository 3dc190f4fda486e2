// What only the CUDA kernels have. `all` is false in the rounds that only try another order of threads.
#pragma once

#include "tests/kernels/cuda_ops.h"

double tolerance_of(tolerance_t what);
// Largest difference over the largest |value| of the reference; infinite where only one of the two is NaN.
double off_by(const float *fast, const float *ref, size_t count);

void check_batches(
    bool all);  // check_batches.c: ragged batches, runs of any length, rows that are not requested, powers
void check_segments(bool all);      // check_segments.c: rows of whole segments
void check_traffic(void);           // check_traffic.c: bytes of global memory a frame, faults of the device
void check_cuda_columns(bool all);  // check_cuda_columns.c: statistics of columns
void check_cuda_cqt(bool all);      // check_cuda_cqt.c: constant-Q chroma
void check_cuda_rises(bool all);    // check_cuda_rises.c: rises of mel rows
void check_cuda_bass(bool all);     // check_cuda_bass.c: low values and rows of the bass
void check_cuda_cents(bool all);    // check_cuda_cents.c: spectral peaks in cents
void check_cuda_images(bool all);   // check_cuda_images.c: statistics of pictures
void check_cuda_source(bool all);   // check_cuda_source.c: pieces of a stream at its own rate
void check_cuda_quality(bool all);  // check_cuda_quality.c: facts of blocks and of spectra
