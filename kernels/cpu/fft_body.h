// The transform's source, included twice by fft.c: once with REAL double and once with REAL float. See fft.h.
// FFT(name), QUAD (four complex vectors), REAL, VEC, LANES, TWIDDLE(plan), LOAD(pointer) are given by the includer.

enum { FFT(cached) = 32 * 1024 / (2 * sizeof(VEC)) };  // complex values of a block that stays in the first cache

typedef struct {
    VEC re[4], im[4];
} QUAD;

// The four-point transform; out[s] still lacks its twiddle.
KT_INLINE QUAD
FFT(butterfly)(QUAD x)
{
    const VEC sr = x.re[0] + x.re[2], si = x.im[0] + x.im[2], dr = x.re[0] - x.re[2], di = x.im[0] - x.im[2];
    const VEC tr = x.re[1] + x.re[3], ti = x.im[1] + x.im[3], ur = x.re[1] - x.re[3], ui = x.im[1] - x.im[3];
    return (QUAD){.re = {sr + tr, dr + ui, sr - tr, dr - ui}, .im = {si + ti, di - ur, si - ti, di + ur}};
}

KT_INLINE void
FFT(store_turned)(VEC *z, QUAD y, const REAL *w, size_t quarter)
{
    z[0] = y.re[0];
    z[1] = y.im[0];
    for (size_t s = 1; s < 4; s++) {
        VEC       *to = z + 2 * s * quarter;
        const REAL wr = w[2 * s - 2], wi = w[2 * s - 1];
        to[0] = y.re[s] * wr - y.im[s] * wi;
        to[1] = y.re[s] * wi + y.im[s] * wr;
    }
}

KT_INLINE QUAD
FFT(load)(const VEC *z, size_t quarter)
{
    QUAD x;
    for (size_t s = 0; s < 4; s++) {
        x.re[s] = z[2 * s * quarter];
        x.im[s] = z[2 * s * quarter + 1];
    }
    return x;
}

// Samples, window and first pass in one: the transform's input is never stored.
static void
FFT(first_pass)(const kt_plan_t *plan, const float *const *lane, VEC *z)
{
    const size_t quarter = plan->points / 4;
    const REAL  *w       = TWIDDLE(plan);
    float        tile[4][8 * LANES] __attribute__((aligned(64)));
    for (size_t j = 0; j < quarter; j += 4) {
        for (size_t s = 0; s < 4; s++)
            load_tile(lane, 2 * (j + s * quarter), tile[s], LANES);
        for (size_t i = 0; i < 4; i++, w += 6) {
            QUAD x;
            for (size_t s = 0; s < 4; s++) {
                const double *window = plan->window + 2 * (j + i + s * quarter);
                x.re[s]              = LOAD(tile[s] + 2 * i * LANES) * (REAL)(0.5 * window[0]);
                x.im[s]              = LOAD(tile[s] + (2 * i + 1) * LANES) * (REAL)(0.5 * window[1]);
            }
            FFT(store_turned)(z + 2 * (j + i), FFT(butterfly)(x), w, quarter);
        }
    }
}

static void
FFT(pass)(VEC *z, size_t len, const REAL *w)
{
    const size_t quarter = len / 4;
    for (size_t j = 0; j < quarter; j++, z += 2, w += 6)
        FFT(store_turned)(z, FFT(butterfly)(FFT(load)(z, quarter)), w, quarter);
}

// The last pass has no twiddles: radix 4, or radix 2 if a factor of two is left.
static void
FFT(last_pass)(VEC *z, size_t count, size_t len)
{
    for (VEC *end = z + 2 * count; len == 4 && z < end; z += 8) {
        const QUAD y = FFT(butterfly)(FFT(load)(z, 1));
        for (size_t s = 0; s < 4; s++) {
            z[2 * s]     = y.re[s];
            z[2 * s + 1] = y.im[s];
        }
    }
    for (VEC *end = z + 2 * count; len == 2 && z < end; z += 4) {
        const VEC re = z[0], im = z[1];
        z[0] = re + z[2];
        z[1] = im + z[3];
        z[2] = re - z[2];
        z[3] = im - z[3];
    }
}

// What comes after the first pass.
static void
FFT(other_passes)(const kt_plan_t *plan, VEC *z)
{
    size_t      len = plan->points / 4;
    const REAL *w   = TWIDDLE(plan) + 6 * len;
    for (; len > FFT(cached); w += 6 * (len / 4), len /= 4)
        for (size_t at = 0; at < plan->points; at += len)
            FFT(pass)(z + 2 * at, len, w);
    for (size_t at = 0; at < plan->points; at += len) {
        const REAL *inner = w;
        size_t      sub   = len;
        for (; sub > 4; inner += 6 * (sub / 4), sub /= 4)
            for (size_t i = at; i < at + len; i += sub)
                FFT(pass)(z + 2 * i, sub, inner);
        FFT(last_pass)(z + 2 * at, len, sub);
    }
}

void
KT_NAME(FFT(kt_fft))(const kt_plan_t *plan, const float *const *lane, VEC *z)
{
    FFT(first_pass)(plan, lane, z);
    FFT(other_passes)(plan, z);
}

void
KT_NAME(FFT(kt_fft_values))(const kt_plan_t *plan, VEC *z)
{
    FFT(pass)(z, plan->points, TWIDDLE(plan));
    FFT(other_passes)(plan, z);
}
