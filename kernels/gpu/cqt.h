// Chroma of the constant-Q transform: what the kind cqt shares with the backend, and what a request of it holds.
//
// Config: kt_gpu_cqt_config_t. Input of a part: the table of its tuning, then its samples. One section: [items][12]
// float.
//
// Octave by octave the rate is halved (kernels/audio/decimate.h), so the part brings what its frames read in every
// octave: octave i has kt_gpu_cqt_samples of them, and the first one is number (first frame) * hop / 2^i - reach of the
// stream in that octave. A value outside of the stream is zero in every octave, whatever the filter makes of its
// neighbours.
#pragma once

#include "kernels/audio/cqt_basis.h"
#include "kernels/audio/decimate.h"
#include "kernels/gpu/samples.h"

typedef struct kt_gpu_cqt_config {
    uint32_t rate_hz, hop, n_fft, reserved;
} kt_gpu_cqt_config_t;

enum { KT_GPU_CQT_WEIGHTS = 768 };  // some 690 for any rate and hop

// Of a tuning: kt_cqt_basis_t, and the filter's response (kt_half_band_t). A multiple of 16 bytes.
typedef struct kt_gpu_cqt_table {
    kt_cqt_turn_t turn[KT_CQT_MAX_BINS];
    kt_cqt_row_t  row[KT_CQT_PER_OCTAVE];
    float         weight[KT_GPU_CQT_WEIGHTS];
    float         response[KT_HALF_BAND_BINS];
    uint32_t      first, count, reserved;
} kt_gpu_cqt_table_t;

// Of a part: its first frame, and the samples of the whole stream. tuning is that of the table.
typedef struct kt_gpu_cqt_args {
    uint32_t first, samples;
    double   tuning;
} kt_gpu_cqt_args_t;

typedef struct kt_gpu_cqt {
    kt_gpu_cqt_config_t       config;
    double                    tuning;
    const kt_gpu_cqt_table_t *table;
    const float              *pcm;  // [n]; outside are zeros
    size_t                    n;
    float                    *chroma;  // [frames][12]
    kt_gpu_samples_t          samples;
} kt_gpu_cqt_t;

// Samples of octave i that a part has before those of its first frame's centre, and after its last frame's: half a
// frame of the last octave, and of each other one what whole blocks of the filter read for the next.
static inline uint32_t
kt_gpu_cqt_reach(uint32_t n_fft, uint32_t octave)
{
    const uint32_t beyond = KT_HALF_BAND_STEP + KT_HALF_BAND_LEAD;
    return ((n_fft / 2 + beyond) << (KT_CQT_OCTAVES - 1 - octave)) - beyond;
}

static inline uint64_t
kt_gpu_cqt_samples(uint32_t n_fft, uint32_t hop, uint32_t octave, uint32_t frames)
{
    return (uint64_t)(frames - 1) * (hop >> octave) + 2 * (uint64_t)kt_gpu_cqt_reach(n_fft, octave);
}

// The tables of one worker: the last tuning's is kept, as many files are in tune. A zeroed struct is empty.
typedef struct kt_gpu_cqt_tables {
    kt_gpu_cqt_config_t config;  // of the table; rate_hz 0: none
    double              tuning;
    kt_cqt_basis_t      basis;
    kt_half_band_t      half_band;
    kt_gpu_cqt_table_t  table;
} kt_gpu_cqt_tables_t;

// self->table and self->config of this tuning. KT_EINVAL: a rate and hop that the kernels do not have: no transform is
// defined, or one of another size than 512 to 4096, or behind libsoxr's filter (44,100 Hz with a hop of 512).
// KT_ENOMEM.
KT_MUST_USE kt_err_t kt_gpu_cqt_tables_fill(kt_gpu_cqt_tables_t *self, uint32_t rate_hz, uint32_t hop, double tuning);
void                 kt_gpu_cqt_tables_fini(kt_gpu_cqt_tables_t *self);
