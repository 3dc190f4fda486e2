// kt_gpu_nvml -- state of one device as NVML reports it: load, memory, temperature, critical events (XID). The library
// belongs to the driver and is loaded at run time; without it everything is unknown. One thread.
#pragma once

#include "kernels/cuda/identity.h"

typedef struct kt_gpu_nvml kt_gpu_nvml_t;

// The device that CUDA knows by these. `uuid_text` gets the UUID as NVML writes it, without NVML that of a whole GPU.
// NULL: NVML is not installed, does not have the device, or there is no memory.
kt_gpu_nvml_t *kt_gpu_nvml_open(const unsigned char uuid[16], const char *bus_id, char uuid_text[KT_GPU_TEXT]);
void           kt_gpu_nvml_close(kt_gpu_nvml_t **self_p);
// Fills the fields that NVML reports and leaves the others.
void kt_gpu_nvml_state(kt_gpu_nvml_t *self, kt_gpu_state_t *out);
