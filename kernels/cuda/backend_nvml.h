// kt_gpu_nvml -- state of one device as NVML reports it: load, memory, temperature, critical events (XID). The library
// belongs to the driver and is loaded at run time; without it everything is unknown. One thread.
#pragma once

#include "kernels/gpu/abi.h"

typedef struct kt_gpu_nvml kt_gpu_nvml_t;

// By UUID, else by the bus id. NULL: NVML is not installed, does not have the device, or there is no memory.
kt_gpu_nvml_t *kt_gpu_nvml_open(const char *uuid, const char *bus_id);
void           kt_gpu_nvml_close(kt_gpu_nvml_t **self_p);
// Fills the fields that NVML reports and leaves the others.
void kt_gpu_nvml_state(kt_gpu_nvml_t *self, kt_gpu_state_t *out);
