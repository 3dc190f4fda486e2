// Facts of a block of samples -- what the measures of sound quality need of 4096 samples of one channel, so that the
// samples are read once, here or on a GPU (kernels/cuda/quality.h), and the facts of all blocks are then taken in the
// order of the stream (node/audio/quality/). They do not depend on the blocks before. Where they cannot decide (a new
// peak, a possible gap) the samples of that block are looked at. Pure functions; any thread.
#pragma once

#include "kernels/audio/samples.h"

#include <math.h>
#include <stdbool.h>

// A function that kernels call, too: nvcc compiles it for the device as well.
#ifdef __CUDACC__
#define KT_DEVICE_CODE __host__ __device__
#else
#define KT_DEVICE_CODE
#endif

enum { KT_BLOCK_GROUPS = 64, KT_BLOCK_SAMPLES = KT_BLOCK_GROUPS * KT_GROUP_SAMPLES, KT_BLOCK_SILENT = UINT16_MAX };

#define KT_SOUND_LEVEL 0.001F  // -60 dBFS
#define KT_FAULT_LEVEL 0.01F   // -40 dBFS
#define KT_CLICK_BENDS 20

typedef struct kt_block_facts {
    double   sum, squares;
    float    low, high;                // smallest and largest sample
    float    ends[2];                  // first and last sample
    float    levels[2];                // loudest of the first group's samples, of the last group's
    float    bends[4];                 // of the first, the second, the last but one and the last group
    float    spikes[2];                // of the first and the last group
    uint16_t first_sound, last_sound;  // first and last sample above KT_SOUND_LEVEL; KT_BLOCK_SILENT: none
    uint16_t clicks;                   // of all groups but the first and the last
    uint8_t  zeros;                    // that the last group ends with
    uint8_t  has_zeros;                // a group begins or ends with KT_GROUP_SAMPLES / 2 zeros or more
} kt_block_facts_t;

// A group that holds an isolated spike: of at least KT_FAULT_LEVEL, and KT_CLICK_BENDS times the mean bend of the rest
// of the group and of its two neighbours. A spike changes the bend at its own sample by its height and at the two
// neighbours by half of that.
KT_DEVICE_CODE static inline bool
kt_is_click(float spike, float bends, float bends_before, float bends_after)
{
    const float mean = fmaxf(bends - 2 * spike, fmaxf(bends_before, bends_after)) / KT_GROUP_SAMPLES;
    return spike >= KT_FAULT_LEVEL && spike > KT_CLICK_BENDS * mean;
}

// Zeros that a group begins with.
static inline size_t
kt_zeros_first(const float *x)
{
    size_t n = 0;
    while (n < KT_GROUP_SAMPLES && x[n] == 0)
        n++;
    return n;
}

// Zeros that a group ends with.
static inline size_t
kt_zeros_last(const float *x)
{
    size_t n = 0;
    while (n < KT_GROUP_SAMPLES && x[KT_GROUP_SAMPLES - 1 - n] == 0)
        n++;
    return n;
}

// Of 1 to KT_BLOCK_SAMPLES samples and their groups; zeros after them complete the last group. With one group the
// neighbours' bends are its own.
void kt_block_facts_of(const float *x, const kt_sample_group_t *groups, size_t samples, kt_block_facts_t *out);

// The low band (kt_samples_ops_t, lowpass): of the sums of 16 samples, a low-pass of 200 Hz at 44.1 kHz; what folds
// down from 490 Hz on is 60 dB down. The sums of KT_LOW_BAND_BEFORE samples before a group are in its value.
enum { KT_LOW_BAND_BEFORE = (KT_LOWPASS_TAPS / KT_GROUP_SUMS - 1) * KT_GROUP_SAMPLES };
void kt_low_band_taps(float taps[KT_LOWPASS_TAPS]);
