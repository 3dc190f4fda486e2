#include "proto/job.h"
#include "tests/unit/node/audio/rhythm_signals.h"
#include "tests/unit/node/audio/track_fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(rhythm_long, .init = ax_open_8k, .fini = ax_close);

enum { RATE = 8000 };

static float *
clicks(double seconds, double apart)
{
    size_t n   = (size_t)(seconds * RATE);
    float *pcm = calloc(n, sizeof *pcm);
    for (size_t k = 0; (size_t)((0.3 + (double)k * apart) * RATE) + 400 < n; k++)
        for (size_t i = 0; i < 400; i++)
            pcm[(size_t)((0.3 + (double)k * apart) * RATE) + i] =
                (float)(0.4 * exp(-(double)i / 80) * sin(1.5 * (double)i));
    return pcm;
}

Test(rhythm_long, beats_go_on_over_the_border_of_segments)
{
    const double seconds = 660;
    float       *pcm     = clicks(seconds, 0.5);
    ax_result_t  result  = ax_analyse(pcm, (size_t)(seconds * RATE), RATE, 1, KT_OPTION_MIR, 0, 0);
    cr_expect_float_eq(rs_value(result.text, "tempo", 0), 120, 0.1);
    cr_expect_float_eq(rs_value(result.text, "onset_rate", 0), 2, 0.01);
    for (size_t i = 1150; i < 1250; i++)
        cr_expect_float_eq(rs_value(result.text, "onsets", i + 1) - rs_value(result.text, "onsets", i), 0.5, 0.02);
    double last = 0;
    for (size_t i = 0; !isnan(rs_value(result.text, "beats", i)) && i < 2000; i++) {
        double at = rs_value(result.text, "beats", i);
        cr_expect_gt(at, last, "%zu: %g after %g", i, at, last);
        last = at;
    }
    cr_expect_gt(last, 655);
    free(result.text);
    free(pcm);
}

Test(rhythm_long, chunks_change_no_byte)
{
    const double seconds = 20;
    float       *pcm     = clicks(seconds, 0.43);
    ax_result_t  whole   = ax_analyse(pcm, (size_t)(seconds * RATE), RATE, 1, KT_OPTION_MIR, 0, 0);
    for (unsigned seed = 1; seed < 6; seed++) {
        ax_result_t parts = ax_analyse(pcm, (size_t)(seconds * RATE), RATE, 1, KT_OPTION_MIR, 5000, seed);
        cr_expect_str_eq(whole.text, parts.text);
        free(parts.text);
    }
    free(whole.text);
    free(pcm);
}
