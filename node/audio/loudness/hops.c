#include "node/audio/loudness/hops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t
hops_bytes(uint32_t channels)
{
    return sizeof(kt_hops_t) + (channels + 1) * sizeof(((kt_hops_t *)0)->channel[0]);
}

kt_hops_t *
kt_hops_new(uint32_t rate_hz, uint32_t channels, const double *weights, uint64_t from)
{
    kt_hops_t *self = calloc(1, hops_bytes(channels));
    if (!self)
        return NULL;
    self->rate_hz  = rate_hz;
    self->channels = channels;
    self->done     = from;
    self->hops     = rate_hz ? from * 10 / rate_hz : 0;
    self->hop_from = from;
    for (uint32_t c = 0; c < channels; c++)
        self->channel[c].weight = weights[c];
    return self;
}

kt_hops_t *
kt_hops_copy(const kt_hops_t *self)
{
    const size_t bytes = hops_bytes(self->channels);
    kt_hops_t   *out   = malloc(bytes);
    if (out)
        memcpy(out, self, bytes);
    return out;
}

// The last `hops` hops as one window.
static double
hops_energy(const kt_hops_t *self, unsigned hops)
{
    double energy = 0, length = 0;
    for (unsigned back = 1; back <= hops; back++) {
        energy += self->energy[(self->hops - back) % KT_HOPS_SHORT_TERM];
        length += self->length[(self->hops - back) % KT_HOPS_SHORT_TERM];
    }
    return energy / length;
}

static void
close_hop(kt_hops_t *self, uint64_t end)
{
    self->energy[self->hops % KT_HOPS_SHORT_TERM] = self->hop_energy;
    self->length[self->hops % KT_HOPS_SHORT_TERM] = (double)(end - self->hop_from);
    self->hop_energy                              = 0;
    self->hop_from                                = end;
    self->hops++;
    if (self->hops >= KT_HOPS_MOMENTARY)
        kt_gating_add(&self->momentary, hops_energy(self, KT_HOPS_MOMENTARY));
    if (self->hops >= KT_HOPS_SHORT_TERM)
        kt_gating_add(&self->short_term, hops_energy(self, KT_HOPS_SHORT_TERM));
}

void
kt_hops_add(kt_hops_t *self, double energy)
{
    self->hop_energy += energy;
}

uint64_t
kt_hops_end(const kt_hops_t *self)
{
    return (self->hops + 1) * self->rate_hz / 10;
}

void
kt_hops_reach(kt_hops_t *self, uint64_t frame)
{
    if (frame == kt_hops_end(self))
        close_hop(self, frame);
}

static void
add_peaks(kt_peaks_t *self, const kt_peaks_t *other)
{
    self->sample  = fmaxf(self->sample, other->sample);
    self->between = fmaxf(self->between, other->between);
    self->squares += other->squares;
}

void
kt_hops_add_piece(kt_hops_t *self, const kt_source_piece_t *piece)
{
    const uint64_t end    = piece->first + piece->frames;
    const double  *energy = piece->energy;
    for (uint64_t at = piece->first; at < end && self->rate_hz >= KT_KWEIGHT_MIN_HZ; energy += self->channels) {
        const uint64_t next = kt_hops_end(self);
        at                  = next < end ? next : end;
        for (uint32_t c = 0; c < self->channels; c++)
            kt_hops_add(self, self->channel[c].weight * energy[c]);
        kt_hops_reach(self, at);
    }
    for (uint32_t c = 0; c < self->channels; c++)
        add_peaks(&self->channel[c].peaks, &piece->peaks[c]);
    self->done = end;
}

void
kt_hops_clear(kt_hops_t *self)
{
    memset(&self->momentary, 0, sizeof self->momentary);
    memset(&self->short_term, 0, sizeof self->short_term);
    for (uint32_t c = 0; c < self->channels; c++)
        self->channel[c].peaks = (kt_peaks_t){0, 0, 0};
}

void
kt_hops_merge(kt_hops_t *self, const kt_hops_t *before)
{
    kt_gating_merge(&self->momentary, &before->momentary);
    kt_gating_merge(&self->short_term, &before->short_term);
    for (uint32_t c = 0; c < self->channels; c++)
        add_peaks(&self->channel[c].peaks, &before->channel[c].peaks);
}
