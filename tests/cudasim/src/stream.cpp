// Streams and events. Work is put off until a call waits for it, and then only what that call needs is run: what nobody
// waited for has not happened yet. With a seed of 2 and more, other work is mixed in at the places where a GPU could do
// it.
#include "internal.h"

#include <chrono>
#include <cstring>
#include <deque>
#include <memory>

struct CUevent_st {
    CUstream_st *stream;  // where it was last recorded; NULL: never
    uint64_t     number;
    double       at_ms;
    bool         timing, destroyed;
};

namespace cudasim
{

struct Before {
    CUstream_st *stream;
    uint64_t     number;
};
struct Work {
    uint64_t              number;
    std::string           name;
    std::vector<Before>   after;
    std::function<void()> work;
};

}  // namespace cudasim

using namespace cudasim;

struct CUstream_st {
    int              device;
    bool             legacy, blocking, destroyed, busy;
    uint64_t         last, done;  // numbers of the last work put in, and of the last one run
    std::deque<Work> queue;
};

namespace cudasim
{

static std::vector<std::unique_ptr<CUstream_st>> streams;  // the first MAX_DEVICES are the devices' default streams
static std::vector<std::unique_ptr<CUevent_st>>  events;
static uint64_t                                  next_number, draw;
static uint8_t                                   last_launch;
static unsigned                                  depth;  // of work that runs between two blocks of other work

static CUstream_st *
new_stream(int device, bool legacy, bool blocking)
{
    streams.push_back(std::make_unique<CUstream_st>());
    CUstream_st *s = streams.back().get();
    s->device = device, s->legacy = legacy, s->blocking = blocking;
    return s;
}

static CUstream_st *
resolve(cudaStream_t handle)
{
    if (streams.empty())
        for (int i = 0; i < MAX_DEVICES; i++)
            new_stream(i, true, true);
    if (!handle || handle == cudaStreamLegacy || handle == cudaStreamPerThread)
        return streams[current_device()].get();
    for (const auto &s : streams)
        if (s.get() == handle && !s->destroyed)
            return handle;
    return nullptr;
}

static CUevent_st *
resolve_event(cudaEvent_t handle)
{
    for (const auto &e : events)
        if (e.get() == handle && !e->destroyed)
            return handle;
    return nullptr;
}

int
stream_device(cudaStream_t handle)
{
    CUstream_st *s = resolve(handle);
    return s ? s->device : -1;
}

static void
merge(const char *name)
{
    cudasim_counters_t &sum  = counters()[name];
    const uint64_t     *from = (const uint64_t *)&run.counters;
    for (size_t i = 0; i < sizeof sum / sizeof *from; i++)
        ((uint64_t *)&sum)[i] += from[i];
}

static const Before *
blocked_by(const CUstream_st *s)
{
    for (const auto &b : s->queue.front().after)
        if (b.stream->done < b.number && (b.stream->busy || !b.stream->queue.empty()))
            return &b;
    return nullptr;
}

// Runs the first work of a stream, if nothing else must come before it. On a device that broke nothing runs any more.
static void
run_first(CUstream_st *s)
{
    Work w = std::move(s->queue.front());
    s->queue.pop_front();
    if (!devices[s->device].sticky) {
        if (++last_launch == 0) {
            memory_forget_launches();
            last_launch = 1;
        }
        run.launch   = last_launch;
        run.counters = {};
        run.kernel   = w.name.c_str();
        run.device   = s->device;
        s->busy      = true;
        global_begin_work();
        if (depth++ == 0)
            guard_open();
        w.work();
        if (--depth == 0)
            guard_close();
        global_end_work();
        s->busy    = false;
        run.kernel = nullptr;
        merge(w.name.c_str());
    }
    s->done = w.number;
}

static bool
run_any(void)
{
    size_t n = streams.size(), first = next_random(&draw) % n;
    for (size_t i = 0; i < n; i++) {
        CUstream_st *s = streams[(first + i) % n].get();
        if (!s->busy && !s->queue.empty() && s->device < (int)devices.size() && !blocked_by(s)) {
            run_first(s);
            return true;
        }
    }
    return false;
}

bool
streams_run_beside(void)
{
    constexpr unsigned DEEPEST = 2, ONE_IN = 4;
    return seed >= 2 && depth < DEEPEST && next_random(&draw) % ONE_IN == 0 && run_any();
}

static void
run_step(CUstream_st *s)
{
    if (seed >= 2 && next_random(&draw) % 4 == 0)
        return (void)run_any();
    while (const Before *b = blocked_by(s))
        s = b->stream;
    run_first(s);
}

static void
run_until(CUstream_st *s, uint64_t number)
{
    while (s->done < number && !s->queue.empty())
        run_step(s);
}

static cudaError_t
add(cudaStream_t handle, const char *name, std::function<void()> work, const Before *also)
{
    CUstream_st *s = resolve(handle);
    if (!s)
        return fail(cudaErrorInvalidResourceHandle);
    Work w = {++next_number, name, {}, std::move(work)};
    if (s->blocking)
        for (const auto &other : streams)
            if (other.get() != s && other->device == s->device && other->blocking && (other->legacy || s->legacy) &&
                !other->queue.empty())
                w.after.push_back({other.get(), other->last});
    if (also)
        w.after.push_back(*also);
    s->last = w.number;
    s->queue.push_back(std::move(w));
    if (seed >= 2 && next_random(&draw) % 8 == 0)
        (void)run_any();
    return cudaSuccess;
}

cudaError_t
stream_add(cudaStream_t handle, const char *name, std::function<void()> work)
{
    return add(handle, name, std::move(work), nullptr);
}

void
owner_check(Owner &owner, cudaStream_t stream, const char *call)
{
    if (owner.is_set && owner.stream != stream)
        report(CUDASIM_HANDLE, 0, 0, {}, "%s on a second stream", call);
    owner = {stream, true};
}

cudaError_t
stream_wait(cudaStream_t handle)
{
    CUstream_st *s = resolve(handle);
    if (!s)
        return fail(cudaErrorInvalidResourceHandle);
    run_until(s, s->last);
    return fail((cudaError_t)devices[s->device].sticky);
}

void
stream_synchronise(int device)
{
    resolve(nullptr);
    for (size_t i = 0; i < streams.size(); i++)
        if (streams[i]->device == device)
            run_until(streams[i].get(), streams[i]->last);
}

void
streams_finish(void)
{
    for (int i = 0; i < (int)devices.size(); i++)
        stream_synchronise(i);
}

void
streams_reset(void)
{
    streams.clear();
    events.clear();
    draw = seed * 0x9e3779b97f4a7c15u + 1;
}

static double
now_ms(void)
{
    auto since = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double, std::milli>(since).count();
}

}  // namespace cudasim

