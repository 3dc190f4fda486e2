// gpu_ceilings -- what a device reaches with nothing to do but one thing: the measured ceilings that the kernels' times
// are compared with. One thread; an error ends the program with a sentence (gpu_must).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
enum { GPU_CEILING_COPIES = 3 };  // of 0.5, 8 and 64 MB between the host's pinned memory and the device

typedef struct gpu_ceilings {
    double memory_bytes_s;  // read and written, of a copy on the device
    double copy_bytes[GPU_CEILING_COPIES];
    double to_device_bytes_s[GPU_CEILING_COPIES], to_host_bytes_s[GPU_CEILING_COPIES];
    double fp32_s, fp64_s;  // operations; a fused multiply-add is two
    double launch_us;       // a launch, an event and its end
} gpu_ceilings_t;

// small: sizes that a simulator can bear; the numbers mean nothing then.
void gpu_ceilings(bool small, gpu_ceilings_t *out);
#ifdef __cplusplus
}
#endif
