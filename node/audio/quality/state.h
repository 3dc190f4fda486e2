// The quality module's state (quality.c and pieces.c fill it, report.c reads it).
#pragma once

#include "kernels/audio/power_spectrum.h"
#include "node/audio/modules.h"
#include "node/audio/quality/quality.h"

enum { KT_QUALITY_FRAMES = 16 };  // of a batch of spectra, whose transforms are made side by side

typedef struct kt_quality_channel {
    kt_channel_facts_t facts;
    kt_lowband_t       low;
    float plane[1 + KT_BLOCK_SAMPLES + 1];  // the last sample of the block before, the block, the first of the next
    float window[KT_LOWBAND_WINDOW];
} kt_quality_channel_t;

typedef struct kt_quality {
    uint32_t                rate_hz, channels, used;  // used: at most two
    const kt_samples_ops_t *ops;
    kt_power_spectra_t     *spectra, *low_spectra;  // NULL: not at this rate
    float                  *rows;                   // scratch: powers of a batch, sums of a frame's bands
    uint32_t                n_fft, n_low;
    size_t                  filled;                   // frames of the present block, and the one after it
    uint64_t                own, end;                 // of the range: blocks between them count
    uint64_t                done;                     // frames of the stream before the present block
    uint64_t                first_sound, last_sound;  // frame numbers; first: UINT64_MAX while there is none
    uint64_t                frame;                    // the spectrum that is being gathered
    size_t                  gathered, low_gathered;   // whole frames of the batch; values of the hum's window
    size_t                  tonal;                    // whole frames of the batch, by pieces: those of the tone
    uint32_t                spectra_seen;             // silent ones included
    kt_quality_channel_t    channel[2];
    kt_stereo_t             stereo;
    kt_hum_t                hum;
    kt_noise_t              noise;
    kt_tone_t               tone;
    kt_band_t               band;
    float                   batch[];  // [KT_QUALITY_FRAMES][n_fft]
} kt_quality_t;

// quality.c. The block in the planes, or its first `frames` frames, after which zeros complete the last group.
void kt_quality_add_samples(kt_quality_t *self, size_t frames);
// The present block: of each channel, and the sum of left times right. Values of the low band are in the windows.
void kt_quality_add_block(kt_quality_t *self, const kt_block_t blocks[2], double product);
void kt_quality_end_block(kt_quality_t *self);  // it was a whole one
// A frame but for its powers; bands: of one that sounds. True: kt_tone_add is to have those.
bool kt_quality_add_spectrum(kt_quality_t *self, const kt_spectrum_facts_t *facts, const float *bands);
// Powers of frames of n_fft samples, [frames][n_fft / 2 + 1] into self->rows.
void kt_quality_powers(kt_quality_t *self, const float *samples, size_t frames);

// pieces.c. The piece that follows the stream so far; not together with quality_push.
void kt_quality_add_piece(kt_quality_t *self, const kt_source_piece_t *piece);

// Writes the results into the document, of a stream that has ended and was not silent.
void kt_quality_report(const kt_quality_t *self, kt_document_t *document);
// Null for all features of this module.
void kt_quality_report_nothing(kt_document_t *document, const char *reason);
