#include "node/audio/loudness/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 1024, STRIDE = KT_PEAK_MARGIN + BLOCK };

typedef struct channel {
    kt_kweight_state_t state;
    float              plane[STRIDE];  // the last samples of the block before, then this block's
} channel_t;

struct kt_measure {
    uint32_t                 rate_hz, channels;
    const kt_loudness_ops_t *ops;
    kt_kweight_t             kweight;
    kt_interpolation_t       between;
    size_t                   filled;    // frames of the present block
    uint64_t                 own, end;  // of the range: blocks between them count
    channel_t                channel[];
};

static size_t
measure_bytes(uint32_t channels)
{
    return sizeof(kt_measure_t) + (channels + 1) * sizeof(channel_t);
}

kt_measure_t *
kt_measure_new(const kt_loudness_ops_t *ops, uint32_t rate_hz, uint32_t channels, uint64_t own, uint64_t end)
{
    kt_measure_t *self = calloc(1, measure_bytes(channels));
    if (!self)
        return NULL;
    self->rate_hz  = rate_hz;
    self->channels = channels;
    self->ops      = ops;
    self->own      = own;
    self->end      = end;
    if (rate_hz >= KT_KWEIGHT_MIN_HZ)
        kt_kweight_design(&self->kweight, rate_hz);
    kt_interpolation_design(&self->between, rate_hz);
    return self;
}

kt_measure_t *
kt_measure_copy(const kt_measure_t *self)
{
    const size_t  bytes = measure_bytes(self->channels);
    kt_measure_t *out   = malloc(bytes);
    if (out)
        memcpy(out, self, bytes);
    return out;
}

// Frames [from, to) of the block: two channels side by side, those that do not count left out.
static void
add_energy(kt_measure_t *self, kt_hops_t *hops, size_t from, size_t to)
{
    for (uint32_t c = 0; c < self->channels; c += 2) {
        channel_t         *pair      = &self->channel[c];
        kt_kweight_state_t state[2]  = {pair[0].state, pair[1].state};
        const float       *plane[2]  = {pair[0].plane + KT_PEAK_MARGIN + from, pair[1].plane + KT_PEAK_MARGIN + from};
        double             energy[2] = {0, 0};
        if (hops->channel[c].weight == 0 && hops->channel[c + 1].weight == 0)
            continue;
        self->ops->energy(&self->kweight, state, plane, to - from, energy);
        for (uint32_t i = 0; i < 2; i++) {
            // A filter that rings out in digital silence ends at zero and not in subnormal numbers, which are slow.
            double *value = &state[i].x[0];
            for (size_t k = 0; k < sizeof state[i] / sizeof *value; k++)
                value[k] = fabs(value[k]) < 1e-100 ? 0 : value[k];
            pair[i].state = state[i];
            kt_hops_add(hops, hops->channel[c + i].weight * energy[i]);
        }
    }
}

static void
measure_block(kt_measure_t *self, kt_hops_t *hops)
{
    // The range's own samples begin: what was counted so far belongs to its neighbour; filters and windows stay.
    if (hops->done == self->own)
        kt_hops_clear(hops);
    for (size_t from = 0, to; from < self->filled && self->rate_hz >= KT_KWEIGHT_MIN_HZ; from = to) {
        const uint64_t end = kt_hops_end(hops);
        to                 = end - hops->done < self->filled ? (size_t)(end - hops->done) : self->filled;
        add_energy(self, hops, from, to);
        kt_hops_reach(hops, hops->done + to);
    }
    for (uint32_t c = 0; c < self->channels; c++) {
        channel_t *channel = &self->channel[c];
        self->ops->peaks(&self->between, channel->plane, BLOCK, &hops->channel[c].peaks);
        memcpy(channel->plane, channel->plane + BLOCK, KT_PEAK_MARGIN * sizeof *channel->plane);
    }
    hops->done += self->filled;
    self->filled = 0;
}

void
kt_measure_push(kt_measure_t *self, kt_hops_t *hops, const float *pcm, size_t frames)
{
    for (size_t n; frames > 0 && hops->done < self->end; frames -= n, pcm += n * self->channels) {
        n = BLOCK - self->filled < frames ? BLOCK - self->filled : frames;
        self->ops->planes(pcm, n, self->channels, self->channel[0].plane + KT_PEAK_MARGIN + self->filled,
                          sizeof(channel_t) / sizeof(float));
        self->filled += n;
        if (self->filled == BLOCK)
            measure_block(self, hops);
    }
}

void
kt_measure_end(kt_measure_t *self, kt_hops_t *hops)
{
    for (int i = 0; i < 2; i++) {
        for (uint32_t c = 0; c < self->channels; c++)
            memset(self->channel[c].plane + KT_PEAK_MARGIN + self->filled, 0, (BLOCK - self->filled) * sizeof(float));
        measure_block(self, hops);
    }
}

void
kt_measure_join(kt_measure_t *self, kt_hops_t *hops, const kt_measure_t *before)
{
    if (hops->done == self->own)
        kt_hops_clear(hops);
    self->own = before->own;
}
