// Loudness of pieces.
//
// K-weighting: a block takes one channel of a piece. Each thread filters a chunk of it from a state of zeros; the
// states that the chunks end with are joined by a scan with the powers of the filter's matrix, which gives the state
// that each chunk begins with; then each thread filters its chunk again and sums the energy of the (at most two) hops
// it touches. The state is that of the recursion alone, as the samples before a chunk are there. Doubles: at 38 Hz the
// filter's poles lie 0.005 from 1.
//
// Peaks: the largest sample of a piece first, then the values between samples, in groups of 64 that are left out where
// |samples| times the filter's bound do not reach that sample.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/source.h"

enum {
    CHUNKS      = 512,  // threads of the K-weighting
    SCANS       = 9,
    THREADS     = 256,
    TILE_FRAMES = 4096,
    TILES       = KT_SOURCE_FRAMES / TILE_FRAMES,
    GROUP       = KT_PEAK_GROUP
};
static_assert(CHUNKS == 1 << SCANS, "a chunk per thread");
static_assert(TILE_FRAMES % GROUP == 0, "whole groups");

// --- K-weighting -----------------------------------------------------------------------------------------------------

// y1, y2, z1, z2: the last two values behind each section.
struct kt_weighting_state {
    double v[4];
};

struct kt_weighting_matrix {
    double m[4][4];
};

// powers[k]: of 2^k chunks.
struct kt_weighting {
    kt_kweight_t        weight;
    kt_weighting_matrix powers[SCANS];
    uint32_t            chunk, hops;  // frames of a chunk
};

struct kt_weighting_workspace {
    kt_weighting_state state[CHUNKS];
    double             energy[CHUNKS][2];
};

// One frame: x0 is the sample, x1 and x2 the ones before; returns the value behind both sections.
__device__ __forceinline__ double
weighting_step(const kt_kweight_t &of, kt_weighting_state &s, double x0, double x1, double x2)
{
    const double *b = of.shelf_b, *a = of.shelf_a, *h = of.high_a;
    const double  y = (b[0] * x0 + b[1] * x1 + b[2] * x2 - a[1] * s.v[1]) - a[0] * s.v[0];
    const double  z = (y - 2 * s.v[0] + s.v[1] - h[1] * s.v[3]) - h[0] * s.v[2];
    s.v[1]          = s.v[0];
    s.v[0]          = y;
    s.v[3]          = s.v[2];
    s.v[2]          = z;
    return z;
}

// kt_source_hop.
__device__ __forceinline__ uint64_t
hop_of(uint64_t frame, uint32_t rate_hz)
{
    return (10 * frame + 9) / rate_hz;
}

// From the states that the chunks end with, each from zeros, the state that this thread's chunk begins with.
__device__ __forceinline__ kt_weighting_state
joined_state(kt_weighting_workspace &own, const kt_weighting &by, kt_weighting_state state)
{
    const int t  = (int)threadIdx.x;
    own.state[t] = state;
    __syncthreads();
    for (int k = 0; k < SCANS; k++) {
        const int          back   = t - (1 << k);
        kt_weighting_state before = {{0, 0, 0, 0}};
        if (back >= 0)
            before = own.state[back];
        __syncthreads();
        if (back >= 0) {
            for (int row = 0; row < 4; row++)
                for (int c = 0; c < 4; c++)
                    state.v[row] += by.powers[k].m[row][c] * before.v[c];
            own.state[t] = state;
        }
        __syncthreads();
    }
    return t > 0 ? own.state[t - 1] : kt_weighting_state{{0, 0, 0, 0}};
}

