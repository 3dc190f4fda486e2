#include "coordinator/cli/plot/plot.h"

#include <math.h>
#include <stdlib.h>

#define WINDOW_S 8.9
#define FAINT 0.01F  // of the largest energy of the envelope: 10 % of its amplitude

// The envelope around a frame under a Hann window, without its mean; 0 outside the file.
static void
window_onset(const float *onset, size_t n, int64_t first, size_t length, float *out)
{
    double sum = 0;
    for (size_t i = 0; i < length; i++) {
        int64_t at = first + (int64_t)i;
        out[i]     = at >= 0 && at < (int64_t)n ? onset[at] : 0;
        sum += out[i];
    }
    float mean = (float)(sum / (double)length);
    for (size_t i = 0; i < length; i++)
        out[i] = (out[i] - mean) * (float)(0.5 - 0.5 * cos(2 * M_PI * ((double)i + 0.5) / (double)length));
}

static void
autocorrelate(const float *x, size_t length, size_t lags, float *out)
{
    for (size_t lag = 0; lag < lags; lag++) {
        float sum = 0;
        for (size_t i = 0; i + lag < length; i++)
            sum += x[i] * x[i + lag];
        out[lag] = sum;
    }
}

static double
interpolate(const float *values, size_t n, double at)
{
    size_t below = (size_t)at;
    double part  = at - (double)below;
    return below + 1 < n ? values[below] + part * (values[below + 1] - values[below]) : values[n - 1];
}

// Weight of each column from its energy beside the largest: 1 from FAINT on, 0 in silence.
static void
mask_faint(const float *energy, size_t columns, size_t rows, float *out)
{
    float most = 0;
    for (size_t c = 0; c < columns; c++)
        most = fmaxf(most, energy[c]);
    for (size_t c = 0; c < columns && most > 0; c++)
        for (size_t r = 0; r < rows; r++)
            out[c * rows + r] *= fminf(1, energy[c] / (FAINT * most));
}

kt_err_t
kt_tempogram(const float *onset, size_t n, double frames_hz, size_t columns, size_t rows, float *out)
{
    size_t   length = (size_t)(WINDOW_S * frames_hz) + 1;
    size_t   lags   = (size_t)(60 * frames_hz / KT_TEMPOGRAM_MIN_BPM) + 2;
    float   *cut = calloc(length, sizeof *cut), *correlation = calloc(lags, sizeof *correlation);
    float   *energy = calloc(columns, sizeof *energy);
    kt_err_t err    = cut && correlation && energy ? KT_OK : KT_ENOMEM;
    for (size_t c = 0; c < columns && !err; c++) {
        double  centre = ((double)c + 0.5) / (double)columns * (double)n;
        int64_t first  = (int64_t)centre - (int64_t)length / 2;
        window_onset(onset, n, first, length, cut);
        autocorrelate(cut, length, lags < length ? lags : length, correlation);
        energy[c] = correlation[0];
        for (size_t r = 0; r < rows; r++) {
            double lag = 60 * frames_hz /
                         (KT_TEMPOGRAM_MIN_BPM *
                          pow(KT_TEMPOGRAM_MAX_BPM / KT_TEMPOGRAM_MIN_BPM, (double)r / (double)(rows - 1)));
            double now        = correlation[0] > 0 ? interpolate(correlation, lags, lag) / correlation[0] : 0;
            out[c * rows + r] = (float)fmax(0, now);
        }
    }
    if (!err)
        mask_faint(energy, columns, rows, out);
    free(cut);
    free(correlation);
    free(energy);
    return err;
}
