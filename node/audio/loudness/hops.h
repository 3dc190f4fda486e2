// kt_hops -- from energies and peaks to what loudness is written of. Energies behind the K-weighting are summed over
// hops of 100 ms, hop k from sample floor(k * rate / 10); a momentary value is the mean of 4 hops, a short-term value
// of 30, both taken at every hop as FFmpeg does (libebur128 takes the range from one each second). Only full windows
// count. The sums are those of samples on the processor (measure.h), or of a device's pieces.
#pragma once

#include "kernels/audio/source.h"
#include "node/audio/loudness/gating.h"

enum { KT_HOPS_MOMENTARY = 4, KT_HOPS_SHORT_TERM = 30 };

typedef struct kt_hops {
    uint32_t    rate_hz, channels;
    uint64_t    done;      // frames of the stream so far
    uint64_t    hops;      // of the stream that are complete
    uint64_t    hop_from;  // the present hop's first frame
    double      hop_energy;
    double      energy[KT_HOPS_SHORT_TERM], length[KT_HOPS_SHORT_TERM];  // of the last hops, frames
    kt_gating_t momentary, short_term;
    struct {
        double     weight;
        kt_peaks_t peaks;
    } channel[];  // one more than there are, silent: the partner of the last of an odd number
} kt_hops_t;

// Sums of a stream from frame `from` on. weights: of the channels. Both NULL: out of memory. free() ends it.
kt_hops_t *kt_hops_new(uint32_t rate_hz, uint32_t channels, const double *weights, uint64_t from);
kt_hops_t *kt_hops_copy(const kt_hops_t *self);
// Energy of the present hop, of a channel times its weight; then how far the stream is, at most the present hop's end.
void     kt_hops_add(kt_hops_t *self, double energy);
void     kt_hops_reach(kt_hops_t *self, uint64_t frame);
uint64_t kt_hops_end(const kt_hops_t *self);  // of the present hop
// All of a piece; pieces come in order.
void kt_hops_add_piece(kt_hops_t *self, const kt_source_piece_t *piece);
// Drops what was counted so far, and keeps the windows.
void kt_hops_clear(kt_hops_t *self);
// The sums of the part before are added to those of self.
void kt_hops_merge(kt_hops_t *self, const kt_hops_t *before);
