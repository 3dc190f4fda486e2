// scene_t -- a picture with sharp edges and smooth parts, and what damages it, for tests of measures.
#pragma once

#include "node/video/quality/measures.h"

enum { SCENE_WIDTH = 640, SCENE_HEIGHT = 360 };

typedef struct scene {
    uint8_t at[SCENE_HEIGHT][SCENE_WIDTH];
} scene_t;

void scene_paint(scene_t *self);  // rectangles of many sizes on a gradient, always the same
void scene_blur(scene_t *self, double sigma);
void scene_noise(scene_t *self, double sigma);
void scene_blocks(scene_t *self, int side, int offset, double share);  // towards the mean of each block, 1: all of it
void scene_levels(scene_t *self, int step);
void scene_comb(scene_t *self, int shift);  // odd lines are moved to the right
kt_plane_t scene_plane(const scene_t *self);
