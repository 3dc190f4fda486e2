// NVML of the simulated devices. A handle is a device's number plus one.
#include "include/nvml.h"

#include "internal.h"

#include <cstdio>
#include <cstring>

using namespace cudasim;

struct nvmlEventSet_st {
    std::vector<int> watched;  // devices that were not reported yet
};

static bool initialised;

static int
index_of(nvmlDevice_t device)
{
    uintptr_t number = (uintptr_t)device;
    return number >= 1 && number <= devices.size() ? (int)number - 1 : -1;
}

#define NVML_ENTER()                                                                                                   \
    std::lock_guard<std::recursive_mutex> locked(api_mutex);                                                           \
    if (!initialised)                                                                                                  \
    return NVML_ERROR_UNINITIALIZED
#define NVML_DEVICE()                                                                                                  \
    NVML_ENTER();                                                                                                      \
    int index = index_of(device);                                                                                      \
    if (index < 0)                                                                                                     \
    return NVML_ERROR_INVALID_ARGUMENT

extern "C" nvmlReturn_t
nvmlInit_v2(void)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    cudaError_t                           refused;
    enter("nvmlInit", &refused);
    initialised = !devices.empty();
    return initialised ? NVML_SUCCESS : NVML_ERROR_DRIVER_NOT_LOADED;
}

extern "C" nvmlReturn_t
nvmlShutdown(void)
{
    NVML_ENTER();
    initialised = false;
    return NVML_SUCCESS;
}

extern "C" const char *
nvmlErrorString(nvmlReturn_t result)
{
    switch (result) {
    case NVML_SUCCESS: return "The operation was successful";
    case NVML_ERROR_UNINITIALIZED: return "NVML was not first initialized with nvmlInit()";
    case NVML_ERROR_DRIVER_NOT_LOADED: return "NVIDIA driver is not loaded";
    case NVML_ERROR_TIMEOUT: return "User provided timeout passed";
    default: return "Unknown Error";
    }
}

extern "C" nvmlReturn_t
nvmlSystemGetDriverVersion(char *version, unsigned length)
{
    NVML_ENTER();
    snprintf(version, length, "580.00 (simulated)");
    return NVML_SUCCESS;
}

extern "C" nvmlReturn_t
nvmlDeviceGetCount_v2(unsigned *count)
{
    NVML_ENTER();
    *count = (unsigned)devices.size();
    return NVML_SUCCESS;
}

extern "C" nvmlReturn_t
nvmlDeviceGetHandleByIndex_v2(unsigned wanted, nvmlDevice_t *out)
{
    nvmlDevice_t device = (nvmlDevice_t)((uintptr_t)wanted + 1);
    NVML_DEVICE();
    *out = device;
    return NVML_SUCCESS;
}

// As NVML writes the sixteen bytes that cudaDeviceProp has.
static void
write_uuid(int device, char *text, size_t length)
{
    const char *hex = "0123456789abcdef", *bytes = "kithara-sim-gpu";
    char        out[41] = "GPU-";
    size_t      at      = 4;
    for (int i = 0; i < 16; i++) {
        unsigned byte = (unsigned char)(i < 15 ? bytes[i] : '0' + device);
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = hex[byte >> 4];
        out[at++] = hex[byte & 15];
    }
    snprintf(text, length, "%.*s", (int)at, out);
}

extern "C" nvmlReturn_t
nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *out)
{
    NVML_ENTER();
    for (int i = 0; i < (int)devices.size(); i++) {
        char text[48];
        write_uuid(i, text, sizeof text);
        if (!strcmp(text, uuid)) {
            *out = (nvmlDevice_t)(uintptr_t)(i + 1);
            return NVML_SUCCESS;
        }
    }
    return NVML_ERROR_NOT_FOUND;
}

extern "C" nvmlReturn_t
nvmlDeviceGetHandleByPciBusId_v2(const char *id, nvmlDevice_t *out)
{
    unsigned domain, bus;
    if (sscanf(id, "%x:%x:", &domain, &bus) != 2)
        return NVML_ERROR_INVALID_ARGUMENT;
    return nvmlDeviceGetHandleByIndex_v2(bus - 1, out) == NVML_SUCCESS ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

extern "C" nvmlReturn_t
nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *out)
{
    NVML_DEVICE();
    *out = (unsigned)index;
    return NVML_SUCCESS;
}

extern "C" nvmlReturn_t
nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned length)
{
    NVML_DEVICE();
    write_uuid(index, uuid, length);
    return NVML_SUCCESS;
}

extern "C" nvmlReturn_t
nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned length)
{
    NVML_DEVICE();
    snprintf(name, length, "Simulated GPU (CPU)");
    return NVML_SUCCESS;
}

extern "C" nvmlReturn_t
nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    NVML_DEVICE();
    unsigned long long used = memory_used(index), total = devices[index].limit;
    *memory = {total, total > used ? total - used : 0, used};
    return NVML_SUCCESS;
}

extern "C" nvmlReturn_t
nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates)
{
    NVML_DEVICE();
    *rates = {0, 0};
    return NVML_SUCCESS;
}

extern "C" nvmlReturn_t
nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t, unsigned *celsius)
{
    NVML_DEVICE();
    *celsius = 40;
    return NVML_SUCCESS;
}

extern "C" nvmlReturn_t
nvmlEventSetCreate(nvmlEventSet_t *set)
{
    NVML_ENTER();
    *set = new nvmlEventSet_st();
    return NVML_SUCCESS;
}

extern "C" nvmlReturn_t
nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long types, nvmlEventSet_t set)
{
    NVML_DEVICE();
    if (types & nvmlEventTypeXidCriticalError)
        set->watched.push_back(index);
    return NVML_SUCCESS;
}

extern "C" nvmlReturn_t
nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned)
{
    NVML_ENTER();
    for (auto &device : set->watched)
        if (device >= 0 && device < (int)devices.size() && devices[device].xid) {
            *data           = {};
            data->device    = (nvmlDevice_t)(uintptr_t)(device + 1);
            data->eventType = nvmlEventTypeXidCriticalError;
            data->eventData = (unsigned long long)devices[device].xid;
            device          = -1;
            return NVML_SUCCESS;
        }
    return NVML_ERROR_TIMEOUT;
}

extern "C" nvmlReturn_t
nvmlEventSetFree(nvmlEventSet_t set)
{
    delete set;
    return NVML_SUCCESS;
}
