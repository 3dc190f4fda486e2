// Statistics of pictures. One block per tile of 64 x 32 pixels and a run of 16 pictures: it follows its tile through
// time and keeps each pixel's hue, saturation and value in a register until the next picture, so a picture is read once
// for itself and its difference to the one before together; luma with a border of one pixel goes through shared memory
// for the Laplacian (10 % more reads). The histogram is counted in shared memory, the sums by warps; all are integers.
#include "kernels/cuda/image.h"
#include "kernels/cuda/launch.h"

enum { THREADS = 256, WARPS = THREADS / 32, WIDE = 64, HIGH = 32, PIXELS = WIDE * HIGH / THREADS, PICTURES = 16 };

struct kt_pictures {
    const uint8_t    *rgb, *before;
    kt_image_stats_t *out;
    unsigned          n, width, height, across;  // across: tiles in a row
};

struct kt_image_workspace {
    uint8_t  luma[HIGH + 2][WIDE + 2];
    unsigned colour[KT_IMAGE_COLOURS];
    int      hue_quotient[256], saturation_quotient[256];
    unsigned partial[WARPS][KT_IMAGE_SUMS];
};

__device__ __forceinline__ int
kt_luma(const uint8_t *p)
{
    return (299 * p[0] + 587 * p[1] + 114 * p[2] + 500) / 1000;
}

// n / d in 20.12 fixed point, rounded.
__device__ __forceinline__ int
kt_quotient(int n, int d)
{
    return d == 0 ? 0 : (2 * (n << 12) + d) / (2 * d);
}

// h + 256 s + 65536 v.
__device__ __forceinline__ unsigned
kt_hsv(const kt_image_workspace &workspace, const uint8_t *p)
{
    const int r = p[0], g = p[1], b = p[2], most = max(r, max(g, b)), range = most - min(r, min(g, b));
    int       h = most == r ? g - b : most == g ? b - r + 2 * range : r - g + 4 * range;
    h           = (h * workspace.hue_quotient[range] + 2048) >> 12;
    return (unsigned)(h < 0 ? h + 180 : h) |
           (unsigned)((range * workspace.saturation_quotient[most] + 2048) >> 12) << 8 | (unsigned)most << 16;
}

// The place of one of a thread's pixels in its tile.
struct kt_pixel {
    unsigned column, row, x, y;  // within the tile, within the picture
    bool     exists;

    __device__ __forceinline__ kt_pixel(const kt_pictures &pictures, unsigned i)
    {
        const unsigned tile_x = blockIdx.x % pictures.across, tile_y = blockIdx.x / pictures.across;
        column = (threadIdx.x + i * THREADS) % WIDE;
        row    = (threadIdx.x + i * THREADS) / WIDE;
        x      = tile_x * WIDE + column;
        y      = tile_y * HIGH + row;
        exists = x < pictures.width && y < pictures.height;
    }
};

__device__ __forceinline__ void
kt_fill_luma(const kt_pictures &pictures, const uint8_t *picture, kt_image_workspace &workspace)
{
    const int left = (int)(blockIdx.x % pictures.across * WIDE) - 1,
              top  = (int)(blockIdx.x / pictures.across * HIGH) - 1;
    for (unsigned i = threadIdx.x; i < (HIGH + 2) * (WIDE + 2); i += THREADS) {
        const int x = left + (int)(i % (WIDE + 2)), y = top + (int)(i / (WIDE + 2));
        if (x >= 0 && y >= 0 && x < (int)pictures.width && y < (int)pictures.height)
            workspace.luma[i / (WIDE + 2)][i % (WIDE + 2)] =
                (uint8_t)kt_luma(picture + 3 * ((size_t)y * pictures.width + (size_t)x));
    }
}

// The Laplacian at a pixel of the tile, and 0 at the picture's border.
__device__ __forceinline__ int
kt_edge(const kt_pictures &pictures, const kt_image_workspace &workspace, const kt_pixel &at)
{
    if (at.x == 0 || at.y == 0 || at.x + 1 >= pictures.width || at.y + 1 >= pictures.height)
        return 0;
    const unsigned r = at.row + 1, c = at.column + 1;
    return 4 * workspace.luma[r][c] - workspace.luma[r][c - 1] - workspace.luma[r][c + 1] - workspace.luma[r - 1][c] -
           workspace.luma[r + 1][c];
}

__device__ __forceinline__ unsigned
kt_apart(unsigned a, unsigned b, unsigned shift)
{
    return (unsigned)abs((int)(a >> shift & 255) - (int)(b >> shift & 255));
}