// A channel (x) of a piece (y).
__global__ void
__launch_bounds__(CHUNKS) kt_weighting_kernel(const __grid_constant__ kt_cuda_source_t of,
                                              const __grid_constant__ kt_weighting by, double *energy)
{
    __shared__ kt_weighting_workspace own;
    const kt_cuda_piece_t             piece = of.pieces[blockIdx.y];
    const float                      *x     = piece.planes + (size_t)blockIdx.x * of.stride;
    const int                         t     = (int)threadIdx.x;
    const int                         begin = t * (int)by.chunk - (int)of.before;
    const int                         end   = min(begin + (int)by.chunk, (int)piece.frames);
    const double                      back1 = t > 0 && begin < end ? x[begin - 1] : 0;
    const double                      back2 = t > 0 && begin < end ? x[begin - 2] : 0;
    kt_weighting_state                state = {{0, 0, 0, 0}};
    double                            x1 = back1, x2 = back2;
    for (int i = begin; i < end; i++) {
        const double now = x[i];
        (void)weighting_step(by.weight, state, now, x1, x2);
        x2 = x1;
        x1 = now;
    }
    state = joined_state(own, by, state);
    x1    = back1;
    x2    = back2;

    // Frames of the next hop, from the piece's first frame on.
    const uint64_t first  = piece.first;
    const int      from   = max(begin, 0);
    const uint64_t hop    = hop_of(first + (uint64_t)from, of.rate_hz);
    const int64_t  next   = (int64_t)((hop + 1) * of.rate_hz / 10 - first);
    double         sum[2] = {0, 0};
    for (int i = begin; i < end; i++) {
        const double now = x[i], z = weighting_step(by.weight, state, now, x1, x2);
        x2 = x1;
        x1 = now;
        sum[0] += i >= 0 && i < next ? z * z : 0;
        sum[1] += i >= next ? z * z : 0;
    }
    own.energy[t][0] = sum[0];
    own.energy[t][1] = sum[1];
    __syncthreads();

    // A thread per hop adds the chunks that it lies in, in their order.
    const uint64_t here  = hop_of(first, of.rate_hz) + (uint64_t)t;
    const int64_t  start = max((int64_t)0, (int64_t)(here * of.rate_hz / 10) - (int64_t)first);
    const int64_t  stop  = min((int64_t)piece.frames, (int64_t)((here + 1) * of.rate_hz / 10) - (int64_t)first);
    if (t >= (int)by.hops)
        return;
    double all = 0;
    for (int64_t c = (start + of.before) / by.chunk; start < stop && c <= (stop - 1 + of.before) / by.chunk; c++) {
        const int64_t of_chunk = max((int64_t)0, c * by.chunk - of.before);
        all += own.energy[c][hop_of(first + (uint64_t)of_chunk, of.rate_hz) != here];
    }
    energy[((size_t)blockIdx.y * by.hops + (size_t)t) * of.channels + blockIdx.x] = all;
}

static kt_weighting_matrix
product(const kt_weighting_matrix *a, const kt_weighting_matrix *b)
{
    kt_weighting_matrix out = {};
    for (int row = 0; row < 4; row++)
        for (int c = 0; c < 4; c++)
            for (int k = 0; k < 4; k++)
                out.m[row][c] += a->m[row][k] * b->m[k][c];
    return out;
}

static kt_weighting
weighting_of(const kt_cuda_loudness_t *self)
{
    const double             *a = self->weight.shelf_a, *h = self->weight.high_a;
    const kt_weighting_matrix step = {
        {{-a[0], -a[1], 0, 0}, {1, 0, 0, 0}, {-a[0] - 2, 1 - a[1], -h[0], -h[1]}, {0, 0, 1, 0}}};
    kt_weighting out = {self->weight, {}, (self->source.before + KT_SOURCE_FRAMES + CHUNKS - 1) / CHUNKS, self->hops};
    kt_weighting_matrix power = step;
    for (uint32_t i = 1; i < out.chunk; i++)
        power = product(&power, &step);
    for (int k = 0; k < SCANS; k++) {
        out.powers[k] = power;
        power         = product(&power, &power);
    }
    return out;
}

// --- peaks -----------------------------------------------------------------------------------------------------------

// Of each tile of a channel of a piece.
struct kt_tile {
    double squares;
    float  sample;
    float  reserved;
};

// A tile (x) of a channel (y) of a piece (z).
__global__ void
__launch_bounds__(THREADS) kt_samples_kernel(const __grid_constant__ kt_cuda_source_t of, kt_tile *tiles)
{
    __shared__ double     squares[THREADS];
    __shared__ float      sample[THREADS];
    const kt_cuda_piece_t piece = of.pieces[blockIdx.z];
    const float          *x     = piece.planes + (size_t)blockIdx.y * of.stride;
    const unsigned        t = threadIdx.x, begin = blockIdx.x * TILE_FRAMES;
    double                sum  = 0;
    float                 most = 0;
    for (unsigned i = begin + t; i < min(begin + TILE_FRAMES, piece.frames); i += THREADS) {
        sum += (double)x[i] * x[i];
        most = fmaxf(most, fabsf(x[i]));
    }
    squares[t] = sum;
    sample[t]  = most;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (t < half) {
            squares[t] += squares[t + half];
            sample[t] = fmaxf(sample[t], sample[t + half]);
        }
        __syncthreads();
    }
    if (t == 0)
        tiles[((size_t)blockIdx.z * of.channels + blockIdx.y) * TILES + blockIdx.x] = {squares[0], sample[0], 0};
}

