#include "coordinator/cli/plot/plot.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

enum { HZ = 43, SECONDS = 60, COLUMNS = 60, ROWS = 120 };

// A beat of 120 BPM in the first half; in the second the same at a thousandth: what is left of noise in silence.
Test(tempogram, it_is_dark_in_silence_and_bright_at_the_tempo)
{
    float *onset = calloc(HZ * SECONDS, sizeof *onset), *out = calloc(COLUMNS * ROWS, sizeof *out);
    for (size_t i = 0; i < HZ * SECONDS; i++)
        onset[i] = (i % (HZ / 2) == 0 ? 1.0F : 0.0F) * (i < HZ * SECONDS / 2 ? 1 : 0.001F);
    cr_assert_eq(kt_tempogram(onset, HZ * SECONDS, HZ, COLUMNS, ROWS, out), KT_OK);
    float loud = 0, quiet = 0;
    for (size_t r = 0; r < ROWS; r++) {
        loud  = fmaxf(loud, out[10 * ROWS + r]);
        quiet = fmaxf(quiet, out[50 * ROWS + r]);
    }
    cr_assert_gt(loud, 0.5);
    cr_assert_lt(quiet, 0.01);
    free(onset);
    free(out);
}

// The spectrogram shows a tone above the analysis rate's band where it is.
Test(plot_band, a_tone_of_15_khz_is_near_the_top_of_a_file_of_44_khz)
{
    kt_plot_data_t data = {0};
    float          pcm[44100], row[256];
    for (size_t i = 0; i < 44100; i++)
        pcm[i] = sinf(2 * (float)M_PI * 15000 * (float)i / 44100);
    cr_assert_eq(kt_plot_band_new(&data, 44100), KT_OK);
    kt_plot_band_add(&data, pcm, 44100, 1);
    cr_assert_eq(data.band_hz, 22050);
    cr_assert(kt_columns_part(&data.band, 10, 20, row));
    size_t highest = 0;
    for (size_t k = 0; k < data.band.width; k++)
        highest = row[k] > row[highest] ? k : highest;
    const double hz = kt_plot_mel(15000) / kt_plot_mel(22050) * (double)data.band.width;
    cr_assert_float_eq((double)highest + 0.5, hz, 1.5);
    kt_plot_data_fini(&data);
}
