// Kernel launches. The arguments are converted to the kernel's parameter types and kept by value, as CUDA does; the
// launch itself runs when a call waits for it.
#pragma once

#include "api.h"
#include "device.h"

#include <tuple>
#include <utility>

// Touching it makes sure that this thread has the module's shared variables, and gives their addresses.
static thread_local char cudasim_anchor_here;
static CUDASIM_QUIET void *
cudasim_anchor(void)
{
    return &cudasim_anchor_here;
}

struct cudasim_launch {
    const char *name;
    const void *function;
    void *(*anchor)(void);
    dim3   grid, block;
    size_t shared_bytes;
    void  *arguments;  // a tuple; the launch owns it
    size_t argument_bytes;
    void (*call)(const void *function, const void *arguments);
    void (*release)(void *arguments);
};
cudaError_t cudasim_enqueue(cudasim_launch &&launch, cudaStream_t stream);
cudaError_t cudasim_function_set(const void *function, cudaFuncAttribute attribute, int value);
cudaError_t cudasim_function_get(const void *function, cudaFuncAttributes *out);
cudaError_t cudasim_occupancy(int *blocks, int threads, size_t shared_bytes);

template <class... P> struct cudasim_arguments {
    typedef std::tuple<std::decay_t<P>...> kept_t;
    static void                            call(const void *function, const void *arguments)
    {
        std::apply((void (*)(P...))function, *(const kept_t *)arguments);
    }
    static void release(void *arguments)
    {
        delete (kept_t *)arguments;
    }
};
template <class... P, class... A>
cudaError_t
cudasim_start(const char *name, void (*kernel)(P...), dim3 grid, dim3 block, size_t shared_bytes, cudaStream_t stream,
              A &&...arguments)
{
    typedef cudasim_arguments<P...> form;
    static_assert(sizeof...(P) == sizeof...(A), "a launch gives each parameter its argument");
    auto *kept = new typename form::kept_t(std::forward<A>(arguments)...);
    return cudasim_enqueue({name, (const void *)kernel, cudasim_anchor, grid, block, shared_bytes, kept, sizeof *kept,
                            form::call, form::release},
                           stream);
}
// The form with an array of pointers to the arguments.
template <class... P, size_t... I>
cudaError_t
cudasim_start_array(void (*kernel)(P...), dim3 grid, dim3 block, void **arguments, size_t shared_bytes,
                    cudaStream_t stream, std::index_sequence<I...>)
{
    return cudasim_start("kernel", kernel, grid, block, shared_bytes, stream, *(std::decay_t<P> *)arguments[I]...);
}
template <class... P>
cudaError_t
cudaLaunchKernel(void (*kernel)(P...), dim3 grid, dim3 block, void **arguments, size_t shared_bytes = 0,
                 cudaStream_t stream = nullptr)
{
    return cudasim_start_array(kernel, grid, block, arguments, shared_bytes, stream, std::index_sequence_for<P...>{});
}
template <class... P>
cudaError_t
cudaFuncSetAttribute(void (*kernel)(P...), cudaFuncAttribute attribute, int value)
{
    return cudasim_function_set((const void *)kernel, attribute, value);
}
template <class... P>
cudaError_t
cudaFuncGetAttributes(cudaFuncAttributes *out, void (*kernel)(P...))
{
    return cudasim_function_get((const void *)kernel, out);
}
template <class... P>
cudaError_t
cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void (*)(P...), int threads, size_t shared_bytes)
{
    return cudasim_occupancy(blocks, threads, shared_bytes);
}
