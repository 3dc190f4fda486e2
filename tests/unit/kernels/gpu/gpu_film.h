// Pictures with room for their statistics, and threads that put them through a device.
#pragma once

#include "kernels/gpu/gpus.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// Pictures of one size in order of time, and one before them.
typedef struct film {
    kt_device_t      *device;
    uint8_t          *rgb;
    kt_image_span_t   span;
    kt_image_stats_t *stats;
    pthread_t         thread;
} film_t;

static inline film_t
film_new(uint32_t width, uint32_t height, size_t n, uint32_t seed)
{
    const size_t bytes = kt_image_bytes(width, height);
    film_t       self  = {.rgb = calloc(n + 1, bytes), .stats = calloc(n, sizeof *self.stats)};
    self.span          = (kt_image_span_t){self.rgb + bytes, seed % 2 ? self.rgb : NULL, n, width, height, false};
    for (size_t i = 0; i < (n + 1) * bytes; i++) {
        seed        = seed * 1664525u + 1013904223u;
        self.rgb[i] = (uint8_t)(seed >> 24);
    }
    return self;
}

static inline void
film_free(film_t *self)
{
    free(self->rgb);
    free(self->stats);
    kt_device_destroy(&self->device);
}

static inline void
film_run(film_t *self, kt_gpus_t *gpus)
{
    if (!self->device)
        cr_assert_eq(kt_device_gpu(&self->device, gpus, NULL), KT_OK);
    cr_assert_eq(kt_device_images(self->device, &self->span, self->stats), KT_OK);
}

static inline void *
film_thread(void *argument)
{
    film_run(argument, NULL);
    return NULL;
}

// On a thread of its own, on the device that is there.
static inline void
film_start(film_t *self)
{
    cr_assert_eq(pthread_create(&self->thread, NULL, film_thread, self), 0);
}

static inline void
film_join(film_t *self)
{
    cr_assert_eq(pthread_join(self->thread, NULL), 0);
}

// The reference's statistics, to the last bit.
static inline void
film_check(const film_t *self)
{
    const kt_image_span_t *span  = &self->span;
    const size_t           bytes = kt_image_bytes(span->width, span->height);
    for (size_t i = 0; i < span->n; i++) {
        kt_image_stats_t ref;
        kt_image_ops_ref.stats(span->rgb + i * bytes, i ? span->rgb + (i - 1) * bytes : span->before, span->width,
                               span->height, &ref);
        cr_assert_eq(memcmp(&ref, &self->stats[i], sizeof ref), 0, "picture %zu", i);
    }
}
