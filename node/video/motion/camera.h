// kt_camera -- the movement of the camera behind a field: a similarity, dx = right - turn * y + zoom * x, dy = down +
// turn * x + zoom * y, found as the movement that most of the textured area shares (a vote, then least squares with
// weights that fall with the distance, again and again). Pure; any thread.
#pragma once

#include "node/video/motion/field.h"

// Movement of the content; the camera moves the other way.
typedef struct kt_camera {
    float right, down;  // reduced pixels, in the middle of the picture
    float zoom, turn;   // per pixel of distance from the middle
    float share;        // of the textured area that moves like this
} kt_camera_t;

void kt_camera_fit(const kt_field_t *field, kt_camera_t *out);

static inline void
kt_camera_at(const kt_camera_t *self, const kt_cell_t *cell, float out[2])
{
    out[0] = self->right + self->zoom * cell->x - self->turn * cell->y;
    out[1] = self->down + self->zoom * cell->y + self->turn * cell->x;
}
