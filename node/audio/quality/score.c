// quality_score = product of the parts; each part is in 0..1, is 1 for a flawless file and falls as its fault grows:
//
//   noise       1 / (1 + 10^((8 - snr) / 10))          half at 8 dB; .86 at 16, .98 at 25 (dense music reads 17 to 35)
//   clipping    1 / (1 + clipping_ratio / 0.02)        half where 2 % of the samples are cut
//   bandwidth   min(band_limit, 20 kHz) / 20 kHz
//   distortion  1 / (1 + thd / 0.05)
//   hum         1 / (1 + 10^((hum_level + 30) / 20))   half at 30 dB under the whole
//   dropouts    1 / (1 + dropouts per minute)
//   clicks      1 / (1 + clicks per minute / 10)
//   offset      1 / (1 + (dc_offset / 0.05)^2)         half at 0.05; .94 at 0.0125
//   phase       1 - min(0, stereo_correlation)^2 / 2   half when one channel is the other upside down
//
// A fault that cannot be measured or does not apply (mono, no pitch that lasts, no noise found) counts as absent; so
// does the band of a test tone (where thd is given), which is the tone's own.
#include "node/audio/quality/quality.h"

#include <math.h>

const char *const kt_fault_names[KT_FAULTS] = {
    [KT_FAULT_NOISE] = "noise",           [KT_FAULT_CLIPPING] = "clipping", [KT_FAULT_BANDWIDTH] = "bandwidth",
    [KT_FAULT_DISTORTION] = "distortion", [KT_FAULT_HUM] = "hum",           [KT_FAULT_DROPOUTS] = "dropouts",
    [KT_FAULT_CLICKS] = "clicks",         [KT_FAULT_OFFSET] = "offset",     [KT_FAULT_PHASE] = "phase",
};

double
kt_quality_part(kt_fault_t fault, double value)
{
    if (isnan(value))
        return 1;
    switch (fault) {
    case KT_FAULT_NOISE: return 1 / (1 + pow(10, (8 - value) / 10));
    case KT_FAULT_CLIPPING: return 1 / (1 + value / 0.02);
    case KT_FAULT_BANDWIDTH: return fmin(value, 20000) / 20000;
    case KT_FAULT_DISTORTION: return 1 / (1 + value / 0.05);
    case KT_FAULT_HUM: return 1 / (1 + pow(10, (value + 30) / 20));
    case KT_FAULT_DROPOUTS: return 1 / (1 + value);
    case KT_FAULT_CLICKS: return 1 / (1 + value / 10);
    case KT_FAULT_OFFSET: return 1 / (1 + value * value / 0.0025);
    case KT_FAULT_PHASE: return 1 - fmin(0, value) * fmin(0, value) / 2;
    default: return 1;
    }
}

double
kt_quality_score(const double parts[KT_FAULTS])
{
    double score = 1;
    for (size_t i = 0; i < KT_FAULTS; i++)
        score *= parts[i];
    return score;
}
