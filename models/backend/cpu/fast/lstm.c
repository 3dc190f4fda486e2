// The recurrent part of an LSTM: one product of a matrix and a vector per frame, whose columns are taken in blocks that
// stay in registers; then the gates.
#include "models/backend/cpu/fast/fast_kernels.h"

enum { VECTORS = 8, BLOCK = VECTORS * KT_LANES };

static void
recurrent_block(float *out, const float *gates, size_t n, const float *r, const float *h, size_t hidden)
{
    vf_t  acc[VECTORS];
    float start[BLOCK] = {0};
    memcpy(start, gates, n * sizeof *gates);
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++)
        acc[v] = vf_load(start + v * KT_LANES);
    for (size_t k = 0; k < hidden; k++, r += BLOCK) {
        const vf_t x = vf_all(h[k]);
#pragma GCC unroll 8
        for (int v = 0; v < VECTORS; v++)
            acc[v] += x * vf_load(r + v * KT_LANES);
    }
#pragma GCC unroll 8
    for (int v = 0; v < VECTORS; v++)
        vf_store(out + v * KT_LANES, acc[v]);
}

void
KT_NAME(kt_fast_lstm)(float *y, const float *gates, size_t frames, size_t hidden, const float *r, float *h, float *c,
                      float *work)
{
    const size_t n = 4 * hidden;
    for (size_t t = 0; t < frames; t++, gates += n, y += hidden) {
        for (size_t j = 0; j < n; j += BLOCK)
            recurrent_block(work + j, gates + j, n - j < BLOCK ? n - j : BLOCK, r + j * hidden, h, hidden);
        const float *in = work, *forget = work + hidden, *cell = work + 2 * hidden, *out = work + 3 * hidden;
#pragma GCC ivdep
        for (size_t i = 0; i < hidden; i++) {
            c[i] = f_sigmoid(forget[i]) * c[i] + f_sigmoid(in[i]) * f_tanh(cell[i]);
            h[i] = f_sigmoid(out[i]) * f_tanh(c[i]);
        }
        memcpy(y, h, hidden * sizeof *y);
    }
}
