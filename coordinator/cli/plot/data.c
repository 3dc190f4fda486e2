#include "coordinator/cli/plot/plot.h"
#include "kernels/isa.h"
#include "node/audio/perceptual/speakers.h"
#include "node/run/track.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

kt_err_t
kt_columns_init(kt_columns_t *self, kt_reduction_t reduction, size_t width)
{
    *self        = (kt_columns_t){.reduction = reduction, .width = width, .every = 1};
    self->values = malloc(KT_PLOT_COLUMNS * width * sizeof *self->values);
    return self->values ? KT_OK : KT_ENOMEM;
}

static float
merge_values(const kt_columns_t *self, float a, float b)
{
    return self->reduction == KT_REDUCE_MEAN ? a + b : fmaxf(a, b);
}

void
kt_columns_add(kt_columns_t *self, const float *row)
{
    if (self->n == KT_PLOT_COLUMNS && self->in_last == self->every) {
        // Full: merges pairs of columns. From now on a column has twice as many rows.
        for (size_t i = 0; i < KT_PLOT_COLUMNS / 2; i++)
            for (size_t k = 0; k < self->width; k++)
                self->values[i * self->width + k] = merge_values(self, self->values[2 * i * self->width + k],
                                                                 self->values[(2 * i + 1) * self->width + k]);
        self->n = KT_PLOT_COLUMNS / 2;
        self->every *= 2;
        self->in_last = self->every;
    }
    bool fresh = self->n == 0 || self->in_last == self->every;
    self->n += fresh;
    self->in_last = fresh ? 1 : self->in_last + 1;
    self->rows++;
    float *column = self->values + (self->n - 1) * self->width;
    for (size_t k = 0; k < self->width; k++)
        column[k] = fresh ? row[k] : merge_values(self, column[k], row[k]);
}

bool
kt_columns_part(const kt_columns_t *self, size_t index, size_t parts, float *out)
{
    double   each  = (double)self->rows / (double)self->every / (double)parts;  // columns per part
    size_t   first = (size_t)((double)index * each), end = (size_t)ceil((double)(index + 1) * each);
    uint64_t rows = 0;
    end           = end > first ? end : first + 1;
    end           = end < self->n ? end : self->n;
    for (size_t c = first; c < end; c++) {
        for (size_t k = 0; k < self->width; k++)
            out[k] = c == first ? self->values[c * self->width + k]
                                : merge_values(self, out[k], self->values[c * self->width + k]);
        rows += c + 1 == self->n ? self->in_last : self->every;
    }
    for (size_t k = 0; k < self->width && rows && self->reduction == KT_REDUCE_MEAN; k++)
        out[k] /= (float)rows;
    return rows > 0;
}

// Hops of 100 ms; momentary is the mean of 4, short-term of 30 of them (EBU Tech 3341).
enum { BLOCK = 1024, CHANNELS = 64, MOMENTARY = 4, SHORT_TERM = 30, WAVE_MS = 5 };

typedef struct loudness {
    const kt_loudness_ops_t *ops;
    kt_kweight_t             kweight;
    bool                     possible;
    double                   weight[CHANNELS];
    kt_kweight_state_t       state[CHANNELS + 1];
    float                    plane[CHANNELS + 1][BLOCK];
    size_t                   in_hop, hop_frames, hops;
    double                   energy, last[SHORT_TERM];
    size_t                   in_wave, wave_frames;  // of the waveform's row that is being filled
    float                    peak[2], square;
} loudness_t;

static kt_err_t
open_samples(kt_plot_data_t *self, const kt_media_info_t *media_info)
{
    loudness_t *l  = calloc(1, sizeof *l);
    self->loudness = l;
    if (!l || kt_columns_init(&self->peaks, KT_REDUCE_MAX, 2) || kt_columns_init(&self->squares, KT_REDUCE_MEAN, 1) ||
        kt_columns_init(&self->momentary, KT_REDUCE_MEAN, 1) || kt_columns_init(&self->shortly, KT_REDUCE_MEAN, 1))
        return KT_ENOMEM;
    l->ops         = kt_isa(NULL)->loudness;
    l->possible    = media_info->rate_hz >= KT_KWEIGHT_MIN_HZ && media_info->channels <= CHANNELS;
    l->hop_frames  = media_info->rate_hz / 10 ? media_info->rate_hz / 10 : 1;
    l->wave_frames = media_info->rate_hz * WAVE_MS / 1000 ? media_info->rate_hz * WAVE_MS / 1000 : 1;
    if (!self->film) {
        kt_err_t err = kt_plot_band_new(self, media_info->rate_hz);
        if (err)
            return err;
    }
    if (l->possible) {
        kt_kweight_design(&l->kweight, media_info->rate_hz);
        kt_speaker_weights(media_info->layout, media_info->channels, l->weight);
    }
    return KT_OK;
}

static float
mean_of_last(const loudness_t *l, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += l->last[(l->hops - 1 - i) % SHORT_TERM];
    return (float)(sum / (double)n);
}

