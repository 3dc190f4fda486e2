// Allocation, copies and fills. An asynchronous copy touches its host buffer when it is run, as late as a GPU may: a
// source that has changed by then is reported; a pinned target is filled with set bits at the call, so that who doesn't
// wait finds those. Pageable memory is staged by CUDA, so such a copy takes place at the call here too.
#include "internal.h"

#include <cstring>
#include <memory>

using namespace cudasim;

static uint64_t to_device_bytes, to_host_bytes;

extern "C" void
cudasim_copied(uint64_t *to_device, uint64_t *to_host)
{
    *to_device = to_device_bytes, *to_host = to_host_bytes;
}

extern "C" cudaError_t
cudaMalloc(void **pointer, size_t bytes)
{
    CUDASIM_ENTER("cudaMalloc");
    uintptr_t at;
    if (!bytes) {
        *pointer = nullptr;
        return cudaSuccess;
    }
    cudaError_t error = memory_new(bytes, current_device(), &at);
    if (error == cudaSuccess)
        *pointer = (void *)at;
    return fail(error);
}

extern "C" cudaError_t
cudaMallocPitch(void **pointer, size_t *pitch, size_t width, size_t height)
{
    *pitch = (width + 511) & ~(size_t)511;
    return cudaMalloc(pointer, *pitch * height);
}

extern "C" cudaError_t
cudaHostAlloc(void **pointer, size_t bytes, unsigned)
{
    CUDASIM_ENTER("cudaMallocHost");
    uintptr_t at;
    if (!bytes) {
        *pointer = nullptr;
        return cudaSuccess;
    }
    cudaError_t error = memory_new_pinned(bytes, &at);
    if (error == cudaSuccess)
        *pointer = (void *)at;
    return fail(error);
}

extern "C" cudaError_t
cudaMallocHost(void **pointer, size_t bytes)
{
    return cudaHostAlloc(pointer, bytes, 0);
}

// What can be wrong with a free; reports it.
static Allocation *
to_free(void *pointer, bool device, const char *call)
{
    uintptr_t   address = (uintptr_t)pointer;
    Allocation *a       = memory_find(address);
    if (!a || a->begin != address || memory_is_device(address) != device) {
        report(CUDASIM_BAD_FREE, address, 0, {nullptr, call, 0}, "%p is not the beginning of an allocation", pointer);
        return nullptr;
    }
    if (a->life == Life::FREED) {
        report(CUDASIM_DOUBLE_FREE, address, a->bytes, {nullptr, call, 0}, "%p was freed before", pointer);
        return nullptr;
    }
    return a;
}

// cudaFree does not wait for other streams here: work that still uses the memory will find it gone.
extern "C" cudaError_t
cudaFree(void *pointer)
{
    CUDASIM_ENTER("cudaFree");
    if (!pointer)
        return cudaSuccess;
    Allocation *a = to_free(pointer, true, "cudaFree");
    if (!a)
        return fail(cudaErrorInvalidValue);
    memory_free(a);
    return cudaSuccess;
}

extern "C" cudaError_t
cudaFreeHost(void *pointer)
{
    CUDASIM_ENTER("cudaFreeHost");
    if (!pointer)
        return cudaSuccess;
    Allocation *a = to_free(pointer, false, "cudaFreeHost");
    if (!a)
        return fail(cudaErrorInvalidValue);
    if (guard_overlaps(a->begin, a->bytes)) {
        report(CUDASIM_REUSED_BUFFER, a->begin, a->bytes, {nullptr, "cudaFreeHost", 0},
               "a copy without a wait for it still uses it");
        streams_finish();
    }
    memory_free(a);
    return cudaSuccess;
}

extern "C" cudaError_t
cudaHostGetDevicePointer(void **device, void *host, unsigned)
{
    CUDASIM_ENTER("cudaHostGetDevicePointer");
    if (!memory_is_pinned((uintptr_t)host))
        return fail(cudaErrorInvalidValue);
    *device = host;
    return cudaSuccess;
}

extern "C" cudaError_t
cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *pointer)
{
    CUDASIM_ENTER("cudaPointerGetAttributes");
    const Allocation *a    = memory_find((uintptr_t)pointer);
    bool              live = a && a->life == Life::LIVE && (uintptr_t)pointer < a->begin + a->bytes;
    *attributes            = {};
    attributes->device     = live ? a->device : -1;
    if (live && memory_is_device(a->begin)) {
        attributes->type          = cudaPointerAttributes::cudaMemoryTypeDevice;
        attributes->devicePointer = (void *)pointer;
    } else if (live) {
        attributes->type        = cudaPointerAttributes::cudaMemoryTypeHost;
        attributes->hostPointer = attributes->devicePointer = (void *)pointer;
    }
    return cudaSuccess;
}

