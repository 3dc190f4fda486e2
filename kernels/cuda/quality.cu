// Facts of blocks: one thread block per block of 4096 samples of a channel. Its samples are read into shared memory
// once, with those before that the low band needs; a thread takes 16 consecutive ones, a quarter of a group, and four
// neighbouring lanes make the group. In shared memory a gap of one float follows every 16, so that the threads of a
// warp, 16 samples apart, read different banks.
#include "kernels/cuda/quality.h"
#include "kernels/cuda/rows.cuh"

enum {
    THREADS = 256,
    PART    = KT_GROUP_SAMPLES / KT_GROUP_SUMS,
    BEFORE  = KT_LOW_BAND_BEFORE + 1,  // and one sample, the neighbour of the first
    ROOM    = BEFORE + KT_BLOCK_SAMPLES + 1,
    LEAD    = KT_LOW_BAND_BEFORE / PART,  // sums of the groups before
    NONE    = KT_BLOCK_SILENT
};
static_assert(THREADS * PART == KT_BLOCK_SAMPLES, "a thread has one part of the block");
static_assert(sizeof(kt_block_facts_t) == 72, "no gaps, so every byte is written");

struct kt_block_workspace {
    float sample[ROOM + ROOM / PART + 1];
    float sum[LEAD + THREADS];
    float low[KT_BLOCK_GROUPS], high[KT_BLOCK_GROUPS], squares[KT_BLOCK_GROUPS], bends[KT_BLOCK_GROUPS],
        spike[KT_BLOCK_GROUPS];
    double   partial[THREADS / 32][2];  // of the warps that have groups: sum, squares
    double   product[THREADS / 32];
    float    extreme[2][2];
    unsigned first_sound, last_sound, clicks, zeros[KT_GROUP_SUMS];

    __device__ __forceinline__ float &at(unsigned i)
    {
        return sample[i + i / PART];
    }
};

// 16 samples of a thread.
struct kt_part {
    float    low, high, squares, spike, bends, sum;
    unsigned first_sound, last_sound, zeros;  // zeros: that it ends with

    __device__ __forceinline__ void read(kt_block_workspace &own, unsigned t)
    {
        const unsigned begin  = BEFORE + t * PART;
        float          before = own.at(begin - 1), x = own.at(begin);
        low = high = x;
        squares = spike = bends = sum = 0;
        first_sound = last_sound = NONE;
        zeros                    = 0;
        for (unsigned i = 0; i < PART; i++) {
            const float next = own.at(begin + i + 1), down = x - before, up = x - next;
            low     = fminf(low, x);
            high    = fmaxf(high, x);
            spike   = fmaxf(spike, fmaxf(fminf(down, up), -fmaxf(down, up)));
            squares = fmaf(x, x, squares);
            bends   = fmaf(0.5F, fabsf(down + up), bends);
            sum += x;
            zeros = x == 0 ? zeros + 1 : 0;
            if (fabsf(x) > KT_SOUND_LEVEL) {
                first_sound = first_sound == NONE ? t * PART + i : first_sound;
                last_sound  = t * PART + i;
            }
            before = x;
            x      = next;
        }
    }

    // With the three other parts of its group, into each of them.
    __device__ __forceinline__ void join(void)
    {
        for (int d = 1; d < KT_GROUP_SUMS; d <<= 1) {
            low   = fminf(low, __shfl_xor_sync(KT_FULL_WARP, low, d));
            high  = fmaxf(high, __shfl_xor_sync(KT_FULL_WARP, high, d));
            spike = fmaxf(spike, __shfl_xor_sync(KT_FULL_WARP, spike, d));
            squares += __shfl_xor_sync(KT_FULL_WARP, squares, d);
            bends += __shfl_xor_sync(KT_FULL_WARP, bends, d);
        }
    }
};

__device__ __forceinline__ void
load_block(kt_block_workspace &own, const float *x, unsigned t)
{
    for (unsigned i = t; i < ROOM; i += THREADS)
        own.at(i) = x[(int)i - (int)BEFORE];
    if (t == 0) {
        own.first_sound = NONE;
        own.last_sound  = 0;
        own.clicks      = 0;
    }
    __syncthreads();
    if (t < LEAD) {
        float sum = 0;
        for (unsigned i = 0; i < PART; i++)
            sum += own.at(1 + t * PART + i);
        own.sum[t] = sum;
    }
}

// A group per thread of the first two warps: its place in the sums of the block, its value of the low band.
__device__ __forceinline__ void
add_group(kt_block_workspace &own, const float *taps, float *low_band, unsigned g)
{
    const float *sum   = own.sum + LEAD + g * KT_GROUP_SUMS;
    const double total = (double)sum[0] + sum[1] + sum[2] + sum[3];
    const bool   click =
        g > 0 && g + 1 < KT_BLOCK_GROUPS && kt_is_click(own.spike[g], own.bends[g], own.bends[g - 1], own.bends[g + 1]);
    const unsigned clicks = __popc(__ballot_sync(KT_FULL_WARP, click));
    const double   all = kt_warp_sum(total), squares = kt_warp_sum((double)own.squares[g]);
    const float    high = kt_warp_max(own.high[g]), low = -kt_warp_max(-own.low[g]);
    if (g % 32 == 0) {
        own.partial[g / 32][0] = all;
        own.partial[g / 32][1] = squares;
        own.extreme[g / 32][0] = low;
        own.extreme[g / 32][1] = high;
        atomicAdd(&own.clicks, clicks);
    }
    float value = 0;
    for (unsigned k = 0; k < KT_LOWPASS_TAPS; k++)
        value = fmaf(taps[k], own.sum[g * KT_GROUP_SUMS + k], value);
    low_band[g] = value;
}

