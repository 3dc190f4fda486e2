#include "kernels/cuda/backend_nvml.h"

#include <cuda_runtime.h>
#include <dlfcn.h>
#include <stdlib.h>

// The few declarations that are needed, with NVML's own values: its header belongs to the driver's development package,
// which a build need not have. Types are NVML's in size and order.
enum { SUCCESS = 0, XID_EVENT = 8, SENSOR_GPU = 0 };
typedef struct nvml_device    *device_t;
typedef struct nvml_event_set *event_set_t;
typedef struct nvml_memory {
    unsigned long long total, free, used;
} memory_t;
typedef struct nvml_utilization {
    unsigned gpu, memory;
} utilization_t;
typedef struct nvml_event {
    device_t           device;
    unsigned long long type, data;
    unsigned           gpu_instance, compute_instance;
} event_t;

struct kt_gpu_nvml {
    void       *library;
    device_t    device;
    event_set_t events;
    int         xid;
    int (*shutdown)(void);
    int (*memory)(device_t, memory_t *);
    int (*utilization)(device_t, utilization_t *);
    int (*temperature)(device_t, int, unsigned *);
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

kt_gpu_nvml_t *
kt_gpu_nvml_open(const char *uuid, const char *bus_id)
{
    typedef int    find_fn(const char *, device_t *);
    typedef int    create_fn(event_set_t *);
    typedef int    register_fn(device_t, unsigned long long, event_set_t);
    kt_gpu_nvml_t *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->library     = nvml_library_open();
    int (*init)(void) = self->library ? (int (*)(void))(uintptr_t)dlsym(self->library, "nvmlInit_v2") : NULL;
    if (!init || init() != SUCCESS)
        goto fail;

    void *library     = self->library;
    self->shutdown    = (int (*)(void))(uintptr_t)dlsym(library, "nvmlShutdown");
    self->memory      = (int (*)(device_t, memory_t *))(uintptr_t)dlsym(library, "nvmlDeviceGetMemoryInfo");
    self->utilization = (int (*)(device_t, utilization_t *))(uintptr_t)dlsym(library, "nvmlDeviceGetUtilizationRates");
    self->temperature = (int (*)(device_t, int, unsigned *))(uintptr_t)dlsym(library, "nvmlDeviceGetTemperature");
    self->event_wait  = (int (*)(event_set_t, event_t *, unsigned))(uintptr_t)dlsym(library, "nvmlEventSetWait_v2");
    self->event_free  = (int (*)(event_set_t))(uintptr_t)dlsym(library, "nvmlEventSetFree");
    find_fn     *by_uuid = (find_fn *)(uintptr_t)dlsym(library, "nvmlDeviceGetHandleByUUID");
    find_fn     *by_bus  = (find_fn *)(uintptr_t)dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2");
    create_fn   *make    = (create_fn *)(uintptr_t)dlsym(library, "nvmlEventSetCreate");
    register_fn *listen  = (register_fn *)(uintptr_t)dlsym(library, "nvmlDeviceRegisterEvents");
    if ((!by_uuid || by_uuid(uuid, &self->device) != SUCCESS) && (!by_bus || by_bus(bus_id, &self->device) != SUCCESS))
        goto fail;

    if (!make || !listen || !self->event_wait || !self->event_free || make(&self->events) != SUCCESS)
        return self;
    if (listen(self->device, XID_EVENT, self->events) != SUCCESS) {
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
    // Events that a fault of any user's program causes, or that only count something: the device continues to work. If
    // the program was this one, the next CUDA call returns the error.
    static const unsigned short HARMLESS[] = {13, 31, 43, 45, 63, 68, 92};
    enum { EVENTS_PER_CALL = 16 };
    memory_t      memory = {0};
    utilization_t use    = {0};
    unsigned      celsius;
    event_t       event = {0};
    if (self->memory && self->memory(self->device, &memory) == SUCCESS) {
        out->memory_used_bytes  = memory.used;
        out->memory_total_bytes = memory.total;
    }
    if (self->utilization && self->utilization(self->device, &use) == SUCCESS)
        out->percent = (int)use.gpu;
    if (self->temperature && self->temperature(self->device, SENSOR_GPU, &celsius) == SUCCESS)
        out->celsius = (int)celsius;
    for (int i = 0; i < EVENTS_PER_CALL && self->events && self->event_wait(self->events, &event, 0) == SUCCESS; i++) {
        bool harmless = false;
        for (size_t j = 0; j < sizeof HARMLESS / sizeof *HARMLESS; j++)
            harmless = harmless || HARMLESS[j] == event.data;
        if (event.type & XID_EVENT && !harmless)
            self->xid = (int)event.data;
    }
    out->xid = self->xid;
}
