#include "node/video/shots/samples.h"

#include <stdlib.h>
#include <string.h>

// Times are rounded to the container's clock.
static const double slack_s = 0.001;

kt_err_t
kt_shot_samples_init(kt_shot_samples_t *self, const kt_shot_size_t *size)
{
    const size_t bytes = kt_shot_picture_bytes_most();
    memset(self, 0, sizeof *self);
    self->size   = *size;
    self->memory = malloc(KT_SHOT_SAMPLES * bytes);
    if (!self->memory)
        return KT_ENOMEM;
    for (size_t p = 0; p < KT_SHOT_SAMPLES; p++)
        kt_shot_picture_init(&self->picture[p], size, self->memory + p * bytes);
    return KT_OK;
}

void
kt_shot_samples_fini(kt_shot_samples_t *self)
{
    free(self->memory);
    self->memory = NULL;
}

void
kt_shot_samples_push(kt_shot_samples_t *self, const kt_shot_picture_t *shown, const kt_shot_size_t *size,
                     const kt_shot_border_t *border, uint64_t index, double time_s)
{
    if (!kt_shot_size_same(&self->size, size)) {
        kt_shot_pictures_refit(self->picture, KT_SHOT_SAMPLES, self->count, &self->size, size, border);
        self->size = *size;
    }
    const kt_shot_picture_t *last = self->count ? kt_shot_sample(self, self->count - 1) : NULL;
    if (last && time_s - last->time_s < 1.0 / KT_SHOT_SAMPLE_HZ - slack_s && kt_shot_flat(shown) == kt_shot_flat(last))
        return;
    kt_shot_picture_t *sample = &self->picture[self->count++ % KT_SHOT_SAMPLES];
    kt_shot_picture_copy(sample, &self->size, shown);
    sample->index  = index;
    sample->time_s = time_s;
}

uint64_t
kt_shot_samples_near(const kt_shot_samples_t *self, double time_s)
{
    uint64_t low = kt_shot_samples_oldest(self), high = self->count - 1;
    while (low < high) {  // the first that is not before
        const uint64_t middle = low + (high - low) / 2;
        if (kt_shot_sample(self, middle)->time_s < time_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low > kt_shot_samples_oldest(self) &&
        time_s - kt_shot_sample(self, low - 1)->time_s < kt_shot_sample(self, low)->time_s - time_s)
        low--;
    return low;
}
