#include "kernels/cuda/backend_nvml.h"

#include <cuda_runtime.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

// The few declarations that are needed, with NVML's own values: its header belongs to the driver's development package,
// which a build need not have. Types are NVML's in size and order.
enum { SUCCESS = 0, XID_EVENT = 8, SENSOR_GPU = 0 };
typedef struct nvml_event_set *event_set_t;
typedef struct nvml_memory {
    unsigned long long total, free, used;
} memory_t;
typedef struct nvml_utilization {
    unsigned gpu, memory;
} utilization_t;
typedef struct nvml_event {
    kt_nvml_device_t   device;
    unsigned long long type, data;
    unsigned           gpu_instance, compute_instance;
} event_t;

struct kt_gpu_nvml {
    void             *library;
    kt_gpu_identity_t identity;
    event_set_t       events;
    int               xid;  // of the last event
    bool              is_fatal;
    int (*shutdown)(void);
    int (*memory)(kt_nvml_device_t, memory_t *);
    int (*utilization)(kt_nvml_device_t, utilization_t *);
    int (*temperature)(kt_nvml_device_t, int, unsigned *);
    int (*event_wait)(event_set_t, event_t *, unsigned);
    int (*event_free)(event_set_t);
};

static void *
nvml_library_open(void)
{
#ifdef KT_CUDA_SIM
    Dl_info own;  // the simulator defines the functions of NVML in this library
    return dladdr((const void *)(uintptr_t)&nvml_library_open, &own) ? dlopen(own.dli_fname, RTLD_NOW | RTLD_NOLOAD)
                                                                     : NULL;
#else
    return dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
#endif
}

static void
load_calls(void *library, kt_nvml_calls_t *out)
{
    *out = (kt_nvml_calls_t){
        .by_uuid = (int (*)(const char *, kt_nvml_device_t *))(uintptr_t)dlsym(library, "nvmlDeviceGetHandleByUUID"),
        .by_bus =
            (int (*)(const char *, kt_nvml_device_t *))(uintptr_t)dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2"),
        .mig_mode =
            (int (*)(kt_nvml_device_t, unsigned *, unsigned *))(uintptr_t)dlsym(library, "nvmlDeviceGetMigMode"),
        .gpu_of = (int (*)(kt_nvml_device_t, kt_nvml_device_t *))(uintptr_t)dlsym(
            library, "nvmlDeviceGetDeviceHandleFromMigDeviceHandle"),
        .gpu_instance = (int (*)(kt_nvml_device_t, unsigned *))(uintptr_t)dlsym(library, "nvmlDeviceGetGpuInstanceId"),
        .compute_instance =
            (int (*)(kt_nvml_device_t, unsigned *))(uintptr_t)dlsym(library, "nvmlDeviceGetComputeInstanceId"),
    };
}

kt_gpu_nvml_t *
kt_gpu_nvml_open(const unsigned char uuid[16], const char *bus_id, char uuid_text[KT_GPU_TEXT])
{
    typedef int       create_fn(event_set_t *);
    typedef int       register_fn(kt_nvml_device_t, unsigned long long, event_set_t);
    kt_nvml_calls_t   calls    = {0};
    kt_gpu_identity_t identity = {0};
    kt_gpu_identify(&calls, uuid, bus_id, &identity);
    memcpy(uuid_text, identity.uuid, KT_GPU_TEXT);
    kt_gpu_nvml_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->library     = nvml_library_open();
    int (*init)(void) = self->library ? (int (*)(void))(uintptr_t)dlsym(self->library, "nvmlInit_v2") : NULL;
    if (!init || init() != SUCCESS)
        goto fail;

    void *library  = self->library;
    self->shutdown = (int (*)(void))(uintptr_t)dlsym(library, "nvmlShutdown");
    self->memory   = (int (*)(kt_nvml_device_t, memory_t *))(uintptr_t)dlsym(library, "nvmlDeviceGetMemoryInfo");
    self->utilization =
        (int (*)(kt_nvml_device_t, utilization_t *))(uintptr_t)dlsym(library, "nvmlDeviceGetUtilizationRates");
    self->temperature =
        (int (*)(kt_nvml_device_t, int, unsigned *))(uintptr_t)dlsym(library, "nvmlDeviceGetTemperature");
    self->event_wait    = (int (*)(event_set_t, event_t *, unsigned))(uintptr_t)dlsym(library, "nvmlEventSetWait_v2");
    self->event_free    = (int (*)(event_set_t))(uintptr_t)dlsym(library, "nvmlEventSetFree");
    create_fn   *make   = (create_fn *)(uintptr_t)dlsym(library, "nvmlEventSetCreate");
    register_fn *listen = (register_fn *)(uintptr_t)dlsym(library, "nvmlDeviceRegisterEvents");
    load_calls(library, &calls);
    kt_gpu_identify(&calls, uuid, bus_id, &self->identity);
    memcpy(uuid_text, self->identity.uuid, KT_GPU_TEXT);
    if (!self->identity.device)
        goto fail;

    if (!self->identity.gpu || !make || !listen || !self->event_wait || !self->event_free ||
        make(&self->events) != SUCCESS)
        return self;
    if (listen(self->identity.gpu, XID_EVENT, self->events) != SUCCESS) {
        (void)self->event_free(self->events);
        self->events = NULL;
    }
    return self;
fail:
    kt_gpu_nvml_close(&self);
    return NULL;
}

void
kt_gpu_nvml_close(kt_gpu_nvml_t **self_p)
{
    kt_gpu_nvml_t *self = *self_p;
    *self_p             = NULL;
    if (!self)
        return;
    if (self->events)
        (void)self->event_free(self->events);
    if (self->shutdown)
        (void)self->shutdown();
    if (self->library)
        (void)dlclose(self->library);
    free(self);
}

void
kt_gpu_nvml_state(kt_gpu_nvml_t *self, kt_gpu_state_t *out)
{
    enum { EVENTS_PER_CALL = 16 };
    kt_nvml_device_t device = self->identity.device;
    memory_t         memory = {0};
    utilization_t    use    = {0};
    unsigned         celsius;
    event_t          event = {0};
    if (self->memory && self->memory(device, &memory) == SUCCESS) {
        out->memory_used_bytes  = memory.used;
        out->memory_total_bytes = memory.total;
    }
    if (self->utilization && self->utilization(device, &use) == SUCCESS)
        out->percent = (int)use.gpu;
    if (self->temperature && self->temperature(device, SENSOR_GPU, &celsius) == SUCCESS)
        out->celsius = (int)celsius;
    for (int i = 0; i < EVENTS_PER_CALL && self->events && self->event_wait(self->events, &event, 0) == SUCCESS; i++)
        if (event.type & XID_EVENT && kt_gpu_concerns(&self->identity, event.gpu_instance, event.compute_instance)) {
            self->xid = (int)event.data;
            self->is_fatal |= kt_gpu_xid_is_fatal(event.data);
        }
    out->xid      = self->xid;
    out->is_fatal = self->is_fatal;
}
