#include "node/audio/quality/state.h"

#include <math.h>

// Of all analysed channels together.
typedef struct whole {
    double n, power;  // frames; mean square without the offset
    double offset;    // of the channel where it is largest
    double clipped, dropouts, clicks;
} whole_t;

static whole_t
whole_of(const kt_quality_t *self)
{
    whole_t out = {.n = (double)self->done};
    for (uint32_t c = 0; c < self->used; c++) {
        const kt_channel_facts_t *facts = &self->channel[c].facts;
        const double              mean  = facts->sum / out.n;
        out.power += fmax(facts->squares / out.n - mean * mean, 0) / self->used;
        out.offset = fabs(mean) > fabs(out.offset) ? mean : out.offset;
        out.clipped += (double)kt_channel_facts_clipped(facts) / (out.n * self->used);
        out.dropouts = fmax(out.dropouts, (double)facts->dropouts);
        out.clicks   = fmax(out.clicks, (double)facts->clicks);
    }
    return out;
}

// NAN, or beyond the feature table's range: null with this reason.
static void
write_in_range(kt_document_t *document, kt_feature_t feature, double value, const char *reason)
{
    const kt_feature_desc_t *desc = kt_feature_desc(feature);
    if (isnan(value))
        kt_document_null(document, feature, reason);
    else if (!(value >= desc->min && value <= desc->max))
        kt_document_null(document, feature, "out of range: samples far beyond full scale");
    else if (desc->shape == KT_SHAPE_INT)
        kt_document_int(document, feature, (int64_t)value);
    else
        kt_document_real(document, feature, value);
}

// Returns what counts in the score: NAN where no noise was found.
static double
write_snr(const kt_quality_t *self, const whole_t *whole, kt_document_t *document)
{
    const double NONE = 96, DROWNED = -6;  // dB
    const char  *reason = "shorter than four seconds of sound";
    double       snr = NAN, counts = NAN;
    if (self->noise.frames >= KT_NOISE_MIN_FRAMES) {
        double rumble = 0;
        for (uint32_t c = 0; c < self->used; c++)
            rumble += kt_lowband_rumble(&self->channel[c].low) / self->used;
        const double noise =
            kt_noise_power(&self->noise, self->n_fft) + fmin(rumble, kt_noise_below(&self->noise, self->n_fft));
        const double total = whole->power * self->spectra_seen / self->noise.frames;
        snr = counts = 10 * log10(fmax(total - noise, 1e-3 * total) / fmax(noise, 1e-12 * total));
    }
    if (snr > NONE) {
        snr = counts = NAN;
        reason       = "no noise floor above what 16 bits can hold";
    } else if (snr < DROWNED) {
        snr    = NAN;
        reason = "nothing stands out of the noise";
    }
    write_in_range(document, KT_FEATURE_QUALITY_snr, snr, self->spectra ? reason : "not defined at this sample rate");
    return counts;
}

static double
write_band(const kt_quality_t *self, kt_document_t *document)
{
    const size_t bins  = self->n_fft / 2;
    const double limit = self->band.frames ? kt_band_limit(&self->band, bins, self->rate_hz / 2.0) : 0;
    if (limit == 0) {
        const char *reason = self->spectra ? "too little sound for a spectrum" : "not defined at this sample rate";
        kt_document_null(document, KT_FEATURE_QUALITY_band_limit, reason);
        kt_document_null(document, KT_FEATURE_QUALITY_lossy_source, reason);
        return NAN;
    }
    kt_document_real(document, KT_FEATURE_QUALITY_band_limit, limit);
    kt_document_text(document, KT_FEATURE_QUALITY_lossy_source,
                     kt_band_source(&self->band, bins, self->rate_hz / 2.0, limit));
    return limit;
}

static double
write_hum(const kt_quality_t *self, const whole_t *whole, kt_document_t *document)
{
    double      level  = NAN;
    const int   found  = kt_hum_found(&self->hum, whole->power, &level);
    const char *reason = self->hum.windows < KT_HUM_MIN_WINDOWS ? "too short to tell hum from notes" : "no mains hum";
    level              = found == KT_HUM_NONE ? NAN : level;
    write_in_range(document, KT_FEATURE_QUALITY_hum_frequency, found == KT_HUM_NONE ? NAN : 50 + 10 * found, reason);
    write_in_range(document, KT_FEATURE_QUALITY_hum_level, level, reason);
    return level;
}