// The address is given at once; its time begins and ends in the order of the stream.
extern "C" cudaError_t
cudaMallocAsync(void **pointer, size_t bytes, cudaStream_t stream)
{
    CUDASIM_ENTER("cudaMallocAsync");
    uintptr_t at;
    int       device = stream_device(stream);
    if (device < 0)
        return fail(cudaErrorInvalidResourceHandle);
    if (!bytes) {
        *pointer = nullptr;
        return cudaSuccess;
    }
    cudaError_t error = memory_new(bytes, device, &at);
    if (error == cudaErrorMemoryAllocation) {  // what streams are about to free counts as free
        stream_synchronise(device);
        error = memory_new(bytes, device, &at);
    }
    if (error == cudaSuccess)
        *pointer = (void *)at;
    return fail(error);
}

extern "C" cudaError_t
cudaMallocFromPoolAsync(void **pointer, size_t bytes, cudaMemPool_t, cudaStream_t stream)
{
    return cudaMallocAsync(pointer, bytes, stream);
}

extern "C" cudaError_t
cudaFreeAsync(void *pointer, cudaStream_t stream)
{
    CUDASIM_ENTER("cudaFreeAsync");
    if (!pointer)
        return cudaSuccess;
    Allocation *known = memory_find((uintptr_t)pointer);
    if (!known || known->begin != (uintptr_t)pointer || known->life == Life::FREED) {
        to_free(pointer, true, "cudaFreeAsync");
        return fail(cudaErrorInvalidValue);
    }
    return stream_add(stream, "cudaFreeAsync", [pointer] {
        Allocation *a = to_free(pointer, true, "cudaFreeAsync");
        if (a)
            memory_free(a);
    });
}

static struct CUmemPoolHandle_st {
    uint64_t threshold;
} pools[MAX_DEVICES];

extern "C" cudaError_t
cudaDeviceGetDefaultMemPool(cudaMemPool_t *pool, int device)
{
    CUDASIM_ENTER("cudaDeviceGetDefaultMemPool");
    if (device < 0 || device >= (int)devices.size())
        return fail(cudaErrorInvalidDevice);
    *pool = &pools[device];
    return cudaSuccess;
}

extern "C" cudaError_t
cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void *value)
{
    CUDASIM_ENTER("cudaMemPoolSetAttribute");
    if (attribute == cudaMemPoolAttrReleaseThreshold)
        pool->threshold = *(uint64_t *)value;
    return cudaSuccess;
}

extern "C" cudaError_t
cudaMemPoolGetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void *value)
{
    CUDASIM_ENTER("cudaMemPoolGetAttribute");
    *(uint64_t *)value =
        attribute == cudaMemPoolAttrReleaseThreshold ? pool->threshold : memory_used((int)(pool - pools));
    return cudaSuccess;
}

extern "C" cudaError_t
cudaMemPoolTrimTo(cudaMemPool_t, size_t)
{
    return cudaSuccess;
}

struct Copy {
    uintptr_t      to, from;
    size_t         to_pitch, from_pitch, width, height;
    cudaMemcpyKind kind;
    const char    *call;
    bool           from_device, to_device;
    uint64_t       sum;  // of a pinned source, when the copy was called
    int            guard;

    uintptr_t to_row(size_t y) const
    {
        return to + y * to_pitch;
    }
    uintptr_t from_row(size_t y) const
    {
        return from + y * from_pitch;
    }
};

static uint64_t
checksum(const Copy &c)
{
    uint64_t sum = c.width;
    for (size_t y = 0; y < c.height; y++) {
        const uint8_t *row = (const uint8_t *)c.from_row(y);
        size_t         i   = 0;
        for (uint64_t word; i + 8 <= c.width; i += 8) {
            memcpy(&word, row + i, 8);
            sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
            sum ^= sum >> 29;
        }
        for (; i < c.width; i++)
            sum = (sum ^ row[i]) * 0x100000001b3u;
    }
    return sum;
}

static void
copy_row(const Copy &c, uintptr_t to, uintptr_t from)
{
    memmove((void *)to, (const void *)from, c.width);
    uint8_t *to_state = memory.written + (to - memory.arena), *from_state = memory.written + (from - memory.arena);
    bool     to_ours = memory_is_device(to), from_ours = memory_is_device(from);
    if (to_ours && from_ours)
        memmove(to_state, from_state, c.width);
    else if (to_ours)
        memset(to_state, 1, c.width);
    for (size_t i = 0; from_ours && !to_ours && i < c.width; i++)  // what nothing wrote arrives as set bits
        if (!from_state[i])
            ((uint8_t *)to)[i] = 0xff;
    if (to_ours)
        memory_count(to, c.width, true);
    if (from_ours)
        memory_count(from, c.width, false);
}

static bool
range_fits(const Copy &c, bool to)
{
    uintptr_t first = to ? c.to : c.from;
    size_t    bytes = (c.height - 1) * (to ? c.to_pitch : c.from_pitch) + c.width;
    return (!memory_is_device(first) && !memory_is_pinned(first)) || memory_check(first, bytes, c.call);
}

static void
copy_run(const Copy &c)
{
    if (!range_fits(c, true) || !range_fits(c, false)) {
        break_device(run.device, cudaErrorIllegalAddress, 31);
        return;
    }
    if (c.sum && (checksum(c) | 1) != c.sum)
        report(CUDASIM_REUSED_BUFFER, c.from, c.width * c.height, {nullptr, c.call, 0},
               "the host changed the source of a copy before the copy was done");
    for (size_t y = 0; y < c.height; y++)
        copy_row(c, c.to_row(y), c.from_row(y));
    to_device_bytes += c.to_device && !c.from_device ? c.width * c.height : 0;
    to_host_bytes += c.from_device && !c.to_device ? c.width * c.height : 0;
}