__device__ __forceinline__ void
write_facts(kt_block_workspace &own, bool has_zeros, kt_block_facts_t *out)
{
    enum { LAST = KT_BLOCK_GROUPS - 1 };
    unsigned zeros = 0;
    for (int part = KT_GROUP_SUMS - 1; part >= 0 && zeros % PART == 0; part--) {
        zeros += own.zeros[part];
        if (own.zeros[part] < PART)
            break;
    }
    kt_block_facts_t facts;
    facts.sum         = own.partial[0][0] + own.partial[1][0];
    facts.squares     = own.partial[0][1] + own.partial[1][1];
    facts.low         = fminf(own.extreme[0][0], own.extreme[1][0]);
    facts.high        = fmaxf(own.extreme[0][1], own.extreme[1][1]);
    facts.ends[0]     = own.at(BEFORE);
    facts.ends[1]     = own.at(BEFORE + KT_BLOCK_SAMPLES - 1);
    facts.levels[0]   = fmaxf(own.high[0], -own.low[0]);
    facts.levels[1]   = fmaxf(own.high[LAST], -own.low[LAST]);
    facts.bends[0]    = own.bends[0];
    facts.bends[1]    = own.bends[1];
    facts.bends[2]    = own.bends[LAST - 1];
    facts.bends[3]    = own.bends[LAST];
    facts.spikes[0]   = own.spike[0];
    facts.spikes[1]   = own.spike[LAST];
    facts.first_sound = (uint16_t)own.first_sound;
    facts.last_sound  = own.first_sound == NONE ? (uint16_t)NONE : (uint16_t)own.last_sound;
    facts.clicks      = (uint16_t)own.clicks;
    facts.zeros       = (uint8_t)zeros;
    facts.has_zeros   = has_zeros;
    *out              = facts;
}

// Left times right: in float over the samples of a thread, in double from there.
__device__ __forceinline__ double
product_of(kt_block_workspace &own, const float *other, unsigned t)
{
    float sum = 0;
    for (unsigned i = t; i < KT_BLOCK_SAMPLES; i += THREADS)
        sum = fmaf(own.at(BEFORE + i), other[i], sum);
    return kt_warp_sum((double)sum);
}

// Block x of piece y, channel z.
__global__ void
__launch_bounds__(THREADS) kt_blocks_kernel(const __grid_constant__ kt_cuda_blocks_t of)
{
    __shared__ kt_block_workspace own;
    const kt_cuda_piece_t        &piece = of.source.pieces[blockIdx.y];
    const unsigned                t = threadIdx.x, used = gridDim.z, channel = blockIdx.z;
    const unsigned                begin = blockIdx.x * KT_BLOCK_SAMPLES;
    const size_t                  place = ((size_t)blockIdx.y * KT_PIECE_BLOCKS + blockIdx.x);
    if (piece.frames < begin + KT_BLOCK_SAMPLES)
        return;
    const float *x = piece.planes + (size_t)channel * of.source.stride + begin;
    load_block(own, x, t);

    kt_part part;
    part.read(own, t);
    own.sum[LEAD + t] = part.sum;
    if (part.first_sound != NONE) {
        atomicMin(&own.first_sound, part.first_sound);
        atomicMax(&own.last_sound, part.last_sound);
    }
    if (t >= THREADS - KT_GROUP_SUMS)
        own.zeros[t - (THREADS - KT_GROUP_SUMS)] = part.zeros;
    // Half of a group or more at its begin or its end: both of its first two parts, or of its last two, are zeros.
    const unsigned empty     = __ballot_sync(KT_FULL_WARP, part.zeros == PART);
    const bool     has_zeros = (empty & (empty >> 1) & 0x55555555U) != 0;
    part.join();
    if (t % KT_GROUP_SUMS == 0) {
        const unsigned g = t / KT_GROUP_SUMS;
        own.low[g]       = part.low;
        own.high[g]      = part.high;
        own.squares[g]   = part.squares;
        own.bends[g]     = part.bends;
        own.spike[g]     = part.spike;
    }
    const bool any_zeros = __syncthreads_or(has_zeros) != 0;

    if (t < KT_BLOCK_GROUPS)
        add_group(own, of.taps, of.low_band + (place * used + channel) * KT_BLOCK_GROUPS, t);
    if (used == 2 && channel == 0) {
        const double product = product_of(own, x + of.source.stride, t);
        if (t % 32 == 0)
            own.product[t / 32] = product;
    }
    __syncthreads();
    if (t > 0)
        return;
    write_facts(own, any_zeros, of.facts + place * used + channel);
    if (used == 2 && channel == 0) {
        double sum = 0;
        for (unsigned w = 0; w < THREADS / 32; w++)
            sum += own.product[w];
        of.products[place] = sum;
    }
}

extern "C" kt_err_t
kt_cuda_blocks(const kt_cuda_blocks_t *self, cudaStream_t stream)
{
    const kt_cuda_source_t &source = self->source;
    if (source.channels == 0 || source.n > UINT16_MAX || source.before < BEFORE || source.after < 1)
        return KT_EINVAL;
    if (source.n == 0)
        return KT_OK;
    KT_LAUNCH(kt_blocks_kernel, dim3(KT_PIECE_BLOCKS, source.n, source.channels < 2 ? 1 : 2), dim3(THREADS), 0, stream,
              *self);
    return kt_launched();
}
