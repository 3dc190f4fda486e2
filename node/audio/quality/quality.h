// The parts of the quality module: each is a small state that takes the facts of blocks or spectra in the order of the
// stream, and returns its result at the end. All are plain values: a copy of one is a snapshot of it. `clear_counts`
// drops the counts and keeps the state of filters and runs; `precede` adds the counts of the range before
// (node/audio/track.h). One thread. Powers are those of a periodogram: the mean over all bins of both sides is the mean
// square of the samples.
#pragma once

#include "kernels/audio/block_facts.h"
#include "kernels/audio/spectrum_facts.h"
#include "node/audio/quality/levels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// --- samples.c: one channel, block by block
typedef struct kt_block {
    const kt_block_facts_t  *facts;
    const float             *x;        // NULL: they are not needed
    const kt_sample_group_t *groups;   // of x
    size_t                   samples;  // KT_BLOCK_SAMPLES; fewer in the last block, whose last group zeros complete
} kt_block_t;
typedef struct kt_flat_tops {
    float    peak;    // of this sign, as a positive number
    float    before;  // the last sample that was not at the peak
    uint64_t run, samples;
} kt_flat_tops_t;

typedef struct kt_channel_facts {
    uint64_t       groups;
    double         sum, squares;
    kt_flat_tops_t tops[2];  // above, below
    uint64_t       zeros;    // length of the run of zeros that the last group ends with
    float          level;    // loudest of the last group's samples
    float          gap_level;
    bool           gap_open;         // a gap has ended; what follows decides
    float          bends[2], spike;  // of the two groups before, of the last one: for clicks
    uint64_t       dropouts, clicks;
} kt_channel_facts_t;
void kt_channel_facts_init(kt_channel_facts_t *self);
bool kt_channel_facts_needs_samples(const kt_channel_facts_t *self, const kt_block_facts_t *block);
void kt_channel_facts_add(kt_channel_facts_t *self, const kt_samples_ops_t *ops, const kt_block_t *block,
                          uint32_t rate_hz);
void kt_channel_facts_clear_counts(kt_channel_facts_t *self);
void kt_channel_facts_precede(kt_channel_facts_t *self, const kt_channel_facts_t *before);
// Samples in flat tops, those of an open run included.
uint64_t kt_channel_facts_clipped(const kt_channel_facts_t *self);

// --- lowband.c: the band below some 200 Hz, at 1/64 of the rate: rumble, and the samples for the hum
enum { KT_LOWBAND_WINDOW = 8192 };
typedef struct kt_butterworth {
    double b0, a1, a2, state[2];
} kt_butterworth_t;
typedef struct kt_lowband {
    double           low_rate_hz;  // of the values
    float            taps[KT_LOWPASS_TAPS], sums[KT_LOWPASS_TAPS + KT_BLOCK_GROUPS * KT_GROUP_SUMS];
    uint64_t         values;          // at the low rate
    double           mean;            // slow: 2 s
    kt_butterworth_t filter[2];       // two sections below 16 Hz
    double           window, rumble;  // sum of squares of the present half second; of all
    uint64_t         in_window, windows;
    kt_levels_t      levels;  // of half seconds
} kt_lowband_t;
void kt_lowband_init(kt_lowband_t *self, uint32_t rate_hz, uint64_t values);  // values: that the stream had before
void kt_lowband_clear_counts(kt_lowband_t *self);
void kt_lowband_precede(kt_lowband_t *self, const kt_lowband_t *before);
// The low-pass of at most KT_BLOCK_GROUPS groups: one value each.
void kt_lowband_values(kt_lowband_t *self, const kt_samples_ops_t *ops, const kt_sample_group_t *groups, size_t n,
                       float *out);
// Those values, of the whole stream in order, less their offset.
void   kt_lowband_add(kt_lowband_t *self, float *values, size_t n);
double kt_lowband_rumble(const kt_lowband_t *self);  // steady power below 16 Hz; 0 before the first half second

