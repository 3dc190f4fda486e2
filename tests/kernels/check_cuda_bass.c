// The bass on the device: low values against their definition; rows of the same power spectra to the last bit.
#include "kernels/cuda/bass.h"
#include "tests/kernels/check_cuda.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROW = 1024, RATE_HZ = 22050 };

static float
noise(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return (float)(*state >> 8) / 8388608.0F - 1;
}

// Windows of a Hann window over four steps.
static void
low_values_are_right(uint32_t values)
{
    const double    turn = 6.283185307179586476925;
    kt_bass_shape_t shape;
    if (!check(kt_bass_shape_of(RATE_HZ, ROW, &shape) == KT_OK, "bass: shape"))
        exit(1);
    const uint32_t step = shape.step, length = KT_BASS_STEPS * step;
    const size_t   samples = (size_t)(values + KT_BASS_STEPS - 1) * step;
    float         *in = calloc(samples, sizeof *in), *got = calloc(values + 1, sizeof *got);
    float         *tap         = calloc(KT_BASS_SUMS * (size_t)step, sizeof *tap);
    uint8_t       *pitch_class = calloc(shape.past, sizeof *pitch_class);
    uint32_t       state       = values;
    if (!check(in && got && tap && pitch_class, "memory"))
        exit(1);
    for (size_t i = 0; i < samples; i++)
        in[i] = noise(&state);
    kt_bass_tables(&shape, step, tap, pitch_class);
    float *device_in = device_copy(in, samples * sizeof *in), *low = device_new(values * sizeof *low);
    float *device_tap = device_copy(tap, KT_BASS_SUMS * (size_t)step * sizeof *tap);
    check(kt_cuda_bass_low(&(kt_cuda_bass_low_t){device_in, device_tap, low, values, step}, NULL) == KT_OK,
          "bass: low");
    device_read(got, low, values * sizeof *got);
    for (uint32_t v = 0; v < values; v++) {
        double want = 0;
        for (uint32_t i = 0; i < length; i++)
            want += in[v * step + i] * (1 - cos(turn * (i + 0.5) / length)) / length;
        if (!check(fabs(got[v] - want) <= 1e-6, "bass: low value %u of %u: %g, not %g", v, values, (double)got[v],
                   want))
            break;
    }
    device_free(device_in);
    device_free(device_tap);
    device_free(low);
    free(in);
    free(got);
    free(tap);
    free(pitch_class);
}

// The row of a power spectrum, by its definition, in the order of the bins.
static void
row_of(const kt_bass_shape_t *shape, const uint8_t *pitch_class, const float *power, uint16_t out[KT_BASS_WIDTH])
{
    double sum[KT_BASS_WIDTH] = {0}, square = 0, whole = 0;
    for (size_t b = shape->first; b < shape->past; b++) {
        whole += power[b];
        sum[pitch_class[b]] += sqrtf(sqrtf(power[b]));
    }
    for (size_t c = 0; c < KT_BASS_WIDTH; c++)
        square += sum[c] * sum[c];
    const double scale = whole > KT_BASS_LEAST_POWER && isfinite(square) ? UINT16_MAX / sqrt(square) : 0;
    for (size_t c = 0; c < KT_BASS_WIDTH; c++)
        out[c] = scale > 0 ? (uint16_t)(sum[c] * scale + 0.5) : 0;
}

// Powers of some decades; rows of silence, and of what a damaged file leaves.
static float
power_of(size_t row, uint32_t *state)
{
    const float some = expf(20 * noise(state));
    return row % 7 == 2 ? 0 : row % 7 == 4 ? 1e-20F * some : row % 7 == 6 ? INFINITY : some;
}

static void
rows_are_right(uint32_t rows)
{
    kt_bass_shape_t shape;
    uint32_t        state = rows + 3;
    if (!check(kt_bass_shape_of(RATE_HZ, ROW, &shape) == KT_OK, "bass: shape"))
        exit(1);
    const size_t floats = (size_t)rows * shape.past, units = (size_t)rows * KT_BASS_WIDTH;
    float       *power = calloc(floats, sizeof *power), *tap = calloc(KT_BASS_SUMS * (size_t)shape.step, sizeof *tap);
    uint8_t     *pitch_class = calloc(shape.past, sizeof *pitch_class);
    uint16_t    *got         = calloc(units, sizeof *got), want[KT_BASS_WIDTH];
    if (!check(power && tap && pitch_class && got, "memory"))
        exit(1);
    for (size_t i = 0; i < floats; i++)
        power[i] = power_of(i / shape.past, &state);
    kt_bass_tables(&shape, shape.step, tap, pitch_class);
    float                    *in     = device_copy(power, floats * sizeof *power);
    uint8_t                  *of     = device_copy(pitch_class, shape.past);
    uint16_t                 *out    = device_new(units * sizeof *out);
    const kt_cuda_bass_rows_t device = {in, of, out, rows, shape.first, shape.past};
    check(kt_cuda_bass_rows(&device, NULL) == KT_OK, "bass: rows");
    device_read(got, out, units * sizeof *out);
    for (uint32_t r = 0; r < rows; r++) {
        row_of(&shape, pitch_class, power + (size_t)r * shape.past, want);
        check(memcmp(want, got + (size_t)r * KT_BASS_WIDTH, sizeof want) == 0, "bass: row %u of %u", r, rows);
    }
    device_free(in);
    device_free(of);
    device_free(out);
    free(power);
    free(tap);
    free(pitch_class);
    free(got);
}

void
check_cuda_bass(bool all)
{
    low_values_are_right(300);
    rows_are_right(20);
    if (!all)
        return;
    static const uint32_t some[] = {1, 2, 124, 125, 126, 250};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        low_values_are_right(some[i]);
        rows_are_right(some[i] % 34);
    }
    check(kt_cuda_bass_low(&(kt_cuda_bass_low_t){.values = 1, .step = 6}, NULL) == KT_EINVAL, "bass: a step of six");
    check(kt_cuda_bass_low(&(kt_cuda_bass_low_t){.values = 1, .step = 68}, NULL) == KT_EINVAL, "bass: a long step");
    check(kt_cuda_bass_rows(&(kt_cuda_bass_rows_t){.rows = 1, .past = 193}, NULL) == KT_EINVAL, "bass: many bins");
    check(kt_cuda_bass_low(&(kt_cuda_bass_low_t){.step = 16}, NULL) == KT_OK, "bass: none");
    check(kt_cuda_bass_rows(&(kt_cuda_bass_rows_t){0}, NULL) == KT_OK, "bass: no rows");
}
