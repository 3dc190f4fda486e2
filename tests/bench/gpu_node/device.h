// A GPU that takes time on the virtual clock and computes nothing: a kt_gpu_backend with the rates of one device.
#pragma once

#include "kernels/gpu/gpus.h"

// Of KT_GPU_COLUMNS: 185 columns by eight, those of mel rows, MFCC and contrast where they are kept. Of a frame's rows
// the first pass leaves mel, peaks and valleys there, and MFCC and contrast are made beside them.
enum { SONG_ITEMS = 24, KEPT_ITEMS = 19, STAY_BYTES = 568, KEPT_BYTES = STAY_BYTES + 96 };

typedef struct gpu_profile {
    const char *name;
    double      bus_gb_s, memory_gb_s;                 // each way; the device's memory
    double      first_ns, second_ns, fine_ns, cqt_ns;  // a frame: first pass, chroma, the rhythm's finer rows,
                                                       // constant-Q
    double   derived_ns;                               // a frame: MFCC, onset, contrast, bands
    double   columns_ns;                               // a frame: statistics of all columns of a song
    double   bass_ns, cents_ns;                        // a row of the bass; a frame whose peaks are counted in cents
    double   piece_us;                                 // a piece of stereo at the file's rate
    uint64_t memory_bytes;
} gpu_profile_t;

extern const gpu_profile_t GPU_PROFILES[];
extern const size_t        GPU_PROFILES_COUNT;

// The node's cores: a thread computes for so long, on one of them. device: a thread of the GPU, which is woken first.
void cores_open(size_t n);
void cores_use(double us, bool is_device);

const kt_gpu_backend_t *virtual_backend(const gpu_profile_t *profile);