// --- hum.c: spectra of the low band
typedef struct kt_hum {
    uint32_t    windows, present[2];  // 50, 60 Hz
    kt_levels_t level[2];
} kt_hum_t;
enum { KT_HUM_SECONDS = 3, KT_HUM_MIN_WINDOWS = 3, KT_HUM_NONE = -1 };
void kt_hum_merge(kt_hum_t *self, const kt_hum_t *more);
void kt_hum_add(kt_hum_t *self, const float *powers, size_t n_fft, double low_rate_hz);
// 0: 50 Hz, 1: 60 Hz, KT_HUM_NONE. *level_db under `total`, the whole's power.
int kt_hum_found(const kt_hum_t *self, double total, double *level_db);

// --- noise.c: the noise floor by minimum statistics
enum { KT_NOISE_GROUPS = 24, KT_NOISE_MIN_FRAMES = 16 };
typedef struct kt_noise {
    uint32_t    frames, groups;
    uint32_t    edge[KT_NOISE_GROUPS + 1];  // in bands of KT_SPECTRUM_BAND bins
    kt_levels_t level[KT_NOISE_GROUPS];
    double      sum[KT_NOISE_GROUPS];
} kt_noise_t;
void   kt_noise_init(kt_noise_t *self, size_t bins);
void   kt_noise_merge(kt_noise_t *self, const kt_noise_t *more);
void   kt_noise_add(kt_noise_t *self, const float *bands);  // kt_spectrum_facts_of
double kt_noise_power(const kt_noise_t *self, size_t n_fft);
double kt_noise_below(const kt_noise_t *self, size_t n_fft);  // 16 Hz at most: the lowest group's, continued as 1/f

// --- distortion.c: harmonics of a tone that lasts
typedef struct kt_tone {
    double   bin;  // the fundamental, in bins
    int64_t  votes;
    uint32_t frames, sounding;
    double   powers[KT_SPECTRUM_BINS];
} kt_tone_t;
// Of each frame that sounds. True: its powers are to be added; if frames is 1 now, those of earlier frames count no
// more.
bool kt_tone_vote(kt_tone_t *self, double pitch);
void kt_tone_add(kt_tone_t *self, const float *powers, size_t bins);
// Two parts of a stream: their spectra together where they hold one tone, else those of the more frequent one.
void kt_tone_merge(kt_tone_t *self, const kt_tone_t *more);
bool kt_tone_thd(const kt_tone_t *self, size_t bins, double *thd);  // false: no tone lasts

// --- band.c: where the spectrum ends
enum { KT_BAND_BINS = 2 * KT_SPECTRUM_BAND, KT_BANDS_MAX = KT_SPECTRUM_BINS / KT_BAND_BINS };
typedef struct kt_band {
    uint32_t frames, above[KT_BANDS_MAX];  // frames in which the band is above the rounding of 16 bits
    double   powers[KT_BANDS_MAX];
} kt_band_t;
void        kt_band_add(kt_band_t *self, const float *bands, size_t bins);  // kt_spectrum_facts_of
void        kt_band_merge(kt_band_t *self, const kt_band_t *more);
double      kt_band_limit(const kt_band_t *self, size_t bins, double nyquist_hz);  // 0: nothing
const char *kt_band_source(const kt_band_t *self, size_t bins, double nyquist_hz, double limit_hz);

// --- stereo.c
typedef struct kt_stereo {
    double product;
} kt_stereo_t;
// Correlation of two channels; false where one of them does not move.
bool kt_stereo_correlation(const kt_stereo_t *self, const kt_channel_facts_t *left, const kt_channel_facts_t *right,
                           double n, double *correlation);

// --- score.c: parts and score. A part is 1 where the fault is absent or cannot be measured.
typedef enum kt_fault {
    KT_FAULT_NOISE,       // SNR, dB; NAN: none
    KT_FAULT_CLIPPING,    // clipping_ratio
    KT_FAULT_BANDWIDTH,   // band_limit, Hz
    KT_FAULT_DISTORTION,  // THD; NAN: not known
    KT_FAULT_HUM,         // hum_level, dB; NAN: none
    KT_FAULT_DROPOUTS,    // per minute
    KT_FAULT_CLICKS,      // per minute
    KT_FAULT_OFFSET,      // |dc_offset| over full scale
    KT_FAULT_PHASE,       // stereo_correlation; NAN: mono
    KT_FAULTS
} kt_fault_t;
extern const char *const kt_fault_names[KT_FAULTS];
double                   kt_quality_part(kt_fault_t fault, double value);
double                   kt_quality_score(const double parts[KT_FAULTS]);