// One picture's part in this tile. `then` holds the pixels of the picture before, and gets those of this one.
__device__ __forceinline__ void
kt_tile(const kt_pictures &pictures, const uint8_t *picture, bool has_before, kt_image_workspace &workspace,
        unsigned *then, unsigned *sum)
{
#pragma unroll
    for (unsigned i = 0; i < PIXELS; i++) {
        const kt_pixel at(pictures, i);
        if (!at.exists)
            continue;
        const uint8_t *p   = picture + 3 * ((size_t)at.y * pictures.width + at.x);
        const unsigned now = kt_hsv(workspace, p), y = workspace.luma[at.row + 1][at.column + 1];
        const int      edge = kt_edge(pictures, workspace, at);
        atomicAdd(&workspace.colour[p[0] / 32 * 64 + p[1] / 32 * 8 + p[2] / 32], 1U);
        sum[KT_IMAGE_LUMA] += y;
        sum[KT_IMAGE_LUMA_SQUARES] += y * y;
        sum[KT_IMAGE_HUE] += now & 255;
        sum[KT_IMAGE_SATURATION] += now >> 8 & 255;
        sum[KT_IMAGE_VALUE] += now >> 16;
        sum[KT_IMAGE_HUE_CHANGE] += has_before ? kt_apart(now, then[i], 0) : 0;
        sum[KT_IMAGE_SATURATION_CHANGE] += has_before ? kt_apart(now, then[i], 8) : 0;
        sum[KT_IMAGE_VALUE_CHANGE] += has_before ? kt_apart(now, then[i], 16) : 0;
        sum[KT_IMAGE_EDGES] += (unsigned)edge;
        sum[KT_IMAGE_EDGE_SQUARES] += (unsigned)(edge * edge);
        then[i] = now;
    }
}

// Adds the tile to its picture: sums of the warps, then the colours that occur. A tile's sums fit 32 bits; only
// that of the edges has a sign.
__device__ __forceinline__ void
kt_write_sums(kt_image_workspace &workspace, const unsigned *sum, kt_image_stats_t *out)
{
#pragma unroll
    for (unsigned i = 0; i < KT_IMAGE_SUMS; i++) {
        unsigned all = sum[i];
        for (int d = 16; d; d >>= 1)
            all += __shfl_xor_sync(0xffffffffu, all, d);
        if (threadIdx.x % 32 == 0)
            workspace.partial[threadIdx.x / 32][i] = all;
    }
    __syncthreads();
    if (threadIdx.x < KT_IMAGE_SUMS) {
        unsigned all = 0;
        for (unsigned w = 0; w < WARPS; w++)
            all += workspace.partial[w][threadIdx.x];
        const bool is_signed = threadIdx.x == KT_IMAGE_EDGES;
        atomicAdd((unsigned long long *)&out->sum[threadIdx.x],
                  is_signed ? (unsigned long long)(long long)(int)all : (unsigned long long)all);
    }
    for (unsigned i = threadIdx.x; i < KT_IMAGE_COLOURS; i += THREADS) {
        if (workspace.colour[i])
            atomicAdd(&out->colour[i], workspace.colour[i]);
        workspace.colour[i] = 0;
    }
}

__global__ void
__launch_bounds__(THREADS) kt_images_kernel(const __grid_constant__ kt_pictures pictures)
{
    __shared__ kt_image_workspace workspace;
    const size_t                  bytes = 3 * (size_t)pictures.width * pictures.height;
    const unsigned                first = blockIdx.y * PICTURES, end = min(first + PICTURES, pictures.n);
    const uint8_t                *start        = first > 0 ? pictures.rgb + (first - 1) * bytes : pictures.before;
    unsigned                      then[PIXELS] = {};
    workspace.hue_quotient[threadIdx.x]        = kt_quotient(30, (int)threadIdx.x);
    workspace.saturation_quotient[threadIdx.x] = kt_quotient(255, (int)threadIdx.x);
    for (unsigned i = threadIdx.x; i < KT_IMAGE_COLOURS; i += THREADS)
        workspace.colour[i] = 0;
    __syncthreads();
#pragma unroll
    for (unsigned i = 0; i < PIXELS; i++) {
        const kt_pixel at(pictures, i);
        if (start && at.exists)
            then[i] = kt_hsv(workspace, start + 3 * ((size_t)at.y * pictures.width + at.x));
    }
    for (unsigned f = first; f < end; f++) {
        unsigned sum[KT_IMAGE_SUMS] = {};
        kt_fill_luma(pictures, pictures.rgb + f * bytes, workspace);
        __syncthreads();
        kt_tile(pictures, pictures.rgb + f * bytes, f > first || start, workspace, then, sum);
        kt_write_sums(workspace, sum, &pictures.out[f]);
        __syncthreads();
    }
}

extern "C" kt_err_t
kt_cuda_images(const uint8_t *rgb, const uint8_t *before, size_t n, uint32_t width, uint32_t height,
               kt_image_stats_t *out, cudaStream_t stream)
{
    if (width == 0 || height == 0 || width > KT_IMAGE_MOST_SIDE || height > KT_IMAGE_MOST_SIDE ||
        n > (size_t)65535 * PICTURES)
        return KT_EINVAL;
    if (n == 0)
        return KT_OK;
    const unsigned    across = (width + WIDE - 1) / WIDE, down = (height + HIGH - 1) / HIGH;
    const kt_pictures pictures = {rgb, before, out, (unsigned)n, width, height, across};
    KT_LAUNCH(kt_images_kernel, dim3(across * down, (unsigned)((n + PICTURES - 1) / PICTURES)), dim3(THREADS), 0,
              stream, pictures);
    return kt_launched();
}