static void
add_weighted_energy(loudness_t *l, const float *pcm, size_t frames, uint32_t channels)
{
    for (uint32_t c = 0; c < channels; c += 2) {
        double       energy[2] = {0};
        const float *planes[2] = {l->plane[c], l->plane[c + 1]};
        for (size_t i = 0; i < frames; i++) {
            l->plane[c][i]     = pcm[i * channels + c];
            l->plane[c + 1][i] = c + 1 < channels ? pcm[i * channels + c + 1] : 0;
        }
        l->ops->energy(&l->kweight, &l->state[c], planes, frames, energy);
        l->energy += l->weight[c] * energy[0] + (c + 1 < channels ? l->weight[c + 1] * energy[1] : 0);
    }
}

static void
add_wave(kt_plot_data_t *self, loudness_t *l, const float *frame, uint32_t channels)
{
    for (uint32_t c = 0; c < channels; c++) {
        float x    = isfinite(frame[c]) ? frame[c] : 0;
        l->peak[0] = fmaxf(l->peak[0], x);
        l->peak[1] = fmaxf(l->peak[1], -x);
        l->square += x * x / (float)channels;
    }
    if (++l->in_wave < l->wave_frames)
        return;
    l->square /= (float)l->wave_frames;
    kt_columns_add(&self->peaks, l->peak);
    kt_columns_add(&self->squares, &l->square);
    l->peak[0] = l->peak[1] = l->square = 0;
    l->in_wave                          = 0;
}

static void
add_samples(kt_plot_data_t *self, const kt_media_info_t *media_info, const float *pcm, size_t frames)
{
    if (!self->err && !self->loudness)
        self->err = open_samples(self, media_info);
    loudness_t *l = self->loudness;
    for (size_t some; !self->err && frames > 0; frames -= some, pcm += some * media_info->channels) {
        size_t left = l->hop_frames - l->in_hop;
        some        = frames < BLOCK ? frames : BLOCK;
        some        = some < left ? some : left;
        for (size_t i = 0; i < some; i++)
            add_wave(self, l, pcm + i * media_info->channels, media_info->channels);
        if (self->band_state)
            kt_plot_band_add(self, pcm, some, media_info->channels);
        if (!l->possible)
            continue;
        add_weighted_energy(l, pcm, some, media_info->channels);
        if ((l->in_hop += some) < l->hop_frames)
            continue;
        // One row per hop, from the first one on; before the file there is silence.
        l->last[l->hops++ % SHORT_TERM] = l->energy / (double)l->hop_frames;
        l->energy                       = 0;
        l->in_hop                       = 0;
        float momentary                 = mean_of_last(l, l->hops < MOMENTARY ? l->hops : MOMENTARY);
        float shortly                   = mean_of_last(l, l->hops < SHORT_TERM ? l->hops : SHORT_TERM);
        kt_columns_add(&self->momentary, &momentary);
        kt_columns_add(&self->shortly, &shortly);
    }
}

void
kt_plot_chunk(void *context, const kt_media_info_t *media_info, const kt_chunk_t *chunk)
{
    if (chunk->track == KT_TRACK_AUDIO)
        add_samples(context, media_info, chunk->audio.pcm, chunk->audio.frames);
    else
        kt_plot_picture(context, media_info, chunk->picture);
}

static kt_err_t
add_rows(kt_columns_t *columns, const float *rows, size_t frames, size_t width)
{
    if (!columns->values && kt_columns_init(columns, KT_REDUCE_MEAN, width))
        return KT_ENOMEM;
    for (size_t i = 0; i < frames; i++)
        kt_columns_add(columns, rows + i * width);
    return KT_OK;
}

static kt_err_t
add_onset(kt_plot_data_t *self, const float *rows, size_t frames)
{
    if (frames > KT_PLOT_ONSETS - self->n_onset) {
        self->onset_cut = true;
        return KT_OK;
    }
    float *onset = realloc(self->onset, (self->n_onset + frames) * sizeof *onset);
    if (!onset)
        return KT_ENOMEM;
    self->onset = onset;
    memcpy(onset + self->n_onset, rows, frames * sizeof *onset);
    self->n_onset += frames;
    return KT_OK;
}

void
kt_plot_frames(void *context, const char *feature, const float *rows, size_t frames, size_t width)
{
    kt_plot_data_t *self = context;
    if (self->err)
        return;
    if (!strcmp(feature, "chroma"))
        self->err = add_rows(&self->chroma, rows, frames, width);
    else if (!strcmp(feature, "onset_strength"))
        self->err = add_onset(self, rows, frames);
}

void
kt_plot_data_fini(kt_plot_data_t *self)
{
    kt_columns_t *all[] = {&self->peaks, &self->squares, &self->chroma, &self->momentary, &self->shortly};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]->values);
    free(self->onset);
    free(self->loudness);
    kt_plot_band_destroy(self);
    kt_plot_film_fini(self);
    *self = (kt_plot_data_t){0};
}