extern "C" cudaError_t
cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    CUDASIM_ENTER("cudaStreamCreate");
    resolve(nullptr);
    *stream = new_stream(current_device(), false, !(flags & cudaStreamNonBlocking));
    return cudaSuccess;
}

extern "C" cudaError_t
cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

extern "C" cudaError_t
cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int)
{
    return cudaStreamCreateWithFlags(stream, flags);
}

extern "C" cudaError_t
cudaDeviceGetStreamPriorityRange(int *least, int *greatest)
{
    *least = 0, *greatest = -5;
    return cudaSuccess;
}

// What is still in it will run.
extern "C" cudaError_t
cudaStreamDestroy(cudaStream_t stream)
{
    CUDASIM_ENTER("cudaStreamDestroy");
    CUstream_st *s = resolve(stream);
    if (!s || s->legacy)
        return fail(cudaErrorInvalidResourceHandle);
    s->destroyed = true;
    return cudaSuccess;
}

extern "C" cudaError_t
cudaStreamSynchronize(cudaStream_t stream)
{
    CUDASIM_ENTER("cudaStreamSynchronize");
    return stream_wait(stream);
}

// Each query runs one piece of work, so that repeated queries complete all.
extern "C" cudaError_t
cudaStreamQuery(cudaStream_t stream)
{
    CUDASIM_ENTER("cudaStreamQuery");
    CUstream_st *s = resolve(stream);
    if (!s)
        return fail(cudaErrorInvalidResourceHandle);
    if (s->queue.empty())
        return cudaSuccess;
    run_step(s);
    return devices[s->device].sticky ? fail((cudaError_t)devices[s->device].sticky) : cudaErrorNotReady;
}

