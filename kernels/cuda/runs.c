// The host's part of a batch: spans cut into runs, segments into tiles. No CUDA.
#include "kernels/cuda/kt_cuda.h"

size_t
kt_cuda_runs_of(size_t frames, uint32_t run_frames)
{
    return (frames + run_frames - 1) / run_frames;
}

static uint32_t
sample_after(uint32_t sample, uint64_t skipped)
{
    return sample > skipped ? (uint32_t)(sample - skipped) : 0;
}

size_t
kt_cuda_cut(const kt_cuda_run_t *whole, uint32_t hop, uint32_t run_frames, kt_cuda_run_t *runs)
{
    const size_t n = kt_cuda_runs_of(whole->frames, run_frames);
    for (size_t i = 0; i < n; i++) {
        const uint32_t first = (uint32_t)i * run_frames, left = whole->frames - first;
        const uint64_t skip = (uint64_t)first * hop;
        runs[i]             = *whole;
        runs[i].pcm += skip;
        runs[i].row += first;
        runs[i].frames     = left < run_frames ? left : run_frames;
        runs[i].real_begin = sample_after(whole->real_begin, skip);
        runs[i].real_end   = sample_after(whole->real_end, skip);
    }
    return n;
}

size_t
kt_cuda_tiles_of(size_t rows)
{
    return (rows + KT_CUDA_TILE_ROWS - 1) / KT_CUDA_TILE_ROWS;
}

size_t
kt_cuda_tile(const kt_cuda_tile_t *whole, kt_cuda_tile_t *tiles)
{
    const size_t n = kt_cuda_tiles_of(whole->rows);
    for (size_t i = 0; i < n; i++) {
        tiles[i]       = *whole;
        tiles[i].first = (uint32_t)i * KT_CUDA_TILE_ROWS;
        tiles[i].count = whole->rows - tiles[i].first;
        if (tiles[i].count > KT_CUDA_TILE_ROWS)
            tiles[i].count = KT_CUDA_TILE_ROWS;
    }
    return n;
}
