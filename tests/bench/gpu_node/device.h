// A GPU that takes time on the virtual clock and computes nothing: a kt_gpu_backend with the rates of one device.
#pragma once

#include "kernels/gpu/gpus.h"

// Of KT_GPU_COLUMNS: 185 columns by eight, 128 of them of mel rows.
enum { SONG_ITEMS = 24, MEL_ITEMS = 16, MEL_ROW_BYTES = 512 };

typedef struct gpu_profile {
    const char *name;
    double      bus_gb_s, memory_gb_s;                 // each way; the device's memory
    double      first_ns, second_ns, fine_ns, cqt_ns;  // a frame: first pass, chroma, the rhythm's finer rows,
                                                       // constant-Q
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