static double
write_stereo(const kt_quality_t *self, const whole_t *whole, kt_document_t *document)
{
    const double INVERTED = -0.8;
    const char  *reason   = self->used < 2 ? "one channel" : "a channel without sound";
    double       r        = NAN;
    if (self->used == 2)
        (void)kt_stereo_correlation(&self->stereo, &self->channel[0].facts, &self->channel[1].facts, whole->n, &r);
    write_in_range(document, KT_FEATURE_QUALITY_stereo_correlation, r, reason);
    if (isnan(r))
        kt_document_null(document, KT_FEATURE_QUALITY_phase_inverted, reason);
    else
        kt_document_bool(document, KT_FEATURE_QUALITY_phase_inverted, r <= INVERTED);
    return r;
}

void
kt_quality_report(const kt_quality_t *self, kt_document_t *document)
{
    const whole_t whole = whole_of(self);
    double        thd   = NAN;
    (void)kt_tone_thd(&self->tone, self->n_fft / 2 + 1, &thd);
    write_in_range(document, KT_FEATURE_QUALITY_thd, thd, "no single pitch dominates");
    const double band              = write_band(self, document);
    const double minutes           = fmax(whole.n / self->rate_hz / 60, 1.0 / 60);
    const double values[KT_FAULTS] = {
        [KT_FAULT_NOISE]      = write_snr(self, &whole, document),
        [KT_FAULT_CLIPPING]   = whole.clipped,
        [KT_FAULT_BANDWIDTH]  = isnan(thd) ? band : NAN,  // a test tone has no band to fill
        [KT_FAULT_DISTORTION] = thd,
        [KT_FAULT_HUM]        = write_hum(self, &whole, document),
        [KT_FAULT_DROPOUTS]   = whole.dropouts / minutes,
        [KT_FAULT_CLICKS]     = whole.clicks / minutes,
        [KT_FAULT_OFFSET]     = fabs(whole.offset),
        [KT_FAULT_PHASE]      = write_stereo(self, &whole, document),
    };
    const bool   quiet = self->first_sound == UINT64_MAX;
    const double head  = (double)self->first_sound / self->rate_hz;
    const double tail  = (double)(self->done - 1 - self->last_sound) / self->rate_hz;
    write_in_range(document, KT_FEATURE_QUALITY_clipping_ratio, whole.clipped, "");
    write_in_range(document, KT_FEATURE_QUALITY_dc_offset, whole.offset, "");
    write_in_range(document, KT_FEATURE_QUALITY_dropouts, whole.dropouts, "");
    write_in_range(document, KT_FEATURE_QUALITY_clicks, whole.clicks, "");
    write_in_range(document, KT_FEATURE_QUALITY_silence_head, quiet ? NAN : head, "never louder than -60 dBFS");
    write_in_range(document, KT_FEATURE_QUALITY_silence_tail, quiet ? NAN : tail, "never louder than -60 dBFS");

    double parts[KT_FAULTS];
    for (int i = 0; i < KT_FAULTS; i++) {
        parts[i] = kt_quality_part((kt_fault_t)i, values[i]);
        kt_document_pair(document, KT_FEATURE_QUALITY_quality_parts, kt_fault_names[i], parts[i]);
    }
    kt_document_real(document, KT_FEATURE_QUALITY_quality_score, kt_quality_score(parts));
}

void
kt_quality_report_nothing(kt_document_t *document, const char *reason)
{
    static const kt_feature_t all[] = {
        KT_FEATURE_QUALITY_snr,
        KT_FEATURE_QUALITY_thd,
        KT_FEATURE_QUALITY_quality_score,
        KT_FEATURE_QUALITY_quality_parts,
        KT_FEATURE_QUALITY_clipping_ratio,
        KT_FEATURE_QUALITY_dc_offset,
        KT_FEATURE_QUALITY_stereo_correlation,
        KT_FEATURE_QUALITY_phase_inverted,
        KT_FEATURE_QUALITY_hum_frequency,
        KT_FEATURE_QUALITY_hum_level,
        KT_FEATURE_QUALITY_band_limit,
        KT_FEATURE_QUALITY_lossy_source,
        KT_FEATURE_QUALITY_silence_head,
        KT_FEATURE_QUALITY_silence_tail,
        KT_FEATURE_QUALITY_dropouts,
        KT_FEATURE_QUALITY_clicks,
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        kt_document_null(document, all[i], reason);
}
