// Devices, their properties and errors, the seed and the faults that a test requests.
#include "internal.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <pthread.h>
#include <unistd.h>

namespace cudasim
{

std::vector<Device>  devices;
std::recursive_mutex api_mutex;
uint64_t             seed;

static thread_local cudaError_t last_error;
static thread_local int         chosen;
static bool                     ready, abort_at_exit, forked;

struct Fault {
    std::string call;
    uint64_t    left;
    int         error, xid;  // xid 0: this call alone fails; otherwise the device breaks
};
static std::vector<Fault> faults;

// Devices that a node meets, by KITHARA_SIM_DEVICE, from the CUDA programming guide's table of compute capabilities and
// the vendor's data sheets; and a middling one, which is the default.
static const Profile PROFILES[] = {
    {"", 9, 0, 16, (size_t)227 << 10, 2048, 32, 5120, (size_t)50 << 20, 2},
    {"t4", 7, 5, 40, (size_t)64 << 10, 1024, 16, 256, (size_t)4 << 20, 32},
    {"l4", 8, 9, 58, (size_t)99 << 10, 1536, 24, 192, (size_t)48 << 20, 64},
    {"h200", 9, 0, 132, (size_t)227 << 10, 2048, 32, 6144, (size_t)50 << 20, 2},
    {"b200", 10, 0, 148, (size_t)227 << 10, 2048, 32, 8192, (size_t)126 << 20, 2},
};
static const Profile *chosen_profile = PROFILES;

const Profile &
profile(void)
{
    return *chosen_profile;
}

static void
read_profile(void)
{
    const char *name = getenv("KITHARA_SIM_DEVICE");
    for (const auto &p : PROFILES)
        if (name && !strcmp(p.name, name)) {
            chosen_profile = &p;
            return;
        }
    if (name && *name) {
        fprintf(stderr, "cudasim: KITHARA_SIM_DEVICE is t4, l4, h200 or b200, not '%s'\n", name);
        _exit(86);
    }
}

static uint64_t
setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, nullptr, 0) : otherwise;
}

static void
at_exit(void)
{
    size_t n = cudasim_finish();
    if (!n)
        return;
    fprintf(stderr, "cudasim: %zu reports\n", n);
    if (abort_at_exit)
        _exit(86);
}

// KITHARA_SIM_FAULTS: CALL:N:ERROR[:XID],...
static void
read_faults(void)
{
    char        call[64];
    uint64_t    n;
    int         used = 0;
    const char *text = getenv("KITHARA_SIM_FAULTS");
    while (text && *text) {
        Fault f = {"", 0, 0, 0};
        if (sscanf(text, "%63[^:,]:%" SCNu64 ":%d%n", call, &n, &f.error, &used) < 3)
            break;
        text += used;
        if (sscanf(text, ":%d%n", &f.xid, &used) == 1)
            text += used;
        text += *text == ',';
        f.call = call, f.left = n;
        faults.push_back(f);
    }
}

static void
start(void)
{
    guard_init();
    if (ready)
        return;
    ready         = true;
    seed          = setting("KITHARA_SIM_SEED", 0);
    abort_at_exit = setting("KITHARA_SIM_ABORT", 0);
    if (setting("KITHARA_SIM_QUIET", 0))
        cudasim_quiet(true);
    read_faults();
    read_profile();
    // A fork waits for calls of other threads, and the child gets a new mutex: it is not the thread that locked the old
    // one.
    (void)pthread_atfork([] { api_mutex.lock(); }, [] { api_mutex.unlock(); },
                         [] {
                             new (&api_mutex) std::recursive_mutex;
                             forked = true;
                         });
    memory_init();
    fibres_init();
    Device device = {0, 0, setting("KITHARA_SIM_MEMORY", (uint64_t)4 << 30)};
    devices.assign(std::min<uint64_t>(setting("KITHARA_SIM_DEVICES", 1), MAX_DEVICES), device);
    atexit(at_exit);
}

int
current_device(void)
{
    return chosen;
}

void
choose_device(int device)
{
    chosen = device;
}

uint64_t
next_random(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15u;
    uint64_t z = (*state ^ *state >> 30) * 0xbf58476d1ce4e5b9u;
    z          = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

cudaError_t
fail(cudaError_t error)
{
    if (error != cudaSuccess)  // cudaErrorNotReady too: the run-time keeps it until it is asked for
        last_error = error;
    return error;
}

bool
enter(const char *call, cudaError_t *out)
{
    start();
    *out = cudaSuccess;
    if (forked)
        report(CUDASIM_FORK, 0, 0, {}, "%s: a child has no CUDA of its parent", call);
    for (auto &f : faults)
        if (f.left && (f.call == "*" || f.call == call) && !--f.left) {
            if (f.xid && !devices.empty())
                break_device(chosen, f.error, f.xid);
            *out = fail((cudaError_t)f.error);
            return false;
        }
    if (devices.empty())
        *out = fail(cudaErrorNoDevice);
    else if (devices[chosen].sticky)
        *out = fail((cudaError_t)devices[chosen].sticky);
    return *out == cudaSuccess;
}

void
break_device(int device, int error, int xid)
{
    if (!devices[device].sticky) {
        devices[device].sticky = error;
        devices[device].xid    = xid;
    }
}

std::map<std::string, cudasim_counters_t> &
counters(void)
{
    static std::map<std::string, cudasim_counters_t> all;
    return all;
}

}  // namespace cudasim

