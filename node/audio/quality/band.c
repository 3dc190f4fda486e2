// The band limit: the upper edge of the highest band (16 bins, 172 Hz at 44.1 kHz) that in at least 2 % of the frames
// is above the noise of rounding to 16 bits with dither (-92 dBFS if all bands held as much).
//
// Lossy coders end their band with a brick wall whose frequency depends on the bit rate. There is one where the
// spectrum is filled for 2 kHz below the limit and the mean level falls by 35 dB or more from there to above it; the
// rate follows from LAME's table of low-pass frequencies (lame.c, optimum_bandwidth), the limits half way between its
// rows after some 0.4 kHz for the filter's slope. Other coders are named by the MP3 rate that has the same wall; a file
// that was once at a lower sample rate can have such a wall too.
#include "node/audio/quality/quality.h"

#include <math.h>

static const double ROUNDING = 6.3e-10, SHARE = 0.02, FALL_DB = 35;

void
kt_band_add(kt_band_t *self, const float *bands, size_t bins)
{
    for (size_t b = 0; b < bins / KT_BAND_BINS; b++) {
        const float sum = bands[2 * b] + bands[2 * b + 1];
        self->powers[b] += sum / KT_BAND_BINS;
        self->above[b] += sum > ROUNDING * KT_BAND_BINS;
    }
    self->frames++;
}

void
kt_band_merge(kt_band_t *self, const kt_band_t *more)
{
    self->frames += more->frames;
    for (size_t b = 0; b < KT_BANDS_MAX; b++) {
        self->above[b] += more->above[b];
        self->powers[b] += more->powers[b];
    }
}

static bool
is_band_filled(const kt_band_t *self, size_t band)
{
    return self->above[band] > 1 && self->above[band] >= SHARE * self->frames;
}

double
kt_band_limit(const kt_band_t *self, size_t bins, double nyquist_hz)
{
    const size_t bands = bins / KT_BAND_BINS;
    for (size_t b = bands; b > 0; b--)
        if (is_band_filled(self, b - 1))
            return nyquist_hz * (double)b / (double)bands;
    return 0;
}

// Mean level between two frequencies, dB; never below the rounding of 24 bits.
static double
level_between(const kt_band_t *self, double from_hz, double to_hz, double band_hz, size_t bands)
{
    double sum = 0, n = 0;
    for (size_t b = (size_t)(from_hz / band_hz); (double)b * band_hz < to_hz && b < bands; b++, n++)
        sum += 10 * log10(self->powers[b] / self->frames + 1e-15);
    return n > 0 ? sum / n : 0;
}

const char *
kt_band_source(const kt_band_t *self, size_t bins, double nyquist_hz, double limit_hz)
{
    enum { LOWEST_HZ = 3500, FILLED_HZ = 2000 };
    static const struct {
        double      up_to_hz;
        const char *name;
    } rows[] = {
        {4700, "mp3_24"},   {6900, "mp3_32"},   {7700, "mp3_40"},   {9000, "mp3_48"},   {12700, "mp3_64"},
        {14800, "mp3_80"},  {15900, "mp3_96"},  {16500, "mp3_112"}, {17300, "mp3_128"}, {18300, "mp3_160"},
        {19350, "mp3_192"}, {20000, "mp3_256"}, {20700, "mp3_320"},
    };
    const size_t bands   = bins / KT_BAND_BINS;
    const double band_hz = nyquist_hz / (double)bands;
    if (limit_hz < LOWEST_HZ || limit_hz > 0.97 * nyquist_hz)
        return "none";
    for (double hz = limit_hz - FILLED_HZ; hz < limit_hz - band_hz; hz += band_hz)
        if (!is_band_filled(self, (size_t)(hz / band_hz)))
            return "none";
    const double fall = level_between(self, limit_hz - 1500, limit_hz - 500, band_hz, bands) -
                        level_between(self, limit_hz + 200, limit_hz + 900, band_hz, bands);
    if (!(fall >= FALL_DB))
        return "none";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (limit_hz <= rows[i].up_to_hz)
            return rows[i].name;
    return "none";
}