extern "C" cudaError_t
cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
    CUDASIM_ENTER("cudaStreamWaitEvent");
    CUstream_st *s = resolve(stream);
    CUevent_st  *e = resolve_event(event);
    if (!s || !e)
        return fail(cudaErrorInvalidResourceHandle);
    if (!e->stream)
        return cudaSuccess;
    Before before = {e->stream, e->number};
    return add(
        stream, "cudaStreamWaitEvent", [] {}, &before);
}

extern "C" cudaError_t
cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *user)
{
    CUDASIM_ENTER("cudaLaunchHostFunc");
    return stream_add(stream, "cudaLaunchHostFunc", [function, user] {
        guard_close();
        function(user);
        guard_open();
    });
}

extern "C" cudaError_t
cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    CUDASIM_ENTER("cudaEventCreate");
    events.push_back(std::make_unique<CUevent_st>());
    events.back()->timing = !(flags & cudaEventDisableTiming);
    *event                = events.back().get();
    return cudaSuccess;
}

extern "C" cudaError_t
cudaEventCreate(cudaEvent_t *event)
{
    return cudaEventCreateWithFlags(event, cudaEventDefault);
}

extern "C" cudaError_t
cudaEventDestroy(cudaEvent_t event)
{
    CUDASIM_ENTER("cudaEventDestroy");
    CUevent_st *e = resolve_event(event);
    if (!e)
        return fail(cudaErrorInvalidResourceHandle);
    e->destroyed = true;
    return cudaSuccess;
}

extern "C" cudaError_t
cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    CUDASIM_ENTER("cudaEventRecord");
    CUstream_st *s = resolve(stream);
    CUevent_st  *e = resolve_event(event);
    if (!s || !e)
        return fail(cudaErrorInvalidResourceHandle);
    e->stream = s;
    e->number = next_number + 1;
    return stream_add(stream, "cudaEventRecord", [e] { e->at_ms = now_ms(); });
}

extern "C" cudaError_t
cudaEventSynchronize(cudaEvent_t event)
{
    CUDASIM_ENTER("cudaEventSynchronize");
    CUevent_st *e = resolve_event(event);
    if (!e)
        return fail(cudaErrorInvalidResourceHandle);
    if (!e->stream)
        return cudaSuccess;
    run_until(e->stream, e->number);
    return fail((cudaError_t)devices[e->stream->device].sticky);
}

extern "C" cudaError_t
cudaEventQuery(cudaEvent_t event)
{
    CUDASIM_ENTER("cudaEventQuery");
    CUevent_st *e = resolve_event(event);
    if (!e)
        return fail(cudaErrorInvalidResourceHandle);
    if (!e->stream || e->stream->done >= e->number)
        return cudaSuccess;
    run_step(e->stream);
    int sticky = devices[e->stream->device].sticky;
    return sticky ? fail((cudaError_t)sticky) : cudaErrorNotReady;
}

extern "C" cudaError_t
cudaEventElapsedTime(float *ms, cudaEvent_t begin, cudaEvent_t end)
{
    CUDASIM_ENTER("cudaEventElapsedTime");
    CUevent_st *a = resolve_event(begin), *b = resolve_event(end);
    if (!a || !b || !a->timing || !b->timing || !a->stream || !b->stream)
        return fail(cudaErrorInvalidResourceHandle);
    if (a->stream->done < a->number || b->stream->done < b->number)
        return fail(cudaErrorNotReady);
    *ms = (float)(b->at_ms - a->at_ms);
    return cudaSuccess;
}

namespace
{
struct Launch {
    cudasim_launch what;
    explicit Launch(cudasim_launch &&from) : what(from)
    {
    }
    ~Launch()
    {
        what.release(what.arguments);
    }
};
}  // namespace