using namespace cudasim;

extern "C" size_t
cudasim_finish(void)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    if (!ready)
        return 0;
    streams_finish();
    memory_leaks();
    return cudasim_report_count();
}

extern "C" void
cudasim_reset(uint64_t wanted)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    start();
    streams_reset();
    guard_reset();
    memory_reset();
    memory_forget_launches();
    reports_reset();
    faults.clear();
    counters().clear();
    for (auto &d : devices)
        d.sticky = d.xid = 0;
    last_error = cudaSuccess;
    chosen     = 0;
    seed       = wanted;
    run.number = 0;
}

extern "C" uint64_t
cudasim_seed(void)
{
    return seed;
}

extern "C" void
cudasim_counters(const char *kernel, cudasim_counters_t *out)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    *out = {};
    for (const auto &c : counters()) {
        if (kernel && *kernel && c.first != kernel)
            continue;
        const uint64_t *from = (const uint64_t *)&c.second;
        for (size_t i = 0; i < sizeof *out / sizeof *from; i++)
            ((uint64_t *)out)[i] += from[i];
    }
}

extern "C" void
cudasim_fail(const char *call, uint64_t n, int error)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    faults.push_back({call, n, error, 0});
}

extern "C" void
cudasim_break_after(const char *call, uint64_t n, int error, int xid)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    faults.push_back({call, n, error, xid});
}

extern "C" void
cudasim_set_memory(size_t bytes)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    start();
    for (auto &d : devices)
        d.limit = bytes;
}

extern "C" void
cudasim_set_devices(int count)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    start();
    devices.resize((size_t)std::min(count, MAX_DEVICES), Device{0, 0, (size_t)4 << 30});
    chosen = 0;
}

extern "C" void
cudasim_break_device(int device, int error, int xid)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    start();
    if (device >= 0 && device < (int)devices.size())
        break_device(device, error, xid);
}

extern "C" int
cudasim_device_xid(int device)
{
    std::lock_guard<std::recursive_mutex> locked(api_mutex);
    start();
    return device >= 0 && device < (int)devices.size() ? devices[device].xid : 0;
}

extern "C" cudaError_t
cudaGetLastError(void)
{
    cudaError_t error = last_error;
    last_error        = cudaSuccess;
    if (ready && !devices.empty() && devices[chosen].sticky)
        return (cudaError_t)devices[chosen].sticky;
    return error;
}

extern "C" cudaError_t
cudaPeekAtLastError(void)
{
    if (ready && !devices.empty() && devices[chosen].sticky)
        return (cudaError_t)devices[chosen].sticky;
    return last_error;
}

static const struct {
    cudaError_t code;
    const char *name, *text;
} ERRORS[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInitializationError, "cudaErrorInitializationError", "initialization error"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver", "CUDA driver version is insufficient"},
    {cudaErrorDevicesUnavailable, "cudaErrorDevicesUnavailable", "CUDA-capable device(s) is/are busy or unavailable"},
    {cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction", "invalid device function"},
    {cudaErrorNoKernelImageForDevice, "cudaErrorNoKernelImageForDevice", "no kernel image is available for the device"},
    {cudaErrorSystemNotReady, "cudaErrorSystemNotReady", "system not yet initialized"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorECCUncorrectable, "cudaErrorECCUncorrectable", "uncorrectable ECC error encountered"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources", "too many resources requested for launch"},
    {cudaErrorLaunchTimeout, "cudaErrorLaunchTimeout", "the launch timed out and was terminated"},
    {cudaErrorAssert, "cudaErrorAssert", "device-side assert triggered"},
    {cudaErrorMisalignedAddress, "cudaErrorMisalignedAddress", "misaligned address"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
};

extern "C" const char *
cudaGetErrorName(cudaError_t error)
{
    for (const auto &e : ERRORS)
        if (e.code == error)
            return e.name;
    return "cudaErrorUnknown";
}

extern "C" const char *
cudaGetErrorString(cudaError_t error)
{
    for (const auto &e : ERRORS)
        if (e.code == error)
            return e.text;
    return "unknown error";
}
