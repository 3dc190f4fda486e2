// film_t -- one module of the video track, run on pictures that a test paints.
#pragma once

#include "node/video/modules.h"
#include "node/video/rgb.h"

enum { FILM_WIDTH = 320, FILM_HEIGHT = 180 };

typedef struct film {
    const kt_video_module_t *module;
    void                    *state;
    kt_device_t             *device;
    kt_media_info_t          info;
    kt_video_stream_t        stream;
    kt_shots_t              *shots;
    uint8_t          y[FILM_HEIGHT][FILM_WIDTH], u[FILM_HEIGHT / 2][FILM_WIDTH / 2], v[FILM_HEIGHT / 2][FILM_WIDTH / 2];
    uint8_t          rgb[3 * FILM_WIDTH * FILM_HEIGHT / 4];
    kt_image_stats_t stats;
    kt_video_frame_t frame;                         // members that the test sets hold for the next picture
    json_t          *message;                       // after film_end
    const json_t    *visual, *technical, *methods;  // parts of it
} film_t;

// Limited range, 1280 x 720 coded, grey.
void film_begin(film_t *self, const kt_video_module_t *module);
void film_begin_with(film_t *self, const kt_video_module_t *module, const kt_media_info_t *info);
void film_begin_models(film_t *self, const kt_video_module_t *module, kt_model_set_t *models);  // borrowed
void film_picture(film_t *self, double time_s);  // y, u, v as they are; frame.flags and vectors are cleared after it
void film_end(film_t *self, double end_s);       // visual, technical and methods are set
void film_free(film_t *self);
