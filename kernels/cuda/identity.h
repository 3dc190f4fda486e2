// kt_gpu_identity -- which device of NVML a device of CUDA is. CUDA reports sixteen bytes of UUID and a bus id; NVML
// writes the UUID of a whole GPU as "GPU-..." and that of an instance of a divided one as "MIG-...", and the bus id of
// an instance is its GPU's. Pure apart from the calls it is given; no CUDA type, so that tests answer from tables.
#pragma once

#include "kernels/gpu/abi.h"

typedef struct nvml_device *kt_nvml_device_t;

// Functions of NVML, 0 for success; NULL: the driver does not have it.
typedef struct kt_nvml_calls {
    int (*by_uuid)(const char *uuid, kt_nvml_device_t *out);
    int (*by_bus)(const char *bus_id, kt_nvml_device_t *out);
    int (*mig_mode)(kt_nvml_device_t gpu, unsigned *current, unsigned *pending);
    int (*gpu_of)(kt_nvml_device_t instance, kt_nvml_device_t *gpu);
    int (*gpu_instance)(kt_nvml_device_t instance, unsigned *id);
    int (*compute_instance)(kt_nvml_device_t instance, unsigned *id);
} kt_nvml_calls_t;

typedef struct kt_gpu_identity {
    char             uuid[KT_GPU_TEXT];
    kt_nvml_device_t device;  // whose memory, load and temperature are the device's own; NULL: NVML has no such
    kt_nvml_device_t gpu;     // whose events concern it: the whole GPU; NULL: unknown
    bool             is_instance;
    unsigned         gpu_instance, compute_instance;  // of an instance
} kt_gpu_identity_t;

void kt_gpu_identify(const kt_nvml_calls_t *calls, const unsigned char uuid[16], const char *bus_id,
                     kt_gpu_identity_t *out);
// Does an event with these instance ids (KT_NVML_WHOLE: all of the GPU) concern the device?
#define KT_NVML_WHOLE 0xFFFFFFFFu
bool kt_gpu_concerns(const kt_gpu_identity_t *self, unsigned gpu_instance, unsigned compute_instance);
// Is the device gone for good after this XID? Others are announcements, or faults of one program: that program's next
// call of CUDA fails.
bool kt_gpu_xid_is_fatal(unsigned long long xid);

// The value of CUDA_VISIBLE_DEVICES for the setting ANALYZER_GPU_DEVICES: "" to leave it alone, or the one instance
// that the setting names, which CUDA shows to no process that does not ask for it. KT_EINVAL (and why): several
// instances, of which a process sees one alone; an instance beside whole GPUs; a word that is too long.
KT_MUST_USE kt_err_t kt_gpu_visible(const char *devices, char out[KT_GPU_TEXT], char why[KT_GPU_WHY]);