// CUDA takes the kind at its word; a kind that doesn't fit its pointers is a mistake. Symbols lie in the program.
static bool
kind_fits(const Copy &c)
{
    bool to_device = memory_is_device(c.to), from_device = memory_is_device(c.from);
    bool fits = true;
    if (c.kind == cudaMemcpyHostToDevice)
        fits = !from_device && !memory_is_pinned(c.to);
    else if (c.kind == cudaMemcpyDeviceToHost)
        fits = !to_device && !memory_is_pinned(c.from);
    else if (c.kind == cudaMemcpyHostToHost)
        fits = !to_device && !from_device;
    if (!fits || !c.to || !c.from)
        report(CUDASIM_BAD_ARGUMENT, c.to, c.width, {nullptr, c.call, 0},
               "the pointers don't fit the kind %d of the copy", (int)c.kind);
    return fits && c.to && c.from;
}

// From the call on the buffer is the device's. One that earlier work of a stream still uses can be neither read nor
// filled.
static void
watch_buffer(Copy *c, bool source)
{
    uintptr_t begin = source ? c->from : c->to;
    size_t    bytes = (c->height - 1) * (source ? c->from_pitch : c->to_pitch) + c->width;
    bool      ours  = !guard_overlaps(begin, bytes);
    if (ours && source)
        c->sum = checksum(*c) | 1;
    for (size_t y = 0; ours && !source && y < c->height; y++)
        memset((void *)c->to_row(y), 0xff, c->width);
    c->guard = guard_add(begin, bytes, source);
}

static cudaError_t
copy(Copy c, bool asynchronous, cudaStream_t stream)
{
    if (!c.width || !c.height)
        return cudaSuccess;
    if (c.to_pitch < c.width || c.from_pitch < c.width)
        return fail(cudaErrorInvalidPitchValue);
    c.to_device = memory_is_device(c.to), c.from_device = memory_is_device(c.from);
    if (!kind_fits(c) || !range_fits(c, true) || !range_fits(c, false))
        return fail(cudaErrorInvalidValue);
    bool pinned_from = memory_is_pinned(c.from), pinned_to = memory_is_pinned(c.to);
    if (asynchronous && (pinned_from || pinned_to))
        watch_buffer(&c, pinned_from);
    cudaError_t error    = stream_add(stream, c.call, [c] {
        copy_run(c);
        guard_remove(c.guard);
    });
    bool        pageable = (!c.to_device && !pinned_to) || (!c.from_device && !pinned_from);
    if (error != cudaSuccess || (asynchronous && !pageable))
        return error;
    return stream_wait(stream);
}

extern "C" cudaError_t
cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    CUDASIM_ENTER("cudaMemcpy");
    return copy({(uintptr_t)to, (uintptr_t)from, bytes, bytes, bytes, 1, kind, "cudaMemcpy", false, false, 0, 0}, false,
                nullptr);
}

extern "C" cudaError_t
cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream)
{
    CUDASIM_ENTER("cudaMemcpyAsync");
    return copy({(uintptr_t)to, (uintptr_t)from, bytes, bytes, bytes, 1, kind, "cudaMemcpyAsync", false, false, 0, 0},
                true, stream);
}

extern "C" cudaError_t
cudaMemcpy2D(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
             cudaMemcpyKind kind)
{
    CUDASIM_ENTER("cudaMemcpy2D");
    return copy(
        {(uintptr_t)to, (uintptr_t)from, to_pitch, from_pitch, width, height, kind, "cudaMemcpy2D", false, false, 0, 0},
        false, nullptr);
}

extern "C" cudaError_t
cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                  cudaMemcpyKind kind, cudaStream_t stream)
{
    CUDASIM_ENTER("cudaMemcpy2DAsync");
    return copy({(uintptr_t)to, (uintptr_t)from, to_pitch, from_pitch, width, height, kind, "cudaMemcpy2DAsync", false,
                 false, 0, 0},
                true, stream);
}

extern "C" cudaError_t
cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream)
{
    CUDASIM_ENTER("cudaMemsetAsync");
    if (!bytes)
        return cudaSuccess;
    if (!memory_is_device((uintptr_t)to) || !memory_check((uintptr_t)to, bytes, "cudaMemset"))
        return fail(cudaErrorInvalidValue);
    return stream_add(stream, "cudaMemset", [=] {
        if (!memory_check((uintptr_t)to, bytes, "cudaMemset"))
            return break_device(run.device, cudaErrorIllegalAddress, 31);
        memset(to, value, bytes);
        memory_mark_written((uintptr_t)to, bytes);
        memory_count((uintptr_t)to, bytes, true);
    });
}

extern "C" cudaError_t
cudaMemset(void *to, int value, size_t bytes)
{
    return cudaMemsetAsync(to, value, bytes, nullptr);
}
