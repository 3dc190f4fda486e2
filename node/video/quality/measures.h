// The measures of one picture: functions of a plane of luma, without state. Brightness is in steps of 8 bits of full
// range. NAN: the picture gives no statement. Pure; any thread.
//
// All of them but the crop look at a sample of the lines, so that their time grows with the sides of a picture, not
// with its area.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kt_plane {
    const uint8_t *at;
    uint32_t       width, height;
    size_t         stride;
    double         gain;  // full-range steps per step of a sample: 1, or 255 / 219 of limited range
} kt_plane_t;

// plane.c: the picture without uniform lines at its edges (bars). False: what is left is too small, or nearly uniform,
// so that it shows no defects.
bool kt_plane_crop(const kt_plane_t *whole, kt_plane_t *out);
// Distance of the lines to look at, so that about `lines` of `side` are seen.
size_t kt_plane_step(size_t side, size_t lines);

// Working memory for planes up to a longer side.
typedef struct kt_defect_room {
    uint8_t  *bytes;  // each: [side]
    uint16_t *line;
    uint32_t *sums;
    double   *values;
} kt_defect_room_t;

// edges.c: width of the edges in pixels in the sharper parts of the picture, 1: a step from one pixel to the next.
// noise: kt_defect_noise, or 0. columns: false looks along rows alone (of one field).
double kt_defect_edge_width(const kt_plane_t *plane, double noise, bool columns, kt_defect_room_t *room);

// grid.c: how much larger the steps between pixels are on the best fitting grid of 8 pixels than inside its cells, over
// the latter + 1. rows: false leaves the horizontal lines of the grid out (two fields).
double kt_defect_blockiness(const kt_plane_t *plane, bool rows, kt_defect_room_t *room);

// noise.c: standard deviation of the noise; 0 where what is there looks like texture.
double kt_defect_noise(const kt_plane_t *plane);

// banding.c: mean over the picture of the height of the steps between flat bands of a gradient, 0 outside such bands.
double kt_defect_banding(const kt_plane_t *plane, kt_defect_room_t *room);

// comb.c: share of the pixels in comb patterns of two fields, 0 to 1. noise: as above.
double kt_defect_comb(const kt_plane_t *plane, double noise);