static const char *
impossible(const cudasim_launch &l, size_t shared_limit)
{
    uint64_t threads = (uint64_t)l.block.x * l.block.y * l.block.z;
    if (!threads || !l.grid.x || !l.grid.y || !l.grid.z)
        return "a grid or block without threads";
    if (threads > MAX_THREADS || l.block.z > 64)
        return "too many threads in a block";
    if (l.grid.x > 2147483647u || l.grid.y > 65535 || l.grid.z > 65535)
        return "too many blocks";
    return l.shared_bytes > shared_limit ? "too much dynamic shared memory" : nullptr;
}

static std::map<const void *, int> dynamic_limits;

cudaError_t
cudasim_enqueue(cudasim_launch &&l, cudaStream_t stream)
{
    auto        kept = std::make_shared<Launch>(std::move(l));
    const auto &what = kept->what;
    CUDASIM_ENTER("cudaLaunchKernel");
    auto        found = dynamic_limits.find(what.function);
    size_t      limit = found == dynamic_limits.end() ? SHARED_DEFAULT : (size_t)found->second;
    const char *why   = impossible(what, limit);
    if (why) {
        report(CUDASIM_BAD_LAUNCH, 0, 0, {what.function, what.name, 0},
               "grid %u x %u x %u, block %u x %u x %u, %zu bytes: %s", what.grid.x, what.grid.y, what.grid.z,
               what.block.x, what.block.y, what.block.z, what.shared_bytes, why);
        return fail(what.shared_bytes > limit ? cudaErrorInvalidValue : cudaErrorInvalidConfiguration);
    }
    int device = stream_device(stream);
    if (device >= 0 && device != current_device())
        return fail(cudaErrorInvalidResourceHandle);
    std::string name = what.name;
    if (name[0] == '(')  // the brackets of a name with commas
        name = name.substr(1, name.size() - 2);
    why = lacking(name, (uint64_t)what.block.x * what.block.y * what.block.z, what.shared_bytes);
    if (why) {
        report(CUDASIM_BAD_LAUNCH, 0, 0, {what.function, what.name, 0}, "block %u x %u x %u, %zu bytes: %s",
               what.block.x, what.block.y, what.block.z, what.shared_bytes, why);
        return fail(cudaErrorLaunchOutOfResources);
    }
    return stream_add(stream, name.c_str(), [kept, device] {
        if (int error = launch_run(kept->what, device))
            break_device(device, error, 13);
    });
}

cudaError_t
cudasim_function_set(const void *function, cudaFuncAttribute attribute, int value)
{
    CUDASIM_ENTER("cudaFuncSetAttribute");
    if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize)
        return cudaSuccess;
    if (value < 0 || (size_t)value > profile().shared_most)
        return fail(cudaErrorInvalidValue);
    dynamic_limits[function] = value;
    return cudaSuccess;
}

cudaError_t
cudasim_function_get(const void *function, cudaFuncAttributes *out)
{
    CUDASIM_ENTER("cudaFuncGetAttributes");
    auto found                     = dynamic_limits.find(function);
    *out                           = {};
    out->maxThreadsPerBlock        = MAX_THREADS;
    out->numRegs                   = 32;
    out->maxDynamicSharedSizeBytes = found == dynamic_limits.end() ? (int)SHARED_DEFAULT : found->second;
    return cudaSuccess;
}

cudaError_t
cudasim_occupancy(int *blocks, int threads, size_t shared_bytes)
{
    CUDASIM_ENTER("cudaOccupancyMaxActiveBlocksPerMultiprocessor");
    if (threads < 1 || threads > (int)MAX_THREADS)
        return fail(cudaErrorInvalidValue);
    size_t by_threads = (size_t)profile().threads_most / (size_t)threads;
    size_t by_shared  = (profile().shared_most + 1024) / (shared_bytes + 1024);
    *blocks           = (int)std::min<size_t>((size_t)profile().blocks_most, std::min(by_threads, by_shared));
    return cudaSuccess;
}