// Largest |value| between the samples of the `windows` that begin at x, of a warp; 0: none reaches `reached`.
__device__ __forceinline__ float
group_peak(const kt_interpolation_t &between, const float *x, unsigned windows, float reached)
{
    const unsigned lane = threadIdx.x % 32;
    float          most = 0;
    for (unsigned i = lane; i < windows + KT_PEAK_TAPS - 1; i += 32)
        most = fmaxf(most, fabsf(x[i]));
    for (unsigned d = 16; d > 0; d /= 2)
        most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, d));
    if (most * between.bound <= reached)
        return 0;
    float value = 0;
    for (unsigned i = lane; i < windows; i += 32)
        for (uint32_t p = 0; p < between.phases; p++) {
            float sum = 0;
            for (unsigned k = 0; k < KT_PEAK_TAPS; k++)
                sum += between.taps[p][k] * x[i + k];
            value = fmaxf(value, fabsf(sum));
        }
    return value;
}

__global__ void
__launch_bounds__(THREADS)
    kt_between_kernel(const __grid_constant__ kt_cuda_source_t of, const __grid_constant__ kt_interpolation_t between,
                      const kt_tile *tiles, kt_peaks_t *peaks)
{
    const kt_cuda_piece_t piece = of.pieces[blockIdx.z];
    const float          *x     = piece.planes + (size_t)blockIdx.y * of.stride;
    const size_t          place = (size_t)blockIdx.z * of.channels + blockIdx.y;
    const unsigned        used  = (piece.frames + TILE_FRAMES - 1) / TILE_FRAMES;
    if (blockIdx.x >= used)
        return;
    float sample = 0;
    for (unsigned i = 0; i < used; i++)
        sample = fmaxf(sample, tiles[place * TILES + i].sample);
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        double squares = 0;
        for (unsigned i = 0; i < used; i++)
            squares += tiles[place * TILES + i].squares;
        peaks[place].sample  = sample;
        peaks[place].squares = squares;
    }
    // Windows that begin before the piece are those of the piece before; before the stream there is none.
    const int      begin = (int)(blockIdx.x * TILE_FRAMES) - (piece.first == 0 && blockIdx.x == 0 ? GROUP : 0);
    const int      end   = min((int)((blockIdx.x + 1) * TILE_FRAMES), (int)piece.frames);
    const unsigned warp  = threadIdx.x / 32;
    float          value = 0;
    for (int at = begin + (int)warp * GROUP; at < end; at += THREADS / 32 * GROUP)
        value = fmaxf(value, group_peak(between, x + at, (unsigned)min((int)GROUP, end - at), sample));
    for (unsigned d = 16; d > 0; d /= 2)
        value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, d));
    // Values are not negative, so their bits have their order.
    if (threadIdx.x % 32 == 0 && value > 0)
        atomicMax((unsigned *)&peaks[place].between, __float_as_uint(value));
}

extern "C" size_t
kt_cuda_loudness_work(uint32_t n, uint32_t channels)
{
    return (size_t)n * channels * TILES * sizeof(kt_tile);
}

extern "C" kt_err_t
kt_cuda_loudness(const kt_cuda_loudness_t *self, cudaStream_t stream)
{
    const kt_cuda_source_t *source = &self->source;
    const kt_weighting      by     = weighting_of(self);
    if (source->channels == 0 || source->channels > UINT16_MAX || source->n > UINT16_MAX)
        return KT_EINVAL;
    if (self->energy && (source->rate_hz < KT_KWEIGHT_MIN_HZ || by.chunk > source->rate_hz / 10 || by.hops > CHUNKS))
        return KT_EINVAL;
    if (source->n == 0)
        return KT_OK;
    if (self->energy)
        KT_LAUNCH(kt_weighting_kernel, dim3(source->channels, source->n), dim3(CHUNKS), 0, stream, *source, by,
                  self->energy);
    kt_tile *tiles = (kt_tile *)self->work;
    KT_LAUNCH(kt_samples_kernel, dim3(TILES, source->channels, source->n), dim3(THREADS), 0, stream, *source, tiles);
    KT_LAUNCH(kt_between_kernel, dim3(TILES, source->channels, source->n), dim3(THREADS), 0, stream, *source,
              self->between, tiles, self->peaks);
    return kt_launched();
}
